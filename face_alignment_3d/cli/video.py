"""``face-alignment-3d video``: the faces of a film, with identities, as a film and as data."""

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

# Torch and all that needs it is imported only when there is work: --help is to be quick.
if TYPE_CHECKING:
    from face_alignment_3d import FaceAligner3D
    from face_alignment_3d.video.film import Film, FilmFrame
    from face_alignment_3d.video.records import FilmRecord
    from face_alignment_3d.video.tracked_face import TrackedFace3D

    _Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

_KINDS = ("json", "csv", "npz")


def add_parser(subparsers: "_Subparsers") -> None:
    """Adds ``video``."""
    parser = subparsers.add_parser(
        "video",
        help="follow the faces of a film",
        description="Follows the faces of a film and writes the film with their landmarks and identities, "
        "data files, or both. Without -o and a kind of data: <film>_landmarks.mp4 and <film>.json.",
        epilog="Ctrl-C ends the work early: film and data files hold what was done until then. Exit code: 0; "
        "1 when the film is damaged or breaks off; 2 when nothing could be done; 130 on Ctrl-C.",
    )
    parser.add_argument("film", type=Path, metavar="IN", help="any film that FFmpeg reads")
    parser.add_argument("-o", "--output", type=Path, metavar="OUT", help="the film: .mp4, .mov or .mkv")
    parser.add_argument("--json", action="store_true", help="write a .json beside OUT, or here")
    parser.add_argument("--csv", action="store_true", help="write a .csv, a line a face and frame")
    parser.add_argument("--npz", action="store_true", help="write an .npz of NumPy arrays")
    parser.add_argument(
        "--smooth", action=argparse.BooleanOptionalAction, default=True, help="calm the landmarks (yes)"
    )
    parser.add_argument(
        "--detect-every",
        type=_seconds,
        default=1.0,
        metavar="SECONDS",
        help="how often to look for new faces (1)",
    )
    parser.add_argument("--device", default="auto", help="auto (the default), cpu, cuda, cuda:1, mps")
    parser.add_argument("--weights", default="lite", metavar="NAME|FILE", help="see `weights list` (lite)")
    parser.add_argument("--offline", action="store_true", help="never download weights")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Follows the faces of the film; 1 when it is damaged, 128 + the signal's number when stopped."""
    from face_alignment_3d.errors import VideoError
    from face_alignment_3d.interruption import StopRequests
    from face_alignment_3d.video import VideoAligner3D
    from face_alignment_3d.video.film import Film

    targets = _targets(args)
    with ExitStack() as stack:
        film = stack.enter_context(Film(args.film))
        tracker = VideoAligner3D(
            _make_aligner(args), smooth=args.smooth, detect_every=args.detect_every, fps=float(film.rate)
        )
        stop = stack.enter_context(StopRequests())
        progress = stack.enter_context(
            tqdm(total=film.expected_frames, unit="frame", file=sys.stderr, disable=None)
        )
        output: _Output | None = None
        ids: set[int] = set()
        frames = 0
        for frame in film.frames():
            if output is None:
                output = stack.enter_context(_Output(targets, film, frame))
            faces = tracker.track(frame.image_rgb, time=frame.time)
            ids.update(face.track_id for face in faces)
            output.add(frame, faces)
            frames += 1
            progress.update()
            if stop.received:
                break
        if output is None:
            raise VideoError(f"{args.film}: {film.problem or 'no frame could be read'}")
        output.finish(complete=not stop.received and film.problem is None, stopped=bool(stop.received))
    if film.problem is not None and not stop.received:
        print(f"warning: {args.film}: {film.problem}", file=sys.stderr)
    _print_summary(frames, len(ids), targets, stopped=bool(stop.received))
    if stop.received:
        return 128 + stop.received
    return 0 if film.problem is None else 1


def _make_aligner(args: argparse.Namespace) -> "FaceAligner3D":
    from face_alignment_3d import FaceAligner3D

    return FaceAligner3D(args.weights, device=args.device, offline=True if args.offline else None)


def _targets(args: argparse.Namespace) -> dict[str, Path]:
    """Kind of result -> its file."""
    kinds = [kind for kind in _KINDS if getattr(args, kind)]
    output: Path | None = args.output
    if output is None and not kinds:
        output, kinds = Path(f"{args.film.stem}_landmarks.mp4"), ["json"]
        stem = Path(args.film.stem)
    else:
        stem = Path(args.film.stem) if output is None else output.with_suffix("")
    targets = {} if output is None else {"film": output}
    targets |= {kind: stem.with_name(f"{stem.name}.{kind}") for kind in kinds}
    for target in targets.values():
        if target.resolve() == args.film.resolve():
            raise FileExistsError(f"the result {target} would replace the film; choose another name with -o")
    return targets


class _Output:
    """The film and the data files that were asked for; a context manager."""

    def __init__(self, targets: dict[str, Path], film: "Film", first: "FilmFrame") -> None:
        from face_alignment_3d.video.film_writer import FilmWriter
        from face_alignment_3d.video.records import RECORDS

        height, width = first.image_rgb.shape[:2]
        self._picture: FilmWriter | None = None
        self._records: list[FilmRecord] = []
        try:
            for kind, target in targets.items():
                target.parent.mkdir(parents=True, exist_ok=True)
                if kind == "film":
                    self._picture = FilmWriter(
                        target,
                        height=height,
                        width=width,
                        time_base=film.time_base,
                        rate=film.rate,
                        sound_of=film.path,
                    )
                else:
                    record = RECORDS[kind](target, film=str(film.path), height=height, width=width)
                    self._records.append(record)
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self) -> "_Output":
        return self

    def __exit__(self, *_: object) -> None:
        """Removes what is not finished."""
        for unfinished in (self._picture, *self._records):
            if unfinished is not None:
                unfinished.discard()

    def add(self, frame: "FilmFrame", faces: "list[TrackedFace3D]") -> None:
        from face_alignment_3d.video.overlay import draw_tracked

        if self._picture is not None:
            self._picture.write(draw_tracked(frame.image_rgb, faces), pts=frame.pts)
        for record in self._records:
            record.add(frame.index, frame.time, faces)

    def finish(self, *, complete: bool, stopped: bool) -> None:
        """``complete``: these are all frames that the film should have; ``stopped``: it would go on."""
        if self._picture is not None:
            self._picture.finish(complete=not stopped)
        for record in self._records:
            record.finish(complete=complete)


def _print_summary(frames: int, faces: int, targets: dict[str, Path], *, stopped: bool) -> None:
    what = " and ".join(str(target) for target in targets.values())
    early = "stopped early: " if stopped else ""
    print(
        f"{early}{frames} frame{'s' * (frames != 1)}, {faces} face{'s' * (faces != 1)} followed: wrote {what}"
    )


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"expected seconds, above 0; got {text!r}")
    return number
