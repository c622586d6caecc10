"""The page in the package is what web/ builds."""

import shutil
import subprocess
from importlib import resources
from pathlib import Path

import pytest

from tests.browser import WEB


def test_the_shipped_page_is_the_built_one(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None or not (WEB / "node_modules" / "esbuild").is_dir():
        pytest.skip("needs node and esbuild: npm ci in web/")
    built = tmp_path / "page.html"
    subprocess.run([node, "build.mjs", "--viewer", built], cwd=WEB, check=True)
    shipped = resources.files("face_alignment_3d.view").joinpath("page.html").read_text(encoding="utf-8")
    assert built.read_text(encoding="utf-8") == shipped
