"""MediaPipe's Face Mesh behind JSON lines; runs in MediaPipe's own environment and knows nothing of ours.

Each line of the standard input is {"photos": FILE, "answers": FILE}. ``photos`` is an .npz of RGB arrays
photo_0, photo_1 and so on; ``answers`` is written as an .npz of ``counts`` (photos,), the faces found in each
photo, and ``meshes`` (faces, 478, 3). Coordinates are pixels, (0, 0) the center of the top-left one, z away
from the camera in the scale of x: MediaPipe gives x and z as fractions of the width, y of the height. The
answer to a line is {"answers": FILE} or {"error": TEXT}.
"""

import json
import os
import sys

import mediapipe
import numpy as np

MAX_FACES = 10


def main():
    # Native code writes warnings wherever it likes; the answers get a channel of their own.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    settings = {"static_image_mode": True, "max_num_faces": MAX_FACES, "refine_landmarks": True}
    with mediapipe.solutions.face_mesh.FaceMesh(**settings) as network:
        for line in sys.stdin:
            try:
                request = json.loads(line)
                answer(network, request)
                reply = {"answers": request["answers"]}
            except Exception as error:
                reply = {"error": f"{type(error).__name__}: {error}"}
            print(json.dumps(reply), file=answers, flush=True)


def answer(network, request):
    with np.load(request["photos"]) as photos:
        meshes = [meshes_of(network, photos[f"photo_{i}"]) for i in range(len(photos.files))]
    counts = np.array([len(mesh) for mesh in meshes], dtype=np.int64)
    np.savez(request["answers"], counts=counts, meshes=np.concatenate(meshes))


def meshes_of(network, photo):
    """(faces, 478, 3)"""
    height, width = photo.shape[:2]
    found = network.process(photo).multi_face_landmarks or []
    meshes = [[(point.x, point.y, point.z) for point in face.landmark] for face in found]
    fractions = np.array(meshes, dtype=np.float64).reshape(-1, 478, 3)
    return (fractions * [width, height, width] - [0.5, 0.5, 0]).astype(np.float32)


if __name__ == "__main__":
    main()
