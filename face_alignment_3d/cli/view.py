"""``face-alignment-3d view``: a photo, a video or a result as one HTML file with an interactive 3D view."""

import argparse
import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tqdm import tqdm

from face_alignment_3d.cli.aligner_options import add_aligner_options, make_aligner
from face_alignment_3d.paths import is_file, same_place

if TYPE_CHECKING:
    from face_alignment_3d.view import ViewPage

    _Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

#: The ending of pages' file names.
VIEW_ENDING: Final = "_view.html"


def add_parser(subparsers: "_Subparsers") -> None:
    """Adds ``view``."""
    parser = subparsers.add_parser(
        "view",
        help="look at faces in 3D, in a browser",
        description="Writes one HTML file that shows a photo or a video beside its faces in 3D, with pose "
        "and blendshapes. It opens without a network and has less than 6 MB; of long videos it has every "
        "second, fourth, ... frame.",
        epilog="Exit code: 0; 1 when a video is damaged; 2 when nothing could be done.",
    )
    parser.add_argument(
        "source", type=Path, metavar="PHOTO|VIDEO|RESULT", help="RESULT is a JSON file of align or video"
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="HTML", help=f"the page (<name>{VIEW_ENDING}, here)"
    )
    parser.add_argument("--open", action="store_true", help="open the page in the browser")
    add_aligner_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Writes the page; 1 when a video is damaged."""
    source: Path = args.source
    target: Path = args.output or Path(source.stem + VIEW_ENDING)
    if same_place(target, source):
        raise FileExistsError(f"the page {target} would replace what it shows; choose another name with -o")
    page, problem = _page(args)
    target.parent.mkdir(parents=True, exist_ok=True)
    page.write(target)
    thinned = (
        "" if page.step == 1 else f", every {page.step}th frame" if page.step > 2 else ", every 2nd frame"
    )
    if problem is not None:
        print(f"warning: {source}: {problem}", file=sys.stderr)
    print(f"wrote {target} ({target.stat().st_size / 1e6:.1f} MB{thinned})")
    if args.open:
        webbrowser.open(target.resolve().as_uri())
    return 0 if problem is None else 1


def _page(args: argparse.Namespace) -> "tuple[ViewPage, str | None]":
    """The page, and the reader's description of damage in the video."""
    from face_alignment_3d.errors import ImageError
    from face_alignment_3d.export import PhotoFaces
    from face_alignment_3d.images import as_rgb
    from face_alignment_3d.view import ResultFile, photo_page

    if args.source.suffix.lower() == ".json":
        result = ResultFile(args.source)
        missing = None if result.source is not None else f"{result.source_name} is not there: no pictures"
        return result.page(), missing
    try:
        image = as_rgb(args.source)
    except ImageError:
        if not is_file(args.source):
            raise
        return _video_page(args)
    faces = make_aligner(args, blendshapes=True).detect(image)
    photo = PhotoFaces(str(args.source), image.shape[0], image.shape[1], faces)
    return photo_page(photo, image), None


def _video_page(args: argparse.Namespace) -> "tuple[ViewPage, str | None]":
    from face_alignment_3d.errors import VideoError
    from face_alignment_3d.export import PhotoFaces, to_json
    from face_alignment_3d.video import VideoAligner3D
    from face_alignment_3d.video.reader import VideoReader
    from face_alignment_3d.view import ViewPage

    page: ViewPage | None = None
    with VideoReader(args.source) as video:
        tracker = VideoAligner3D(make_aligner(args, blendshapes=True), fps=float(video.rate))
        frames = tqdm(
            video.frames(), total=video.expected_frames, unit="frame", file=sys.stderr, disable=None
        )
        for frame in frames:
            faces = tracker.track(frame.image_rgb, time=frame.time)
            height, width = frame.image_rgb.shape[:2]
            if page is None:
                page = ViewPage(args.source.name, height=height, width=width)
            rows = to_json(PhotoFaces(str(args.source), height, width, faces))["faces"]
            named = [{"track_id": face.track_id, **row} for face, row in zip(faces, rows, strict=True)]
            page.add(frame.time, frame.image_rgb, named)
        if page is None:
            raise VideoError(f"{args.source}: {video.problem or 'no frame could be read'}")
        return page, video.problem
