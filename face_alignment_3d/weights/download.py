"""Downloading one weight file: resumed, retried, verified, and put in its place only when it is right."""

import errno
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from glob import escape as glob_escape
from pathlib import Path
from typing import BinaryIO, Final

import requests
from filelock import FileLock
from tqdm import tqdm

from face_alignment_3d.errors import WeightsError
from face_alignment_3d.version import __version__
from face_alignment_3d.weights.integrity import is_intact, sha256_of
from face_alignment_3d.weights.manifest import WeightsEntry

_CHUNK: Final = 1 << 16
_HEADERS: Final = {
    "User-Agent": f"face-alignment-3d/{__version__}",
    # A compressed transfer has other lengths and offsets than the file.
    "Accept-Encoding": "identity",
}
_RETRIED_STATUS: Final = frozenset({408, 425, 429})
_DISK_FULL: Final = frozenset({errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})


@dataclass(frozen=True)
class FetchPolicy:
    """The patience of a download. Times are seconds."""

    attempts: int = 5
    """Attempts in a row that bring nothing new, before giving up."""
    backoff: float = 1.0
    """Pause after the first such attempt; doubles with each further one."""
    longest_backoff: float = 30.0
    connect_timeout: float = 10.0
    read_timeout: float = 30.0
    """Longest silence of the server in the middle of a transfer."""
    lock_timeout: float = 1800.0
    """Longest wait for another process that fetches the same file."""


class _TransientError(Exception):
    """This attempt failed; another one may succeed."""


class _CorruptError(Exception):
    """The bytes are not those of the manifest, and asking again will not help."""


def fetch(
    entry: WeightsEntry, destination: Path, *, policy: FetchPolicy | None = None, progress: bool = True
) -> Path:
    """Downloads ``entry`` to the file ``destination`` unless it is there intact, and returns ``destination``.

    Bytes go to a ``.part`` file beside it, which a later call resumes, also after a kill. The file appears
    under its name only after its size and SHA-256 were checked; wrong bytes, and what fills a disk, are
    deleted. Nothing is written through links. Two processes that ask for the same file download it once: they
    lock the empty file ``.<name>.lock``, which stays. ``progress`` draws a bar on stderr when that is a
    terminal.

    Raises :class:`WeightsError`, which names the file, the place and the remedy.
    """
    policy = policy or FetchPolicy()
    part = destination.with_name(f"{destination.name}.{entry.sha256[:12]}.part")
    with _explained(entry, destination):
        destination.parent.mkdir(parents=True, exist_ok=True)
        lock = destination.with_name(f".{destination.name}.lock")
        with FileLock(lock, timeout=policy.lock_timeout, poll_interval=0.1):
            if is_intact(entry, destination):
                return destination
            _remove_other_parts(part, destination)
            resumed = part.exists()
            try:
                _complete(entry, part, policy, progress)
            except _CorruptError:
                if not resumed:
                    raise
                # The bytes that an earlier run left behind may be the bad ones: once more from the start.
                _complete(entry, part, policy, progress)
            part.replace(destination)
            return destination


@contextmanager
def _explained(entry: WeightsEntry, destination: Path) -> Iterator[None]:
    """Turns errors that may occur around a download into :class:`WeightsError` with a remedy."""
    folder = destination.parent
    by_hand = (
        f"download {entry.url} by other means into a folder of yours as {entry.file} and set "
        "FACE_ALIGNMENT_3D_HOME to that folder"
    )
    try:
        yield
    except _TransientError as error:
        raise WeightsError(
            f"cannot download weights {entry.name!r} from {entry.url} to {folder}: {error}; check the "
            f"connection and try again (what has come is kept and resumed), or {by_hand}"
        ) from error
    except _CorruptError as error:
        raise WeightsError(
            f"what {entry.url} sends is not the file of weights {entry.name!r}: {error}; it was deleted and "
            f"is not used. Update face-alignment-3d, check whether a proxy changes downloads, or {by_hand}"
        ) from error
    except TimeoutError as error:
        raise WeightsError(
            f"cannot download weights {entry.name!r} to {folder}: another process does, or has locked "
            f"{folder / f'.{destination.name}.lock'} ({error}); wait for that process or end it"
        ) from error
    except OSError as error:
        raise WeightsError(
            f"cannot write weights {entry.name!r} to {folder}: {error}; set FACE_ALIGNMENT_3D_HOME to a "
            "folder on a local disk with enough space that you may write to"
        ) from error


def _complete(entry: WeightsEntry, part: Path, policy: FetchPolicy, progress: bool) -> None:
    """Downloads the missing bytes of ``part``, in as many attempts as the policy allows."""
    most, failures = _size(part), 0
    while _size(part) != entry.bytes:
        try:
            _attempt(entry, part, policy, progress)
        except _TransientError:
            failures = failures + 1 if _size(part) <= most else 1
            most = max(most, _size(part))
            if failures >= policy.attempts:
                raise
            time.sleep(min(policy.backoff * 2 ** (failures - 1), policy.longest_backoff))
    digest = sha256_of(part)
    if digest != entry.sha256:
        part.unlink()
        raise _CorruptError(f"expected SHA-256 {entry.sha256}; got {digest}")


def _attempt(entry: WeightsEntry, part: Path, policy: FetchPolicy, progress: bool) -> None:
    """One request, from where ``part`` ends."""
    if _size(part) > entry.bytes:
        part.unlink()
    offset = _size(part)
    headers = _HEADERS | ({"Range": f"bytes={offset}-"} if offset else {})
    timeout = (policy.connect_timeout, policy.read_timeout)
    url = entry.url or ""
    try:
        with requests.Session() as session:
            if url.startswith("https:"):
                session.adapters.pop("http://")  # No redirect leads from https to http.
            with session.get(url, headers=headers, stream=True, timeout=timeout) as response:
                resumes = _check(response, entry, part, offset)
                _store(response, entry, part, append=resumes, progress=progress)
    except (requests.TooManyRedirects, ValueError) as error:  # ValueError: a redirect to what is no address.
        raise WeightsError(
            f"cannot download weights {entry.name!r}: {url} leads to where they are not fetched from "
            f"({error}); update face-alignment-3d, or pass the path of a weight file that you have"
        ) from error
    except requests.RequestException as error:
        raise _TransientError(str(error)) from error
    if _size(part) < entry.bytes:
        raise _TransientError(f"the connection ended after {_size(part)} of {entry.bytes} bytes")


def _check(response: requests.Response, entry: WeightsEntry, part: Path, offset: int) -> bool:
    """True if the response continues at ``offset``, False if it starts over; raises when it is of no use."""
    status = response.status_code
    if status == 416:
        part.unlink(missing_ok=True)
        raise _TransientError(f"the server has no bytes after {offset}")
    if status >= 500 or status in _RETRIED_STATUS:
        raise _TransientError(f"the server answered {status} {response.reason}")
    if status not in (200, 206):
        raise WeightsError(
            f"cannot download weights {entry.name!r}: {entry.url} answered {status} {response.reason}; the "
            "file may have moved, so update face-alignment-3d, or pass the path of a weight file that you "
            "have"
        )
    if status == 206 and not response.headers.get("Content-Range", "").startswith(f"bytes {offset}-"):
        part.unlink(missing_ok=True)
        raise _TransientError(f"the server sent another range than the one from {offset}")
    if (encoding := response.headers.get("Content-Encoding", "identity")) != "identity":
        part.unlink(missing_ok=True)
        raise _CorruptError(f"expected the file as it is; the server sends it in {encoding!r}")
    announced = response.headers.get("Content-Length", "")
    expected = entry.bytes - (offset if status == 206 else 0)
    if announced.isdecimal() and int(announced) != expected:
        part.unlink(missing_ok=True)
        raise _CorruptError(f"expected {expected} bytes; the server offers {announced}")
    return status == 206


def _store(
    response: requests.Response, entry: WeightsEntry, part: Path, *, append: bool, progress: bool
) -> None:
    with (
        _removed_from_a_full_disk(part),
        _opened(part, append=append) as handle,
        tqdm(
            desc=entry.file,
            total=entry.bytes,
            initial=handle.tell(),
            unit="B",
            unit_scale=True,
            disable=None if progress else True,
        ) as bar,
    ):
        for chunk in response.iter_content(_CHUNK):
            handle.write(chunk)
            bar.update(len(chunk))
            if handle.tell() > entry.bytes:
                break
        handle.flush()
        os.fsync(handle.fileno())
    if _size(part) > entry.bytes:
        part.unlink()
        raise _CorruptError(f"expected {entry.bytes} bytes; the server sends more")


def _opened(part: Path, *, append: bool) -> BinaryIO:
    """``part``, opened to be written. Raises OSError for a link."""
    flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if append else os.O_TRUNC)
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(part, flags, 0o666), "ab" if append else "wb")


@contextmanager
def _removed_from_a_full_disk(part: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _DISK_FULL:
            part.unlink(missing_ok=True)
        raise


def _remove_other_parts(part: Path, destination: Path) -> None:
    """Removes parts of other versions of the file, and links and the like in place of ``part``."""
    for other in destination.parent.glob(f"{glob_escape(destination.name)}.*.part"):
        found = other.lstat()
        if other != part or not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            other.unlink()


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
