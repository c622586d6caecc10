"""Decoding of photos and frames that clients send."""

import io
import struct
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from face_alignment_3d.errors import ImageError
from face_alignment_3d.images import as_rgb

#: Formats by their names in Pillow. WebP comes last, since not every Pillow has it.
PHOTO_FORMATS: Final = ("JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP")
FRAME_FORMATS: Final = ("JPEG", "PNG", "WEBP")

#: The head of a frame's message: the client's number, uint32, and the time in seconds, float64.
_FRAME_HEAD: Final = struct.Struct("<Id")


class TooLargeError(ImageError):
    """A picture has more bytes or pixels than this server takes."""


@dataclass(frozen=True)
class Frame:
    """A frame of a live video, not decoded yet."""

    id: int
    """The client's number, from 0 to 2**32 - 1, which the answer repeats."""
    time: float
    """Seconds, from any origin."""
    picture: bytes
    """A picture file."""


def read_frame(message: bytes) -> Frame:
    """The frame in a binary message. Raises :class:`ImageError` where the message is too short."""
    if len(message) <= _FRAME_HEAD.size:
        raise ImageError(
            f"expected {_FRAME_HEAD.size} bytes (id: uint32, time: float64, little-endian) and a JPEG file; "
            f"got {len(message)} bytes"
        )
    number, time = _FRAME_HEAD.unpack_from(message)
    return Frame(number, time, message[_FRAME_HEAD.size :])


def decode_picture(
    content: bytes, formats: tuple[str, ...], *, max_bytes: int, max_pixels: int
) -> npt.NDArray[np.uint8]:
    """The picture file ``content``, upright, as RGB (H, W, 3).

    Its size is checked before it is decoded. Raises :class:`TooLargeError` where it is too large, and
    :class:`ImageError` for what is no picture, is damaged or has another format.
    """
    require_bytes(len(content), max_bytes)
    try:
        with Image.open(io.BytesIO(content), formats=formats) as image:
            _require_pixels(image, max_pixels)
            return as_rgb(image)
    except (TooLargeError, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise TooLargeError(f"the picture is too large: {error} Shrink it") from error
    except ImageError as error:
        raise ImageError(f"the picture is damaged or cut short: {error.__cause__ or error}") from error
    except Exception as error:  # Readers of damaged files raise almost anything.
        kinds = ", ".join(formats)
        raise ImageError(
            f"expected a picture file ({kinds}); got {len(content)} bytes that are none"
        ) from error


def require_bytes(count: int, max_bytes: int) -> None:
    """Raises :class:`TooLargeError` for more bytes than are allowed."""
    if count > max_bytes:
        raise TooLargeError(
            f"expected a picture of at most {max_bytes / 1e6:g} MB; got {count / 1e6:.1f} MB: shrink it"
        )


def _require_pixels(image: Image.Image, max_pixels: int) -> None:
    if image.width * image.height > max_pixels:
        raise TooLargeError(
            f"expected a picture of at most {max_pixels / 1e6:g} megapixels; got {image.width} x "
            f"{image.height}: shrink it"
        )
