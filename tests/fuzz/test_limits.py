"""Bombs, vast photos, thousands of faces, strips: memory and time are bounded, or the input is refused.

Memory is measured in processes of their own, which may take no more address space than said.
"""

import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parent.parent.parent

_BEGIN = """
import resource, struct, zlib, io, warnings
from pathlib import Path
import numpy as np
from face_alignment_3d import FaceAligner3D, ImageError, BoxError, Detection, VideoError
from face_alignment_3d.images import as_rgb
warnings.simplefilter("ignore")

def megabytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3

class Finds:
    def __init__(self, boxes):
        self.boxes = boxes
    def detect(self, image_rgb):
        return [Detection(np.asarray(box, np.float32), 0.9) for box in self.boxes]

def aligner(detector=None):
    made = FaceAligner3D("nano", backend="torch", detector=detector or Finds([]), min_confidence=0)
    made.get_landmarks(np.zeros((50, 50, 3), np.uint8), boxes=[[5, 5, 40, 40]])
    return made

def refused(call, error=ImageError):
    try:
        call()
    except error as found:
        return str(found)
    raise AssertionError("it was taken")

def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

def png(width, height, data=b""):
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return bytes([137]) + b"PNG" + bytes([13, 10, 26, 10]) + body
"""


def _run(code: str, folder: Path, *, seconds: float = 120) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _BEGIN + code, str(folder)],
        capture_output=True,
        text=True,
        cwd=_ROOT,
        timeout=seconds,
    )
    assert done.returncode == 0, done.stderr


measured = pytest.mark.skipif(sys.platform != "linux", reason="measures memory as Linux does")


@measured
def test_decompression_bombs_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    _run(
        """
from PIL import Image
folder = Path(__import__("sys").argv[1])
before = megabytes()
(folder / "bomb.png").write_bytes(png(60000, 60000, zlib.compress(bytes(7501) * 2000)))
head = b"GIF89a" + struct.pack("<HH", 65535, 65535) + bytes([0x80, 0, 0]) + bytes(6)
(folder / "bomb.gif").write_bytes(
    head + b"," + struct.pack("<HHHH", 0, 0, 65535, 65535) + bytes([0, 8, 1, 0, 0]) + b";"
)
entries = [(256, 4, 1, 60000), (257, 4, 1, 60000), (258, 3, 1, 1), (259, 3, 1, 1), (262, 3, 1, 1),
           (273, 4, 1, 8), (278, 4, 1, 60000), (279, 4, 1, 450000000)]
ifd = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *e) for e in entries) + bytes(4)
(folder / "bomb.tif").write_bytes(b"II*" + bytes(1) + struct.pack("<I", 8) + ifd)
(folder / "bomb.bmp").write_bytes(
    b"BM" + struct.pack("<IHHI", 54, 0, 0, 54)
    + struct.pack("<IiiHHIIiiII", 40, 60000, 60000, 1, 24, 0, 0, 0, 0, 0, 0)
)
made = aligner()
before = megabytes()
for name in ("bomb.png", "bomb.gif", "bomb.tif", "bomb.bmp"):
    message = refused(lambda: made.get_landmarks(folder / name))
    assert name in message and "too large" in message, message
assert megabytes() - before < 50, megabytes() - before
""",
        tmp_path,
    )


@measured
def test_a_photo_of_100_megapixels(tmp_path: Path) -> None:
    _run(
        """
from PIL import Image
file = Path(__import__("sys").argv[1]) / "large.png"
Image.new("L", (12500, 8000), 90).save(file, compress_level=1)
made = aligner(Finds([[1000, 1000, 7000, 7500]]))
before = megabytes()
(face,) = made.detect(file)
assert np.isfinite(face.landmarks).all()
# The photo, and Pillow's copies of it in gray and in RGB, which has four bytes a pixel.
assert megabytes() - before < 1300, megabytes() - before
""",
        tmp_path,
    )


@measured
@pytest.mark.parametrize("given", [True, False])
def test_10_000_faces(tmp_path: Path, given: bool) -> None:
    _run(
        f"""
given = {given}
"""
        """
places = np.random.default_rng(0).uniform(0, 900, (10_000, 2))
boxes = np.concatenate([places, places + 20], axis=1).astype(np.float32)
photo = np.random.default_rng(0).integers(0, 256, (1000, 1000, 3), dtype=np.uint8)
from PIL import Image
file = Path(__import__("sys").argv[1]) / "crowd.png"
Image.fromarray(photo).save(file)

class NoNetwork:
    name, device = "none", "cpu"
    from face_alignment_3d.networks.geometry import CascadeGeometry
    geometry = aligner()._backend.geometry
    def run(self, crops):
        from face_alignment_3d.backends.protocol import CascadeOutput
        count = len(crops[:len(crops)])
        points = np.random.default_rng(0).random((count, 66, 3), dtype=np.float32) * 100
        return CascadeOutput(points, np.full((count, 66), 0.5, np.float32), None)

made = FaceAligner3D(backend=NoNetwork(), detector=Finds(boxes))
before = megabytes()
faces = made.detect(file, boxes=boxes if given else None)
assert (len(faces) == 10_000) if given else (0 < len(faces) <= 10_000)
assert megabytes() - before < 400, megabytes() - before
""",
        tmp_path,
    )


@measured
def test_strips_and_windows_far_larger_than_the_photo(tmp_path: Path) -> None:
    _run(
        """
from face_alignment_3d.crop import Crop
made = aligner()
before = megabytes()
for shape in ((1, 400_000, 3), (400_000, 1, 3), (3, 40_000, 3), (1, 1, 3), (3000, 2500, 3)):
    photo = np.full(shape, 130, np.uint8)
    for side in (3.0, 1e3, 1e5, 1e7):
        landmarks = made.get_landmarks(photo, boxes=[[-side / 2, -side / 2, side / 2, side / 2]])
        assert landmarks.shape == (1, 66, 3) and np.isfinite(landmarks).all()
assert megabytes() - before < 400, megabytes() - before
""",
        tmp_path,
    )


@measured
def test_strips_are_searched_in_bounded_memory(tmp_path: Path) -> None:
    _run(
        """
from face_alignment_3d.detection.mtcnn import MTCNNDetector
detector = MTCNNDetector()
detector.detect(np.zeros((100, 100, 3), np.uint8))
before = megabytes()
for shape in ((1, 200_000, 3), (30, 100_000, 3), (100_000, 30, 3)):
    detector.detect(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))
assert megabytes() - before < 700, megabytes() - before
""",
        tmp_path,
    )


@measured
def test_a_face_far_larger_than_the_picture_is_drawn(tmp_path: Path) -> None:
    _run(
        """
from face_alignment_3d import Face3D
from face_alignment_3d.draw import draw_landmarks, draw_pose
from face_alignment_3d.pose.mean_face import MEAN_FACE
picture = np.zeros((300, 400, 3), np.uint8)
before = megabytes()
for scale in (1e3, 1e5, 1e7, 1e9):
    points = (MEAN_FACE * scale + [200, 150, 0]).astype(np.float32)
    box = np.float32([-scale, -scale, scale, scale])
    face = Face3D(points, np.ones(66, np.float32), box, None)
    draw_landmarks(picture, [face], boxes=True, ids=True, legend=True)
    draw_pose(picture, [face])
assert megabytes() - before < 100, megabytes() - before
""",
        tmp_path,
    )


@measured
def test_archives_that_unpack_without_end_are_told(tmp_path: Path) -> None:
    _run(
        """
import gzip, tarfile
from face_alignment_3d.batch import archives
from face_alignment_3d.batch.reading import ItemReader
from face_alignment_3d.batch.sources import Source
archives._ANY_UNPACKED = 1 << 24
folder = Path(__import__("sys").argv[1])
with tarfile.open(folder / "bomb.tar.gz", "w:gz") as bomb:
    small = tarfile.TarInfo("a.jpg"); small.size = 7
    bomb.addfile(small, io.BytesIO(b"picture"))
    class Zeros:
        def read(self, size):
            return bytes(size)
    vast = tarfile.TarInfo("b.jpg"); vast.size = 300 << 20
    bomb.addfile(vast, Zeros())
    bomb.addfile(small, io.BytesIO(b"picture"))
header = tarfile.TarInfo("x"); header.type = tarfile.XHDTYPE; header.size = 7 << 30
(folder / "header.tar").write_bytes(header.tobuf(tarfile.USTAR_FORMAT) + bytes(1 << 20))
before = megabytes()
for name in ("bomb.tar.gz", "header.tar"):
    items = list(Source(str(folder / name), videos=False).items())
    assert "damaged" in items[-1].problem, items
with ItemReader(str(folder / "bomb.tar.gz")) as reader:
    items = list(Source(str(folder / "bomb.tar.gz"), videos=False).items())
    assert reader.picture(items[0]) == b"picture"
assert megabytes() - before < 60, megabytes() - before
""",
        tmp_path,
    )
