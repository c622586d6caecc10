"""Decoders of the files that users hand in: pictures, boxes, results, manifests, archives, videos."""

import io
import json
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from fractions import Fraction
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from hypothesis import strategies as st
from PIL import Image

from face_alignment_3d import Face3D
from face_alignment_3d.batch.destination import Destination
from face_alignment_3d.batch.reading import ItemReader
from face_alignment_3d.batch.sources import Source
from face_alignment_3d.batch.state import done_tasks, read_manifest
from face_alignment_3d.cli.boxes_file import BoxesFile
from face_alignment_3d.export.json_file import json_text
from face_alignment_3d.export.record import PhotoFaces
from face_alignment_3d.images import as_rgb
from face_alignment_3d.pose.mean_face import MEAN_FACE
from face_alignment_3d.serve.pictures import FRAME_FORMATS, PHOTO_FORMATS, decode_picture, read_frame
from face_alignment_3d.training.data.datasets.ibug_pts import read_pts
from face_alignment_3d.video.reader import VideoReader
from face_alignment_3d.view import ResultFile
from face_alignment_3d.weights.manifest import load_manifest, manifest_path
from face_alignment_3d.weights.safetensors_file import read_metadata
from tests.fuzz import mutation
from tests.fuzz.target import Target

#: Reads the content of a file, under a name with this ending; checks what comes of it.
Decoder = Callable[[bytes, str], None]


def _check_pixels(pixels: Any) -> None:
    assert pixels.dtype == np.uint8
    assert pixels.ndim == 3
    assert pixels.shape[2] == 3
    assert pixels.size > 0


def _picture(content: bytes, ending: str) -> None:
    with _file(content, ending) as path:
        _check_pixels(as_rgb(path))


def _sent(content: bytes, ending: str) -> None:
    """A photo over HTTP, and a frame over a socket."""
    picture = read_frame(content).picture
    for formats in (PHOTO_FORMATS, FRAME_FORMATS):
        pixels = decode_picture(picture, formats, max_bytes=100_000, max_pixels=10_000)
        _check_pixels(pixels)
        assert pixels.shape[0] * pixels.shape[1] <= 10_000


def _boxes(content: bytes, ending: str) -> None:
    with _file(content, ending) as path:
        boxes = BoxesFile(path).of(Path("a.jpg"))
    assert boxes.shape[1:] == (4,)
    assert np.isfinite(boxes).all()
    assert (boxes[:, 2:] >= boxes[:, :2]).all()


def _results(content: bytes, ending: str) -> None:
    with _file(content, ending) as path:
        assert "<html" in ResultFile(path).page().html()


def _weights_list(content: bytes, ending: str) -> None:
    with _file(content, ending) as path:
        for name, entry in load_manifest(path).items():
            assert entry.name == name
            assert entry.bytes > 0
            assert "/" not in entry.file


def _weights_head(content: bytes, ending: str) -> None:
    with _file(content, ending) as path:
        for key, value in read_metadata(path).items():
            assert isinstance(key, str)
            assert isinstance(value, str)


def _batch_state(content: bytes, ending: str) -> None:
    """The manifest of a batch, and the mark of a task that is done."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "_state" / "done").mkdir(parents=True)
        (Path(folder) / "_state" / "done" / "part-000000.json").write_bytes(content)
        for table in ("faces", "images", "failures"):
            (Path(folder) / table).mkdir()
            (Path(folder) / table / "part-000000.parquet").touch()
        destination = Destination(folder)
        assert set(done_tasks(destination)) <= {0}
        (Path(folder) / "manifest.json").write_bytes(content)
        manifest = read_manifest(destination)
        assert manifest is not None
        assert manifest.tasks >= 0


def _archive(content: bytes, ending: str) -> None:
    """All members that it says it has are read, or told to be damaged."""
    from face_alignment_3d import ImageError

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a{ending}"
        path.write_bytes(content)
        with ItemReader(str(path)) as reader:
            for item in Source(str(path), videos=False).items():
                try:
                    picture = reader.picture(item)
                except ImageError:
                    continue
                assert isinstance(picture, bytes)
                assert len(picture) == item.size


def _points(content: bytes, ending: str) -> None:
    with _file(content, ending) as path:
        points = read_pts(path)
    assert points.shape == (68, 2)
    assert np.isfinite(points).all()


def _video(content: bytes, ending: str) -> None:
    last = -np.inf
    with _file(content, ending) as path, VideoReader(path) as video:
        assert video.expected_frames is None or video.expected_frames >= 0
        assert video.rate > 0
        for frame in video.frames():
            _check_pixels(frame.image_rgb)
            assert frame.time > last
            last = frame.time
            if frame.index > 20:
                break


class _file:  # noqa: N801
    """A file with that content, as long as the block runs."""

    def __init__(self, content: bytes, ending: str) -> None:
        self._content, self._ending = content, ending

    def __enter__(self) -> Path:
        self._folder = tempfile.TemporaryDirectory()
        path = Path(self._folder.name) / f"x{self._ending}"
        path.write_bytes(self._content)
        return path

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()


def _noise(height: int = 23, width: int = 31) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


@cache
def _pictures() -> tuple[bytes, ...]:
    exif = Image.Exif()
    exif[0x0112] = 6
    modes: dict[str, tuple[tuple[str, dict[str, Any]], ...]] = {
        "RGB": (
            *(("JPEG", {"exif": exif}), ("JPEG", {"progressive": True}), ("PNG", {"exif": exif})),
            *(("WEBP", {}), ("WEBP", {"lossless": True}), ("BMP", {}), ("TIFF", {})),
            *(("TIFF", {"compression": "tiff_lzw"}), ("TIFF", {"compression": "jpeg"}), ("PPM", {})),
            *(("TGA", {"rle": True}), ("ICO", {}), ("ICNS", {}), ("PCX", {}), ("SGI", {}), ("EPS", {})),
            *(("JPEG2000", {}), ("AVIF", {}), ("QOI", {}), ("DDS", {}), ("IM", {}), ("SPIDER", {})),
        ),
        "P": (("GIF", {}), ("PNG", {}), ("BMP", {})),
        "I;16": (("PNG", {}), ("TIFF", {})),
        "CMYK": (("JPEG", {}), ("TIFF", {})),
        "1": (("TIFF", {"compression": "group4"}), ("XBM", {}), ("MSP", {})),
        "LAB": (("TIFF", {}),),
        "F": (("TIFF", {}),),
    }
    made = []
    for mode, forms in modes.items():
        base = _noise().convert("L") if mode in ("I;16", "F") else _noise()
        for form, options in forms:
            content = io.BytesIO()
            try:
                image = Image.new("LAB", (9, 7)) if mode == "LAB" else base.convert(mode)
                image.save(content, form, **options)
            except (OSError, KeyError, ValueError):
                continue  # Not every Pillow writes all formats.
            made.append(content.getvalue())
    moving = io.BytesIO()
    _noise().save(moving, "GIF", save_all=True, append_images=[_noise(40, 9), _noise()])
    return (*made, moving.getvalue())


@cache
def _result() -> bytes:
    landmarks = (MEAN_FACE * 40 + [60, 60, 0]).astype(np.float32)
    face = Face3D(
        landmarks,
        np.full(66, 0.5, np.float32),
        np.array([20, 20, 100, 100], np.float32),
        0.9,
        visibility=np.full(66, 0.5, np.float32),
    )
    return json_text(PhotoFaces("a.jpg", 120, 130, [face])).encode()


@cache
def _video_file() -> bytes:
    import av

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "v.mp4"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
            for index in range(8):
                frame = av.VideoFrame.from_ndarray(np.full((32, 48, 3), 30 * index, np.uint8), "rgb24")
                frame.pts, frame.time_base = index, Fraction(1, 25)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path.read_bytes()


def _zip() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("a.jpg", "b/c.png"):
            archive.writestr(name, b"picture" * 50)
        archive.writestr("d.jpg", b"stored", zipfile.ZIP_STORED)
    return content.getvalue()


def _tar(compression: str) -> bytes:
    content = io.BytesIO()
    mode: Any = f"w:{compression}"
    with tarfile.open(fileobj=content, mode=mode, format=tarfile.PAX_FORMAT) as archive:
        for name in ("a.jpg", "ü" * 120 + ".png"):
            member = tarfile.TarInfo(name)
            member.size = 350
            archive.addfile(member, io.BytesIO(b"picture" * 50))
    return content.getvalue()


_BATCH: Final = json.dumps(
    {
        "schema": "face-alignment-3d/batch/1",
        "source": "/photos",
        "options": {"weights": "lite"},
        "tasks": 3,
        "task_size": 16,
        "items": 40,
        "complete": False,
        "counts": {"images": 1, "faces": 2, "faceless": 0, "failures": 0},
    }
).encode()
_MARK: Final = json.dumps(
    {
        "counts": {"images": 1, "faces": 2, "faceless": 0, "failures": 0},
        "bytes": {"faces": 0, "images": 0, "failures": 0},
    }
).encode()
_PTS: Final = "\n".join(
    ["version: 1", "n_points: 68", "{", *(f"{40 + i}.5 {90 - i}.25" for i in range(68)), "}", ""]
).encode()
_ONE_BOX: Final = b'image,x0,y0,x1,y1\na.jpg,1,2,30.5,40\n"b, c.jpg",5,6,70,80\na.jpg,-5,6,7e1,80\n'
_MORE_BOXES: Final = b'{"a.jpg": [1, 2, 30.5, 40], "b.jpg": [[5, 6, 70, 80], [-5, 6, 70, 80]], "c.jpg": []}'


def _safetensors() -> bytes:
    from safetensors.numpy import save

    return save({"a": np.zeros((2, 3), np.float16)}, {"format": "face-alignment-3d cascade"})


#: Name -> (decoder, its files, the endings that they get).
DECODERS: Final[dict[str, tuple[Decoder, Callable[[], tuple[bytes, ...]], tuple[str, ...]]]] = {
    "picture files": (_picture, _pictures, (".jpg", ".png", ".tif", ".heic", "")),
    "pictures sent": (_sent, lambda: tuple(b"\1\0\0\0" + bytes(8) + one for one in _pictures()), ("",)),
    "boxes file, CSV": (_boxes, lambda: (_ONE_BOX,), (".csv", ".json")),
    "boxes file, JSON": (_boxes, lambda: (_MORE_BOXES,), (".json", ".csv")),
    "result file": (_results, lambda: (_result(),), (".json",)),
    "landmark file": (_points, lambda: (_PTS,), (".pts",)),
    "weights manifest": (_weights_list, lambda: (manifest_path().read_bytes(),), (".json",)),
    "weight file's head": (_weights_head, lambda: (_safetensors(),), (".safetensors",)),
    "batch manifest": (_batch_state, lambda: (_BATCH, _MARK), (".json",)),
    "zip": (_archive, lambda: (_zip(),), (".zip",)),
    "tar": (_archive, lambda: (_tar(""),), (".tar",)),
    "tar.gz": (_archive, lambda: (_tar("gz"),), (".tar.gz",)),
    "tar.xz": (_archive, lambda: (_tar("xz"),), (".tar.xz",)),
    "video": (_video, lambda: (_video_file(),), (".mp4", ".mkv")),
}

_COSTS: Final = {
    "video": 10,
    "picture files": 1,
    "tar.xz": 3,
    "tar.gz": 3,
    "zip": 3,
    "tar": 3,
    "weights manifest": 2,
}


def _target(name: str) -> Target:
    decode, whole, endings = DECODERS[name]
    cases = st.deferred(lambda: st.tuples(mutation.files(*whole()), st.sampled_from(endings)))
    return Target(name, cases, partial(_decode, decode), _COSTS.get(name, 1))


def _decode(decode: Decoder, case: tuple[bytes, str]) -> None:
    decode(*case)


TARGETS: Final = tuple(_target(name) for name in DECODERS)
