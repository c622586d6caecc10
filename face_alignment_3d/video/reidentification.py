"""Embeddings of faces, small enough for every frame, that tell apart two people who have just crossed."""

from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.crop import box_around, crop_around

#: Pixels a side of the picture, and parts a side that it is compared in.
_SIZE: Final = 16
_PARTS: Final = 4
_Embedding = npt.NDArray[np.float64]


def embed(
    image_rgb: npt.NDArray[np.uint8], points: npt.NDArray[np.floating], *, roll: float
) -> npt.NDArray[np.float64]:
    """A unit vector (768,) of the (H, W, 3) image around the landmarks (66, 2 or 3) of a face.

    ``roll``, in radians clockwise on screen, levels it. Brightness and contrast make no difference.
    """
    crop = crop_around(box_around(points), size=_SIZE, crop_scale=1.0, angle=roll)
    side = _SIZE // _PARTS
    pixels = crop.sample(image_rgb).astype(np.float64).reshape(_PARTS, side, _PARTS, side, 3)
    return normalize(pixels.transpose(0, 2, 1, 3, 4).reshape(-1))  # A part after the other.


def normalize(values: _Embedding) -> _Embedding:
    """``values`` (..., n), with zero mean and length 1 along the last axis."""
    centered = values - values.mean(axis=-1, keepdims=True)
    return np.asarray(
        centered / np.maximum(np.linalg.norm(centered, axis=-1, keepdims=True), 1e-9), np.float64
    )


def similarity(first: _Embedding, second: _Embedding) -> float:
    """The similarity of two embeddings (768,), in [-1, 1]; 1 for the same picture.

    The mean of two correlations: of the whole, and of the half of the parts that is most alike, so that
    something in front of a part of the face counts little. Measured on made videos of faces of HELEN's
    training part that cross, with landmarks off by 2 % of the face's size: 95 % of the pictures of one person
    have a similarity of at least 0.84 in plain view, 0.73 beside another face and 0.48 partly behind it; 95 %
    of those of two people have at most 0.70.
    """
    parts = np.sort(np.einsum("ij,ij->i", _normalized_parts(first), _normalized_parts(second)))
    return (float(first @ second) + float(parts[len(parts) // 2 :].mean())) / 2


def _normalized_parts(embedding: _Embedding) -> _Embedding:
    return normalize(embedding.reshape(_PARTS * _PARTS, -1))
