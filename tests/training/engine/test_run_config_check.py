import dataclasses
import json

import pytest

from face_alignment_3d.errors import DataError
from face_alignment_3d.training.engine.run_config_check import claim_folder
from face_alignment_3d.training.recipes.config import BASE, LITE
from face_alignment_3d.training.recipes.paper_config import END_TO_END, PAPER


@pytest.mark.parametrize("config", [LITE, BASE, PAPER])
def test_the_same_run_may_go_on(tmp_path, config):
    claim_folder(tmp_path, config)
    first = (tmp_path / "config.json").read_bytes()
    claim_folder(tmp_path, config)
    assert (tmp_path / "config.json").read_bytes() == first
    assert json.loads(first)["preset"] == config.preset


def test_another_run_is_refused_by_the_names_of_what_differs(tmp_path):
    claim_folder(tmp_path, LITE)
    other = dataclasses.replace(LITE, seed=2, geometric=dataclasses.replace(LITE.geometric, roll=5.0))
    with pytest.raises(DataError, match="another geometric, seed; resume it with the same settings"):
        claim_folder(tmp_path, other)


def test_how_long_and_how_often_may_change(tmp_path):
    claim_folder(tmp_path, LITE)
    claim_folder(tmp_path, dataclasses.replace(LITE, steps=20_000, validate_every=5, checkpoint_seconds=1.0))


def test_a_setting_that_did_not_exist_yet_counts_as_its_default(tmp_path):
    claim_folder(tmp_path, LITE)
    path = tmp_path / "config.json"
    older = json.loads(path.read_text())
    del older["made_taught_share"], older["photometric"]["shade"]
    path.write_text(json.dumps(older))
    claim_folder(tmp_path, LITE)
    path.write_text(json.dumps(older))
    with pytest.raises(DataError, match="another made_taught_share"):
        claim_folder(tmp_path, dataclasses.replace(LITE, made_taught_share=0.1))


def test_stages_may_be_appended_but_not_changed(tmp_path):
    claim_folder(tmp_path, PAPER)
    claim_folder(tmp_path, dataclasses.replace(PAPER, stages=(*PAPER.stages, END_TO_END)))
    with pytest.raises(DataError, match="another stages"):
        claim_folder(tmp_path, PAPER)


def test_a_broken_note_is_named(tmp_path):
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(DataError, match=r"config\.json is not JSON"):
        claim_folder(tmp_path, LITE)
