"""``face-alignment-3d align``: landmarks of photos, as files of many formats and as pictures."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from face_alignment_3d.cli.aligner_options import add_aligner_options, make_aligner
from face_alignment_3d.cli.photos import DRAWING_ENDING, Photo, find_photos
from face_alignment_3d.cli.result_files import (
    FORMATS,
    PHOTO_FORMATS,
    TABLE_FORMATS,
    write_photo,
    write_table,
)
from face_alignment_3d.cli.view import VIEW_ENDING
from face_alignment_3d.errors import FaceAlignmentError

# Torch and all that needs it is imported only when there is work: --help is to be quick.
if TYPE_CHECKING:
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
        f"<photo>{DRAWING_ENDING} unless told otherwise.",
        epilog="Exit code: 0; 1 when some photos failed (the others are done); 2 when none could be tried.",
    )
    parser.add_argument("photos", nargs="+", metavar="PHOTO", help="a file, a folder or a glob pattern")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path(), metavar="DIR", help="where results go (.)"
    )
    parser.add_argument("--json", action="store_true", help="the same as --export json: <photo>.json")
    parser.add_argument(
        "--csv", action="store_true", help="the same as --export csv: landmarks.csv, a line a face"
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
        help="points in npz, obj and ply (66) and in pts (68); the two that 66 lack are derived",
    )
    parser.add_argument(
        "--view", action="store_true", help=f"write <photo>{VIEW_ENDING}: photo and 3D view, for a browser"
    )
    parser.add_argument("--draw", action="store_true", help=f"write <photo>{DRAWING_ENDING}")
    parser.add_argument(
        "--boxes",
        type=Path,
        metavar="FILE",
        help="face boxes, in place of the detector: CSV image,x0,y0,x1,y1 or JSON {image: [[x0,y0,x1,y1]]}",
    )
    add_aligner_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Aligns each photo and writes what was asked for; 1 when some photos failed."""
    formats = _formats(args)
    if not (formats or args.draw or args.view):
        formats, args.draw = ["json"], True
    photos = find_photos(args.photos)
    boxes = _read_boxes(args.boxes)
    aligner = make_aligner(args)
    args.output.mkdir(parents=True, exist_ok=True)
    sources = {photo.path.resolve() for photo in photos}
    results: list[PhotoFaces] = []
    written: list[Path] = []
    for photo in tqdm(photos, unit="photo", file=sys.stderr, disable=None):
        try:
            targets = _targets(photo, formats, args, sources)
            result, files = _align(photo, aligner, boxes, targets, markup=args.markup)
            results.append(result)
            written += files
        # Running out of memory, of the GPU's too, need not happen to the next photo.
        except (FaceAlignmentError, OSError, MemoryError, RuntimeError) as error:
            tqdm.write(f"error: {_naming(photo, error)}", file=sys.stderr)
    for kind in formats:
        if kind in TABLE_FORMATS:
            table = args.output / TABLE_FORMATS[kind]
            write_table(kind, table, results, blendshapes=args.blendshapes)
            written.append(table)
    failed = len(photos) - len(results)
    print(_summary(results, failed, written, args.output))
    return 1 if failed else 0


def _formats(args: argparse.Namespace) -> list[str]:
    """What was asked for, in either way, once each."""
    asked = {*args.export, *(kind for kind in ("json", "csv") if getattr(args, kind))}
    return [kind for kind in FORMATS if kind in asked]


def _read_boxes(file: Path | None) -> "BoxesFile | None":
    from face_alignment_3d.cli.boxes_file import BoxesFile

    return None if file is None else BoxesFile(file)


def _targets(
    photo: Photo, formats: Sequence[str], args: argparse.Namespace, sources: set[Path]
) -> dict[str, Path]:
    """Kind of result -> its file."""
    endings = {kind: PHOTO_FORMATS[kind] for kind in formats if kind in PHOTO_FORMATS}
    if args.draw:
        endings["draw"] = DRAWING_ENDING
    if args.view:
        endings["view"] = VIEW_ENDING
    targets = {kind: args.output / (photo.name + ending) for kind, ending in endings.items()}
    for target in targets.values():
        if target.resolve() in sources:
            raise FileExistsError(f"the result {target} would replace a photo; choose another folder with -o")
    return targets


def _align(
    photo: Photo,
    aligner: "FaceAligner3D",
    boxes: "BoxesFile | None",
    targets: dict[str, Path],
    *,
    markup: str | None,
) -> tuple["PhotoFaces", list[Path]]:
    """The photo's faces, and the files that were written of them."""
    from face_alignment_3d.draw import draw_landmarks
    from face_alignment_3d.export import PhotoFaces, write_png
    from face_alignment_3d.images import as_rgb
    from face_alignment_3d.view import photo_page

    image = as_rgb(photo.path)
    faces = aligner.detect(image, boxes=None if boxes is None else boxes.of(photo.path))
    result = PhotoFaces(str(photo.path), image.shape[0], image.shape[1], faces)
    written: list[Path] = []
    for kind, target in targets.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        if kind == "draw":
            write_png(target, draw_landmarks(image, faces, legend=True))
            written.append(target)
        elif kind == "view":
            photo_page(result, image).write(target)
            written.append(target)
        else:
            written += write_photo(kind, target, result, markup=markup)
    return result, written


def _naming(photo: Photo, error: BaseException) -> str:
    text = str(error) or type(error).__name__
    return text if str(photo.path) in text else f"{photo.path}: {text}"


def _summary(results: "Sequence[PhotoFaces]", failed: int, written: Sequence[Path], output: Path) -> str:
    faces = sum(len(result.faces) for result in results)
    counts = [_count(len(results), "photo"), _count(faces, "face")]
    empty = sum(not result.faces for result in results)
    if empty:
        counts.append(f"{empty} without a face")
    if failed:
        counts.append(f"{failed} failed")
    if not written:
        return f"{', '.join(counts)}: nothing written"
    names = [str(file.relative_to(output)) for file in written]
    what = " and ".join(names) if len(names) <= 2 else _count(len(names), "file")
    return f"{', '.join(counts)}: wrote {what} to {output}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
