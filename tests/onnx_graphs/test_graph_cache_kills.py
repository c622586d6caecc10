"""Graphs of the cache are whole or not there, whatever ends the process that writes them."""

import multiprocessing
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from face_alignment_3d.onnx_graphs.cache import made_once

GRAPH = random.Random(1).randbytes(4_000_000)
KILLS = int(os.environ.get("FACE_ALIGNMENT_3D_KILLS", "36"))


def _make(folder: Path) -> None:
    for index in range(1000):
        made_once(folder / f"{index}.onnx", lambda: GRAPH, command="make it")


def test_killed_at_any_moment(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn" if sys.platform == "win32" else "forkserver")
    context.set_forkserver_preload([__name__])
    chance, cut = random.Random(2), 0
    for run in range(KILLS):
        folder = tmp_path / str(run)
        child = context.Process(target=_make, args=(folder,))
        child.start()
        deadline = time.monotonic() + 60
        while not folder.exists() and time.monotonic() < deadline:
            time.sleep(0.0005)
        time.sleep(chance.uniform(0, 0.05))
        child.kill()
        child.join()
        cut += any(file.suffix == ".tmp" for file in folder.iterdir())
        for file in folder.glob("*.onnx"):
            assert file.read_bytes() == GRAPH
            calls: list[int] = []
            found = made_once(file, lambda: calls.append(1) or GRAPH, command="make it")  # type: ignore[func-returns-value]  # noqa: B023
            assert found == file
            assert file.read_bytes() == GRAPH
        for file in folder.iterdir():
            file.unlink()
    assert cut >= 1, "no kill came in the middle of a file"


def test_what_killed_processes_leave_is_removed_later(tmp_path: Path) -> None:
    old, new = tmp_path / ".1-aaaaaaaa.tmp", tmp_path / ".2-bbbbbbbb.tmp"
    for file in (old, new):
        file.write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    made_once(tmp_path / "a.onnx", lambda: b"graph", command="make it")
    assert sorted(path.name for path in tmp_path.iterdir()) == [new.name, "a.onnx", "a.onnx.sha256"]


_LIMITED = """
import resource, sys, warnings
from pathlib import Path
from face_alignment_3d.onnx_graphs.cache import made_once
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
with warnings.catch_warnings(record=True) as heard:
    warnings.simplefilter("always")
    made = made_once(Path(sys.argv[1]) / "a.onnx", lambda: bytes(1_000_000), command="make it")
    print(made == bytes(1_000_000))
print(heard[0].message)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such limits")
def test_a_disk_that_takes_no_more(tmp_path: Path) -> None:
    said = subprocess.run([sys.executable, "-c", _LIMITED, str(tmp_path)], capture_output=True, text=True)
    assert said.stdout.startswith("True\ncannot keep "), said.stderr
    assert "File too large" in said.stdout
    assert list(tmp_path.iterdir()) == []
