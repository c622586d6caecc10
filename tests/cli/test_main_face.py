"""The face that moves the avatar: a single one, the same as long as it is there."""

from face_alignment_3d.cli.vmc_stream import MainFace
from tests.export.tracked_faces import tracked


def _ids(frames):
    main = MainFace()
    chosen = [main.of(faces, time=time) for time, faces in frames]
    return [None if face is None else face.track_id for face in chosen]


def test_the_largest_at_first_and_then_the_same():
    small, large, larger = (tracked(i, 0, size=size) for i, size in enumerate((50, 80, 200)))
    frames = [(0.0, [small, large]), (0.1, [small, large, larger]), (0.2, [larger, large])]
    assert _ids(frames) == [1, 1, 1]


def test_a_lost_face_is_waited_for():
    first, second = tracked(0, 0, size=90), tracked(1, 0, size=80)
    frames = [(0.0, [first, second]), (0.5, [second]), (0.9, [first, second]), (1.5, [second])]
    frames += [(2.0, [second]), (2.1, [first, second]), (9.0, [])]
    assert _ids(frames) == [0, None, 0, None, 1, 1, None]


def test_nobody():
    assert _ids([(0.0, []), (5.0, [tracked(3, 0)])]) == [None, 3]
