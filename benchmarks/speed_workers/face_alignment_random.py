"""face-alignment as a contender of the speed benchmark, with random weights; runs in its own environment.

Its networks are its own classes, at their real size (four stacks at 256 px, and the network for depth), and
so is the code around them. Their weights have to be fetched from a server that may not be within reach, so
they are random here: what comes out means nothing, what it costs is real. One thing differs: the detector is
told to find no candidate, since a random one finds thousands, and the box is given. Its time is therefore a
lower bound: a real one also judges candidates, in Python.
"""

import argparse
import os

from serving import Request, Said, bind, serve

INPUT = 256
STACKS = 4
#: A score that softmax cannot lift over the detector's threshold of 0.05.
NEVER = 1e3


class Peer:
    def __init__(self, *, device: str, faces: int, compiled: bool) -> None:
        import face_alignment
        import torch
        from face_alignment.models import FAN, ResNetDepth

        # Random weights could make numbers so small that CPUs take long for them.
        torch.set_flush_denormal(True)
        torch.manual_seed(0)

        class Random(face_alignment.FaceAlignment):
            def _load_native(self, network_name, network_size, device, dtype):
                return FAN(network_size).to(device, dtype=dtype).eval()

            def _load_native_depth(self, device, dtype):
                return ResNetDepth().to(device, dtype=dtype).eval()

        self.torch = torch
        self.device = device
        self.aligner = Random(
            face_alignment.LandmarksType.THREE_D,
            network_size=STACKS,
            device=device,
            # Needs no weights; the real one, S3FD, is in `photo`.
            face_detector="folder",
            compile=compiled,
            max_batch_size=faces,
        )

    def crop(self, request: Request):
        """The networks alone, as its code runs them for a face: twice (the second time on the mirror image,
        which is its default), then depth."""
        torch, aligner = self.torch, self.aligner
        pixels = torch.rand(1, 3, INPUT, INPUT, device=self.device)
        heatmaps = torch.rand(1, 68, INPUT, INPUT, device=self.device)

        def call() -> Said:
            with torch.no_grad():
                aligner.face_alignment_net(pixels)
                aligner.face_alignment_net(pixels.flip(-1))
                z = aligner.depth_prediciton_net(torch.cat([pixels, heatmaps], 1)).cpu()
            return {"faces": len(z)}

        return call

    def box(self, request: Request):
        """A photo whose boxes are given: the real code around the networks too."""
        import numpy as np

        photo = np.load(request["photo"])
        boxes = [np.array(box) for box in request["boxes"]] * request["faces"]
        return lambda: {"faces": len(self.aligner.get_landmarks_from_image(photo, detected_faces=boxes))}

    def photo(self, request: Request):
        """S3FD's network on the photo, without candidates, and then the landmarks of the given box."""
        import numpy as np
        from face_alignment.detection.sfd.net_s3fd import s3fd
        from face_alignment.detection.sfd.sfd_detector import SFDDetector

        detector = SFDDetector.__new__(SFDDetector)
        super(SFDDetector, detector).__init__(self.device, False)
        detector.filter_threshold = 0.5
        detector.face_detector = s3fd().to(self.device).eval()
        with self.torch.no_grad():
            for name, module in detector.face_detector.named_modules():
                if name.endswith("_conf"):
                    # The last channel is the face, those before it are no face.
                    module.bias[:-1] += NEVER
        photo = np.load(request["photo"])
        boxes = [np.array(box) for box in request["boxes"]]

        def call() -> Said:
            if len(detector.detect_from_image(photo.copy())):
                raise ValueError("expected the detector to find no candidate")
            return {"faces": len(self.aligner.get_landmarks_from_image(photo, detected_faces=boxes))}

        return call


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--compile", action="store_true", help="torch.compile, which is its default")
    args = parser.parse_args()
    bind(args.threads)
    peers: dict[int, Peer] = {}

    def task(name: str):
        def prepare(request: Request):
            import cv2
            import torch

            # Its compiled networks are kept here, not in the user's cache.
            if args.compile and "TORCHINDUCTOR_CACHE_DIR" in os.environ:
                import face_alignment.api

                face_alignment.api.COMPILE_CACHE_DIR = os.environ["TORCHINDUCTOR_CACHE_DIR"]
            if args.threads is not None:
                torch.set_num_threads(args.threads)
                cv2.setNumThreads(args.threads)
            faces = request["faces"]
            if faces not in peers:
                peers.clear()
                peers[faces] = Peer(device=args.device, faces=faces, compiled=args.compile)
            return getattr(peers[faces], name)(request)

        return prepare

    tasks = {"crop": task("crop"), "box": task("box"), "batch": task("box"), "photo": task("photo")}
    serve(tasks, packages=("face-alignment", "torch", "numpy"))


if __name__ == "__main__":
    main()
