"""The scout's network in torch or ONNX Runtime."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, Union

import numpy as np
import numpy.typing as npt

from face_alignment_3d.lazy import Lazy
from face_alignment_3d.optional import optional_import
from face_alignment_3d.weights.safetensors_file import read_weight_file
from face_alignment_3d.weights.store import PinnedWeights, pinned_weights

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

    Raises :class:`WeightsError` for a file that is missing or is not such a graph, or one of other weights
    than those with ``weights_sha256``.
    """

    def __init__(
        self, graph: Path | bytes, *, device: str, threads: int | None, weights_sha256: str | None = None
    ) -> None:
        from face_alignment_3d.backends.session import open_session
        from face_alignment_3d.onnx_graphs.metadata import SCOUT_FORMAT, check_metadata

        self._session, _ = open_session(graph, device=device, threads=threads, varying_sizes=True)
        check_metadata(
            self._session.get_modelmeta().custom_metadata_map,
            graph if isinstance(graph, Path) else Path(GRAPH_FILE_NAME),
            expected=SCOUT_FORMAT,
            weights_sha256=weights_sha256,
        )

    def run(self, pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """As of the protocol."""
        return np.asarray(self._session.run(["cells"], {"pictures": pictures})[0])


def kept_graph(weights: PinnedWeights) -> Path | bytes:
    """The ONNX file of the scout's weights: the user's cache's, where it is made if need be.

    Raises :class:`BackendError` when it has to be made and torch or a package that writes ONNX is missing.
    """
    from face_alignment_3d.onnx_graphs.cache import graph_folder, made_once
    from face_alignment_3d.onnx_graphs.metadata import GRAPH_VERSION

    def make() -> bytes:
        from face_alignment_3d.detection.scout.graph import scout_graph

        return scout_graph(weights.path, sha256=weights.sha256)

    name = f"scout-{weights.sha256[:16]}-v{GRAPH_VERSION}.onnx"
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
    if graph is not None:
        return OnnxRunner(graph, device=device, threads=threads)
    pinned = pinned_weights(weights, offline=offline)
    return OnnxRunner(kept_graph(pinned), device=device, threads=threads, weights_sha256=pinned.sha256)


def _torch_runner(weights: str | Path, device: str, offline: bool | None) -> Runner:
    with optional_import("ScoutDetector with backend 'torch'"):
        import torch

        from face_alignment_3d.detection.scout.torch_runner import TorchRunner
        from face_alignment_3d.detection.scout.weights_file import load_scout
        from face_alignment_3d.torch_settings import own_loading

    with own_loading():
        path, sha256 = pinned_weights(weights, offline=offline)
        network = load_scout(read_weight_file(path, sha256=sha256))
    return TorchRunner(network, torch.device(device))
