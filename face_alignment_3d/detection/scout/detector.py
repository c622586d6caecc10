"""The scout as a detector."""

import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Literal, Union

import numpy as np
import numpy.typing as npt

from face_alignment_3d.detection.protocol import Detection, LazyDetector, check_image
from face_alignment_3d.detection.scout.layout import MULTIPLE
from face_alignment_3d.detection.scout.runner import open_runner
from face_alignment_3d.detection.scout.search import SMALLEST, Found, Searches
from face_alignment_3d.errors import BackendError
from face_alignment_3d.paths import expanded
from face_alignment_3d.weights.requirement import require_weights

if TYPE_CHECKING:
    import torch

_COARSE_SIDE: Final = 256
_PHOTOS_ON_GPU: Final = 16
#: Sides in pixels of the photo: smaller boxes hold no face to align.
_LEAST: Final = 2.0
#: A face of at least this score that leans less than this, in radians, is taken to be level: the scout's
#: angle is off by 6 degrees as a rule, and the landmarks are then those that its box alone gives.
_CERTAIN: Final = 0.8
_LEVEL: Final = math.radians(10)


class ScoutDetector(LazyDetector):
    """A :class:`face_alignment_3d.FaceDetector`: heads at any angle, with a network of the library's own.

    May be used from several threads.

    A photo is searched at 256 pixels first; where small faces are suspected there, or no face is sure, it
    is searched again at ``max_side``. Beside a sure face that is larger than 0.15 of the photo's side, only
    what scores at least 0.5 at 256 pixels is a face. Boxes need no calibration and come with the head's roll.

    ``max_side``: longer side of the photo, or twice its shorter one where that is less, in the second search,
    in pixels; None is the photo's own size, with time and memory in proportion to its pixels. A face must be
    about 10 pixels high then to be found.

    ``min_face_size``: the smallest face to look for, in pixels of the photo as given. It overrides
    ``max_side`` where faces of that size would be lost; time and memory are then in proportion to the photo's
    pixels. None is what ``max_side`` leaves. With it the whole photo is searched, large faces in it or not.

    ``threshold``: the lowest score of a face that is returned, in (0, 1).

    ``backend``: "torch", or "onnx", which is ONNX Runtime and imports no torch, except once, to make the
    graph, which is then kept in the cache folder. ``graph``: with "onnx", the file that ``face-alignment-3d
    export onnx scout`` wrote, in place of the cache; ``threads``: with "onnx", how many threads share the
    work of a CPU. ``device`` as of the aligner. ``weights``: a name of the manifest or a file of the
    training's; ``offline`` as of the aligner.

    The network is loaded at the first use, or by :meth:`load`; pickles, copies and, with "onnx", forks load
    it anew.

    Raises :class:`BackendError` where the runtime is not installed, :class:`DeviceError` for a device that is
    not there and :class:`WeightsError` for weights or a graph that are not there.
    """

    def __init__(
        self,
        *,
        backend: Literal["torch", "onnx"] = "torch",
        device: Union[str, "torch.device"] = "cpu",
        weights: str | os.PathLike[str] = "scout",
        graph: str | os.PathLike[str] | None = None,
        threads: int | None = None,
        max_side: int | None = 640,
        min_face_size: float | None = None,
        threshold: float = 0.35,
        offline: bool | None = None,
    ) -> None:
        if max_side is not None and max_side < MULTIPLE:
            raise ValueError(f"max_side must be None or at least {MULTIPLE} pixels; got {max_side}")
        if min_face_size is not None and not min_face_size >= SMALLEST / 2:
            raise ValueError(
                f"min_face_size must be None or at least {SMALLEST / 2:g} pixels; got {min_face_size}"
            )
        if not 0 < threshold < 1:
            raise ValueError(f"threshold must lie between 0 and 1; got {threshold}")
        if backend not in ("torch", "onnx"):
            raise BackendError(f"backend must be 'torch' or 'onnx'; got {backend!r}")
        if backend == "torch" and (graph is not None or threads is not None):
            raise BackendError("graph and threads are for backend 'onnx'; leave them out with 'torch'")
        self.max_side = max_side
        self.min_face_size = min_face_size
        self.threshold = threshold
        self._photos_at_a_time = _PHOTOS_ON_GPU if "cuda" in str(device) else 1
        self._runner = open_runner(
            backend,
            device=device,
            weights="scout" if graph is not None else require_weights(weights, kind="scout", offline=offline),
            graph=None if graph is None else expanded(graph).absolute(),
            threads=threads,
            offline=offline,
        )

    def load(self) -> None:
        """Loads the network now. Raises as the first :meth:`detect` would."""
        self._runner()

    def detect(self, image_rgb: npt.NDArray[np.uint8]) -> list[Detection]:
        """The faces of an (H, W, 3) uint8 RGB image, surest first; boxes in image pixels, possibly beyond it.

        Raises :class:`face_alignment_3d.ImageError` for any other array.
        """
        return self.detect_batch([image_rgb])[0]

    @property
    def searches(self) -> Searches:
        """The sizes at which a photo is searched, and when."""
        side = self.max_side
        return Searches(
            _COARSE_SIDE if side is None else min(_COARSE_SIDE, side),
            side,
            self.threshold,
            self.min_face_size,
        )

    @property
    def photos_at_a_time(self) -> int:
        """The number of photos to hand over together: 16 on a GPU, 1 on a CPU, where nothing is gained."""
        return self._photos_at_a_time

    def detect_batch(self, images_rgb: Sequence[npt.NDArray[np.uint8]], /) -> list[list[Detection]]:
        """:meth:`detect` of each photo; those that are of one size when they are shrunk share runs."""
        return [detections(found) for found in self.find_batch(images_rgb)]

    def find_batch(self, images_rgb: Sequence[npt.NDArray[np.uint8]]) -> list[Found]:
        """The faces of each photo as level boxes with a roll; raises as :meth:`detect`."""
        for image_rgb in images_rgb:
            check_image(image_rgb)
        return self.searches.run(self._runner(), images_rgb)


def detections(found: Found) -> list[Detection]:
    """In image pixels, surest first; without boxes that are too small to align."""
    boxes = found.boxes.around() - 0.5
    return [
        Detection(box.astype(np.float32), float(score), _leveled(float(roll), float(score)))
        for box, score, roll in zip(boxes, found.scores, found.boxes.rolls, strict=True)
        if (box[2:] - box[:2]).min() >= _LEAST
    ]


def _leveled(roll: float, score: float) -> float:
    """The same angle in [-pi, pi]; 0 for a certain face that leans too little to matter."""
    nearest = math.remainder(roll, 2 * math.pi)
    return 0.0 if score >= _CERTAIN and abs(nearest) < _LEVEL else nearest
