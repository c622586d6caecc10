import signal

import pytest

from face_alignment_3d.training.engine.training_loop import TrainingStopped


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_the_exit_code_says_which_signal(number, code):
    stopped = TrainingStopped(number, 7)
    assert stopped.exit_code == code
    assert "step 7" in str(stopped)
