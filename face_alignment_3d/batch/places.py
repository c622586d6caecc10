"""Places of files: paths of this machine, and urls of fsspec's."""

import re
from typing import Any

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem, make_path_posix

#: Names that file systems have for the mark of a file's version, the best first.
_MARKS = ("ETag", "etag", "md5Hash", "mtime", "LastModified", "last_modified", "updated")


def file_system_of(url: str) -> tuple[Any, str]:
    """The file system of ``url`` and the path there.

    Without "://" it is a path of this machine, whatever else is in the name: fsspec itself would split
    "a::b". Raises ValueError for an unknown protocol and ImportError where its package is not installed.
    """
    if "://" in url:
        file_system, path = url_to_fs(url)
        return file_system, str(path)
    path = make_path_posix(url)
    return LocalFileSystem(), path.rstrip("/") or path


def is_local(file_system: Any) -> bool:
    """True for the file system of this machine."""
    return isinstance(file_system, LocalFileSystem)


def absolute(url: str) -> str:
    """The same place from every working folder; urls are as they were."""
    file_system, path = file_system_of(url)
    return path if is_local(file_system) else url


def without_password(url: str) -> str:
    """A url for messages and files: with "***" in place of a password."""
    return re.sub(r"(://[^/@:]*):[^/]*@", r"\1:***@", url)


def version_of(file_system: Any, path: str) -> str:
    """A text that differs when a file was changed: its size, with its ETag or time of modification."""
    info = file_system.info(path)
    mark = next((info[name] for name in _MARKS if info.get(name) is not None), "")
    return f"{info.get('size')} {mark}"
