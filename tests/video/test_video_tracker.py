"""Identities: who is who through motion, crossings, hiding and cuts, and how often the detector runs."""

import math

import numpy as np
import pytest

from face_alignment_3d.crop import box_around
from face_alignment_3d.face import Face3D
from face_alignment_3d.video import TrackerConfig, VideoAligner3D
from face_alignment_3d.video.track import Track
from tests.video.made_up_scene import HEIGHT, WIDTH, Actor, Scene, shape66
from tests.video.moving_picture import picture

FPS = 30


def _still(x, y):
    return lambda _: (x, y)


def _run(scene, seconds, *, start=0.0, tracker=None, **options):
    """(tracker, for each frame {track_id: the actor that is there}); fails when a face is on no actor."""
    tracker = VideoAligner3D(scene, **{"smooth": False, **options}) if tracker is None else tracker
    frames = []
    for index in range(round(seconds * FPS)):
        time = start + index / FPS
        faces = tracker.track(scene.frame(time), time=time)
        assert [face.track_id for face in faces] == sorted(face.track_id for face in faces)
        frames.append({face.track_id: _actor_of(scene, face, time) for face in faces})
    return tracker, frames


def _actor_of(scene, face, time):
    distances = [np.abs(face.landmarks - actor.points(time)).max() for actor in scene.actors]
    assert min(distances) < 5, "a face where none is"
    return int(np.argmin(distances))


def _identities(frames):
    """{actor: the ids that it had}"""
    ids = {}
    for frame in frames:
        for track_id, actor in frame.items():
            ids.setdefault(actor, set()).add(track_id)
    return ids


def test_faces_keep_their_ids_and_detection_is_rare():
    scene = Scene([Actor(lambda t: (100 + 90 * t, 180), look=1), Actor(_still(500, 100), look=2)])
    _, frames = _run(scene, 3.0, detection_interval=1.0)
    assert all(frame == frames[0] and len(frame) == 2 for frame in frames)
    assert scene.calls.count("detect") == 3


def test_the_detector_rests_while_as_many_faces_as_asked_for_are_in_sight():
    scene = Scene([Actor(_still(150, 180), 80, look=1), Actor(_still(500, 180), 120, look=2)])
    _, frames = _run(scene, 3.0, max_faces=1)
    assert _identities(frames) == {1: {0}}  # The larger one.
    assert scene.calls.count("detect") == 1
    _, frames = _run(scene, 3.0, max_faces=3)
    assert _identities(frames) == {0: {1}, 1: {0}}
    assert scene.calls.count("detect") == 1 + 3


def test_the_detector_runs_again_once_one_of_the_faces_is_lost():
    scene = Scene([Actor(_still(200, 180), look=1, hidden=lambda t: 0.95 < t < 1.95)])
    _, frames = _run(scene, 3.0, max_faces=1)
    assert [len(frame) for frame in frames] == [1] * 29 + [0] * 30 + [1] * 31
    assert _identities(frames) == {0: {0}}
    assert scene.calls.count("detect") == 1 + 6  # At once, then every 0.2 s; the last finds it.


def test_a_doubtful_face_is_looked_for_by_the_detector():
    scene = Scene([Actor(_still(200, 180), look=1)])
    _run(scene, 3.0, max_faces=1, config=TrackerConfig(doubtful_confidence=0.7))
    assert scene.calls.count("detect") == 3


@pytest.mark.parametrize(("alignment_interval", "looks"), [(0.0, 89), (0.1, 30), (0.2, 15)])
def test_looks_are_as_rare_as_they_may_be(alignment_interval, looks):
    scene = Scene([Actor(_still(150, 180), look=1), Actor(_still(500, 100), look=2)])
    _run(scene, 3.0, detection_interval=1.0, alignment_interval=alignment_interval)
    assert scene.calls.count("align 2") == looks  # One call for all faces.


def test_a_face_that_does_not_stay_as_it_was_is_looked_at_at_once():
    scene = Scene([Actor(_still(200, 180), size=160, look=1)])
    tracker = VideoAligner3D(scene, fps=FPS, alignment_interval=0.5)
    looks = []
    for index in range(15):
        frame = scene.frame(index / FPS)
        if index >= 7:  # Something comes before its lower half.
            frame[200:260, 130:270] = 90
        tracker.track(frame)
        looks.append(scene.calls.count("align 1"))
    assert looks[5] == looks[6] == 1
    assert looks[7] == 2


def test_between_looks_landmarks_move_with_the_face():
    class Wall:
        """A face on a wall that a camera passes."""

        looks = 0
        matrix = np.eye(2, 3)

        def frame(self, index):
            self.matrix = np.array([[1.0, 0.0, -2.3 * index], [0.0, 1.0, 0.6 * index]])
            return picture(self.matrix)

        def points(self):
            x, y = self.matrix[:, 2]
            return shape66() * 150 + [380.0 + x, 220.0 + y, 0.0]

        def detect(self, image, *, boxes=None):
            self.looks += boxes is not None
            landmarks = self.points().astype(np.float32)
            return [Face3D(landmarks, np.full(66, 0.65, np.float32), box_around(landmarks), 0.9)]

    wall = Wall()
    tracker = VideoAligner3D(wall, fps=FPS, alignment_interval=0.2, smooth=False)
    for index in range(25):
        (face,) = tracker.track(wall.frame(index))
        assert np.abs(face.landmarks - wall.points()).max() < 0.5
        assert face.track_id == 0
    assert wall.looks == 4


def test_a_new_face_is_found_within_the_interval():
    scene = Scene(
        [Actor(_still(150, 150), look=1), Actor(_still(500, 150), look=2, hidden=lambda t: t < 0.7)]
    )
    _, frames = _run(scene, 2.0, detection_interval=0.5)
    first = next(i for i, frame in enumerate(frames) if len(frame) == 2)
    assert 0.7 <= first / FPS <= 1.04
    assert all(frame == {0: 0, 1: 1} for frame in frames[first:])


@pytest.mark.parametrize("speed", [80, 150, 300])
def test_crossing_faces_keep_their_ids(speed):
    seconds = 480 / speed
    scene = Scene(
        [
            Actor(lambda t: (WIDTH / 2 + speed * (t - seconds / 2), 170), look=1, nearness=1),
            Actor(lambda t: (WIDTH / 2 - speed * (t - seconds / 2), 190), look=2),
        ]
    )
    _, frames = _run(scene, seconds)
    assert _identities(frames) == {0: {0}, 1: {1}} or _identities(frames) == {0: {1}, 1: {0}}
    assert len(frames[-1]) == 2


def test_a_face_that_turns_back_behind_another_is_told_by_its_looks():
    """It comes out on the side where it went in: motion alone would look on the other."""
    scene = Scene(
        [
            Actor(_still(320, 180), look=1, nearness=1, size=90),
            Actor(lambda t: (320 - 120 * abs(t - 1.5), 180), look=2),
        ]
    )
    _, frames = _run(scene, 3.0)
    assert all(len(ids) == 1 for ids in _identities(frames).values())
    assert len(frames[-1]) == 2


def test_a_second_of_occlusion():
    hidden = lambda t: 1.0 <= t < 2.0  # noqa: E731
    scene = Scene([Actor(lambda t: (100 + 100 * t, 180), look=1, hidden=hidden)])
    _, frames = _run(scene, 3.0)
    assert not any(frame for i, frame in enumerate(frames) if 1.0 <= i / FPS < 2.0 - 1e-6)
    back = next(i for i, frame in enumerate(frames) if i >= 60 and frame)
    assert back / FPS <= 2.0 + 0.2 + 0.04  # The next search finds it.
    assert _identities(frames) == {0: {0}}


class _Drawn(Scene):
    """An aligner that finds drawn faces; from a box beside a face it gets only most of the way to it."""

    def _in_box(self, box):
        face = super()._in_box(box)
        short = np.append(0.3 * ((box[:2] + box[2:]) / 2 - face.landmarks[:, :2].mean(axis=0)), 0.0)
        return Face3D((face.landmarks + short).astype(np.float32), face.confidence, face.box, None)


def test_a_face_that_comes_before_another_at_once_keeps_its_own_id():
    """The network moves from the face behind to the one in front; the first frame has the right ids."""
    front = Actor(_still(320, 180), look=1, nearness=1, hidden=lambda t: 1.0 <= t < 2.0)
    behind = Actor(lambda t: (290 + 150 * max(0.0, 1 - t), 180), look=2)
    _, frames = _run(_Drawn([front, behind]), 3.0)
    assert _identities(frames) == {0: {0}, 1: {1}}
    assert 0 in frames[2 * FPS].values()


class _SeesInBetween(Scene):
    """The detector finds a face between one that is partly covered and the one in front of it."""

    def detect(self, image, *, boxes=None):
        found = super().detect(image, boxes=boxes)
        if boxes is None:
            first, second = (actor.points(self.time) for actor in self.actors)
            if 0.4 < abs(first[:, 0].mean() - second[:, 0].mean()) / 80 < 0.8:
                points = (0.4 * first + 0.6 * second).astype(np.float32)
                found.append(Face3D(points, np.full(66, 0.55, np.float32), box_around(points), 0.9))
        return found


def test_a_face_between_two_is_none():
    actors = [
        Actor(_still(320, 180), look=1, nearness=1),
        Actor(lambda t: (320 + 130 * (t - 1.5), 180), look=2),
    ]
    _, frames = _run(_SeesInBetween(actors), 3.0, redetection_interval=0.03)
    assert _identities(frames) in ({0: {0}, 1: {1}}, {0: {1}, 1: {0}})
    assert len(frames[-1]) == 2


def test_somebody_else_at_the_same_place_is_somebody_else():
    scene = Scene(
        [
            Actor(_still(300, 180), look=1, hidden=lambda t: t >= 1.0),
            Actor(_still(305, 180), look=2, hidden=lambda t: t < 1.5),
        ]
    )
    _, frames = _run(scene, 3.0)
    assert _identities(frames) == {0: {0}, 1: {1}}


def test_a_lost_face_is_given_up_in_time():
    scene = Scene([Actor(_still(300, 180), look=1, hidden=lambda t: 1.0 <= t < 4.0)])
    _, frames = _run(scene, 5.0, max_lost_seconds=1.0)
    assert _identities(frames) == {0: {0, 1}}


def test_four_faces_cross_and_hide_for_a_minute():
    def path(phase, rate, y):
        return lambda t: (320 + 230 * math.sin(rate * t + phase), y + 30 * math.sin(0.7 * t + phase))

    actors = [
        Actor(path(0.0, 0.9, 120), look=1, nearness=4, size=70),
        Actor(path(2.0, 1.1, 160), look=2, nearness=3, size=80),
        Actor(path(4.0, 0.7, 200), look=3, nearness=2, size=75, hidden=lambda t: 20 < t % 30 < 21),
        Actor(path(5.5, 1.3, 240), look=4, nearness=1, size=85, hidden=lambda t: 5 < t % 17 < 6),
    ]
    _, frames = _run(Scene(actors, noise=0.004), 60.0)
    identities = _identities(frames)
    assert sorted(identities) == [0, 1, 2, 3]
    assert all(len(ids) == 1 for ids in identities.values()), identities


def test_a_cut_starts_anew():
    before = Scene([Actor(_still(200, 180), look=1), Actor(_still(450, 180), look=2)], background=1)
    after = Scene([Actor(_still(205, 180), look=3)], background=2)
    tracker, _ = _run(before, 1.0)
    tracker._aligner = after
    _, frames = _run(after, 0.5, start=1.0, tracker=tracker)
    assert all(set(frame) == {2} for frame in frames)
    assert after.calls[1] == "detect"  # In the very frame of the cut.


def test_a_flash_is_no_cut():
    class Flashing(Scene):
        def frame(self, time):
            image = super().frame(time)
            return np.clip(image.astype(int) + 60, 0, 255).astype(np.uint8) if 0.5 < time < 0.6 else image

    _, frames = _run(Flashing([Actor(_still(200, 180), look=1)]), 1.0)
    assert _identities(frames) == {0: {0}}


def test_a_face_that_leaves_the_frame_is_not_made_up():
    scene = Scene([Actor(lambda t: (500 + 150 * t, 180), look=1)])
    _, frames = _run(scene, 2.0)
    assert frames[0]
    assert not frames[-1]


def test_no_face_is_searched_for_now_and_then():
    scene = Scene([])
    _, frames = _run(scene, 2.0, redetection_interval=0.25)
    assert not any(frames)
    assert 7 <= scene.calls.count("detect") <= 9
    assert set(scene.calls) == {"detect"}


def test_another_frame_size_starts_anew():
    scene = Scene([Actor(_still(200, 180), look=1)])
    tracker, _ = _run(scene, 0.2)
    image = np.pad(scene.frame(0.3), ((0, 8), (0, 0), (0, 0)))
    assert [face.track_id for face in tracker.track(image, time=0.3)] == [1]


def test_trackers_share_nothing():
    scene = Scene([Actor(_still(200, 180), look=1)])
    _, first = _run(scene, 0.2)
    _, second = _run(scene, 0.2)
    assert first == second


@pytest.mark.parametrize(("look", "identity"), [(1, {0}), (2, {1})])
def test_who_comes_back_after_long_keeps_an_identity_only_by_looks(look, identity):
    """Long enough to have gone anywhere: nothing but looks can tell."""
    scene = Scene(
        [
            Actor(_still(150, 180), look=1, hidden=lambda t: t > 0.5),
            Actor(_still(450, 150), look=look, hidden=lambda t: t < 12.5),
        ]
    )
    _, frames = _run(scene, 14.0)
    assert _identities(frames) == {0: {0}, 1: identity}
    assert frames[round(13.2 * FPS)]


def _seen_half_covered(until):
    """The ids in each frame of a face that is away for half a second and then, for a time, half covered."""
    scene = Scene([Actor(_still(200, 180), size=160, look=1, hidden=lambda t: 0.5 < t < 1.0)])
    tracker = VideoAligner3D(scene, fps=FPS, smooth=False)
    ids = []
    for index in range(4 * FPS):
        frame = scene.frame(index / FPS)
        if 1.0 <= index / FPS < until:
            frame[100:262, 120:210] = [200, 30, 90]
        ids.append([face.track_id for face in tracker.track(frame)])
    return ids


def test_a_face_that_may_be_a_lost_one_waits_until_that_is_clear():
    ids = _seen_half_covered(until=1.5)
    assert ids[5] == ids[-1] == [0]
    assert all(now in ([], [0]) for now in ids)
    assert ids[FPS + 2] == []
    assert ids[round(1.8 * FPS)] == [0]


def test_it_does_not_wait_for_long():
    ids = _seen_half_covered(until=9.0)
    assert ids[round(2.3 * FPS)] == []
    assert ids[-1] == [1]


def test_reset_forgets_faces_and_time():
    scene = Scene([Actor(_still(200, 180), look=1)])
    tracker, _ = _run(scene, 0.2, start=5.0)
    tracker.reset()
    (face,) = tracker.track(scene.frame(0.0), time=0.0)
    assert face.track_id == 1


def test_what_comes_out():
    scene = Scene([Actor(_still(200, 180), look=1)])
    tracker = VideoAligner3D(scene)
    for time in (0.0, 0.1):
        (face,) = tracker.track(scene.frame(time), time=time)
    assert isinstance(face, Face3D)
    assert face.landmarks.shape == (66, 3)
    assert face.landmarks.dtype == np.float32
    assert face.score == pytest.approx(0.99)
    np.testing.assert_allclose(face.landmarks, scene.actors[0].points(0.1), atol=0.01)


def test_smoothing_can_be_off():
    noisy = Scene([Actor(_still(200, 180), look=1)], noise=0.01)
    spread = {}
    for smooth in (True, False):
        tracker = VideoAligner3D(noisy, smooth=smooth, fps=FPS, alignment_interval=0)
        x = [tracker.track(noisy.frame(i / FPS))[0].landmarks[:, 0] for i in range(40)]
        spread[smooth] = np.std(np.diff(x[10:], axis=0))
    assert spread[False] > 5 * spread[True]


def test_flow_makes_still_faces_calmer_not_less_calm():
    error, moves = {}, {}
    for alignment_interval in (0.0, 0.1):
        scene = Scene([Actor(_still(200, 180), size=160, look=1)], noise=0.002)
        tracker = VideoAligner3D(scene, fps=FPS, alignment_interval=alignment_interval)
        points = np.array([tracker.track(scene.frame(i / FPS))[0].landmarks for i in range(90)])[30:]
        error[alignment_interval] = np.abs(points - scene.actors[0].points(0.0)).mean()
        moves[alignment_interval] = np.std(np.diff(points, axis=0))
    assert moves[0.1] < moves[0.0]
    assert error[0.1] < 2 * error[0.0]  # Of a third as many looks, whose noise is white here.


def test_still_faces_are_seen_through_the_same_window():
    scene = Scene([Actor(_still(200, 180), look=1)], noise=0.004)
    tracker = VideoAligner3D(scene, fps=FPS)
    boxes = [tracker.track(scene.frame(i / FPS))[0].box for i in range(30)]
    assert len({box.tobytes() for box in boxes[2:]}) == 1


@pytest.mark.parametrize("time", [0.0, -1.0, math.nan])
def test_time_must_rise(time):
    tracker = VideoAligner3D(Scene([]))
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    tracker.track(image, time=0.0)
    with pytest.raises(ValueError, match="rise from frame to frame"):
        tracker.track(image, time=time)


@pytest.mark.parametrize(
    "options", [{"fps": 0.0}, {"detection_interval": -1.0}, {"max_lost_seconds": math.inf}]
)
def test_wrong_options(options):
    with pytest.raises(ValueError, match="must be above 0 and finite"):
        VideoAligner3D(Scene([]), **options)


@pytest.mark.parametrize("max_faces", [0, -1, 1.5, True])
def test_wrong_numbers_of_faces(max_faces):
    with pytest.raises(ValueError, match="max_faces must be"):
        VideoAligner3D(Scene([]), max_faces=max_faces)


@pytest.mark.parametrize("alignment_interval", [-0.1, math.nan, math.inf])
def test_wrong_intervals_between_looks(alignment_interval):
    with pytest.raises(ValueError, match="alignment_interval must be finite and at least 0"):
        VideoAligner3D(Scene([]), alignment_interval=alignment_interval)


def test_thresholds_of_ones_own():
    scene = Scene([Actor(_still(200, 180), look=1)])  # The network's confidence is 0.65.
    tracker = VideoAligner3D(scene, config=TrackerConfig(min_new_confidence=0.7))
    assert tracker.track(scene.frame(0.0)) == []


@pytest.mark.parametrize("rate", [10, 30, 60])
def test_the_look_of_a_face_is_learned_ten_times_a_second_at_most(rate, monkeypatch):
    times = []
    monkeypatch.setattr(Track, "_update_embedding", _noting_time(Track._update_embedding, times))
    scene = Scene([Actor(_still(200, 180), look=1)])
    tracker = VideoAligner3D(scene, alignment_interval=0)
    for index in range(2 * rate):
        tracker.track(scene.frame(index / rate), time=index / rate)
    assert 2 / (0.1 + 1 / rate) - 1 <= len(times) <= 20
    assert np.diff(times).min() >= 0.1 - 1e-9


def _noting_time(method, times):
    def noted(self, image_rgb, time):
        times.append(time)
        method(self, image_rgb, time)

    return noted


def test_queries_of_a_track_do_not_change_it():
    scene = Scene([Actor(lambda t: (200 + 50 * t, 180), look=1)])
    image = scene.frame(0.0)
    (face,) = scene.detect(image)
    track = Track(0, face, 0.0, image, smoothing=None, uses_flow=True, config=TrackerConfig())
    track.mark_lost(0.1)
    before = dict(vars(track))
    for _ in range(2):
        track.predict(3.0)
        track.innovation(face, 3.0)
        track.path_distance(face, 3.0)
        track.similarity(face, image)
        assert track.lost_for(3.0) == pytest.approx(2.9)
        assert track.doubted_for(3.0) == 0
    assert all(vars(track)[name] is value for name, value in before.items())
    track.note_doubt(3.0)
    track.note_doubt(3.5)
    assert track.doubted_for(4.0) == pytest.approx(1.0)
    assert track.doubted_for(6.0) == 0  # Nobody asked for more than a second.
