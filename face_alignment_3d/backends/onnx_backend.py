"""The cascade as an ONNX graph in ONNX Runtime; torch is not imported."""

from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from face_alignment_3d.backends.cores import usable_cores
from face_alignment_3d.backends.parallel import even_parts, shared_out
from face_alignment_3d.backends.protocol import Crops
from face_alignment_3d.backends.session import open_session
from face_alignment_3d.networks.geometry import CascadeGeometry
from face_alignment_3d.onnx_graphs.metadata import CASCADE_FORMAT, check_metadata

if TYPE_CHECKING:
    import onnxruntime

_Outputs: TypeAlias = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]

#: Faces for each thread from which a batch is worth sharing out; with fewer there is nothing to gain.
_LEAST: Final = 2
#: Faces that a thread has in the network at a time: more are no faster, and their maps need memory.
_MOST: Final = 8


class OnnxBackend:
    """A graph that ``face-alignment-3d export onnx`` wrote (a :class:`.protocol.Backend`).

    ``device`` is "auto" (CUDA where this build of ONNX Runtime has it, else the CPU), "cpu", "cuda" or
    "cuda:1". ``threads`` is how many threads share the work on a CPU; None takes as many as there are
    physical cores that the process may use.

    On a CPU a few faces are one run of ONNX Runtime, in which all threads work on each layer. Batches of at
    least twice the threads are shared out: each thread makes some of the crops and runs them by itself, at
    most 8 at a time, in a second session, which is opened at the first such batch. (Should the file be gone
    or another by then, such batches are one run as well.) Points are the same to 0.0001 crop pixels.

    Raises :class:`WeightsError` for a file that is missing or not such a graph, :class:`DeviceError` for a
    device that is not there and :class:`BackendError` where ONNX Runtime is not installed.
    """

    name: Final = "onnx"

    def __init__(self, graph: Path | bytes, *, device: str = "auto", threads: int | None = None) -> None:
        if isinstance(graph, Path):
            graph = graph.absolute()  # The second session may be opened when the current folder is another.
        self._session, self._device = open_session(graph, device=device, threads=threads)
        self._graph, self._state = graph, _state(graph)
        self._threads = usable_cores() if threads is None else threads
        self._single: onnxruntime.InferenceSession | None = self._session if self._threads == 1 else None
        self._opening = Lock()
        name = graph if isinstance(graph, Path) else Path("graph in memory")
        self.metadata = check_metadata(
            self._session.get_modelmeta().custom_metadata_map, name, expected=CASCADE_FORMAT
        )
        self.geometry = CascadeGeometry.from_metadata(self.metadata)

    @property
    def device(self) -> str:
        """ "cpu" or "cuda:<index>"."""
        return self._device

    def run(self, crops: Crops) -> _Outputs:
        """B RGB crops -> points (B, N, 3) in crop pixels and confidence (B, N) in [0, 1]."""
        count = len(crops)
        single = None
        if self._device == "cpu" and count >= _LEAST * self._threads:
            single = self._single_threaded()
        if single is None:
            return _run(self._session, crops[:])
        # The rest, too few for each thread to have one, is done sooner by all threads together.
        even = count - count % self._threads
        outputs = shared_out(
            lambda part: _run(single, crops[part]),
            even_parts(even, threads=self._threads, most=_MOST),
            threads=self._threads,
        )
        if even < count:
            outputs.append(_run(self._session, crops[even:]))
        points, confidence = zip(*outputs, strict=True)
        return np.concatenate(points), np.concatenate(confidence)

    def _single_threaded(self) -> "onnxruntime.InferenceSession | None":
        """The session of which each thread makes runs of its own; None when the file is not what it was."""
        with self._opening:
            if self._single is None and _state(self._graph) == self._state:
                self._single, _ = open_session(self._graph, device="cpu", threads=1)
            return self._single


def _run(session: "onnxruntime.InferenceSession", crops: npt.NDArray[np.uint8]) -> _Outputs:
    xy, z, confidence = session.run(["points", "z", "confidence"], {"crops": crops})
    return np.concatenate([xy, z[..., None]], axis=-1), np.asarray(confidence)


def _state(file: Path | bytes) -> tuple[int, int] | None:
    """What changes when a file is written anew; None when there is none."""
    if isinstance(file, bytes):
        return len(file), 0
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
