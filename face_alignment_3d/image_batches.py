"""Batches of images: checking that a value is one, dealing out results, and naming an image in errors."""

import os
from collections.abc import Iterable, Iterator, Sequence, Sized
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias, TypeVar, Union, cast

import numpy as np
import numpy.typing as npt
from PIL import Image

from face_alignment_3d.boxes import BoxesLike
from face_alignment_3d.errors import BoxError, ImageError
from face_alignment_3d.images import ImageLike
from face_alignment_3d.tensors import is_tensor

if TYPE_CHECKING:
    import torch

#: The images of a batch: a sequence, an array (B, H, W, 1, 3 or 4), an array (B,) of paths, or a tensor
#: (B, 1 or 3, H, W).
ImageBatch: TypeAlias = Union[Sequence[ImageLike], npt.NDArray[np.generic], "torch.Tensor"]

_Item = TypeVar("_Item")


def as_batch(images: ImageBatch) -> Sequence[ImageLike]:
    """``images`` as a sequence of images. Raises :class:`ImageError` for a single one and an iterator."""
    several = as_images(images)
    if not (isinstance(several, Sized) and hasattr(several, "__getitem__")):
        raise ImageError(
            f"a batch must be a sequence of images; got a {type(images).__name__}: pass list(...) of it, or "
            "stream it with FaceAligner3D.align_many"
        )
    return cast("Sequence[ImageLike]", several)


def as_images(images: Iterable[ImageLike]) -> Iterable[ImageLike]:
    """``images``, with an array of paths as a list of them.

    Raises :class:`ImageError` for a single image, whose rows or letters would else be taken for images, and
    for what cannot be iterated.
    """
    if isinstance(images, np.ndarray) or is_tensor(images):
        if isinstance(images, np.ndarray) and images.ndim == 1 and images.dtype.kind in "OUS":
            return cast("list[ImageLike]", images.tolist())
        single, what = images.ndim < 4, f"an array of shape {tuple(images.shape)}"
    else:
        single = isinstance(images, (str, bytes, os.PathLike, Image.Image))
        what = f"one {type(images).__name__}"
    if single:
        raise ImageError(f"a batch must be a sequence of images; got {what}: put a single image into a list")
    if not isinstance(images, Iterable) or isinstance(images, dict):
        raise ImageError(f"a batch must be a sequence of images; got a {type(images).__name__}")
    return images


def boxes_of_batch(boxes: Sequence[BoxesLike | None] | None, *, count: int) -> Sequence[BoxesLike | None]:
    """An entry for each of ``count`` images, None where the detector is to find the faces.

    Raises :class:`BoxError` for another number of entries.
    """
    if boxes is None:
        return [None] * count
    if not isinstance(boxes, Sized) or len(boxes) != count:
        got = f"{len(boxes)} for {count} images" if isinstance(boxes, Sized) else f"a {type(boxes).__name__}"
        raise BoxError(f"boxes must be a sequence with one entry an image; got {got}")
    return boxes


def dealt(items: Iterable[_Item], counts: Iterable[int]) -> list[list[_Item]]:
    """Splits ``items`` into lists of ``counts[0]``, ``counts[1]``, ... consecutive ones."""
    remaining = iter(items)
    return [list(islice(remaining, count)) for count in counts]


def require_at_least_1(**values: int) -> None:
    """Raises ValueError, which names the argument, for anything but whole numbers of at least 1."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
            raise ValueError(f"{name} must be a whole number; got {value!r}")
        if value < 1:
            raise ValueError(f"{name} must be at least 1; got {value}")


@contextmanager
def naming_image(index: int) -> Iterator[None]:
    """Adds the index of the image to the errors that are raised inside."""
    try:
        yield
    except (ImageError, BoxError) as error:
        raise type(error)(f"image {index} of the batch: {error}") from error
