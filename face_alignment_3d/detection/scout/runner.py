"""The scout's network in torch or ONNX Runtime."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, Union

import numpy as np
import numpy.typing as npt

from face_alignment_3d.lazy import Lazy
from face_alignment_3d.optional import optional_import
from face_alignment_3d.weights.store import resolve_weights

if TYPE_CHECKING:
    import torch

GRAPH_FILE_NAME: Final = "scout.onnx"


class Runner(Protocol):
    """The network in some runtime; may be used from several threads."""

    def run(self, pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """(B, H, W, 3) RGB -> (B, N, 7), see :mod:`.layout`."""
        ...


class OnnxRunner:
    """In ONNX Runtime, from a graph or its bytes.

    Raises :class:`WeightsError` for a file that is missing or is not such a graph.
    """

    def __init__(self, graph: Path | bytes, *, device: str, threads: int | None) -> None:
        from face_alignment_3d.backends.session import open_session
        from face_alignment_3d.onnx_graphs.metadata import SCOUT_FORMAT, check_metadata

        self._session, _ = open_session(graph, device=device, threads=threads, varying_sizes=True)
        check_metadata(
            self._session.get_modelmeta().custom_metadata_map,
            graph if isinstance(graph, Path) else Path(GRAPH_FILE_NAME),
            expected=SCOUT_FORMAT,
        )

    def run(self, pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """As of the protocol."""
        return np.asarray(self._session.run(["cells"], {"pictures": pictures})[0])


def kept_graph(weights: str | Path, *, offline: bool | None) -> Path | bytes:
    """The ONNX file of the scout's weights: the user's cache's, where it is made if need be.

    Raises :class:`BackendError` when it has to be made and torch or a package that writes ONNX is missing.
    """
    from face_alignment_3d.onnx_graphs.cache import graph_folder, made_once
    from face_alignment_3d.onnx_graphs.metadata import GRAPH_VERSION
    from face_alignment_3d.weights.integrity import sha256_of

    path = resolve_weights(weights, offline=offline)

    def make() -> bytes:
        from face_alignment_3d.detection.scout.graph import scout_graph

        return scout_graph(path)

    name = f"scout-{sha256_of(path)[:16]}-v{GRAPH_VERSION}.onnx"
    command = f"face-alignment-3d export onnx scout -o {GRAPH_FILE_NAME}"
    return made_once(graph_folder() / name, make, command=command)


def open_runner(
    backend: str,
    *,
    device: Union[str, "torch.device"],
    weights: str | Path,
    graph: Path | None,
    threads: int | None,
    offline: bool | None,
) -> Lazy[Runner]:
    """The network, loaded when it is first asked for. Wrong arguments are refused before that."""
    if backend == "onnx":
        from face_alignment_3d.backends.session import require_device, require_graph, require_threads

        require_threads(threads)
        require_device(str(device))
        if graph is not None:
            require_graph(graph)
        return Lazy(partial(_onnx_runner, graph, weights, str(device), threads, offline), survives_fork=False)
    with optional_import("ScoutDetector with backend 'torch'"):
        from face_alignment_3d.devices import choose_device

    return Lazy(partial(_torch_runner, weights, str(choose_device(device)), offline))


def _onnx_runner(
    graph: Path | None, weights: str | Path, device: str, threads: int | None, offline: bool | None
) -> Runner:
    return OnnxRunner(
        kept_graph(weights, offline=offline) if graph is None else graph, device=device, threads=threads
    )


def _torch_runner(weights: str | Path, device: str, offline: bool | None) -> Runner:
    with optional_import("ScoutDetector with backend 'torch'"):
        import torch

        from face_alignment_3d.detection.scout.torch_runner import TorchRunner
        from face_alignment_3d.detection.scout.weights_file import load_scout
        from face_alignment_3d.torch_settings import own_loading

    with own_loading():
        network = load_scout(resolve_weights(weights, offline=offline))
    return TorchRunner(network, torch.device(device))
