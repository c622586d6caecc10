"""One task of a batch, from its items to its shards: the same on one machine and on a cluster."""

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from face_alignment_3d.batch.aligned import faces_of_each
from face_alignment_3d.batch.aligner_options import AlignerSource, BatchAligner
from face_alignment_3d.batch.decoding import DecodedImage, decoded_groups, decoded_one_by_one
from face_alignment_3d.batch.destination import Destination
from face_alignment_3d.batch.plan import Plan
from face_alignment_3d.batch.reading import ItemReader
from face_alignment_3d.batch.schema import Provenance
from face_alignment_3d.batch.shard import Shard
from face_alignment_3d.batch.state import TaskCounts
from face_alignment_3d.errors import BatchError
from face_alignment_3d.face import Face3D

#: Threads that fetch files which are not on this machine: most of their time is waiting.
_FETCHING_THREADS: Final = 8


@dataclass(frozen=True)
class BatchJob:
    """All that a process has to know to work on a batch; it can be pickled."""

    source: str
    destination: str
    aligner: AlignerSource
    provenance: Provenance
    every: int = 1
    """Of videos, each so many-th frame is aligned."""


@dataclass(frozen=True)
class Care:
    """How to do a task in which processes died: image by image, without some."""

    before: Callable[[str], None]
    """Called with an image's key before it is worked on."""
    fatal: Mapping[str, str]
    """Key -> why it is not tried again."""


class TaskWorker:
    """Does tasks, with one aligner, in the process that made it."""

    def __init__(self, job: BatchJob, *, threads: int, index: int = 0) -> None:
        self._job, self._threads = job, threads
        self._aligner: BatchAligner = job.aligner.open(threads=threads, index=index)
        self._destination = Destination(job.destination)
        self._plan = Plan(self._destination)
        self._reader = ItemReader(job.source)

    def run(
        self, task: int, *, progress: Callable[[int], None] = lambda _: None, care: Care | None = None
    ) -> TaskCounts:
        """Aligns the images of a task and writes its shards.

        ``progress`` is called with the number of images after each group; what it raises ends the task, with
        the destination as it was. Raises OSError where the destination cannot be written to.
        """
        with Shard(self._destination, task, self._job.provenance) as shard:
            items = self._plan.items(task)
            if care is None:
                threads = max(self._threads, 1 if self._reader.is_local else _FETCHING_THREADS)
                groups = decoded_groups(items, self._reader, every=self._job.every, threads=threads)
            else:
                for item in items:
                    if item.key in care.fatal:
                        shard.add_failure(item.key, BatchError(care.fatal[item.key]))
                items = [item for item in items if item.key not in care.fatal]
                groups = decoded_one_by_one(items, self._reader, every=self._job.every, before=care.before)
            with closing(groups):
                for group in groups:
                    for image, outcome in zip(group, self._faces(group), strict=True):
                        shard.add(image, outcome)
                    progress(len(group))
        return shard.counts

    def _faces(self, group: list[DecodedImage]) -> list[list[Face3D] | Exception]:
        return faces_of_each(self._aligner, [image.content for image in group])
