"""The pages in the package are what web/ builds."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.browser import WEB

_PACKAGE = Path(__file__).parent.parent.parent / "face_alignment_3d"


@pytest.mark.parametrize(("option", "package"), [("--viewer", "view"), ("--serve", "serve")])
def test_the_shipped_pages_are_the_built_ones(option: str, package: str, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None or not (WEB / "node_modules" / "esbuild").is_dir():
        pytest.skip("needs node and esbuild: npm ci in web/")
    built = tmp_path / "page.html"
    subprocess.run([node, "build.mjs", option, built], cwd=WEB, check=True)
    shipped = (_PACKAGE / package / "page.html").read_text(encoding="utf-8")
    assert built.read_text(encoding="utf-8") == shipped
