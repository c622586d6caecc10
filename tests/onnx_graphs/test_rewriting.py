"""Rewritten graphs compute what the graphs before them did."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from face_alignment_3d.onnx_graphs.rewriting import align_channels, merge_concatenations


def _model() -> onnx.ModelProto:
    """relu(a) | sigmoid(b) | c into a convolution of 2 + 3 + 2 channels, through two concatenations."""
    rng = np.random.default_rng(0)
    weight = numpy_helper.from_array(rng.normal(size=(4, 7, 3, 3)).astype(np.float32), "weight")
    nodes = [
        helper.make_node("Relu", ["a"], ["r"]),
        helper.make_node("Sigmoid", ["b"], ["s"]),
        helper.make_node("Concat", ["s", "c"], ["inner"], axis=1),
        helper.make_node("Concat", ["r", "inner"], ["outer"], axis=1),
        helper.make_node("Conv", ["outer", "weight"], ["y"], pads=[1, 1, 1, 1]),
    ]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", channels, 6, 5])
        for name, channels in (("a", 2), ("b", 3), ("c", 2))
    ]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 4, 6, 5])]
    graph = helper.make_graph(nodes, "test", inputs, outputs, [weight])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def _run(model: onnx.ModelProto) -> np.ndarray:
    onnx.checker.check_model(model, full_check=True)
    rng = np.random.default_rng(1)
    feeds = {
        name: rng.normal(size=(2, channels, 6, 5)).astype(np.float32)
        for name, channels in (("a", 2), ("b", 3), ("c", 2))
    }
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return np.asarray(session.run(None, feeds)[0])


def _inputs_of(model: onnx.ModelProto, operation: str) -> list[list[str]]:
    return [list(node.input) for node in model.graph.node if node.op_type == operation]


def test_nested_concatenations_become_one() -> None:
    model = _model()
    expected = _run(model)
    merge_concatenations(model.graph)
    assert _inputs_of(model, "Concat") == [["r", "s", "c"]]
    np.testing.assert_array_equal(_run(model), expected)


def test_a_concatenation_that_is_used_twice_stays() -> None:
    model = _model()
    model.graph.output.append(helper.make_tensor_value_info("inner", TensorProto.FLOAT, ["batch", 5, 6, 5]))
    merge_concatenations(model.graph)
    assert len(_inputs_of(model, "Concat")) == 2


@pytest.mark.parametrize("merged", [False, True])
def test_channels_are_filled_up_without_effect(merged: bool) -> None:
    model = _model()
    expected = _run(model)
    if merged:
        merge_concatenations(model.graph)
    align_channels(model.graph)
    (weight,) = (t for t in model.graph.initializer if t.name == "weight")
    assert list(weight.dims) == [4, 8, 3, 3]
    np.testing.assert_allclose(_run(model), expected, atol=1e-6)
    nodes = len(model.graph.node)
    align_channels(model.graph)
    assert len(model.graph.node) == nodes  # Nothing is left to do.
