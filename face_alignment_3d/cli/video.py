"""``face-alignment-3d video``: the faces of a video, with identities, as a video, as data and as a stream."""

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from face_alignment_3d.cli.aligner_options import (
    add_aligner_options,
    add_tracking_options,
    make_aligner,
)
from face_alignment_3d.cli.result_files import VIDEO_FORMATS
from face_alignment_3d.cli.values import seconds
from face_alignment_3d.cli.video_output import VideoOutput
from face_alignment_3d.cli.vmc_stream import VmcStream, add_vmc_option

if TYPE_CHECKING:
    _Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


#: Formats that have an option of their own as well.
_FLAGS = ("json", "csv", "npz")
#: Files that the last line names; of more it gives the number.
_NAMED = 6


def add_parser(subparsers: "_Subparsers") -> None:
    """Adds ``video``."""
    parser = subparsers.add_parser(
        "video",
        help="follow the faces of a video",
        description="Follows the faces of a video and writes the video with their landmarks and identities, "
        "data files, or both. Without -o, a kind of data and --vmc: <video>_landmarks.mp4 and <video>.json.",
        epilog="Ctrl-C, SIGTERM and errors end the work early: video and data files hold what was done until "
        "then. Exit code: 0; 1 when something is missing, because the video is damaged or breaks off, a file "
        "could not be written, or audio was left out; 2 when nothing could be done; 130 on Ctrl-C, 143 on "
        "SIGTERM.",
    )
    parser.add_argument("video", type=Path, metavar="IN", help="any video that FFmpeg reads")
    parser.add_argument("-o", "--output", type=Path, metavar="OUT", help="the video: .mp4, .mov or .mkv")
    parser.add_argument("--json", action="store_true", help="the same as --export json: beside OUT, or here")
    parser.add_argument(
        "--csv", action="store_true", help="the same as --export csv: a line a face and frame"
    )
    parser.add_argument("--npz", action="store_true", help="the same as --export npz: NumPy arrays")
    parser.add_argument(
        "--export",
        action="append",
        choices=VIDEO_FORMATS,
        default=[],
        metavar="FORMAT",
        help=f"write {', '.join(VIDEO_FORMATS[:-1])} or {VIDEO_FORMATS[-1]}; may be given several times. "
        "livelink and gltf have a file for each face that is followed",
    )
    parser.add_argument(
        "--markup", choices=("66", "68"), default="66", help="points in npz (66); two of 68 are derived"
    )
    add_vmc_option(parser)
    add_tracking_options(parser)
    parser.add_argument(
        "--detection-interval",
        type=seconds,
        default=1.0,
        metavar="SECONDS",
        help="how often to look for new faces (1)",
    )
    add_aligner_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Follows the faces of the video; 1 when something is missing, 128 + the signal's number when stopped."""
    from face_alignment_3d.errors import FaceAlignmentError, VideoError
    from face_alignment_3d.interruption import StopRequests
    from face_alignment_3d.video import VideoAligner3D
    from face_alignment_3d.video.reader import VideoReader

    targets = _targets(args)
    with ExitStack() as stack:
        video = stack.enter_context(VideoReader(args.video))
        stream = stack.enter_context(VmcStream(args.vmc))
        # Live Link is about blendshapes: its table would be a pose among zeros.
        aligner = make_aligner(args, blendshapes="livelink" in targets)
        tracker = VideoAligner3D(
            aligner,
            smooth=args.smooth,
            alignment_interval=args.alignment_interval,
            detection_interval=args.detection_interval,
            max_faces=args.max_faces,
            fps=float(video.rate),
        )
        stop = stack.enter_context(StopRequests())
        progress = stack.enter_context(
            tqdm(total=video.expected_frames, unit="frame", file=sys.stderr, disable=None)
        )
        output: VideoOutput | None = None
        ids: set[int] = set()
        failure: str | None = None
        try:
            for frame in video.frames():
                faces = tracker.track(frame.image_rgb, time=frame.time)
                if output is None:
                    output = stack.enter_context(
                        VideoOutput(targets, video, frame, markup=args.markup, blendshapes=args.blendshapes)
                    )
                ids.update(face.track_id for face in faces)
                stream.wait_for(frame.time, is_stopped=lambda: bool(stop.received))
                stream.send(faces, time=frame.time)
                output.add(frame, faces)
                progress.update()
                if stop.received:
                    break
        # What was done until here is kept. Running out of memory, of the GPU's too, is among these.
        except (FaceAlignmentError, OSError, MemoryError, RuntimeError) as error:
            if output is None or not output.frames:
                raise
            failure = f"stopped at frame {output.frames}: {error or type(error).__name__}"
        if output is None:
            raise VideoError(f"{args.video}: {video.problem or 'no frame could be read'}")
        stopped = bool(stop.received) or failure is not None
        written = output.finish(complete=not stopped and video.problem is None, stopped=stopped)
    problem = None if stopped else video.problem
    for text in (problem, *output.warnings):
        if text is not None:
            print(f"warning: {args.video}: {text}", file=sys.stderr)
    failures = [text for text in (failure, *output.failures) if text is not None]
    for text in failures:
        print(f"error: {args.video}: {text}", file=sys.stderr)
    early = "stopped early: " if stopped else ""
    counts = f"{_count(output.frames, 'frame')}, {_count(len(ids), 'face')} followed"
    print(f"{early}{counts}: {_done(args, written)}")
    if stop.received:
        return 128 + stop.received
    return 1 if problem is not None or failures else 0


def _targets(args: argparse.Namespace) -> dict[str, Path]:
    """The kinds of result, each with its file, or with that of the main face."""
    from face_alignment_3d.export import FRAME_WRITERS

    asked = {*args.export, *(kind for kind in _FLAGS if getattr(args, kind))}
    kinds = [kind for kind in VIDEO_FORMATS if kind in asked]
    output: Path | None = args.output
    stem = Path(args.video.stem) if output is None else output.with_suffix("")
    if output is None and not kinds and args.vmc is None:
        output, kinds = Path(f"{args.video.stem}_landmarks.mp4"), ["json"]
    targets = {} if output is None else {"video": output}
    targets |= {kind: stem.with_name(stem.name + FRAME_WRITERS[kind].ENDING) for kind in kinds}
    for target in targets.values():
        if target.resolve() == args.video.resolve():
            raise FileExistsError(f"the result {target} would replace the video; choose another name with -o")
    return targets


def _done(args: argparse.Namespace, written: Sequence[Path]) -> str:
    names = " and ".join(map(str, written)) if len(written) <= _NAMED else _count(len(written), "file")
    done = [f"wrote {names}"] if written else []
    done += [] if args.vmc is None else [f"streamed to {args.vmc}"]
    return ", ".join(done) or "nothing written"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
