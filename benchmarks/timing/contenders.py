"""The contenders of the speed benchmark, and the command that starts each."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from peers.environment import CACHE, peer_python
from peers.mediapipe_faces import VERSION as MEDIAPIPE

FACE_ALIGNMENT = "1.5.0"
GROUPS = ("ours", "mediapipe", "face-alignment")
_WORKERS = Path(__file__).resolve().parent.parent / "speed_workers"

#: Tasks as the tables call them, in their order. The name before a number is the worker's.
TASKS = {
    "crop": "one face, from its crop",
    "box": "one face in a photo of 640 px, box given",
    "photo 250": "photo of 250 px, with detection",
    "photo 640": "photo of 640 px, with detection",
    "photo 1280": "photo of 1280 px, with detection",
    "batch 1": "batch of 1, boxes given, a face",
    "batch 8": "batch of 8, boxes given, a face",
    "batch 32": "batch of 32, boxes given, a face",
}
_PHOTOS = ("photo 250", "photo 640", "photo 1280")
_BATCHES = ("batch 1", "batch 8", "batch 32")


@dataclass(frozen=True)
class Contender:
    """A process that is measured."""

    group: str
    label: str
    place: str
    """The place of its computation: "1 thread", "2 threads", "CUDA"."""
    command: tuple[str, ...]
    tasks: tuple[str, ...]
    threads: int | None
    """The number of threads; None: the contender decides."""
    note: str = ""
    environment: dict[str, str] = field(default_factory=dict, hash=False)

    @property
    def name(self) -> str:
        return f"{self.label}, {self.place}"


def place_of(threads: int) -> str:
    """ "1 thread", "2 threads"."""
    return f"{threads} thread{'s' if threads > 1 else ''}"


def ours(
    weights: str, threads: Sequence[int], *, cuda: bool, beside: Sequence[str] = ()
) -> Iterator[Contender]:
    """This library: both runtimes, each number of threads, and CUDA; of the weights ``beside``, ONNX Runtime
    alone."""
    script = str(_WORKERS / "ours.py")
    tasks = tuple(TASKS)
    for runtime in ("onnx", "torch"):
        base: tuple[str, ...] = (sys.executable, script, "--weights", weights, "--backend", runtime)
        for number in threads:
            command = (*base, "--threads", str(number))
            place = place_of(number)
            yield Contender("ours", f"ours, {runtime}", place, command, tasks, number)
    for name in beside:
        base = (sys.executable, script, "--weights", name, "--backend", "onnx")
        for number in threads:
            command = (*base, "--threads", str(number))
            yield Contender("ours", f"ours, {name}, onnx", place_of(number), command, tasks, number)
    if cuda:
        base = (sys.executable, script, "--weights", weights, "--backend", "torch", "--device", "cuda")
        for dtype in ("float32", "bfloat16"):
            label = "ours, torch" if dtype == "float32" else f"ours, torch, {dtype}"
            command = (*base, "--dtype", dtype)
            yield Contender("ours", label, "CUDA", command, tasks, None)


def mediapipe(threads: Sequence[int], *, python: str) -> Iterator[Contender]:
    """MediaPipe's Face Mesh, with and without the refinement of eyes and lips; it has no batches, and no CUDA
    from Python. Makes its environment. Raises CalledProcessError where that fails."""
    interpreter = peer_python(f"mediapipe-{MEDIAPIPE}", [f"mediapipe=={MEDIAPIPE}"], python=python)
    note = "`one face` is a frame of a video whose face it tracks from the frame before; it takes no boxes"
    for refine in (False, True):
        label = f"MediaPipe {MEDIAPIPE}" + (", refined" if refine else "")
        for number in threads:
            script = str(_WORKERS / "mediapipe_mesh.py")
            refining = ("--refine",) if refine else ()
            command = (str(interpreter), script, "--threads", str(number), *refining)
            yield Contender("mediapipe", label, place_of(number), command, ("box", *_PHOTOS), number, note)


def face_alignment(threads: Sequence[int], *, cuda: bool, compiled: bool) -> Iterator[Contender]:
    """face-alignment's 3D networks with random weights. Makes an environment for it, which shares this one's
    torch: the same build for both. Raises CalledProcessError where that fails."""
    requirements = [f"face-alignment=={FACE_ALIGNMENT}"]
    interpreter = peer_python(f"face-alignment-{FACE_ALIGNMENT}", requirements, shares_packages=True)
    compiling = ("--compile",) if compiled else ()
    base = (str(interpreter), str(_WORKERS / "face_alignment_random.py"), *compiling)
    environment = {}
    if compiled:
        environment["TORCHINDUCTOR_CACHE_DIR"] = str(CACHE / "compiled")
    note = (
        "random weights in its own classes (4 stacks at 256 px run twice, then depth), since the real ones "
        "have to be fetched from a server; its crop is the networks alone; with detection it is S3FD's "
        "network without candidates plus the landmarks of the given box, so a lower bound; "
        f"torch.compile {'on, its default' if compiled else 'off, which is not its default'}"
    )
    label = f"face-alignment {FACE_ALIGNMENT}"
    for number in threads:
        # Minutes a call with one thread.
        tasks = ("crop", "box", *_PHOTOS, *(_BATCHES if number == max(threads) else ()))
        command = (*base, "--threads", str(number))
        yield Contender("face-alignment", label, place_of(number), command, tasks, number, note, environment)
    if cuda:
        command = (*base, "--device", "cuda")
        tasks = ("crop", "box", *_PHOTOS, *_BATCHES)
        yield Contender("face-alignment", label, "CUDA", command, tasks, None, note, environment)


def arithmetic(threads: Sequence[int]) -> Iterator[Contender]:
    """The machine itself, for the floor."""
    tasks = tuple(
        f"{runtime}, {kind}" for runtime in ("torch", "ONNX Runtime") for kind in ("product", "convolution")
    )
    for number in threads:
        command = (sys.executable, str(_WORKERS / "arithmetic.py"), "--threads", str(number))
        yield Contender("arithmetic", "arithmetic", place_of(number), command, tasks, number)


def invited(
    groups: Sequence[str],
    weights: str,
    threads: Sequence[int],
    *,
    cuda: bool,
    compiled: bool,
    mediapipe_python: str,
    beside: Sequence[str] = (),
) -> tuple[list[Contender], dict[str, str]]:
    """The contenders of ``groups``, and the reason for each group that cannot be measured."""
    makers = {
        "ours": lambda: ours(weights, threads, cuda=cuda, beside=beside),
        "mediapipe": lambda: mediapipe(threads, python=mediapipe_python),
        "face-alignment": lambda: face_alignment(threads, cuda=cuda, compiled=compiled),
    }
    contenders: list[Contender] = []
    absent = {}
    for group in groups:
        try:
            contenders += makers[group]()
        except (subprocess.CalledProcessError, OSError) as error:
            absent[group] = f"its environment could not be made: {error}"
    return contenders, absent
