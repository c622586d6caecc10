import errno
import io
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from filelock import FileLock

from face_alignment_3d.errors import WeightsError
from face_alignment_3d.weights.download import FetchPolicy, fetch
from face_alignment_3d.weights.integrity import verify
from face_alignment_3d.weights.manifest import write_manifest

CHUNK = 1 << 16
QUICK = FetchPolicy(attempts=3, backoff=0.01, connect_timeout=5, read_timeout=5, lock_timeout=20)

CHILD = """
import sys
from pathlib import Path
from face_alignment_3d.weights.download import fetch
from face_alignment_3d.weights.manifest import load_manifest
fetch(load_manifest(Path(sys.argv[1]))["base"], Path(sys.argv[2]), progress=False)
"""


@pytest.fixture
def entry(server, make_entry):
    return make_entry(url=server.url)


@pytest.fixture
def destination(tmp_path) -> Path:
    return tmp_path / "cache" / "base.safetensors"


def _part(destination: Path, entry) -> Path:
    return destination.with_name(f"base.safetensors.{entry.sha256[:12]}.part")


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.endswith(".lock")}


def _wait_for(condition, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)


def _start_child(entry, destination: Path, tmp_path: Path) -> subprocess.Popen:
    manifest = tmp_path / "manifest.json"
    write_manifest({"base": entry}, manifest)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(manifest), str(destination)], env=environment, cwd=Path.cwd()
    )


def test_good(server, entry, destination, payload, capsys):
    assert fetch(entry, destination, policy=QUICK) == destination
    assert destination.read_bytes() == payload
    assert _names(destination.parent) == {"base.safetensors"}
    assert server.ranges == [None]
    assert capsys.readouterr() == ("", "")  # no bar where nobody watches


@pytest.mark.parametrize("progress", [True, False])
def test_the_bar_is_drawn_on_a_terminal_and_can_be_turned_off(entry, destination, monkeypatch, progress):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    fetch(entry, destination, policy=QUICK, progress=progress)
    assert ("base.safetensors: 100%" in terminal.getvalue()) == progress


def test_a_file_that_is_there_is_not_downloaded_again(server, entry, destination, payload):
    destination.parent.mkdir()
    destination.write_bytes(payload)
    fetch(entry, destination, policy=QUICK)
    assert server.ranges == []


def test_slow(server, entry, destination, payload):
    server.script = [server.slow]
    fetch(entry, destination, policy=QUICK)
    assert destination.read_bytes() == payload


def test_a_silent_server_is_left_and_asked_for_the_rest(server, entry, destination, payload):
    server.script = [server.gated(3 * CHUNK), server.good]
    fetch(entry, destination, policy=FetchPolicy(attempts=3, backoff=0.01, read_timeout=0.2))
    assert destination.read_bytes() == payload
    assert server.ranges == [None, f"bytes={3 * CHUNK}-"]


def test_truncated_answers_are_resumed(server, entry, destination, payload):
    # More answers than attempts are allowed: each brings something new, so none counts as the last.
    server.script = [server.truncated(CHUNK)] * 5 + [server.good]
    fetch(entry, destination, policy=QUICK)
    assert destination.read_bytes() == payload
    offsets = [int(wanted.removeprefix("bytes=").removesuffix("-")) for wanted in server.ranges[1:]]
    assert offsets == [CHUNK * i for i in range(1, 6)]


def test_a_server_that_never_gets_further_is_given_up_and_the_bytes_are_kept(server, entry, destination):
    server.script = [server.truncated(2 * CHUNK), server.truncated(0)]
    with pytest.raises(WeightsError, match=r"what has come is kept and resumed.*FACE_ALIGNMENT_3D_HOME"):
        fetch(entry, destination, policy=QUICK)
    assert len(server.ranges) == 1 + 2
    assert _names(destination.parent) == {_part(destination, entry).name}
    assert _part(destination, entry).stat().st_size == 2 * CHUNK


def test_wrong_bytes_are_deleted_and_not_asked_for_again(server, entry, destination, payload):
    server.script = [server.sends(payload[:-1] + bytes([payload[-1] ^ 1]))]
    with pytest.raises(WeightsError, match=f"is not the file .* expected SHA-256 {entry.sha256}; got"):
        fetch(entry, destination, policy=QUICK)
    assert _names(destination.parent) == set()
    assert len(server.ranges) == 1


def test_damaged_bytes_of_an_earlier_run_cost_one_fresh_download(server, entry, destination, payload):
    destination.parent.mkdir()
    _part(destination, entry).write_bytes(bytes(CHUNK))
    fetch(entry, destination, policy=QUICK)
    assert destination.read_bytes() == payload
    assert server.ranges == [f"bytes={CHUNK}-", None]


def test_a_complete_part_needs_no_request(server, entry, destination, payload):
    destination.parent.mkdir()
    _part(destination, entry).write_bytes(payload)
    fetch(entry, destination, policy=QUICK)
    assert server.ranges == []
    assert _names(destination.parent) == {"base.safetensors"}


def test_a_damaged_file_is_replaced(server, entry, destination, payload):
    destination.parent.mkdir()
    destination.write_bytes(b"damaged")
    fetch(entry, destination, policy=QUICK)
    assert destination.read_bytes() == payload


def test_404_is_final(server, entry, destination):
    server.script = [server.status(404)]
    with pytest.raises(WeightsError, match=r"weights 'base': http.* answered 404 Not Found.*update"):
        fetch(entry, destination, policy=QUICK)
    assert len(server.ranges) == 1
    assert _names(destination.parent) == set()


def test_500_then_good_with_pauses_that_double(server, entry, destination, payload):
    server.script = [server.status(500), server.status(503), server.good]
    fetch(entry, destination, policy=FetchPolicy(attempts=3, backoff=0.05))
    assert destination.read_bytes() == payload
    first, second, third = server.times
    assert second - first >= 0.05
    assert third - second >= 0.1


def test_500_for_ever_ends(server, entry, destination):
    server.script = [server.status(500)]
    with pytest.raises(WeightsError, match=r"cannot download weights 'base' .*: the server answered 500"):
        fetch(entry, destination, policy=QUICK)
    assert len(server.ranges) == QUICK.attempts


def test_a_web_page_with_status_200_is_refused_before_it_is_stored(server, entry, destination):
    server.script = [server.sends(b"<html>please log in</html>")]
    with pytest.raises(WeightsError, match=rf"expected {entry.bytes} bytes; the server offers 26"):
        fetch(entry, destination, policy=QUICK)
    assert _names(destination.parent) == set()


def test_a_flood_without_length_is_cut_off(server, entry, destination, payload):
    server.script = [server.sends(payload + bytes(20 * CHUNK), announced=False)]
    with pytest.raises(WeightsError, match="the server sends more"):
        fetch(entry, destination, policy=QUICK)
    assert _names(destination.parent) == set()


def test_a_server_without_ranges_starts_over(server, entry, destination, payload):
    server.script = [server.truncated(3 * CHUNK), server.without_ranges]
    fetch(entry, destination, policy=QUICK)
    assert destination.read_bytes() == payload
    assert server.ranges == [None, f"bytes={3 * CHUNK}-"]


@pytest.mark.parametrize("answer", ["refused", "another"])
def test_a_range_that_cannot_be_had_starts_over(server, entry, destination, payload, answer):
    bad = server.status(416) if answer == "refused" else server.another_range
    server.script = [server.truncated(3 * CHUNK), bad, server.good]
    fetch(entry, destination, policy=QUICK)
    assert destination.read_bytes() == payload
    assert server.ranges == [None, f"bytes={3 * CHUNK}-", None]


def test_killed_half_way_then_resumed(server, entry, destination, payload, tmp_path):
    server.script = [server.gated(3 * CHUNK), server.good]
    child = _start_child(entry, destination, tmp_path)
    part = _part(destination, entry)
    try:
        _wait_for(lambda: child.poll() is not None or (part.exists() and part.stat().st_size == 3 * CHUNK))
    finally:
        child.kill()
        child.wait()
    assert not destination.exists()
    fetch(entry, destination, policy=FetchPolicy(attempts=1, lock_timeout=5))
    assert destination.read_bytes() == payload
    assert server.ranges == [None, f"bytes={3 * CHUNK}-"]


def test_two_processes_download_once(server, entry, destination, payload, tmp_path):
    server.script = [server.gated(3 * CHUNK)]
    child = _start_child(entry, destination, tmp_path)
    try:
        _wait_for(lambda: child.poll() is not None or server.ranges)
        second = threading.Thread(target=fetch, args=(entry, destination), kwargs={"policy": QUICK})
        second.start()
        time.sleep(0.3)
        assert second.is_alive(), "the second process must wait for the first"
        server.gate.set()
        second.join(30)
        assert child.wait(30) == 0
    finally:
        child.kill()
        child.wait()
    assert destination.read_bytes() == payload
    assert server.ranges == [None]


def test_waiting_for_another_process_ends(server, entry, destination):
    destination.parent.mkdir()
    with (
        FileLock(destination.with_name(".base.safetensors.lock")),
        pytest.raises(WeightsError, match=r"another process does, or has locked .*\.lock"),
    ):
        fetch(entry, destination, policy=FetchPolicy(lock_timeout=0.05))
    assert server.ranges == []


def test_no_network(make_entry, destination):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    unreachable = make_entry(url=f"http://127.0.0.1:{port}/base.safetensors")
    with pytest.raises(WeightsError, match=r"cannot download weights 'base' .*check the connection"):
        fetch(unreachable, destination, policy=QUICK)


def test_a_file_in_the_place_of_the_cache(server, entry, destination):
    destination.parent.write_bytes(b"")
    with pytest.raises(WeightsError, match=r"cannot write weights 'base' to .*set FACE_ALIGNMENT_3D_HOME"):
        fetch(entry, destination, policy=QUICK)
    assert server.ranges == []


def test_a_read_only_cache(server, entry, destination):
    destination.parent.mkdir()
    destination.parent.chmod(0o500)
    if os.access(destination.parent, os.W_OK):
        pytest.skip("this user may write to read-only folders")
    try:
        with pytest.raises(WeightsError, match=r"cannot write weights 'base' to .*FACE_ALIGNMENT_3D_HOME"):
            fetch(entry, destination, policy=QUICK)
    finally:
        destination.parent.chmod(0o700)
    assert server.ranges == []


def test_a_full_disk(server, entry, destination, monkeypatch):
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("face_alignment_3d.weights.download.os.fsync", full)
    with pytest.raises(WeightsError, match="No space left on device; set FACE_ALIGNMENT_3D_HOME"):
        fetch(entry, destination, policy=QUICK)
    assert not destination.exists()


def test_verify(entry, tmp_path, payload):
    path = tmp_path / "base.safetensors"
    with pytest.raises(WeightsError, match="cannot read"):
        verify(entry, path)
    path.write_bytes(payload)
    verify(entry, path)
    path.write_bytes(payload + b"?")
    with pytest.raises(WeightsError, match=f"should have {entry.bytes} bytes .* has {entry.bytes + 1}"):
        verify(entry, path)
    path.write_bytes(payload[:-1] + b"?")
    with pytest.raises(WeightsError, match=f"should have SHA-256 {entry.sha256}"):
        verify(entry, path)
