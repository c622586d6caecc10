"""The content and the metadata of the file that ``export onnx`` writes."""

from collections import Counter
from pathlib import Path

import onnx
import pytest
import torch
from torch import nn

from face_alignment_3d.networks.geometry import CascadeGeometry
from face_alignment_3d.networks.presets import PRESETS
from face_alignment_3d.onnx_graphs.metadata import CASCADE_FORMAT, check_metadata
from face_alignment_3d.onnx_graphs.writing import to_onnx
from face_alignment_3d.version import __version__
from face_alignment_3d.weights.integrity import sha256_of
from face_alignment_3d.weights.loading import load_cascade
from face_alignment_3d.weights.store import resolve_weights


@pytest.fixture(scope="module")
def model(lite_graph: Path) -> onnx.ModelProto:
    return onnx.load(lite_graph)


def _signature(values: list[onnx.ValueInfoProto]) -> dict[str, tuple[int, list[object]]]:
    """Name -> element type and dimensions; a dimension of any size is its name."""
    return {
        value.name: (
            value.type.tensor_type.elem_type,
            [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim],
        )
        for value in values
    }


def test_it_is_valid_and_complete(model: onnx.ModelProto, lite_graph: Path) -> None:
    onnx.checker.check_model(model, full_check=True)
    assert [file.name for file in lite_graph.parent.iterdir()] == ["lite.onnx"]


def test_inputs_and_outputs(model: onnx.ModelProto) -> None:
    uint8, float32 = onnx.TensorProto.UINT8, onnx.TensorProto.FLOAT
    assert _signature(list(model.graph.input)) == {"crops": (uint8, ["batch", 128, 128, 3])}
    assert _signature(list(model.graph.output)) == {
        "points": (float32, ["batch", 66, 2]),
        "z": (float32, ["batch", 66]),
        "confidence": (float32, ["batch", 66]),
        "visibility": (float32, ["batch", 66]),
    }


def test_metadata(model: onnx.ModelProto) -> None:
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert metadata["format"] == CASCADE_FORMAT
    assert metadata["preset"] == "lite"
    assert metadata["library_version"] == __version__
    assert metadata["weights_sha256"] == sha256_of(resolve_weights("lite"))
    assert "z away" in metadata["coordinates"]
    assert CascadeGeometry.from_metadata(metadata) == load_cascade(resolve_weights("lite")).geometry


def test_slow_operations_are_gone(model: onnx.ModelProto) -> None:
    operations = Counter(node.op_type for node in model.graph.node)
    assert not {"BatchNormalization", "ScatterND", "Loop", "If"} & set(operations)
    assert operations["Cast"] <= 3  # The bytes in, and the indices of the cells that confidence reads.
    assert operations["Softmax"] == 1


def test_no_trace_of_the_machine_that_made_it(lite_graph: Path) -> None:
    content = lite_graph.read_bytes()
    assert str(Path(__file__).parents[2]).encode() not in content
    assert b"site-packages" not in content


def test_the_same_network_gives_the_same_bytes() -> None:
    layer = nn.Conv2d(3, 4, 3)

    def written() -> bytes:
        return to_onnx(
            layer,
            torch.zeros(2, 3, 5, 5),
            dynamic={0: "batch"},
            inputs=["a"],
            outputs=["b"],
            metadata={"y": "2", "x": "1"},
        )

    assert written() == written()


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({}, "it has None"),
        ({"format": "other"}, "it has 'other'"),
        ({"format": CASCADE_FORMAT, "graph_version": "0"}, "graph version '0' .* make it again"),
    ],
)
def test_other_files_are_refused(metadata: dict[str, str], message: str) -> None:
    from face_alignment_3d.errors import WeightsError

    with pytest.raises(WeightsError, match=rf"a\.onnx .*{message}"):
        check_metadata(metadata, Path("a.onnx"), expected=CASCADE_FORMAT)


@pytest.mark.parametrize("name", list(PRESETS))
def test_geometry_survives_its_metadata(name: str) -> None:
    with torch.device("meta"):
        geometry = PRESETS[name]().geometry
    assert CascadeGeometry.from_metadata(geometry.to_metadata()) == geometry
    with pytest.raises(ValueError, match="'softmax' or 'peak'; got 'argmax'"):
        CascadeGeometry.from_metadata({**geometry.to_metadata(), "decoding": "argmax"})
