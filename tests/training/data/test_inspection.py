"""Labels that cannot be right, and the digests of what a run reads."""

import dataclasses
import re

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.transform import Rotation

from face_alignment_3d.errors import DataError
from face_alignment_3d.markup68 import to_68
from face_alignment_3d.pose.mean_face import MEAN_FACE
from face_alignment_3d.training.data.datasets.ibug_pts import open_ibug_pts
from face_alignment_3d.training.data.datasets.plausible import implausible
from face_alignment_3d.training.data.inspection import digests_by_set, inspect_dataset
from face_alignment_3d.training.data.sample import Sample
from face_alignment_3d.training.engine.batches import Pool
from face_alignment_3d.training.engine.run_config_check import check_run_data, data_digests
from face_alignment_3d.training.recipes.chosen_data import load_chosen_data
from face_alignment_3d.training.recipes.paper_config import PAPER

FACE = to_68(MEAN_FACE[:, :2] * 80 + [150, 150])
HIDDEN = FACE.copy()
HIDDEN[:9] = -2.0
TWO_ALIKE = FACE.copy()
TWO_ALIKE[60] = TWO_ALIKE[61]
ONE_HIDDEN = FACE.copy()
ONE_HIDDEN[60] = -2.0


def write(folder, points=FACE, *, seed=0):
    """Three photos of 300 px with ``.pts`` files; number 1 has ``points``."""
    folder.mkdir(exist_ok=True)
    for index in range(3):
        noise = np.random.default_rng(seed + index).integers(0, 255, (300, 300, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{index}.png")
        lines = "".join(f"{x + 1:.3f} {y + 1:.3f}\n" for x, y in (points if index == 1 else FACE))
        (folder / f"{index}.pts").write_text(f"version: 1\nn_points: 68\n{{\n{lines}}}\n")
    return folder


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (
            np.full((68, 2), 100.0),
            r"1\.pts, lines 4, 5, 6, \.\.\. 71; got 68 points .* one spot, x 100",
        ),
        (np.full((68, 2), -1.0), r"1\.pts, lines 4, .*x -1, y -1"),
        (HIDDEN, r"1\.pts, lines 4, 5, 6, \.\.\. 12; got 9 points that lie on one spot, x -2, y -2"),
        (
            ONE_HIDDEN,
            r"1\.pts, line 64; got 1 points that are x -2, y -2 counted from 0, as some tools write",
        ),
        (np.column_stack([np.linspace(50, 200, 68)] * 2), r"1\.pts, .*lie on a line"),
        (np.column_stack([np.linspace(50, 200, 68), np.full(68, 100.0)]), r"1\.pts, .*lie on a line"),
        (FACE + 5000, r"1\.pts, .*outside the photo of 300 x 300"),
        (FACE - [260, 0], r"1\.pts, .*outside the photo"),
        (FACE * 1e6, r"1\.pts, .*spread over .* pixels, in a photo of 300 x 300"),
        (150 + (FACE - 150) * 0.005, r"1\.pts, .*spread over .* pixels"),
    ],
)
def test_labels_that_cannot_be_a_faces_are_refused_by_file_and_line(tmp_path, points, message):
    with pytest.raises(DataError, match=message):
        load_chosen_data([("ibug-pts", write(tmp_path / "set", points))], PAPER)


@pytest.mark.parametrize(
    "points", [FACE, TWO_ALIKE, FACE - [130, 0], FACE + np.array([0, 120]), (FACE - 150) * 2 + 150]
)
def test_labels_that_can(points):
    assert implausible(points, (300, 300)) is None


def _with_z(points_z):
    return np.column_stack([MEAN_FACE[:, :2] * 80 + [150, 150], points_z])


@pytest.mark.parametrize(
    ("z", "reason", "concerned"),
    [
        (MEAN_FACE[:, 2] * 8e7, "have z over", None),  # In other units than x and y.
        (np.where(np.arange(66) == 5, 1e30, MEAN_FACE[:, 2]), "have z over 1e[+]30 pixels", [5]),
        (np.where(np.arange(66) == 7, -32768, MEAN_FACE[:, 2]), "have z over", [7]),
        (np.where(np.arange(66) == 9, np.nan, MEAN_FACE[:, 2]), "are not finite", [9]),
    ],
)
def test_z_that_cannot_be_a_faces(z, reason, concerned):
    found, indices = implausible(_with_z(z), (300, 300))
    assert re.match(reason, found)
    assert concerned is None or indices.tolist() == concerned


@pytest.mark.parametrize("angles", [(0, 0, 0), (90, 0, 0), (0, 90, 0), (45, -60, 30), (-90, 0, 45)])
def test_z_of_a_face_at_any_angle(angles):
    turned = MEAN_FACE @ Rotation.from_euler("xyz", angles, degrees=True).as_matrix().T
    assert implausible(turned * 80 + [150, 150, 1e4], (300, 300)) is None


def test_the_digest_of_a_set_covers_names_labels_and_photos(tmp_path):
    first = inspect_dataset(open_ibug_pts(write(tmp_path / "a")))
    assert inspect_dataset(open_ibug_pts(write(tmp_path / "b"))) == first, "the same, elsewhere"
    assert inspect_dataset(open_ibug_pts(write(tmp_path / "c", FACE + 1))) != first
    assert inspect_dataset(open_ibug_pts(write(tmp_path / "d", seed=7))) != first
    renamed = write(tmp_path / "e")
    for suffix in (".png", ".pts"):
        (renamed / f"2{suffix}").rename(renamed / f"3{suffix}")
    assert inspect_dataset(open_ibug_pts(renamed)) != first


def sample(name, *, gray=0, shift=0.0):
    ones = np.ones(66, np.float32)
    return Sample(name, np.full((4, 4, 3), gray, np.uint8), MEAN_FACE.astype(np.float32) + shift, ones, ones)


def test_samples_in_memory_by_set():
    samples = [sample("helen/a"), sample("lfpw/b"), sample("helen/c")]
    first = digests_by_set(samples)
    assert list(first) == ["helen", "lfpw"]
    for changed in (sample("helen/d"), sample("helen/c", gray=1), sample("helen/c", shift=1.0)):
        other = digests_by_set([*samples[:2], changed])
        assert other["helen"] != first["helen"]
        assert other["lfpw"] == first["lfpw"]
    visible = dataclasses.replace(samples[2], visible=np.ones(66, np.float32))
    assert digests_by_set([*samples[:2], visible])["helen"] != first["helen"]


def test_a_run_does_not_go_on_with_other_data(tmp_path):
    def pools(*samples):
        return [Pool(samples, 1.0, np.full(len(samples), 1 / len(samples)))]

    first = pools(sample("helen/a"), sample("lfpw/b"))
    check_run_data(tmp_path, data_digests(first))
    check_run_data(tmp_path, data_digests(first))
    with pytest.raises(DataError, match="run on other data: lfpw changed"):
        check_run_data(tmp_path, data_digests(pools(sample("helen/a"), sample("lfpw/b", gray=9))))
    with pytest.raises(DataError, match="run on other data: lfpw, youtube changed"):
        check_run_data(tmp_path, data_digests(pools(sample("helen/a"), sample("youtube/b"))))
    with pytest.raises(DataError, match="run on other data: helen changed"):
        check_run_data(tmp_path, data_digests([*first, *pools(sample("helen/c"))]))
    (tmp_path / "data.json").write_text("[1")
    with pytest.raises(DataError, match=r"data\.json is not a record"):
        check_run_data(tmp_path, data_digests(first))


def test_folders_that_a_user_names_are_recorded_by_kind_and_name(tmp_path):
    pools, _ = load_chosen_data([("ibug-pts", write(tmp_path / "mine"))], PAPER)
    (name,) = data_digests(pools)
    assert name == "ibug-pts=mine"
