"""The choice of an aligner, as a value that can be sent to other processes and machines."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from face_alignment_3d.backends.factory import choose
from face_alignment_3d.cores import usable_cores
from face_alignment_3d.detection.candidate_selection import MIN_CONFIDENCE
from face_alignment_3d.detection.factory import DEFAULT_DETECTOR, DetectorName, with_min_face_size
from face_alignment_3d.errors import WeightsError
from face_alignment_3d.face import Face3D
from face_alignment_3d.paths import expanded
from face_alignment_3d.weights.integrity import sha256_of
from face_alignment_3d.weights.store import resolve_weights

if TYPE_CHECKING:
    from face_alignment_3d.backends.factory import BackendName


class BatchAligner(Protocol):
    """An aligner, as far as a batch needs one; :class:`face_alignment_3d.FaceAligner3D` is one."""

    @property
    def device(self) -> str:
        """On the device "cpu" images are aligned one by one, each in a thread."""
        ...

    def detect(self, image: npt.NDArray[np.uint8], /) -> list[Face3D]:
        """The faces of an RGB image (H, W, 3)."""
        ...

    def detect_batch(self, images: list[npt.NDArray[np.uint8]], /) -> list[list[Face3D]]:
        """The faces of several images."""
        ...


class AlignerSource(Protocol):
    """A maker of aligners, one in each process. It can be pickled."""

    def identity(self) -> dict[str, Any]:
        """Everything that results depend on, as JSON: ``weights_sha256`` is among it."""
        ...

    def usual_processes(self) -> int:
        """The number of processes that keep this machine busy."""
        ...

    def open(self, *, threads: int, index: int = 0) -> BatchAligner:
        """The aligner of the ``index``-th process of a machine, ready for work.

        On a CPU its calls, which may come from several threads, take one thread each; elsewhere ``threads``
        threads prepare the work of the device.
        """
        ...


@dataclass(frozen=True)
class AlignerOptions:
    """The arguments of :class:`face_alignment_3d.FaceAligner3D` that a batch may choose."""

    weights: str = "lite"
    backend: "BackendName" = "auto"
    device: str = "auto"
    """With torch, "auto" and "cuda" share several GPUs out among the processes of a machine."""
    detector: DetectorName = DEFAULT_DETECTOR
    min_confidence: float = MIN_CONFIDENCE
    min_face: int | None = None
    """With all detectors but "centerface": find faces down to so many pixels."""
    blendshapes: bool = False
    offline: bool | None = None

    def __post_init__(self) -> None:
        """Paths are made absolute, since other processes may have other working folders."""
        if Path(self.weights).suffix in (".safetensors", ".onnx"):
            object.__setattr__(self, "weights", str(expanded(self.weights).absolute()))

    def identity(self) -> dict[str, Any]:
        """See :class:`AlignerSource`. Device and threads are not part of it: they change last digits only.

        Raises :class:`WeightsError` for weights that are not there and cannot be downloaded.
        """
        return {
            "weights": Path(self.weights).name,
            "weights_sha256": sha256_of(self._weights_file()),
            "backend": choose(self.weights, self.backend),
            "detector": self.detector,
            "min_confidence": self.min_confidence,
            "min_face": self.min_face,
            "blendshapes": self.blendshapes,
        }

    def usual_processes(self) -> int:
        """One for each GPU that is to be used, else for each core."""
        if self.device.startswith("cuda:"):
            return 1
        if self.device in ("auto", "cuda") and choose(self.weights, self.backend) == "torch":
            import torch

            return torch.cuda.device_count() or usable_cores()
        return usable_cores()

    def open(self, *, threads: int, index: int = 0) -> BatchAligner:
        """See :class:`AlignerSource`. Sets the threads of torch's and OpenCV's calls in this process.

        Raises as :class:`face_alignment_3d.FaceAligner3D` and its first call do.
        """
        import cv2

        from face_alignment_3d.aligner import FaceAligner3D

        backend = choose(self.weights, self.backend)
        if backend == "torch":
            import torch

            from face_alignment_3d.devices import choose_device

            device = str(choose_device(self.device))
            if self.device in ("auto", "cuda") and device.startswith("cuda"):
                device = f"cuda:{index % torch.cuda.device_count()}"
        else:
            from face_alignment_3d.backends.session import choose_device as choose_onnx_device

            device = choose_onnx_device(self.device)
        threads = 1 if device == "cpu" else threads
        cv2.setNumThreads(threads)
        if backend == "torch":
            torch.set_num_threads(threads)
        threads_of_session = threads if backend == "onnx" else None
        detector = with_min_face_size(
            self.detector, self.min_face, backend=backend, device=device, threads=threads_of_session
        )
        return FaceAligner3D(
            self.weights,
            backend=backend,
            device=device,
            threads=threads_of_session,
            detector=detector,
            min_confidence=self.min_confidence,
            blendshapes=self.blendshapes,
            offline=self.offline,
        ).load()

    def _weights_file(self) -> Path:
        if not self.weights.endswith(".onnx"):
            return resolve_weights(self.weights, offline=self.offline)
        path = Path(self.weights)
        if not os.path.isfile(path):  # noqa: PTH113
            raise WeightsError(
                f"there is no weight file {path}; check the path, or pass a name of the manifest"
            )
        return path
