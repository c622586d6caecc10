"""The cascade as an ONNX graph in ONNX Runtime; torch is not imported."""

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.backends.parallel import even_parts, shared_out
from face_alignment_3d.backends.protocol import CascadeOutput, Crops
from face_alignment_3d.backends.session import (
    choose_device,
    open_session,
    require_device,
    require_graph,
    require_threads,
)
from face_alignment_3d.cores import usable_cores
from face_alignment_3d.lazy import Lazy
from face_alignment_3d.networks.geometry import CascadeGeometry
from face_alignment_3d.onnx_graphs.metadata import CASCADE_FORMAT, check_metadata
from face_alignment_3d.paths import expanded
from face_alignment_3d.weights.requirement import require_weights
from face_alignment_3d.weights.store import pinned_weights

if TYPE_CHECKING:
    import onnxruntime

#: Faces for each thread from which a batch is worth sharing out; with fewer there is nothing to gain.
_LEAST: Final = 2
#: Faces that a thread has in the network at a time: more are no faster, and their maps need memory.
_MOST: Final = 8


class OnnxBackend:
    """A cascade's graph in ONNX Runtime (a :class:`.protocol.Backend`).

    ``weights`` is the path of a graph that ``face-alignment-3d export onnx`` wrote, or a name or
    ``.safetensors`` file whose graph is made at the first use, by torch, and kept in the cache folder.
    ``device`` is "auto" (CUDA where this build of ONNX Runtime has it, else the CPU), "cpu", "cuda" or
    "cuda:1". ``threads`` is how many threads share the work on a CPU; None takes as many as there are
    physical cores that the process may use.

    On a CPU a few faces are one run of ONNX Runtime, in which all threads work on each layer. Batches of at
    least twice the threads are shared out: each thread makes some of the crops and runs them by itself, at
    most 8 at a time, in a second session, which is opened at the first such batch. (Should the file be gone
    or another by then, such batches are one run as well.) Points are the same to 0.0001 crop pixels.

    The graph is loaded at the first use; forks, pickles and copies load it anew.

    Raises :class:`WeightsError` for a missing file, :class:`DeviceError` for a device that is not there,
    :class:`BackendError` where ONNX Runtime is not installed and ValueError unless ``threads`` is None or a
    whole number from 1 to 1024; at the first use :class:`WeightsError` for a file that is no such graph.
    """

    name: Final = "onnx"

    def __init__(
        self,
        weights: str | os.PathLike[str],
        *,
        device: str = "auto",
        threads: int | None = None,
        offline: bool | None = None,
    ) -> None:
        require_threads(threads)
        require_device(device)
        self._device = device  # "auto" is looked for at each use, as a pickle may come to another machine.
        self._sessions = Lazy(
            partial(_open, _required(weights, offline), device, threads, offline), survives_fork=False
        )

    @property
    def device(self) -> str:
        """The device: "cpu" or "cuda:<index>"."""
        return choose_device(self._device)

    @property
    def geometry(self) -> CascadeGeometry:
        """The sizes of its crops and outputs."""
        return self._sessions().geometry

    @property
    def metadata(self) -> Mapping[str, str]:
        """The metadata in the graph's file."""
        return self._sessions().metadata

    def run(self, crops: Crops) -> CascadeOutput:
        """Runs the cascade on B RGB crops, uint8 (B, S, S, 3)."""
        return self._sessions().run(crops)


def _required(weights: str | os.PathLike[str], offline: bool | None) -> str | Path:
    """The absolute path of an existing graph; anything else as of :func:`require_weights`."""
    if not isinstance(weights, (str, os.PathLike)) or Path(weights).suffix != ".onnx":
        return require_weights(weights, kind="cascade", offline=offline)
    graph = expanded(weights).absolute()
    require_graph(graph)
    return graph


def _open(weights: str | Path, device: str, threads: int | None, offline: bool | None) -> "_Sessions":
    if isinstance(weights, Path) and weights.suffix == ".onnx":
        return _Sessions(weights, device=device, threads=threads)
    from face_alignment_3d.onnx_graphs.cache import cascade_graph_file

    pinned = pinned_weights(weights, offline=offline)
    graph = cascade_graph_file(pinned)
    return _Sessions(graph, device=device, threads=threads, weights_sha256=pinned.sha256)


class _Sessions:
    """An open graph: a session that runs on all threads, and one in which each thread makes its own runs.

    The second is opened at the first large batch.
    """

    def __init__(
        self, graph: Path | bytes, *, device: str, threads: int | None, weights_sha256: str | None = None
    ) -> None:
        self._session, self._device = open_session(graph, device=device, threads=threads)
        self._names = [output.name for output in self._session.get_outputs()]
        self._graph, self._state = graph, _state(graph)
        self._threads = usable_cores() if threads is None else int(threads)
        self._single: onnxruntime.InferenceSession | None = self._session if self._threads == 1 else None
        self._opening = Lock()
        name = graph if isinstance(graph, Path) else Path("graph in memory")
        self.metadata = check_metadata(
            self._session.get_modelmeta().custom_metadata_map,
            name,
            expected=CASCADE_FORMAT,
            weights_sha256=weights_sha256,
        )
        self.geometry = CascadeGeometry.from_metadata(self.metadata)

    def run(self, crops: Crops) -> CascadeOutput:
        count = len(crops)
        single = None
        if self._device == "cpu" and count >= _LEAST * self._threads:
            single = self._single_threaded()
        if single is None:
            return _run(self._session, self._names, crops[:])
        # The rest, too few for each thread to have one, is done sooner by all threads together.
        even = count - count % self._threads
        outputs = shared_out(
            lambda part: _run(single, self._names, crops[part]),
            even_parts(even, threads=self._threads, most=_MOST),
            threads=self._threads,
        )
        if even < count:
            outputs.append(_run(self._session, self._names, crops[even:]))
        points, confidence, visibility = zip(*outputs, strict=True)
        return CascadeOutput(
            np.concatenate(points),
            np.concatenate(confidence),
            None if visibility[0] is None else np.concatenate(visibility),
        )

    def _single_threaded(self) -> "onnxruntime.InferenceSession | None":
        """The session in which each thread makes runs of its own; None when the file has changed since."""
        with self._opening:
            if self._single is None and _state(self._graph) == self._state:
                self._single, _ = open_session(self._graph, device="cpu", threads=1)
            return self._single


def _run(
    session: "onnxruntime.InferenceSession", names: Sequence[str], crops: npt.NDArray[np.uint8]
) -> CascadeOutput:
    found = dict(zip(names, session.run(names, {"crops": crops}), strict=True))
    points = np.concatenate([found["points"], found["z"][..., None]], axis=-1)
    return CascadeOutput(points, found["confidence"], found.get("visibility"))


def _state(file: Path | bytes) -> tuple[int, int] | None:
    """Size and modification time of a file; None when there is none."""
    if isinstance(file, bytes):
        return len(file), 0
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
