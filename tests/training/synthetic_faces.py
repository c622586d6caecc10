"""A made-up face in the library's frame (x right, y down, z away), and data folders with pictures of it."""

from pathlib import Path

import numpy as np
from PIL import Image

from face_alignment_3d.training.data.datasets.face_sets import aflw_picks
from face_alignment_3d.training.data.face_model import FaceModel

COEFFICIENT_STD = np.array([0.10, 0.10, 0.12, 0.10, 0.12, 0.12])


def _loop(center, radii, z, turns):
    """Points of an ellipse from the subject's right corner over the top, as eyes and lips are numbered."""
    angles = np.pi + 2 * np.pi * np.asarray(turns)
    xy = np.array(center) + np.column_stack([np.cos(angles), np.sin(angles)]) * radii
    return np.column_stack([xy, np.full(len(xy), z)])


def mean_face():
    """(68, 3): its own mirror image, about two units wide; the tip of the nose is point 30."""
    turn = np.pi * np.arange(17) / 16
    jaw = np.column_stack([-np.cos(turn), 1.2 * np.sin(turn), 0.9 * np.abs(np.cos(turn)) ** 1.5])
    along = np.linspace(0, 1, 5)
    brow = np.column_stack([-0.8 + 0.55 * along, -0.5 - 0.15 * np.sin(np.pi * along), 0.15 - 0.35 * along])
    other_brow = brow[::-1] * [-1, 1, 1]
    bridge = np.column_stack([np.zeros(4), np.linspace(-0.3, 0.15, 4), np.linspace(-0.3, -0.75, 4)])
    base = np.column_stack(
        [np.linspace(-0.2, 0.2, 5), [0.26, 0.29, 0.31, 0.29, 0.26], -0.35 - 0.15 * np.sin(np.pi * along)]
    )
    turns = np.array([0, 1 / 6, 1 / 3, 1 / 2, 2 / 3, 5 / 6])
    right_eye = _loop((-0.45, -0.3), (0.16, 0.07), 0.0, turns)
    left_eye = _loop((0.45, -0.3), (0.16, 0.07), 0.0, turns)
    outer = _loop((0.0, 0.62), (0.36, 0.16), -0.25, np.arange(12) / 12)
    inner = _loop((0.0, 0.62), (0.26, 0.07), -0.22, np.arange(8) / 8)
    face = np.concatenate([jaw, brow, other_brow, bridge, base, right_eye, left_eye, outer, inner])
    face[36:, 2] += 0.25 * np.abs(face[36:, 0])  # The mouth and the eyes bend back around the head.
    return face


def face_model():
    """Six ways in which the face varies; the coefficients have ``COEFFICIENT_STD``."""
    mean = mean_face()
    basis = np.zeros((6, 68, 3))
    basis[0, :, 0] = mean[:, 0]  # wider
    basis[1, :, 1] = mean[:, 1]  # longer
    # A whole face that gets deeper would look the same as one that turns a little more.
    basis[2, 27:36, 2] = mean[27:36, 2]  # nose out
    basis[3, :17, 0] = mean[:17, 0]  # jaw
    basis[4, 17:27, 1] = -1  # brows up
    basis[5, 55:60, 1] = basis[5, 65:68, 1] = basis[5, 6:11, 1] = 1  # mouth open
    return FaceModel(mean, basis, np.zeros(6), np.diag(COEFFICIENT_STD**2))


def turn(pitch, yaw, roll):
    """(3, 3), degrees: pitch, then yaw (positive: nose to the image's right), then roll (clockwise)."""
    p, y, r = np.deg2rad([pitch, yaw, roll])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    about_y = np.array([[np.cos(y), 0, -np.sin(y)], [0, 1, 0], [np.sin(y), 0, np.cos(y)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def posed_faces(count, *, seed, yaw=60.0, pitch=20.0, roll=30.0, size=60.0):
    """Faces (count, 68, 3) in pixels with zero mean z, and their angles (count, 3) in degrees."""
    generator = np.random.default_rng(seed)
    coefficients = generator.normal(size=(count, 6)) * COEFFICIENT_STD
    angles = generator.uniform(-1, 1, (count, 3)) * [pitch, yaw, roll]
    shapes = face_model().shapes(coefficients)
    turned = np.stack([shape @ turn(*a).T for shape, a in zip(shapes, angles, strict=True)])
    points = turned * size + [110.0, 105.0, 0.0]
    points[..., 2] -= points[..., 2].mean(axis=1, keepdims=True)
    return points, angles


def picture(points, *, side=220):
    """(side, side, 3): a gray picture with a soft colored dot at each of (N, 2 or 3) points."""
    image = np.full((side, side, 3), 60.0)
    for index, (x, y) in enumerate(points[:, :2]):
        color = 80 + 170 * np.array([(index % 4) / 3, (index // 4 % 4) / 3, (index // 16) / 4])
        # Farther away a dot of this size changes no 8-bit pixel.
        top, left = (int(np.clip(value - 12, 0, side)) for value in (y, x))
        part = image[top : max(0, int(y) + 13), left : max(0, int(x) + 13)]
        ys, xs = np.mgrid[top : top + part.shape[0], left : left + part.shape[1]]
        part += np.exp(-0.5 * ((xs - x) ** 2 + (ys - y) ** 2) / 2.0**2)[..., None] * (color - part)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def write_models(data: Path):
    """``models/``: the face model's basis in the frame that the file has."""
    (data / "models").mkdir(parents=True, exist_ok=True)
    model = face_model()
    basis = model.basis @ _LIBRARY_TO_BASIS.T
    np.savez(
        data / "models" / "bfm68_basis.npz",
        mean=(model.mean @ _LIBRARY_TO_BASIS.T).astype(np.float32),
        shape=basis[:4].astype(np.float32),
        expression=basis[4:].astype(np.float32),
    )


# The basis file has x towards the viewer, y up and z to the subject's right, which is the image's left.
_LIBRARY_TO_BASIS = np.array([[0, 0, -1], [0, -1, 0], [-1, 0, 0]])


def write_photos68(data: Path, name, points68):
    """``photos68/<name>/`` with a picture of each face and the index beside it; returns the index' path."""
    directory = data / "photos68" / name
    directory.mkdir(parents=True, exist_ok=True)
    names = [f"face_{i}" for i in range(len(points68))]
    for stem, points in zip(names, points68, strict=True):
        Image.fromarray(picture(points)).save(directory / f"{stem}.jpg", quality=95)
    index = data / "photos68" / f"{name}.npz"
    np.savez(
        index,
        names=names,
        points68=np.asarray(points68)[..., :2].astype(np.float32),
        scale=np.ones(len(names), dtype=np.float32),
    )
    return index


def write_predictions(data: Path, faces):
    """``photos68/teachers.npz``: 3DDFA_V2's points of each set, name -> (N, 68, 3)."""
    arrays = {}
    for name, points68 in faces.items():
        arrays[f"{name}_names"] = [f"face_{i}" for i in range(len(points68))]
        arrays[f"{name}_tddfa68_x32"] = _fixed_point(points68)
    np.savez(data / "photos68" / "teachers.npz", **arrays)


def write_faces(data: Path, points68):
    """``faces/`` with a picture of each face and what 3DDFA_V2 says; returns the path of that."""
    directory = data / "faces"
    (directory / "set").mkdir(parents=True, exist_ok=True)
    names = [f"set/face_{i}.png" for i in range(len(points68))]
    for name, points in zip(names, points68, strict=True):
        Image.fromarray(picture(points)).save(directory / name)
    np.savez(directory / "teachers.npz", names=names, tddfa68_x32=_fixed_point(points68))
    return directory / "teachers.npz"


def write_aflw(data: Path, points68, *, marked):
    """``faces/aflw``: 21 points of each face; the faces of which ``marked`` is true have MERL-RAV's points.

    Its far jaw is hidden by the head itself, and point 33 by something else.
    """
    directory = data / "faces" / "aflw"
    directory.mkdir(parents=True, exist_ok=True)
    names = [f"image{i}" for i in range(len(points68))]
    points68 = np.asarray(points68)
    for name, points in zip(names, points68, strict=True):
        Image.fromarray(picture(points)).save(directory / f"{name}.webp", lossless=True, quality=0, method=0)
    state = np.where(np.asarray(marked)[:, None], 1, 0) * np.ones((1, 68), dtype=np.uint8)
    state[:, :4] = 0
    state[:, 33] *= 2
    merl = _fixed_point(points68[..., :2])
    merl[state == 0] = -32768
    picked = np.einsum("kp,npd->nkd", aflw_picks(), points68[..., :2])
    points21 = _fixed_point(picked)
    points21[:, aflw_picks().sum(axis=1) == 0] = -32768
    np.savez(
        directory.with_suffix(".npz"),
        names=names,
        points21_x32=points21,
        tddfa68_x32=_fixed_point(points68),
        merl68_x32=merl,
        merl_state=state.astype(np.uint8),
    )


def write_data(data: Path, *, hand=4, aflw=6, teachers=6, afw=0):
    """A whole data folder of made-up faces."""
    write_models(data)
    counts = {"helen_train": hand, "lfpw_train": hand, **({"afw": afw} if afw else {})}
    faces = {
        name: posed_faces(count, seed=seed, yaw=12.0)[0] for seed, (name, count) in enumerate(counts.items())
    }
    for name, points68 in faces.items():
        write_photos68(data, name, points68)
    write_predictions(data, faces)
    write_aflw(data, posed_faces(aflw, seed=7)[0], marked=np.arange(aflw) % 2 == 0)
    write_faces(data, posed_faces(teachers, seed=9)[0])


def _fixed_point(points):
    return np.rint(np.asarray(points) * 32).astype(np.int16)
