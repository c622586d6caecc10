"""Images -> faces, such that the failure of one image does not affect the others.

On a CPU each image is decoded and aligned by one thread, several images at the same time: no thread waits for
another, only so many photos are in memory, and the results do not depend on the number of threads. On a GPU
several images go to the aligner together.
"""

from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from face_alignment_3d.backends.parallel import shared_out
from face_alignment_3d.batch.aligner_options import BatchAligner
from face_alignment_3d.batch.decoding import DecodedImage, Decoding, decoded_groups, each_decoding
from face_alignment_3d.batch.items import Item
from face_alignment_3d.batch.reading import ItemReader
from face_alignment_3d.face import Face3D
from face_alignment_3d.overlapping import overlapped

#: Threads that fetch files which are not on this machine: most of their time is waiting.
_FETCHING_THREADS: Final = 8
#: Files of this machine that the system is asked for ahead, beside those that threads work on.
_ASKED_FOR: Final = 4


class AlignedImage(NamedTuple):
    """An image without its pixels, and its faces."""

    image: DecodedImage
    faces: list[Face3D] | Exception
    """Or the exception that it failed with."""


def aligned_groups(
    items: Iterable[Item], reader: ItemReader, aligner: BatchAligner, *, every: int, threads: int
) -> Generator[list[AlignedImage], None, None]:
    """The images of ``items`` in order, some at a time; of videos each ``every``-th frame.

    On a CPU ``threads`` threads work on an image each. Elsewhere they decode the next images while the
    aligner works on those before. Files on other machines are read ahead by threads of their own.
    """
    if aligner.device != "cpu":
        decoding = threads if reader.is_local else max(threads, _FETCHING_THREADS)
        with closing(decoded_groups(items, reader, every=every, threads=decoding)) as groups:
            for group in groups:
                faces = faces_of_each(aligner, [image.content for image in group], threads=threads)
                yield [
                    AlignedImage(image.without_pixels(), found)
                    for image, found in zip(group, faces, strict=True)
                ]
        return
    with ThreadPoolExecutor(_FETCHING_THREADS, "fetching") as pool:
        done = overlapped(
            each_decoding(items, reader, pool, every=every),
            partial(_aligned, aligner),
            prefetch=threads + (_ASKED_FOR if reader.is_local else 0),
            workers=threads,
        )
        try:
            for several in done:
                yield [_result(result) for _, result in several]
        finally:
            done.close()
            pool.shutdown(cancel_futures=True)


def faces_of_each(
    aligner: BatchAligner, images: Sequence[npt.NDArray[np.uint8] | Exception], *, threads: int
) -> list[list[Face3D] | Exception]:
    """The faces of each RGB image (H, W, 3), or its exception; an exception as input is returned.

    On a CPU ``threads`` threads align an image each. Elsewhere all images go to the aligner together, and
    one by one where that fails: out of memory, or by a fault of ours.
    """
    if aligner.device == "cpu":
        return shared_out(partial(_alone, aligner), images, threads=threads)
    readable = [image for image in images if not isinstance(image, Exception)]
    found: list[list[Face3D] | Exception]
    try:
        found = [*aligner.detect_batch(readable)] if readable else []
    except Exception:
        found = [_alone(aligner, image) for image in readable]
    outcomes = iter(found)
    return [image if isinstance(image, Exception) else next(outcomes) for image in images]


def _aligned(aligner: BatchAligner, decode: Decoding) -> AlignedImage:
    image = decode()
    return AlignedImage(image.without_pixels(), _alone(aligner, image.content))


def _result(result: AlignedImage | Exception) -> AlignedImage:
    if isinstance(result, Exception):
        raise result
    return result


def _alone(aligner: BatchAligner, image: npt.NDArray[np.uint8] | Exception) -> list[Face3D] | Exception:
    if isinstance(image, Exception):
        return image
    try:
        return aligner.detect(image)
    except Exception as error:
        return error
