"""Aligning a stream of images: reading, detection and crops on threads beside the network."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from face_alignment_3d.boxes import BoxesLike
from face_alignment_3d.face import Face3D
from face_alignment_3d.images import ImageLike
from face_alignment_3d.overlapping import overlapped

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

    prepare: Callable[[ImageLike, BoxesLike | None], list[_Prepared]]
    """An image and its boxes -> the views of its faces for the network. Called from several threads."""
    align: Callable[[Iterable[list[_Prepared]]], Iterable[list[Face3D]]]
    """The faces of each of several images. Called from the thread that asks for results."""

    def results(
        self,
        images: Iterable[tuple[ImageLike, BoxesLike | None]],
        *,
        prefetch: int,
        workers: int,
    ) -> Iterator[AlignmentResult]:
        """A result for each of ``images``, in order; those that are ready together are aligned together.

        ``workers`` threads prepare; at most ``prefetch`` images are in work or waiting.
        """
        index = 0
        for group in overlapped(images, lambda task: self.prepare(*task), prefetch=prefetch, workers=workers):
            prepared = [[] if isinstance(result, Exception) else result for _, result in group]
            for ((image, _), result), faces in zip(group, self.align(prepared), strict=True):
                yield AlignmentResult(index, image, faces, result if isinstance(result, Exception) else None)
                index += 1
