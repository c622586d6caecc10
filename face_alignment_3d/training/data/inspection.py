"""Checking every face of a data set before a run, and identifying the files that it consists of."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, UnidentifiedImageError

from face_alignment_3d.errors import DataError
from face_alignment_3d.training.data.datasets.plausible import require_plausible
from face_alignment_3d.training.data.datasets.protocol import Dataset
from face_alignment_3d.training.data.sample import Sample

#: Bytes of the beginning of a file, beside its length, that its digest is taken of.
_BEGINNING: Final = 65_536


def inspect_dataset(dataset: Dataset) -> str:
    """SHA-256 over the names of a set's faces and the lengths and beginnings of their files.

    Of photos only the headers are decoded. Raises :class:`DataError`, which names a file whose points cannot
    be those of a face in its photo.
    """

    def inspect(index: int) -> bytes:
        files = dataset.files(index)
        digest = hashlib.sha256(dataset.names[index].encode())
        for path in files:
            try:
                with path.open("rb") as file:
                    digest.update(str(path.stat().st_size).encode())
                    digest.update(file.read(_BEGINNING))
            except OSError as error:
                raise DataError(f"cannot read {path}: {error.strerror}; get the set again") from error
        require_plausible(
            dataset.points(index), files[0], size=_size(files[-1]), first_line=dataset.first_line
        )
        return digest.digest()

    with ThreadPoolExecutor() as executor:
        return hashlib.sha256(b"".join(executor.map(inspect, range(len(dataset))))).hexdigest()


def digests_by_set(samples: Sequence[Sample]) -> dict[str, str]:
    """SHA-256 over names, photos and labels of samples in memory, by the set that their names begin with."""
    digests: dict[str, hashlib._Hash] = {}
    for sample in samples:
        digest = digests.setdefault(sample.name.partition("/")[0], hashlib.sha256())
        digest.update(sample.name.encode())
        for name in ("image", "points", "weight_xy", "weight_z", "visible", "weight_visible"):
            digest.update(np.ascontiguousarray(getattr(sample, name)).tobytes())
    return {name: digest.hexdigest() for name, digest in digests.items()}


def _size(photo: Path) -> tuple[int, int] | None:
    """Height and width as stored, from the header; None where Pillow does not know the format."""
    try:
        with Image.open(photo) as image:
            turned = image.getexif().get(0x0112, 1) >= 5
            return (image.width, image.height) if turned else (image.height, image.width)
    except (OSError, UnidentifiedImageError):
        return None
