"""The page in headless Chromium: it loads without a network, turns, toggles and plays."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from face_alignment_3d.export import PhotoFaces
from face_alignment_3d.view import photo_page
from tests.browser import find_chromium, run_in_chromium
from tests.view import shown_faces


class Visit:
    """A page's state in a browser, with screenshots."""

    def __init__(self, page: Path, folder: Path) -> None:
        self._folder = folder
        self.seen: dict[str, Any] = run_in_chromium("view_page.mjs", page, folder)

    def picture(self, name: str) -> npt.NDArray[np.int64]:
        with Image.open(self._folder / f"{name}.png") as image:
            return np.asarray(image.convert("RGB"), np.int64)

    def changed(self, first: str, second: str) -> float:
        """Share of the pixels that differ."""
        return float((np.abs(self.picture(first) - self.picture(second)).max(axis=2) > 30).mean())


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Visit:
    find_chromium()
    folder = tmp_path_factory.mktemp("clip")
    shown_faces.video_page(24).write(folder / "clip.html")
    return Visit(folder / "clip.html", folder)


def test_nothing_is_complained_about_and_nothing_asked_from_a_network(clip: Visit) -> None:
    assert clip.seen["complaints"] == []
    assert clip.seen["requests"] == []
    assert clip.seen["webgl"]
    assert not clip.seen["message"]


def test_says_what_it_shows(clip: Visit) -> None:
    assert clip.seen["title"] == "turning <face>.mp4"
    yaw, pitch, roll = (float(text.rstrip("°")) for text in clip.seen["pose"])
    assert yaw == pytest.approx(-30 + 60 / 23, abs=0.1)  # Of the second frame, at which the visit ends.
    assert abs(pitch) < 0.1
    assert abs(roll) < 0.1
    assert clip.seen["bars"] == {"jawOpen": pytest.approx(1 / 24, abs=0.01)}  # Unknown ones are left out.
    assert len({name for name in clip.seen["hovered"] if name}) >= 3


@pytest.mark.parametrize("what", ["points", "lines", "axes", "numbers"])
@pytest.mark.parametrize("where", ["space", "photo"])
def test_toggles(clip: Visit, what: str, where: str) -> None:
    assert clip.changed(f"start-{where}", f"toggled-{what}-{where}") > 0.001
    assert clip.changed(f"start-{where}", f"again-{where}") == 0


def test_turns_zooms_and_comes_back(clip: Visit) -> None:
    assert clip.changed("start-space", "turned-space") > 0.01
    assert clip.changed("turned-space", "zoomed-space") > 0.01
    assert clip.changed("start-space", "reset-space") < 0.001
    assert clip.changed("start-photo", "turned-photo") == 0


def test_plays_to_the_end(clip: Visit) -> None:
    frames = clip.seen["frames"]
    assert frames == sorted(frames)
    assert len(set(frames)) >= 3  # Software draws slowly.
    assert frames[-1] == 23
    assert clip.seen["clock"] == "0.10 s"
    assert clip.changed("ended-space", "second-space") > 0.01
    for name, brightness in (("ended-photo", 40 + 4 * 23), ("second-photo", 44)):
        picture = clip.picture(name)
        np.testing.assert_allclose(picture[picture.shape[0] // 2, 10], brightness, atol=4)


def test_a_photo_without_a_face(tmp_path: Path) -> None:
    find_chromium()
    photo = PhotoFaces("empty.png", shown_faces.HEIGHT, shown_faces.WIDTH, [])
    photo_page(photo, shown_faces.picture()).write(tmp_path / "empty.html")
    seen = Visit(tmp_path / "empty.html", tmp_path).seen
    assert seen["message"]
    assert seen["complaints"] == []
    assert seen["pose"] == ["\N{EN DASH}"] * 3
    assert seen["frames"] == []
