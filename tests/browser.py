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
    chromium, node = find_chromium(), shutil.which("node")
    done = subprocess.run(
        [str(node), str(WEB / "test" / script), chromium, *map(str, arguments)],
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
    if chromium is None or shutil.which("node") is None:
        pytest.skip("needs Chromium and node: apt-get install chromium nodejs npm")
    if not (WEB / "node_modules" / "playwright-core").is_dir():
        pytest.skip("needs playwright-core: npm ci in web/")
    return chromium
