"""The time of MediaPipe's Face Mesh in its video mode; runs in MediaPipe's own environment, on its own.

    python mediapipe_video_worker.py VIDEO FACES

Prints {"milliseconds": [...], "faces": [...]}, one entry a frame, decoding excluded.
"""

import json
import os
import sys
import time

import cv2
import mediapipe

AT_A_TIME = 30


def next_frame(video):
    """As RGB; None after the last one."""
    got, bgr = video.read()
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB) if got else None


def main():
    # Native code writes warnings wherever it likes; the answer gets a channel of its own.
    answer = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    video = cv2.VideoCapture(sys.argv[1])
    settings = {"static_image_mode": False, "max_num_faces": int(sys.argv[2]), "refine_landmarks": True}
    milliseconds, faces = [], []
    with mediapipe.solutions.face_mesh.FaceMesh(**settings) as network:
        # Some frames at a time: the decoder's threads work ahead, and must not do so while a frame is timed.
        while frames := [rgb for _ in range(AT_A_TIME) if (rgb := next_frame(video)) is not None]:
            for rgb in frames:
                start = time.perf_counter()
                found = network.process(rgb).multi_face_landmarks or []
                milliseconds.append(1000 * (time.perf_counter() - start))
                faces.append(len(found))
    print(json.dumps({"milliseconds": milliseconds, "faces": faces}), file=answer, flush=True)


if __name__ == "__main__":
    main()
