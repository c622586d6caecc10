"""The detector in ONNX Runtime finds the same faces as in torch."""

import copy
import pickle
from pathlib import Path

import numpy as np
import pytest
import skimage.data

from face_alignment_3d.detection.mtcnn import MTCNNDetector
from face_alignment_3d.detection.mtcnn_onnx import OnnxNetworks, kept_graph
from face_alignment_3d.detection.mtcnn_stages import GRAPH_FILE_NAMES
from face_alignment_3d.errors import BackendError, WeightsError


@pytest.fixture(scope="module")
def in_onnx(detector_graphs_folder: Path) -> MTCNNDetector:
    return MTCNNDetector(backend="onnx", graphs=detector_graphs_folder, threads=1)


@pytest.mark.parametrize("quarter_turns", [0, 1])
def test_both_find_the_same(in_onnx: MTCNNDetector, quarter_turns: int) -> None:
    photo = np.ascontiguousarray(np.rot90(skimage.data.astronaut(), quarter_turns))
    expected, found = MTCNNDetector().detect(photo), in_onnx.detect(photo)
    assert len(found) == len(expected) >= 1
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.box, other.box, atol=0.01)
        assert one.score == pytest.approx(other.score, abs=1e-4)
        assert one.roll == other.roll


@pytest.mark.parametrize("shape", [(1, 1), (11, 400), (12, 12), (13, 300)])
def test_tiny_images(in_onnx: MTCNNDetector, shape: tuple[int, int]) -> None:
    assert in_onnx.detect(np.full((*shape, 3), 127, np.uint8)) == []


def test_what_is_not_there_or_not_meant_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"no ONNX file .*mtcnn-proposal\.onnx"):
        MTCNNDetector(backend="onnx", graphs=tmp_path)
    with pytest.raises(BackendError, match="backend must be 'torch' or 'onnx'; got 'tvm'"):
        MTCNNDetector(backend="tvm")  # type: ignore[arg-type]
    with pytest.raises(BackendError, match="graphs and threads are for backend 'onnx'"):
        MTCNNDetector(threads=2)


def test_nothing_is_loaded_before_the_first_use(tmp_path: Path) -> None:
    for name in ("proposal", "refinement", "output"):
        (tmp_path / f"mtcnn-{name}.onnx").write_bytes(b"nothing of use")
    detector = MTCNNDetector(backend="onnx", graphs=tmp_path)
    for use in (detector.load, lambda: detector.detect(np.zeros((40, 40, 3), np.uint8))):
        with pytest.raises(WeightsError, match="cannot load"):
            use()


def test_a_pickle_holds_arguments_not_networks(in_onnx: MTCNNDetector, detector_graphs_folder: Path) -> None:
    photo = np.asarray(skimage.data.astronaut())
    expected = [detection.box for detection in in_onnx.detect(photo)]
    pickled = pickle.dumps(in_onnx)
    assert len(pickled) < 3000
    for twin in (pickle.loads(pickled), copy.deepcopy(in_onnx)):
        np.testing.assert_array_equal([detection.box for detection in twin.detect(photo)], expected)


def test_a_graph_is_made_once_and_only_where_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACE_ALIGNMENT_3D_HOME", str(tmp_path))
    made = []

    def graph(name: str) -> bytes:
        made.append(name)
        return name.encode()

    monkeypatch.setattr("face_alignment_3d.detection.mtcnn_graphs.detector_graph", graph)
    name = GRAPH_FILE_NAMES["output"]
    file = kept_graph(name)
    assert isinstance(file, Path)
    assert kept_graph(name) == file
    assert file.name == name
    assert file.read_bytes() == name.encode()
    assert made == [name]


def test_the_referee_needs_no_proposals(detector_graphs_folder: Path, tmp_path: Path) -> None:
    for stage in ("refinement", "output"):
        name = GRAPH_FILE_NAMES[stage]
        (tmp_path / name).write_bytes((detector_graphs_folder / name).read_bytes())
    networks = OnnxNetworks(tmp_path.joinpath, threads=1)
    assert networks.refine(np.zeros((2, 24, 24, 3), np.float32))[1].shape == (2,)
    assert networks.output(np.zeros((2, 48, 48, 3), np.float32))[1].shape == (2,)
    with pytest.raises(WeightsError, match=GRAPH_FILE_NAMES["proposal"]):
        networks.propose(np.zeros((40, 40, 3), np.uint8))
    MTCNNDetector(backend="onnx", graphs=detector_graphs_folder).load_referee()
