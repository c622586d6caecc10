"""The pipeline: image -> faces -> crops -> cascade -> landmarks in the image."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice, repeat
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from face_alignment_3d.backends.factory import BackendName, DeviceLike, open_backend
from face_alignment_3d.boxes import BoxesLike, as_boxes
from face_alignment_3d.crop import crop_around
from face_alignment_3d.detection.protocol import Detection, FaceDetector
from face_alignment_3d.errors import BoxError
from face_alignment_3d.face import Face3D
from face_alignment_3d.face_views import FaceView, FaceViewCrops
from face_alignment_3d.image_batches import ImageBatch, check_is_batch, naming_image
from face_alignment_3d.images import ColorOrder, ImageLike, as_rgb
from face_alignment_3d.markup68 import Markup, in_markup, require_markup
from face_alignment_3d.overlapping import overlapped

if TYPE_CHECKING:
    from face_alignment_3d.backends.torch_backend import Precision
    from face_alignment_3d.blendshapes.estimator import BlendshapeEstimator

_BATCH_SIZE: Final = 32
_AHEAD: Final = 8


@dataclass(frozen=True, eq=False)
class AlignmentResult:
    """What became of one image of a stream."""

    index: int
    """Its place in the stream, from 0."""

    image: ImageLike
    """The image as it was given."""

    faces: list[Face3D]
    """Its faces as of :meth:`FaceAligner3D.detect`; empty when it failed."""

    error: Exception | None
    """Why it failed, or None."""


class FaceAligner3D:
    """Finds the 66 landmarks of each face in a photo, in three dimensions.

    ``weights`` is a name in the manifest ("lite" lies inside the package), the path of a .safetensors file,
    or the path of an .onnx file that ``face-alignment-3d export onnx`` wrote.

    ``backend`` is "torch"; "onnx", which is ONNX Runtime and does not import torch (except once, to make the
    graph of .safetensors weights, which is then kept in the cache folder); or "auto": "onnx" for an .onnx
    file and where torch is not installed, else "torch". Their points differ by less than 0.02 crop pixels.

    ``device`` is "auto" (CUDA, else MPS, else the CPU) or a device of torch's; with "onnx", "auto", "cpu" or
    "cuda:<index>". ``detector`` finds the faces; None is an
    :class:`face_alignment_3d.detection.mtcnn.MTCNNDetector` of the same runtime, made when first needed.

    With "torch", ``dtype`` "bfloat16" or "float16" runs convolutions in 16 bits (CUDA; see
    :class:`face_alignment_3d.backends.torch_backend.TorchBackend`), and ``compile=True`` uses
    ``torch.compile``. With "onnx", ``threads`` is how many threads of the CPU share the work; None takes all
    physical cores. From two faces a thread on, each thread crops and aligns faces of its own.

    ``blendshapes=True`` puts ARKit's blendshapes into each face, as ``Face3D.blendshapes``; they are
    computed when they are asked for. A :class:`face_alignment_3d.blendshapes.BlendshapeEstimator`, such as
    one that is calibrated to somebody, is used as it is.

    ``offline=True`` forbids downloading weights; None leaves that to the environment.

    Calls depend on nothing but their arguments, so one aligner may be used from several threads.

    Raises :class:`WeightsError` when the weights cannot be had, :class:`DeviceError` when the device is not
    there, :class:`BackendError` when the runtime is not or cannot do what is asked of it.
    """

    def __init__(
        self,
        weights: str | os.PathLike[str] = "lite",
        *,
        backend: BackendName = "auto",
        device: DeviceLike = "auto",
        dtype: "Precision" = "float32",
        compile: bool = False,
        threads: int | None = None,
        detector: FaceDetector | None = None,
        blendshapes: "bool | BlendshapeEstimator" = False,
        offline: bool | None = None,
    ) -> None:
        self._backend = open_backend(
            weights,
            backend=backend,
            device=device,
            dtype=dtype,
            compile=compile,
            threads=threads,
            offline=offline,
        )
        self._threads = threads
        self._given_detector = detector
        self._blendshape_estimator = _estimator(blendshapes, offline)

    @property
    def backend(self) -> str:
        """The runtime: "torch" or "onnx"."""
        return self._backend.name

    @property
    def device(self) -> str:
        """Where the network runs: "cpu", "cuda:0", ..."""
        return self._backend.device

    @cached_property  # Two threads may both make one, which wastes a moment and changes nothing.
    def detector(self) -> FaceDetector:
        """What finds the faces."""
        if self._given_detector is not None:
            return self._given_detector
        from face_alignment_3d.detection.mtcnn import MTCNNDetector

        if self._backend.name == "onnx":
            return MTCNNDetector(backend="onnx", device=self.device, threads=self._threads)
        return MTCNNDetector(device=self.device)

    def get_landmarks(
        self,
        image: ImageLike,
        *,
        boxes: BoxesLike | None = None,
        color: ColorOrder = "rgb",
        markup: Markup = "66",
    ) -> npt.NDArray[np.float32]:
        """The landmarks alone: float32 (F, 66, 3), (0, 66, 3) without a face. Otherwise as :meth:`detect`.

        ``markup="68"`` gives (F, 68, 3): the inner mouth corners 60 and 64 are derived from their neighbors,
        see :func:`face_alignment_3d.markup68.to_68`. Raises ValueError for another markup.
        """
        require_markup(markup)
        return self._stacked(self.detect(image, boxes=boxes, color=color), markup)

    def get_landmarks_batch(
        self,
        images: ImageBatch,
        *,
        boxes: Sequence[BoxesLike | None] | None = None,
        color: ColorOrder = "rgb",
        batch_size: int = _BATCH_SIZE,
        markup: Markup = "66",
    ) -> list[npt.NDArray[np.float32]]:
        """:meth:`get_landmarks` of each image. Arguments and errors as of :meth:`detect_batch`."""
        require_markup(markup)
        found = self.detect_batch(images, boxes=boxes, color=color, batch_size=batch_size)
        return [self._stacked(faces, markup) for faces in found]

    def detect(
        self, image: ImageLike, *, boxes: BoxesLike | None = None, color: ColorOrder = "rgb"
    ) -> list[Face3D]:
        """The faces of an image, with everything that is known of them; an empty list when there is none.

        ``image`` is whatever :func:`face_alignment_3d.images.as_rgb` reads; ``color`` the channel order of
        arrays. ``boxes`` (F, 4) are x0, y0, x1, y1 in image pixels, tight around each face from the brows to
        the chin and from jaw to jaw; None lets the detector find them. Faces come in the order of ``boxes``;
        those of the detector by the area of their box, largest first. Coordinates are image pixels, (0, 0)
        the center of the top-left pixel; see :class:`Face3D`.

        Raises :class:`ImageError` and :class:`BoxError` for what cannot be read as an image or as boxes.
        """
        return self._align(self._views(as_rgb(image, color=color), boxes), _BATCH_SIZE)

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
        the detector find the faces of that image. ``batch_size`` faces go to the network at a time, and no
        more crops than these are in memory.

        Raises as :meth:`detect`, naming the image by its index.
        """
        _check_at_least_1(batch_size=batch_size)
        check_is_batch(images)
        given = [None] * len(images) if boxes is None else boxes
        if len(given) != len(images):
            raise BoxError(f"boxes must have one entry an image; got {len(given)} for {len(images)} images")
        # A crop can wait for its turn where the caller keeps the photo anyhow. Of others, such as files, a
        # batch of photos would be in memory.
        kept = isinstance(images, (list, tuple, np.ndarray))
        counts: list[int] = []

        def views() -> Iterator[FaceView]:
            for index, (image, boxes_of_image) in enumerate(zip(images, given, strict=True)):
                with naming_image(index):
                    image_rgb = as_rgb(image, color=color)
                    of_image = self._views(image_rgb, boxes_of_image)
                waits = kept and isinstance(image, np.ndarray) and np.may_share_memory(image, image_rgb)
                counts.append(len(of_image))
                yield from of_image if waits else map(FaceView.sampled, of_image)

        return _dealt(self._align(views(), batch_size), counts)

    def align_many(
        self,
        images: Iterable[ImageLike],
        *,
        boxes: Iterable[BoxesLike | None] | None = None,
        color: ColorOrder = "rgb",
        batch_size: int = _BATCH_SIZE,
        ahead: int = _AHEAD,
        workers: int = 2,
    ) -> Iterator[AlignmentResult]:
        """:meth:`detect` of a stream of any length: one :class:`AlignmentResult` for each image, in order.

        Reading, detection and cropping of the next images go on in ``workers`` threads while the network runs
        and while the caller uses a result. At most ``ahead`` images are in work or waiting, and as many are
        done and not yet asked for, so memory is bounded; decoded photos are kept only while a thread works on
        them. Faces of images that are ready at the same time share runs of the network, ``batch_size`` at a
        time.

        An image that cannot be read, whose boxes are wrong or in which detection fails is reported in
        :attr:`AlignmentResult.error` and the stream goes on. ``boxes`` is as long as ``images``. A detector
        that cannot be used from several threads needs ``workers=1``.

        Both iterables are read in the caller's thread, up to ``ahead`` images before their result is used; an
        exception of theirs is raised when the results before it have been given.
        """
        check_is_batch(images)
        _check_at_least_1(batch_size=batch_size, ahead=ahead, workers=workers)
        if boxes is None:
            _ = self.detector  # Made here once, not by several threads at the same time.
        tasks = zip(images, repeat(None)) if boxes is None else zip(images, boxes, strict=True)
        return self._stream(tasks, color, batch_size, ahead, workers)

    def _stream(
        self,
        tasks: Iterable[tuple[ImageLike, BoxesLike | None]],
        color: ColorOrder,
        batch_size: int,
        ahead: int,
        workers: int,
    ) -> Iterator[AlignmentResult]:
        def prepare(task: tuple[ImageLike, BoxesLike | None]) -> list[FaceView]:
            image, boxes = task
            return [view.sampled() for view in self._views(as_rgb(image, color=color), boxes)]

        index = 0
        for group in overlapped(tasks, prepare, ahead=ahead, workers=workers):
            views = [[] if isinstance(result, Exception) else result for _, result in group]
            aligned = _dealt(self._align(chain.from_iterable(views), batch_size), map(len, views))
            for ((image, _), result), faces in zip(group, aligned, strict=True):
                yield AlignmentResult(index, image, faces, result if isinstance(result, Exception) else None)
                index += 1

    def _views(self, image_rgb: npt.NDArray[np.uint8], boxes: BoxesLike | None) -> list[FaceView]:
        """The faces of an image as the network is to see them."""
        geometry = self._backend.geometry
        views = []
        for box, score, roll in self._detected(image_rgb) if boxes is None else _given(as_boxes(boxes)):
            crop = crop_around(box, size=geometry.input_size, crop_scale=geometry.crop_scale, angle=roll)
            views.append(FaceView.of(image_rgb, crop, box, score))
        return views

    def _detected(self, image_rgb: npt.NDArray[np.uint8]) -> list["_Found"]:
        detections = self.detector.detect(image_rgb)
        boxes = _boxes_of(detections)
        areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        largest_first = np.argsort(-areas, kind="stable")
        return [(boxes[i], float(detections[i].score), detections[i].roll) for i in largest_first]

    def _align(self, views: Iterable[FaceView], batch_size: int) -> list[Face3D]:
        """The face of each view; views are taken, and their crops made, for one batch after the other."""
        faces: list[Face3D] = []
        waiting = iter(views)
        while batch := list(islice(waiting, batch_size)):
            points_crop, confidence = self._backend.run(FaceViewCrops(batch))
            faces += map(self._face, batch, points_crop, confidence)
            del batch  # Its crops need not outlive it while the next ones are made.
        return faces

    def _face(
        self, view: FaceView, points_crop: npt.NDArray[np.float32], confidence: npt.NDArray[np.float32]
    ) -> Face3D:
        landmarks = view.crop.to_image(points_crop).astype(np.float32)
        return Face3D(
            landmarks, confidence, view.box, view.score, blendshape_estimator=self._blendshape_estimator
        )

    def _stacked(self, faces: list[Face3D], markup: Markup) -> npt.NDArray[np.float32]:
        none = np.zeros((0, self._backend.geometry.landmarks, 3), dtype=np.float32)
        landmarks = np.stack([face.landmarks for face in faces]) if faces else none
        return np.asarray(in_markup(landmarks, markup), np.float32)


#: Box (4,), score and roll of a face.
_Found: TypeAlias = tuple[npt.NDArray[np.float32], float | None, float]


def _dealt(faces: Iterable[Face3D], counts: Iterable[int]) -> list[list[Face3D]]:
    """The first ``counts[0]`` faces, the next ``counts[1]``, and so on."""
    remaining = iter(faces)
    return [list(islice(remaining, count)) for count in counts]


def _estimator(
    blendshapes: "bool | BlendshapeEstimator", offline: bool | None
) -> "BlendshapeEstimator | None":
    if not isinstance(blendshapes, bool):
        return blendshapes
    if not blendshapes:
        return None
    from face_alignment_3d.blendshapes.estimator import BlendshapeEstimator

    return BlendshapeEstimator(offline=offline)


def _given(boxes: npt.NDArray[np.float32]) -> list[_Found]:
    return [(box, None, 0.0) for box in boxes]


def _boxes_of(detections: Sequence[Detection]) -> npt.NDArray[np.float32]:
    try:
        return as_boxes([detection.box for detection in detections])
    except BoxError as error:
        raise BoxError(f"from the detector: {error}") from error


def _check_at_least_1(**values: int) -> None:
    for name, value in values.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1; got {value}")
