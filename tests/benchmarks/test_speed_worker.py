"""The protocol between the speed benchmark and its contenders, with contenders that only pretend."""

import os
import sys
import sysconfig
from pathlib import Path

import pytest
from peers import environment
from timing import measuring
from timing.contenders import TASKS, Contender, arithmetic, ours
from timing.measuring import Failure, measure_starts, measure_task, request_of
from timing.photos import Photo
from timing.turns import Effort
from timing.worker import Worker, WorkerError

WORKERS = Path(measuring.__file__).parents[1] / "speed_workers"
PRETENDER = f"""
import os, sys
sys.path.insert(0, {str(WORKERS)!r})
from serving import bind, serve

bind(1)

def photo(request):
    os.system("echo noise of native code")
    if "broken" in sys.argv:
        raise ValueError("no network")
    return lambda: {{"faces": request["faces"], "parts": {{"detection": 2.5}}, "photo": request["photo"]}}


def threads(request):
    told = os.environ.get("OMP_NUM_THREADS")
    return lambda: {{"faces": 1, "told": told, "cpus": len(os.sched_getaffinity(0))}}


serve({{"photo": photo, "batch": photo, "threads": threads}}, packages=("numpy", "no-such-package"))
"""
PHOTOS = {side: Photo(side, Path(f"photo-{side}.npy"), (1.0, 2.0, 3.0, 4.0)) for side in (250, 640, 1280)}
EFFORT = Effort(rounds=2, seconds=0.001, least=1, starts=2)


@pytest.fixture
def script(tmp_path):
    file = tmp_path / "pretender.py"
    file.write_text(PRETENDER)
    return str(file)


def contender(script, *words, tasks=("photo 250", "batch 8"), label="pretender"):
    return Contender("ours", label, "1 thread", (sys.executable, script, *words), tasks, 1)


def test_a_task_is_prepared_and_timed(script):
    with Worker([sys.executable, script]) as worker:
        assert worker.prepare("photo", photo="x.npy", faces=3) == {
            "faces": 3,
            "parts": {"detection": 2.5},
            "photo": "x.npy",
        }
        milliseconds, parts = worker.time(4, untimed=2)
        assert len(milliseconds) == 4
        assert all(0 <= value < 1000 for value in milliseconds)
        assert parts == {"detection": [2.5] * 4}
        about = worker.about()
    assert 2 < about["megabytes"] < 500, "the memory of a bare interpreter, not of this process"
    assert about["torch"] is False
    assert list(about["versions"]) == ["numpy"]


def test_errors_are_told_and_do_not_end_the_worker(script):
    with Worker([sys.executable, script]) as worker:
        with pytest.raises(WorkerError, match="nothing was prepared"):
            worker.time(1)
        with pytest.raises(WorkerError, match="KeyError: 'dance'"):
            worker.prepare("dance")
        assert worker.prepare("photo", photo="", faces=1)["faces"] == 1


def test_a_worker_that_dies_is_noticed():
    with (
        Worker([sys.executable, "-c", "raise SystemExit(3)"]) as worker,
        pytest.raises(WorkerError, match="ended with 3"),
    ):
        worker.prepare("photo")


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system binds no processes")
def test_threads_are_told_and_cpus_bound(script, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    with Worker([sys.executable, script], threads=1) as worker:
        said = worker.prepare("threads")
    assert (said["told"], said["cpus"]) == ("1", 1)
    with Worker([sys.executable, script]) as worker:
        assert worker.prepare("threads")["told"] is None, "what the caller has set is not for contenders"


def test_a_task_is_measured_for_those_who_have_it_and_can_do_it(script):
    failures = []
    present = [
        contender(script),
        contender(script, "broken", label="broken"),
        contender(script, tasks=(), label="without"),
    ]
    (measured,) = measure_task("batch 8", present, PHOTOS, EFFORT, failed=failures.append)
    assert (measured.contender, measured.place, measured.said["faces"]) == ("pretender", "1 thread", 8)
    assert measured.said["photo"] == "photo-640.npy"
    assert measured.parts["detection"].median == 2.5
    assert failures == [Failure("batch 8", "broken, 1 thread", "ValueError: no network")]


def test_starts(script):
    failures = []
    cases = [
        ("first", "photo", contender(script)),
        ("none", "photo", contender(script, "broken", label="broken")),
    ]
    (start,) = measure_starts(cases, PHOTOS, EFFORT, failed=failures.append)
    assert (start.what, start.seconds.calls, start.torch) == ("first", 2, False)
    assert 0 < start.seconds.median < 30
    assert [failure.contender for failure in failures] == ["broken, 1 thread"]


def test_tasks_and_their_requests():
    assert request_of("photo 1280", PHOTOS) == (
        "photo",
        {"photo": "photo-1280.npy", "boxes": [(1.0, 2.0, 3.0, 4.0)], "faces": 1},
    )
    name, details = request_of("batch 32", PHOTOS)
    assert (name, details["photo"], details["faces"]) == ("batch", "photo-640.npy", 32)
    assert request_of("torch, product", PHOTOS)[0] == "torch, product"


def test_every_task_of_ours_is_one_that_the_worker_has():
    contenders = list(ours("lite", (1, 2), cuda=True))
    assert len({c.name for c in contenders}) == len(contenders) == 6
    assert all(set(c.tasks) == set(TASKS) for c in contenders)
    more = [c for c in ours("lite", (1, 2), cuda=True, beside=["nano"]) if c not in contenders]
    assert [c.name for c in more] == ["ours, nano, onnx, 1 thread", "ours, nano, onnx, 2 threads"]
    assert all("nano" in c.command and "lite" not in c.command for c in more)
    source = (WORKERS / "ours.py").read_text()
    assert all(f'"{request_of(task, PHOTOS)[0]}"' in source for task in TASKS)


def test_the_arithmetic_is_done_by_two_runtimes():
    (machine,) = arithmetic((1,))
    worker = Worker(machine.command, threads=1)
    with worker:
        assert worker.prepare("ONNX Runtime, convolution")["macs"] == 9 * 128**2 * 48**2
    assert {task.partition(",")[0] for task in machine.tasks} == {"torch", "ONNX Runtime"}


def test_an_environment_may_share_packages(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(
        environment.venv, "create", lambda directory, **_: Path(directory).mkdir(parents=True)
    )

    class Done:
        returncode = 0
        stdout = f"{tmp_path}\n"

    monkeypatch.setattr(environment.subprocess, "run", lambda command, **_: Done())
    environment.peer_python("peer", ["thing==1"], shares_packages=True)
    (line,) = (tmp_path / "shared.pth").read_text().splitlines()
    assert Path(line) == Path(sysconfig.get_path("purelib"))
    with pytest.raises(ValueError, match="this interpreter only"):
        environment.peer_python("peer", ["thing==1"], python="other", shares_packages=True)
