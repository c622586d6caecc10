"""The default detector: MTCNN with the weights that facenet-pytorch's wheel carries."""

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, Union

import cv2
import numpy as np
import numpy.typing as npt

from face_alignment_3d.crop import Crop, rescale
from face_alignment_3d.detection.calibration import BoxCalibration
from face_alignment_3d.detection.mtcnn_stages import SMALLEST_POSSIBLE, Networks, search
from face_alignment_3d.detection.overlap import without_duplicates
from face_alignment_3d.detection.protocol import Detection
from face_alignment_3d.errors import BackendError, ImageError
from face_alignment_3d.optional import optional_import

if TYPE_CHECKING:
    import torch

#: MTCNN's boxes start above the brows. Estimated on training photos by ``benchmarks/calibrate_boxes.py``.
MTCNN_BOXES: Final = BoxCalibration(shift_x=0.016, shift_y=0.135, scale_x=1.031, scale_y=0.767)

#: In degrees. 0 is no repetition: the copies have a margin, without which faces that fill the photo are
#: missed. Finer steps find hardly more faces and mistake more things for one.
ROTATIONS: Final = (0.0, 30.0, -30.0, 90.0, -90.0, 180.0)

#: Smallest side of a face, in pixels of the photo as searched.
_SMALLEST: Final = 20.0
#: Faces smaller than this in the photo as given, as MTCNN measures them, are not looked for unless asked for:
#: there is little in them to align, and to find them takes more than half of the search's time.
_LEAST_TO_ALIGN: Final = 32.0
#: Smaller faces would have to be enlarged more than twice to be found, and have nothing to align in them.
_LEAST_MIN_FACE_SIZE: Final = 10
#: A photo without a face that reaches this score is searched again on rotated copies. Nearly all upright
#: faces reach it; heads that lean by 50 degrees or more, and are found nonetheless, mostly do not.
_SURE: Final = 0.95
#: Of the smaller box's area, in common with a better one.
_DUPLICATE_SHARE: Final = 0.6


class MTCNNDetector:
    """Finds faces with MTCNN (a :class:`face_alignment_3d.FaceDetector`); may be used from several threads.

    ``max_side``: the photo is reduced for the search until its longer side has at most this many pixels; None
    searches it at full size. A face must be about 20 pixels high after that to be found.

    ``min_face_size``: the smallest face to look for, in pixels of the photo as given. It overrides
    ``max_side`` where faces of that size would be lost; the search then takes time and memory in proportion
    to the photo's pixels. None is 32 pixels, or what ``max_side`` leaves.

    ``threshold``: the lowest score of a face that is returned, in [0, 1].

    ``rotations``: in degrees; the ways in which a photo is turned when no face in it is certain, since MTCNN
    misses heads that lean by more than about 45 degrees. The turned copy with the surest face counts. This
    costs as many more searches on photos without faces; an empty sequence forgoes it.

    ``backend``: "torch", or "onnx", which is ONNX Runtime and imports no torch, except once, to make the
    three graphs, which are then kept in the cache folder. Boxes agree to a hundredth of a pixel. ``graphs``:
    with "onnx", a folder that ``face-alignment-3d export onnx mtcnn`` wrote, in place of the cache;
    ``threads``: with "onnx", how many threads share the work of a CPU.

    ``device``: as of the aligner; in place of MPS, which lacks operations that this needs, the CPU is used.
    ``calibration``: from MTCNN's boxes to reference boxes.

    Raises :class:`BackendError` where the runtime is not installed, :class:`DeviceError` for a device that is
    not there and :class:`WeightsError` for ``graphs`` that are none.
    """

    def __init__(
        self,
        *,
        backend: Literal["torch", "onnx"] = "torch",
        device: Union[str, "torch.device"] = "cpu",
        graphs: str | os.PathLike[str] | None = None,
        threads: int | None = None,
        max_side: int | None = 640,
        min_face_size: float | None = None,
        threshold: float = 0.9,
        rotations: Sequence[float] = ROTATIONS,
        calibration: BoxCalibration = MTCNN_BOXES,
    ) -> None:
        if max_side is not None and max_side < SMALLEST_POSSIBLE:
            raise ValueError(f"max_side must be None or at least {SMALLEST_POSSIBLE} pixels; got {max_side}")
        if min_face_size is not None and not min_face_size >= _LEAST_MIN_FACE_SIZE:
            raise ValueError(
                f"min_face_size must be None or at least {_LEAST_MIN_FACE_SIZE} pixels; got {min_face_size}"
            )
        if not 0 <= threshold <= 1:
            raise ValueError(f"threshold must lie in [0, 1]; got {threshold}")
        self.max_side = max_side
        self.min_face_size = min_face_size
        self.threshold = threshold
        self.rotations = tuple(rotations)
        self.calibration = calibration
        self._networks = _networks(backend, device, graphs, threads)

    def detect(self, image_rgb: npt.NDArray[np.uint8]) -> list[Detection]:
        """The faces of an (H, W, 3) uint8 RGB image, surest first; boxes in image pixels, possibly beyond it.

        Raises :class:`face_alignment_3d.ImageError` for any other array.
        """
        if image_rgb.dtype != np.uint8 or image_rgb.ndim != 3 or image_rgb.shape[2] != 3:
            raise ImageError(
                "detectors expect an (H, W, 3) uint8 RGB array; "
                f"got {image_rgb.dtype} {image_rgb.shape}: see face_alignment_3d.images.as_rgb"
            )
        searched, smallest = self._reduced(image_rgb)
        found = self._search_upright(searched, smallest)
        if found.best < _SURE:
            turned = (self._search_turned(searched, smallest, degrees) for degrees in self.rotations)
            found = max((found, *turned), key=lambda result: result.best)
        scale_x, scale_y = np.divide(image_rgb.shape[1::-1], searched.shape[1::-1])
        boxes = found.boxes.copy()
        boxes[:, 0::2] = rescale(boxes[:, 0::2], scale_x)
        boxes[:, 1::2] = rescale(boxes[:, 1::2], scale_y)
        return [
            Detection(box.astype(np.float32), float(score), found.roll)
            for box, score in zip(boxes, found.scores, strict=True)
        ]

    def _reduced(self, image_rgb: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.uint8], float]:
        """The photo at the size to search it at, and the smallest face there, in its pixels."""
        height, width = image_rgb.shape[:2]
        scale = 1.0 if self.max_side is None else min(1.0, self.max_side / max(height, width))
        smallest = max(_SMALLEST, _LEAST_TO_ALIGN * scale)
        if self.min_face_size is not None:
            scale = max(scale, _SMALLEST / self.min_face_size)
            smallest = self.min_face_size * scale
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        if size == (width, height):
            return image_rgb, smallest
        interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(image_rgb, size, interpolation=interpolation), dtype=np.uint8), smallest

    def _search_upright(self, image_rgb: npt.NDArray[np.uint8], smallest: float) -> "_Found":
        """Faces (reference boxes in pixels of this image) that stand upright in it."""
        edges, scores = search(self._networks, image_rgb, smallest=smallest, last_threshold=self.threshold)
        kept = without_duplicates(edges, scores, share=_DUPLICATE_SHARE)
        return _Found(self.calibration.apply(edges[kept] - 0.5), scores[kept], 0.0)

    def _search_turned(self, image_rgb: npt.NDArray[np.uint8], smallest: float, degrees: float) -> "_Found":
        """Faces that lean by ``degrees``, clockwise on screen."""
        height, width = image_rgb.shape[:2]
        if min(height, width) < SMALLEST_POSSIBLE:
            return _NOTHING
        diagonal = math.ceil(math.hypot(height, width))
        roll = math.radians(degrees)
        copy = Crop((width - 1) / 2, (height - 1) / 2, diagonal, diagonal, roll)
        found = self._search_upright(copy.sample(image_rgb), smallest)
        return _Found(_turned_boxes(found.boxes, copy), found.scores, roll)


def _networks(
    backend: str,
    device: Union[str, "torch.device"],
    graphs: str | os.PathLike[str] | None,
    threads: int | None,
) -> Networks:
    if backend == "onnx":
        from face_alignment_3d.detection.mtcnn_onnx import OnnxNetworks, graph_files
        from face_alignment_3d.onnx_graphs.cache import detector_graph_files

        files = detector_graph_files() if graphs is None else graph_files(Path(graphs).expanduser())
        return OnnxNetworks(files, device=str(device), threads=threads)
    if backend != "torch":
        raise BackendError(f"backend must be 'torch' or 'onnx'; got {backend!r}")
    if graphs is not None or threads is not None:
        raise BackendError("graphs and threads are for backend 'onnx'; leave them out with backend 'torch'")
    with optional_import("MTCNNDetector with backend 'torch'"):
        import torch

        from face_alignment_3d.detection.mtcnn_torch import TorchNetworks
        from face_alignment_3d.devices import choose_device

    chosen = choose_device(device)
    return TorchNetworks(torch.device("cpu") if chosen.type == "mps" else chosen)


class _Found(NamedTuple):
    """The faces of one search."""

    boxes: npt.NDArray[np.float64]
    scores: npt.NDArray[np.float64]
    roll: float

    @property
    def best(self) -> float:
        return float(self.scores.max(initial=0.0))


_NOTHING: Final = _Found(np.zeros((0, 4)), np.zeros(0), 0.0)


def _turned_boxes(boxes_copy: npt.NDArray[np.float64], copy: Crop) -> npt.NDArray[np.float64]:
    """Upright boxes (F, 4) in a turned copy -> upright boxes around the same faces in the image.

    The bounding box of the ellipse inside the box, for a face is round: the box of the turned corners would
    be half as large again at 45 degrees.
    """
    center = copy.to_image((boxes_copy[:, :2] + boxes_copy[:, 2:]) / 2)
    half_x, half_y = (boxes_copy[:, 2:] - boxes_copy[:, :2]).T / 2 * copy.scale
    cosine, sine = math.cos(copy.angle), math.sin(copy.angle)
    half = np.stack(
        [np.hypot(half_x * cosine, half_y * sine), np.hypot(half_x * sine, half_y * cosine)], axis=1
    )
    return np.concatenate([center - half, center + half], axis=1)
