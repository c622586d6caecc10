"""Values that pages take as given, and stand-ins for what is not here: other libraries, a Ray cluster."""

import io
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import skimage.data
from PIL import Image

from face_alignment_3d import Face3D, FaceAligner3D
from tests.documents.blocks import ROOT

Names = dict[str, Any]


def _blendshapes(desk: Path, face: Face3D) -> Names:
    return {"neutral_faces": [face]}


def _datasets(desk: Path, face: Face3D) -> Names:
    from tests.training.data.datasets.test_w300lp import write_w300lp
    from tests.training.synthetic_faces import posed_faces, write_data

    write_data(desk / "DATA")
    parts = {"HELEN": [0], "IBUG": [1], "LFPW": [2]}
    write_w300lp(desk / "300W_LP", *posed_faces(3, seed=11, yaw=80.0, roll=0.0), parts)
    return {}


def _evaluation(desk: Path, face: Face3D) -> Names:
    from tests.training.synthetic_faces import write_data

    write_data(desk / "DATA", hand=7, aflw=2, teachers=2)
    truth = np.stack([face.landmarks] * 2).astype(np.float64)
    return {
        "predicted": truth + 1,
        "truth": truth,
        "truth_of_another_view": truth * 2,
        "subjects": ["one", "one"],
    }


def _exports(desk: Path, face: Face3D) -> Names:
    return {"face": face}


def _migrating(desk: Path, face: Face3D) -> Names:
    other = ModuleType("face_alignment")
    other.LandmarksType = SimpleNamespace(THREE_D=3)  # type: ignore[attr-defined]
    other.FaceAlignment = lambda kind, device: SimpleNamespace(  # type: ignore[attr-defined]
        get_landmarks=lambda image: [np.zeros((68, 3))]
    )
    smile = SimpleNamespace(category_name="mouthSmileLeft", score=0.5)
    result = SimpleNamespace(face_blendshapes=[[smile]])
    return {
        "face_alignment": other,
        "FaceAligner3D": FaceAligner3D,
        "image": skimage.data.astronaut(),
        "result": result,
        "blend": {},
        "face": face,
    }


def _pose(desk: Path, face: Face3D) -> Names:
    from face_alignment_3d.pose import Camera

    # The camera of the page is of 1,920 x 1,080 pixels.
    picture = Image.new("RGB", (1920, 1080))
    picture.paste(Image.open("photo.jpg").resize((1080, 1080)))
    picture.save("photo.jpg", quality=95)
    return {
        "aligner": FaceAligner3D("nano"),
        "camera": Camera.assumed(width=1920, height=1080),
        "points": face.points_canonical,
    }


def aligned_collection(desk: Path, face: Face3D) -> Names:
    pytest.importorskip("pyarrow")
    from face_alignment_3d.batch import AlignerOptions, run_batch

    run_batch("photos/", "out", aligner=AlignerOptions("nano"))
    return {}


def _serve(desk: Path, face: Face3D) -> Names:
    jpeg = io.BytesIO()
    Image.open("photos/pho.jpg").save(jpeg, "JPEG")
    return {"jpegs": [jpeg.getvalue()] * 2}


def _video(desk: Path, face: Face3D) -> Names:
    photo = skimage.data.astronaut()
    return {"frames": [(i / 25, photo[i : i + 320, 60:380]) for i in range(6)]}


def _weights(desk: Path, face: Face3D) -> Names:
    from face_alignment_3d.weights.loading import load_cascade
    from face_alignment_3d.weights.store import resolve_weights

    lite = resolve_weights("lite")
    (desk / "runs").mkdir()
    shutil.copy(lite, desk / "runs" / "mine.safetensors")
    shutil.copy(ROOT / "weights_manifest.json", desk)
    return {"cascade": load_cascade(lite)}


#: Page -> what it takes as given.
GIVEN: Mapping[str, Callable[[Path, Face3D], Names]] = {
    "blendshapes.md": _blendshapes,
    "datasets.md": _datasets,
    "evaluation.md": _evaluation,
    "exports.md": _exports,
    "migrating.md": _migrating,
    "pose.md": _pose,
    "scale.md": aligned_collection,
    "serve.md": _serve,
    "video.md": _video,
    "weights.md": _weights,
}


class _Dataset:
    """In the place of a data set of Ray's: what it is asked to do, it does at once."""

    def __init__(self, batch: dict[str, Any]) -> None:
        self.batch = batch

    def map_batches(self, step: Any, *, fn_constructor_args: tuple[Any, ...], **_: Any) -> "_Dataset":
        return _Dataset(step(*fn_constructor_args)(self.batch).to_pydict())

    def write_parquet(self, url: str) -> None:
        assert [len(faces) for faces in self.batch["faces"]] == [1]


def made_ray() -> ModuleType:
    ray = ModuleType("ray")
    content = np.empty(1, object)
    content[0] = Path("photos/pho.jpg").read_bytes()
    ray.data = SimpleNamespace(  # type: ignore[attr-defined]
        read_binary_files=lambda url, include_paths: _Dataset(
            {"bytes": content, "path": np.array([f"{url}/pho.jpg"])}
        ),
        ActorPoolStrategy=lambda *, min_size, max_size: None,
    )
    return ray
