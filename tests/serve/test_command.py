"""``face-alignment-3d serve`` starts, says where, and stops when it is told to."""

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from face_alignment_3d.cli import main
from tests.serve.servers import answer, connected, gray_frame

_ROOT = Path(__file__).parent.parent.parent


@pytest.mark.skipif(sys.platform == "win32", reason="other signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_starts_and_stops(number: signal.Signals) -> None:
    if signal.getsignal(number) == signal.SIG_IGN:
        pytest.skip("the tests run under nohup, or in the background: what they start ignores it as well")
    environment = {**os.environ, "FACE_ALIGNMENT_3D_TOKEN": "abc", "PYTHONPATH": str(_ROOT)}
    command = [sys.executable, "-m", "face_alignment_3d", "serve", "--port", "0", "--offline"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=_ROOT
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        match = re.fullmatch(r"serving http://127\.0\.0\.1:(\d+)/ \(Ctrl-C ends it\)\n", line)
        assert match is not None, line
        port = int(match[1])
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=120)
        headers = {"Authorization": "Bearer abc"}
        with (
            connected(port, additional_headers=headers) as client,
            socket.create_connection(("127.0.0.1", port)) as slow,
        ):
            slow.sendall(b"POST /align HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nabc")
            client.send(gray_frame(0, 0.0))
            assert answer(client) | {"milliseconds": 0, "width": 0, "height": 0} == {
                "type": "faces",
                "id": 0,
                "time": 0.0,
                "width": 0,
                "height": 0,
                "dropped": 0,
                "milliseconds": 0,
                "faces": [],
            }
            process.send_signal(number)
            with pytest.raises(ConnectionClosed) as closed:
                client.recv(timeout=120)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
        out, err = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 0
    assert out == "stopped\n"
    assert "Traceback" not in err


def test_a_port_that_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["serve", "--port", str(taken.getsockname()[1])]) == 2
    assert "error: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--token", "two words"], "the token must be"),
        (["--origin", "faces.example.com"], "expected an origin"),
    ],
)
def test_wrong_options(options: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", *options]) == 2
    assert f"error: {message}" in capsys.readouterr().err


@pytest.mark.parametrize("options", [["--port", "70000"], ["--max-rate", "0"], ["--max-bytes", "many"]])
def test_values_that_are_none(options: list[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["serve", *options])
    assert stop.value.code == 2
