"""Pictures show their faces where the labels say, and are a function of the random numbers."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from face_alignment_3d.errors import DataError
from face_alignment_3d.training.data.photometric import Photometric
from face_alignment_3d.training.detection.labels import load_detection_labels
from face_alignment_3d.training.detection.photos import (
    LabelledPhoto,
    SceneFaces,
    ScenePhotos,
    turned_heads_repeated,
)
from face_alignment_3d.training.detection.scene_batches import SceneBatchMaker
from face_alignment_3d.training.detection.scenes import SceneShares, sample_scene
from tests.training.detection.made_photos import make_data

_PLAIN = Photometric(0, 0, 0, 0, 0, 0, 0, 0)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> ScenePhotos:
    folder = tmp_path_factory.mktemp("scenes")
    make_data(folder / "data", folder / "derived")
    return ScenePhotos.read(folder / "data", load_detection_labels(folder / "derived"))


@pytest.mark.parametrize(
    "shares",
    [
        SceneShares(1, 0, 0, 0),
        SceneShares(0, 1, 0, 0),
        SceneShares(0, 0, 1, 0),
        SceneShares(0, 0, 0, 1),
    ],
    ids=["scene", "portrait", "cutout", "pasted"],
)
def test_what_is_bright_is_a_face_and_the_other_way_round(photos: ScenePhotos, shares: SceneShares) -> None:
    generator = np.random.default_rng(4)
    seen = 0
    for _ in range(40):
        picture, faces = sample_scene(photos, shares, 256, generator)
        bright = picture.min(axis=2) > 180
        inside = np.zeros((256, 256), bool)
        for center, sides, roll, weight in zip(
            faces.boxes.centers, faces.boxes.sides, faces.boxes.rolls, faces.weights, strict=True
        ):
            box = (*(center - 0.5).tolist(),), (*(sides + 4).tolist(),), float(np.rad2deg(roll))
            corners = np.rint(cv2.boxPoints(box)).astype(np.int32)
            mask = cv2.fillConvexPoly(np.zeros((256, 256), np.uint8), corners, 1) > 0
            if weight > 0 and min(sides) > 12:
                seen += 1
                assert bright[mask].mean() > 0.4
            inside |= mask
        assert (bright & ~inside).sum() <= 12 + 0.002 * bright.sum()
    assert seen > 10


def test_pictures_without_faces_have_none(photos: ScenePhotos) -> None:
    generator = np.random.default_rng(1)
    for _ in range(10):
        picture, faces = sample_scene(photos, SceneShares(0, 0, 0, 0), 256, generator)
        assert len(faces) == 0
        assert picture.shape == (256, 256, 3)
        assert picture.max() < 120


def test_a_batch_is_a_function_of_seed_and_step(photos: ScenePhotos) -> None:
    def batch(seed: int, step: int) -> tuple[np.ndarray, np.ndarray]:
        made = SceneBatchMaker(photos, SceneShares(), Photometric(), 128, 4, seed).batch(step)
        return made.pixels.numpy(), made.targets.boxes.numpy()

    for one, other in zip(batch(1, 5), batch(1, 5), strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(batch(1, 5)[0], batch(1, 6)[0])
    assert not np.array_equal(batch(1, 5)[0], batch(2, 5)[0])


def test_photos_that_are_not_the_labelled_ones_are_refused(tmp_path: Path) -> None:
    make_data(tmp_path / "data", tmp_path / "derived")
    labels = load_detection_labels(tmp_path / "derived")
    (tmp_path / "data" / "aflw" / "1.png").write_bytes((tmp_path / "data" / "aflw" / "2.png").read_bytes())
    with pytest.raises(DataError, match=r"1\.png .*got another"):
        ScenePhotos.read(tmp_path / "data", labels)
    (tmp_path / "data" / "faces" / "0.png").unlink()
    with pytest.raises(DataError, match=r"cannot read .*0\.png"):
        ScenePhotos.read(tmp_path / "data", {**labels, "aflw": labels["faces"]})


def test_turned_heads_come_up_more_often() -> None:
    image, none = np.zeros((2, 2, 3), np.uint8), SceneFaces.none()
    photos = [LabelledPhoto(image, none, yaw) for yaw in (0.0, -40.0, 75.0)]
    assert [photo.yaw for photo in turned_heads_repeated(photos)] == [0, -40, -40, 75, 75, 75, 75]
