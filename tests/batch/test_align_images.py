"""An aligner as a step of a pipeline, without Ray."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from face_alignment_3d.batch import AlignImages
from face_alignment_3d.batch.schema import FACE_STRUCT
from face_alignment_3d.errors import BatchError
from face_alignment_3d.images import as_rgb
from tests.batch.conftest import picture
from tests.batch.stub_aligner import StubSource


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    files = [picture(tmp_path / f"{width}.png", width=width) for width in (5, 15, 25)]
    (tmp_path / "bad.png").write_text("no picture")
    return [*files, tmp_path / "bad.png"]


def column(values: list[Any]) -> np.ndarray:
    found = np.empty(len(values), object)
    found[:] = values
    return found


@pytest.mark.parametrize("kind", ["image", "bytes", "path"])
def test_faces_beside_the_other_columns(files: list[Path], kind: str) -> None:
    paths = np.array([str(file) for file in files])
    batch: dict[str, np.ndarray] = {"path": paths, "label": np.arange(4)}
    if kind == "image":
        batch["image"] = column([*(as_rgb(file) for file in files[:3]), np.zeros((3, 0, 3), np.uint8)])
    elif kind == "bytes":
        batch["bytes"] = column([file.read_bytes() for file in files])
    table = AlignImages(StubSource())(batch)
    assert table.schema.names == ["path", "label", "faces", "error"]
    assert table.schema.field("faces").type == pa.list_(FACE_STRUCT)
    assert table["label"].to_pylist() == [0, 1, 2, 3]
    assert [len(faces) for faces in table["faces"].to_pylist()] == [0, 1, 2, 0]
    errors = table["error"].to_pylist()
    assert errors[:3] == [None] * 3
    assert ("expected an image" if kind == "image" else "bad.png") in errors[3]
    face = table["faces"][1][0].as_py()
    expected = StubSource().open(threads=1).detect(as_rgb(files[1]))[0]
    np.testing.assert_array_equal(np.reshape(face["landmarks"], (66, 3)), expected.landmarks)


def test_a_batch_without_images() -> None:
    with pytest.raises(BatchError, match="expected a column image, bytes, path; got label"):
        AlignImages(StubSource())({"label": np.arange(3)})
