"""``face-alignment-3d webcam``: a window with the camera's picture and the landmarks in it."""

import argparse
import os
import sys
import time
from typing import TYPE_CHECKING

from face_alignment_3d.cli.aligner_options import (
    add_aligner_options,
    add_tracking_options,
    make_aligner,
)
from face_alignment_3d.cli.vmc_stream import VmcStream, add_vmc_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    import cv2

    from face_alignment_3d.video import TrackedFace3D

    _Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

_TITLE = "face-alignment-3d"
_QUIT_KEYS = (ord("q"), 27)


def add_parser(subparsers: "_Subparsers") -> None:
    """Adds ``webcam``."""
    parser = subparsers.add_parser(
        "webcam",
        help="landmarks in a live window",
        description="Shows the camera's picture with landmarks, identities, head poses and frames a second. "
        "Esc or q ends it.",
    )
    parser.add_argument("--camera", type=int, default=0, metavar="N", help="which camera (0)")
    parser.add_argument(
        "--mirror", action=argparse.BooleanOptionalAction, default=True, help="like a mirror (yes)"
    )
    add_tracking_options(parser)
    add_vmc_option(parser)
    add_aligner_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Shows the camera until a key ends it; 2 where there is no camera or no display."""
    import cv2

    from face_alignment_3d.errors import DeviceError

    _check_display()
    camera = cv2.VideoCapture(args.camera)
    try:
        if not camera.isOpened():
            raise DeviceError(
                f"camera {args.camera} cannot be opened; connect one, close what uses it, or choose another "
                "with --camera"
            )
        with VmcStream(args.vmc, mirrored=args.mirror) as stream:
            return _show(camera, args, stream)
    finally:
        camera.release()


def _check_display() -> None:
    """Raises where OpenCV has no windows, or where opening one would end the process."""
    import cv2

    from face_alignment_3d.errors import BackendError, DeviceError

    if sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        raise DeviceError(
            "there is no display here (neither DISPLAY nor WAYLAND_DISPLAY is set); "
            "run this on a desktop, or use `face-alignment-3d video` on a recorded video"
        )
    try:
        cv2.namedWindow(_TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)
    except cv2.error as error:
        raise BackendError(
            "this OpenCV cannot open windows (opencv-python-headless?); pip install opencv-python"
        ) from error


def _show(camera: "cv2.VideoCapture", args: argparse.Namespace, stream: VmcStream) -> int:
    import cv2
    import numpy as np

    from face_alignment_3d.errors import DeviceError
    from face_alignment_3d.video import VideoAligner3D
    from face_alignment_3d.video.overlay import draw_tracked

    tracker = VideoAligner3D(
        make_aligner(args),
        smooth=args.smooth,
        alignment_interval=args.alignment_interval,
        max_faces=args.max_faces,
    )
    seconds_a_frame, last = 0.0, time.monotonic()
    try:
        while True:
            got, bgr = camera.read()
            if not got:
                raise DeviceError(f"camera {args.camera} gives no more pictures; was it unplugged?")
            picture = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
            rgb = np.asarray(cv2.flip(picture, 1) if args.mirror else picture, np.uint8)
            now = max(time.monotonic(), last + 1e-6)
            faces = tracker.track(rgb, time=now)
            stream.send(faces, time=now)
            share = 1.0 if seconds_a_frame == 0 else 0.1
            seconds_a_frame += share * (now - last - seconds_a_frame)
            last = now
            note = "  ".join([f"{1 / max(seconds_a_frame, 1e-3):.0f} fps", *_poses(faces)])
            cv2.imshow(_TITLE, cv2.cvtColor(draw_tracked(rgb, faces, note=note), cv2.COLOR_RGB2BGR))
            is_closed = cv2.getWindowProperty(_TITLE, cv2.WND_PROP_VISIBLE) < 1
            if cv2.waitKey(1) & 0xFF in _QUIT_KEYS or is_closed:
                return 0
    finally:
        cv2.destroyAllWindows()


def _poses(faces: "Sequence[TrackedFace3D]") -> list[str]:
    from face_alignment_3d.errors import LandmarksError

    texts = []
    for face in faces:
        try:
            yaw, pitch, roll = face.pose.angles
        except LandmarksError:
            continue
        texts.append(f"{face.track_id}: yaw {yaw:.0f} pitch {pitch:.0f} roll {roll:.0f}")
    return texts
