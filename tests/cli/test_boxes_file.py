"""Box files are matched to photos by path or name, and a bad line is named."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from face_alignment_3d.cli.boxes_file import BoxesFile
from face_alignment_3d.errors import BoxError


def _file(folder: Path, text: str, name: str = "boxes.csv") -> BoxesFile:
    (folder / name).write_text(text, encoding="utf-8")
    return BoxesFile(folder / name)


@pytest.mark.parametrize("header", ["", "image,x0,y0,x1,y1\n", "\ufeffImage, X0, Y0, X1, Y1\r\n"])
def test_csv(tmp_path: Path, header: str) -> None:
    boxes = _file(tmp_path, header + 'a.jpg,1,2,3.5,4\n\n"b, c.jpg", -1e1 ,2,3,4\na.jpg,5,6,7,8\n')
    found = boxes.of(Path("a.jpg"))
    assert found.dtype == np.float32
    assert found.tolist() == [[1, 2, 3.5, 4], [5, 6, 7, 8]]
    assert boxes.of(Path("b, c.jpg")).tolist() == [[-10, 2, 3, 4]]


def test_json(tmp_path: Path) -> None:
    content = {"a.jpg": [1, 2, 3, 4], "b.jpg": [[1, 2, 3, 4], [5, 6, 7.5, 8]], "c.jpg": []}
    boxes = _file(tmp_path, json.dumps(content), "boxes.json")
    assert boxes.of(Path("a.jpg")).tolist() == [[1, 2, 3, 4]]
    assert boxes.of(Path("b.jpg")).tolist() == [[1, 2, 3, 4], [5, 6, 7.5, 8]]
    assert boxes.of(Path("c.jpg")).shape == (0, 4)


def test_paths_go_before_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lists").mkdir()
    boxes = _file(tmp_path / "lists", "a/x.jpg,1,1,2,2\n../b/x.jpg,3,3,4,4\nc/y.jpg,5,5,6,6\n")
    monkeypatch.chdir(tmp_path)
    assert boxes.of(Path("a/x.jpg")).tolist() == [[1, 1, 2, 2]]
    assert boxes.of(tmp_path / "lists" / "a" / "x.jpg").tolist() == [[1, 1, 2, 2]]
    assert boxes.of(Path("b/x.jpg")).tolist() == [[3, 3, 4, 4]]
    assert boxes.of(Path("elsewhere/y.jpg")).tolist() == [[5, 5, 6, 6]]
    with pytest.raises(BoxError, match=r"several entries .*a/x\.jpg, \.\./b/x\.jpg"):
        boxes.of(Path("elsewhere/x.jpg"))


def test_photo_without_boxes(tmp_path: Path) -> None:
    with pytest.raises(BoxError, match=r"no boxes for q\.jpg in .*boxes\.csv"):
        _file(tmp_path, "a.jpg,1,2,3,4\n").of(Path("q.jpg"))


@pytest.mark.parametrize(
    ("line", "got"),
    [
        ("a.jpg,1,2,3", "a.jpg,1,2,3"),
        ("a.jpg,1,2,3,4,5", "a.jpg,1,2,3,4,5"),
        ("a.jpg,1,2,x,4", "a.jpg,1,2,x,4"),
        ("a.jpg,3,2,1,4", r"a.jpg,3,2,1,4\. If these are x, y, width, height"),
        ("a.jpg,.1,.2,.3,.4", r".*shares of the photo's size.*multiply"),
        ("a.jpg,0,0,1,1", ".*shares of the photo's size"),
        ("a.jpg;1;2;3;4", "a.jpg;1;2;3;4"),
        ("a.jpg,1,2,nan,4", "nan"),
        ("a.jpg,1,2,inf,4", "inf"),
        ("image,x0,y0,x1,y1", "image,x0"),
        ("just text", "just text"),
    ],
)
def test_bad_csv_line(tmp_path: Path, line: str, got: str) -> None:
    with pytest.raises(BoxError, match=rf"boxes\.csv, line 3: expected image,x0,y0,x1,y1 .*got .*{got}"):
        _file(tmp_path, f"image,x0,y0,x1,y1\na.jpg,1,2,3,4\n{line}\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": [1,\n2,}', r"boxes\.json, line 2: not JSON"),
        ("[]", "top level: expected an object"),
        ('{"a.jpg": [1, 2, 3]}', r"'a\.jpg': expected"),
        ('{"a.jpg": [[1, 2, 3, "4"]]}', r"'a\.jpg': expected"),
        ('{"a.jpg": [[4, 2, 3, 5]]}', "x0 < x1"),
        ('{"a.jpg": [[true, 2, 3, 5]]}', "got"),
        ('{"a.jpg": {"x0": 1}}', "got"),
        ('{"a.jpg": null}', "got None"),
        ('{"a.jpg": [0.1, 0.2, 0.3, 0.4]}', "shares of the photo's size"),
        ('{"a.jpg": [[1, 2, 3, 4], [0.1, 0.2, 0.3, 0.4]]}', "shares of the photo's size"),
        ('{"a.jpg": [10, 20, 5, 5]}', "x, y, width, height"),
    ],
)
def test_bad_json(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BoxError, match=message):
        _file(tmp_path, text, "boxes.json")


def test_unreadable(tmp_path: Path) -> None:
    with pytest.raises(BoxError, match=r"cannot read the boxes in .*nowhere\.csv"):
        BoxesFile(tmp_path / "nowhere.csv")
    (tmp_path / "x.csv").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(BoxError, match=r"cannot read .*save it as UTF-8"):
        BoxesFile(tmp_path / "x.csv")


def test_letters_may_be_composed_or_not(tmp_path: Path) -> None:
    boxes = _file(tmp_path, "caf\u00e9.jpg,1,2,3,4\n")
    assert boxes.of(Path("photos/cafe\u0301.jpg")).tolist() == [[1, 2, 3, 4]]


def test_a_box_one_pixel_wide_somewhere_in_the_photo_is_in_pixels(tmp_path: Path) -> None:
    assert _file(tmp_path, "a.jpg,0.5,0.5,1.5,2\n").of(Path("a.jpg")).tolist() == [[0.5, 0.5, 1.5, 2]]


def test_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    boxes = _file(tmp_path, '{"caf\\udce9.jpg": [1, 2, 3, 4]}', "boxes.json")
    assert boxes.of(Path(os.fsdecode(b"caf\xe9.jpg"))).tolist() == [[1, 2, 3, 4]]
