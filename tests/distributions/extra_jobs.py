"""The smallest real job of each extra, with the installed package.

    python -m tests.distributions.extra_jobs NAME FOLDER

FOLDER is made, and gets what the job reads and writes. No job needs a network.
"""

import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import numpy as np
from PIL import Image
from skimage.data import astronaut

#: The astronaut's face.
BOX = np.array([179.0, 90, 268, 178])


def _photo(name: str = "photo.png") -> str:
    path = Path(name)
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(astronaut()).save(path)
    return name


def _command(*words: str) -> None:
    from face_alignment_3d.cli import main

    assert main(list(words)) == 0, words


def _onnx() -> str:
    from face_alignment_3d import FaceAligner3D

    (face,) = FaceAligner3D(backend="onnx").detect(_photo())
    (same,) = FaceAligner3D(backend="torch").detect("photo.png")
    difference = float(np.abs(face.landmarks - same.landmarks).max())
    assert difference < 0.5
    return f"a face in both runtimes, {difference:.3f} px apart at most"


def _centerface() -> str:
    from face_alignment_3d import FaceAligner3D

    (face,) = FaceAligner3D(detector="centerface").detect(_photo())
    assert np.abs(face.box - BOX).max() < 25, face.box
    return f"the face's box is {face.box.round().tolist()}"


def _video() -> str:
    import av

    with av.open("clip.mp4", "w") as film:
        stream = film.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = 512, 512, "yuv420p"
        for _ in range(10):
            film.mux(stream.encode(av.VideoFrame.from_ndarray(astronaut(), format="rgb24")))
        film.mux(stream.encode())
    _command("video", "clip.mp4", "-o", "out.mp4", "--json")
    data = json.loads(Path("out.json").read_text(encoding="utf-8"))
    assert [len(frame["faces"]) for frame in data["frames"]] == [1] * 10
    with av.open("out.mp4") as film:
        assert sum(1 for _ in film.decode(video=0)) == 10
    return "a film of ten frames with a face"


def _heic() -> str:
    import pillow_heif

    from face_alignment_3d import FaceAligner3D

    pillow_heif.from_pillow(Image.fromarray(astronaut())).save("photo.heic", quality=95)
    aligner = FaceAligner3D()
    landmarks = aligner.get_landmarks("photo.heic", boxes=[BOX])
    difference = float(np.abs(landmarks - aligner.get_landmarks(astronaut(), boxes=[BOX])).mean())
    assert difference < 0.5
    return f"a HEIC file, {difference:.2f} px from the picture before compression"


def _batch(*options: str) -> str:
    import pyarrow.parquet as pq

    for name in ("photos/a.png", "photos/b.png"):
        _photo(name)
    _command("batch", "photos", "out", *options)
    rows = pq.read_table("out/faces").to_pylist()
    assert sorted((row["image"], row["face"]) for row in rows) == [("a.png", 0), ("b.png", 0)]
    return "two faces in Parquet"


def _ray() -> str:
    return f"{_batch('--ray', 'local')}, by an actor"


def _osc() -> str:
    from pythonosc.osc_bundle import OscBundle

    from face_alignment_3d import FaceAligner3D
    from face_alignment_3d.export.vmc import VMCSender

    (face,) = FaceAligner3D().detect(_photo())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(20)
        with VMCSender("127.0.0.1", receiver.getsockname()[1]) as sender:
            sender.send(face.pose)
        addresses = [message.address for message in OscBundle(receiver.recv(2000))]
    assert "/VMC/Ext/Bone/Pos" in addresses
    return f"a datagram with {', '.join(addresses)}"


def _serve() -> str:
    command = [sys.executable, "-m", "face_alignment_3d", "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            address = server.stdout.readline().split()[1]
            photo = Path(_photo()).read_bytes()
            with urllib.request.urlopen(f"{address}align", data=photo, timeout=300) as response:
                (face,) = json.load(response)["faces"]
            assert np.shape(face["landmarks"]) == (66, 3)
            with urllib.request.urlopen(address, timeout=60) as page:
                assert b"<html" in page.read()
        finally:
            server.terminate()
    return "a photo sent, a face in the answer"


def _train() -> str:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from face_alignment_3d.markup import FROM_68
    from face_alignment_3d.training.engine import training_loop
    from face_alignment_3d.training.recipes import paper_recipe
    from face_alignment_3d.weights import loading
    from tests.training.small_paper_cascade import small_paper_cascade
    from tests.training.synthetic_faces import picture, posed_faces

    for index, face in enumerate(posed_faces(14, seed=3, yaw=20.0, pitch=5.0, roll=0.0)[0]):
        for part in ("train_img", "train_lm"):
            Path("set", part).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture(face)).save(f"set/train_img/{index:02}.jpg", quality=95)
        rows = [",".join(map(str, point)) for point in face[FROM_68]]
        Path(f"set/train_lm/{index:02}_lm.csv").write_text("\n".join(rows), encoding="utf-8")
    small = {"paper": small_paper_cascade}  # The paper's own networks need a GPU.
    with (
        mock.patch.object(paper_recipe, "PRESETS", small),
        mock.patch.object(loading, "PRESETS", small),
        mock.patch.object(training_loop, "_REPORT_EVERY", 1),
    ):
        options = ("--steps", "2", "--device", "cpu", "--precision", "fp32")
        _command("train", "paper", "--dataset", "3dfaw=set", "--out", "run", *options)
    assert Path("run/paper.safetensors").stat().st_size > 0
    files = list(Path("run/tensorboard").rglob("events.*"))
    events = EventAccumulator(str(files[0].parent))
    events.Reload()
    tags = events.Tags()["scalars"]
    assert "learning rate" in tags, tags
    return f"a run of two steps; TensorBoard reads {', '.join(tags)}"


#: Extra -> its job, which works in the current folder and says what was done.
JOBS: dict[str, Callable[[], str]] = {
    "onnx": _onnx,
    "centerface": _centerface,
    "video": _video,
    "heic": _heic,
    "batch": _batch,
    "ray": _ray,
    "osc": _osc,
    "serve": _serve,
    "train": _train,
}


def main(name: str, folder: Path) -> None:
    import face_alignment_3d

    assert "site-packages" in Path(face_alignment_3d.__file__).parts, face_alignment_3d.__file__
    folder.mkdir(parents=True)
    os.chdir(folder)
    print(f"{name}: {JOBS[name]()}")


# Guarded, because the processes of a batch import this file.
if __name__ == "__main__":
    sys.path.insert(0, str(Path.cwd()))  # In place of "", which would follow into the new folder.
    main(sys.argv[1], Path(sys.argv[2]).resolve())
