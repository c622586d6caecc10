"""Destinations that are damaged, changed or somebody else's: an error of ours, or a right result."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from face_alignment_3d.batch import task_worker as task_worker_module
from face_alignment_3d.batch.destination import Destination
from face_alignment_3d.batch.plan import Plan
from face_alignment_3d.batch.state import done_tasks, is_done
from face_alignment_3d.errors import BatchError
from tests.batch.conftest import files_in, rows
from tests.batch.runs import run
from tests.batch.stub_aligner import StubAligner, StubSource

pytestmark = pytest.mark.usefixtures("inline")


def stopped(source: Path, destination: Path, tasks: int = 2) -> None:
    """A batch that ended when so many tasks were done."""
    stop = iter([False] * tasks + [True])
    assert not run(source, destination, should_stop=lambda: next(stop)).complete


def test_a_folder_of_something_else_is_left_as_it_is(album: Path, tmp_path: Path) -> None:
    """Also its hidden files that are called like half-written ones of ours."""
    out = tmp_path / "downloads"
    for name in (".12-ab.part", "films/.film-2.mkv.part", "faces/.1-a.part", "thesis.tex"):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text("years of work")
    before = files_in(out)
    with pytest.raises(BatchError, match="has other files"):
        run(album, out)
    assert files_in(out) == before
    assert not (out / "_state").exists()


def test_hidden_files_in_other_folders_of_a_destination_stay(album: Path, tmp_path: Path) -> None:
    run(album, tmp_path / "out")
    (tmp_path / "out" / "notes").mkdir()
    (tmp_path / "out" / "notes" / ".1-a.part").write_text("mine")
    assert run(album, tmp_path / "out").complete
    assert (tmp_path / "out" / "notes" / ".1-a.part").read_text() == "mine"


@pytest.mark.parametrize(
    "content", ["", "[]", "[" * 100_000, '{"run": 1}', '{"run": "x", "begun": "y"}', '{"begun": {}}']
)
def test_a_damaged_note_of_attempts_is_as_none(album: Path, tmp_path: Path, content: str) -> None:
    stopped(album, tmp_path / "out")
    notes = tmp_path / "out" / "_state" / "attempts"
    notes.mkdir(exist_ok=True)
    for task in range(6):
        (notes / f"part-{task:06}.json").write_text(content)
    assert run(album, tmp_path / "out").complete
    assert len(rows(tmp_path / "out", "images")) == 40


@pytest.mark.parametrize(
    "mark",
    [
        *(b"", b"\xff\xfe", b"[" * 100_000, b'{"bytes": {}, "counts": {}}', b'{"bytes": 3, "counts": {}}'),
        '{"counts": {"images": "x"}, "bytes": SIZES}',
        '{"counts": {"images": -3}, "bytes": SIZES}',
        '{"counts": {"images": 1.5}, "bytes": SIZES}',
    ],
)
def test_a_damaged_mark_has_its_task_done_anew(album: Path, tmp_path: Path, mark: bytes | str) -> None:
    run(album, tmp_path / "out")
    before = files_in(tmp_path / "out")
    file = tmp_path / "out" / "_state" / "done" / "part-000001.json"
    sizes = json.dumps(json.loads(file.read_text())["bytes"])
    file.write_bytes(mark if isinstance(mark, bytes) else mark.replace("SIZES", sizes).encode())
    assert is_done(Destination(str(tmp_path / "out")), 1) is None  # As workers of a cluster ask.
    assert run(album, tmp_path / "out").complete
    assert files_in(tmp_path / "out") == before


def test_a_worker_of_a_cluster_does_not_trust_a_mark_whose_shard_is_damaged(
    album: Path, tmp_path: Path
) -> None:
    run(album, tmp_path / "out")
    destination = Destination(str(tmp_path / "out"))
    assert is_done(destination, 2) == done_tasks(destination)[2]
    shard = tmp_path / "out" / "faces" / "part-000002.parquet"
    shard.write_bytes(shard.read_bytes()[:-1])
    assert is_done(destination, 2) is None
    shard.unlink()
    assert is_done(destination, 2) is None


def test_marks_of_tasks_that_the_plan_does_not_have_are_not_counted(album: Path, tmp_path: Path) -> None:
    counts = run(album, tmp_path / "out").counts
    done = tmp_path / "out" / "_state" / "done"
    for table in ("faces", "images", "failures"):
        folder = tmp_path / "out" / table
        (folder / "part-000900.parquet").write_bytes((folder / "part-000001.parquet").read_bytes())
    for name in ("part-000900", "part-1", "part-+00001", "part-00000\N{ARABIC-INDIC DIGIT TWO}", "part-x"):
        (done / f"{name}.json").write_bytes((done / "part-000001.json").read_bytes())
    summary = run(album, tmp_path / "out")
    assert summary.complete
    assert summary.counts == counts


@pytest.mark.parametrize(
    "change",
    [{"tasks": 10**15}, {"tasks": 10**15, "items": 7 * 10**15}, {"tasks": 5, "items": 35}, {"task_size": 0}],
)
def test_a_manifest_that_does_not_fit_the_plan(album: Path, tmp_path: Path, change: dict[str, int]) -> None:
    stopped(album, tmp_path / "out")
    file = tmp_path / "out" / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(BatchError, match=r"manifest\.json|the plan in .*_state is damaged"):
        run(album, tmp_path / "out", task_size=None)


def _other_columns(file: Path) -> None:
    pq.write_table(pa.table({"key": ["a.png"]}), file)


_DAMAGES: dict[str, Callable[[Path], Any]] = {
    "missing": Path.unlink,
    "empty": lambda file: file.write_bytes(b""),
    "cut": lambda file: file.write_bytes(file.read_bytes()[:-20]),
    "another file": lambda file: file.write_bytes(b"no parquet" * 100),
    "other columns": _other_columns,
}


@pytest.mark.parametrize("damage", _DAMAGES)
def test_a_damaged_plan_is_told(album: Path, tmp_path: Path, damage: str) -> None:
    stopped(album, tmp_path / "out")
    before = rows(tmp_path / "out", "images")
    _DAMAGES[damage](tmp_path / "out" / "_state" / "plan-000000.parquet")
    with pytest.raises(BatchError, match=r"the plan in .*out/_state is damaged: .*choose another"):
        run(album, tmp_path / "out")
    assert rows(tmp_path / "out", "images") == before


def test_a_plan_with_damaged_rows_is_told(album: Path, tmp_path: Path) -> None:
    stopped(album, tmp_path / "out")
    file = tmp_path / "out" / "_state" / "plan-000000.parquet"
    content = bytearray(file.read_bytes())
    content[4 : len(content) // 3] = bytes(len(content) // 3 - 4)
    file.write_bytes(content)
    plan = Plan(Destination(str(tmp_path / "out")))
    with pytest.raises(BatchError, match="is damaged"):
        plan.items(0)


def test_weights_that_are_replaced_while_processes_start_are_refused(album: Path, tmp_path: Path) -> None:
    """A process that takes the place of one that died reads the file again."""
    source = _Replaced()
    with pytest.raises(BatchError, match=r"weights of SHA-256 abab.* has .* weights of cdcd"):
        run(album, tmp_path / "out", aligner=source)
    assert rows_of(tmp_path / "out") == []


class _Replaced(StubSource):
    """Weights that are others as soon as they are opened."""

    opened = False

    def identity(self) -> dict[str, Any]:
        return {"weights": "stub", "weights_sha256": ("cd" if type(self).opened else "ab") * 32}

    def open(self, *, threads: int, index: int = 0) -> StubAligner:
        type(self).opened = True
        return super().open(threads=threads, index=index)


def rows_of(out: Path) -> list[dict[str, Any]]:
    return rows(out, "faces") if (out / "faces").is_dir() else []


def test_a_machine_with_another_version_does_no_work(
    album: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    provenance = task_worker_module.Provenance
    monkeypatch.setattr(task_worker_module, "Provenance", lambda sha256: provenance(sha256, "0.0.1"))
    with pytest.raises(BatchError, match=r"this process has version 0\.0\.1"):
        run(album, tmp_path / "out")


def test_passwords_in_urls_are_not_written(album: Path, tmp_path: Path) -> None:
    memory = fsspec.filesystem("memory")
    memory.put(str(album), "/photos", recursive=True)
    try:
        source = "memory://somebody:pass:wor@d@photos"
        with pytest.raises(BatchError) as caught:
            run(source, tmp_path / "out")
        assert "wor" not in str(caught.value)
        assert "somebody:***@photos" in str(caught.value)
        with pytest.raises(BatchError) as caught:
            run(album, "nosuch://somebody:pass:wor@d@host/out")
        assert "nosuch://somebody:***@host/out" in str(caught.value)
        memory.put(str(album), "/somebody:pass:wor@d@photos", recursive=True)
        stop = iter([False, True])
        assert not run(source, tmp_path / "out", should_stop=lambda: next(stop)).complete
        assert run(source, tmp_path / "out").counts.images == 40
        for content in files_in(tmp_path / "out").values():
            assert b"pass:wor" not in content or b"PAR1" in content
        manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
        assert manifest["source"] == "memory://somebody:***@photos"
    finally:
        memory.store.clear()
        memory.pseudo_dirs[:] = [""]


@pytest.mark.skipif(os.name == "nt", reason="needs resource limits")
@pytest.mark.parametrize("most", [100, 1_000, 3_000, 6_000, 12_000, 30_000])
def test_a_disk_that_is_full_at_any_moment(album: Path, tmp_path: Path, most: int) -> None:
    """In the plan, the manifest, the rows or the footer of a table, the mark: what is there is whole."""
    import resource

    out = tmp_path / "out"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, limits[1]))
        with pytest.raises(OSError, match="File too large"):
            run(album, out, task_size=20)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(out.rglob("*.part"))
    for file in out.rglob("*.parquet"):
        pq.read_table(file)
    assert run(album, out, task_size=20).complete
    run(album, tmp_path / "undisturbed", task_size=20)
    assert files_in(out) == files_in(tmp_path / "undisturbed")
