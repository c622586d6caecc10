"""MTCNN's networks in ONNX Runtime; torch is not imported."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from face_alignment_3d.backends.session import open_session
from face_alignment_3d.detection.mtcnn_stages import GRAPH_FILE_NAMES, StageInput, StageOutput, run_on_cpu
from face_alignment_3d.lazy import Lazy
from face_alignment_3d.onnx_graphs.cache import Graph, graph_folder, made_once
from face_alignment_3d.onnx_graphs.metadata import DETECTOR_FORMAT, GRAPH_VERSION, check_metadata

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


class OnnxNetworks:
    """The three stages (:class:`.mtcnn_stages.Networks`) as ONNX graphs, each opened at its first use.

    ``graph_of`` returns the path of a file that ``face-alignment-3d export onnx mtcnn`` writes, by the file's
    name, or its bytes.

    The first use raises :class:`WeightsError` for a file that is missing or not such a graph,
    :class:`DeviceError` and :class:`BackendError` as of
    :func:`face_alignment_3d.backends.session.open_session`.
    """

    def __init__(
        self, graph_of: Callable[[str], Graph], *, device: str = "auto", threads: int | None = None
    ) -> None:
        self._sessions = {
            stage: Lazy(partial(_session, graph_of, name, device, threads))
            for stage, name in GRAPH_FILE_NAMES.items()
        }

    def load(self, stages: Iterable[str]) -> None:
        """As of the protocol."""
        for stage in stages:
            self._sessions[stage]()

    def propose(
        self, level: npt.NDArray[np.uint8]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """As of the protocol."""
        return self._run("proposal", level)

    def refine(
        self, crops: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """As of the protocol."""
        return self._run("refinement", crops)

    def output(
        self, crops: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """As of the protocol."""
        return self._run("output", crops)

    def run_stage(self, inputs: Sequence[StageInput]) -> list[StageOutput]:
        """As of the protocol."""
        return [run_on_cpu(self, each) for each in inputs]

    def _run(
        self, stage: str, pixels: npt.NDArray[np.generic]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        offsets, scores = self._sessions[stage]().run(["offsets", "scores"], {"pixels": pixels})
        return np.asarray(offsets), np.asarray(scores)


def kept_graph(name: str) -> Graph:
    """The ONNX file of a stage, by its name, from the user's cache; made where it is not there."""

    def make() -> bytes:
        from face_alignment_3d.detection.mtcnn_graphs import detector_graph

        return detector_graph(name)

    path = graph_folder() / f"mtcnn-v{GRAPH_VERSION}" / name
    return made_once(path, make, command="face-alignment-3d export onnx mtcnn -o FOLDER")


def _session(
    graph_of: Callable[[str], Graph], name: str, device: str, threads: int | None
) -> "InferenceSession":
    graph = graph_of(name)
    session, _ = open_session(graph, device=device, threads=threads, varying_sizes=True)
    metadata = session.get_modelmeta().custom_metadata_map
    check_metadata(metadata, graph if isinstance(graph, Path) else Path(name), expected=DETECTOR_FORMAT)
    return session
