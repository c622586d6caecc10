"""Videos: the time of a frame, jitter, lag and error, identity switches, memory, and MediaPipe beside it.

    python benchmarks/video.py --data ../shared/data [--weights nano]

The videos, 1280 x 720 at 30 frames a second, are photos of AFW, which no weights are trained on, moving along
smooth paths, and in one video talking and blinking, with noise and compression; so every frame has points
that are known. One run has `lite` and `nano`, each at every frame and with optical flow between alignments,
and MediaPipe's video mode. Times are those of a tracker that looks for further faces once a second, and of
one that is told the number of faces (``max_faces``), as MediaPipe's is. Identities and memory are measured
with --weights alone. Prints a table and writes benchmarks/results/video.json. MediaPipe runs in its own
environment (made at the first run; --no-peer leaves it out). Run it on a machine that does nothing else; on a
virtual one it waits for up to --patience seconds for CPUs that are near each other (docs/speed.md).
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, get_args

import numpy as np
from made_expressions import talking
from made_videos import FPS, MovingPhoto, Pose2D, load_photos, pictures, write_video
from peers.environment import peer_python
from peers.mediapipe_faces import VERSION as MEDIAPIPE
from provenance import provenance
from timing.between_cores import Nearness

from face_alignment_3d import FaceAligner3D
from face_alignment_3d.detection.factory import DetectorName
from face_alignment_3d.markup import GROUPS
from face_alignment_3d.video import TrackedFace3D, VideoAligner3D
from face_alignment_3d.video.reader import VideoReader

RESULTS = Path(__file__).resolve().parent / "results" / "video.json"
WARM_UP = FPS  # Frames that are not timed.
SIZE = 180.0
EXPRESSIVE = [*GROUPS["right_eye"], *GROUPS["left_eye"], *GROUPS["outer_lips"], *GROUPS["inner_lips"]]
#: Ways of following videos: the network alone, the same with smoothing, and with optical flow between
#: alignments.
EVERY_FRAME, WITH_FLOW = "network at every frame", "with optical flow"
WAYS: dict[str, dict[str, Any]] = {
    "network alone": {"alignment_interval": 0.0, "smooth": False},
    EVERY_FRAME: {"alignment_interval": 0.0},
    WITH_FLOW: {"alignment_interval": 0.1},
}
#: The same by a tracker that knows the number of faces.
KNOWN = ", number of faces known"
#: Weights that are measured beside each other.
PAIR = ("lite", "nano")
SWITCH_DISTANCE = 0.5  # A face belongs to the photo whose points are on average within this many sizes.

Photos = Sequence[tuple[Any, Any]]


def wandering(phase: float, x: float, y: float, *, reach: float = 60.0) -> Callable[[float], Pose2D | None]:
    """Slow walk around a place, with a lean that comes and goes: a head before a camera."""

    def path(t: float) -> Pose2D:
        dx, dy = reach * math.sin(1.3 * t + phase), 0.5 * reach * math.sin(0.9 * t + 2 * phase)
        return Pose2D(x + dx, y + dy, SIZE * (1 + 0.1 * math.sin(0.5 * t)), 0.15 * math.sin(0.8 * t + phase))

    return path


def crossing(
    phase: float, rate: float, y: float, *, hide_at: float, hide_every: float
) -> Callable[[float], Pose2D | None]:
    """To and fro over the whole width, behind and before others, and away for a second now and then."""

    def path(t: float) -> Pose2D | None:
        if 0 <= (t - hide_at) % hide_every < 1 and t > 1:
            return None
        x = 640 + 480 * math.sin(rate * t + phase)
        return Pose2D(x, y + 40 * math.sin(0.7 * t + phase), SIZE)

    return path


def one_face(photos: Photos) -> list[MovingPhoto]:
    return [MovingPhoto(*photos[0], wandering(0.0, 640, 360))]


def four_faces(photos: Photos) -> list[MovingPhoto]:
    places = [(200, 200), (520, 480), (800, 220), (1080, 480)]
    return [
        MovingPhoto(*photo, wandering(1.7 * i, *place))
        for i, (photo, place) in enumerate(zip(photos[:4], places, strict=True))
    ]


def four_crossing(photos: Photos) -> list[MovingPhoto]:
    paths = [
        crossing(phase, rate, y, hide_at=hide_at, hide_every=17 + 3 * i)
        for i, (phase, rate, y, hide_at) in enumerate(
            [(5.5, 0.65, 480, 5.0), (4.0, 0.35, 400, 11.0), (2.0, 0.55, 310, 8.0), (0.0, 0.45, 240, 14.0)]
        )
    ]
    return [MovingPhoto(*photo, path) for photo, path in zip(photos[:4], paths, strict=True)]


def one_talking(photos: Photos) -> list[MovingPhoto]:
    return [MovingPhoto(*photos[0], wandering(0.0, 640, 360), talking)]


def at_rest(photos: Photos) -> list[MovingPhoto]:
    return [MovingPhoto(*photos[0], lambda _: Pose2D(640, 360, SIZE))]


def follow(
    aligner: FaceAligner3D, video_path: Path, **way: Any
) -> tuple[np.ndarray, list[list[TrackedFace3D]]]:
    """Milliseconds of each frame, decoding excluded, and its faces."""
    tracker = VideoAligner3D(aligner, **way)
    milliseconds, faces = [], []
    with VideoReader(video_path) as video:
        frames = video.frames()
        # A second at a time: the decoder's threads work ahead, and must not do so while a frame is timed.
        while second := list(islice(frames, FPS)):
            for frame in second:
                start = time.perf_counter()
                faces.append(tracker.track(frame.image_rgb, time=frame.time))
                milliseconds.append(1000 * (time.perf_counter() - start))
    return np.array(milliseconds), faces


def spread(milliseconds: np.ndarray) -> dict[str, float]:
    steady = milliseconds[WARM_UP:] if len(milliseconds) > 2 * WARM_UP else milliseconds
    median, percentile_95 = np.percentile(steady, (50, 95))
    return {
        "median_ms": round(float(median), 3),
        "mean_ms": round(float(steady.mean()), 3),
        "percentile_95_ms": round(float(percentile_95), 3),
    }


def over(times: dict[str, float], peer: dict[str, float]) -> dict[str, float]:
    """Times over a peer's."""
    return {name.removesuffix("_ms"): round(times[name] / peer[name], 3) for name in ("median_ms", "mean_ms")}


def quality(actors: Sequence[MovingPhoto], faces: Sequence[Sequence[TrackedFace3D]]) -> dict[str, float]:
    """Of one face: error over its size in %, frames of lag, and jitter: what moves without reason, in %.

    The error of eyes and lips is told once more without their mean offset: of their motion, that is.
    """
    rows = [
        (actors[0].truth(index / FPS), found[0].landmarks[:, :2])
        for index, found in enumerate(faces)
        if index >= WARM_UP and len(found) == 1
    ]
    truth, points = (np.array(part, np.float64) for part in zip(*rows, strict=True))
    offset = points - truth
    steady_offset = offset.mean(axis=0)  # Hand-made points differ from the network's, always alike.
    velocity = np.diff(truth, axis=0)
    moving = float(np.square(velocity).sum())
    lag = -float(((offset - steady_offset)[1:] * velocity).sum()) / moving if moving > 1 else 0.0
    jitter = np.linalg.norm(np.diff(offset, axis=0), axis=-1)
    return {
        "frames": len(rows),
        "error_percent": round(100 * float(np.linalg.norm(offset, axis=-1).mean()) / SIZE, 4),
        "eyes_and_lips_motion_error_percent": round(
            100 * float(np.linalg.norm((offset - steady_offset)[:, EXPRESSIVE], axis=-1).mean()) / SIZE, 4
        ),
        "lag_frames": round(lag, 3),
        "jitter_percent": round(100 * float(np.sqrt(np.square(jitter).mean())) / SIZE, 5),
    }


def switches(actors: Sequence[MovingPhoto], faces: Sequence[Sequence[TrackedFace3D]]) -> dict[str, int]:
    """The number of changes of a photo's identity since it was last seen, and the number of identities."""
    last: dict[int, int] = {}
    count, seen = 0, 0
    for index, found in enumerate(faces):
        truths = [actor.truth(index / FPS) for actor in actors]
        for face in found:
            distances = [
                math.inf
                if truth is None
                else float(np.linalg.norm(face.landmarks[:, :2] - truth, axis=1).mean()) / SIZE
                for truth in truths
            ]
            actor = int(np.argmin(distances))
            if distances[actor] < SWITCH_DISTANCE:
                seen += 1
                count += last.get(actor, face.track_id) != face.track_id
                last[actor] = face.track_id
    ids = {face.track_id for found in faces for face in found}
    return {"identity_switches": count, "identities": len(ids), "faces_seen": seen}


def memory_growth(aligner: FaceAligner3D, video_path: Path, frames: int) -> dict[str, float]:
    """Resident memory after ``frames`` frames, over what it is after a tenth of them."""
    tracker = VideoAligner3D(aligner)
    with VideoReader(video_path) as video:
        stock = [frame.image_rgb for frame, _ in zip(video.frames(), range(2 * FPS), strict=False)]
    there_and_back = stock + stock[-2:0:-1]  # Without a jump, which would be taken for a cut.
    before = 0.0
    for index in range(frames):
        tracker.track(there_and_back[index % len(there_and_back)])
        if index == frames // 10:
            before = resident_megabytes()
    return {"frames": frames, "growth_mb": round(resident_megabytes() - before, 1)}


def resident_megabytes() -> float:
    """Of this process; Linux only."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def mediapipe(video: Path, faces: int, *, python: str) -> dict[str, float]:
    """The same numbers of MediaPipe's video mode, in its own environment."""
    interpreter = peer_python(f"mediapipe-{MEDIAPIPE}", [f"mediapipe=={MEDIAPIPE}"], python=python)
    worker = Path(__file__).resolve().parent / "peers" / "mediapipe_video_worker.py"
    done = subprocess.run(
        [str(interpreter), str(worker), str(video), str(faces)],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    answer = json.loads(done.stdout)
    result = spread(np.array(answer["milliseconds"]))
    return {**result, "faces_a_frame": round(float(np.mean(answer["faces"])), 3)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with photos68/")
    parser.add_argument("--photos", default="afw", help="which of photos68/; another to try this script")
    parser.add_argument("--weights", default="lite", help="name of the manifest, or a file")
    parser.add_argument(
        "--beside",
        action="append",
        metavar="NAME",
        help="other weights to measure too; may be repeated (default: lite and nano)",
    )
    parser.add_argument(
        "--detector", choices=get_args(DetectorName), help="of faces; the library's own by default"
    )
    parser.add_argument("--backend", default="onnx", choices=("auto", "torch", "onnx"))
    parser.add_argument("--threads", type=int, help="as of FaceAligner3D; ONNX Runtime only")
    parser.add_argument(
        "--patience",
        type=float,
        default=120.0,
        help="seconds to wait, in all, for CPUs that are near each other; 0: measure wherever they are",
    )
    parser.add_argument("--seconds", type=float, default=20.0, help="of the videos that are timed")
    parser.add_argument("--crossing-seconds", type=float, default=60.0)
    parser.add_argument("--memory-frames", type=int, default=5000)
    parser.add_argument("--no-peer", action="store_true", help="without MediaPipe")
    parser.add_argument("--peer-python", default=sys.executable, help="makes MediaPipe's environment")
    parser.add_argument("--output", type=Path, default=RESULTS)
    args = parser.parse_args()

    names = [args.weights, *(args.beside or [name for name in PAIR if name != args.weights])]
    aligners = {
        name: FaceAligner3D(
            name, backend=args.backend, device="cpu", threads=args.threads, detector=args.detector
        )
        for name in names
    }
    aligner = aligners[args.weights]
    photos = load_photos(args.data, 4, name=args.photos)
    results: dict[str, Any] = {
        "backend": aligner.backend,
        "detector": args.detector or "default",
        "threads": args.threads or "default",
    }

    def note(name: str, numbers: dict[str, Any]) -> None:
        results[name] = numbers
        print(f"{name:68}" + ", ".join(f"{key} {value}" for key, value in numbers.items()), flush=True)

    with tempfile.TemporaryDirectory() as name:
        videos = Path(name)
        casts = {
            "one face": one_face(photos),
            "four faces": four_faces(photos),
            "at rest": at_rest(photos),
            "talking": one_talking(photos),
        }
        paths = {
            what: write_video(videos / f"{what}.mp4", pictures(cast, args.seconds))
            for what, cast in casts.items()
        }
        nearness = Nearness(patience=args.patience)
        for what in ("one face", "four faces", "talking"):
            ours = {}
            for weights, one in aligners.items():
                for way in (EVERY_FRAME, WITH_FLOW):
                    for label, limit in (("", None), (KNOWN, len(casts[what]))):
                        nearness.wait()
                        milliseconds, faces = follow(one, paths[what], max_faces=limit, **WAYS[way])
                        ours[f"{weights}, {way}{label}"] = times = spread(milliseconds)
                        note(f"{what}, {weights}, {way}{label}", {**times, **switches(casts[what], faces)})
            if not args.no_peer:
                nearness.wait()
                peer = mediapipe(paths[what], len(casts[what]), python=args.peer_python)
                note(f"{what}, MediaPipe", peer)
                for label, times in ours.items():
                    note(f"{what}, {label}, over MediaPipe", over(times, peer))
        for what in ("at rest", "one face", "talking"):
            for weights, one in aligners.items():
                for way, options in WAYS.items():
                    _, faces = follow(one, paths[what], **options)
                    note(f"quality of {what}, {weights}, {way}", quality(casts[what], faces))
        cast = four_crossing(photos)
        path = write_video(videos / "crossing.mp4", pictures(cast, args.crossing_seconds))
        note("four crossing and hiding", switches(cast, follow(aligner, path)[1]))
        note("memory", memory_growth(aligner, paths["one face"], args.memory_frames))
    content = {**provenance(args.weights), "frame": [720, 1280], "fps": FPS, "results": results}
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    print(f"wrote {args.output}")


if __name__ == "__main__":
    main()
