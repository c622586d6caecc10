"""A video to Live Link Face's CSV, for Unreal: python examples/live_link.py [video]"""

import sys
from pathlib import Path

import skimage.data

from face_alignment_3d import FaceAligner3D
from face_alignment_3d.export import LiveLinkFrame, write_live_link_csv
from face_alignment_3d.video import VideoAligner3D
from face_alignment_3d.video.reader import VideoReader


def frames():
    """(seconds, RGB picture): those of the video, or a second of a photo that moves."""
    if len(sys.argv) > 1:
        with VideoReader(sys.argv[1]) as video:
            yield from ((frame.time, frame.image_rgb) for frame in video.frames())
    else:
        yield from ((i / 30, skimage.data.astronaut()[i : i + 320, 60 : 60 + 320]) for i in range(30))


tracker = VideoAligner3D(FaceAligner3D(blendshapes=True))
found = ((seconds, face) for seconds, picture in frames() for face in tracker.track(picture, time=seconds))
rows = [LiveLinkFrame(face.blendshapes, face.pose, seconds) for seconds, face in found if face.track_id == 0]
Path("out").mkdir(exist_ok=True)
write_live_link_csv("out/live_link.csv", rows, frames_per_second=30)
print(f"wrote {len(rows)} rows of the first face to out/live_link.csv")
