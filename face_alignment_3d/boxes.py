"""Face boxes: those that a caller gives, and those of a detector."""

import math
import reprlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias, Union

import numpy as np
import numpy.typing as npt

from face_alignment_3d.detection.protocol import BatchFaceDetector, FaceDetector
from face_alignment_3d.errors import BoxError
from face_alignment_3d.tensors import is_tensor

if TYPE_CHECKING:
    import torch

#: The argument of :func:`as_boxes`: (F, 4), or an empty sequence.
BoxesLike: TypeAlias = Union[
    npt.NDArray[np.generic], "torch.Tensor", Sequence[Sequence[float]], Sequence[npt.NDArray[Any]]
]

_EXPECTED: Final = "boxes must have shape (N, 4), xyxy in image pixels"
#: Pixels. A face whose box is smaller has nothing to align in it; boxes in fractions of the image all are.
_LEAST_SIDE: Final = 2.0
#: Pixels from the image's first one. Beyond, single precision does not tell all pixels apart.
FARTHEST: Final = 2.0**24


class FaceBox(NamedTuple):
    """The placement of one face in an image."""

    box: npt.NDArray[np.float32]
    """(4,): x0, y0, x1, y1 in image pixels."""
    score: float | None
    """The detector's, in [0, 1]; None for a box that was given."""
    roll: float
    """In-plane lean of the head in radians, clockwise on screen; 0 where it is not known."""


def given_boxes(boxes: BoxesLike) -> list[FaceBox]:
    """The caller's ``boxes``, in their order. Raises as :func:`as_boxes`."""
    return [FaceBox(box, None, 0.0) for box in as_boxes(boxes)]


def detected_boxes(
    detector: FaceDetector, images_rgb: Sequence[npt.NDArray[np.uint8]]
) -> list[list[FaceBox] | Exception]:
    """The faces that ``detector`` finds in each image (H, W, 3), the largest box first, or its exception.

    That is a :class:`BoxError` where the detector returned anything but detections with boxes.
    A :class:`.detection.protocol.BatchFaceDetector` gets several images together, and each alone where that
    fails, so that an image does not fail for another.
    """
    if len(images_rgb) > 1 and isinstance(detector, BatchFaceDetector):
        try:
            together = detector.detect_batch(images_rgb)
        except Exception:  # Of one image, it may be, or of too many together.
            together = None
        if together is not None:
            if len(together) != len(images_rgb):
                wrong = BoxError(
                    "detect_batch of a detector must return a list of detections for each image; got "
                    f"{len(together)} for {len(images_rgb)} images"
                )
                return [wrong] * len(images_rgb)
            return [_result_of(partial(_face_boxes, found)) for found in together]
    return [_result_of(partial(_of_one, detector, image)) for image in images_rgb]


def _of_one(detector: FaceDetector, image_rgb: npt.NDArray[np.uint8]) -> list[FaceBox]:
    return _face_boxes(detector.detect(image_rgb))


def _result_of(work: Callable[[], list[FaceBox]]) -> list[FaceBox] | Exception:
    try:
        return work()
    except Exception as error:
        return error


def _face_boxes(found: object) -> list[FaceBox]:
    if isinstance(found, np.ndarray) or not isinstance(found, Sequence):
        raise _no_detections(type(found).__name__)
    for each in found:
        if not (hasattr(each, "box") and hasattr(each, "score")):
            raise _no_detections(f"a {type(found).__name__} of {type(each).__name__}")
    try:
        boxes = as_boxes([each.box for each in found])
    except BoxError as error:
        raise BoxError(f"from the detector: {error}") from error
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return [
        FaceBox(boxes[i], _finite(found[i], "score"), _finite(found[i], "roll"))
        for i in np.argsort(-areas, kind="stable")
    ]


def _finite(detection: object, name: str) -> float:
    value = getattr(detection, name, 0.0)
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        number = math.nan
    if not math.isfinite(number):
        raise BoxError(f"from the detector: {name} must be a finite number; got {reprlib.repr(value)}")
    return number


def as_boxes(boxes: BoxesLike) -> npt.NDArray[np.float32]:
    """The boxes as a new float32 array (F, 4) of x0, y0, x1, y1; (0, 4) from an empty list.

    Boxes may reach outside the image. Raises :class:`BoxError` for another shape or type, for NaN or
    infinity, where x1 <= x0 or y1 <= y0, for boxes of less than 2 pixels, such as those in fractions of
    the image, and for numbers beyond 16,777,216, which single precision does not tell apart.
    """
    array = _as_array(boxes)
    if array.size == 0 and array.shape in ((0,), (0, 4)):
        return np.zeros((0, 4), dtype=np.float32)
    if array.ndim != 2 or array.shape[1] != 4:
        hint = "; put a single box into a list" if array.shape == (4,) else ""
        hint = "; leave out the columns after x1, y1" if array.ndim == 2 and array.shape[1] > 4 else hint
        raise BoxError(f"{_EXPECTED}; got {array.shape}{hint}")
    if array.dtype.kind not in "iuf":
        raise BoxError(f"{_EXPECTED}, as numbers; got dtype {array.dtype}")
    if array.dtype == np.float32:
        result = array.astype(np.float32)
    else:
        with np.errstate(over="ignore"):  # Numbers beyond float32 become infinite, and are refused below.
            result = array.astype(np.float32)
    for index, (x0, y0, x1, y1) in enumerate(result.tolist()):
        is_within = x0 >= -FARTHEST and y0 >= -FARTHEST and x1 <= FARTHEST and y1 <= FARTHEST
        if not (x1 > x0 and y1 > y0 and max(x1 - x0, y1 - y0) >= _LEAST_SIDE and is_within):
            raise _no_box(index, [x0, y0, x1, y1])
    return result


def _no_box(index: int, box: list[float]) -> BoxError:
    x0, y0, x1, y1 = box
    if not all(map(math.isfinite, box)):
        return BoxError(f"{_EXPECTED}, all finite; box {index} is {box}")
    if x1 <= x0 or y1 <= y0:
        return BoxError(
            f"{_EXPECTED}, with x1 > x0 and y1 > y0; box {index} is {box}. "
            "If these are x, y, width, height, pass (x, y, x + width, y + height)"
        )
    if max(map(abs, box)) > FARTHEST:
        return BoxError(
            f"{_EXPECTED}, from -{FARTHEST:.0f} to {FARTHEST:.0f}; box {index} is {box}: check its unit"
        )
    return BoxError(
        f"{_EXPECTED}; box {index} is {box}, less than {_LEAST_SIDE:g} pixels. If these "
        "are fractions of the image, in [0, 1], multiply x by its width and y by its height"
    )


def _no_detections(got: str) -> BoxError:
    return BoxError(
        "a detector must return a list of face_alignment_3d.Detection(box, score), with box (4,) x0, y0, x1, "
        f"y1 in image pixels; got {got}. Of rows (x0, y0, x1, y1, score) make "
        "[Detection(row[:4], row[4]) for row in rows]"
    )


def _as_array(boxes: BoxesLike) -> npt.NDArray[np.generic]:
    if np.ma.is_masked(boxes):
        raise BoxError(f"{_EXPECTED}; got a masked array with masked numbers: leave these boxes out")
    try:
        if is_tensor(boxes):
            floating = boxes.is_floating_point()  # numpy has no bfloat16, and boxes end as float32 anyway.
            return np.asarray((boxes.float() if floating else boxes).detach().cpu().numpy())
        return np.asarray(boxes)
    except (ValueError, TypeError, OverflowError, RuntimeError) as error:
        raise BoxError(f"{_EXPECTED}; got rows of different lengths or types ({error})") from error
