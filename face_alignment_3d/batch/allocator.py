"""The memory allocator of a batch's own processes."""

import ctypes
from typing import Final

# Of glibc's malloc.h.
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3

#: Bytes: as much as the pixels of a picture of ten megapixels.
_LARGEST_KEPT: Final = 32 << 20
_KEPT_IN_ALL: Final = 128 << 20


def keep_freed_memory() -> None:
    """Keeps memory that is freed for the next image, up to 128 MiB, in place of returning it to the system.

    By default glibc returns large blocks, and the system clears each page that it hands out again: a tenth
    of the time of photos of mixed sizes. It is a setting of the whole process, so it is only for processes
    that this library has started. Does nothing where the C library is not glibc.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, TypeError, AttributeError):  # There is no such function.
        return
    mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT)
    mallopt(_M_TRIM_THRESHOLD, _KEPT_IN_ALL)
