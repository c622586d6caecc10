import json
from dataclasses import replace

import numpy as np
import pytest

from face_alignment_3d.crop import rescale
from face_alignment_3d.errors import DataError
from face_alignment_3d.markup import FROM_68
from face_alignment_3d.training.data.datasets.teachers import open_teacher_labelled_faces
from face_alignment_3d.training.data.teacher_labelled_photos import read_shrunk, select
from face_alignment_3d.training.labels import pseudo_labels, views
from face_alignment_3d.training.labels.agreement import LabelSource
from face_alignment_3d.training.labels.labels import load_labels
from face_alignment_3d.training.labels.pseudo_label_report import (
    pseudo_label_report,
    pseudo_label_sheet,
    pseudo_label_table,
)
from face_alignment_3d.training.labels.pseudo_labels import (
    Network,
    describe_source,
    is_made,
    make_pseudo_labels,
    remove_parts,
    save_pseudo_labels,
)
from face_alignment_3d.training.labels.views import ensemble_views
from tests.training.small_cascade import seeded_cascade
from tests.training.synthetic_faces import mean_face, posed_faces, write_faces

COUNT = 30
MEAN = mean_face()[FROM_68]
VIEWS = ensemble_views(4)
NETWORKS = [Network(f"net{i}", f"{i}" * 64, seeded_cascade(i)) for i in (1, 2)]


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """Thirty faces with agreeing teachers, the last five turned far."""
    data = tmp_path_factory.mktemp("data")
    points, angles = posed_faces(COUNT, seed=7, yaw=20.0, roll=5.0)
    yaw = angles[:, 1]
    yaw[-5:] = 60.0
    write_faces(data, points, yaw=yaw)
    return open_teacher_labelled_faces(data)


@pytest.fixture
def small_parts(monkeypatch):
    """Eight faces in a part, so that there are four of them."""
    monkeypatch.setattr(pseudo_labels, "_PART", 8)


def test_an_interrupted_run_goes_on_and_ends_as_an_uninterrupted_one(faces, tmp_path, small_parts):
    whole = make_pseudo_labels(faces, NETWORKS, VIEWS, MEAN, tmp_path / "whole")
    calls = []

    def stop_after_two(done):
        calls.append(done)
        if len(calls) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_pseudo_labels(faces, NETWORKS, VIEWS, MEAN, tmp_path / "prune", progress=stop_after_two)
    parts = sorted((tmp_path / "prune").rglob("*.npz"))
    assert [part.name for part in parts] == ["000000.npz", "000008.npz"]
    made_at = [part.stat().st_mtime_ns for part in parts]
    resumed = make_pseudo_labels(faces, NETWORKS, VIEWS, MEAN, tmp_path / "prune")
    assert [part.stat().st_mtime_ns for part in parts] == made_at
    for first, second in zip(whole.fused_labels.labels, resumed.fused_labels.labels, strict=True):
        np.testing.assert_array_equal(first, second)
    assert whole.source == resumed.source


def test_a_broken_part_is_made_again(faces, tmp_path, small_parts):
    whole = make_pseudo_labels(faces, NETWORKS[:1], VIEWS, MEAN, tmp_path)
    part = sorted(tmp_path.rglob("*.npz"))[1]
    part.write_bytes(part.read_bytes()[:1000])
    again = make_pseudo_labels(faces, NETWORKS[:1], VIEWS, MEAN, tmp_path)
    np.testing.assert_array_equal(whole.fused_labels.own, again.fused_labels.own)


def test_another_ensemble_does_not_take_the_parts_of_this_one(faces, tmp_path):
    first = make_pseudo_labels(faces, NETWORKS[:1], VIEWS, MEAN, tmp_path)
    second = make_pseudo_labels(faces, NETWORKS[1:], VIEWS, MEAN, tmp_path)
    assert np.abs(first.fused_labels.own - second.fused_labels.own).max() > 0.1
    assert len(list(tmp_path.iterdir())) == 2
    remove_parts(tmp_path, first.source)
    assert len(list(tmp_path.iterdir())) == 1
    remove_parts(tmp_path, second.source)
    assert not tmp_path.exists()


def test_own_points_are_the_mean_over_networks_and_views(faces, tmp_path):
    few = select(faces, [3, 5])
    apart = [make_pseudo_labels(few, [net], VIEWS, MEAN, tmp_path).fused_labels.own for net in NETWORKS]
    together = make_pseudo_labels(few, NETWORKS, VIEWS, MEAN, tmp_path).fused_labels.own
    np.testing.assert_allclose(together, np.mean(apart, axis=0), atol=1e-3)


@pytest.mark.parametrize("change", ["weights", "views", "faces"])
def test_the_source_names_what_decides_the_looks(faces, change):
    networks = [replace(NETWORKS[0], sha256="f" * 64)] if change == "weights" else NETWORKS[:1]
    given = ensemble_views(5) if change == "views" else VIEWS
    shown = select(faces, range(3)) if change == "faces" else faces
    source = describe_source(NETWORKS[:1], VIEWS, faces)
    assert source != describe_source(networks, given, shown)
    assert source == describe_source(NETWORKS[:1], VIEWS, faces)
    assert source["weights"] == [{"name": "net1", "sha256": "1" * 64}]
    json.dumps(source)


@pytest.mark.parametrize("missing", ["networks", "faces"])
def test_nothing_to_do_is_an_error(faces, tmp_path, missing):
    with pytest.raises(DataError, match="at least one network and one face"):
        make_pseudo_labels(
            select(faces, []) if missing == "faces" else faces,
            [] if missing == "networks" else NETWORKS,
            VIEWS,
            MEAN,
            tmp_path,
        )


@pytest.fixture
def made(faces, tmp_path, monkeypatch):
    """By a network that is right about all faces but the first, on which its looks are far apart."""

    def predict(cascade, images, crops, *, mirrored, bf16):
        assert len(images) == len(crops) == COUNT  # All in one part, in their order; none needs shrinking.
        generator = np.random.default_rng(round(1e6 * crops[0].side))
        points = faces.tddfa + generator.normal(size=faces.tddfa.shape) * 0.2
        points[0] += generator.normal(size=(66, 3)) * 20
        return points.astype(np.float32)

    monkeypatch.setattr(views, "predict", predict)
    return make_pseudo_labels(faces, NETWORKS[:1], VIEWS, MEAN, tmp_path / "parts")


def test_the_file_holds_labels_for_training(made, faces, tmp_path):
    path = tmp_path / "pseudo_labels.npz"
    save_pseudo_labels(path, made)
    labels = load_labels(path, count=COUNT, names=faces.names)
    for saved, read in zip(made.fused_labels.labels, labels, strict=True):
        np.testing.assert_array_equal(saved, read)
    load_labels(path, count=COUNT)
    with pytest.raises(DataError, match="other faces"):
        load_labels(path, count=COUNT, names=faces.names[::-1])
    with pytest.raises(DataError, match=r"points of shape"):
        load_labels(path, count=COUNT + 1)


def test_a_file_is_known_by_its_source(made, faces, tmp_path):
    path = tmp_path / "pseudo_labels.npz"
    source = describe_source(NETWORKS[:1], VIEWS, faces)
    assert not is_made(path, source)
    save_pseudo_labels(path, made)
    assert is_made(path, source)
    assert not is_made(path, describe_source(NETWORKS, VIEWS, faces))
    path.write_bytes(path.read_bytes()[:500])
    assert not is_made(path, source)


def test_the_report_counts_every_face_once(made):
    report = pseudo_label_report(made)
    counts = {
        label_source.name.lower(): report["all"][label_source.name.lower()] for label_source in LabelSource
    }
    assert counts == {"own": 24, "blended": 5, "teachers": 1, "rejected": 0}
    for groups in (report["by_set"], report["by_yaw"]):
        assert sum(group["faces"] for group in groups.values()) == COUNT
    assert report["by_yaw"]["60 to 75"]["blended"] == 5
    assert report["all"]["from_mediapipe_percent"]["0.5"] < 1
    assert report["by_yaw"]["60 to 75"]["from_mediapipe_percent"] is None
    assert report["offsets"]["mediapipe"]["length_percent"]["inner"] < 0.5
    assert json.loads(json.dumps(report, allow_nan=False)) == json.loads(json.dumps(report))
    table = pseudo_label_table(report)
    assert [line.split()[:6] for line in table.splitlines() if line.startswith("all ")] == [
        ["all", "30", "24", "5", "1", "0"]
    ]
    without = pseudo_label_table(pseudo_label_report(replace(made, offsets=None)))
    assert "MediaPipe was not asked" in without


def test_the_sheet_shows_faces_of_every_label_source(made, faces):
    sheet = pseudo_label_sheet(faces, made, each=3)
    assert sheet.shape == (240, 7 * 220, 3)  # Three own, three blended, one of the teachers'.
    for column in range(7):
        tile = sheet[:220, 220 * column : 220 * (column + 1)].astype(int)
        green = np.abs(tile - [90, 255, 130]).sum(axis=-1) < 60
        assert green.mean() > 0.002


def test_photos_are_shrunk_as_in_training(faces):
    images, scales = read_shrunk(faces, face_size=60)
    sides = np.ptp(faces.tddfa[..., :2], axis=1).max(axis=1)
    assert (scales < 1).all()
    for index, (image, scale) in enumerate(zip(images, scales, strict=True)):
        height = faces.image(index).shape[0]
        assert scale == pytest.approx(60 / sides[index], rel=0.02)
        assert image.shape[0] == round(height * scale)
        # A dot is where the labels say, in the shrunk photo too.
        x, y = np.rint(rescale(faces.tddfa[index, 30, :2], float(scale))).astype(int)
        assert np.abs(image[y, x].astype(int) - 60).max() > 20


def test_select_keeps_everything_of_a_face_together(faces):
    chosen = select(faces, [4, 1])
    assert chosen.names == (faces.names[4], faces.names[1])
    for name in ("tddfa", "mediapipe", "yaw", "disagreement"):
        np.testing.assert_array_equal(getattr(chosen, name), getattr(faces, name)[[4, 1]])
