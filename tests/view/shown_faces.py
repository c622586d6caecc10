"""Faces whose pose is known, and pictures of them."""

import numpy as np
import numpy.typing as npt

from face_alignment_3d.crop import box_around
from face_alignment_3d.export import PhotoFaces, to_json
from face_alignment_3d.face import Face3D
from face_alignment_3d.pose import rotation_by
from face_alignment_3d.pose.mean_face import MEAN_FACE
from face_alignment_3d.view import ViewPage

HEIGHT, WIDTH = 240, 320


def face(yaw: float = 0, pitch: float = 0, roll: float = 0) -> Face3D:
    points = 90 * MEAN_FACE @ rotation_by(yaw, pitch, roll).T + [WIDTH / 2, HEIGHT / 2, 0]
    points[:, 2] -= points[:, 2].mean()
    landmarks = points.astype(np.float32)
    return Face3D(landmarks, np.ones(66, np.float32), box_around(landmarks), None)


def picture(brightness: int = 100) -> npt.NDArray[np.uint8]:
    return np.full((HEIGHT, WIDTH, 3), brightness, np.uint8)


def video_page(frames: int) -> ViewPage:
    """A face that turns from -30 to 30 degrees, ten frames a second."""
    page = ViewPage("turning <face>.mp4", height=HEIGHT, width=WIDTH)
    for index, yaw in enumerate(np.linspace(-30, 30, frames)):
        row = to_json(PhotoFaces("x", HEIGHT, WIDTH, [face(float(yaw))]))["faces"][0]
        row["blendshapes"] = {"jawOpen": index / frames, "tongueOut": None}
        page.add(index / 10, picture(40 + 4 * index), [{"track_id": 4, **row}])
    return page
