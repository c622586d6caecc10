"""The pictures and videos of a source, which is a path or a url of fsspec's."""

import os
from collections.abc import Iterator
from typing import Any, Final

from fsspec.core import has_magic

from face_alignment_3d.batch.archives import is_archive, members_of, tar_compression
from face_alignment_3d.batch.items import Item, as_key, is_picture, is_video
from face_alignment_3d.batch.places import file_system_of, is_local, version_of, without_password
from face_alignment_3d.errors import BatchError
from face_alignment_3d.overlapping import overlapped

#: Archives whose members are listed at the same time.
_LISTED_AT_A_TIME: Final = 8

#: Of an archive in an object store. Pictures in the two could have the same key.
_SHARED_NAME: Final = "an archive and a folder have this name; rename one of them"


class Source:
    """The file, the folder (to the bottom) or the glob pattern of ``url``, with archives opened.

    Archives are .zip and .tar, also compressed; the shards of a WebDataset are such. From folders, patterns
    and archives what is called like a picture is taken, and with ``videos`` what is called like a video; a
    single file is taken whatever it is called. Links to folders are followed, each folder once.

    Raises :class:`BatchError` where there is no such file or folder, or its protocol is unknown.
    """

    def __init__(self, url: str, *, videos: bool) -> None:
        self.url = without_password(url)
        """For messages."""
        try:
            self._fs, self._path = file_system_of(url)
        except (ValueError, ImportError) as error:
            raise BatchError(f"cannot open the source {self.url}: {error}") from error
        self._is_local = is_local(self._fs)
        self._videos = videos
        self.videos_left_out = 0
        """Number of videos that were found and not taken; known when :meth:`items` has ended."""

    def items(self) -> Iterator[Item]:
        """Everything that is to be aligned, in an order that depends on names alone.

        The source is read once, nothing but the members of some archives is kept.
        """
        for group in overlapped(
            self._files(), self._opened, prefetch=2 * _LISTED_AT_A_TIME, workers=_LISTED_AT_A_TIME
        ):
            for item, opened in group:
                if isinstance(opened, Exception):
                    yield Item(item.key, item.path, item.size, problem=_reason(opened))
                else:
                    yield from (found for found in opened if self._is_wanted(found))

    def require(self) -> None:
        """Raises :class:`BatchError` unless the source, or the folder of its pattern, is there."""
        path = self._path
        if not self._exists(path) and not (has_magic(path) and self._exists(_fixed_part(path))):
            raise self._missing()

    def _missing(self) -> BatchError:
        return BatchError(f"there is no file or folder {self.url}; check its name")

    def _is_wanted(self, item: Item) -> bool:
        if not item.is_video or item.problem is not None or self._videos:
            return True
        self.videos_left_out += 1
        return False

    def _files(self) -> Iterator[Item]:
        """Files, archives among them, and folders that may not be opened."""
        path = self._path
        if self._exists(path):
            if self._fs.isdir(path):
                self._require_open(path)
                yield from self._below(path.rstrip("/"), path.rstrip("/"))
            else:
                size = int(self._fs.info(path).get("size") or 0)
                yield Item(as_key(path.rpartition("/")[2]), path, size)
        elif has_magic(path):
            top = _fixed_part(path)
            found = self._fs.glob(path, detail=True)
            for name in sorted(found):
                if found[name]["type"] == "directory":
                    if "**" not in path:  # With ** the pattern itself goes down the tree.
                        yield from self._below(name, top)
                elif _is_known(name):
                    yield Item(_below(name, top), name, int(found[name].get("size") or 0))
        else:
            raise self._missing()

    def _exists(self, path: str) -> bool:
        try:
            return bool(self._fs.exists(path))
        except OSError as error:
            raise BatchError(f"cannot open the source {self.url}: {error}") from error

    def _require_open(self, folder: str) -> None:
        try:
            self._fs.ls(folder, detail=False)
        except OSError as error:
            reason = error.strerror or error
            raise BatchError(f"cannot open the source {folder}: {reason}; check its permissions") from error

    def _below(self, folder: str, top: str) -> Iterator[Item]:
        """All below ``folder``, whose keys are their paths below ``top``; however deep it goes."""
        searched: set[str] = set()
        top_entry: dict[str, Any] = {"name": folder, "type": "directory"}
        stack: list[tuple[str, Iterator[dict[str, Any]], set[str]]] = [(folder, iter([top_entry]), set())]
        while stack:
            parent, entries, folders = stack[-1]
            entry = next(entries, None)
            if entry is None:
                stack.pop()
                continue
            name = str(entry["name"]).rstrip("/")
            if len(stack) > 1 and name == parent:  # Object stores list a folder's own marker.
                continue
            if self._is_folder(entry):
                if self._is_new(name, searched):
                    try:
                        found = sorted(self._fs.ls(name, detail=True), key=lambda entry: str(entry["name"]))
                    except OSError as error:
                        reason = error.strerror or error
                        problem = f"cannot open the folder {name}: {reason}; check its permissions"
                        yield Item(_below(name, top) or as_key(name), name, 0, problem=problem)
                    else:
                        inside = {str(entry["name"]).rstrip("/") for entry in found if self._is_folder(entry)}
                        stack.append((name, iter(found), inside))
            elif (entry["type"] == "file" or entry.get("islink")) and _is_known(name):
                yield Item(
                    _below(name, top),
                    name,
                    int(entry.get("size") or 0),
                    problem=_SHARED_NAME if is_archive(name) and name in folders else None,
                )

    def _is_new(self, folder: str, searched: set[str]) -> bool:
        """True for a folder that was not ``searched`` yet, of which it is one from now on."""
        if not self._is_local:
            return True
        real = os.path.realpath(folder)
        if real in searched:
            return False
        searched.add(real)
        return True

    def _is_folder(self, entry: dict[str, Any]) -> bool:
        if entry.get("islink") and self._is_local:
            return os.path.isdir(entry["name"])  # noqa: PTH112
        return bool(entry["type"] == "directory")

    def _opened(self, item: Item) -> list[Item]:
        """An archive's members; any other file itself."""
        if item.problem is not None or not is_archive(item.path):
            return [item]
        if self._is_local and os.path.exists(item.path) and not os.path.isfile(item.path):  # noqa: PTH110, PTH113
            raise BatchError(f"{item.path} is a pipe or a device; expected an archive")
        version = version_of(self._fs, item.path)
        with self._fs.open(item.path, "rb", compression=tar_compression(item.path)) as file:
            members, problem = members_of(item.path, file, size=item.size)
        # The members of a single archive need not be told from those of others.
        folder = "" if item.path == self._path else f"{item.key}/"
        opened = [
            Item(folder + as_key(member.name), item.path, member.size, member.name, member.offset, version)
            for member in members
            if is_picture(member.name) or is_video(member.name)
        ]
        return opened if problem is None else [*opened, Item(item.key, item.path, item.size, problem=problem)]


def _is_known(name: str) -> bool:
    return is_picture(name) or is_video(name) or (is_archive(name) and not _is_hidden(name))


def _is_hidden(name: str) -> bool:
    return name.rpartition("/")[2].startswith(".")


def _fixed_part(pattern: str) -> str:
    """The folder in front of a glob pattern's first special letter."""
    return pattern[: min(pattern.find(letter) for letter in "*?[" if letter in pattern)].rpartition("/")[0]


def _below(name: str, top: str) -> str:
    """The key of what is below the folder ``top``."""
    return as_key(name.removeprefix(top).lstrip("/"))


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
