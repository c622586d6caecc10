"""The walks of docs/architecture.md name functions that there are, and that are called on the way."""

import importlib
import re
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import pytest
import skimage.data

import face_alignment_3d
from face_alignment_3d import FaceAligner3D
from face_alignment_3d.video import VideoAligner3D
from tests.documents.blocks import ROOT

PACKAGE = Path(face_alignment_3d.__file__).parent
#: Heading of a walk -> the folder that its files are in.
WALKS = {"One photo": "", "One video frame": "video", "One training step": "training"}


class Step(NamedTuple):
    walk: str
    names: tuple[tuple[str, str], ...]
    """(file below the package, name in it), the function of the step first."""


def _steps() -> list[Step]:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    found = []
    for walk, folder in WALKS.items():
        section = text[text.index(f"\n## {walk}\n") :].split("\n## ")[1]
        for row in re.findall(r"^\| (?!---)(.*) \|$", section, re.M)[1:]:
            file, names = "", []
            for word in re.findall(r"`([^`]+)`", row.split(" | ")[1]):
                if word.endswith(".py"):
                    file = f"{folder}/{word}".lstrip("/")
                else:
                    names.append((file, word))
            found.append(Step(walk, tuple(names)))
    return found


STEPS = _steps()


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.names[0][1])
def test_the_names_exist(step: Step) -> None:
    for file, name in step.names:
        thing = importlib.import_module("face_alignment_3d." + file.removesuffix(".py").replace("/", "."))
        for part in name.split("."):
            thing = getattr(thing, part)


def _called(work: Callable[[], Any]) -> set[tuple[str, str]]:
    """(file below the package, name) of the functions that ``work`` calls, on any thread."""
    found = set()

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            found.add((frame.f_code.co_filename, frame.f_code.co_name))

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    inside = [(Path(file), name) for file, name in found if file.startswith(str(PACKAGE))]
    return {(file.relative_to(PACKAGE).as_posix(), name) for file, name in inside}


def _missing(walk: str, called: set[tuple[str, str]], *, apart_from: tuple[str, ...] = ()) -> set[str]:
    """The functions of the steps of a walk that were not called; of a class the constructor counts."""
    names = [step.names[0] for step in STEPS if step.walk == walk]
    assert len(names) > 5
    return {
        name
        for file, name in names
        if name not in apart_from and not {(file, name.rsplit(".", 1)[-1]), (file, "__init__")} & called
    }


def test_a_photo_is_walked_through() -> None:
    # The network is recorded when it is loaded, so its own code runs once in a process.
    called = _called(lambda: FaceAligner3D("nano", backend="torch").detect(skimage.data.astronaut())[0].pose)
    assert not _missing("One photo", called, apart_from=("Cascade.forward",))


def test_a_video_frame_is_walked_through() -> None:
    photo = skimage.data.astronaut()
    pair = photo[:256].copy()
    pair[:, :256] = pair[:, 128:384]  # Two faces.
    pair[:, 256:] = pair[:, :256]

    def follow() -> None:
        tracker = VideoAligner3D(FaceAligner3D("nano"))
        for index in range(4):
            tracker.track(pair, time=index * 0.05)
        assert len(tracker.track(photo[::-1, ::-1] // 2, time=1)) < 2  # A cut.
        for index in range(8):
            tracker.track(photo if index < 4 else pair, time=2 + index * 0.2)

    assert not _missing("One video frame", _called(follow))


def test_a_training_step_is_walked_through(tmp_path: Path) -> None:
    from face_alignment_3d.markup import FROM_68
    from face_alignment_3d.training.engine.processes import joined_processes
    from face_alignment_3d.training.labels.random_pose_labels import RandomPoseLabels
    from face_alignment_3d.training.objectives.joint_objective import JointObjective
    from tests.training.shared_training import ALL, one_step
    from tests.training.synthetic_faces import posed_faces

    labels = RandomPoseLabels(posed_faces(30, seed=5)[0][:, FROM_68])

    def train() -> None:
        with joined_processes("cpu") as processes:
            one_step("compact", JointObjective(ALL, labels, true_points_share=0.3), ALL, processes, tmp_path)

    assert not _missing("One training step", _called(train))
