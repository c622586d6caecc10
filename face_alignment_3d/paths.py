"""Paths that users give, without the exceptions that pathlib raises for odd ones."""

import os
from pathlib import Path


def expanded(path: str | os.PathLike[str]) -> Path:
    """The path with ``~`` and ``~user`` replaced; as it is where nobody knows that home folder."""
    return Path(os.path.expanduser(path))  # noqa: PTH111


def is_file(path: str | os.PathLike[str]) -> bool:
    """True if there is a regular file; False for a name that is too long or has a null byte, too."""
    return os.path.isfile(path)  # noqa: PTH113


def same_place(first: str | os.PathLike[str], second: str | os.PathLike[str]) -> bool:
    """True if both lead to one place, through links; a link to itself is a place of its own."""
    return os.path.realpath(first) == os.path.realpath(second)
