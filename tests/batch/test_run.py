"""Whole batches, with an aligner that is made up."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from face_alignment_3d.batch import FACES, FAILURES, IMAGES
from face_alignment_3d.batch.progress import Event
from face_alignment_3d.batch.task_worker import BatchJob
from face_alignment_3d.errors import BatchError, WeightsError
from face_alignment_3d.version import __version__
from tests.batch.conftest import files_in, in_this_process, picture, rows
from tests.batch.runs import run
from tests.batch.stub_aligner import IMPOSSIBLE, StubAligner, StubSource

pytestmark = pytest.mark.usefixtures("inline")


def test_everything_is_in_the_tables_once(album: Path, tmp_path: Path) -> None:
    summary = run(album, tmp_path / "out")
    assert summary.complete
    images, faces = rows(tmp_path / "out", "images"), rows(tmp_path / "out", "faces")
    failures = rows(tmp_path / "out", "failures")
    expected = {path.relative_to(album).as_posix() for path in album.rglob("*.png")} - {"summer/cut.png"}
    assert sorted(row["image"] for row in images) == sorted(expected)
    assert sorted(row["image"] for row in failures) == ["none.jpg", "summer/cut.png"]
    assert {row["error"] for row in failures} == {"ImageError"}
    assert all(row["image"].split("/")[-1] in row["reason"] for row in failures)
    for row in images:
        assert row["faces"] == row["width"] // 10
        assert [f["face"] for f in faces if f["image"] == row["image"]] == list(range(row["faces"]))
    assert (summary.counts.images, summary.counts.failures) == (40, 2)
    assert summary.counts.faces == len(faces)
    assert summary.counts.faceless == sum(row["faces"] == 0 for row in images) > 0


def test_the_tables_have_the_documented_columns(album: Path, tmp_path: Path) -> None:
    run(album, tmp_path / "out")
    for table, schema in (("faces", FACES), ("images", IMAGES), ("failures", FAILURES)):
        for file in (tmp_path / "out" / table).iterdir():
            assert pq.read_schema(file).equals(schema, check_metadata=True)
    face = rows(tmp_path / "out", "faces")[0]
    assert face["weights_sha256"] == "ab" * 32
    assert face["library_version"] == __version__


def test_a_face_is_what_the_aligner_said(album: Path, tmp_path: Path) -> None:
    run(album, tmp_path / "out")
    aligner = StubSource().open(threads=1)
    from face_alignment_3d.images import as_rgb

    (row, other) = [row for row in rows(tmp_path / "out", "faces") if row["image"] == "summer/13.png"]
    face, second = aligner.detect(as_rgb(album / "summer" / "13.png"))
    np.testing.assert_array_equal(np.reshape(row["landmarks"], (66, 3)), face.landmarks)
    np.testing.assert_array_equal(row["box"], face.box)
    assert row["visibility"] is None
    np.testing.assert_array_equal(other["visibility"], second.visibility)
    assert row["yaw"] == pytest.approx(face.pose.yaw, abs=1e-4)
    np.testing.assert_allclose(row["quaternion"], face.pose.quaternion, atol=1e-6)
    assert row["scale"] == pytest.approx(face.pose.scale, rel=1e-6)
    assert row["certainty"] == pytest.approx(face.certainty)
    assert row["blendshapes"] is None


def test_what_is_done_is_not_done_again(album: Path, tmp_path: Path) -> None:
    run(album, tmp_path / "out")
    before = files_in(tmp_path / "out")
    times = {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in before if name.endswith("t")}
    summary = run(album, tmp_path / "out")
    assert summary.complete
    assert summary.before == summary.counts
    assert files_in(tmp_path / "out") == before
    assert times == {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in times}


def test_a_lost_or_shortened_shard_is_made_again(album: Path, tmp_path: Path) -> None:
    run(album, tmp_path / "out")
    before = files_in(tmp_path / "out")
    (tmp_path / "out" / "faces" / "part-000002.parquet").unlink()
    shard = tmp_path / "out" / "images" / "part-000004.parquet"
    shard.write_bytes(shard.read_bytes()[:-10])
    assert run(album, tmp_path / "out").complete
    assert files_in(tmp_path / "out") == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"aligner": StubSource(weights_sha256="cd" * 32)}, 'weights_sha256 was "abab.*now "cdcd'),
        ({"every": 5}, "every was null, now 5"),
        ({"task_size": 8}, "tasks of 7 images; expected the same or none, got 8"),
        ({"source": "album/summer"}, 'source was ".*album", now ".*album/summer"'),
    ],
)
def test_another_run_does_not_mix_in(
    album: Path, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    run(album, tmp_path / "out")
    before = files_in(tmp_path / "out")
    source = tmp_path / change.pop("source", "album")
    with pytest.raises(BatchError, match=message):
        run(source, tmp_path / "out", **change)
    assert files_in(tmp_path / "out") == before


def test_another_version_does_not_mix_in(
    album: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(album, tmp_path / "out")
    monkeypatch.setattr("face_alignment_3d.batch.run.__version__", "9.9")
    with pytest.raises(BatchError, match=r'library_version was ".*", now "9\.9"'):
        run(album, tmp_path / "out")


def test_a_folder_with_other_files_is_left_alone(album: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("years of work")
    with pytest.raises(BatchError, match=r"other files, such as thesis\.tex"):
        run(album, tmp_path / "out")
    (tmp_path / "file").write_text("")
    with pytest.raises((BatchError, OSError), match="file"):
        run(album, tmp_path / "file")


def test_a_broken_manifest_is_refused(album: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    for content in ("no json", "[]", '{"schema": "face-alignment-3d/batch/1"}', '{"schema": "other"}'):
        (tmp_path / "out" / "manifest.json").write_text(content)
        with pytest.raises(BatchError, match=r"manifest\.json|another version"):
            run(album, tmp_path / "out")


def test_a_fault_in_one_image_does_not_spoil_the_others(album: Path, tmp_path: Path) -> None:
    picture(album / "odd.png", color=IMPOSSIBLE)
    summary = run(album, tmp_path / "out")
    assert (summary.counts.images, summary.counts.failures) == (40, 3)
    (row,) = [row for row in rows(tmp_path / "out", "failures") if row["image"] == "odd.png"]
    assert row == {"image": "odd.png", "error": "RuntimeError", "reason": "no face aligner can do this"}


def test_failures_can_be_tried_again(album: Path, tmp_path: Path) -> None:
    first = run(album, tmp_path / "out")
    picture(album / "none.jpg", width=25)
    assert run(album, tmp_path / "out").counts == first.counts
    summary = run(album, tmp_path / "out", retry_failed=True)
    assert (summary.counts.images, summary.counts.failures) == (41, 1)
    images = [row["image"] for row in rows(tmp_path / "out", "images")]
    assert "none.jpg" in images
    assert len(images) == len(set(images)) == 41


def test_the_manifest_says_when_all_is_done(album: Path, tmp_path: Path) -> None:
    stop = iter([False] * 3 + [True] * 100)
    run(album, tmp_path / "out", should_stop=lambda: next(stop))
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert not manifest["complete"]
    assert run(album, tmp_path / "out").complete
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["complete"]
    assert manifest["counts"]["images"] == 40


def test_a_part_of_a_run_has_the_threads_of_the_whole(
    album: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a GPU too, where more threads take more memory."""
    seen: list[int] = []

    def in_process(job: BatchJob, tasks: Sequence[int], *, threads: int, **options: Any) -> Iterator[Event]:
        seen.append(threads)
        return in_this_process(job, tasks, threads=threads, **options)

    monkeypatch.setattr("face_alignment_3d.batch.run.run_in_processes", in_process)
    monkeypatch.setattr("face_alignment_3d.batch.run.usable_cores", lambda: 8)
    stop = iter([False] * 5 + [True])
    run(album, tmp_path / "out", workers=4, should_stop=lambda: next(stop))
    run(album, tmp_path / "out", workers=4)
    assert seen == [2, 2]


class NoWeights(StubSource):
    """Its weights have another name, and cannot be loaded."""

    def identity(self) -> dict[str, Any]:
        return super().identity() | {"weights": "damaged"}

    def open(self, *, threads: int, index: int = 0) -> StubAligner:
        raise WeightsError("damaged.safetensors is not complete")


def test_a_run_that_wrote_nothing_does_not_bar_another(album: Path, tmp_path: Path) -> None:
    out, expected = tmp_path / "out", tmp_path / "expected"
    with pytest.raises(WeightsError):
        run(album, out, aligner=NoWeights(), task_size=2)
    assert (out / "manifest.json").exists()
    assert run(album, out, task_size=9).complete
    run(album, expected, task_size=9)
    assert rows(out, "faces") == rows(expected, "faces")
    assert rows(out, "failures") == rows(expected, "failures")
    with pytest.raises(BatchError, match=r'weights was "stub", now "damaged"'):
        run(album, out, aligner=NoWeights())


def test_without_a_lock_a_run_that_wrote_nothing_may_have_only_begun(album: Path) -> None:
    out = "memory://a-run-that-wrote-nothing"
    with pytest.raises(WeightsError):
        run(album, out, aligner=NoWeights())
    with pytest.raises(BatchError, match=r'weights was "damaged", now "stub"'):
        run(album, out)
