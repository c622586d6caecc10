"""Photos, boxes and frames: reading, aligning and tracking."""

from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from face_alignment_3d import Detection, Face3D, FaceAligner3D, VideoAligner3D
from face_alignment_3d.batch import AlignImages
from face_alignment_3d.boxes import as_boxes
from face_alignment_3d.detection.mtcnn import MTCNNDetector
from face_alignment_3d.images import as_rgb
from tests.fuzz import ugly
from tests.fuzz.target import Target

_COLORS: Final = ugly.mostly(st.sampled_from(["rgb", "bgr"]), st.sampled_from(["gray", None]))
_MARKUPS: Final = ugly.mostly(st.sampled_from(["66", "68"]), st.sampled_from(["67", 68, None]))


class _Detector:
    """Finds what it is told."""

    def __init__(self) -> None:
        self.found: Any = []

    def detect(self, image_rgb: npt.NDArray[np.uint8]) -> Any:
        return self.found


@cache
def _aligner() -> tuple[FaceAligner3D, _Detector]:
    """One for all cases: what a case does must not reach the next."""
    detector = _Detector()
    return FaceAligner3D("nano", backend="torch", device="cpu", detector=detector, min_confidence=0), detector


def _check_faces(faces: list[Face3D], image: Any, color: Any) -> None:
    height, width = as_rgb(image, color=color).shape[:2]
    for face in faces:
        assert face.landmarks.shape == (66, 3)
        assert face.landmarks.dtype == np.float32
        assert np.isfinite(face.landmarks).all()
        assert ((face.confidence >= 0) & (face.confidence <= 1)).all()
        assert face.image_size == (height, width)
        assert (face.box[2:] > face.box[:2]).all()


def _read(case: Any) -> None:
    image, color = case
    pixels = as_rgb(image, color=color)
    assert pixels.dtype == np.uint8
    assert pixels.ndim == 3
    assert pixels.shape[2] == 3
    assert pixels.size > 0
    assert pixels.flags.c_contiguous


def _boxes(boxes: Any) -> None:
    result = as_boxes(boxes)
    assert result.shape == (len(result), 4)
    assert result.dtype == np.float32
    assert np.isfinite(result).all()
    assert (result[:, 2:] > result[:, :2]).all()


def _align(case: Any) -> None:
    image, boxes, color, markup = case
    landmarks = _aligner()[0].get_landmarks(image, boxes=boxes, color=color, markup=markup)
    assert landmarks.shape == (len(as_boxes(boxes)), int(markup), 3)
    assert landmarks.dtype == np.float32
    assert np.isfinite(landmarks).all()


def _align_photo(case: Any) -> None:
    """A photo that is right."""
    image, boxes = case
    _check_faces(_aligner()[0].detect(image, boxes=boxes), image, "rgb")


@st.composite
def _detections(draw: st.DrawFn) -> Any:
    if draw(st.integers(0, 5)) == 0:
        return draw(st.one_of(ugly.others, ugly.arrays(), st.lists(ugly.others, max_size=2)))
    found = []
    box: Any
    place: Any
    for box in draw(
        st.lists(st.one_of(st.lists(ugly.numbers, min_size=4, max_size=4), ugly.others), max_size=3)
    ):
        place = [10, 12, 50.5, 60] if draw(st.booleans()) else box
        score = draw(ugly.mostly(st.floats(0, 1), st.one_of(ugly.numbers, ugly.others)))
        roll = draw(ugly.mostly(st.floats(-7, 7), st.one_of(ugly.numbers, ugly.others)))
        with np.errstate(all="ignore"):
            try:
                found.append(Detection(np.asarray(place, np.float32), score, roll))
            except (TypeError, ValueError, OverflowError):
                found.append(Detection(place, score, roll))
    return found


def _detect(case: Any) -> None:
    image, found, color = case
    aligner, detector = _aligner()
    detector.found = found
    _check_faces(aligner.detect(image, color=color), image, color)


def _batch(case: Any) -> None:
    images, boxes, size = case
    aligner, detector = _aligner()
    detector.found = []
    found = aligner.get_landmarks_batch(images, boxes=boxes, batch_size=size)
    assert len(found) == len(images)
    for landmarks in found:
        assert landmarks.shape[1:] == (66, 3)
        assert np.isfinite(landmarks).all()


def _stream(case: Any) -> None:
    images, prefetch, workers = case
    aligner, detector = _aligner()
    detector.found = [Detection(np.array([3, 3, 30, 30], np.float32), 0.9)]
    results = list(aligner.align_many(iter(images), prefetch=prefetch, workers=workers))
    assert [result.index for result in results] == list(range(len(images)))
    for result in results:
        assert result.error is None or not result.faces
        if result.error is None:
            _check_faces(result.faces, result.image, "rgb")
        else:
            # What prevents one image is told, and does not end the stream.
            from face_alignment_3d import FaceAlignmentError

            assert isinstance(result.error, FaceAlignmentError), repr(result.error)


def _track(case: Any) -> None:
    frames, options = case
    aligner, detector = _aligner()
    tracker = VideoAligner3D(aligner, **options)
    for image, time, found in frames:
        detector.found = found
        for face in tracker.track(image, time=time):
            assert np.isfinite(face.landmarks).all()
            assert face.landmarks.shape == (66, 3)


def _frames() -> st.SearchStrategy[Any]:
    """Frames that are mostly right, so that there is something to track."""
    face = st.sampled_from([[], [Detection(np.array([10, 10, 60, 60], np.float32), 0.9)]])
    time = ugly.mostly(st.one_of(st.none(), st.floats(0, 3)), ugly.numbers)
    frame = st.tuples(ugly.mostly(ugly.photos(), ugly.images), time, face)
    options = st.fixed_dictionaries(
        {},
        optional={
            "fps": ugly.mostly(st.floats(1, 60), ugly.numbers),
            "alignment_interval": ugly.mostly(st.floats(0, 1), ugly.numbers),
            "max_lost_seconds": ugly.mostly(st.floats(0.1, 60), ugly.numbers),
            "smooth": st.booleans(),
        },
    )
    return st.tuples(st.lists(frame, min_size=1, max_size=5), options)


def _find(image: Any) -> None:
    """The real detector."""
    for found in _mtcnn().detect(image):
        assert np.isfinite(found.box).all()
        assert (found.box[2:] > found.box[:2]).all()
        assert 0 <= found.score <= 1


@cache
def _mtcnn() -> MTCNNDetector:
    return MTCNNDetector(device="cpu")


def _rows(batch: Any) -> None:
    """The step of a Ray pipeline."""
    count = len(next(iter(batch.values())))
    table = _ray_step()(batch)
    assert table.num_rows == count
    for faces, error in zip(table["faces"].to_pylist(), table["error"].to_pylist(), strict=True):
        assert error is None or not faces


@cache
def _ray_step() -> AlignImages:
    class Source:
        def open(self, *, threads: int, index: int = 0) -> FaceAligner3D:
            return _aligner()[0]

    return AlignImages(Source())  # type: ignore[arg-type]


def _columns() -> st.SearchStrategy[Any]:
    def batch(name: str, values: list[Any]) -> dict[str, Any]:
        column = np.empty(len(values), object)
        for index, value in enumerate(values):
            column[index] = value
        return {name: column}

    values = st.one_of(ugly.photos(), ugly.images, st.binary(max_size=20))
    return st.builds(
        batch,
        st.sampled_from(["image", "bytes", "path", "picture"]),
        st.lists(values, min_size=1, max_size=3),
    )


_LISTS: Final = st.one_of(
    st.lists(ugly.mostly(ugly.photos(), ugly.images), max_size=3), ugly.arrays(), ugly.others
)

TARGETS: Final = (
    Target("as_rgb", st.tuples(ugly.images, _COLORS), _read),
    Target("boxes", ugly.boxes(), _boxes),
    Target(
        "get_landmarks",
        st.tuples(ugly.mostly(ugly.photos(), ugly.images), ugly.boxes(), _COLORS, _MARKUPS),
        _align,
        2,
    ),
    Target("detect, boxes given", st.tuples(ugly.photos(), ugly.boxes()), _align_photo, 4),
    Target("detect, odd detector", st.tuples(ugly.photos(), _detections(), _COLORS), _detect, 4),
    Target(
        "get_landmarks_batch",
        st.tuples(
            _LISTS,
            ugly.mostly(st.none(), st.lists(ugly.boxes(), max_size=3)),
            ugly.mostly(st.integers(1, 4), st.just(0)),
        ),
        _batch,
        4,
    ),
    Target(
        "align_many",
        st.tuples(
            st.lists(ugly.mostly(ugly.photos(), ugly.images), max_size=4),
            ugly.mostly(st.integers(1, 3), st.just(0)),
            ugly.mostly(st.integers(1, 3), st.just(0)),
        ),
        _stream,
        8,
    ),
    Target("VideoAligner3D", _frames(), _track, 10),
    Target("MTCNN", st.one_of(ugly.photos(), ugly.arrays().filter(lambda a: a.size < 50_000)), _find, 10),
    Target("AlignImages", _columns(), _rows, 4),
)
