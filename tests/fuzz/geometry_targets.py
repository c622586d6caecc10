"""Crops, heatmaps, poses, cameras, smoothing, blendshapes: functions of numbers."""

from functools import cache
from typing import Any, Final

import numpy as np
import torch
from hypothesis import strategies as st

from face_alignment_3d import heatmap
from face_alignment_3d.arkit import BLENDSHAPES, require_blendshapes
from face_alignment_3d.blendshapes import BlendshapeEstimator, Blendshapes
from face_alignment_3d.crop import Crop, crop_around
from face_alignment_3d.export import LiveLinkFrame
from face_alignment_3d.markup68 import in_markup, values_in_markup
from face_alignment_3d.pose import (
    Camera,
    canonical_points,
    estimate_pose,
    landmarks_metric,
    measure_face,
    solve_perspective,
)
from face_alignment_3d.pose.mean_face import MEAN_FACE
from face_alignment_3d.video import LandmarkSmoother, Smoothing
from tests.fuzz import ugly
from tests.fuzz.target import Target

_NUMBERS: Final = ugly.mostly(st.floats(1, 300), ugly.numbers)


def _crop(case: Any) -> None:
    image, box, size, scale, angle = case
    with np.errstate(over="ignore"):
        crop = crop_around(np.array(box, np.float64), size=size, crop_scale=scale, angle=angle)
    assert crop.side > 0
    assert crop.sample(image).shape == (size, size, 3)
    points = np.array([[0.0, 0, 0], [size - 1, size - 1, 5]])
    if crop.side < 1e6 and max(abs(crop.center_x), abs(crop.center_y)) < 1e6 and crop.side > 1e-3:
        np.testing.assert_allclose(crop.to_crop(crop.to_image(points)), points, atol=1e-3)


def _window(case: Any) -> None:
    image, (x, y, side, angle), size = case
    assert Crop(x, y, side, size, angle).sample(image).shape == (size, size, 3)


def _heatmaps(case: Any) -> None:
    points, (height, width), std, radius = case
    given = torch.tensor(points).reshape(1, -1, 2)
    maps = heatmap.render_gaussians(given, size=(height, width), std=std)
    assert maps.shape == (1, given.shape[1], height, width)
    finite = torch.isfinite(given).all(dim=-1)[0]
    assert torch.isfinite(maps[0, finite]).all()
    around = heatmap.window(given, size=(height, width), radius=radius)
    assert heatmap.sample(maps, around).shape == given.shape[:2]
    assert torch.isfinite(heatmap.sample(maps, around)[0, finite]).all()
    share = heatmap.mass_near(heatmap.normalize(maps), around)[0, finite]
    assert ((share >= 0) & (share <= 1.001)).all()
    found = heatmap.expectation(heatmap.keep_peak(maps, radius=radius))[0]
    assert ((found[finite] >= 0) & (found[finite] <= max(height, width))).all()
    last = torch.tensor([width - 1, height - 1])
    inside = finite & ((given[0] > 3 * std) & (given[0] < last - 3 * std)).all(dim=-1)
    if 0.8 <= std <= 3 and radius >= 2 * std:
        assert ((found[inside] - given[0, inside]).abs() < 0.1).all()


def _landmarks(draw: st.DrawFn) -> Any:
    scale = draw(st.sampled_from((1.0, 50.0, 50.0, 1e-30, 1e-300, 1e12, 1e100, 1e200, 0.0)))
    chance = np.random.default_rng(draw(st.integers(0, 2**32)))
    noise = draw(st.sampled_from((0.02, 0.02, 0.5, 10.0)))
    points = (MEAN_FACE + chance.normal(0, noise, (66, 3))) * scale + draw(
        st.sampled_from((0.0, 100.0, -1e6, 1e150))
    )
    if draw(st.integers(0, 3)) == 0:
        points[draw(st.integers(0, 65)), draw(st.integers(0, 2))] = draw(ugly.numbers)
    if draw(st.integers(0, 5)) == 0:
        points[:, draw(st.integers(0, 2))] = 0
    if draw(st.integers(0, 9)) == 0:
        points = points[: draw(st.integers(0, 65))]
    return points.astype(
        draw(st.sampled_from(("f8", "f8", "f4"))) if abs(points).max(initial=0) < 1e30 else "f8"
    )


landmarks: Final = st.composite(_landmarks)


def _pose(points: Any) -> None:
    pose = estimate_pose(points)
    assert np.isfinite(pose.rotation).all()
    np.testing.assert_allclose(pose.rotation @ pose.rotation.T, np.eye(3), atol=1e-6)
    assert np.linalg.det(pose.rotation) > 0
    assert np.isfinite(pose.angles).all()
    assert np.isfinite(pose.matrix).all()
    assert np.isfinite(pose.quaternion).all()
    assert np.isfinite(canonical_points(points[None])).all()
    assert pose.scale != 0


def _measures(points: Any) -> None:
    measures = measure_face(points)
    assert measures.interpupillary_distance >= 0 or not np.isfinite(points).all()


@st.composite
def _cameras(draw: st.DrawFn) -> dict[str, Any]:
    count = draw(st.sampled_from((0, 0, 0, 4, 5, 8, 3)))
    return {
        **{name: draw(_NUMBERS) for name in ("fx", "fy", "cx", "cy", "width", "height")},
        "distortion": tuple(draw(st.lists(st.floats(-2, 2), min_size=count, max_size=count))),
    }


def _camera(case: Any) -> None:
    arguments, near, far, degrees, points = case
    made = Camera.from_field_of_view(degrees, height=100, width=150)
    assert np.isfinite(made.matrix).all()
    camera = Camera(**arguments)
    assert np.isfinite(camera.matrix).all()
    assert np.isfinite(camera.opengl_projection(near=near, far=far)).all()
    camera.resized(height=50, width=70)
    assert camera.rays(np.array(points)).shape == (len(points), 3)


def _perspective(case: Any) -> None:
    points, arguments, distance = case
    camera = Camera(**arguments)
    pose = solve_perspective(points, camera, interpupillary_mm=distance)
    assert np.isfinite(pose.points_canonical).all()
    assert np.isfinite(pose.translation).all()
    assert np.isfinite(pose.quaternion).all()
    assert landmarks_metric(points, camera, interpupillary_mm=distance)[:, 2].min() > 0


def _markup(case: Any) -> None:
    array, markup = case
    given = np.asarray(array)
    assert in_markup(given, markup).shape == (*given.shape[:-2], int(markup), given.shape[-1])
    assert values_in_markup(given[..., 0], markup).shape[-1] == int(markup)


def _smooth(case: Any) -> None:
    frames, settings = case
    smoother = LandmarkSmoother(Smoothing(**settings))
    for points, confidence, time, propagated in frames:
        smoothed = smoother.update(points, confidence, time=time, propagated=propagated)
        assert smoothed.shape == np.shape(points)
        assert np.isfinite(smoothed).all()


@st.composite
def _smoother_frames(draw: st.DrawFn) -> Any:
    frames = []
    time = draw(ugly.mostly(st.floats(0, 9), ugly.numbers))
    for _ in range(draw(st.integers(1, 4))):
        points = draw(landmarks())
        confidence = np.full(draw(st.sampled_from((len(points), len(points), 66, 5))), 0.5)
        if confidence.size and draw(st.integers(0, 5)) == 0:
            confidence[0] = draw(ugly.numbers)
        frames.append((points, confidence, time, draw(st.booleans())))
        time = draw(ugly.mostly(st.sampled_from((time + 0.04, time + 1e-12)), ugly.numbers))
    names = ("common_beta", "max_gap", "full_confidence", "point_hold")
    return frames, draw(st.dictionaries(st.sampled_from(names), ugly.numbers, max_size=1))


def _blendshapes(case: Any) -> None:
    values, named, time = case
    shown = Blendshapes(values)
    assert len(shown) == len(BLENDSHAPES)
    require_blendshapes(shown)
    require_blendshapes(named)
    LiveLinkFrame(named, None, time)


@cache
def _estimator() -> BlendshapeEstimator:
    return BlendshapeEstimator()


def _estimate(faces: Any) -> None:
    first, second = faces
    for estimator in (_estimator(), _estimator().calibrated(first)):
        values = estimator.estimate(second).array
        known = values[~np.isnan(values)]
        assert len(known) > 30
        assert ((known >= 0) & (known <= 1)).all()


_SIDE: Final = st.sampled_from((1, 2, 7, 28, 32))

TARGETS: Final = (
    Target(
        "crop_around",
        st.tuples(
            ugly.photos(),
            st.one_of(
                st.lists(ugly.numbers, min_size=4, max_size=4),
                st.lists(st.floats(-300, 300), min_size=4, max_size=4),
            ),
            st.sampled_from((1, 2, 16, 112)),
            ugly.mostly(st.just(1.25), ugly.numbers),
            ugly.mostly(st.floats(-7, 7), ugly.numbers),
        ),
        _crop,
    ),
    Target(
        "Crop",
        st.tuples(
            st.one_of(ugly.photos(), ugly.arrays()),
            st.lists(ugly.numbers, min_size=4, max_size=4),
            st.integers(-1, 40),
        ),
        _window,
    ),
    Target(
        "heatmaps",
        st.tuples(
            st.lists(st.tuples(ugly.numbers, ugly.numbers), min_size=1, max_size=4).map(np.array),
            st.tuples(_SIDE, _SIDE),
            ugly.mostly(st.floats(0.3, 5), ugly.numbers),
            ugly.mostly(st.floats(1, 9), st.sampled_from((0.0, -1.0, 0.5))),
        ),
        _heatmaps,
    ),
    Target("estimate_pose", landmarks(), _pose),
    Target("measure_face", landmarks(), _measures),
    Target(
        "Camera",
        st.tuples(
            _cameras(),
            _NUMBERS,
            _NUMBERS,
            ugly.mostly(st.floats(1, 179), ugly.numbers),
            st.just([[3.0, 4.0]]),
        ),
        _camera,
    ),
    Target(
        "solve_perspective",
        st.tuples(
            landmarks(),
            st.one_of(
                st.just({"fx": 500.0, "fy": 500.0, "cx": 99.0, "cy": 99.0, "width": 200, "height": 200}),
                _cameras(),
            ),
            ugly.mostly(st.just(63.0), ugly.numbers),
        ),
        _perspective,
        4,
    ),
    Target(
        "markup",
        st.tuples(st.one_of(landmarks(), ugly.arrays()), st.sampled_from(("66", "68", 66, None))),
        _markup,
    ),
    Target("LandmarkSmoother", _smoother_frames(), _smooth, 2),
    Target(
        "Blendshapes",
        st.tuples(
            st.one_of(
                st.lists(st.one_of(st.floats(0, 1), ugly.numbers), min_size=52, max_size=52),
                ugly.arrays(),
                ugly.others,
            ),
            st.dictionaries(
                st.sampled_from((*BLENDSHAPES, "smile")), st.one_of(st.floats(0, 1), ugly.numbers), max_size=3
            ),
            st.one_of(st.none(), ugly.numbers),
        ),
        _blendshapes,
    ),
    Target("BlendshapeEstimator", st.tuples(ugly.faces(), ugly.faces()), _estimate),
)
