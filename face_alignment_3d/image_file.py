"""Opening a picture file, with errors that say what is wrong with it."""

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from PIL import Image, UnidentifiedImageError

from face_alignment_3d.errors import ImageError
from face_alignment_3d.optional import is_installed, requirement

#: Endings of what iPhones write, which Pillow reads with the package pillow-heif only.
_HEIC: Final = (".heic", ".heif", ".hif")

#: Endings of names, in lower case, by which searches take files for pictures.
PICTURE_ENDINGS: Final = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif"),
    *(".ppm", ".pgm", ".pnm", ".jp2", ".avif", ".heic", ".heif"),
)

#: Letters of a path that a message shows. Base64 text that is given in place of a path may have millions.
_SHOWN: Final = 200

#: Letters that a path rarely has.
_LONG: Final = 255


@contextmanager
def open_image_file(file: str | os.PathLike[str]) -> Iterator[Image.Image]:
    """The picture in ``file``, not decoded yet; closed on leaving.

    Raises :class:`ImageError` for what is not a picture file that can be read, and for errors of decoding
    inside the ``with`` block.
    """
    path = os.fsdecode(file)
    shown = path if len(path) <= _SHOWN else f"{path[:_SHOWN]}... ({len(path)} letters)"
    _require_file(path, shown)
    with _explained(shown), _open(path, name=path) as image:
        yield image


@contextmanager
def open_image_bytes(content: bytes, name: str) -> Iterator[Image.Image]:
    """:func:`open_image_file` for a file that has been read already; errors call it ``name``."""
    with _explained(name), _open(io.BytesIO(content), name=name) as image:
        yield image


@contextmanager
def _explained(shown: str) -> Iterator[None]:
    """Turns what Pillow raises into :class:`ImageError`."""
    try:
        yield
    except ImageError as error:
        raise ImageError(f"{shown}: {error}") from error
    except PermissionError as error:
        raise _not_allowed(shown) from error
    except UnidentifiedImageError as error:
        remedy = "convert it to one, or register a Pillow plugin for its format"
        if shown.lower().endswith(_HEIC):
            remedy = f"for HEIC: pip install '{requirement('heic')}'"
        raise ImageError(
            f"{shown} is not a picture that Pillow can read (JPEG, PNG, WebP, TIFF, BMP, ...); {remedy}"
        ) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(
            f"{shown} is too large: {error} Shrink it, or raise PIL.Image.MAX_IMAGE_PIXELS if you trust it"
        ) from error
    except MemoryError:
        raise
    except Exception as error:  # Decoders of damaged files raise almost anything, SyntaxError among it.
        raise ImageError(f"{shown} is damaged or cut short: {error}; get the file again") from error


def _require_file(path: str, shown: str) -> None:
    try:
        kind = os.stat(path).st_mode  # noqa: PTH116  Path("") would be the working folder.
    except FileNotFoundError as error:
        place = Path(shown).absolute() if path and "://" not in path else repr(shown)
        raise ImageError(f"no such file: {place}; {_remedy(path)}") from error
    except PermissionError as error:
        raise _not_allowed(shown) from error
    except (OSError, ValueError) as error:  # A link to itself, a name that is too long or has a null byte.
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"cannot open {shown}: {reason}; {_remedy(path)}") from error
    if stat.S_ISDIR(kind):
        raise ImageError(f"expected a picture file; {shown} is a folder: pass its files one by one")
    if not stat.S_ISREG(kind):  # Opening a pipe may wait for ever.
        raise ImageError(
            f"expected a picture file; {shown} is a pipe or a device: save the picture to a file"
        )


def _remedy(path: str) -> str:
    if path.startswith("data:") or len(path) > _LONG:
        return "if it is base64 text, open it with PIL.Image.open(io.BytesIO(base64.b64decode(text)))"
    if "://" in path:
        return "only local files are read: download it first"
    return "check its name and folder"


def _not_allowed(shown: str) -> ImageError:
    return ImageError(f"not allowed to read {shown}; check its permissions and those of its folder")


def _open(file: str | io.BytesIO, *, name: str) -> Image.Image:
    """Uses pillow-heif without registering it with Pillow for the whole process."""
    try:
        return Image.open(file)
    except UnidentifiedImageError:
        if not name.lower().endswith(_HEIC) or not is_installed("pillow_heif"):
            raise
        from pillow_heif import HeifImageFile

        opened: Image.Image = HeifImageFile(file)
        return opened
