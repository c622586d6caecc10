"""One task of a batch, from its items to its shards: the same on one machine and on a cluster."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from face_alignment_3d.batch.aligned import AlignedImage, aligned_groups, faces_of_each
from face_alignment_3d.batch.aligner_options import AlignerSource, BatchAligner
from face_alignment_3d.batch.attempts import FATAL, Attempts
from face_alignment_3d.batch.decoding import decoded_one_by_one
from face_alignment_3d.batch.destination import Destination
from face_alignment_3d.batch.plan import Plan
from face_alignment_3d.batch.reading import ItemReader
from face_alignment_3d.batch.schema import Provenance
from face_alignment_3d.batch.shard import Shard
from face_alignment_3d.batch.state import TaskCounts
from face_alignment_3d.errors import BatchError


def _require_same(job: "BatchJob") -> None:
    """Raises :class:`BatchError` unless what this process has loaded is what every row says it is."""
    loaded = Provenance(job.aligner.identity()["weights_sha256"])
    if loaded != job.provenance:
        raise BatchError(
            f"expected version {job.provenance.library_version} and weights of SHA-256 "
            f"{job.provenance.weights_sha256}, as when the run began; this process has version "
            f"{loaded.library_version} and weights of {loaded.weights_sha256}: install the same on all "
            "machines, and leave weight files as they are"
        )


@dataclass(frozen=True)
class BatchJob:
    """All that a process has to know to work on a batch; it can be pickled."""

    source: str
    destination: str
    aligner: AlignerSource
    provenance: Provenance
    every: int
    """Of videos, each so many-th frame is aligned."""
    run: str
    """Tells this run from earlier ones with the same destination."""


class TaskWorker:
    """Does tasks, with one aligner, in the process that made it."""

    def __init__(self, job: BatchJob, *, threads: int, index: int = 0) -> None:
        self._job, self._threads = job, threads
        self._aligner: BatchAligner = job.aligner.open(threads=threads, index=index)
        _require_same(job)
        self._destination = Destination(job.destination)
        self._plan = Plan(self._destination)
        self._reader = ItemReader(job.source)
        self._attempts = Attempts(self._destination, job.run)

    def run(self, task: int, *, progress: Callable[[int], None] = lambda _: None) -> TaskCounts:
        """Aligns the images of a task and writes its shards.

        ``progress`` is called with the number of images after each group; what it raises ends the task, with
        the tables as they were. Raises OSError where the destination cannot be written to.
        """
        items, every = self._plan.items(task), self._job.every
        care = self._attempts.begin(task)
        with Shard(self._destination, task, self._job.provenance) as shard:
            if care is None:
                groups = aligned_groups(
                    items, self._reader, self._aligner, every=every, threads=self._threads
                )
            else:
                for item in items:
                    if item.key in care.fatal:
                        shard.add_failure(item.key, BatchError(FATAL))
                        progress(1)
                items = [item for item in items if item.key not in care.fatal]
                groups = (
                    [AlignedImage(image, *faces_of_each(self._aligner, [image.content], threads=1))]
                    for (image,) in decoded_one_by_one(items, self._reader, every=every, before=care.before)
                )
            with closing(groups):
                for group in groups:
                    for image, faces in group:
                        shard.add(image, faces)
                    progress(len(group))
        self._attempts.end(task)
        return shard.counts
