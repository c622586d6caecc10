"""MediaPipe's Face Mesh as a contender of the speed benchmark; runs in MediaPipe's own environment."""

import argparse

from serving import Request, bind, serve


def prepared(request: Request, *, still: bool, refine: bool):
    """``still``: each photo is searched for a face; otherwise it is a frame of a video, and the face of the
    frame before is tracked, without a search."""
    import mediapipe
    import numpy as np

    photo = np.load(request["photo"])
    settings = {"static_image_mode": still, "max_num_faces": 1, "refine_landmarks": refine}
    network = mediapipe.solutions.face_mesh.FaceMesh(**settings)
    return lambda: {"faces": len(network.process(photo).multi_face_landmarks or [])}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--refine", action="store_true")
    args = parser.parse_args()
    bind(args.threads)

    def task(still: bool):
        return lambda request: prepared(request, still=still, refine=args.refine)

    tasks = {"box": task(False), "photo": task(True), "first_photo": task(True)}
    serve(tasks, packages=("mediapipe", "numpy"))


if __name__ == "__main__":
    main()
