"""Intervals are in seconds, whatever the frame rate, and time stamps may be rounded."""

import cv2
import numpy as np
import pytest

from face_alignment_3d.video.schedule import CutDetector, Schedule


def _schedule(**options):
    return Schedule(
        **{"alignment_interval": 0.1, "detection_interval": 1.0, "redetection_interval": 0.2, **options}
    )


def test_alignment():
    schedule = _schedule()
    assert not schedule.is_alignment_due(5.0, 5.09)
    assert schedule.is_alignment_due(5.0, 5.0997)  # A time stamp in milliseconds.
    assert schedule.uses_flow
    every_frame = _schedule(alignment_interval=0)
    assert every_frame.is_alignment_due(5.0, 5.0)
    assert not every_frame.uses_flow


def test_detection():
    schedule = _schedule()
    assert schedule.is_detection_due(-100.0, is_complete=True)
    schedule.note_detection(3.0)
    assert [schedule.is_detection_due(t, is_complete=True) for t in (3.3, 3.9, 4.0)] == [False, False, True]
    assert [schedule.is_detection_due(t, is_complete=False) for t in (3.1, 3.2)] == [False, True]
    schedule.request_detection()
    assert schedule.is_detection_due(3.01, is_complete=True)


@pytest.mark.parametrize("name", ["detection_interval", "redetection_interval"])
def test_wrong_intervals(name):
    with pytest.raises(ValueError, match=f"{name} must be above 0"):
        _schedule(**{name: 0})


@pytest.mark.parametrize("size", [(720, 1280), (1280, 720), (24, 32)])
def test_cuts(size):
    rng = np.random.default_rng(0)
    one, other = (
        np.kron(
            rng.integers(0, 256, (4, 4, 3), dtype=np.uint8),
            np.ones((size[0] // 4, size[1] // 4, 1), np.uint8),
        )
        for _ in range(2)
    )
    cuts = CutDetector()
    assert [cuts.update(frame) for frame in (one, one, other, other, one)] == [
        False,
        False,
        True,
        False,
        True,
    ]


def test_noise_motion_and_light_are_no_cuts():
    rng = np.random.default_rng(0)
    blocks = rng.integers(20, 200, (30, 50, 3), dtype=np.uint8)
    scene = cv2.resize(blocks, (1400, 840), interpolation=cv2.INTER_LINEAR)
    cuts = CutDetector()
    for step in range(10):
        frame = scene[8 * step :][:720, 10 * step :][:, :1280] + rng.integers(
            0, 30, (720, 1280, 3), dtype=np.uint8
        )
        assert not cuts.update(frame)
    assert not cuts.update(np.minimum(frame.astype(int) + 60, 255).astype(np.uint8))  # A lamp.
