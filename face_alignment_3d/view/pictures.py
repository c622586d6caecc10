"""Pictures inside a page, compressed to a limit of their total size."""

import base64
import io
import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

_QUALITY: Final = 82
#: The quality to which :func:`within` goes down before it makes pictures smaller.
_LOWER_QUALITY: Final = 60
_LEAST_SIDE: Final = 64


def encode(image_rgb: npt.NDArray[np.uint8], *, longest: int) -> bytes:
    """An RGB picture (H, W, 3) as WebP whose longer side has at most ``longest`` pixels."""
    picture = Image.fromarray(image_rgb)
    picture.thumbnail((longest, longest), Image.Resampling.BOX, reducing_gap=2.0)
    return _webp(picture, _QUALITY)


def within(pictures: Sequence[bytes | None], total: int) -> list[bytes | None]:
    """The pictures, if need be of lower quality and smaller, with at most ``total`` bytes together."""
    chosen = list(pictures)
    size = _bytes(chosen)
    longest = max((max(_opened(one).size) for one in chosen if one is not None), default=0)
    while size > total and longest > _LEAST_SIDE:
        # Bytes fall more slowly than pixels.
        longest = max(_LEAST_SIDE, int(longest * min(0.9, math.sqrt(total / size) * 1.1)))
        chosen = [None if one is None else _smaller(one, longest) for one in pictures]
        size = _bytes(chosen)
    return chosen


def data_url(picture: bytes) -> str:
    """The address that a page shows the picture under, with the picture inside."""
    return "data:image/webp;base64," + base64.b64encode(picture).decode("ascii")


def _smaller(encoded: bytes, longest: int) -> bytes:
    picture = _opened(encoded)
    picture.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    return _webp(picture, _LOWER_QUALITY)


def _webp(picture: Image.Image, quality: int) -> bytes:
    target = io.BytesIO()
    picture.save(target, "WEBP", quality=quality, method=2)
    return target.getvalue()


def _opened(encoded: bytes) -> Image.Image:
    return Image.open(io.BytesIO(encoded))


def _bytes(pictures: Sequence[bytes | None]) -> int:
    return sum(len(one) for one in pictures if one is not None)
