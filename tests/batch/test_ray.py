"""A cluster of several nodes on this machine: the files are those of one process, whatever dies meanwhile.

Needs Ray (extra ``ray``), which is large and therefore not among the packages that tests install.
"""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from face_alignment_3d.batch import AlignImages, RayOptions, run_batch
from face_alignment_3d.batch.attempts import FATAL
from face_alignment_3d.batch.progress import Event, TaskDone
from face_alignment_3d.errors import BatchError, WeightsError
from tests.batch.conftest import files_in, in_this_process, picture, rows
from tests.batch.stub_aligner import DEADLY, StubAligner, StubSource

ray = pytest.importorskip("ray")

#: An actor is to die in the middle of its work.
_SLOW = 0.03


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head that does no work and two nodes of one CPU."""
    from ray.cluster_utils import Cluster

    os.environ.setdefault("RAY_raylet_start_wait_time_s", "300")
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for _ in range(2):
        cluster.add_node(num_cpus=1)
    ray.init(cluster.address, log_to_driver=False, configure_logging=False)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture
def undisturbed(album: Path, tmp_path: Path) -> dict[str, bytes]:
    """The files that a run in one process writes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("face_alignment_3d.batch.run.run_in_processes", in_this_process)
        run_batch(str(album), str(tmp_path / "undisturbed"), aligner=StubSource(), task_size=3)
    return files_in(tmp_path / "undisturbed")


@dataclass(frozen=True)
class _Noting(StubSource):
    """Writes down in which process and on which node each aligner is made."""

    folder: str = ""
    together: int = 1
    """Aligners that wait for one another before they work."""

    def open(self, *, threads: int, index: int = 0) -> StubAligner:
        node = ray.get_runtime_context().get_node_id()
        (Path(self.folder) / f"{os.getpid()}-{node}").touch()
        end = time.monotonic() + 300
        while len(self.processes()) < self.together and time.monotonic() < end:
            time.sleep(0.05)
        return super().open(threads=threads)

    def processes(self) -> list[tuple[int, str]]:
        found = [path.name.partition("-") for path in Path(self.folder).iterdir()]
        return [(int(process), node) for process, _, node in found]


@pytest.fixture
def noting(tmp_path: Path) -> _Noting:
    (tmp_path / "processes").mkdir()
    return _Noting(seconds=_SLOW, folder=str(tmp_path / "processes"))


def run(album: Path, destination: Path, cluster: Any, **options: Any) -> Any:
    options = {"aligner": StubSource(), "task_size": 3, "ray": RayOptions(cluster.address)} | options
    return run_batch(str(album), str(destination), **options)


def test_a_cluster_writes_the_same_files(
    album: Path, tmp_path: Path, cluster: Any, noting: _Noting, undisturbed: dict[str, bytes]
) -> None:
    events: list[Event] = []
    aligner = replace(noting, together=2)
    summary = run(album, tmp_path / "out", cluster, aligner=aligner, report=events.append)
    assert summary.complete
    assert files_in(tmp_path / "out") == undisturbed
    assert sorted(event.task for event in events if isinstance(event, TaskDone)) == list(range(14))
    assert len({node for _, node in noting.processes()}) == 2


def test_stopping_and_going_on(
    album: Path, tmp_path: Path, cluster: Any, undisturbed: dict[str, bytes]
) -> None:
    done: list[Event] = []
    options: dict[str, Any] = {"aligner": StubSource(seconds=_SLOW), "report": done.append}
    assert not run(album, tmp_path / "out", cluster, should_stop=lambda: len(done) > 3, **options).complete
    assert run(album, tmp_path / "out", cluster).complete
    assert files_in(tmp_path / "out") == undisturbed


def test_the_tasks_of_a_killed_actor_are_done_again(
    album: Path, tmp_path: Path, cluster: Any, noting: _Noting, undisturbed: dict[str, bytes]
) -> None:
    killed: list[int] = []

    def kill_one(event: Event) -> None:
        if isinstance(event, TaskDone) and not killed:
            killed.append(noting.processes()[0][0])
            os.kill(killed[0], signal.SIGKILL)

    assert run(album, tmp_path / "out", cluster, aligner=noting, report=kill_one).complete
    assert killed
    assert files_in(tmp_path / "out") == undisturbed


def test_the_tasks_of_a_lost_node_are_done_elsewhere(
    album: Path, tmp_path: Path, cluster: Any, noting: _Noting, undisturbed: dict[str, bytes]
) -> None:
    lost: list[str] = []

    def lose_one(event: Event) -> None:
        if isinstance(event, TaskDone) and not lost:
            lost.append(noting.processes()[0][1])
            (node,) = [node for node in cluster.worker_nodes if node.node_id == lost[0]]
            cluster.remove_node(node, allow_graceful=False)

    try:
        assert run(album, tmp_path / "out", cluster, aligner=noting, report=lose_one).complete
    finally:
        cluster.add_node(num_cpus=1)
    assert lost
    assert files_in(tmp_path / "out") == undisturbed


@dataclass(frozen=True)
class _NoWeights(StubSource):
    def open(self, *, threads: int, index: int = 0) -> StubAligner:
        raise WeightsError("weights 'stub' are not on this machine; copy them")


def test_what_an_actor_raises_is_told_as_it_is(album: Path, tmp_path: Path, cluster: Any) -> None:
    with pytest.raises(WeightsError, match=r"^weights 'stub' are not on this machine; copy"):
        run(album, tmp_path / "out", cluster, aligner=_NoWeights())


def test_a_full_disk_on_a_cluster(album: Path, tmp_path: Path, cluster: Any) -> None:
    """A file in the place of a folder stands for it."""
    out = tmp_path / "out"
    with pytest.raises(OSError, match="faces") as caught:
        run(album, out, cluster, report=lambda _: (out / "faces").touch())
    assert len(str(caught.value)) < 300
    (out / "faces").unlink()
    assert run(album, out, cluster).complete


def test_an_image_that_ends_actors_is_a_failure(album: Path, tmp_path: Path, cluster: Any) -> None:
    picture(album / "deadly.png", color=DEADLY)
    summary = run(album, tmp_path / "out", cluster)
    assert summary.complete
    assert (summary.counts.images, summary.counts.failures) == (40, 3)
    assert {"image": "deadly.png", "error": "BatchError", "reason": FATAL} in rows(
        tmp_path / "out", "failures"
    )
    images = [row["image"] for row in rows(tmp_path / "out", "images")]
    assert len(images) == len(set(images)) == 40


def test_actors_that_fit_nowhere_are_refused(album: Path, tmp_path: Path, cluster: Any) -> None:
    options = RayOptions(cluster.address, cpus=1, gpus=1)
    with pytest.raises(BatchError, match="no actor fits on the cluster: each needs 1 CPUs and 1 GPUs"):
        run(album, tmp_path / "out", cluster, ray=options)


def test_a_step_of_ones_own_pipeline(album: Path, cluster: Any) -> None:
    files = sorted((album / "summer").glob("*.png"))
    data = ray.data.read_binary_files([str(file) for file in files], include_paths=True)
    found = data.map_batches(
        AlignImages,
        fn_constructor_args=(StubSource(),),
        batch_size=4,
        batch_format="numpy",
        compute=ray.data.ActorPoolStrategy(size=1),
    ).take_all()
    assert {Path(row["path"]).name for row in found} == {file.name for file in files}
    by_name = {Path(row["path"]).name: row for row in found}
    assert "cut.png" in by_name.pop("cut.png")["error"]
    assert all(row["error"] is None for row in by_name.values())
    (first, second) = by_name["13.png"]["faces"]
    assert np.shape(first["landmarks"]) == (198,)
    assert (first["face"], second["face"]) == (0, 1)
