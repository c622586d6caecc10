"""The gallery in docs/gallery.md and the README's picture: python docs/draw_gallery.py [FOLDER]

From scikit-image's photos: photo, landmarks, pose, mesh and turned views of faces, then pictures that are
hard, and where it fails.
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import skimage.data
from scipy.spatial import Delaunay

from face_alignment_3d import FaceAligner3D
from face_alignment_3d.crop import Crop, box_around, crop_around
from face_alignment_3d.draw import depth_colors, draw_landmarks, draw_pose, draw_text
from face_alignment_3d.export import write_png
from face_alignment_3d.face import Face3D
from face_alignment_3d.images import as_rgb
from face_alignment_3d.pose import rotation_by
from face_alignment_3d.pose.mean_face import MEAN_FACE

Picture = npt.NDArray[np.uint8]

TILE, BACKGROUND = 280, 30
TRIANGLES = Delaunay(MEAN_FACE[:, :2]).simplices


def main() -> None:
    """Writes astronaut.png, gallery_faces.png, gallery_hard.png and gallery_failures.png."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "images"
    aligner = FaceAligner3D()
    astronaut, cameraman = skimage.data.astronaut(), as_rgb(skimage.data.camera())
    write_png(folder / "astronaut.png", portrait(astronaut, aligner.detect(astronaut)[0]))
    rows = [views(photo, aligner.detect(photo)[0]) for photo in (astronaut, cameraman)]
    write_png(folder / "gallery_faces.png", np.vstack([*rows, made_faces()]))
    write_png(folder / "gallery_hard.png", np.hstack([found(aligner, *one) for one in hard(astronaut)]))
    write_png(
        folder / "gallery_failures.png", np.hstack([found(aligner, *one) for one in failing(astronaut)])
    )


def portrait(photo: Picture, face: Face3D) -> Picture:
    """A face and its surroundings, 504 pixels wide, with its landmarks."""
    crop = crop_around(box_around(face.landmarks), size=504, crop_scale=2.1)
    near = replace(face, landmarks=crop.to_crop(face.landmarks).astype(np.float32))
    return draw_landmarks(crop.sample(photo), [near], legend=True)


def views(photo: Picture, face: Face3D) -> Picture:
    """One face in a row: photo, landmarks, pose, mesh, and turned by 45 and 90 degrees."""
    crop = crop_around(box_around(face.landmarks), size=TILE, crop_scale=1.5)
    near = replace(face, landmarks=crop.to_crop(face.landmarks).astype(np.float32))
    tile = crop.sample(photo)
    pictures = {
        "photo": tile,
        "landmarks": draw_landmarks(tile, [near], legend=True),
        "pose": draw_pose(tile, [near]),
        "mesh": mesh(tile, near.landmarks),
        "turned by 45 degrees": turned(near, 45),
        "turned by 90 degrees": turned(near, 90),
    }
    return np.hstack([titled(picture, title) for title, picture in pictures.items()])


def turned(face: Face3D, yaw: float) -> Picture:
    """The face from another side, in the middle of a tile."""
    points = np.asarray(face.landmarks, np.float64)
    points = (points - points.mean(axis=0)) @ rotation_by(yaw, 0, 0).T + [TILE / 2, TILE / 2, 0]
    return draw_landmarks(empty(), [replace(face, landmarks=points.astype(np.float32))])


def mesh(picture: Picture, landmarks: npt.NDArray[np.float32]) -> Picture:
    """Triangles between the landmarks, colored by depth."""
    drawn: Picture = picture.copy()
    corners = landmarks[TRIANGLES]
    colors = depth_colors(corners[:, :, 2].mean(axis=1))
    for index in np.argsort(-corners[:, :, 2].mean(axis=1)):
        ends = np.rint(corners[index, :, :2] * 16).astype(np.int32)
        cv2.polylines(drawn, [ends], True, [int(c) for c in colors[index]], 1, cv2.LINE_AA, 4)
    return drawn


def made_faces() -> Picture:
    """The mean face of ICT-FaceKit in six poses, with its axes."""
    angles = ((0, 0, 0), (35, 0, 0), (-60, 0, 0), (90, 0, 0), (0, 25, 0), (25, -15, 20))
    tiles = []
    for yaw, pitch, roll in angles:
        points = 105 * MEAN_FACE @ rotation_by(yaw, pitch, roll).T
        points += [TILE / 2, TILE / 2, 0] - points.mean(axis=0)
        landmarks = points.astype(np.float32)
        face = Face3D(landmarks, np.ones(66, np.float32), box_around(landmarks), None)
        picture = draw_pose(draw_landmarks(empty(), [face]), [face])
        tiles.append(titled(picture, f"yaw {yaw}, pitch {pitch}, roll {roll}"))
    return np.hstack(tiles)


def hard(photo: Picture) -> list[tuple[str, Picture]]:
    """Title and picture of what still works."""
    portrait = photo[20:220, 125:325]
    noise = np.random.default_rng(0).normal(0, 45, portrait.shape)
    covered = portrait.copy()
    covered[95:170, 70:180] = (60, 110, 160)
    return [
        ("dark", changed(portrait, lambda pixels: pixels * 0.13)),
        ("noise", changed(portrait, lambda pixels: pixels + noise)),
        ("40 degrees", rotated(photo, 40)),
        ("on its head", rotated(photo, 180)),
        ("face of 35 px", cv2.resize(portrait, None, fx=0.35, fy=0.35, interpolation=cv2.INTER_AREA)),
        ("mouth covered", covered),
    ]


def failing(photo: Picture) -> list[tuple[str, Picture]]:
    """Title and picture of each failure."""
    portrait = photo[20:220, 125:325]
    covered = portrait.copy()
    covered[10:170, 30:195] = (60, 110, 160)
    return [
        ("a cat", skimage.data.chelsea()[:300, 75:375]),
        ("covered", covered),
        ("half outside", photo[20:220, 225:425]),
        ("face of 12 px", as_rgb(cv2.resize(portrait, None, fx=0.12, fy=0.12, interpolation=cv2.INTER_AREA))),
        ("motion blur", as_rgb(cv2.blur(portrait, (61, 1)))),
        ("nearly black", changed(portrait, lambda pixels: pixels * 0.06)),
    ]


def changed(photo: Picture, change: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]) -> Picture:
    """The photo with its values changed, within 0 to 255."""
    return np.clip(np.rint(change(photo.astype(np.float64))), 0, 255).astype(np.uint8)


def rotated(photo: Picture, degrees: float) -> Picture:
    """The astronaut's portrait, leaning."""
    crop = Crop(224, 125, 220, 300, -np.radians(degrees))
    return crop.sample(photo, border=cv2.BORDER_REPLICATE)


def found(aligner: FaceAligner3D, title: str, picture: Picture) -> Picture:
    """The picture with the faces in it."""
    faces = aligner.detect(picture)
    if not faces:
        title += ": not found"
    scale = TILE / max(picture.shape[:2])
    enlarged = cv2.resize(
        picture, (TILE, TILE), interpolation=cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    )
    middle = np.array([0.5, 0.5, 0], np.float32)
    moved = [
        replace(face, landmarks=(face.landmarks + middle) * np.float32(scale) - middle) for face in faces
    ]
    return titled(draw_landmarks(np.asarray(enlarged, np.uint8), moved), title)


def empty() -> Picture:
    """A dark tile."""
    return np.full((TILE, TILE, 3), BACKGROUND, np.uint8)


def titled(picture: Picture, title: str) -> Picture:
    """The tile with its title on a dark strip."""
    titled_picture: Picture = picture.copy()
    titled_picture[:30] //= 3
    draw_text(titled_picture, title, (9, 21), 11, color=(240, 240, 240))
    return titled_picture


if __name__ == "__main__":
    main()
