"""``face-alignment-3d align``: landmarks of photos, as files of many formats and as pictures."""

import argparse
import os
import signal
import sys
import tempfile
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from face_alignment_3d.cli.aligner_options import add_aligner_options, make_aligner
from face_alignment_3d.cli.photos import DRAWING_ENDING, Photo, find_photos
from face_alignment_3d.cli.result_files import (
    FORMATS,
    PHOTO_FORMATS,
    TABLE_FORMATS,
    result_file,
    write_photo,
    write_table,
)
from face_alignment_3d.cli.view import VIEW_ENDING
from face_alignment_3d.errors import FaceAlignmentError, ImageError, ImageRangeWarning
from face_alignment_3d.interruption import StopRequests

# Torch and all that needs it is imported only when there is work: --help is to be quick.
if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from face_alignment_3d import FaceAligner3D
    from face_alignment_3d.cli.boxes_file import BoxesFile
    from face_alignment_3d.export import PhotoFaces

    _Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_parser(subparsers: "_Subparsers") -> None:
    """Adds ``align``."""
    parser = subparsers.add_parser(
        "align",
        help="find the landmarks of photos",
        description="Finds the faces of photos and their 66 3D landmarks. Writes <photo>.json and "
        f"<photo>{DRAWING_ENDING} when no format is chosen.",
        epilog="Ctrl-C ends the work early: results and tables hold what was done until then. Exit code: 0; "
        "1 when something failed (the other photos are done); 2 when none could be tried; 130 on Ctrl-C.",
    )
    parser.add_argument(
        "photos",
        nargs="+",
        metavar="PHOTO",
        help="a file, a folder that is searched to the bottom, or a glob pattern",
    )
    parser.add_argument(
        "-o", "--output", type=Path, default=Path(), metavar="DIR", help="the folder of the results (.)"
    )
    parser.add_argument("--json", action="store_true", help="the same as --export json: <photo>.json")
    parser.add_argument(
        "--csv",
        action="store_true",
        help="the same as --export csv: landmarks.csv, with a line for each face",
    )
    parser.add_argument(
        "--export",
        action="append",
        choices=FORMATS,
        default=[],
        metavar="FORMAT",
        help=f"write {', '.join(FORMATS[:-1])} or {FORMATS[-1]}; may be given several times",
    )
    parser.add_argument(
        "--markup",
        choices=("66", "68"),
        help="number of points in npz, obj and ply (default: 66) and in pts (default: 68); with 68, the "
        "inner mouth corners are derived",
    )
    parser.add_argument(
        "--view", action="store_true", help=f"write <photo>{VIEW_ENDING}: photo and 3D view, for a browser"
    )
    parser.add_argument("--draw", action="store_true", help=f"write <photo>{DRAWING_ENDING}")
    parser.add_argument(
        "--boxes",
        type=Path,
        metavar="FILE",
        help="read face boxes from FILE instead of detecting faces: CSV image,x0,y0,x1,y1 or "
        "JSON {image: [[x0,y0,x1,y1]]}, in pixels",
    )
    add_aligner_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Aligns each photo and writes what was asked for; 1 when some failed, 128 + the signal when stopped."""
    formats = _formats(args)
    if not (formats or args.draw or args.view):
        formats, args.draw = ["json"], True
    photos = find_photos(args.photos)
    boxes = _read_boxes(args.boxes)
    inputs = [photo.path for photo in photos] + ([] if args.boxes is None else [args.boxes])
    sources = {identity for path in inputs if (identity := _identity(path))}
    tables = {kind: args.output / TABLE_FORMATS[kind] for kind in formats if kind in TABLE_FORMATS}
    _refuse_replacing(tables.values(), sources)
    aligner = make_aligner(args)
    _require_writable(args.output)
    done = _Done()
    stopped_by = 0
    with StopRequests() as stop:
        try:
            for photo in tqdm(photos, unit="photo", file=sys.stderr, disable=None if sys.stderr else True):
                if stop.received:
                    break
                done.tried += 1
                try:
                    targets = _targets(photo, formats, args, sources)
                    image, faces = _align(photo, aligner, boxes)
                    done.add(faces, keep=bool(tables))
                    _write(image, faces, targets, done.written, markup=args.markup)
                # Whatever one photo raises, out of memory or a fault of ours, need not happen to the next.
                except Exception as error:
                    done.failed += 1
                    _say(f"error: {_naming(photo, error)}")
        except KeyboardInterrupt:  # The second Ctrl-C.
            stopped_by = signal.SIGINT
        stopped_by = stopped_by or stop.received
        for kind, table in tables.items():
            try:
                write_table(kind, table, done.for_tables, blendshapes=args.blendshapes)
                done.written.append(table)
            except OSError as error:
                done.failed_tables += 1
                _say(f"error: {error}")
    code = 128 + stopped_by if stopped_by else int(done.failed + done.failed_tables > 0)
    try:
        print(_summary(done, len(photos), args.output))
    except BrokenPipeError:
        raise
    except OSError as error:  # The disk that stdout is sent to is full, say. The work is done all the same.
        _say(f"error: cannot print what was done: {error}")
        code = code or 1
    return code


@dataclass
class _Done:
    """The progress of the work, for the summary at its end."""

    tried: int = 0
    failed: int = 0
    failed_tables: int = 0
    faces: int = 0
    faceless: int = 0
    """Photos without a face."""
    written: list[Path] = field(default_factory=list)
    for_tables: "list[PhotoFaces]" = field(default_factory=list)
    """The faces of all photos; kept only where tables are written, since they take much memory."""

    def add(self, photo: "PhotoFaces", *, keep: bool) -> None:
        self.faces += len(photo.faces)
        self.faceless += not photo.faces
        self.for_tables += [photo] if keep else []


def _formats(args: argparse.Namespace) -> list[str]:
    """The formats of --export, --json and --csv, once each."""
    asked = {*args.export, *(kind for kind in ("json", "csv") if getattr(args, kind))}
    return [kind for kind in FORMATS if kind in asked]


def _read_boxes(file: Path | None) -> "BoxesFile | None":
    from face_alignment_3d.cli.boxes_file import BoxesFile

    return None if file is None else BoxesFile(file)


def _require_writable(folder: Path) -> None:
    """Makes ``folder``; raises FaceAlignmentError where nothing can be written to it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        is_file = isinstance(error, (FileExistsError, NotADirectoryError))
        reason = "it is a file" if is_file else error.strerror
        raise FaceAlignmentError(
            f"cannot write to the folder {folder}: {reason}; choose another with -o"
        ) from error


def _identity(path: Path) -> tuple[int, int] | None:
    """A value that is equal for two paths of one file, in whatever spelling; None where there is no file."""
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _refuse_replacing(targets: Iterable[Path], sources: set[tuple[int, int]]) -> None:
    for target in targets:
        if _identity(target) in sources:
            raise FaceAlignmentError(
                f"the result {target} would replace a photo or the boxes; choose another folder with -o"
            )


def _targets(
    photo: Photo, formats: Sequence[str], args: argparse.Namespace, sources: set[tuple[int, int]]
) -> dict[str, Path]:
    """The kinds of result, each with its file."""
    endings = {kind: PHOTO_FORMATS[kind] for kind in formats if kind in PHOTO_FORMATS}
    if args.draw:
        endings["draw"] = DRAWING_ENDING
    if args.view:
        endings["view"] = VIEW_ENDING
    targets = {kind: result_file(args.output, photo.name, ending) for kind, ending in endings.items()}
    _refuse_replacing(targets.values(), sources)
    return targets


def _align(
    photo: Photo, aligner: "FaceAligner3D", boxes: "BoxesFile | None"
) -> "tuple[npt.NDArray[np.uint8], PhotoFaces]":
    """The photo as RGB (H, W, 3) and its faces."""
    from face_alignment_3d.export import PhotoFaces
    from face_alignment_3d.images import as_rgb

    if photo.problem is not None:
        raise ImageError(photo.problem)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always", ImageRangeWarning)
        image = as_rgb(photo.path)
    for warning in heard:
        _say(f"warning: {photo.path}: {warning.message}")
    faces = aligner.detect(image, boxes=None if boxes is None else boxes.of(photo.path))
    return image, PhotoFaces(str(photo.path), image.shape[0], image.shape[1], faces)


def _write(
    image: "npt.NDArray[np.uint8]",
    result: "PhotoFaces",
    targets: dict[str, Path],
    written: list[Path],
    *,
    markup: str | None,
) -> None:
    """Writes the photo's files and adds each to ``written`` when it is there."""
    from face_alignment_3d.draw import draw_landmarks
    from face_alignment_3d.export import write_png
    from face_alignment_3d.view import photo_page

    for kind, target in targets.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        if kind == "draw":
            write_png(target, draw_landmarks(image, result.faces, legend=True))
            written.append(target)
        elif kind == "view":
            photo_page(result, image).write(target)
            written.append(target)
        else:
            written += write_photo(kind, target, result, markup=markup)


def _say(text: str) -> None:
    """Prints a line to stderr, above the progress bar; does not fail when nobody reads stderr."""
    try:
        if sys.stderr is not None:
            tqdm.write(text, file=sys.stderr)
    except OSError:
        pass


def _naming(photo: Photo, error: Exception) -> str:
    text = str(error) or type(error).__name__
    if not isinstance(error, (FaceAlignmentError, OSError, MemoryError, RuntimeError)):
        text = f"{type(error).__name__}: {text}"
    return text if str(photo.path) in text else f"{photo.path}: {text}"


def _summary(done: _Done, photos: int, output: Path) -> str:
    counts = [_count(done.tried - done.failed, "photo"), _count(done.faces, "face")]
    if done.faceless:
        counts.append(f"{done.faceless} without a face")
    if done.failed:
        counts.append(f"{done.failed} failed")
    if done.failed_tables:
        counts.append(f"{_count(done.failed_tables, 'table')} failed")
    if done.tried < photos:
        counts.append(f"stopped before {photos - done.tried} more")
    if not done.written:
        return f"{', '.join(counts)}: nothing written"
    names = [str(file.relative_to(output)) for file in done.written]
    what = " and ".join(names) if len(names) <= 2 else _count(len(names), "file")
    return f"{', '.join(counts)}: wrote {what} to {output}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
