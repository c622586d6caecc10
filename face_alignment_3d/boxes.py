"""Checking the face boxes that a caller gives."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias, Union

import numpy as np
import numpy.typing as npt

from face_alignment_3d.errors import BoxError
from face_alignment_3d.tensors import is_tensor

if TYPE_CHECKING:
    import torch

#: What :func:`as_boxes` takes: (F, 4), or an empty sequence.
BoxesLike: TypeAlias = Union[
    npt.NDArray[np.generic], "torch.Tensor", Sequence[Sequence[float]], Sequence[npt.NDArray[Any]]
]

_EXPECTED: Final = "boxes must have shape (N, 4), xyxy in image pixels"


def as_boxes(boxes: BoxesLike) -> npt.NDArray[np.float32]:
    """The boxes as a new float32 array (F, 4) of x0, y0, x1, y1; (0, 4) from an empty list.

    Boxes may reach outside the image. Raises :class:`BoxError` for another shape or type, for NaN or
    infinity, and where x1 <= x0 or y1 <= y0.
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
    with np.errstate(over="ignore"):  # What float32 cannot hold becomes infinite, and is refused below.
        result = array.astype(np.float32)
    for index, (x0, y0, x1, y1) in enumerate(result.tolist()):
        if not np.isfinite(result[index]).all():
            raise BoxError(f"{_EXPECTED}, all finite; box {index} is {[x0, y0, x1, y1]}")
        if x1 <= x0 or y1 <= y0:
            raise BoxError(
                f"{_EXPECTED}, with x1 > x0 and y1 > y0; box {index} is {[x0, y0, x1, y1]}. "
                "If these are x, y, width, height, pass (x, y, x + width, y + height)"
            )
    return result


def _as_array(boxes: BoxesLike) -> npt.NDArray[np.generic]:
    if is_tensor(boxes):
        floating = boxes.is_floating_point()  # numpy has no bfloat16, and boxes end as float32 anyway.
        return np.asarray((boxes.float() if floating else boxes).detach().cpu().numpy())
    try:
        return np.asarray(boxes)
    except (ValueError, TypeError) as error:
        raise BoxError(f"{_EXPECTED}; got rows of different lengths or types ({error})") from error
