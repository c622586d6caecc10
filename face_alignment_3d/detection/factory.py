"""Opens a detector by its name, in the runtime of the landmarks' backend."""

from functools import partial
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

from face_alignment_3d.backends.protocol import Backend
from face_alignment_3d.detection.protocol import FaceDetector
from face_alignment_3d.lazy import Lazy
from face_alignment_3d.optional import is_installed

if TYPE_CHECKING:
    from face_alignment_3d.detection.combined import CombinedDetector
    from face_alignment_3d.detection.mtcnn import MTCNNDetector
    from face_alignment_3d.detection.scout.detector import ScoutDetector

#: The detectors that an aligner makes by itself.
DetectorName: TypeAlias = Literal["mtcnn", "scout", "combined", "centerface"]
#: The one that it makes unless it is told.
DEFAULT_DETECTOR: Final[DetectorName] = "combined"


def open_detector(
    detector: FaceDetector | DetectorName | None, backend: Backend, *, threads: int | None
) -> FaceDetector | Lazy[FaceDetector]:
    """The detector of that name, made when it is first asked for; an object unchanged. None is the default.

    A detector by name runs on the device of ``backend`` and in its runtime; beside a backend object of the
    caller's, in a runtime that is installed. Raises ValueError for another name and for an object that is no
    detector.
    """
    if detector is None:
        detector = DEFAULT_DETECTOR
    if isinstance(detector, str):
        if detector not in get_args(DetectorName):
            raise ValueError(f"detector must be one of {', '.join(get_args(DetectorName))}; got {detector!r}")
        return Lazy(partial(_make_detector, detector, backend, threads))
    if isinstance(detector, type) or not isinstance(detector, FaceDetector):
        raise ValueError(
            "detector must be an object with a method detect(image_rgb) that returns Detections, see "
            f"face_alignment_3d.FaceDetector; got {detector!r}"
        )
    return detector


def _make_detector(name: DetectorName, backend: Backend, threads: int | None) -> FaceDetector:
    if name == "centerface":
        from face_alignment_3d.detection.centerface import CenterFaceDetector

        # The device may be one that ONNX Runtime does not have.
        device = backend.device if backend.name == "onnx" else "auto" if "cuda" in backend.device else "cpu"
        return CenterFaceDetector(device=device, threads=threads)
    detector = _any_angle_detector(name)
    if backend.name == "onnx" or not is_installed("torch"):
        device = backend.device if backend.name == "onnx" else "cpu"
        return detector(backend="onnx", device=device, threads=threads)
    return detector(device=backend.device if backend.name == "torch" else "cpu")


def _any_angle_detector(name: DetectorName) -> "type[CombinedDetector | MTCNNDetector | ScoutDetector]":
    if name == "combined":
        from face_alignment_3d.detection.combined import CombinedDetector

        return CombinedDetector
    if name == "scout":
        from face_alignment_3d.detection.scout.detector import ScoutDetector

        return ScoutDetector
    from face_alignment_3d.detection.mtcnn import MTCNNDetector

    return MTCNNDetector


def with_min_face_size(
    name: DetectorName,
    min_face_size: float | None,
    *,
    backend: Literal["torch", "onnx"],
    device: str,
    threads: int | None,
) -> FaceDetector | DetectorName:
    """The ``detector`` of an aligner that is to find faces down to that size.

    "centerface" has no such option, and stays a name.
    """
    if min_face_size is None or name == "centerface":
        return name
    return _any_angle_detector(name)(
        backend=backend, device=device, min_face_size=min_face_size, threads=threads
    )
