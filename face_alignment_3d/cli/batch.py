"""``face-alignment-3d batch``: a whole collection of photos and videos to Parquet tables."""

import argparse
import sys
import time
from typing import TYPE_CHECKING

from tqdm import tqdm

from face_alignment_3d.cli.aligner_options import add_aligner_options
from face_alignment_3d.cli.values import number, share
from face_alignment_3d.interruption import StopRequests

# Pyarrow, and all that needs it, is imported only when there is work: --help is to be quick.
if TYPE_CHECKING:
    from face_alignment_3d.batch import AlignerOptions, BatchSummary
    from face_alignment_3d.batch.progress import Event

    _Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

#: Seconds between two lines of progress where there is no terminal.
_BETWEEN_LINES = 30


def add_parser(subparsers: "_Subparsers") -> None:
    """Adds ``batch``."""
    parser = subparsers.add_parser(
        "batch",
        help="find the landmarks of a whole collection, as Parquet",
        description="Finds the faces of all pictures of a collection and writes Parquet tables. The same "
        "command goes on after Ctrl-C, a crash or a kill, and does nothing twice.",
        epilog="Exit code: 0; 1 when images failed, which the table `failures` lists (others are done); 2 "
        "when the work cannot begin or go on, because of a full disk, say; 130 on Ctrl-C, 143 on SIGTERM.",
    )
    parser.add_argument(
        "source",
        metavar="SRC",
        help="a folder, a glob pattern in quotes, a .zip or .tar (WebDataset), or a url: s3://bucket/photos",
    )
    parser.add_argument("destination", metavar="DST", help="a folder, or a url of one; new, or of this batch")
    parser.add_argument(
        "--every", type=number, metavar="N", help="take videos as well: each N-th frame of them"
    )
    parser.add_argument(
        "--workers",
        type=number,
        metavar="N",
        help="processes of this machine (one a core, or a GPU), or actors with --ray (all that fit)",
    )
    parser.add_argument(
        "--threads", type=number, metavar="N", help="threads of each process (the cores, divided among them)"
    )
    parser.add_argument(
        "--task-size",
        type=number,
        metavar="N",
        help="images of a task, which has a file in each table and is done anew after a kill (at most 1000, "
        "by the number of images)",
    )
    parser.add_argument("--retry-failed", action="store_true", help="do tasks again that have failed images")
    parser.add_argument(
        "--ray", metavar="ADDRESS", help="work on a Ray cluster: auto, HOST:PORT, ray://HOST:PORT or local"
    )
    parser.add_argument(
        "--actor-cpus", type=share, default=1.0, metavar="N", help="with --ray: CPUs of an actor (1)"
    )
    parser.add_argument(
        "--actor-gpus",
        type=share,
        default=0.0,
        metavar="N",
        help="with --ray: GPUs of an actor (0), or a part",
    )
    add_aligner_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Works until all is done; 1 when images failed, 128 + the signal's number when stopped."""
    from face_alignment_3d.batch import RayOptions, run_batch

    ray = None if args.ray is None else RayOptions(args.ray, cpus=args.actor_cpus, gpus=args.actor_gpus)
    with _Progress() as progress, StopRequests() as stop:
        summary = run_batch(
            args.source,
            args.destination,
            aligner=_aligner(args),
            every=args.every,
            task_size=args.task_size,
            workers=args.workers,
            threads=args.threads,
            ray=ray,
            retry_failed=args.retry_failed,
            report=progress.report,
            should_stop=lambda: bool(stop.received),
        )
    print(_text(summary, args.destination))
    if not summary.complete:
        return 128 + stop.received
    return int(summary.counts.failures > 0)


def _aligner(args: argparse.Namespace) -> "AlignerOptions":
    from face_alignment_3d.batch import AlignerOptions
    from face_alignment_3d.detection.candidate_selection import MIN_CONFIDENCE
    from face_alignment_3d.detection.factory import DEFAULT_DETECTOR

    return AlignerOptions(
        weights=args.weights,
        backend=args.backend,
        device=args.device,
        detector=args.detector or DEFAULT_DETECTOR,
        min_confidence=MIN_CONFIDENCE if args.min_confidence is None else args.min_confidence,
        min_face=args.min_face,
        blendshapes=args.blendshapes,
        offline=True if args.offline else None,
    )


class _Progress:
    """A bar where there is a terminal, else a line now and then: images, images a second, time left."""

    def __init__(self) -> None:
        self._stream = sys.stderr
        self._has_terminal = self._stream is not None and self._stream.isatty()
        self._bar = tqdm(unit="image", file=self._stream, disable=not self._has_terminal, smoothing=0.02)
        self._done = self._before = self._total = 0
        self._began = self._told = time.monotonic()

    def __enter__(self) -> "_Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def report(self, event: "Event") -> None:
        """Shows what has happened."""
        from face_alignment_3d.batch.progress import Advanced, Planned, TaskDone

        match event:
            case Planned():
                self._done = self._before = event.done
                self._total = event.done + event.left
                self._bar.initial = event.done
                self._began = self._told = time.monotonic()
                if event.videos_left_out:
                    self._say(
                        f"left out {_count(event.videos_left_out, 'video')}; --every N takes each N-th frame"
                    )
                if event.done:
                    self._say(f"going on: {event.done} of about {self._total} images are done")
            case Advanced():
                self._done += event.images
            case TaskDone():
                # A video was counted as one image; now its frames are known.
                self._total += event.counts.images + event.counts.failures - event.items
        self._show()

    def _show(self) -> None:
        if self._has_terminal:
            self._bar.total = self._total
            self._bar.update(self._done - self._bar.n)
        elif (now := time.monotonic()) - self._told >= _BETWEEN_LINES:
            self._told = now
            total = max(self._total, self._done)
            elapsed = now - self._began
            self._say(
                tqdm.format_meter(self._done, total, elapsed, unit="image", initial=self._before, ncols=0)
            )

    def _say(self, text: str) -> None:
        try:
            if self._stream is not None:
                self._bar.write(text, file=self._stream)
        except OSError:
            pass


def _text(summary: "BatchSummary", destination: str) -> str:
    counts = summary.counts
    parts = [_count(counts.images, "image"), _count(counts.faces, "face")]
    parts += [f"{counts.faceless} without a face"] if counts.faceless else []
    parts += [f"{counts.failures} failed"] if counts.failures else []
    before = summary.before.images + summary.before.failures
    parts += [f"{before} of them done before"] if before else []
    end = "" if summary.complete else "; stopped early: the same command goes on"
    return f"{', '.join(parts)}: in {destination}{end}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
