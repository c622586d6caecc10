"""MTCNN's networks in ONNX Runtime; torch is not imported."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from face_alignment_3d.backends.session import open_session
from face_alignment_3d.detection.mtcnn_stages import GRAPH_FILE_NAMES, StageInput, StageOutput, run_on_cpu
from face_alignment_3d.onnx_graphs.cache import Graph, graph_folder, made_once
from face_alignment_3d.onnx_graphs.metadata import DETECTOR_FORMAT, GRAPH_VERSION, check_metadata


def graph_files(folder: Path) -> Mapping[str, Path]:
    """File name -> path of each stage's file in ``folder``."""
    return {name: folder / name for name in GRAPH_FILE_NAMES.values()}


class OnnxNetworks:
    """The three stages (:class:`.mtcnn_stages.Networks`) as ONNX graphs.

    ``graphs`` are the paths, by file name, of the files that ``face-alignment-3d export onnx mtcnn`` writes,
    or their bytes.

    Raises :class:`WeightsError` for files that are missing or not such graphs, :class:`DeviceError` and
    :class:`BackendError` as of :func:`face_alignment_3d.backends.session.open_session`.
    """

    def __init__(
        self, graphs: Mapping[str, Path | bytes], *, device: str = "auto", threads: int | None = None
    ) -> None:
        self._sessions = {}
        for stage, name in GRAPH_FILE_NAMES.items():
            session, _ = open_session(graphs[name], device=device, threads=threads, varying_sizes=True)
            metadata, graph = session.get_modelmeta().custom_metadata_map, graphs[name]
            check_metadata(
                metadata, graph if isinstance(graph, Path) else Path(name), expected=DETECTOR_FORMAT
            )
            self._sessions[stage] = session

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
        offsets, scores = self._sessions[stage].run(["offsets", "scores"], {"pixels": pixels})
        return np.asarray(offsets), np.asarray(scores)


def kept_graphs() -> Mapping[str, Graph]:
    """File name -> ONNX file of each of the networks, from the user's cache; made where it lacks them."""
    folder = graph_folder() / f"mtcnn-v{GRAPH_VERSION}"
    made: dict[str, bytes] = {}

    def make(name: str) -> bytes:
        if not made:
            from face_alignment_3d.detection.mtcnn_graphs import detector_graphs

            made.update(detector_graphs())
        return made[name]

    command = "face-alignment-3d export onnx mtcnn -o FOLDER"
    return {
        name: made_once(folder / name, partial(make, name), command=command)
        for name in GRAPH_FILE_NAMES.values()
    }
