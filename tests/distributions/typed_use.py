"""A user's program, for `mypy --strict` beside the installed package.

Each comment that ignores an error proves that mypy finds one there: it reports comments that nothing needs.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from face_alignment_3d import Face3D, FaceAligner3D, FaceAlignmentError, VideoAligner3D
from face_alignment_3d.export import PhotoFaces, write_ply
from face_alignment_3d.pose import Camera


def landmarks_of(photo: Path) -> npt.NDArray[np.float32]:
    try:
        return FaceAligner3D("nano", device="cpu", blendshapes=True).get_landmarks(photo)
    except FaceAlignmentError as error:
        raise SystemExit(str(error)) from error


def largest(faces: list[Face3D]) -> tuple[float, float]:
    """Yaw in degrees and distance in mm of the largest face."""
    face = max(faces, key=lambda each: float(each.box[2] - each.box[0]))
    pose = face.perspective_pose(Camera.from_field_of_view(65, width=1920, height=1080))
    yaw: float = face.pose.yaw
    return yaw, float(pose.translation[2])


def identities(frames: list[npt.NDArray[np.uint8]]) -> set[int]:
    tracker = VideoAligner3D(FaceAligner3D(detector="scout"))
    return {
        face.track_id
        for number, frame in enumerate(frames)
        for face in tracker.track(frame, time=number / 25)
    }


def write(face: Face3D, path: Path) -> None:
    write_ply(path, PhotoFaces("photo.jpg", 512, 512, [face]))


def mistaken(face: Face3D) -> str:
    FaceAligner3D(detector="yolo")  # type: ignore[arg-type]
    FaceAligner3D(compile="yes")  # type: ignore[arg-type]
    FaceAligner3D(wieghts="lite")  # type: ignore[call-arg]
    face.landmark  # type: ignore[attr-defined]  # noqa: B018
    return FaceAligner3D().get_landmarks("photo.jpg")  # type: ignore[return-value]
