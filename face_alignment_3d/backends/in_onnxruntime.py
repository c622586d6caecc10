"""The cascade as an ONNX graph in ONNX Runtime; torch is not imported."""

from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.backends.session import open_session
from face_alignment_3d.networks.geometry import CascadeGeometry
from face_alignment_3d.onnx_graphs.metadata import CASCADE_FORMAT, check_metadata


class OnnxBackend:
    """A graph that ``face-alignment-3d export onnx`` wrote (a :class:`.protocol.Backend`).

    ``device`` is "auto" (CUDA where this build of ONNX Runtime has it, else the CPU), "cpu", "cuda" or
    "cuda:1". ``threads`` is how many threads share the work on a CPU; None leaves that to ONNX Runtime.

    Raises :class:`WeightsError` for a file that is missing or not such a graph, :class:`DeviceError` for a
    device that is not there and :class:`BackendError` where ONNX Runtime is not installed.
    """

    name: Final = "onnx"

    def __init__(self, graph: Path, *, device: str = "auto", threads: int | None = None) -> None:
        self._session, self._device = open_session(graph, device=device, threads=threads)
        self.metadata = check_metadata(
            self._session.get_modelmeta().custom_metadata_map, graph, expected=CASCADE_FORMAT
        )
        self.geometry = CascadeGeometry.from_metadata(self.metadata)

    @property
    def device(self) -> str:
        """ "cpu" or "cuda:<index>"."""
        return self._device

    def run(self, crops: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """(B, S, S, 3) RGB crops -> points (B, N, 3) in crop pixels and confidence (B, N) in [0, 1]."""
        xy, z, confidence = self._session.run(["points", "z", "confidence"], {"crops": crops})
        return np.concatenate([xy, z[..., None]], axis=-1), np.asarray(confidence)
