"""Intervals are in seconds, whatever the frame rate, and time stamps may be rounded."""

import pytest

from face_alignment_3d.video.schedule import Schedule


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
