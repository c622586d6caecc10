"""The pipeline: image -> boxes -> crops -> cascade -> landmarks in the image."""

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import repeat
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.backends.factory import BackendName, DeviceLike, open_backend, own_backend
from face_alignment_3d.backends.protocol import Backend
from face_alignment_3d.blendshapes.estimator import BlendshapeEstimator, as_estimator
from face_alignment_3d.boxes import BoxesLike, given_boxes
from face_alignment_3d.detection.candidate_selection import MIN_CONFIDENCE
from face_alignment_3d.detection.factory import DetectorName, open_detector
from face_alignment_3d.detection.protocol import FaceDetector, LazyDetector, photos_at_a_time
from face_alignment_3d.face import Face3D
from face_alignment_3d.face_selection import selected_faces
from face_alignment_3d.face_views import FaceView, FaceViewCrops, face_views, faces_of
from face_alignment_3d.image_batches import (
    ImageBatch,
    as_batch,
    as_images,
    boxes_of_batch,
    require_at_least_1,
)
from face_alignment_3d.images import ColorOrder, ImageLike, as_rgb
from face_alignment_3d.lazy import Lazy
from face_alignment_3d.markup import NUM_LANDMARKS
from face_alignment_3d.markup68 import Markup, in_markup, require_markup
from face_alignment_3d.photo_views import PhotoViews, views_or_raise
from face_alignment_3d.streaming import AlignmentResult, AlignmentStream

if TYPE_CHECKING:
    from face_alignment_3d.backends.torch_backend import Precision

_BATCH_SIZE: Final = 32
_PREFETCH: Final = 8


class FaceAligner3D:
    """Finds the 66 landmarks of each face in a photo, in three dimensions.

    ``weights`` is a name in the manifest ("lite" lies inside the package), the path of a .safetensors file,
    or the path of an .onnx file that ``face-alignment-3d export onnx`` wrote.

    ``backend`` is "torch"; "onnx", which is ONNX Runtime and does not import torch (except once, to make the
    graph of .safetensors weights, which is then kept in the cache folder); or "auto": "onnx" for an .onnx
    file and where torch is not installed, else "torch". Their points differ by less than 0.02 crop pixels. Or
    an object of your own with the methods of :class:`face_alignment_3d.backends.protocol.Backend`, which
    brings its own weights and device.

    ``device`` is "auto" (CUDA, else MPS, else the CPU) or a device of torch's; with "onnx", "auto", "cpu" or
    "cuda:<index>". ``detector`` finds the faces: None or "combined" is a
    :class:`face_alignment_3d.detection.combined.CombinedDetector` of the same runtime, "scout" and "mtcnn"
    are its two parts alone; "centerface" is for crowds and tiny faces, slower and for upright heads (a
    :class:`face_alignment_3d.detection.centerface.CenterFaceDetector`, extra ``centerface``); or an object of
    your own.

    With "torch", ``dtype`` "bfloat16" or "float16" runs convolutions in 16 bits (CUDA; see
    :class:`face_alignment_3d.backends.torch_backend.TorchBackend`), and ``compile=True`` uses
    ``torch.compile``. With "onnx", ``threads`` is how many threads of the CPU share the work; None takes all
    physical cores. From two faces a thread on, each thread crops and aligns faces of its own.

    The detector's results are candidates. Those whose ``Face3D.certainty`` is below ``min_confidence`` are
    dropped; 0 keeps all of them, the doubtful ones last. Boxes that are given are all aligned.

    ``blendshapes=True`` puts ARKit's blendshapes into each face, as ``Face3D.blendshapes``. A
    :class:`face_alignment_3d.blendshapes.BlendshapeEstimator`, such as one that is calibrated to somebody, is
    used as it is.

    ``offline=True`` forbids downloading weights; None leaves that to the environment.

    Nothing is loaded before the first call, or :meth:`load`. Pickles, deep copies and, with "onnx", forks
    load anew. Calls depend on nothing but their arguments, so one aligner may be used from several threads.

    Raises :class:`WeightsError` for weights that are not there, :class:`DeviceError` for a device that is
    not, :class:`BackendError` when the runtime is not or cannot do what is asked of it, and ValueError for
    another argument of a wrong type or value. The first call raises :class:`WeightsError` for weights that
    are damaged or not those of a cascade.
    """

    def __init__(
        self,
        weights: str | os.PathLike[str] = "lite",
        *,
        backend: BackendName | Backend = "auto",
        device: DeviceLike = "auto",
        dtype: "Precision" = "float32",
        compile: bool = False,
        threads: int | None = None,
        detector: FaceDetector | DetectorName | None = None,
        min_confidence: float = MIN_CONFIDENCE,
        blendshapes: bool | BlendshapeEstimator = False,
        offline: bool | None = None,
    ) -> None:
        if isinstance(backend, str):
            self._backend = open_backend(
                weights,
                backend=backend,
                device=device,
                dtype=dtype,
                compile=compile,
                threads=threads,
                offline=offline,
            )
        else:
            defaults = (weights, device, dtype, compile, threads) == ("lite", "auto", "float32", False, None)
            self._backend = own_backend(backend, has_options=not defaults)
        if not 0 <= min_confidence <= 1:
            raise ValueError(f"min_confidence must lie in [0, 1]; got {min_confidence!r}")
        self._min_confidence = min_confidence
        self._detector = open_detector(detector, self._backend, threads=threads)
        self._blendshape_estimator = as_estimator(blendshapes, offline=offline)

    @property
    def backend(self) -> str:
        """The runtime: "torch", "onnx", or the name of a backend of your own."""
        return self._backend.name

    @property
    def device(self) -> str:
        """The device that the network runs on: "cpu", "cuda:0", ..."""
        return self._backend.device

    @property
    def detector(self) -> FaceDetector:
        """The detector of calls without boxes. The default one is made when it is first asked for."""
        return self._detector() if isinstance(self._detector, Lazy) else self._detector

    @property
    def blendshape_estimator(self) -> BlendshapeEstimator | None:
        """The source of the faces' blendshapes; None when they were not asked for."""
        return self._blendshape_estimator

    def load(self, *, detector: bool = True) -> "FaceAligner3D":
        """Loads the network and, with ``detector``, the detector now; returns this aligner.

        A server calls it before the first request. A detector of your own is loaded if it is a
        :class:`face_alignment_3d.detection.protocol.LazyDetector`. Raises as the first call would.
        """
        _ = self._backend.geometry
        if detector and isinstance(self.detector, LazyDetector):
            self.detector.load()
        return self

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
        """The faces of an image, with all that the network and the detector tell; an empty list for none.

        ``image`` is whatever :func:`face_alignment_3d.images.as_rgb` reads; ``color`` the channel order of
        arrays. ``boxes`` (F, 4) are x0, y0, x1, y1 in image pixels, tight around each face from the brows to
        the chin and from jaw to jaw; None lets the detector find them. Faces come in the order of ``boxes``;
        those of the detector by the area of their landmarks, largest first, the doubtful ones
        (with a low ``min_confidence``) after all others. Coordinates are image pixels, (0, 0)
        the center of the top-left pixel; see :class:`Face3D`.

        Raises :class:`ImageError` and :class:`BoxError` for what cannot be read as an image or as boxes.
        """
        if boxes is not None:  # All are aligned, none selected: the way of video frames is to be short.
            views = face_views(as_rgb(image, color=color), given_boxes(boxes), self._backend.geometry)
            return self._run(views, batch_size=_BATCH_SIZE)
        (result,) = self._photo_views(color).of([(image, boxes)], keep=True)
        return next(self._align([views_or_raise(result)]))

    def detect_batch(
        self,
        images: ImageBatch,
        *,
        boxes: Sequence[BoxesLike | None] | None = None,
        color: ColorOrder = "rgb",
        batch_size: int = _BATCH_SIZE,
    ) -> list[list[Face3D]]:
        """:meth:`detect` of each image, faster: the faces of all images share the runs of the network.

        The images may differ in size and kind. A
        :class:`face_alignment_3d.detection.protocol.BatchFaceDetector` gets several of a list together.
        ``boxes`` has an entry for each image: (F, 4), or None to let
        the detector find the faces of that image. ``batch_size`` faces go to the network at a time, and no
        more crops than these are in memory.

        Raises as :meth:`detect`, naming the image by its index.
        """
        require_at_least_1(batch_size=batch_size)
        several = as_batch(images)
        given = boxes_of_batch(boxes, count=len(several))
        # A photo or its crop can wait for its turn where the caller keeps the photo anyhow. Other sequences
        # may make each photo when it is asked for, in the memory of the last one.
        kept = isinstance(several, (list, tuple, np.ndarray))
        searches = kept and any(boxes is None for boxes in given)
        detected_together = photos_at_a_time(self.detector) if searches else 1
        views = self._photo_views(color).in_turn(
            zip(several, given, strict=True), keep=kept, together=detected_together
        )
        return list(self._align(views, batch_size))

    def align_many(
        self,
        images: Iterable[ImageLike],
        *,
        boxes: Iterable[BoxesLike | None] | None = None,
        color: ColorOrder = "rgb",
        batch_size: int = _BATCH_SIZE,
        prefetch: int = _PREFETCH,
        workers: int = 2,
    ) -> Iterator[AlignmentResult]:
        """:meth:`detect` of a stream of any length: one :class:`AlignmentResult` for each image, in order.

        Reading, detection and cropping of the next images go on in ``workers`` threads while the network
        runs and while the caller uses a result. At most ``prefetch`` images are in work or waiting, and as
        many are done and not yet asked for, so memory is bounded; decoded photos are kept only while a thread
        works on them. Faces of images that are ready at the same time share runs of the network,
        ``batch_size`` at a time.

        An image that cannot be read, whose boxes are wrong or in which detection fails is reported in
        :attr:`AlignmentResult.error` and the stream goes on. ``boxes`` is as long as ``images``. A detector
        that cannot be used from several threads needs ``workers=1``; one that takes several photos gets up to
        ``prefetch / workers`` of them.

        Both iterables are read in the caller's thread, up to ``prefetch`` images before their result is used;
        an exception of theirs is raised when the results before it have been given. Weights and detectors
        that cannot be loaded raise at once.
        """
        several = as_images(images)
        require_at_least_1(batch_size=batch_size, prefetch=prefetch, workers=workers)
        self.load(detector=boxes is None)
        tasks = zip(several, repeat(None)) if boxes is None else zip(several, boxes, strict=True)
        of_photos = self._photo_views(color)
        stream = AlignmentStream(
            lambda photos: of_photos.of(photos, keep=False), lambda views: self._align(views, batch_size)
        )
        detected_together = photos_at_a_time(self.detector) if boxes is None else 1
        return stream.results(tasks, prefetch=prefetch, workers=workers, at_a_time=detected_together)

    def _photo_views(self, color: ColorOrder) -> PhotoViews:
        """Makes the views of the faces in boxes, or of those that the detector finds."""
        return PhotoViews(lambda: self.detector, lambda: self._backend.geometry, color)

    def _align(
        self, images: Iterable[list[FaceView]], batch_size: int = _BATCH_SIZE
    ) -> Iterator[list[Face3D]]:
        """The faces of each image, from its candidates. Views and crops are made batch after batch."""
        return selected_faces(
            images,
            partial(self._run, batch_size=batch_size),
            batch_size=batch_size,
            min_confidence=self._min_confidence,
        )

    def _run(self, views: list[FaceView], *, batch_size: int) -> list[Face3D]:
        """Runs the network on the crops of ``views``; its landmarks come back in pixels of the images."""
        faces: list[Face3D] = []
        for start in range(0, len(views), batch_size):
            batch = views[start : start + batch_size]
            faces += faces_of(batch, self._backend.run(FaceViewCrops(batch)))
        estimator = self._blendshape_estimator
        return faces if estimator is None else [estimator.annotate(face) for face in faces]

    def _stacked(self, faces: list[Face3D], markup: Markup) -> npt.NDArray[np.float32]:
        landmarks = np.empty((len(faces), NUM_LANDMARKS, 3), dtype=np.float32)
        for row, face in zip(landmarks, faces, strict=True):
            row[:] = face.landmarks
        return np.asarray(in_markup(landmarks, markup), np.float32)
