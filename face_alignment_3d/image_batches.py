"""What counts as several images, and saying which of them an error is about."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias, Union

import numpy as np
import numpy.typing as npt
from PIL import Image

from face_alignment_3d.errors import BoxError, ImageError
from face_alignment_3d.images import ImageLike
from face_alignment_3d.tensors import is_tensor

if TYPE_CHECKING:
    import torch

#: The images of a batch: a sequence, an array (B, H, W, 1, 3 or 4) or a tensor (B, 1 or 3, H, W).
ImageBatch: TypeAlias = Union[Sequence[ImageLike], npt.NDArray[np.generic], "torch.Tensor"]


def check_is_batch(images: object) -> None:
    """Refuses a single image, whose rows or letters would else be taken for the images of a batch.

    Raises :class:`ImageError`.
    """
    if isinstance(images, np.ndarray) or is_tensor(images):
        single, what = images.ndim < 4, f"an array of shape {tuple(images.shape)}"
    else:
        single, what = isinstance(images, (str, os.PathLike, Image.Image)), f"one {type(images).__name__}"
    if single:
        raise ImageError(f"a batch must be a sequence of images; got {what}: put a single image into a list")


@contextmanager
def naming_image(index: int) -> Iterator[None]:
    """Says in errors which image of a batch they are about."""
    try:
        yield
    except (ImageError, BoxError) as error:
        raise type(error)(f"image {index} of the batch: {error}") from error
