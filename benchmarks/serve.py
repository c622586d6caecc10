"""The live page's server under load: latency, memory, and whether clients get their own faces.

    python benchmarks/serve.py [--clients 4] [--rate 10] [--seconds 60] [--output FILE.json]

Starts `face-alignment-3d serve` and measures the time to its first answer. Each client then sends JPEG frames
of 640 x 480 pixels over a WebSocket, in which scikit-image's astronaut moves at a place and height that only
this client has, and checks that each answer is about its own. Latency is from sending a frame to having its
answer. Memory is the resident memory of the server in each second; the first ten seconds are left out. Prints
the result as JSON. Clients run in one further process beside the server.
"""

import argparse
import io
import json
import os
import statistics
import struct
import subprocess
import sys
import threading
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image
from skimage.data import astronaut
from websockets.sync.client import connect

_FRAMES = 20
_WARM_UP_SECONDS = 10


@dataclass
class Client:
    """The answers that one client got."""

    milliseconds: list[float] = field(default_factory=list)
    sent: int = 0
    foreign: int = 0
    """Answers that are about another client's frames."""
    faceless: int = 0
    errors: list[str] = field(default_factory=list)


def frames(client: int) -> list[tuple[bytes, float]]:
    """JPEG files, and the x of the face's middle, at least 60 pixels from that of any other client."""
    photo = np.asarray(cv2.resize(astronaut()[:384], (640, 480), interpolation=cv2.INTER_AREA), np.uint8)
    made = []
    for frame in range(_FRAMES):
        shift = 90 * client - 120 + min(frame, _FRAMES - frame)
        file = io.BytesIO()
        Image.fromarray(np.roll(photo, shift, axis=1)).save(file, "JPEG", quality=90)
        made.append((file.getvalue(), 224 * 640 / 512 + shift))
    return made


def visit(port: int, number: int, rate: float, seconds: float, seen: Client) -> None:
    """Sends frames at ``rate`` and reads the answers, in this thread and another one."""
    prepared = frames(number)
    departures: dict[int, tuple[float, float]] = {}
    with connect(f"ws://127.0.0.1:{port}/live", compression=None) as socket:

        def read() -> None:
            for text in socket:
                result: dict[str, Any] = json.loads(text)
                now = time.perf_counter()
                if result["type"] == "error":
                    seen.errors.append(result["message"])
                    continue
                departure, x = departures.pop(result["id"], (None, 0.0))
                if departure is None:
                    seen.foreign += 1
                    continue
                seen.milliseconds.append(1000 * (now - departure))
                if not result["faces"]:
                    seen.faceless += 1
                elif abs(np.mean([point[0] for point in result["faces"][0]["landmarks"]]) - x) > 25:
                    seen.foreign += 1

        reader = threading.Thread(target=read)
        reader.start()
        began = time.perf_counter() + number / (4 * rate)
        for frame in range(int(seconds * rate)):
            time.sleep(max(0.0, began + frame / rate - time.perf_counter()))
            file, x = prepared[frame % _FRAMES]
            identity = 1_000_000 * number + frame
            departures[identity] = (time.perf_counter(), x)
            socket.send(struct.pack("<Id", identity, frame / rate) + file)
            seen.sent += 1
        time.sleep(1)
    reader.join()


def measure(port: int) -> dict[str, float]:
    """The server's metrics, name -> value; memory and CPU time only on Linux."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as response:
        lines = response.read().decode().splitlines()
    pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in pairs}


def start() -> tuple["subprocess.Popen[str]", int, float]:
    """The server, its port, and the seconds to its first answer about a photo."""
    file = io.BytesIO()
    Image.fromarray(astronaut()).save(file, "JPEG")
    began = time.perf_counter()
    command = [sys.executable, "-m", "face_alignment_3d", "serve", "--port", "0", "--offline"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    port = int(line.rpartition(":")[2].partition("/")[0])
    request = urllib.request.Request(f"http://127.0.0.1:{port}/align", data=file.getvalue())
    with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
        assert len(json.load(response)["faces"]) == 1
    return process, port, time.perf_counter() - began


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=4, help="at most 5, so that faces stay in the frame")
    parser.add_argument("--rate", type=float, default=10.0, help="frames a second of each")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--output", type=Path, help="a JSON file")
    args = parser.parse_args()
    process, port, starting = start()
    memory: list[float] = []
    try:
        clients = [Client() for _ in range(args.clients)]
        threads = [
            threading.Thread(target=visit, args=(port, number, args.rate, args.seconds, client))
            for number, client in enumerate(clients)
        ]
        for thread in threads:
            thread.start()
        began, used = time.perf_counter(), measure(port)["process_cpu_seconds_total"]
        while any(thread.is_alive() for thread in threads):
            time.sleep(1)
            if time.perf_counter() - began > min(_WARM_UP_SECONDS, args.seconds / 2):
                memory.append(measure(port)["process_resident_memory_bytes"] / 1e6)
        used = measure(port)["process_cpu_seconds_total"] - used
        process.terminate()
        code = process.wait(20)
    finally:
        process.kill()
    times = sorted(value for client in clients for value in client.milliseconds)
    result = {
        "clients": args.clients,
        "frames_a_second_of_each": args.rate,
        "seconds": args.seconds,
        "cores": os.cpu_count(),
        "seconds_from_start_to_first_answer": round(starting, 2),
        "frames_sent": sum(client.sent for client in clients),
        "frames_answered": len(times),
        "answers_to_another_client": sum(client.foreign for client in clients),
        "answers_without_a_face": sum(client.faceless for client in clients),
        "errors": sorted({text for client in clients for text in client.errors}),
        "latency_ms_median": round(statistics.median(times), 1),
        "latency_ms_95_percent": round(times[int(0.95 * len(times))], 1),
        "server_cpu_ms_a_frame": round(1000 * used / len(times), 1),
        "memory_mb": [round(min(memory), 1), round(max(memory), 1)],
        "memory_growth_mb": round(max(memory) - min(memory), 1),
        "exit_code": code,
    }
    text = json.dumps(result, indent=2)
    print(text)
    if args.output:
        args.output.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
