"""Aligning a stream of images: reading, detection and crops on threads beside the network."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

from face_alignment_3d.face import Face3D
from face_alignment_3d.images import ImageLike
from face_alignment_3d.overlapping import overlapped
from face_alignment_3d.photo_views import Task

_Prepared = TypeVar("_Prepared")


@dataclass(frozen=True, eq=False)
class AlignmentResult:
    """The result for one image of a stream: its faces, or the error that prevented them."""

    index: int
    """The position of the image in the stream, from 0."""

    image: ImageLike
    """The image as it was given."""

    faces: list[Face3D]
    """Its faces as of :meth:`FaceAligner3D.detect`; empty when it failed."""

    error: Exception | None
    """The exception that it failed with, or None."""


@dataclass(frozen=True)
class AlignmentStream(Generic[_Prepared]):
    """The two halves of aligning an image, to be run beside each other for a stream of images."""

    prepare: Callable[[Sequence[Task]], list[list[_Prepared] | Exception]]
    """Images and their boxes -> the views of each one's faces for the network, or the exception with which
    the image failed. Called from several threads."""
    align: Callable[[Iterable[list[_Prepared]]], Iterable[list[Face3D]]]
    """The faces of each of several images. Called from the thread that asks for results."""

    def results(
        self, images: Iterable[Task], *, prefetch: int, workers: int, at_a_time: int = 1
    ) -> Iterator[AlignmentResult]:
        """A result for each of ``images``, in order; those that are ready together are aligned together.

        ``workers`` threads prepare, up to ``at_a_time`` images together; at most ``prefetch`` images are in
        work or waiting.
        """
        at_a_time = min(at_a_time, max(1, prefetch // workers))
        index = 0
        for group in overlapped(
            _several(images, at_a_time), self.prepare, prefetch=prefetch // at_a_time, workers=workers
        ):
            done = [
                pair
                for tasks, results in group
                for pair in zip(
                    tasks, [results] * len(tasks) if isinstance(results, Exception) else results, strict=True
                )
            ]
            prepared = [[] if isinstance(result, Exception) else result for _, result in done]
            for ((image, _), result), faces in zip(done, self.align(prepared), strict=True):
                yield AlignmentResult(index, image, faces, result if isinstance(result, Exception) else None)
                index += 1


def _several(images: Iterable[Task], most: int) -> Iterator[list[Task]]:
    """``most`` at a time. An exception of ``images`` comes after what it gave before."""
    source = iter(images)
    while True:
        several: list[Task] = []
        try:
            several.extend(islice(source, most))
        except Exception:
            if several:
                yield several
            raise
        if not several:
            return
        yield several
