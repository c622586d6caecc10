"""Batches of photos on a GPU: faces a second with boxes given, the time of each part, and detection.

    python benchmarks/gpu.py                        # one or two minutes on a CUDA device
    python benchmarks/gpu.py --profile              # also the operations that take longest
    python benchmarks/gpu.py --device cpu --photos 8 --seconds 0.2      # tries the script

Photos are scikit-image's astronaut in several sizes, one face each, every one an array of its own. It first
compares crops and landmarks with those of OpenCV's crops on the same device. "Python" is the call with a
network that takes no time and looks at no crop; the parts overlap on a GPU, so their sum exceeds the whole.
"""

import argparse
import time
from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
import skimage.data
import torch

from face_alignment_3d import FaceAligner3D
from face_alignment_3d.backends.device_crops import pack, parts_of, sample
from face_alignment_3d.backends.protocol import CascadeOutput, Crops, CropSource
from face_alignment_3d.backends.torch_backend import TorchBackend
from face_alignment_3d.crop import crop_around
from face_alignment_3d.detection.mtcnn import MTCNNDetector
from face_alignment_3d.networks.geometry import CascadeGeometry

#: The astronaut's face in the photo of 512 pixels.
_BOX = np.array([179.0, 90, 268, 178])

_Photos = list[npt.NDArray[np.uint8]]
_Boxes = list[npt.NDArray[np.float32]]


class InstantBackend:
    """A backend that knows the answers."""

    name = "instant"
    device = "cpu"

    def __init__(self, geometry: CascadeGeometry, most: int) -> None:
        self.geometry = geometry
        random = np.random.default_rng(0)
        self._points = 100 * random.random((most, 66, 3), np.float32)
        self._shares = random.random((most, 66), np.float32)

    def run(self, crops: Crops) -> CascadeOutput:
        """As many points as there are crops."""
        count = len(crops)
        return CascadeOutput(self._points[:count], self._shares[:count], self._shares[:count])


def photos_and_boxes(count: int, side: int) -> tuple[_Photos, _Boxes]:
    """Photos of ``side`` pixels, each in memory of its own, and the box (1, 4) of the face in each."""
    astronaut = np.asarray(skimage.data.astronaut())
    photo = np.asarray(cv2.resize(astronaut, (side, side), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    box = ((_BOX + 0.5) * side / 512 - 0.5).astype(np.float32)[None]
    return [photo.copy() for _ in range(count)], [box + index % 7 for index in range(count)]


def seconds_of(work: Callable[[], object], device: torch.device, *, at_least: float) -> float:
    """The median time of a call, of calls for ``at_least`` seconds after two that do not count."""
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < 5 or time.perf_counter() - began < at_least:
        _wait(device)
        start = time.perf_counter()
        work()
        _wait(device)
        times.append(time.perf_counter() - start)
    return float(np.median(times[2:]))


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def compare(device: str, photos: _Photos, boxes: _Boxes) -> None:
    """Prints by how much crops and landmarks differ from those of OpenCV's crops."""
    backend = TorchBackend("lite", device=device, device_crops=True)
    sources = sources_of(photos, boxes, backend.geometry)
    worst = 0
    for some, windows in parts_of(sources):
        packed = pack(some, windows, pinned="cuda" in device).to(torch.device(device))
        expected = np.stack([some[i].crop.sample(some[i].photo) for i in packed.order]).astype(int)
        worst = max(worst, int(np.abs(sample(packed).cpu().numpy() - expected).max()))
    plain = FaceAligner3D(backend=TorchBackend("lite", device=device, device_crops=False))
    expected = np.concatenate(plain.get_landmarks_batch(photos, boxes=boxes))
    found = np.concatenate(FaceAligner3D(backend=backend).get_landmarks_batch(photos, boxes=boxes))
    pixels = np.abs(found - expected).max() / sources[0].crop.scale
    print(f"  differences: crops {worst} of 255, landmarks {pixels:.4f} crop pixels")


def sources_of(photos: _Photos, boxes: _Boxes, geometry: CascadeGeometry) -> list[CropSource]:
    """The crops as a backend gets them."""
    return [
        CropSource(photo, crop_around(box[0], size=geometry.input_size, crop_scale=geometry.crop_scale))
        for photo, box in zip(photos, boxes, strict=True)
    ]


def measure(device: torch.device, dtype: str, photos: _Photos, boxes: _Boxes, at_least: float) -> None:
    """Prints the time of the whole and of its parts."""
    count = len(photos)
    backend = TorchBackend("lite", device=str(device), dtype=dtype, device_crops=True)  # type: ignore[arg-type]
    aligner = FaceAligner3D(backend=backend)
    instant = FaceAligner3D(backend=InstantBackend(backend.geometry, count))
    sources = sources_of(photos, boxes, backend.geometry)
    pinned = device.type == "cuda"
    packed = [pack(some, windows, pinned=pinned) for some, windows in parts_of(sources)]
    on_device = [part.to(device) for part in packed]
    crops = [sample(part) for part in on_device]
    pixels = torch.cat(crops).cpu().numpy()
    parts: dict[str, Callable[[], object]] = {
        "whole": lambda: aligner.get_landmarks_batch(photos, boxes=boxes, batch_size=count),
        "Python": lambda: instant.get_landmarks_batch(photos, boxes=boxes, batch_size=count),
        "packing": lambda: [pack(some, windows, pinned=pinned) for some, windows in parts_of(sources)],
        "upload": lambda: [part.to(device) for part in packed],
        "sampling": lambda: [sample(part) for part in on_device],
        "network, crops given": lambda: backend.run(pixels),
        "crops by OpenCV": lambda: [source.crop.sample(source.photo) for source in sources],
    }
    for name, work in parts.items():
        each = seconds_of(work, device, at_least=at_least) / count
        print(f"  {name:<22}{1e6 * each:8.1f} us a face {1 / each:10.0f} faces/s")


def measure_detection(device: torch.device, photos: _Photos, at_least: float) -> None:
    """Prints the time of MTCNN's search, photo by photo and together, and by how much boxes differ."""
    detector = MTCNNDetector(device=str(device))
    on_cpu = MTCNNDetector(device="cpu").detect(photos[0])
    found = detector.detect(photos[0])
    same = len(found) == len(on_cpu)
    worst = max((np.abs(a.box - b.box).max() for a, b in zip(found, on_cpu, strict=False)), default=0.0)
    print(f"  MTCNN: as many candidates as on the CPU: {same}, boxes differ by {worst:.2f} pixels")
    for name, work in {
        "MTCNN, one by one": lambda: [detector.detect(photo) for photo in photos],
        "MTCNN, together": lambda: detector.detect_batch(photos),
    }.items():
        each = seconds_of(work, device, at_least=at_least) / len(photos)
        print(f"  {name:<22}{1e3 * each:8.2f} ms a photo {1 / each:9.0f} photos/s")


def profile(device: torch.device, photos: _Photos, boxes: _Boxes) -> None:
    """Prints the operations of one call that take longest on the CPU and on the device."""
    aligner = FaceAligner3D(backend=TorchBackend("lite", device=str(device), device_crops=True))
    for _ in range(3):
        aligner.get_landmarks_batch(photos, boxes=boxes, batch_size=len(photos))
    with torch.profiler.profile() as recorded:
        aligner.get_landmarks_batch(photos, boxes=boxes, batch_size=len(photos))
        _wait(device)
    for order in ["self_cpu_time_total", *(["self_device_time_total"] if device.type == "cuda" else [])]:
        print(recorded.key_averages().table(sort_by=order, row_limit=20, max_name_column_width=60))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--photos", type=int, default=256, help="in a batch")
    parser.add_argument("--sides", type=int, nargs="+", default=[250, 640, 1280], help="of photos, pixels")
    parser.add_argument("--dtypes", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--seconds", type=float, default=1.0, help="of calls for each number")
    parser.add_argument("--profile", action="store_true")
    args = parser.parse_args()
    device = torch.device(args.device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    print(f"{name}, torch {torch.__version__}, OpenCV {cv2.__version__}, batches of {args.photos} photos")
    for side in args.sides:
        photos, boxes = photos_and_boxes(args.photos, side)
        print(f"photos of {side} px")
        compare(args.device, photos[:32], boxes[:32])
        for dtype in args.dtypes:
            print(f"  {dtype}")
            measure(device, dtype, photos, boxes, args.seconds)
        measure_detection(device, photos[:16], args.seconds)
    if args.profile:
        photos, boxes = photos_and_boxes(args.photos, 640)
        profile(device, photos, boxes)


if __name__ == "__main__":
    main()
