"""A batch from its source to its tables: planned anew, or resumed."""

import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from face_alignment_3d.batch.aligner_options import AlignerOptions, AlignerSource
from face_alignment_3d.batch.attempts import forget_attempts
from face_alignment_3d.batch.destination import Destination
from face_alignment_3d.batch.places import absolute, without_password
from face_alignment_3d.batch.plan import Plan, write_plan
from face_alignment_3d.batch.pool import run_in_processes
from face_alignment_3d.batch.progress import Event, Planned, TaskDone
from face_alignment_3d.batch.ray_pipeline import RayOptions, run_on_ray
from face_alignment_3d.batch.schema import Provenance
from face_alignment_3d.batch.sources import Source
from face_alignment_3d.batch.state import (
    FOLDERS,
    RunManifest,
    TaskCounts,
    abandon_plan,
    done_tasks,
    forget,
    has_shards,
    locked,
    read_manifest,
)
from face_alignment_3d.batch.task_worker import BatchJob
from face_alignment_3d.cores import usable_cores
from face_alignment_3d.errors import BatchError
from face_alignment_3d.image_batches import require_at_least_1
from face_alignment_3d.version import __version__


@dataclass(frozen=True)
class BatchSummary:
    """The result of a run."""

    counts: TaskCounts
    """Of all that is in the destination."""
    before: TaskCounts
    """Of these, what earlier runs had done."""
    complete: bool
    """True if all is done; the same call goes on where it is not."""


def run_batch(
    source: str,
    destination: str,
    *,
    aligner: AlignerSource | None = None,
    every: int | None = None,
    task_size: int | None = None,
    workers: int | None = None,
    threads: int | None = None,
    ray: RayOptions | None = None,
    retry_failed: bool = False,
    report: Callable[[Event], None] = lambda _: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> BatchSummary:
    """Aligns everything in ``source`` and writes it to ``destination`` as Parquet tables.

    ``source`` is a path, a glob pattern or a url of fsspec's: see
    :class:`~face_alignment_3d.batch.sources.Source`. With ``every``, videos are taken as well, each
    ``every``-th frame of them. ``destination`` is a folder, by path or url. When a run was stopped, or
    killed at any moment, the same call goes on; images are done in tasks of ``task_size`` items, and a task
    that was not finished is done anew.

    ``aligner`` is a :class:`~face_alignment_3d.batch.AlignerOptions` (the released weights by default).
    ``workers`` processes of this machine share the work; None takes as many as there are cores, or GPUs. Each
    has ``threads`` threads; None divides the cores among them. With ``ray`` the workers are actors of a Ray
    cluster, and each has as many threads as :attr:`RayOptions.cpus`. On a CPU each thread aligns images of
    its own, so the results depend on none of these. ``retry_failed`` does tasks again that had failures.

    ``report`` hears what happens. ``should_stop`` ends the run early, without an exception.

    Raises :class:`BatchError` where source or destination cannot be used, or the destination has results of
    other options, weights or versions; :class:`WeightsError` and the like for the aligner; OSError where
    nothing can be written.
    """
    given = {"every": every, "task_size": task_size, "workers": workers, "threads": threads}
    require_at_least_1(**{name: value for name, value in given.items() if value is not None})
    opened = Destination(destination)
    chosen = AlignerOptions() if aligner is None else aligner
    identity = {"library_version": __version__, **chosen.identity(), "every": every}
    read_manifest(opened)  # A folder of something else is left as it is, without a lock in it.
    with locked(opened):
        opened.remove_parts(FOLDERS)
        manifest, left_out = _planned(source, opened, identity, task_size=task_size)
        done = {task: counts for task, counts in done_tasks(opened).items() if task < manifest.tasks}
        if retry_failed:
            failed = [task for task, counts in done.items() if counts.failures]
            forget(opened, failed)
            done = {task: counts for task, counts in done.items() if not counts.failures}
        before = sum(done.values(), TaskCounts())
        tasks = [task for task in range(manifest.tasks) if task not in done]
        unfinished = set(tasks)
        left = sum(manifest.items_of(task) for task in tasks)
        if tasks:
            Source(source, videos=False).require()
        report(Planned(manifest.items, before.images + before.failures, left, left_out))
        job = BatchJob(
            absolute(source),
            absolute(destination),
            chosen,
            _provenance(identity),
            every or 1,
            secrets.token_hex(8),
        )
        counts = before
        try:
            events = _events(
                job,
                tasks,
                all_tasks=manifest.tasks,
                ray=ray,
                workers=workers,
                threads=threads,
                should_stop=should_stop,
            )
            for event in events:
                if isinstance(event, TaskDone):
                    counts += event.counts
                    unfinished.discard(event.task)
                    report(replace(event, items=manifest.items_of(event.task)))
                else:
                    report(event)
        finally:
            opened.remove_parts(FOLDERS)  # Processes may have died.
        if not unfinished:
            forget_attempts(opened)
            replace(manifest, complete=True, counts=asdict(counts)).write(opened)
    return BatchSummary(counts, before, complete=not unfinished)


def _planned(
    source: str, destination: Destination, identity: dict[str, Any], *, task_size: int | None
) -> tuple[RunManifest, int]:
    """The manifest of the run that is there, or of a new one; and how many videos a new one leaves out."""
    manifest = read_manifest(destination)
    place = without_password(absolute(source))
    if (
        manifest is not None
        and manifest.differing(place, identity)
        and destination.local is not None
        and not has_shards(destination)
    ):
        # Another run failed or ended before its first result: nothing there could be mixed with this one's.
        # Without a lock, as on an object store, it may as well have only begun.
        abandon_plan(destination)
        forget_attempts(destination)
        manifest = None
    if manifest is not None:
        manifest.require_same(place, identity, destination.url)
        if task_size not in (None, manifest.task_size):
            raise BatchError(
                f"{destination.url} was begun with tasks of {manifest.task_size} images; "
                f"expected the same or none, got {task_size}"
            )
        Plan(destination).require(manifest.tasks)
        return manifest, 0
    found = Source(source, videos=identity["every"] is not None)
    size = write_plan(found.items(), destination, task_size=task_size)
    manifest = RunManifest(place, identity, *size)
    manifest.write(destination)
    return manifest, found.videos_left_out


def _events(
    job: BatchJob,
    tasks: Sequence[int],
    *,
    all_tasks: int,
    ray: RayOptions | None,
    workers: int | None,
    threads: int | None,
    should_stop: Callable[[], bool],
) -> Iterator[Event]:
    if not tasks:
        return iter(())
    if ray is not None:
        return run_on_ray(job, tasks, ray, actors=workers, should_stop=should_stop)
    # By all tasks, not by those that are left: the same each time, as the user has seen it.
    processes = min(all_tasks, workers or job.aligner.usual_processes())
    threads = threads or max(1, usable_cores() // processes)
    return run_in_processes(job, tasks, processes=processes, threads=threads, should_stop=should_stop)


def _provenance(identity: dict[str, Any]) -> Provenance:
    return Provenance(identity["weights_sha256"], identity["library_version"])
