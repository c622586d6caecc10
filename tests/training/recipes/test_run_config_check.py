import dataclasses
import json

import pytest

from face_alignment_3d.errors import DataError
from face_alignment_3d.training.recipes.config import BASE, LITE
from face_alignment_3d.training.recipes.paper_config import END_TO_END, PAPER
from face_alignment_3d.training.recipes.recipe import check_run_folder


@pytest.mark.parametrize("config", [LITE, BASE, PAPER])
def test_the_same_run_may_go_on(tmp_path, config):
    check_run_folder(tmp_path, config)
    first = (tmp_path / "config.json").read_bytes()
    check_run_folder(tmp_path, config)
    assert (tmp_path / "config.json").read_bytes() == first
    assert json.loads(first)["preset"] == config.preset


def test_another_run_is_refused_by_the_names_of_what_differs(tmp_path):
    check_run_folder(tmp_path, LITE)
    other = dataclasses.replace(LITE, seed=2, geometric=dataclasses.replace(LITE.geometric, roll=5.0))
    with pytest.raises(DataError, match="another geometric, seed; resume it with the same settings"):
        check_run_folder(tmp_path, other)


def test_how_long_and_how_often_may_change(tmp_path):
    check_run_folder(tmp_path, LITE)
    check_run_folder(
        tmp_path, dataclasses.replace(LITE, steps=20_000, validate_every=5, checkpoint_seconds=1.0)
    )


def test_a_setting_that_did_not_exist_yet_counts_as_its_default(tmp_path):
    check_run_folder(tmp_path, LITE)
    path = tmp_path / "config.json"
    older = json.loads(path.read_text())
    del older["trained"], older["geometric"]["wide_roll"]
    path.write_text(json.dumps(older))
    check_run_folder(tmp_path, LITE)
    path.write_text(json.dumps(older))
    other = dataclasses.replace(LITE.geometric, wide_roll=90.0)
    with pytest.raises(DataError, match="another geometric, trained;"):
        check_run_folder(tmp_path, dataclasses.replace(LITE, trained=("depth",), geometric=other))


def test_stages_may_be_appended_but_not_changed(tmp_path):
    check_run_folder(tmp_path, PAPER)
    check_run_folder(tmp_path, dataclasses.replace(PAPER, stages=(*PAPER.stages, END_TO_END)))
    with pytest.raises(DataError, match="another stages"):
        check_run_folder(tmp_path, PAPER)


def test_a_broken_note_is_named(tmp_path):
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(DataError, match=r"config\.json is not JSON"):
        check_run_folder(tmp_path, LITE)
