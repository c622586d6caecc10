"""The scout, with MTCNN's later networks as the referee where the scout is in doubt."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Literal, Union

import numpy as np
import numpy.typing as npt

from face_alignment_3d.detection.mtcnn import MTCNNDetector
from face_alignment_3d.detection.oriented_boxes import OrientedBoxes
from face_alignment_3d.detection.protocol import Detection, LazyDetector
from face_alignment_3d.detection.scout.detector import ScoutDetector, detections
from face_alignment_3d.detection.scout.search import Found

if TYPE_CHECKING:
    import torch

#: Scores of the scout: a face from SURE on; none below DOUBTFUL; in doubt between them. Chosen on held-out
#: training photos; docs/detection.md has the numbers.
DOUBTFUL: Final = 0.25
SURE: Final = 0.8
#: MTCNN's score from which on a candidate in doubt is a face, with MTCNN's box and score.
CONFIRMED: Final = 0.7
#: MTCNN knows profiles badly: the scout's score from which on a candidate stays without its consent.
STAYS: Final = 0.6


class CombinedDetector(LazyDetector):
    """The scout's faces; those of which it is in doubt are shown to MTCNN's second and third network.

    A :class:`face_alignment_3d.FaceDetector`; may be used from several threads. A candidate of the scout that
    scores between ``doubtful`` and ``sure`` is in doubt. One that MTCNN confirms comes with MTCNN's box and
    score, the scout's roll and the scout's score if that is higher; one that it does not confirm is dropped
    unless it is nearly sure. The networks look at the candidates alone, so a doubt costs a fraction of a
    millisecond, and MTCNN's search of the whole photo, which takes most of its time, is not made.
    :class:`face_alignment_3d.FaceAligner3D` judges what is returned with its own network.

    ``backend``, ``device`` and ``threads`` as of both detectors; so is ``min_face_size``, the smallest face
    to look for, in pixels of the photo as given.

    The networks are loaded at the first use, MTCNN's at the first doubt, or all by :meth:`load`.

    Raises as :class:`ScoutDetector` and :class:`MTCNNDetector`.
    """

    def __init__(
        self,
        *,
        backend: Literal["torch", "onnx"] = "torch",
        device: Union[str, "torch.device"] = "cpu",
        threads: int | None = None,
        min_face_size: float | None = None,
        doubtful: float = DOUBTFUL,
        sure: float = SURE,
    ) -> None:
        if not 0 < doubtful <= sure < 1:
            raise ValueError(f"expected 0 < doubtful <= sure < 1; got {doubtful} and {sure}")
        self.sure = sure
        self._scout = ScoutDetector(
            backend=backend, device=device, threads=threads, min_face_size=min_face_size, threshold=doubtful
        )
        self._mtcnn = MTCNNDetector(backend=backend, device=device, threads=threads)

    def load(self) -> None:
        """Loads the networks now. Raises as the first :meth:`detect` would."""
        self._scout.load()
        self._mtcnn.load_referee()

    def detect(self, image_rgb: npt.NDArray[np.uint8]) -> list[Detection]:
        """The candidates in an (H, W, 3) uint8 RGB image; boxes in image pixels, possibly beyond it.

        Raises :class:`face_alignment_3d.ImageError` for any other array.
        """
        return self.detect_batch([image_rgb])[0]

    @property
    def photos_at_a_time(self) -> int:
        """The number of photos to hand over together: 16 on a GPU, 1 on a CPU, where nothing is gained."""
        return self._scout.photos_at_a_time

    def detect_batch(self, images_rgb: Sequence[npt.NDArray[np.uint8]], /) -> list[list[Detection]]:
        """:meth:`detect` of each image; MTCNN sees the candidates of all images together."""
        found = self._scout.find_batch(images_rgb)
        doubted = [index for index, faces in enumerate(found) if (faces.scores < self.sure).any()]
        if doubted:
            verified = self._mtcnn.verify_batch(
                [images_rgb[index] for index in doubted],
                [found[index].boxes[found[index].scores < self.sure] for index in doubted],
            )
            for index, (boxes, scores) in zip(doubted, verified, strict=True):
                found[index] = refereed(found[index], boxes, scores, self.sure)
        return [detections(faces) for faces in found]


def refereed(
    found: Found, boxes: OrientedBoxes, scores: npt.NDArray[np.float64], sure: float = SURE
) -> Found:
    """The scout's candidates after MTCNN's word on those that are not ``sure``, best first.

    ``boxes`` and ``scores`` are what MTCNN makes of these, in their order.
    """
    doubted = np.flatnonzero(found.scores < sure)
    confirmed = (scores >= CONFIRMED) & (boxes.sides.min(axis=1) > 0)
    better = doubted[confirmed]
    centers, sides, best = found.boxes.centers.copy(), found.boxes.sides.copy(), found.scores.copy()
    centers[better], sides[better] = boxes.centers[confirmed], boxes.sides[confirmed]
    best[better] = np.maximum(found.scores[better], scores[confirmed])
    stays = found.scores >= min(STAYS, sure)
    stays[better] = True
    order = np.argsort(-best, kind="stable")
    order = order[stays[order]]
    return Found(OrientedBoxes(centers, sides, found.boxes.rolls)[order], best[order])
