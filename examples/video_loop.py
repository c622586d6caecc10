"""Landmarks in an app's own loop over frames: python examples/video_loop.py [video]"""

import sys

import cv2
import skimage.data

from face_alignment_3d import FaceAligner3D
from face_alignment_3d.video import VideoAligner3D


def frames():
    """(seconds, RGB picture): those of the video, or two seconds of a photo that moves."""
    if len(sys.argv) > 1:
        video = cv2.VideoCapture(sys.argv[1])
        while (got := video.read())[0]:
            yield video.get(cv2.CAP_PROP_POS_MSEC) / 1000, got[1][..., ::-1]
    else:
        for i in range(60):
            yield i / 30, skimage.data.astronaut()[i : i + 320, 60 : 60 + 320]


tracker = VideoAligner3D(FaceAligner3D())  # One for each video or camera; the aligner may be shared.
for seconds, picture in frames():
    for face in tracker.track(picture, time=seconds):
        x, y, z = face.landmarks[30]
        print(f"{seconds:.3f} s: face {face.track_id}, tip of the nose at x {x:.1f}, y {y:.1f}, z {z:.1f} px")
