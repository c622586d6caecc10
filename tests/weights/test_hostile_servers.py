"""Servers, disks, links and kills: nothing unverified is used, and nothing half-written stays."""

import io
import multiprocessing
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import requests
import urllib3

from face_alignment_3d.errors import WeightsError
from face_alignment_3d.weights.download import FetchPolicy, fetch
from face_alignment_3d.weights.integrity import is_intact
from face_alignment_3d.weights.manifest import WeightsEntry, load_manifest, write_manifest
from face_alignment_3d.weights.store import resolve_weights

from .conftest import CHUNK, ScriptedServer

QUICK = FetchPolicy(attempts=2, backoff=0.01, connect_timeout=5, read_timeout=5, lock_timeout=20)
#: A process is killed so many times; more with this variable, as in FACE_ALIGNMENT_3D_KILLS=500.
KILLS = int(os.environ.get("FACE_ALIGNMENT_3D_KILLS", "36"))

needs_links = pytest.mark.skipif(sys.platform == "win32", reason="links need a right of their own there")


@pytest.fixture
def entry(server: ScriptedServer, make_entry: Callable[..., WeightsEntry]) -> WeightsEntry:
    return make_entry(url=server.url)


@pytest.fixture
def destination(tmp_path: Path) -> Path:
    (tmp_path / "cache").mkdir()
    return tmp_path / "cache" / "base.safetensors"


def _part(destination: Path, entry: WeightsEntry) -> Path:
    return destination.with_name(f"{destination.name}.{entry.sha256[:12]}.part")


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.endswith(".lock")}


def _says(raw: bytes) -> Callable[[BaseHTTPRequestHandler], None]:
    """An answer of any bytes, after which the connection ends."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(raw)
        handler.close_connection = True

    return answer


def _redirects(location: str) -> Callable[[BaseHTTPRequestHandler], None]:
    return _says(f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nConnection: close\r\n\r\n".encode())


def _with(payload: bytes, *headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    return _says("\r\n".join(["HTTP/1.1 200 OK", *headers, "", ""]).encode() + payload)


def test_more_bytes_than_were_promised_are_not_taken(server, entry, destination, payload):
    server.script = [_with(payload + b"and more", f"Content-Length: {len(payload)}")]
    assert fetch(entry, destination, policy=QUICK).read_bytes() == payload
    assert _names(destination.parent) == {destination.name}


@pytest.mark.parametrize("length", ["1", "0", "999999999999", "9" * 5000])
def test_another_length_than_the_manifest_says(server, entry, destination, payload, length):
    server.script = [_with(payload, f"Content-Length: {length}")]
    with pytest.raises(WeightsError):
        fetch(entry, destination, policy=QUICK)
    assert _names(destination.parent) == set()


@pytest.mark.parametrize("length", ["-1", "many", "1e3"])
def test_a_length_that_is_no_number_is_as_none(server, entry, destination, payload, length):
    server.script = [_with(payload, f"Content-Length: {length}")]
    assert fetch(entry, destination, policy=QUICK).read_bytes() == payload


def test_a_compressed_answer_is_not_unpacked(server, entry, destination, payload):
    server.script = [_with(b"\x1f\x8b" + bytes(100), "Content-Encoding: gzip")]
    with pytest.raises(WeightsError, match="expected the file as it is; the server sends it in 'gzip'"):
        fetch(entry, destination, policy=QUICK)
    assert _names(destination.parent) == set()


def test_a_redirect_is_followed_and_what_comes_is_verified(server, entry, destination, payload):
    server.script = [_redirects("/elsewhere/../x.bin"), server.good]
    fetch(entry, destination, policy=QUICK)
    server.script = [server.sends(bytes(len(payload)))]
    destination.unlink()
    with pytest.raises(WeightsError, match="expected SHA-256"):
        fetch(entry, destination, policy=QUICK)
    assert _names(destination.parent) == set()


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://[::1", "x:y", "/"])
def test_redirects_that_lead_nowhere_are_final(server, entry, destination, location):
    server.script = [_redirects(location)]
    with pytest.raises(WeightsError, match=r"leads to where they are not fetched from"):
        fetch(entry, destination, policy=QUICK)
    assert len(server.ranges) == (31 if location == "/" else 1)
    assert _names(destination.parent) == set()


def test_no_redirect_leads_from_https_to_http(make_entry, destination, monkeypatch):
    asked = []

    def send(adapter, request, **_):
        asked.append(request.url)
        raw = urllib3.HTTPResponse(
            io.BytesIO(), {"Location": "http://127.0.0.1:1/base.safetensors"}, 302, preload_content=False
        )
        return adapter.build_response(request, raw)

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", send)
    entry = make_entry(url="https://example.org/base.safetensors")
    with pytest.raises(WeightsError, match=r"not fetched from .*http://127"):
        fetch(entry, destination, policy=QUICK)
    assert asked == [entry.url]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00\xff" * 100,
        b"220 ftp ready\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"a" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nabc\r\n",
        b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes x-y/z\r\n\r\nabc",
        b"HTTP/1.1 99999 ?\r\n\r\n",
    ],
)  # fmt: skip
def test_what_is_no_http(server, entry, destination, raw):
    server.script = [_says(raw)]
    with pytest.raises(WeightsError, match="'base'"):
        fetch(entry, destination, policy=QUICK)
    assert not destination.exists()
    assert _names(destination.parent) <= {_part(destination, entry).name}
    server.script = [server.good]
    fetch(entry, destination, policy=QUICK)
    assert _names(destination.parent) == {destination.name}


@needs_links
def test_nothing_is_written_through_links(server, entry, destination, payload, tmp_path):
    precious = tmp_path / "precious"
    precious.write_bytes(b"mine")
    for link in (destination, _part(destination, entry)):
        link.symlink_to(precious)
    fetch(entry, destination, policy=QUICK)
    assert precious.read_bytes() == b"mine"
    assert not destination.is_symlink()
    assert destination.read_bytes() == payload
    destination.unlink()
    os.link(precious, _part(destination, entry))
    fetch(entry, destination, policy=QUICK)
    assert precious.read_bytes() == b"mine"
    assert server.ranges == [None, None]


@needs_links
def test_a_pipe_or_a_link_in_place_of_a_file(server, entry, destination, payload):
    os.mkfifo(_part(destination, entry))
    os.mkfifo(destination)
    fetch(entry, destination, policy=QUICK)
    assert destination.read_bytes() == payload
    lock = destination.with_name(f".{destination.name}.lock")
    lock.unlink(missing_ok=True)
    destination.unlink()
    lock.symlink_to(destination.with_name("elsewhere"))
    with pytest.raises(WeightsError, match="cannot write weights 'base'"):
        fetch(entry, destination, policy=QUICK)
    assert _names(destination.parent) == set()


@needs_links
def test_a_link_to_intact_weights_is_used_and_one_to_others_is_replaced(
    server, entry, destination, payload, tmp_path
):
    elsewhere = tmp_path / "elsewhere.safetensors"
    elsewhere.write_bytes(payload)
    destination.symlink_to(elsewhere)
    manifest = {"base": entry}
    assert resolve_weights("base", manifest=manifest) == destination
    assert server.ranges == []
    elsewhere.write_bytes(payload[:-1])
    resolve_weights("base", manifest=manifest, progress=False)
    assert destination.read_bytes() == payload
    assert elsewhere.read_bytes() == payload[:-1]


def test_parts_of_other_versions_are_removed(server, entry, destination):
    destination.with_name(f"{destination.name}.0123456789ab.part").write_bytes(b"of an older file")
    destination.with_name("other.safetensors.0123456789ab.part").write_bytes(b"of another one")
    fetch(entry, destination, policy=QUICK)
    assert _names(destination.parent) == {destination.name, "other.safetensors.0123456789ab.part"}


_LIMITED = """
import resource, sys
from pathlib import Path
from face_alignment_3d.errors import WeightsError
from face_alignment_3d.weights.download import fetch
from face_alignment_3d.weights.manifest import load_manifest
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    fetch(load_manifest(Path(sys.argv[1]))["base"], Path(sys.argv[2]), progress=False)
except WeightsError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such limits")
def test_a_disk_that_takes_no_more(server, entry, destination, tmp_path):
    manifest = tmp_path / "manifest.json"
    write_manifest({"base": entry}, manifest)
    command = [sys.executable, "-c", _LIMITED, str(manifest), str(destination)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert "cannot write weights 'base'" in said.stdout, said.stderr
    assert "File too large; set FACE_ALIGNMENT_3D_HOME" in said.stdout
    assert _names(destination.parent) == set()
    fetch(entry, destination, policy=QUICK)


def _fetch(manifest: Path, destination: Path) -> None:
    fetch(load_manifest(manifest)["base"], destination, progress=False, policy=QUICK)


def test_killed_at_any_moment(server, entry, destination, payload, tmp_path):
    def dripping(handler: BaseHTTPRequestHandler) -> None:
        body = server.begin(handler)
        for start in range(0, len(body), CHUNK // 3):
            handler.wfile.write(body[start : start + CHUNK // 3])
            time.sleep(0.004)

    server.script = [dripping]
    manifest = tmp_path / "manifest.json"
    write_manifest({"base": entry}, manifest)
    context = multiprocessing.get_context("spawn" if sys.platform == "win32" else "forkserver")
    context.set_forkserver_preload([__name__])
    chance, completed, between = random.Random(5), 0, 0
    known = {destination.name, _part(destination, entry).name}
    for _ in range(KILLS):
        asked = len(server.ranges)
        child = context.Process(target=_fetch, args=(manifest, destination))
        child.start()
        deadline = time.monotonic() + 60
        while len(server.ranges) == asked and child.is_alive() and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(chance.uniform(0, 0.12))
        child.kill()
        child.join()
        assert _names(destination.parent) <= known
        between += _part(destination, entry).exists()
        if destination.exists():
            assert is_intact(entry, destination)
            completed += 1
            destination.unlink()
    assert between >= KILLS / 6, "no kill came in the middle of a download"
    assert completed >= 1, "no download was completed between the kills"
    fetch(entry, destination, policy=QUICK)
    assert destination.read_bytes() == payload
    assert _names(destination.parent) == {destination.name}


def test_processes_at_once_beside_one_that_is_killed(server, entry, destination, payload, tmp_path):
    server.script = [server.slow]
    manifest = tmp_path / "manifest.json"
    write_manifest({"base": entry}, manifest)
    context = multiprocessing.get_context("spawn" if sys.platform == "win32" else "forkserver")
    children = [context.Process(target=_fetch, args=(manifest, destination)) for _ in range(4)]
    for child in children:
        child.start()
    while not server.ranges:
        time.sleep(0.005)
    children[0].kill()
    for child in children:
        child.join(60)
    assert [child.exitcode for child in children[1:]] == [0, 0, 0]
    assert destination.read_bytes() == payload
    assert _names(destination.parent) == {destination.name}
