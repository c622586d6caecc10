"""The default detector: MTCNN with the weights that facenet-pytorch's wheel carries."""

import math
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Union

import numpy as np
import numpy.typing as npt

from face_alignment_3d.detection.calibration import BoxCalibration
from face_alignment_3d.detection.mtcnn_stages import (
    GRAPH_FILE_NAMES,
    Found,
    Networks,
    search,
    search_together,
    verify,
)
from face_alignment_3d.detection.oriented_boxes import OrientedBoxes
from face_alignment_3d.detection.proposals import FIELD
from face_alignment_3d.detection.protocol import Detection, LazyDetector, check_image
from face_alignment_3d.detection.resizing import Octaves, boxes_in_photo, resized, search_scale
from face_alignment_3d.errors import BackendError
from face_alignment_3d.lazy import Lazy
from face_alignment_3d.optional import optional_import
from face_alignment_3d.paths import expanded

if TYPE_CHECKING:
    import torch

#: MTCNN's boxes start above the brows. Estimated on training photos by ``benchmarks/calibrate_boxes.py``.
MTCNN_BOXES: Final = BoxCalibration(shift_x=0.016, shift_y=0.135, scale_x=1.031, scale_y=0.767)

#: Photos that are searched together on a GPU.
_TOGETHER: Final = 16
#: Smallest side of a face, in pixels of the photo as searched.
_SMALLEST: Final = 20.0
#: Faces smaller than this in the photo as given, as MTCNN measures them, are not looked for unless asked for:
#: there is little in them to align, and to find them takes more than half of the search's time.
_LEAST_TO_ALIGN: Final = 32.0
#: Smaller faces would have to be enlarged more than twice to be found, and have nothing to align in them.
_LEAST_MIN_FACE_SIZE: Final = 10


class MTCNNDetector(LazyDetector):
    """Finds faces with MTCNN (a :class:`face_alignment_3d.FaceDetector`); may be used from several threads.

    It returns candidates: one face may come up to three times, at different angles, and some are no faces.
    :class:`face_alignment_3d.FaceAligner3D` chooses among them with its network.

    ``max_side``: the photo is reduced for the search until its longer side, or twice its shorter one, has at
    most this many pixels; None searches it at full size. A face must be about 20 pixels high after that to be
    found.

    ``min_face_size``: the smallest face to look for, in pixels of the photo as given. It overrides
    ``max_side`` where faces of that size would be lost; the search then takes time and memory in proportion
    to the photo's pixels. None is 32 pixels, or what ``max_side`` leaves.

    ``threshold``: the lowest score of a face that is returned, in [0, 1].

    ``any_angle``: heads are looked for at all angles in the image plane. False looks for upright ones only
    (up to about 45 degrees), which takes about half the time.

    ``backend``: "torch", or "onnx", which is ONNX Runtime and imports no torch, except once, to make the
    three graphs, which are then kept in the cache folder. Boxes agree to a hundredth of a pixel. ``graphs``:
    with "onnx", a folder that ``face-alignment-3d export onnx mtcnn`` wrote, in place of the cache;
    ``threads``: with "onnx", how many threads share the work of a CPU.

    ``device``: as of the aligner; in place of MPS, which lacks operations that this needs, the CPU is used.
    ``calibration``: from MTCNN's boxes to reference boxes.

    The networks are loaded at the first use, or by :meth:`load`; pickles, copies and, with "onnx", forks load
    them anew.

    Raises :class:`BackendError` where the runtime is not installed, :class:`DeviceError` for a device that is
    not there and :class:`WeightsError` for ``graphs`` without the three files; the first use raises it for
    files that are no such graphs.
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
        threshold: float = 0.6,
        any_angle: bool = True,
        calibration: BoxCalibration = MTCNN_BOXES,
    ) -> None:
        if max_side is not None and max_side < FIELD:
            raise ValueError(f"max_side must be None or at least {FIELD} pixels; got {max_side}")
        if min_face_size is not None and not min_face_size >= _LEAST_MIN_FACE_SIZE:
            raise ValueError(
                f"min_face_size must be None or at least {_LEAST_MIN_FACE_SIZE} pixels; got {min_face_size}"
            )
        if not 0 <= threshold <= 1:
            raise ValueError(f"threshold must lie in [0, 1]; got {threshold}")
        self.max_side = max_side
        self.min_face_size = min_face_size
        self.threshold = threshold
        self.any_angle = any_angle
        self.calibration = calibration
        self._networks = _networks(backend, device, graphs, threads)
        self._photos_at_a_time = _TOGETHER if backend == "torch" and _is_cuda(device) else 1

    def load(self) -> None:
        """Loads the networks now. Raises as the first :meth:`detect` would."""
        self._networks().load(GRAPH_FILE_NAMES)

    def load_referee(self) -> None:
        """Loads the two networks of :meth:`verify_batch`, and raises as it would."""
        self._networks().load(("refinement", "output"))

    def detect(self, image_rgb: npt.NDArray[np.uint8]) -> list[Detection]:
        """The faces of an (H, W, 3) uint8 RGB image, surest first; boxes in image pixels, possibly beyond it.

        Raises :class:`face_alignment_3d.ImageError` for any other array.
        """
        return self.detect_batch([image_rgb])[0]

    @property
    def photos_at_a_time(self) -> int:
        """The number of photos to hand over together: 16 on a GPU, 1 on a CPU, where nothing is gained."""
        return self._photos_at_a_time

    def detect_batch(self, images_rgb: Sequence[npt.NDArray[np.uint8]], /) -> list[list[Detection]]:
        """:meth:`detect` of each image; the later networks look at the candidates of all images together."""
        networks = self._networks()
        searches, shapes = [], []
        for image_rgb in images_rgb:
            check_image(image_rgb)
            searched, smallest = self._reduced(image_rgb)
            searches.append(
                search(
                    networks,
                    searched,
                    smallest=smallest,
                    last_threshold=self.threshold,
                    any_angle=self.any_angle,
                )
            )
            shapes.append(searched.shape)
        return [
            self._detections(found, image_rgb.shape, shape)
            for found, image_rgb, shape in zip(
                search_together(networks, searches), images_rgb, shapes, strict=True
            )
        ]

    def verify_batch(
        self, images_rgb: Sequence[npt.NDArray[np.uint8]], candidates: Sequence[OrientedBoxes]
    ) -> list[Found]:
        """The candidates of each image as MTCNN's second and third network see them.

        ``candidates`` are reference boxes of level heads, in edge coordinates of the images. Each comes back
        in its place, with its box corrected and MTCNN's score, whatever that is.
        """
        networks = self._networks()
        back = self.calibration.inverse()
        boxes = [_calibrated(of_image, back) for of_image in candidates]
        found = verify(networks, [Octaves(image_rgb) for image_rgb in images_rgb], boxes)
        return [(_calibrated(of_image, self.calibration), scores) for of_image, scores in found]

    def _detections(
        self, result: Found, photo: tuple[int, ...], searched: tuple[int, ...]
    ) -> list[Detection]:
        """The faces found in a photo, given its shape and that at which it was searched."""
        found, scores = result
        boxes = boxes_in_photo(_calibrated(found, self.calibration).around(), searched, photo)
        return [
            Detection(box.astype(np.float32), float(score), _nearest_turn(roll))
            for box, score, roll in zip(boxes, scores, found.rolls.tolist(), strict=True)
        ]

    def _reduced(self, image_rgb: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.uint8], float]:
        """The photo at the size to search it at, and the smallest face there, in its pixels."""
        scale = search_scale(image_rgb.shape, self.max_side)
        smallest = max(_SMALLEST, _LEAST_TO_ALIGN * scale)
        if self.min_face_size is not None:
            scale = max(scale, _SMALLEST / self.min_face_size)
            smallest = self.min_face_size * scale
        return resized(image_rgb, scale), smallest


def _calibrated(boxes: OrientedBoxes, calibration: BoxCalibration) -> OrientedBoxes:
    """The boxes converted in the frames of their level heads."""
    unit = calibration.apply(np.array([0.0, 0, 1, 1]))
    return boxes.moved(np.tile(unit - [0, 0, 1, 1], (len(boxes), 1)))


def _is_cuda(device: Union[str, "torch.device"]) -> bool:
    from face_alignment_3d.devices import choose_device

    return choose_device(device).type == "cuda"


def _networks(
    backend: str,
    device: Union[str, "torch.device"],
    graphs: str | os.PathLike[str] | None,
    threads: int | None,
) -> Lazy[Networks]:
    if backend == "onnx":
        from face_alignment_3d.backends.session import require_device, require_graph, require_threads

        require_threads(threads)
        require_device(str(device))
        folder = None if graphs is None else expanded(graphs).absolute()
        if folder is not None:
            for name in GRAPH_FILE_NAMES.values():
                require_graph(folder / name)
        return Lazy(partial(_onnx_networks, folder, str(device), threads), survives_fork=False)
    if backend != "torch":
        raise BackendError(f"backend must be 'torch' or 'onnx'; got {backend!r}")
    if graphs is not None or threads is not None:
        raise BackendError("graphs and threads are for backend 'onnx'; leave them out with backend 'torch'")
    with optional_import("MTCNNDetector with backend 'torch'"):
        from face_alignment_3d.devices import choose_device

    chosen = choose_device(device)
    return Lazy(partial(_torch_networks, "cpu" if chosen.type == "mps" else str(chosen)))


def _onnx_networks(folder: Path | None, device: str, threads: int | None) -> Networks:
    from face_alignment_3d.detection.mtcnn_onnx import OnnxNetworks, kept_graph

    graph_of = kept_graph if folder is None else folder.joinpath
    return OnnxNetworks(graph_of, device=device, threads=threads)


def _torch_networks(device: str) -> Networks:
    with optional_import("MTCNNDetector with backend 'torch'"):
        import torch

        from face_alignment_3d.detection.mtcnn_torch import TorchNetworks

    return TorchNetworks(torch.device(device))


def _nearest_turn(roll: float) -> float:
    """The same angle in (-pi, pi]."""
    return math.remainder(roll, 2 * math.pi)
