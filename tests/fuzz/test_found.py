"""Faults that fuzzing, and reading the code for it, has found; each stays repaired."""

import gzip
import io
import json
import math
import re
import tarfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from face_alignment_3d import (
    BatchError,
    BoxError,
    DataError,
    Detection,
    Face3D,
    FaceAlignmentError,
    ImageError,
    LandmarksError,
    VideoError,
    WeightsError,
)
from face_alignment_3d.arkit import BLENDSHAPES
from face_alignment_3d.batch import AlignImages
from face_alignment_3d.batch.destination import Destination
from face_alignment_3d.batch.reading import ItemReader
from face_alignment_3d.batch.sources import Source
from face_alignment_3d.batch.state import done_tasks, read_manifest
from face_alignment_3d.blendshapes import BlendshapeEstimator, Blendshapes
from face_alignment_3d.boxes import as_boxes, detected_boxes
from face_alignment_3d.cli.boxes_file import BoxesFile
from face_alignment_3d.crop import Crop, block_mean, crop_around
from face_alignment_3d.detection.mtcnn import MTCNNDetector
from face_alignment_3d.draw import draw_landmarks, draw_text
from face_alignment_3d.export import (
    FrameFaces,
    PhotoFaces,
    VideoInfo,
    write_gltf,
    write_json,
    write_obj,
    write_ply,
    write_pts,
)
from face_alignment_3d.heatmap import render_gaussians, window
from face_alignment_3d.images import as_rgb
from face_alignment_3d.markup68 import in_markup
from face_alignment_3d.pose import Camera, estimate_pose, measure_face, solve_perspective
from face_alignment_3d.pose.mean_face import MEAN_FACE
from face_alignment_3d.training.data.datasets.ibug_pts import read_pts
from face_alignment_3d.video import LandmarkSmoother
from face_alignment_3d.video import reader as video_reader
from face_alignment_3d.video.reader import VideoReader
from face_alignment_3d.view import ResultFile
from face_alignment_3d.weights.manifest import load_manifest, manifest_path
from tests.fuzz import file_targets

_NAN = math.nan


def _face(**changes: Any) -> Face3D:
    points = (MEAN_FACE * 40 + [60, 60, 0]).astype(np.float32)
    fields = {
        "landmarks": points,
        "confidence": np.full(66, 0.5, np.float32),
        "box": np.float32([20, 20, 100, 100]),
        "score": 0.9,
    }
    return Face3D(**(fields | changes))


def _broken_face() -> Face3D:
    points = (MEAN_FACE * 40).astype(np.float32)
    points[3, 1] = _NAN
    return _face(landmarks=points)


# Images


def test_masked_pixels_were_taken_for_pixels() -> None:
    masked = np.ma.masked_array(np.zeros((5, 5, 3), np.uint8), mask=np.eye(5)[:, :, None] * np.ones(3))
    with pytest.raises(ImageError, match=r"masked pixels; use image\.filled"):
        as_rgb(masked)


def test_a_nested_tensor_has_no_shape() -> None:
    with pytest.raises(ImageError, match="nested"):
        as_rgb(torch.nested.nested_tensor([torch.zeros(3, 4), torch.zeros(2, 4)]))


@pytest.mark.filterwarnings("error")
def test_floats_beyond_single_precision_warned_of_an_overflow() -> None:
    with pytest.raises(ImageError, match="finite"):
        as_rgb(np.full((3, 3), 1e300))


def test_postscript_is_not_run(tmp_path: Path) -> None:
    Image.new("RGB", (9, 7)).save(tmp_path / "x.jpg", "EPS")
    with pytest.raises(ImageError, match=r"x\.jpg: .*program .*EPS.*convert it to PNG"):
        as_rgb(tmp_path / "x.jpg")


def test_colors_that_pillow_cannot_convert_are_not_called_damage(tmp_path: Path) -> None:
    Image.new("LAB", (9, 7)).save(tmp_path / "x.tif")
    try:
        assert as_rgb(tmp_path / "x.tif").shape == (7, 9, 3)
    except ImageError as error:
        assert "LAB" in str(error)  # noqa: PT017
        assert "damaged" not in str(error)  # noqa: PT017


def test_a_detector_divided_by_the_sides_of_nothing() -> None:
    with pytest.raises(ImageError, match=r"at least one pixel; got uint8 \(0, 0, 3\)"):
        MTCNNDetector().detect(np.zeros((0, 0, 3), np.uint8))


# Boxes


@pytest.mark.parametrize("box", [[1e30, 1e30, 2e30, 2e30], [-3e38, 0, 3e38, 9], [0, 0, 2**24 + 2, 9]])
def test_boxes_so_far_away_gave_landmarks_without_precision_or_infinite(box: list[float]) -> None:
    with pytest.raises(BoxError, match="from -16777216 to 16777216; box 0 is"):
        as_boxes([box])


@pytest.mark.parametrize(
    "boxes",
    [
        torch.zeros((1, 4), device="meta"),
        torch.zeros((1, 4)).to_sparse(),
        [torch.zeros(4, device="meta")],
        [[10**400, 1.5, 2, 3]],
        np.ma.masked_array([[1.0, 2, 30, 40]], mask=[[0, 1, 0, 0]]),
    ],
)
def test_boxes_without_numbers(boxes: Any) -> None:
    with pytest.raises(BoxError, match="boxes must have shape"):
        as_boxes(boxes)


@pytest.mark.parametrize(
    ("score", "roll"), [("high", 0.0), (_NAN, 0.0), (0.9, _NAN), (0.9, math.inf), (None, 0.0)]
)
def test_a_detectors_score_and_roll_must_be_numbers(score: Any, roll: float) -> None:
    class Detector:
        def detect(self, image_rgb: Any) -> list[Detection]:
            return [Detection(np.float32([1, 2, 30, 40]), score, roll)]

    (found,) = detected_boxes(Detector(), [np.zeros((50, 50, 3), np.uint8)])
    assert isinstance(found, BoxError)
    assert re.search("from the detector: (score|roll) must be a finite number", str(found))


@pytest.mark.parametrize("name", ["a\\u0000.jpg", "a\\ud800.jpg"])
def test_names_that_no_file_can_have(tmp_path: Path, name: str) -> None:
    (tmp_path / "b.json").write_text(f'{{"{name}": [1, 2, 30, 40]}}')
    with pytest.raises(BoxError, match="which no file can have"):
        BoxesFile(tmp_path / "b.json").of(Path("x.jpg"))


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a.jpg": [1, 2, 3, ' + "9" * 5000 + "]}", '{"a": [1, 2, 1e999, 3]}']
)
def test_json_that_pythons_parser_gives_up(tmp_path: Path, text: str) -> None:
    (tmp_path / "b.json").write_text(text)
    with pytest.raises(BoxError, match=r"b\.json") as caught:
        BoxesFile(tmp_path / "b.json")
    assert len(str(caught.value)) < 1000


def test_a_cell_beyond_the_limit_of_csv(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text(f"a.jpg,1,2,30,40\n{'x' * 200_000},1,2,3,4\n")
    with pytest.raises(BoxError, match="line 2: not CSV"):
        BoxesFile(tmp_path / "b.csv")


# Crops


@pytest.mark.parametrize("box", [[9, 9, 3, 3], [5, 5, 5, 5], [0, 0, _NAN, 5], [0, 0, math.inf, 5]])
def test_an_inverted_box_gave_a_window_of_negative_size(box: list[float]) -> None:
    with pytest.raises(BoxError, match="side above 0"):
        crop_around(np.array(box, np.float64), size=32, crop_scale=1.25)


@pytest.mark.parametrize(
    "image", [np.zeros((0, 5, 3), np.uint8), np.zeros((5, 5), np.uint8), np.zeros((5, 5, 3))]
)
def test_crops_of_what_is_no_photo(image: Any) -> None:
    with pytest.raises(ImageError, match=r"\(H, W, 3\) uint8"):
        Crop(2, 2, 4, 8).sample(image)


@pytest.mark.parametrize("shape", [(1, 3000), (3000, 1), (7, 2500), (900, 1100)])
@pytest.mark.parametrize("block", [901, 2999])
def test_blocks_larger_than_the_photo_are_averaged_without_filling_them_up(
    shape: tuple[int, int], block: int
) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    down, across = -shape[0] % block, -shape[1] % block
    filled = np.pad(image, ((0, down), (0, across), (0, 0)), mode="edge").astype(np.float64)
    rows, columns = filled.shape[0] // block, filled.shape[1] // block
    expected = filled.reshape(rows, block, columns, block, 3).mean(axis=(1, 3))
    assert np.abs(block_mean(image, block) - expected).max() <= 0.51


# Faces, drawings and files


@pytest.mark.parametrize(
    "change",
    [
        {"landmarks": np.zeros((68, 3), np.float32)},
        {"landmarks": [[0.0, 0.0, 0.0]] * 66},
        {"confidence": np.zeros(5, np.float32)},
        {"box": np.zeros((1, 4), np.float32)},
        {"visibility": np.zeros(68, np.float32)},
        {"confidence": None},
    ],
)
def test_a_face_of_other_shapes_failed_far_from_where_it_was_made(change: dict[str, Any]) -> None:
    with pytest.raises(LandmarksError, match=f"{next(iter(change))} of a face must be an array of shape"):
        _face(**change)


def test_landmarks_that_are_not_finite_were_drawn_and_written(tmp_path: Path) -> None:
    picture, broken = np.zeros((99, 99, 3), np.uint8), _broken_face()
    photo = PhotoFaces("x.jpg", 99, 99, [broken])
    for call in (
        lambda: draw_landmarks(picture, [broken], ids=True),
        lambda: write_json(tmp_path / "x.json", photo),
        lambda: write_obj(tmp_path / "x.obj", photo),
        lambda: write_ply(tmp_path / "x.ply", photo),
        lambda: write_pts(tmp_path / "x.pts", broken),
    ):
        with pytest.raises(LandmarksError, match="landmarks of a face must be finite"):
            call()
    assert not list(tmp_path.iterdir())


def test_confidence_that_is_not_finite_is_no_json(tmp_path: Path) -> None:
    face = _face(confidence=np.full(66, _NAN, np.float32))
    with pytest.raises(LandmarksError, match="confidence of a face must be finite"):
        write_json(tmp_path / "x.json", PhotoFaces("x.jpg", 99, 99, [face]))


@pytest.mark.parametrize("height", [0.0, -1.0, 1e-9, _NAN])
def test_text_of_no_height_took_all_memory(height: float) -> None:
    with pytest.raises(ValueError, match="height must be at least 1 pixel"):
        draw_text(np.zeros((20, 20, 3), np.uint8), "7", (1, 9), height)


def test_a_head_too_far_away_for_single_precision(tmp_path: Path) -> None:
    face = _face(landmarks=(MEAN_FACE * 1e-30 + [1e9, 0, 0]).astype(np.float32))
    with pytest.raises(LandmarksError):
        write_gltf(tmp_path / "x.glb", [face], height=100, width=100)


@pytest.mark.parametrize("time", [_NAN, math.inf, 1e300])
def test_frames_without_a_time(time: float) -> None:
    with pytest.raises(ValueError, match="time must be in seconds"):
        FrameFaces(0, time, 10, 10, [])
    with pytest.raises(ValueError, match="start must be in seconds"):
        VideoInfo("x.mp4", 10, 10, start=time)


# Numbers


def test_points_of_another_number_passed_as_66() -> None:
    with pytest.raises(LandmarksError, match=r"\(\.\.\., 66, D\); got \(68, 3\)"):
        in_markup(np.zeros((68, 3)), "66")


@pytest.mark.parametrize("scale", [1e100, 1e200, _NAN])
def test_measures_of_no_coordinates(scale: float) -> None:
    for measure in (measure_face, estimate_pose):
        with pytest.raises(LandmarksError, match="finite"):
            measure(MEAN_FACE * scale)


def test_a_view_without_width() -> None:
    with pytest.raises(ValueError, match="horizontal field of view"):
        Camera.from_field_of_view(5e-324, height=10, width=10)
    with pytest.raises(ValueError, match="camera needs numbers"):
        Camera(fx=5e-324, fy=1.0, cx=1.0, cy=1.0, width=10, height=10)


def test_a_face_that_no_camera_sees() -> None:
    camera = Camera(fx=1e-3, fy=1e12, cx=1e12, cy=-1e12, width=10, height=10)
    for scale, shift in ((1e-30, 1e12), (1e30, 0.0), (1e12, -1e6)):
        with pytest.raises(LandmarksError):
            solve_perspective(MEAN_FACE * scale + shift, camera)


@pytest.mark.parametrize("std", [0.0, -1.0, 5e-324, 1e300, _NAN])
def test_gaussians_without_width(std: float) -> None:
    with pytest.raises(ValueError, match="std must be above 0"):
        render_gaussians(torch.zeros(1, 1, 2), size=(4, 4), std=std)


def test_a_window_of_millions_of_cells() -> None:
    with pytest.raises(ValueError, match="radius must be from 1 to 1000"):
        window(torch.zeros(1, 1, 2), size=(4, 4), radius=1e6)


@pytest.mark.parametrize(
    ("points", "confidence", "message"),
    [
        (np.zeros((0, 3)), np.zeros(0), "N >= 4"),
        (np.zeros((5, 3)), np.zeros(66), r"confidence must be finite and of shape \(5,\)"),
        (np.full((5, 3), 1e300), np.zeros(5), "beyond 1e"),
        (np.zeros((5, 3)), np.full(5, _NAN), "confidence must be finite"),
    ],
)
def test_a_smoother_takes_landmarks_only(points: Any, confidence: Any, message: str) -> None:
    with pytest.raises(LandmarksError, match=message):
        LandmarkSmoother().update(points, confidence, time=0.0)


def test_a_smoother_that_began_at_no_time_never_went_on() -> None:
    with pytest.raises(ValueError, match="time must be in seconds"):
        LandmarkSmoother().update(MEAN_FACE, np.ones(66), time=_NAN)


def test_another_number_of_landmarks_midway() -> None:
    smoother = LandmarkSmoother()
    smoother.update(MEAN_FACE, np.ones(66), time=0.0)
    with pytest.raises(LandmarksError, match="landmarks must be 66"):
        smoother.update(MEAN_FACE[:9], np.ones(9), time=0.1)


@pytest.mark.parametrize("values", [{}, b"abc", None, np.zeros(52, complex), ["x"] * 52, [10**400] * 52])
def test_blendshapes_of_no_numbers(values: Any) -> None:
    with pytest.raises(ValueError, match="values must"):
        Blendshapes(values)


def test_eyes_without_width_gave_blendshapes_that_are_nan() -> None:
    flat = (MEAN_FACE * 40 + [60, 60, 0]).astype(np.float32)
    flat[36] = flat[39]
    with pytest.raises(LandmarksError, match="eyes without a width"):
        BlendshapeEstimator().estimate(_face(landmarks=flat))
    assert len(BLENDSHAPES) == 52


# Files


def _result(**changes: Any) -> bytes:
    content = json.loads(file_targets._result())
    content["faces"][0] |= changes
    return json.dumps(content).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000,
        file_targets._result().replace(b'"width": 130', b'"width": Infinity'),
        file_targets._result().replace(b'"width": 130', b'"width": -5'),
        _result(pose={"yaw": 1}),
        _result(pose=[1, 2]),
        _result(confidence=[0.5]),
        _result(confidence=[_NAN] * 66),
        _result(blendshapes={"jawOpen": "wide"}),
        _result(track_id=[1]),
    ],
)
def test_result_files_that_failed_when_they_were_shown(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(FaceAlignmentError, match="expected a JSON file that align or video wrote"):
        ResultFile(tmp_path / "x.json")


def test_a_result_of_a_photo_with_a_name_that_is_too_long(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(file_targets._result().replace(b'"a.jpg"', b'"' + b"a" * 5000 + b'"'))
    assert ResultFile(tmp_path / "x.json").source is None


@pytest.mark.parametrize("content", [b"[" * 100_000, None])
def test_manifests_that_pythons_parser_gives_up(tmp_path: Path, content: bytes | None) -> None:
    if content is None:  # A metric with a number of 400 digits, which is finite.
        manifest = json.loads(manifest_path().read_text())
        manifest["weights"][0]["metrics"] = {"error": 10**400}
        content = json.dumps(manifest).encode()
        (tmp_path / "m.json").write_bytes(content)
        assert load_manifest(tmp_path / "m.json")
        return
    (tmp_path / "m.json").write_bytes(content)
    with pytest.raises(WeightsError, match="not JSON"):
        load_manifest(tmp_path / "m.json")


@pytest.mark.parametrize(
    "damage", ['"tasks": "3"', '"tasks": -1', '"counts": [1]', '"complete": 7', '"source": null']
)
def test_a_batch_manifest_with_other_values(tmp_path: Path, damage: str) -> None:
    name = damage.split(":", maxsplit=1)[0]
    manifest = json.loads(file_targets._BATCH)
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    assert read_manifest(Destination(str(tmp_path))) is not None
    text = re.sub(name + r": (\d+|\{[^}]*\}|false|\"[^\"]*\")", damage, json.dumps(manifest))
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(BatchError, match=r"manifest\.json in .* is not one of a batch"):
        read_manifest(Destination(str(tmp_path)))


@pytest.mark.parametrize(
    "mark", [b"", b"[" * 100_000, b"[]", b'{"bytes": {}}', b'{"bytes": {}, "counts": {"x": 1}}']
)
def test_a_damaged_mark_has_its_task_done_anew(tmp_path: Path, mark: bytes) -> None:
    (tmp_path / "_state" / "done").mkdir(parents=True)
    (tmp_path / "_state" / "done" / "part-000000.json").write_bytes(mark)
    for table in ("faces", "images", "failures"):
        (tmp_path / table).mkdir()
    assert done_tasks(Destination(str(tmp_path))) == {}


def test_lines_of_landmark_files_are_not_repeated_in_full(tmp_path: Path) -> None:
    (tmp_path / "x.pts").write_text("version: 2" + "x" * 5000)
    with pytest.raises(DataError, match=r"x\.pts, line 1") as caught:
        read_pts(tmp_path / "x.pts")
    assert len(str(caught.value)) < 1000


def test_a_compressed_archive_that_is_damaged_midway(tmp_path: Path) -> None:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:xz") as archive:
        for name in ("a.jpg", "b.jpg"):
            member = tarfile.TarInfo(name)
            member.size = 50_000
            archive.addfile(member, io.BytesIO(np.random.default_rng(0).bytes(50_000)))
    damaged = bytearray(content.getvalue())
    damaged[-40_000:-39_000] = bytes(1000)
    (tmp_path / "x.tar.xz").write_bytes(damaged)
    with ItemReader(str(tmp_path / "x.tar.xz")) as reader:
        for item in Source(str(tmp_path / "x.tar.xz"), videos=False).items():
            with pytest.raises(ImageError):  # noqa: PT012
                reader.picture(item)
                raise ImageError("it could be read")


def test_a_header_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 7 << 30
    (tmp_path / "x.tar.gz").write_bytes(gzip.compress(header.tobuf(tarfile.USTAR_FORMAT) + bytes(1 << 20)))
    (item,) = Source(str(tmp_path / "x.tar.gz"), videos=False).items()
    assert item.problem is not None
    assert "a header of" in item.problem


def test_a_video_of_unknown_coding(tmp_path: Path) -> None:
    content = file_targets._video_file()
    (tmp_path / "x.mp4").write_bytes(content.replace(b"avc1\0", b"zzzz\0"))
    with pytest.raises(VideoError, match=r"FFmpeg does not know|cannot be read|no pictures"):
        VideoReader(tmp_path / "x.mp4")


def test_frames_of_any_size_were_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.mp4").write_bytes(file_targets._video_file())
    monkeypatch.setattr(video_reader, "_MOST_PIXELS", 1000)
    with pytest.raises(VideoError, match=r"at most .* megapixels; got 48 x 32"):
        VideoReader(tmp_path / "x.mp4")


def test_a_column_that_arrow_cannot_hold() -> None:
    class Nobody:
        def open(self, *, threads: int, index: int = 0) -> Any:
            return SimpleNamespace(device="cpu")

    batch = {"image": np.array([None]), "odd": np.array([object()])}
    with pytest.raises(BatchError, match=r"the column odd cannot be kept.*leave it out"):
        AlignImages(Nobody())(batch)  # type: ignore[arg-type]
