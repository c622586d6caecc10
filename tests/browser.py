"""Headless Chromium, driven by the scripts in web/test."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

WEB = Path(__file__).parent.parent / "web"


def run_in_chromium(script: str, *arguments: object, timeout: float = 900) -> dict[str, Any]:
    """The output of ``web/test/<script>``; skips the test where there is no browser to run it in."""
    chromium, node = find_chromium(), find_node()
    done = subprocess.run(
        [node, str(WEB / "test" / script), chromium, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return seen


def find_chromium() -> str:
    """Its path; skips the test where it, node or playwright-core is missing."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    find_node()
    return chromium


def find_node() -> str:
    """Its path; skips the test where it or the packages of web/ are missing."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node: apt-get install nodejs npm")
    if not (WEB / "node_modules" / "playwright-core").is_dir():
        pytest.skip("needs the packages of web/: npm ci in web/")
    return node
