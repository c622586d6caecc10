"""The page in headless Chromium, with a fake camera, a photo and a video."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import skimage.data
from PIL import Image

from face_alignment_3d import FaceAligner3D
from face_alignment_3d.serve import ServerConfig, create_app
from tests.browser import find_chromium, run_in_chromium
from tests.serve.servers import picture_file, running

_TOKEN = "se/cret+token=1"


def _photo() -> npt.NDArray[np.uint8]:
    """A face that is tilted by 3 degrees, which tells it from its mirror image."""
    return np.asarray(skimage.data.astronaut())[:384]


def _write_video(file: Path, photo: npt.NDArray[np.uint8]) -> None:
    av = pytest.importorskip("av")
    with av.open(str(file), "w") as video:
        stream = video.add_stream("libvpx", rate=10)
        stream.height, stream.width, stream.pix_fmt = (*photo.shape[:2], "yuv420p")
        for shift in range(200):
            frame = np.ascontiguousarray(np.roll(photo, 2 * shift, axis=1))
            video.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        video.mux(stream.encode(None))


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    find_chromium()
    folder, photo = tmp_path_factory.mktemp("page"), _photo()
    Image.fromarray(photo).save(folder / "photo.png")
    (folder / "no-photo.png").write_text("nothing to see", encoding="utf-8")
    _write_video(folder / "video.webm", photo)
    with (folder / "camera.mjpeg").open("wb") as camera:
        for shift in range(0, 40, 2):
            camera.write(picture_file(np.roll(photo, shift, axis=1), quality=90))
    config = ServerConfig(token=_TOKEN)
    aligner = FaceAligner3D(blendshapes=True, offline=True).load()
    with running(create_app(aligner, config), config) as port:
        return run_in_chromium("serve_page.mjs", f"http://127.0.0.1:{port}/", folder, _TOKEN, timeout=600)


def _roll(pose: list[str]) -> float:
    return float(pose[2].rstrip("°"))


def test_the_token_is_asked_for(seen: dict[str, Any]) -> None:
    assert seen["asked"] == "The server asks for its token."


def test_a_photo(seen: dict[str, Any]) -> None:
    assert seen["photo"]["faces"] == "1"
    assert seen["photo"]["text"].startswith("1 face in ")
    assert seen["photo"]["bars"] > 20
    (face,) = FaceAligner3D(offline=True).detect(_photo())
    assert _roll(seen["photo"]["pose"]) == pytest.approx(face.pose.roll, abs=0.1)
    assert face.pose.roll > 2


def test_what_is_no_photo(seen: dict[str, Any]) -> None:
    assert seen["error"].startswith("no-photo.png: expected a picture file")


def test_a_video_and_going_back_in_it(seen: dict[str, Any]) -> None:
    assert seen["video"]["faces"] == "1"
    assert seen["video"]["play"] == "Play"
    assert "frames a second" in seen["video"]["after"]
    assert _roll(seen["video"]["pose"]) == pytest.approx(_roll(seen["photo"]["pose"]), abs=1.5)


def test_a_camera_is_mirrored_unless_told_otherwise(seen: dict[str, Any]) -> None:
    assert seen["camera"]["state"] == "camera"
    assert seen["camera"]["faces"] == "1"
    assert float(seen["camera"]["rate"]) > 0
    assert float(seen["camera"]["latency"]) > 0
    assert _roll(seen["camera"]["pose"]) == pytest.approx(-_roll(seen["photo"]["pose"]), abs=1.5)
    assert _roll(seen["unmirrored"]) == pytest.approx(_roll(seen["photo"]["pose"]), abs=1.5)


def test_no_complaints_and_no_other_server(seen: dict[str, Any]) -> None:
    refusals = [text for text in seen["complaints"] if "status of 400" in text or "status of 401" in text]
    assert len(refusals) == 2  # Browsers report each: the photo without the token, and what is no photo.
    assert seen["complaints"] == refusals
    assert all(request.startswith(seen["address"]) for request in seen["requests"])
