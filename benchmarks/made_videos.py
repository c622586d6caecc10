"""Videos of photos that move along smooth paths, and may talk, whose landmarks are known in every frame."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
from made_expressions import Expression, displaced
from PIL import Image

from face_alignment_3d.markup import FROM_68

HEIGHT, WIDTH, FPS = 720, 1280, 30
#: Of the sensor, in gray levels; and of the encoder: coarser ones take the noise away from what is at rest.
_NOISE, _CRF = 6.0, "20"
#: The part of a photo that is pasted, in sizes of its face.
_REACH = 0.85

Picture = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Pose2D:
    """The place of a face: its middle in pixels, its longer side, and its lean in radians, clockwise."""

    x: float
    y: float
    size: float
    roll: float = 0.0


@dataclass(frozen=True)
class MovingPhoto:
    """A photo with hand-made points (66, 2) and its pose at a time in seconds; None while it is hidden."""

    photo: Picture
    points: Points
    path: Callable[[float], Pose2D | None]
    expression: Expression | None = None

    def displacement(self, time: float) -> Points:
        """(66, 2): where the expression of that time has the points, from where they are in the photo."""
        return np.zeros_like(self.points) if self.expression is None else self.expression(time, self.points)

    def picture(self, time: float) -> Picture:
        """The photo with the expression of that time."""
        return displaced(self.photo, self.points, self.displacement(time))

    def matrix(self, pose: Pose2D) -> Points:
        """(2, 3): from the photo to the frame."""
        low, high = self.points.min(axis=0), self.points.max(axis=0)
        center, scale = (low + high) / 2, pose.size / float((high - low).max())
        cosine, sine = scale * np.cos(pose.roll), scale * np.sin(pose.roll)
        linear = np.array([[cosine, -sine], [sine, cosine]])
        return np.column_stack([linear, np.array([pose.x, pose.y]) - linear @ center])

    def truth(self, time: float) -> Points | None:
        """(66, 2) in the frame."""
        pose = self.path(time)
        if pose is None:
            return None
        matrix = self.matrix(pose)
        return np.asarray((self.points + self.displacement(time)) @ matrix[:, :2].T + matrix[:, 2])


def load_photos(data: Path, count: int, *, name: str = "afw") -> list[tuple[Picture, Points]]:
    """``count`` photos of ``photos68/<name>`` whose faces are large and near upright, evenly spread."""
    with np.load(data / "photos68" / f"{name}.npz") as index:
        names, points = index["names"], index["points68"][:, FROM_68].astype(np.float64)
    sizes = np.ptp(points, axis=1).max(axis=1)
    eyes = points[:, 42:48].mean(axis=1) - points[:, 36:42].mean(axis=1)
    usable = np.flatnonzero((sizes > 180) & (np.abs(np.arctan2(eyes[:, 1], eyes[:, 0])) < 0.2))
    chosen = usable[np.linspace(0, len(usable) - 1, count).astype(int)]
    photos = []
    for i in chosen:
        (file,) = (data / "photos68" / name).glob(f"{names[i]}.*")
        photos.append((np.asarray(Image.open(file).convert("RGB")), points[i]))
    return photos


def pictures(actors: Sequence[MovingPhoto], seconds: float, *, seed: int = 0) -> Iterator[Picture]:
    """The frames (720, 1280, 3), before compression; later actors are in front."""
    generator = np.random.default_rng(seed)
    wall = generator.integers(60, 160, (9, 16, 3), dtype=np.uint8)
    background = np.asarray(cv2.resize(wall, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC))
    for index in range(round(seconds * FPS)):
        frame = background.astype(np.float32)
        for actor in actors:
            pose = actor.path(index / FPS)
            if pose is not None:
                _paste(frame, actor.picture(index / FPS), actor.matrix(pose), pose)
        frame += cv2.randn(np.empty_like(frame), np.zeros(3), np.full(3, _NOISE))
        yield np.clip(np.rint(frame), 0, 255).astype(np.uint8)


def _paste(frame: npt.NDArray[np.float32], photo: Picture, matrix: Points, pose: Pose2D) -> None:
    reach = _REACH * pose.size
    x0, y0 = max(0, int(pose.x - reach)), max(0, int(pose.y - reach))
    x1, y1 = min(WIDTH, int(pose.x + reach) + 1), min(HEIGHT, int(pose.y + reach) + 1)
    if x1 <= x0 or y1 <= y0:
        return
    shifted = matrix - [[0, 0, x0], [0, 0, y0]]
    part = cv2.warpAffine(photo, shifted, (x1 - x0, y1 - y0), flags=cv2.INTER_AREA)
    xs, ys = np.meshgrid(np.arange(x0, x1) - pose.x, np.arange(y0, y1) - pose.y)
    edge = np.clip((1 - np.hypot(xs / (0.75 * reach), ys / reach)) / 0.12, 0, 1)[..., None]
    under = frame[y0:y1, x0:x1]
    under += edge.astype(np.float32) * (part - under)


def write_video(path: Path, frames: Iterator[Picture]) -> Path:
    """An H.264 video of ``frames``."""
    with av.open(str(path), "w") as video:
        stream = video.add_stream("libx264", rate=FPS, options={"crf": _CRF, "preset": "veryfast"})
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        for index, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            video.mux(stream.encode(frame))
        video.mux(stream.encode(None))
    return path
