"""Comparing a file on disk with its entry in the manifest."""

import hashlib
from pathlib import Path

from face_alignment_3d.errors import WeightsError
from face_alignment_3d.weights.manifest import WeightsEntry


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, as 64 lower-case hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while block := handle.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def verify(entry: WeightsEntry, path: Path) -> None:
    """Raises :class:`WeightsError` unless the file at ``path`` has the size and the SHA-256 of ``entry``."""
    try:
        size = path.stat().st_size
        if size != entry.bytes:
            raise WeightsError(
                f"{path} should have {entry.bytes} bytes for weights {entry.name!r}; it has {size}"
            )
        digest = sha256_of(path)
    except OSError as error:
        raise WeightsError(f"cannot read {path}: {error}") from error
    if digest != entry.sha256:
        raise WeightsError(
            f"{path} should have SHA-256 {entry.sha256} for weights {entry.name!r}; it has {digest}"
        )


def is_intact(entry: WeightsEntry, path: Path) -> bool:
    """True if :func:`verify` accepts the file."""
    try:
        verify(entry, path)
    except WeightsError:
        return False
    return True
