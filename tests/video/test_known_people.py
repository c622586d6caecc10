"""Identities in a compressed video of known people, with the embedded weights and the default detector."""

import numpy as np
import pytest

from face_alignment_3d import FaceAligner3D
from face_alignment_3d.video import VideoAligner3D
from face_alignment_3d.video.reader import VideoReader
from tests.video import known_people
from tests.video.known_people import FPS, SIZE
from tests.video.videos import write_video

pytest.importorskip("onnxruntime")

#: Seconds in plain view after which a face must be found: the interval of searches, and some frames.
PATIENCE = 0.6


@pytest.fixture(scope="module")
def tracks(tmp_path_factory):
    """(frames, people): the identity of each person in each frame; -1 where the face is not returned."""
    frames = known_people.frames()
    times = [round(1000 * index / FPS) for index in range(len(frames))]
    clip = tmp_path_factory.mktemp("clip") / "people.mp4"
    height, width = frames[0].shape[:2]
    write_video(clip, times, frames=frames, height=height, width=width, rate=FPS, crf=30)
    people = known_people.people()
    identities = np.full((len(frames), len(people)), -1)
    tracker = VideoAligner3D(FaceAligner3D(backend="onnx", threads=1, offline=True))
    with VideoReader(clip) as video:
        for frame in video.frames():
            for face in tracker.track(frame.image_rgb, time=frame.time):
                low, high = face.landmarks[:, :2].min(axis=0), face.landmarks[:, :2].max(axis=0)
                places = np.array([person.path(frame.index / FPS) for person in people])
                distances = np.linalg.norm((low + high) / 2 - places, axis=1) / SIZE
                nearest = int(np.argmin(distances))
                assert distances[nearest] < 0.25, f"a face where nobody is, in frame {frame.index}"
                assert identities[frame.index, nearest] == -1, f"two faces on one, in frame {frame.index}"
                identities[frame.index, nearest] = face.track_id
    return identities


@pytest.fixture(scope="module")
def shown():
    return known_people.shown()


def test_the_clip_hides_everybody_it_should(shown):
    hidden = shown < 0.1
    times_hidden = (np.diff(hidden.astype(int), axis=0) == 1).sum(axis=0)
    assert (times_hidden[:2] >= 2).all()
    assert (hidden.sum(axis=0) / FPS)[:2].min() > 1.0
    assert shown[:, 2].min() > 0.9
    assert (shown[[0, -1]] > 0.9).all()


def test_everybody_has_one_identity(tracks):
    ids = [set(column[column >= 0].tolist()) for column in tracks.T]
    assert [len(of_person) for of_person in ids] == [1, 1, 1]
    assert set.union(*ids) == {0, 1, 2}


def test_a_hidden_face_is_lost(tracks, shown):
    for person in (0, 1):
        assert (tracks[shown[:, person] < 0.1, person] == -1).all()


def test_a_face_in_plain_view_is_found_again_soon(tracks, shown):
    late = round(PATIENCE * FPS)
    plain = shown > 0.9
    for person in range(3):
        for index in range(late, len(plain)):
            if plain[index - late : index + 1, person].all():
                assert tracks[index, person] >= 0, f"person {person} is missing in frame {index}"
