"""The scout, with MTCNN where the scout is in doubt."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Literal, Union

import numpy as np
import numpy.typing as npt

from face_alignment_3d.detection.mtcnn import MTCNNDetector
from face_alignment_3d.detection.protocol import Detection, LazyDetector
from face_alignment_3d.detection.scout.detector import ScoutDetector

if TYPE_CHECKING:
    import torch

#: Scores of the scout: a face from SURE on; none below DOUBTFUL; in doubt between them. Chosen on held-out
#: training photos; docs/detection.md has the numbers.
DOUBTFUL: Final = 0.4
SURE: Final = 0.8


class CombinedDetector(LazyDetector):
    """The scout's faces, and MTCNN's beside them in photos where the scout is in doubt.

    A :class:`face_alignment_3d.FaceDetector`; may be used from several threads. A photo is in doubt when a
    candidate of the scout scores between ``doubtful`` and ``sure``. There all candidates of both detectors
    are returned, so one face may come several times, and some are no faces.
    :class:`face_alignment_3d.FaceAligner3D` chooses among them with its network. A photo in doubt takes the
    time of both; in all others only the scout works.

    ``backend``, ``device`` and ``threads`` as of both detectors; so is ``min_face_size``, the smallest face
    to look for, in pixels of the photo as given.

    The networks are loaded at the first use, MTCNN's at the first photo in doubt, or all by :meth:`load`.

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
        self._mtcnn = MTCNNDetector(
            backend=backend, device=device, threads=threads, min_face_size=min_face_size
        )

    def load(self) -> None:
        """Loads the networks now. Raises as the first :meth:`detect` would."""
        self._scout.load()
        self._mtcnn.load()

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
        """:meth:`detect` of each image; photos that are in doubt go to MTCNN together."""
        found = self._scout.detect_batch(images_rgb)
        doubted = [
            index for index, faces in enumerate(found) if any(face.score < self.sure for face in faces)
        ]
        if doubted:
            others = self._mtcnn.detect_batch([images_rgb[index] for index in doubted])
            for index, more in zip(doubted, others, strict=True):
                found[index] += more
        return found
