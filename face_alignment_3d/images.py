"""Reads paths, PIL images, arrays and tensors as RGB uint8.

The only file that knows about EXIF, Pillow modes, gray, alpha, BGR, 16 bits, floats and tensors; files are
opened in :mod:`face_alignment_3d.image_file`.
"""

import os
import warnings
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, Union

import cv2
import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image

from face_alignment_3d.errors import ImageError, ImageRangeWarning
from face_alignment_3d.image_file import open_image_file
from face_alignment_3d.tensors import is_tensor

if TYPE_CHECKING:
    import torch

#: The images that :func:`as_rgb` takes.
ImageLike: TypeAlias = Union[str, os.PathLike[str], Image.Image, npt.NDArray[np.generic], "torch.Tensor"]

ColorOrder: TypeAlias = Literal["rgb", "bgr"]

#: EXIF orientation -> what makes the stored picture upright. ``PIL.ImageOps.exif_transpose`` also writes the
#: EXIF block anew, which fails for some damaged blocks whose orientation can be read.
_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

#: Premultiplied Pillow modes, which convert to RGB only through their straight twins.
_STRAIGHT: Final = {"RGBa": "RGBA", "La": "LA"}

#: Floats may lie outside [0, 1] by as much as still rounds to 0 or 255.
_FLOAT_SLACK: Final = 0.5 / 255

#: Images of more than 8 bits whose largest value is below this share of their type's range are warned about:
#: 12 bits in uint16 reach a sixteenth.
_MOSTLY_UNUSED: Final = 1 / 8

_EXPECTED: Final = (
    "expected a path, a PIL image, a numpy array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), "
    "or a torch tensor (1, H, W) or (3, H, W)"
)


def as_rgb(image: ImageLike, *, color: ColorOrder = "rgb") -> npt.NDArray[np.uint8]:
    """Reads ``image`` as RGB: (H, W, 3) uint8, C-contiguous.

    ``image`` is one of:

    - A path to a picture file. The EXIF orientation is applied; of several frames the first is read. HEIC
      needs the package ``pillow-heif``, which is used where it is installed. Pictures above Pillow's own
      safety limit (twice ``PIL.Image.MAX_IMAGE_PIXELS``, 179 megapixels unless the application changes it)
      are refused.
    - A PIL image of any mode. Its EXIF orientation is applied as well, so coordinates refer to the upright
      picture, ``PIL.ImageOps.exif_transpose(image)``.
    - A numpy array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4): uint8, uint16 (0 to 65535) or float (0 to 1).
      Integers of 16 bits, and PIL's mode "I", that reach 255 at most are an 8-bit picture in a wider type.
    - A torch tensor (1, H, W) or (3, H, W) on any device, of the same types.

    Floats are in [0, 1]; values that round to 0 or 255, such as 1.0001, are clipped and others refused,
    because their range is not known. An image of more than 8 bits that uses less than an eighth of its range,
    such as 12-bit data in uint16, is read as it is, nearly black, with an :class:`ImageRangeWarning`. Alpha
    is dropped: the colors under transparent pixels show.

    ``color`` is the channel order of arrays and tensors with 3 or 4 channels. Files and PIL images know
    their own order, so it does not concern them.

    The result shares the memory of an array that already has the right form, so it is not to be written to;
    ``image`` itself is never changed. Raises :class:`ImageError` for anything else.
    """
    if color not in ("rgb", "bgr"):
        raise ImageError(f"color must be 'rgb' or 'bgr'; got {color!r}")
    if isinstance(image, np.ndarray):
        if np.ma.is_masked(image):
            raise ImageError("expected an array without masked pixels; use image.filled(0)")
        return _from_array(np.asarray(image), color)
    if isinstance(image, (str, os.PathLike)):
        with open_image_file(image) as picture:
            return _from_pillow(picture)
    if isinstance(image, Image.Image):
        try:
            return _from_pillow(image)
        except (ImageError, MemoryError):
            raise
        except Exception as error:  # A lazily opened picture is decoded only here: see open_image_file.
            raise ImageError(f"cannot decode the PIL image: {error}; open it again and check it") from error
    if is_tensor(image):
        return _from_tensor(image, color)
    hint = ""
    if isinstance(image, (list, tuple)):
        hint = "; convert it with numpy.asarray"
    elif isinstance(image, (bytes, bytearray, memoryview)):
        hint = "; open it with PIL.Image.open(io.BytesIO(...))"
    elif hasattr(image, "read"):
        hint = "; open it with PIL.Image.open"
    raise ImageError(f"{_EXPECTED}; got {type(image).__name__}{hint}")


def _from_pillow(image: Image.Image) -> npt.NDArray[np.uint8]:
    image.load()  # First, for TIFF applies its orientation, and PNG finds its EXIF, only when decoded.
    upright = _UPRIGHT.get(_orientation(image))
    if upright is not None:
        image = image.transpose(upright)
    if image.mode == "F" or image.mode.startswith("I;16"):
        return _from_array(np.asarray(image), "rgb")
    if image.mode == "I":
        values = np.asarray(image)
        if values.size and (values.min() < 0 or values.max() > 65535):
            raise ImageError(
                "expected 0 to 65535 in a PIL image of mode 'I'; "
                f"got {values.min()} to {values.max()}: scale it to 8 or 16 bits"
            )
        return _from_array(values.astype(np.uint16), "rgb")
    if image.mode in _STRAIGHT:
        image = image.convert(_STRAIGHT[image.mode])
    if image.mode != "RGB":
        try:
            image = image.convert("RGB")
        except ValueError as error:
            raise ImageError(
                f"Pillow cannot convert colors of its mode {image.mode!r} to RGB ({error}); convert the "
                "picture with another program, such as to PNG"
            ) from error
    return _from_array(np.asarray(image), "rgb")


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # A broken EXIF block is no reason to refuse a good picture.
        return 1


def _from_tensor(tensor: "torch.Tensor", color: ColorOrder) -> npt.NDArray[np.uint8]:
    if tensor.is_nested:
        raise ImageError("expected a torch tensor (1, H, W) or (3, H, W); got a nested one")
    shape = tuple(tensor.shape)
    if tensor.ndim != 3 or shape[0] not in (1, 3):
        hint = ""
        if tensor.ndim == 4:
            hint = "; pass a batch to get_landmarks_batch"
        elif tensor.ndim == 3 and shape[2] in (1, 3):
            hint = "; use tensor.permute(2, 0, 1)"
        elif tensor.ndim == 2:
            hint = "; use tensor[None]"
        raise ImageError(f"expected a torch tensor (1, H, W) or (3, H, W); got {shape}{hint}")
    if tensor.is_floating_point() and tensor.element_size() == 2:  # numpy has no bfloat16.
        tensor = tensor.float()
    try:
        array: npt.NDArray[np.generic] = tensor.detach().permute(1, 2, 0).cpu().numpy()
    except (RuntimeError, TypeError) as error:
        raise ImageError(
            "expected a dense torch tensor that holds data; "
            f"got {tensor.layout} of {tensor.dtype} on {tensor.device}"
        ) from error
    return _from_array(array, color)


def _from_array(array: npt.NDArray[np.generic], color: ColorOrder) -> npt.NDArray[np.uint8]:
    shape = array.shape
    if array.dtype == np.uint8 and array.ndim == 3 and shape[2] == 3 and array.size and color == "rgb":
        return np.ascontiguousarray(array)  # As it mostly is.
    if array.ndim not in (2, 3) or (array.ndim == 3 and shape[2] not in (1, 3, 4)):
        hint = ""
        if array.ndim == 4:
            hint = "; pass a batch to get_landmarks_batch"
        elif array.ndim == 3 and shape[0] in (1, 3):
            hint = "; use array.transpose(1, 2, 0)"
        raise ImageError(f"expected an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4); got {shape}{hint}")
    if array.size == 0:
        raise ImageError(f"expected an image of at least one pixel; got an empty array of shape {shape}")
    if array.ndim == 2:
        array = array[:, :, None]
    pixels = np.ascontiguousarray(_as_uint8(array[:, :, :3]))
    if pixels.shape[2] == 1:
        return np.repeat(pixels, 3, axis=2)
    if color == "bgr":
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), dtype=np.uint8)
    return pixels


def _as_uint8(values: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
    """uint8 as it is; uint16 and float (0 to 1) scaled to the nearest of 0 to 255."""
    if values.dtype.kind == "u" and values.dtype.itemsize == 1:
        return values.view(np.uint8)
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:
        return _from_uint16(values.astype(np.uint16, copy=False))
    if values.dtype.kind == "f":
        with np.errstate(over="ignore"):  # Beyond single precision is infinity, which is refused.
            return _from_unit_floats(values.astype(np.float32, copy=False))
    raise ImageError(
        f"expected pixels of type uint8, uint16 or float (0 to 1); got {values.dtype}: "
        "scale them to 0..255 and use image.astype(numpy.uint8)"
    )


def _from_uint16(values: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint8]:
    highest = int(values.max())
    if highest <= 255:  # Of 16 bits it would be black.
        return values.astype(np.uint8)
    if highest < 65536 * _MOSTLY_UNUSED:
        factor = 2 ** (16 - highest.bit_length())
        _warn_of_range(
            f"the largest value of this image is {highest} of 65535, so most of the range of 16 bits is "
            f"unused and it is read as nearly black; if its values have {highest.bit_length()} bits, "
            f"multiply them by {factor}"
        )
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _warn_of_range(message: str) -> None:
    # The caller of as_rgb is some frames up, how many depends on the kind of image.
    warnings.warn(message, ImageRangeWarning, stacklevel=2)


def _from_unit_floats(values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    low, high = float(values.min()), float(values.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ImageError("expected finite pixels; got NaN or infinity: see numpy.nan_to_num")
    if low < -_FLOAT_SLACK or high > 1 + _FLOAT_SLACK:
        raise ImageError(
            f"expected float pixels from 0 to 1; got {low:g} to {high:g}: "
            "make 0..255 uint8 with image.clip(0, 255).astype(numpy.uint8), and scale other ranges to 0..1"
        )
    if 0 < high < _MOSTLY_UNUSED:
        _warn_of_range(
            f"the largest value of this image is {high:.3g} of 1, so most of the range is unused and it is "
            "read as nearly black; scale it so that white is 1"
        )
    return (np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8)
