"""Rewritings of an ONNX graph that keep what it computes and suit the way in which ONNX Runtime runs it."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import onnx

#: ONNX Runtime's fast convolutions take input channels in multiples of this; others go a slower way.
_CHANNEL_MULTIPLE = 4
_CHANNELS = 1


def merge_concatenations(graph: "onnx.GraphProto") -> None:
    """Merges a concatenation of channels that only feeds another one into that, which saves a copy."""
    nodes = {node.output[0]: node for node in graph.node if _joins_channels(node)}
    uses = [name for node in graph.node for name in node.input] + [value.name for value in graph.output]
    inner = {name for name in nodes if uses.count(name) == 1}
    merged: set[str] = set()
    for node in graph.node:  # In topological order, so inner ones are flat by the time they are met.
        if _joins_channels(node):
            flat: list[str] = []
            for name in node.input:
                flat += nodes[name].input if name in inner else [name]
                merged |= {name} & inner
            del node.input[:]
            node.input.extend(flat)
    kept = [node for node in graph.node if node.output[0] not in merged]
    del graph.node[:]
    graph.node.extend(kept)


def align_channels(graph: "onnx.GraphProto") -> None:
    """Pads the inputs of convolutions of concatenated channels to a multiple of 4 channels.

    The first channels of the last part are repeated, with weights of 0: no value of theirs reaches the
    result, as long as they are finite.
    """
    from onnx import helper, numpy_helper

    weights = {tensor.name: tensor for tensor in graph.initializer}
    joined = {node.output[0]: node for node in graph.node if _joins_channels(node)}
    uses = [name for node in graph.node for name in node.input]
    additions: list[tuple[onnx.NodeProto, onnx.NodeProto]] = []
    for node in graph.node:
        source = joined.get(node.input[0]) if node.op_type == "Conv" else None
        if source is None or uses.count(node.input[0]) > 1 or uses.count(node.input[1]) > 1:
            continue
        weight = numpy_helper.to_array(weights[node.input[1]])
        missing = -weight.shape[_CHANNELS] % _CHANNEL_MULTIPLE
        if not missing:
            continue
        name = f"{source.output[0]}_filling"
        bounds = [
            numpy_helper.from_array(np.array([value], dtype=np.int64), f"{name}_{what}")
            for what, value in (("first", 0), ("end", missing), ("axis", _CHANNELS))
        ]
        graph.initializer.extend(bounds)
        filling = helper.make_node("Slice", [source.input[-1], *(bound.name for bound in bounds)], [name])
        additions.append((source, filling))
        source.input.append(name)
        padding = ((0, 0), (0, missing), (0, 0), (0, 0))
        weights[node.input[1]].CopyFrom(numpy_helper.from_array(np.pad(weight, padding), node.input[1]))
    for source, filling in additions:
        graph.node.insert(list(graph.node).index(source), filling)


def _joins_channels(node: "onnx.NodeProto") -> bool:
    return node.op_type == "Concat" and node.attribute[0].i == _CHANNELS
