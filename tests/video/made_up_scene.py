"""A made-up scene with faces of known truth, and an aligner that knows it."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from face_alignment_3d.crop import box_around
from face_alignment_3d.face import Face3D
from face_alignment_3d.video.association import box_overlap

HEIGHT, WIDTH = 360, 640


def shape66() -> np.ndarray:
    """(66, 3): a face one unit wide and high, centered, with zero mean z."""
    turn = np.pi * np.arange(17) / 16
    jaw = np.column_stack([-0.5 * np.cos(turn), 0.5 * np.sin(turn), 0.3 * np.abs(np.cos(turn))])
    generator = np.random.default_rng(3)
    inner = generator.uniform([-0.35, -0.45, -0.3], [0.35, 0.35, 0.0], (49, 3))
    inner[0], inner[1] = [-0.3, -0.5, 0.0], [0.3, -0.5, 0.0]
    points = np.concatenate([jaw, inner])
    points[:, 2] -= points[:, 2].mean()
    return points


@dataclass
class Actor:
    """A face: where its center is at a time, how large it is, whether it is in front, and hidden when."""

    path: Callable[[float], tuple[float, float]]
    size: float = 80.0
    nearness: float = 0.0
    hidden: Callable[[float], bool] = lambda _: False
    look: int = 0

    def points(self, time: float) -> np.ndarray:
        return shape66() * self.size + [*self.path(time), 0.0]


@dataclass
class Scene:
    """Draws the actors and aligns them, as badly as a network would."""

    actors: list[Actor]
    background: int = 0
    noise: float = 0.0
    time: float = 0.0
    calls: list[str] = field(default_factory=list)
    generator: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def frame(self, time: float) -> np.ndarray:
        """The picture at ``time``; detection and alignment are of that moment from now on."""
        self.time = time
        blocks = np.random.default_rng(1000 + self.background).integers(0, 200, (9, 16, 3), dtype=np.uint8)
        image = np.kron(blocks, np.ones((HEIGHT // 9, WIDTH // 16, 1), np.uint8))
        for actor in sorted(self.actors, key=lambda a: a.nearness):
            if actor.hidden(time):
                continue
            texture = np.random.default_rng(actor.look).integers(0, 255, (6, 6, 3), dtype=np.uint8)
            x0, y0, x1, y1 = np.rint(box_around(actor.points(time))).astype(int)
            xs, ys = np.arange(max(x0, 0), min(x1, WIDTH)), np.arange(max(y0, 0), min(y1, HEIGHT))
            rows = np.clip((ys - y0) * 6 // max(y1 - y0, 1), 0, 5)
            columns = np.clip((xs - x0) * 6 // max(x1 - x0, 1), 0, 5)
            if len(xs) and len(ys):
                image[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1] = texture[rows][:, columns]
        return image

    def detect(self, image, *, boxes=None):
        if boxes is None:
            self.calls.append("detect")
            return [self._face(actor, box_around(actor.points(self.time)), 0.99) for actor in self._visible()]
        self.calls.append(f"align {len(boxes)}")
        return [self._in_box(np.asarray(box)) for box in boxes]

    def detect_batch(self, images, *, boxes=None):
        raise AssertionError("these faces are upright")

    def _visible(self):
        """Those that no nearer face covers by more than a third."""
        now = [actor for actor in self.actors if not actor.hidden(self.time)]
        return [a for a in now if all(_covered(a, b, self.time) < 0.35 for b in now if b is not a)]

    def _in_box(self, box):
        """The best face near the box, or nothing with confidence in it."""
        visible = self._visible()
        overlaps = [box_overlap(box_around(actor.points(self.time)), box) for actor in visible]
        if overlaps and max(overlaps) > 0.25:
            return self._face(visible[int(np.argmax(overlaps))], box, None)
        points = shape66() * (box[2] - box[0]) + [*((box[:2] + box[2:]) / 2), 0.0]
        return Face3D(points.astype(np.float32), np.full(66, 0.05, np.float32), box, None)

    def _face(self, actor, box, score):
        points = actor.points(self.time) + self.generator.normal(0, 1, (66, 3)) * self.noise * actor.size
        return Face3D(points.astype(np.float32), np.full(66, 0.65, np.float32), np.float32(box), score)


def _covered(behind, front, time):
    if behind.nearness >= front.nearness:
        return 0.0
    a, b = box_around(behind.points(time)), box_around(front.points(time))
    shared = np.prod(np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0))
    return float(shared / np.prod(a[2:] - a[:2]))
