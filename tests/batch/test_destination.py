"""Files that are there whole or not at all, on this machine and elsewhere."""

import os
from pathlib import Path

import fsspec
import pytest

from face_alignment_3d.batch import run_batch
from face_alignment_3d.batch.destination import Destination
from face_alignment_3d.batch.state import FOLDERS, TaskCounts, done_tasks, is_done, locked, mark_done
from face_alignment_3d.errors import BatchError
from tests.batch.stub_aligner import StubSource


@pytest.fixture(params=["local", "memory", "uploads that can break off"])
def destination(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Destination:
    if request.param == "local":
        return Destination(str(tmp_path / "out"))
    if request.param != "memory":
        monkeypatch.setattr("face_alignment_3d.batch.destination._WHOLE_UPLOADS", frozenset())
    url = f"memory://{tmp_path.name}"
    return Destination(url)


def test_files_are_written_and_written_again(destination: Destination) -> None:
    assert destination.names() == set()
    for content in (b"one", b"three"):
        destination.write("folder/a", content)
        assert destination.read("folder/a") == content
        assert destination.sizes("folder") == {"a": len(content)}
    destination.write("folder/b", b"")
    assert destination.read_all(["folder/a", "folder/b"]) == {"folder/a": b"three", "folder/b": b""}
    assert destination.names() == {"folder"}
    destination.remove("folder/a")
    destination.remove("folder/a")
    assert destination.sizes("folder") == {"b": 0}
    with pytest.raises(FileNotFoundError):
        destination.read("folder/a")


def test_what_breaks_off_leaves_things_as_they_were(destination: Destination) -> None:
    destination.write("folder/a", b"one")
    with pytest.raises(RuntimeError), destination.part("folder/a") as path:  # noqa: PT012
        path.write_bytes(b"half")
        raise RuntimeError
    assert destination.read("folder/a") == b"one"
    assert destination.sizes("folder") == {"a": 3}


def test_what_killed_processes_left_is_removed(tmp_path: Path) -> None:
    destination = Destination(str(tmp_path))
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces" / ".12-ab.part").write_bytes(b"half")
    assert destination.sizes("faces") == {}
    destination.remove_parts(FOLDERS)
    assert not list((tmp_path / "faces").iterdir())


def test_a_task_is_done_when_its_mark_and_its_shards_are_there(destination: Destination) -> None:
    counts = TaskCounts(3, 2, 1, 1)
    sizes = {"faces": 3, "images": 4, "failures": 5}
    for task in range(3):
        for table, size in sizes.items():
            destination.write(f"{table}/part-{task:06}.parquet", b"x" * size)
        mark_done(destination, task, counts, sizes)
    destination.remove("_state/done/part-000000.json")
    destination.write("images/part-000001.parquet", b"xxx")
    assert done_tasks(destination) == {2: counts}
    assert is_done(destination, 0) is None
    assert is_done(destination, 2) == counts


def test_two_processes_do_not_work_on_one_destination(tmp_path: Path) -> None:
    with locked(Destination(str(tmp_path))), pytest.raises(BatchError, match="another process works on"):
        locked(Destination(str(tmp_path))).__enter__()
    with locked(Destination(str(tmp_path))):
        pass


def test_an_unknown_protocol() -> None:
    with pytest.raises(BatchError, match="cannot open the destination nosuch://x"):
        Destination("nosuch://x")


@pytest.mark.usefixtures("inline")
def test_a_batch_on_another_file_system(album: Path, tmp_path: Path) -> None:
    memory = fsspec.filesystem("memory")
    memory.put(str(album), "/album", recursive=True)
    stops = iter([False] * 2 + [True] * 9)
    options = {"aligner": StubSource(), "task_size": 10}
    first = run_batch("memory://album", "memory://out", **options, should_stop=lambda: next(stops))  # type: ignore[arg-type]
    assert not first.complete
    assert run_batch("memory://album", "memory://out", **options).complete  # type: ignore[arg-type]
    assert run_batch(str(album), str(tmp_path / "out"), **options).complete  # type: ignore[arg-type]
    for path in (tmp_path / "out" / "faces").iterdir():
        assert memory.cat_file(f"/out/faces/{path.name}") == path.read_bytes()
    memory.rm("/album", recursive=True)
    memory.rm("/out", recursive=True)


@pytest.mark.usefixtures("inline")
@pytest.mark.skipif(os.name == "nt", reason="needs resource limits")
def test_a_full_disk_ends_the_run_which_goes_on_later(album: Path, tmp_path: Path) -> None:
    import resource

    options = {"aligner": StubSource(), "task_size": 50}
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
        with pytest.raises(OSError, match="File too large"):
            run_batch(str(album), str(tmp_path / "out"), **options)  # type: ignore[arg-type]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list((tmp_path / "out").rglob("*.part"))
    assert run_batch(str(album), str(tmp_path / "out"), **options).complete  # type: ignore[arg-type]
