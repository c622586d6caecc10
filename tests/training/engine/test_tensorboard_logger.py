import time

import pytest

from face_alignment_3d.training.engine import tensorboard_logger
from face_alignment_3d.training.engine.tensorboard_logger import TensorBoardLogger


def _read(folder):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(folder))
    events.Reload()
    return {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def test_numbers_are_logged_by_step(tmp_path):
    pytest.importorskip("tensorboard")
    log = TensorBoardLogger(tmp_path, first_step=1)
    log.add(50, {"loss/detection": 0.5})
    log.add(100, {"loss/detection": 0.25, "learning rate": 1.0})
    log.close()
    assert _read(tmp_path) == {"loss/detection": [(50, 0.5), (100, 0.25)], "learning rate": [(100, 1.0)]}


def test_a_resumed_run_hides_what_was_logged_after_its_checkpoint(tmp_path):
    pytest.importorskip("tensorboard")
    first = TensorBoardLogger(tmp_path, first_step=1)
    for step in (50, 100, 150):
        first.add(step, {"loss": 1.0})
    first.close()
    time.sleep(1.1)  # Files are read by the second in their names.
    second = TensorBoardLogger(tmp_path, first_step=101)
    second.add(150, {"loss": 2.0})
    second.close()
    assert _read(tmp_path)["loss"] == [(50, 1.0), (100, 1.0), (150, 2.0)]


@pytest.mark.parametrize("folder", ["logs", None])
def test_without_the_package_or_a_folder_it_does_nothing(tmp_path, monkeypatch, folder):
    if folder is not None:
        monkeypatch.setattr(tensorboard_logger, "tensorboard_is_installed", lambda: False)
    log = TensorBoardLogger(folder and tmp_path / folder, first_step=1)
    log.add(1, {"loss": 1.0})
    log.close()
    assert list(tmp_path.iterdir()) == []
