"""The time of MediaPipe's Face Mesh in its video mode; runs in MediaPipe's own environment, on its own.

    python mediapipe_video_worker.py FILM FACES

Prints {"milliseconds": [...], "faces": [...]}, one entry a frame, decoding excluded.
"""

import json
import os
import sys
import time

import cv2
import mediapipe


def main():
    # Native code writes warnings wherever it likes; the answer gets a channel of its own.
    answer = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    film = cv2.VideoCapture(sys.argv[1])
    settings = {"static_image_mode": False, "max_num_faces": int(sys.argv[2]), "refine_landmarks": True}
    milliseconds, faces = [], []
    with mediapipe.solutions.face_mesh.FaceMesh(**settings) as network:
        while True:
            got, bgr = film.read()
            if not got:
                break
            rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
            start = time.perf_counter()
            found = network.process(rgb).multi_face_landmarks or []
            milliseconds.append(1000 * (time.perf_counter() - start))
            faces.append(len(found))
    print(json.dumps({"milliseconds": milliseconds, "faces": faces}), file=answer, flush=True)


if __name__ == "__main__":
    main()
