"""A clip of known people: public-domain photos that move, cross, hide and leave, compressed as H.264."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import skimage.data

from face_alignment_3d.images import as_rgb

HEIGHT, WIDTH, FPS, SECONDS = 280, 640, 20, 10
#: Height of the faces in the clip, from brows to chin, pixels.
SIZE = 80.0
#: The part of a photo that is shown around the middle of its face, in sizes of the face: a head, no body.
_REACH = 0.85
#: Columns of the pillar before the third person.
_PILLAR = (380, 470)
_BEHIND_PILLAR = 1


@dataclass(frozen=True)
class Person:
    """A photo, its face's box (x0, y0, x1, y1), and the place of that box's center at a time in seconds."""

    photo: np.ndarray
    box: tuple[float, float, float, float]
    path: Callable[[float], tuple[float, float]]

    def box_at(self, time: float) -> np.ndarray:
        """The face's box in the frame."""
        x0, y0, x1, y1 = self.box
        half = np.array([x1 - x0, y1 - y0]) * SIZE / (y1 - y0) / 2
        return np.concatenate([self.path(time) - half, self.path(time) + half])


def people() -> list[Person]:
    """The cast, from back to front: the cameraman, somebody made up, and the astronaut.

    The cameraman (CC0) sways at the left; the astronaut (public domain) hides him twice, walking to and fro.
    The third is the astronaut's mirror image, narrower and without colors: it passes behind a pillar, then
    leaves the picture at the right and comes back.
    """
    astronaut, cameraman = skimage.data.astronaut(), as_rgb(skimage.data.camera())
    gray = as_rgb(cv2.cvtColor(np.ascontiguousarray(astronaut[:, ::-1]), cv2.COLOR_RGB2GRAY))
    narrow = cv2.resize(gray, (410, 512), interpolation=cv2.INTER_AREA)
    return [
        Person(cameraman, (199.0, 137.0, 257.0, 198.0), lambda t: (100 + 8 * math.sin(2 * t), 140.0)),
        Person(narrow, (193.0, 90.0, 266.0, 173.0), _third),
        Person(astronaut, (179.0, 89.0, 269.0, 174.0), lambda t: (200 - 120 * math.sin(t), 135.0)),
    ]


def _third(time: float) -> tuple[float, float]:
    walk = 300 + 245 * min(1.0, max(0.0, (time - 0.8) / 4.2))
    away = math.sin(math.pi * min(1.0, max(0.0, (time - 5.5) / 2.5)))
    return walk + 180 * away, 140 + 6 * math.sin(3 * time)


def frames() -> list[np.ndarray]:
    """The pictures (280, 640, 3), with a camera's noise, before compression."""
    generator = np.random.default_rng(0)
    wall = generator.integers(70, 150, (6, 14, 3), dtype=np.uint8)
    background = cv2.resize(wall, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    cast = people()
    result = []
    for index in range(FPS * SECONDS):
        frame = background.copy()
        for number, person in enumerate(cast):
            head, cover = _head(person, index / FPS)
            frame += cover[..., None] * (head - frame)
            if number == _BEHIND_PILLAR:
                frame[:, slice(*_PILLAR)] = 105, 95, 85
        frame += generator.normal(0, 4, frame.shape)
        result.append(np.clip(np.rint(frame), 0, 255).astype(np.uint8))
    return result


def shown() -> np.ndarray:
    """(frames, people): the share of each face, in [0, 1], that is in the picture and that nothing hides."""
    cast = people()
    shares = np.zeros((FPS * SECONDS, len(cast)))
    for index in range(len(shares)):
        time = index / FPS
        hidden = np.zeros((HEIGHT, WIDTH), dtype=bool)
        for number, person in reversed(list(enumerate(cast))):
            if number == _BEHIND_PILLAR:
                hidden[:, slice(*_PILLAR)] = True
            x0, y0, x1, y1 = np.rint(person.box_at(time)).astype(int)
            seen = ~hidden[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)]
            shares[index, number] = seen.sum() / ((x1 - x0) * (y1 - y0))
            hidden |= _head(person, time)[1] > 0.5
    return shares


def _head(person: Person, time: float) -> tuple[np.ndarray, np.ndarray]:
    """The photo moved into the frame (280, 640, 3), and the elliptic cover (280, 640) of the head in it."""
    x0, y0, x1, y1 = person.box
    x, y = person.path(time)
    scale = SIZE / (y1 - y0)
    matrix = np.array([[scale, 0, x - scale * (x0 + x1) / 2], [0, scale, y - scale * (y0 + y1) / 2]])
    head = cv2.warpAffine(person.photo, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_AREA)
    xs, ys = np.arange(WIDTH)[None] - x, np.arange(HEIGHT)[:, None] - y
    cover = np.clip((1 - np.hypot(xs / (0.8 * _REACH * SIZE), ys / (_REACH * SIZE))) / 0.1, 0, 1)
    return head, cover
