"""This library as a contender of the speed benchmark, through its public interface."""

import argparse
import time

from serving import Request, Said, bind, serve


class TimedDetector:
    """A detector that tells how long its last search took; everything else is that of the one inside."""

    def __init__(self, detector):
        self.milliseconds = 0.0
        self._detector = detector

    def detect(self, image_rgb):
        start = time.perf_counter()
        found = self._detector.detect(image_rgb)
        self.milliseconds = 1000 * (time.perf_counter() - start)
        return found


class Ours:
    def __init__(self, args: argparse.Namespace) -> None:
        import cv2

        from face_alignment_3d import FaceAligner3D

        self._args = args
        threads = args.threads if args.backend == "onnx" else None
        if args.threads is not None:
            cv2.setNumThreads(args.threads)
            if args.backend == "torch":
                import torch

                torch.set_num_threads(args.threads)
        self._aligner = FaceAligner3D(
            args.weights, backend=args.backend, device=args.device, dtype=args.dtype, threads=threads
        )
        self._threads = threads

    def crop(self, request: Request):
        """One face that is cropped already, in the runtime: pixels in, points out."""
        import numpy as np

        from face_alignment_3d.backends.factory import open_backend
        from face_alignment_3d.crop import crop_around

        backend = open_backend(
            self._args.weights,
            backend=self._args.backend,
            device=self._args.device,
            dtype=self._args.dtype,
            threads=self._threads,
        )
        geometry = backend.geometry
        crop = crop_around(
            np.array(request["boxes"][0]), size=geometry.input_size, crop_scale=geometry.crop_scale
        )
        pixels = crop.sample(np.load(request["photo"]))[None]

        def call() -> Said:
            points = backend.run(pixels).points
            return {"faces": len(points), "shape": list(points.shape[1:])}

        return call

    def box(self, request: Request):
        """One face in a photo, its box given."""
        import numpy as np

        photo, boxes = np.load(request["photo"]), np.array(request["boxes"], np.float32)
        return lambda: {"faces": len(self._aligner.get_landmarks(photo, boxes=boxes))}

    def batch(self, request: Request):
        """As many photos at once as it says, one face in each, boxes given."""
        import numpy as np

        faces = request["faces"]
        photos = [np.load(request["photo"])] * faces
        boxes = [np.array(request["boxes"], np.float32)] * faces

        def call() -> Said:
            found = self._aligner.get_landmarks_batch(photos, boxes=boxes, batch_size=faces)
            return {"faces": sum(map(len, found))}

        return call

    def photo(self, request: Request):
        """A photo, detection included; it tells what detection took."""
        import numpy as np

        from face_alignment_3d import FaceAligner3D

        detector = TimedDetector(self._aligner.detector)
        aligner = FaceAligner3D(
            self._args.weights,
            backend=self._args.backend,
            device=self._args.device,
            dtype=self._args.dtype,
            threads=self._threads,
            detector=detector,
        )
        photo = np.load(request["photo"])

        def call() -> Said:
            faces = len(aligner.get_landmarks(photo))
            return {"faces": faces, "parts": {"detection": detector.milliseconds}}

        return call

    def first_photo(self, request: Request):
        """As :meth:`photo`, with nothing measured on the way: for the time from the start of a process."""
        import numpy as np

        photo = np.load(request["photo"])
        return lambda: {"faces": len(self._aligner.get_landmarks(photo))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--backend", required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--threads", type=int)
    args = parser.parse_args()
    bind(args.threads)
    ours: list[Ours] = []

    def task(name: str):
        def prepare(request: Request):
            if not ours:
                ours.append(Ours(args))
            return getattr(ours[0], name)(request)

        return prepare

    names = ("crop", "box", "batch", "photo", "first_photo")
    runtime = "torch" if args.backend == "torch" else "onnxruntime"
    packages = (runtime, "opencv-python", "opencv-python-headless", "numpy")
    serve({name: task(name) for name in names}, packages=packages)


if __name__ == "__main__":
    main()
