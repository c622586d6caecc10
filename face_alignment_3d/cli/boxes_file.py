"""Face boxes from a CSV or JSON file."""

import csv
import json
import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np
import numpy.typing as npt

from face_alignment_3d.errors import BoxError

_HEADER: Final = ["image", "x0", "y0", "x1", "y1"]


class BoxesFile:
    """The boxes of many photos, by their paths or file names."""

    def __init__(self, file: Path) -> None:
        """Reads ``file``.

        CSV: ``image,x0,y0,x1,y1``, one line a face, with or without that line as header. JSON (ending .json):
        an object of photo -> [x0, y0, x1, y1] or a list of such. Raises :class:`BoxError`, which names the
        file and the line, for anything else.
        """
        self._file = file
        try:
            text = file.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise BoxError(f"cannot read the boxes in {file}: {error}") from error
        self._boxes = self._parse_json(text) if file.suffix.lower() == ".json" else self._parse_csv(text)

    def of(self, photo: Path) -> npt.NDArray[np.float32]:
        """(F, 4) x0, y0, x1, y1 of ``photo``.

        Matched by path first, from here or from the file's folder, then by file name. Raises
        :class:`BoxError` when no entry matches, or several do.
        """
        keys = [key for key in self._boxes if self._is_path_of(key, photo)]
        keys = keys or [key for key in self._boxes if Path(key).name == photo.name]
        if not keys:
            raise BoxError(f"no boxes for {photo} in {self._file}; add them, or leave the photo out")
        if len(keys) > 1:
            listed = ", ".join(keys)
            raise BoxError(
                f"several entries in {self._file} could be {photo} ({listed}); write its path there"
            )
        return np.array(self._boxes[keys[0]], np.float32).reshape(-1, 4)

    def _is_path_of(self, key: str, photo: Path) -> bool:
        return photo.resolve() in (Path(key).resolve(), (self._file.parent / key).resolve())

    def _parse_csv(self, text: str) -> dict[str, list[list[float]]]:
        boxes: defaultdict[str, list[list[float]]] = defaultdict(list)
        reader = csv.reader(text.splitlines())
        for row in reader:
            cells = [cell.strip() for cell in row]
            if not any(cells) or (not boxes and [cell.lower() for cell in cells] == _HEADER):
                continue
            try:
                image, *numbers = cells
                box = [float(number) for number in numbers]
            except ValueError:
                box = []
            if not _is_box(box):
                self._refuse(f"line {reader.line_num}", f"image,x0,y0,x1,y1 with {_RULE}", ",".join(row))
            boxes[image].append(box)
        return dict(boxes)

    def _parse_json(self, text: str) -> dict[str, list[list[float]]]:
        try:
            content = json.loads(text)
        except json.JSONDecodeError as error:
            raise BoxError(f"{self._file}, line {error.lineno}: not JSON: {error.msg}") from error
        if not isinstance(content, dict):
            self._refuse("top level", "an object of photo -> boxes", type(content).__name__)
        boxes = {}
        for image, value in content.items():
            several = [value] if _is_box(value) else value
            if not isinstance(several, list) or not all(map(_is_box, several)):
                self._refuse(repr(image), f"[x0, y0, x1, y1] or a list of such, with {_RULE}", repr(value))
            boxes[image] = several
        return boxes

    def _refuse(self, where: str, expected: str, got: str) -> NoReturn:
        raise BoxError(f"{self._file}, {where}: expected {expected}; got {got}")


_RULE: Final = "x0 < x1 and y0 < y1, in pixels"


def _is_box(value: Any) -> bool:
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 4:
        return False
    if not all(type(number) in (int, float) and math.isfinite(number) for number in value):
        return False
    x0, y0, x1, y1 = value
    return bool(x0 < x1 and y0 < y1)
