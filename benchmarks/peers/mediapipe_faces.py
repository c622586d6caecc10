"""MediaPipe 0.10.21 on photos, in the 66-point markup and the library's frame."""

import json
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
from peers.environment import peer_python

from face_alignment_3d.crop import box_around, crop_around
from face_alignment_3d.markup import FROM_68
from face_alignment_3d.training.evaluation.evaluate import best_overlap

VERSION = "0.10.21"  # Carries its networks inside the wheel.
_WORKER = Path(__file__).resolve().parent / "mediapipe_worker.py"
#: The crop for MediaPipe's own detector: the longer side of the box times this.
CROP_SCALE = 2.0
_CROP_SIZE = 384

# fmt: off
#: The mesh vertex for each point of the 68-point markup; we know of no official list. Each is the vertex
#: whose mean distance to the hand-made point is least over 419 training photos of HELEN and LFPW, none of
#: them held out, as benchmarks/fit_mediapipe_markup.py finds it: no choice is kinder to MediaPipe. Points of
#: brows and eyes lie in the sets FACEMESH_*_EYEBROW and FACEMESH_*_EYE that the package itself defines
#: (mediapipe/python/solutions/face_mesh_connections.py).
VERTICES_68 = (
    127, 227, 177, 215, 172, 136, 149, 148, 152, 377, 378, 365, 397, 435, 401, 447, 356,
    70, 63, 105, 66, 55, 336, 296, 334, 293, 300,
    168, 197, 195, 4, 75, 97, 2, 326, 460,
    7, 159, 158, 155, 153, 144, 382, 385, 387, 263, 373, 380,
    61, 39, 37, 11, 267, 304, 291, 321, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87,
)
# fmt: on
VERTICES_66 = np.array(VERTICES_68)[FROM_68]
#: MediaPipe has z in the scale of x, roughly. This factor brings it nearest to the z of the face model
#: fitted to the same training photos, by least squares; the same script finds it.
Z_SCALE = 1.39

Image = npt.NDArray[np.uint8]
Points = npt.NDArray[np.floating]


class MediaPipe:
    """Face Mesh (``refine_landmarks``, still images) in a process and an environment of its own.

    All else is as MediaPipe sets it. Raises RuntimeError when the worker fails.
    """

    def __init__(self, *, command: Sequence[str]) -> None:
        """``command`` starts the worker; :func:`installed` has it."""
        self._folder = tempfile.TemporaryDirectory()
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def __enter__(self) -> "MediaPipe":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()
        self._folder.cleanup()

    def meshes(self, images: Sequence[Image]) -> list[Points]:
        """(faces, 478, 3) for each RGB image, pixels of it in the library's frame; z as MediaPipe has it."""
        folder = Path(self._folder.name)
        photos, answers = folder / "photos.npz", folder / "answers.npz"
        arrays: dict[str, Any] = {f"photo_{i}": image for i, image in enumerate(images)}
        np.savez(photos, **arrays)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"photos": str(photos), "answers": str(answers)}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        reply = json.loads(line) if line else {"error": f"it ended with {self._process.wait()}"}
        if "error" in reply:
            raise RuntimeError(f"MediaPipe's worker failed: {reply['error']}")
        with np.load(answers) as found:
            return np.split(found["meshes"], np.cumsum(found["counts"])[:-1])

    def in_photos(self, images: Sequence[Image], boxes: Points) -> list[Points | None]:
        """The labelled face of each photo by MediaPipe's own detector: (66, 3), None where it was missed.

        A face is the labelled one when the bounding box of its 66 points overlaps the reference box (N, 4)
        enough, by the rule for this library's detector.
        """
        return [_labelled(mesh, box) for mesh, box in zip(self.meshes(images), boxes, strict=True)]

    def in_crops(self, images: Sequence[Image], boxes: Points) -> list[Points | None]:
        """As :meth:`in_photos`, but MediaPipe sees square crops around the reference boxes (N, 4) only."""
        crops = [crop_around(box, size=_CROP_SIZE, crop_scale=CROP_SCALE) for box in boxes]
        meshes = self.meshes([crop.sample(image) for crop, image in zip(crops, images, strict=True)])
        return [
            _labelled(crop.to_image(mesh), box) for crop, mesh, box in zip(crops, meshes, boxes, strict=True)
        ]


def installed(python: str) -> list[str]:
    """The command that starts the worker, in an environment made with ``python`` when there is none yet."""
    interpreter = peer_python(f"mediapipe-{VERSION}", [f"mediapipe=={VERSION}"], python=python)
    return [str(interpreter), str(_WORKER)]


def _labelled(meshes: Points, box: Points) -> Points | None:
    faces = meshes[:, VERTICES_66].astype(np.float64)
    faces[..., 2] = Z_SCALE * (faces[..., 2] - faces[..., 2].mean(axis=1, keepdims=True))
    best = best_overlap(box_around(faces), box) if len(faces) else None
    return None if best is None else faces[best]
