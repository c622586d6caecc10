"""The choice of an aligner: what identifies it, and what it refuses."""

import hashlib
import pickle
from pathlib import Path

import pytest

from face_alignment_3d.batch import AlignerOptions
from face_alignment_3d.errors import WeightsError
from face_alignment_3d.weights.manifest import load_manifest


def test_weights_of_the_manifest_are_known_by_their_sha256() -> None:
    identity = AlignerOptions(backend="onnx").identity()
    assert identity["weights"] == "lite"
    assert identity["weights_sha256"] == load_manifest()["lite"].sha256
    assert identity["backend"] == "onnx"


def test_a_file_of_ones_own_from_every_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.onnx").write_bytes(b"a graph")
    monkeypatch.chdir(tmp_path)
    options = pickle.loads(pickle.dumps(AlignerOptions("mine.onnx")))
    monkeypatch.chdir("/")
    assert options.identity()["weights"] == "mine.onnx"
    assert options.identity()["weights_sha256"] == hashlib.sha256(b"a graph").hexdigest()


def test_what_changes_rows_changes_the_identity_and_nothing_else_does() -> None:
    identity = AlignerOptions(backend="onnx").identity()
    for change in (
        {"min_confidence": 0.2},
        {"min_face": 20},
        {"blendshapes": True},
        {"detector": "centerface"},
    ):
        assert AlignerOptions(**{"backend": "onnx", **change}).identity() != identity
    for change in ({"device": "cpu"}, {"offline": True}):
        assert AlignerOptions(**{"backend": "onnx", **change}).identity() == identity


def test_weights_that_are_not_there() -> None:
    with pytest.raises(WeightsError, match=r"there is no weight file .*nowhere\.onnx"):
        AlignerOptions("nowhere.onnx").identity()
    with pytest.raises(WeightsError, match="must be a name in the manifest"):
        AlignerOptions("nowhere").identity()
