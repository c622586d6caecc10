"""The working folder of somebody who reads the pages."""

from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: photo.jpg, photos/, holiday/, boxes.csv."""
    astronaut = Image.fromarray(skimage.data.astronaut())
    astronaut.save(tmp_path / "photo.jpg", quality=95)
    for folder in ("photos", "holiday"):
        (tmp_path / folder).mkdir()
        astronaut.resize((256, 256)).save(tmp_path / folder / f"{folder[:3]}.jpg")
    (tmp_path / "boxes.csv").write_text("photos/pho.jpg,89,44,134,89\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FACE_ALIGNMENT_3D_OFFLINE", "1")
    return tmp_path


@pytest.fixture
def videos(desk: Path) -> Path:
    """The same folder with video.mp4, clip.mp4 and videos/a.mp4: ten frames of 256 x 256 each."""
    pytest.importorskip("av")
    from tests.video.videos import write_video

    small = np.asarray(Image.open(desk / "photo.jpg").resize((256, 256)))
    (desk / "videos").mkdir()
    for name in ("video.mp4", "clip.mp4", "videos/a.mp4"):
        write_video(desk / name, range(0, 400, 40), frames=[small] * 10, height=256, width=256, rate=25)
    return desk
