"""Random mixes of ARKit's blendshapes, like the expressions that people make."""

from typing import Final

import numpy as np
import numpy.typing as npt

from face_alignment_3d.arkit import BLENDSHAPES
from face_alignment_3d.blendshapes.mirroring import mirrored_name

Floats = npt.NDArray[np.float64]

_POSITION: Final = {name: index for index, name in enumerate(BLENDSHAPES)}

#: The shares of samples that are faces without expression, with one blendshape (or one on both sides), with a
#: whole expression out of :data:`_EXPRESSIONS`; the rest are random mixes.
_NEUTRAL, _SINGLE, _WHOLE = 0.1, 0.2, 0.2
#: The relative frequency of a blendshape in random mixes; several times lower for rare ones.
_PROBABILITY: Final = 0.12
_RARE_PROBABILITY: Final = 0.04
_RARE: Final = ("cheekPuff", "mouthShrug", "jawForward", "jawLeft", "jawRight")
#: Gaze moves the lids as well, most of all downwards. It is not estimated, so it only perturbs: seldom, by
#: half, and never alone, or else every shut eye might as well look down.
_GAZE: Final = "eyeLook"
_GAZE_PROBABILITY: Final = 0.02
_GAZE_STRENGTH: Final = 0.5
#: Shares of expressions with two sides: both alike, one alone, or each side independently.
_BOTH_ALIKE, _ONE_ALONE = 0.7, 0.15

#: Blendshapes that occur together. Each sample has some strength of the whole and of each part.
_EXPRESSIONS: Final = (
    {"mouthSmile": 1.0, "cheekSquint": 0.5, "mouthDimple": 0.3},
    {
        **{"mouthSmile": 1.0, "mouthUpperUp": 0.8, "mouthLowerDown": 0.8, "jawOpen": 0.5},
        **{"cheekSquint": 0.7, "eyeSquint": 0.5},
    },
    {"browInnerUp": 1.0, "browOuterUp": 1.0, "eyeWide": 0.8, "jawOpen": 0.6},
    {"browDown": 1.0, "eyeSquint": 0.5, "mouthPress": 0.6, "noseSneer": 0.3},
    {"browInnerUp": 0.8, "mouthFrown": 1.0, "mouthShrugLower": 0.4},
    {"noseSneer": 1.0, "mouthUpperUp": 0.7, "browDown": 0.6, "eyeSquint": 0.5},
    {"mouthPucker": 1.0, "mouthFunnel": 0.2},
    {"mouthFunnel": 1.0, "jawOpen": 0.5},
    {"mouthStretch": 1.0, "mouthLowerDown": 0.7, "jawOpen": 0.3},
    {"jawOpen": 1.0, "mouthUpperUp": 0.6, "mouthLowerDown": 0.6, "browDown": 0.5, "eyeSquint": 0.6},
    {"eyeBlink": 1.0},
    {"mouthRollLower": 1.0, "mouthRollUpper": 1.0, "mouthPress": 0.5},
)

#: Blendshapes that exclude each other: muscles that pull against one another.
_EXCLUSIVE: Final = (
    *(("jawLeft", "jawRight"), ("mouthLeft", "mouthRight"), ("mouthFunnel", "mouthPucker")),
    *(("eyeBlink", "eyeWide"), ("eyeSquint", "eyeWide"), ("browDown", "browOuterUp")),
    *(("eyeLookUp", "eyeLookDown"), ("eyeLookIn", "eyeLookOut")),
    *(("mouthSmile", "mouthFrown"), ("mouthSmile", "mouthPucker"), ("mouthSmile", "mouthFunnel")),
    *(("mouthStretch", "mouthPucker"), ("mouthStretch", "mouthFunnel"), ("mouthDimple", "mouthFrown")),
    *(("mouthPress", "mouthFunnel"), ("mouthPress", "mouthLowerDown"), ("mouthPress", "jawOpen")),
)


def sample_mixes(count: int, rng: np.random.Generator) -> Floats:
    """(N, 52) blendshapes in [0, 1]; mirror images are equally likely. tongueOut stays 0."""
    units = _units()
    probabilities = np.array([_probability_of(unit) for unit in units])
    is_gaze = np.array([unit.startswith(_GAZE) for unit in units])
    active = rng.random((count, len(units))) < probabilities * rng.uniform(0.3, 2.0, (count, 1))
    strength = rng.random((count, len(units))) * np.where(is_gaze, _GAZE_STRENGTH, 1.0)

    kind = rng.random(count)
    active[kind < _NEUTRAL + _SINGLE] = False
    single = np.flatnonzero((kind >= _NEUTRAL) & (kind < _NEUTRAL + _SINGLE))
    active[single, rng.choice(np.flatnonzero(~is_gaze), len(single))] = True
    whole = np.flatnonzero(kind >= 1 - _WHOLE)
    parts = _whole_expressions(units)[rng.integers(0, len(_EXPRESSIONS), len(whole))]
    active[whole] = (parts > 0) & (rng.random(parts.shape) < 0.9)
    strength[whole] = parts * rng.uniform(0.3, 1.0, (len(whole), 1)) * rng.uniform(0.6, 1.2, parts.shape)

    mixes = np.zeros((count, len(BLENDSHAPES)))
    for position, unit in enumerate(units):
        value = np.clip(active[:, position] * strength[:, position], 0.0, 1.0)
        if unit in _POSITION:
            mixes[:, _POSITION[unit]] = value
        else:
            sides = _sides(count, rng)
            mixes[:, _POSITION[f"{unit}Left"]] = value * sides[:, 0]
            mixes[:, _POSITION[f"{unit}Right"]] = value * sides[:, 1]
    _exclude(mixes, rng)
    _close_lips(mixes, rng)
    return mixes


def _close_lips(mixes: Floats, rng: np.random.Generator) -> None:
    """Limits mouthClose, which brings the lips together while the jaw is down, to at most jawOpen."""
    jaw, close = _POSITION["jawOpen"], _POSITION["mouthClose"]
    closing = mixes[:, close] > 0
    alone = closing & (mixes[:, jaw] == 0)
    mixes[alone, jaw] = rng.random(int(alone.sum()))
    mixes[:, close] *= mixes[:, jaw]


def _probability_of(unit: str) -> float:
    if unit.startswith(_GAZE):
        return _GAZE_PROBABILITY
    return _RARE_PROBABILITY if unit.startswith(_RARE) else _PROBABILITY


def _units() -> list[str]:
    """The units that are drawn together: a blendshape without sides, or the common name of two."""
    units = []
    for name in BLENDSHAPES:
        stem = name.removesuffix("Left").removesuffix("Right")
        # The jaw and the mouth cannot go both ways.
        unit = name if mirrored_name(name) == name or stem in ("jaw", "mouth") else stem
        if unit not in units and unit != "tongueOut":
            units.append(unit)
    return units


def _whole_expressions(units: list[str]) -> Floats:
    return np.array([[expression.get(unit, 0.0) for unit in units] for expression in _EXPRESSIONS])


def _sides(count: int, rng: np.random.Generator) -> Floats:
    """(N, 2): the strength of an expression on the left and the right side."""
    sides = rng.random((count, 2))
    kind = rng.random(count)
    sides[kind < _BOTH_ALIKE] = 1.0
    alone = (kind >= _BOTH_ALIKE) & (kind < _BOTH_ALIKE + _ONE_ALONE)
    first = rng.random(count) < 0.5
    sides[alone & first] = (1.0, 0.0)
    sides[alone & ~first] = (0.0, 1.0)
    return sides


def _exclude(mixes: Floats, rng: np.random.Generator) -> None:
    """Sets one of each pair of expressions that exclude each other to 0."""
    for first, second in _EXCLUSIVE:
        for i, j in _same_side(first, second):
            both = (mixes[:, i] > 0) & (mixes[:, j] > 0)
            loser = rng.random(len(mixes)) < 0.5
            mixes[both & loser, i] = 0.0
            mixes[both & ~loser, j] = 0.0


def _same_side(first: str, second: str) -> list[tuple[int, int]]:
    pairs = []
    for side in ("Left", "Right"):
        names = [name if name in _POSITION else f"{name}{side}" for name in (first, second)]
        pairs.append((_POSITION[names[0]], _POSITION[names[1]]))
    return list(dict.fromkeys(pairs))
