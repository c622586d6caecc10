"""Face boxes from a CSV or JSON file."""

import csv
import json
import os
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np
import numpy.typing as npt

from face_alignment_3d.boxes import FARTHEST
from face_alignment_3d.errors import BoxError

_HEADER: Final = ["image", "x0", "y0", "x1", "y1"]


class BoxesFile:
    """The boxes of many photos, by their paths or file names."""

    def __init__(self, file: Path) -> None:
        """Reads ``file``.

        CSV: ``image,x0,y0,x1,y1``, one line a face, with or without that line as header. JSON (ending .json):
        an object of photo -> [x0, y0, x1, y1] or a list of such. Boxes are in image pixels; a box inside [0,
        1] is refused, since its numbers must be fractions of the photo's size. Raises :class:`BoxError`,
        which names the file and the line, for anything else.
        """
        self._file = file
        try:
            text = file.read_text(encoding="utf-8-sig")
        except OSError as error:
            raise BoxError(f"cannot read the boxes in {file}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise BoxError(f"cannot read the boxes in {file}: {error}; save it as UTF-8") from error
        self._boxes = self._parse_json(text) if file.suffix.lower() == ".json" else self._parse_csv(text)

    def of(self, photo: Path) -> npt.NDArray[np.float32]:
        """(F, 4) x0, y0, x1, y1 of ``photo``.

        Matched by path first, from here or from the file's folder, then by file name. Raises
        :class:`BoxError` when no entry matches, or several do.
        """
        keys = self._by_path.get(os.path.realpath(photo)) or self._by_name.get(_name(photo)) or []
        if not keys:
            raise BoxError(f"no boxes for {photo} in {self._file}; add them, or leave the photo out")
        if len(keys) > 1:
            listed = ", ".join(keys)
            raise BoxError(
                f"several entries in {self._file} could be {photo} ({listed}); write its path there"
            )
        return np.array(self._boxes[keys[0]], np.float32).reshape(-1, 4)

    @cached_property
    def _by_path(self) -> dict[str, list[str]]:
        keys: defaultdict[str, list[str]] = defaultdict(list)
        for key in self._boxes:
            for path in {os.path.realpath(key), os.path.realpath(self._file.parent / key)}:
                keys[path].append(key)
        return dict(keys)

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        keys: defaultdict[str, list[str]] = defaultdict(list)
        for key in self._boxes:
            keys[_name(key)].append(key)
        return dict(keys)

    def _parse_csv(self, text: str) -> dict[str, list[list[float]]]:
        boxes: defaultdict[str, list[list[float]]] = defaultdict(list)
        reader = csv.reader(text.splitlines())
        try:
            rows = [(reader.line_num, row) for row in reader]
        except csv.Error as error:
            raise BoxError(f"{self._file}, line {reader.line_num}: not CSV: {error}") from error
        for line, row in rows:
            cells = [cell.strip() for cell in row]
            if not any(cells) or (not boxes and [cell.lower() for cell in cells] == _HEADER):
                continue
            try:
                image, *numbers = cells
                box = [float(number) for number in numbers]
            except ValueError:
                box = []
            if not _is_box(box):
                self._refuse(f"line {line}", "image,x0,y0,x1,y1", ",".join(row), box)
            self._require_name(image, f"line {line}")
            boxes[image].append(box)
        return dict(boxes)

    def _parse_json(self, text: str) -> dict[str, list[list[float]]]:
        try:
            content = json.loads(text)
        except json.JSONDecodeError as error:
            raise BoxError(f"{self._file}, line {error.lineno}: not JSON: {error.msg}") from error
        except (ValueError, RecursionError) as error:  # Numbers of thousands of digits; brackets in brackets.
            raise BoxError(f"{self._file}: JSON that cannot be read: {error}; write it anew") from error
        if not isinstance(content, dict):
            raise BoxError(
                f"{self._file}, top level: expected an object of photo -> boxes; got {type(content).__name__}"
            )
        boxes = {}
        for image, value in content.items():
            several = [value] if _is_box(value) else value
            if not isinstance(several, list) or not all(map(_is_box, several)):
                wrong = [box for box in several if not _is_box(box)] if isinstance(several, list) else []
                wrong = [value] if _is_four_numbers(value) else wrong
                self._refuse(
                    _short(repr(image)), "[x0, y0, x1, y1] or a list of such", repr(value), *wrong[:1]
                )
            self._require_name(image, "a name")
            boxes[image] = several
        return boxes

    def _require_name(self, image: str, where: str) -> None:
        """Raises :class:`BoxError` for what no file can be called."""
        try:
            possible = b"\0" not in os.fsencode(image)
        except UnicodeEncodeError:
            possible = False
        if not possible:
            raise BoxError(
                f"{self._file}, {where}: expected a photo's path or name; got {_short(repr(image))}, which "
                "no file can have"
            )

    def _refuse(self, where: str, expected: str, got: str, box: Any = None) -> NoReturn:
        got = _short(got)
        raise BoxError(f"{self._file}, {where}: expected {expected} with {_RULE}; got {got}{_hint(box)}")


_RULE: Final = "x0 < x1 and y0 < y1, in pixels"
#: Letters of a bad entry that a message shows.
_SHOWN: Final = 200


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... ({len(text)} letters)"


def _name(path: str | Path) -> str:
    """The file name in Unicode's composed form (NFC): systems differ in the form that they return."""
    return unicodedata.normalize("NFC", Path(path).name)


def _is_box(value: Any) -> bool:
    if not _is_four_numbers(value) or _is_share(value):
        return False
    x0, y0, x1, y1 = value
    return bool(x0 < x1 and y0 < y1)


def _is_four_numbers(value: Any) -> bool:
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 4:
        return False
    return all(type(number) in (int, float) and abs(number) <= FARTHEST for number in value)


def _is_share(box: Sequence[float]) -> bool:
    """True if the numbers must be fractions of width and height: such a box has one pixel at most."""
    return all(0 <= number <= 1 for number in box)


def _hint(box: Any) -> str:
    if not _is_four_numbers(box):
        return ""
    if _is_share(box):
        return ". These are shares of the photo's size, 0..1: multiply x by its width and y by its height"
    return ". If these are x, y, width, height, write x, y, x + width, y + height"
