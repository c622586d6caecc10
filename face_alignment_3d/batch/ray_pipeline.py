"""Tasks on a Ray cluster: a pool of actors with an aligner each."""

import logging
import pickle
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from face_alignment_3d.batch.allocator import keep_freed_memory
from face_alignment_3d.batch.destination import Destination
from face_alignment_3d.batch.progress import Advanced, Event, TaskDone
from face_alignment_3d.batch.state import TaskCounts, is_done
from face_alignment_3d.batch.task_worker import BatchJob, TaskWorker
from face_alignment_3d.errors import BatchError, ImageRangeWarning
from face_alignment_3d.optional import optional_import

#: Blocks of a data set at most; a block has one task unless there are more tasks.
_MOST_BLOCKS: Final = 10_000


@dataclass(frozen=True)
class RayOptions:
    """The cluster of a batch, and the share of it that each actor gets."""

    address: str = "auto"
    """Of the cluster: "auto" (the one that this machine belongs to), "host:port", "ray://host:port", or
    "local", which starts one on this machine."""
    cpus: float = 1
    """CPUs of an actor, which has as many threads."""
    gpus: float = 0
    """GPUs of an actor; 0.25 lets four share one."""


def run_on_ray(
    job: BatchJob,
    tasks: Sequence[int],
    options: RayOptions,
    *,
    actors: int | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[Event]:
    """Does ``tasks`` with at most ``actors`` actors of a cluster (None: all that fit) and says what happens.

    Source and destination must be reachable under the same names from all its machines. Tasks of actors and
    machines that die are done again elsewhere. Connects to the cluster unless this process already has, and
    leaves the connection open.

    Raises what an actor raised that is not about one image: weights that cannot be loaded, a full disk;
    :class:`BackendError` where Ray is not installed; :class:`BatchError` where the cluster cannot be reached,
    has no place for an actor, or gives up.
    """
    with optional_import("a batch on a cluster"):
        import ray
        import ray.data
    if not ray.is_initialized():
        try:
            only_here = {"include_dashboard": False} if options.address == "local" else {}
            ray.init(options.address, log_to_driver=False, configure_logging=False, **only_here)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise BatchError(f"cannot reach a Ray cluster at {options.address}: {error}") from error
    most = _most_actors(ray.cluster_resources(), options)
    size = min(len(tasks), most if actors is None else actors)
    context, logger = ray.data.DataContext.get_current(), logging.getLogger("ray.data")
    bars, context.enable_progress_bars = context.enable_progress_bars, False
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        data = ray.data.from_items(
            [{"task": task} for task in tasks], override_num_blocks=min(len(tasks), _MOST_BLOCKS)
        ).map_batches(
            _TaskActor,
            fn_constructor_args=(job, options),
            batch_size=1,
            batch_format="numpy",
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=size, initial_size=size),
            num_cpus=options.cpus,
            num_gpus=options.gpus,
        )
        for row in data.iter_rows():
            if row["raised"]:
                raise pickle.loads(row["raised"])  # noqa: S301 - Of our own actors.
            counts = TaskCounts(
                **{name: int(row[name]) for name in ("images", "faces", "faceless", "failures")}
            )
            yield Advanced(counts.images + counts.failures)
            yield TaskDone(int(row["task"]), counts)
            if should_stop():
                return
    except ray.exceptions.RayError as error:
        raise BatchError(f"the cluster gave up: {error}") from error
    finally:
        context.enable_progress_bars = bars
        logger.setLevel(level)


class _TaskActor:
    """Does tasks; made once in each actor."""

    def __init__(self, job: BatchJob, options: RayOptions) -> None:
        keep_freed_memory()
        warnings.simplefilter("ignore", ImageRangeWarning)
        self._destination = Destination(job.destination)
        self._worker: TaskWorker | Exception
        try:
            self._worker = TaskWorker(job, threads=max(1, int(options.cpus)))
        except Exception as error:  # Ray would start the actor again and again.
            self._worker = error

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """A row for each task: its counts, or what was raised, as Ray would wrap it in its own errors."""
        rows, raised = [], b""
        for task in batch["task"].tolist():
            counts = TaskCounts()
            try:
                counts = self._done(task)
            except Exception as error:
                raised = _pickled(error)
            rows.append((task, counts.images, counts.faces, counts.faceless, counts.failures))
        columns = np.array(rows, np.int64).T
        return {
            **dict(zip(("task", "images", "faces", "faceless", "failures"), columns, strict=True)),
            "raised": np.array([raised] * len(rows), object),
        }

    def _done(self, task: int) -> TaskCounts:
        if isinstance(self._worker, Exception):
            raise self._worker
        # Ray does a block again when it has lost the answer, or an actor in the middle.
        return is_done(self._destination, task) or self._worker.run(task)


def _pickled(error: Exception) -> bytes:
    try:
        return pickle.dumps(error)
    except Exception:
        return pickle.dumps(BatchError(f"{type(error).__name__}: {error}"))


def _most_actors(resources: dict[str, float], options: RayOptions) -> int:
    """The number of actors that fit on the cluster."""
    fitting = [
        int(resources.get(name, 0) / share)
        for name, share in (("CPU", options.cpus), ("GPU", options.gpus))
        if share > 0
    ]
    if not fitting:
        raise BatchError("an actor needs a share of a CPU or of a GPU; both are 0")
    if min(fitting) < 1:
        raise BatchError(
            f"no actor fits on the cluster: each needs {options.cpus:g} CPUs and {options.gpus:g} GPUs, and "
            f"there are {resources.get('CPU', 0):g} and {resources.get('GPU', 0):g}"
        )
    return min(fitting)
