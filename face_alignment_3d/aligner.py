"""The pipeline: image -> faces -> crops -> cascade -> landmarks in the image."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from face_alignment_3d.boxes import BoxesLike, as_boxes
from face_alignment_3d.crop import Crop, crop_around
from face_alignment_3d.detection.protocol import Detection, FaceDetector
from face_alignment_3d.devices import choose_device
from face_alignment_3d.errors import BoxError, ImageError
from face_alignment_3d.face import Face3D
from face_alignment_3d.images import ColorOrder, ImageLike, as_rgb
from face_alignment_3d.weights.loading import load_cascade
from face_alignment_3d.weights.store import resolve_weights

#: The images of a batch: a sequence, an array (B, H, W, 1, 3 or 4) or a tensor (B, 1 or 3, H, W).
ImageBatch: TypeAlias = Sequence[ImageLike] | npt.NDArray[np.generic] | torch.Tensor

_BATCH_SIZE: Final = 32


class FaceAligner3D:
    """Finds the 66 landmarks of each face in a photo, in three dimensions.

    ``weights`` is a name in the manifest ("lite" lies inside the package) or the path of a .safetensors file.
    ``device`` is "auto" (CUDA, else MPS, else the CPU) or a device of torch's. ``detector`` finds the faces;
    None is :class:`face_alignment_3d.detection.mtcnn.MTCNNDetector`, made when it is first needed.
    ``offline=True`` forbids downloading weights; None leaves that to the environment.

    Calls depend on nothing but their arguments, so one aligner may be used from several threads.

    Raises :class:`WeightsError` when the weights cannot be had, :class:`DeviceError` when the device is not
    there.
    """

    def __init__(
        self,
        weights: str | os.PathLike[str] = "lite",
        *,
        device: str | torch.device = "auto",
        detector: FaceDetector | None = None,
        offline: bool | None = None,
    ) -> None:
        self.device = choose_device(device)
        path = resolve_weights(weights, offline=offline)
        cascade = load_cascade(path, device=self.device)
        self._cascade = cascade.to(memory_format=torch.channels_last)
        self._given_detector = detector

    @cached_property  # Two threads may both make one, which wastes a moment and changes nothing.
    def detector(self) -> FaceDetector:
        """What finds the faces."""
        if self._given_detector is not None:
            return self._given_detector
        from face_alignment_3d.detection.mtcnn import MTCNNDetector

        return MTCNNDetector(device=self.device)

    def get_landmarks(
        self, image: ImageLike, *, boxes: BoxesLike | None = None, color: ColorOrder = "rgb"
    ) -> npt.NDArray[np.float32]:
        """The landmarks alone: float32 (F, 66, 3), (0, 66, 3) without a face. Otherwise as :meth:`detect`."""
        return self._stacked(self.detect(image, boxes=boxes, color=color))

    def get_landmarks_batch(
        self,
        images: ImageBatch,
        *,
        boxes: Sequence[BoxesLike | None] | None = None,
        color: ColorOrder = "rgb",
        batch_size: int = _BATCH_SIZE,
    ) -> list[npt.NDArray[np.float32]]:
        """:meth:`get_landmarks` of each image. Arguments and errors as of :meth:`detect_batch`."""
        found = self.detect_batch(images, boxes=boxes, color=color, batch_size=batch_size)
        return [self._stacked(faces) for faces in found]

    def detect(
        self, image: ImageLike, *, boxes: BoxesLike | None = None, color: ColorOrder = "rgb"
    ) -> list[Face3D]:
        """The faces of an image, with everything that is known of them; an empty list when there is none.

        ``image`` is whatever :func:`face_alignment_3d.images.as_rgb` reads; ``color`` the channel order of
        arrays. ``boxes`` (F, 4) are x0, y0, x1, y1 in image pixels, tight around each face from the brows to
        the chin and from jaw to jaw; None lets the detector find them. Faces come in the order of ``boxes``;
        those of the detector by the area of their box, largest first. Coordinates are image pixels, (0, 0)
        the centre of the top-left pixel; see :class:`Face3D`.

        Raises :class:`ImageError` and :class:`BoxError` for what cannot be read as an image or as boxes.
        """
        return self._align([self._views(image, boxes, color)], _BATCH_SIZE)[0]

    def detect_batch(
        self,
        images: ImageBatch,
        *,
        boxes: Sequence[BoxesLike | None] | None = None,
        color: ColorOrder = "rgb",
        batch_size: int = _BATCH_SIZE,
    ) -> list[list[Face3D]]:
        """:meth:`detect` of each image, faster: the faces of all images share the runs of the network.

        The images may differ in size and kind. ``boxes`` has an entry for each image: (F, 4), or None to let
        the detector find the faces of that image. ``batch_size`` faces are in the network at a time.

        Raises as :meth:`detect`, naming the image by its index.
        """
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1; got {batch_size}")
        _check_is_batch(images)
        given = [None] * len(images) if boxes is None else boxes
        if len(given) != len(images):
            raise BoxError(f"boxes must have one entry an image; got {len(given)} for {len(images)} images")
        views = []
        for index, (image, boxes_of_image) in enumerate(zip(images, given, strict=True)):
            with _named(index):
                views.append(self._views(image, boxes_of_image, color))
        return self._align(views, batch_size)

    def _views(self, image: ImageLike, boxes: BoxesLike | None, color: ColorOrder) -> list["_View"]:
        """The faces of an image as the network sees them."""
        image_rgb = as_rgb(image, color=color)
        geometry = self._cascade.geometry
        views = []
        for box, score, roll in self._detected(image_rgb) if boxes is None else _given(as_boxes(boxes)):
            crop = crop_around(box, size=geometry.input_size, extension=geometry.crop_extension, angle=roll)
            views.append(_View(crop.sample(image_rgb), crop, box, score))
        return views

    def _detected(self, image_rgb: npt.NDArray[np.uint8]) -> list["_Found"]:
        detections = self.detector.detect(image_rgb)
        boxes = _boxes_of(detections)
        areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        largest_first = np.argsort(-areas, kind="stable")
        return [(boxes[i], float(detections[i].score), detections[i].roll) for i in largest_first]

    @torch.inference_mode()
    def _align(self, images: list[list["_View"]], batch_size: int) -> list[list[Face3D]]:
        """The faces of each image's views; the views of all images go through the network together."""
        views = [view for image in images for view in image]
        faces: list[Face3D] = []
        for start in range(0, len(views), batch_size):
            chunk = views[start : start + batch_size]
            # Permuting (B, S, S, 3) gives (B, 3, S, S) in channels-last order, which is faster on CPUs.
            pixels = torch.from_numpy(np.stack([view.pixels for view in chunk])).permute(0, 3, 1, 2)
            points_crop, confidence = (
                result.float().cpu().numpy() for result in self._cascade(pixels.to(self.device).float())
            )
            faces += map(_face, chunk, points_crop, confidence)
        remaining = iter(faces)
        return [[next(remaining) for _ in image] for image in images]

    def _stacked(self, faces: list[Face3D]) -> npt.NDArray[np.float32]:
        if not faces:
            return np.zeros((0, self._cascade.geometry.landmarks, 3), dtype=np.float32)
        return np.stack([face.landmarks for face in faces])


#: Box (4,), score and roll of a face.
_Found: TypeAlias = tuple[npt.NDArray[np.float32], float | None, float]


class _View(NamedTuple):
    """A face as the network sees it."""

    pixels: npt.NDArray[np.uint8]
    crop: Crop
    box: npt.NDArray[np.float32]
    score: float | None


def _face(view: _View, points_crop: npt.NDArray[np.float32], confidence: npt.NDArray[np.float32]) -> Face3D:
    landmarks = view.crop.to_image(points_crop).astype(np.float32)
    return Face3D(landmarks, confidence, view.box, view.score)


def _given(boxes: npt.NDArray[np.float32]) -> list[_Found]:
    return [(box, None, 0.0) for box in boxes]


def _boxes_of(detections: Sequence[Detection]) -> npt.NDArray[np.float32]:
    try:
        return as_boxes([detection.box for detection in detections])
    except BoxError as error:
        raise BoxError(f"from the detector: {error}") from error


def _check_is_batch(images: ImageBatch) -> None:
    """Refuses a single image, whose rows or letters would else be taken for the images of a batch."""
    if isinstance(images, (np.ndarray, torch.Tensor)):
        single, what = images.ndim < 4, f"an array of shape {tuple(images.shape)}"
    else:
        single, what = isinstance(images, (str, os.PathLike, Image.Image)), f"one {type(images).__name__}"
    if single:
        raise ImageError(f"a batch must be a sequence of images; got {what}: put a single image into a list")


@contextmanager
def _named(index: int) -> Iterator[None]:
    """Says in errors which image of a batch they are about."""
    try:
        yield
    except (ImageError, BoxError) as error:
        raise type(error)(f"image {index} of the batch: {error}") from error
