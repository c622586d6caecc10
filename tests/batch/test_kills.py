"""A batch that is killed at any moment goes on to what an undisturbed one writes, byte by byte."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from face_alignment_3d.atomic import PartFile
from face_alignment_3d.batch import run_batch
from tests.batch.conftest import files_in, in_this_process
from tests.batch.stub_aligner import StubSource

ROOT = Path(__file__).parent.parent.parent

_BATCH = """
import sys
from face_alignment_3d.batch import run_batch
from tests.batch.stub_aligner import StubSource

if __name__ == "__main__":
    run_batch(sys.argv[1], sys.argv[2], aligner=StubSource(seconds=0.01), task_size=4, workers=2)
"""


class _KilledError(BaseException):
    """Nothing handles it, so that it ends a run where it is raised."""


class _Kill:
    """Ends the run at the ``moment``-th file that gets its name, just before that or just after."""

    def __init__(self, moment: int, *, before: bool) -> None:
        self.moment, self.before = moment, before
        self.files = 0

    def finish(self, part: PartFile, finish: Any) -> Path:
        self.files += 1
        if self.files == self.moment and self.before:
            raise _KilledError
        target: Path = finish(part)
        if self.files == self.moment:
            raise _KilledError
        return target

    @property
    def has_struck(self) -> bool:
        return self.files >= self.moment


@pytest.mark.usefixtures("inline")
@pytest.mark.parametrize("before", [True, False])
def test_killed_at_each_file(
    album: Path, tmp_path: Path, before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(destination: Path) -> bool:
        return run_batch(str(album), str(destination), aligner=StubSource(), task_size=20).complete

    assert run(tmp_path / "undisturbed")
    undisturbed = files_in(tmp_path / "undisturbed")
    finish, discard = PartFile.finish, PartFile.discard
    moments = 0
    while True:
        kill = _Kill(moments + 1, before=before)
        destination = tmp_path / f"out{moments}"
        with monkeypatch.context() as patch:
            patch.setattr(PartFile, "finish", lambda part, kill=kill: kill.finish(part, finish))
            # A process that is killed does not clean up.
            patch.setattr(
                PartFile, "discard", lambda part, kill=kill: None if kill.has_struck else discard(part)
            )
            try:
                run(destination)
                break
            except _KilledError:
                moments += 1
        assert run(destination)
        assert files_in(destination) == undisturbed
    # The plan, the manifest at the beginning and at the end; for each of three tasks a note that it is begun,
    # three shards and the mark that it is done.
    assert moments == 1 + 2 + 5 * 3


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_killed_at_random_moments(album: Path, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("face_alignment_3d.batch.run.run_in_processes", in_this_process)
        run_batch(str(album), str(tmp_path / "undisturbed"), aligner=StubSource(), task_size=4)
    destination = tmp_path / "out"
    command = [sys.executable, "-c", _BATCH, str(album), str(destination)]
    moments = random.Random(0)
    for _ in range(3):
        process = subprocess.Popen(command, cwd=ROOT)
        # Kills are to come while it works, which begins at another time on each machine.
        wait_for_shards(destination, moments.randint(0, 2))
        time.sleep(moments.uniform(0, 0.1))
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert subprocess.run(command, cwd=ROOT).returncode == 0
    assert files_in(destination) == files_in(tmp_path / "undisturbed")


def wait_for_shards(destination: Path, more: int, *, patience: float = 60) -> None:
    """Until there is a plan and ``more`` shards more than now; or for so many seconds."""
    shards = destination / "_state" / "done"
    have = len(list(shards.glob("part-*"))) if shards.is_dir() else 0
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if (destination / "manifest.json").is_file() and len(list(shards.glob("part-*"))) >= have + more:
            return
        time.sleep(0.01)
