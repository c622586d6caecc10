"""``face-alignment-3d view`` and ``align --view``."""

from pathlib import Path

import pytest
from PIL import Image

from face_alignment_3d.cli import main
from tests.cli.conftest import StubAligner
from tests.video.videos import write_video
from tests.view import shown_faces


@pytest.fixture
def photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(shown_faces.picture()).save("photo.png")
    return Path("photo.png")


@pytest.mark.usefixtures("stub_aligner")
def test_a_photo(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["view", str(photo)]) == 0
    html = Path("photo_view.html").read_text(encoding="utf-8")
    assert '"id":0' in html
    assert "data:image/webp" in html
    assert "photo_view.html" in capsys.readouterr().out
    assert StubAligner.made[0].options["blendshapes"]


@pytest.mark.usefixtures("stub_aligner")
def test_align_writes_it_too(photo: Path) -> None:
    assert main(["align", str(photo), "--view", "-o", "out"]) == 0
    assert [file.name for file in Path("out").iterdir()] == ["photo_view.html"]


@pytest.mark.usefixtures("stub_aligner")
def test_a_result(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["align", str(photo), "--json", "-o", "out"]) == 0
    assert main(["view", "out/photo.json", "-o", "pages/page.html"]) == 0
    assert "data:image/webp" in Path("pages/page.html").read_text(encoding="utf-8")
    photo.unlink()
    assert main(["view", "out/photo.json"]) == 1
    assert "photo.png is not there" in capsys.readouterr().err


def test_a_video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "v.mp4", [0, 40, 80])
    assert main(["view", "v.mp4", "--backend", "onnx", "--offline"]) == 0
    assert Path("v_view.html").read_text(encoding="utf-8").count("data:image/webp") == 3


@pytest.mark.usefixtures("stub_aligner")
@pytest.mark.parametrize("name", ["missing.png", "text.txt", "folder", "other.json"])
def test_what_cannot_be_shown(photo: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("text.txt").write_text("nothing to see", encoding="utf-8")
    Path("folder").mkdir()
    Path("other.json").write_text("{}", encoding="utf-8")
    assert main(["view", name]) == 2
    assert name in capsys.readouterr().err
    assert not list(Path().glob("*.html"))


def test_a_page_never_replaces_what_it_shows(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["view", str(photo), "-o", str(photo)]) == 2
    assert "would replace" in capsys.readouterr().err
