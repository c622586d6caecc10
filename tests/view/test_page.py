"""A page has what it is to show, of any length within its limits, and asks for nothing from outside."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from face_alignment_3d.arkit import BLENDSHAPES
from face_alignment_3d.export import PhotoFaces, to_json
from face_alignment_3d.view import ViewPage, photo_page
from tests.view import shown_faces

_LIMIT = 6_000_000


def _data(html: str) -> dict[str, Any]:
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


def test_the_face_of_a_photo(tmp_path: Path) -> None:
    face = shown_faces.face(yaw=20, roll=10)
    photo = PhotoFaces("some/</script>photo.png", shown_faces.HEIGHT, shown_faces.WIDTH, [face])
    photo_page(photo, shown_faces.picture()).write(tmp_path / "page.html")
    data = _data((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert data["title"] == "script>photo.png"
    assert (data["height"], data["width"]) == (shown_faces.HEIGHT, shown_faces.WIDTH)
    assert data["blendshapes"] == list(BLENDSHAPES)
    (frame,) = data["frames"]
    assert frame["picture"].startswith("data:image/webp;base64,")
    (shown,) = frame["faces"]
    np.testing.assert_allclose(shown["points"], face.landmarks, atol=0.006)
    np.testing.assert_allclose(shown["pose"]["origin"], face.pose.translation, atol=0.006)
    np.testing.assert_allclose(shown["pose"]["rotation"], face.pose.rotation, atol=1e-4)
    assert shown["pose"]["yaw"] == pytest.approx(20, abs=0.1)
    assert shown["blendshapes"] is None
    assert shown["visibility"] is None


def test_text_cannot_leave_its_place() -> None:
    page = ViewPage("<!-- </script><script>alert(1)</script>", height=10, width=10)
    page.add(0.0, None, [])
    html = page.html()
    assert html.count("</script>") == 2
    assert _data(html)["title"] == "<!-- </script><script>alert(1)</script>"


def test_a_page_names_no_address() -> None:
    html = shown_faces.video_page(2).html()
    assert "default-src 'none'" in html
    assert not re.search(r"""(src|href)=["']https?:""", html)


def test_long_videos_are_thinned_evenly() -> None:
    page = ViewPage("long.mp4", height=10, width=10)
    for index in range(2000):
        page.add(index / 25, None, [])
    times = [frame["time"] for frame in _data(page.html())["frames"]]
    assert page.step == 8
    np.testing.assert_allclose(times, np.arange(0, 2000, 8) / 25, atol=1e-4)


def test_many_faces_count_too() -> None:
    row = to_json(PhotoFaces("x", 240, 320, [shown_faces.face()]))["faces"][0]
    page = ViewPage("crowd.mp4", height=240, width=320)
    for index in range(100):
        page.add(float(index), None, [row] * 20)
    assert page.step > 1
    assert len(page.html()) < _LIMIT


def test_pictures_that_hardly_compress_stay_within_the_limit() -> None:
    generator = np.random.default_rng(0)
    page = ViewPage("noise.mp4", height=480, width=640)
    for index in range(40):
        page.add(float(index), generator.integers(0, 255, (480, 640, 3), dtype=np.uint8), [])
    html = page.html()
    assert len(html) < _LIMIT
    assert len(_data(html)["frames"]) == 40


def test_visibility_is_passed_on() -> None:
    row = to_json(PhotoFaces("x", 240, 320, [shown_faces.face()]))["faces"][0]
    page = ViewPage("photo.png", height=240, width=320)
    page.add(0.0, None, [{**row, "visibility": [0.25] * 66}])
    assert _data(page.html())["frames"][0]["faces"][0]["visibility"] == [0.25] * 66
