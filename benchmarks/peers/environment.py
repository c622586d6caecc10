"""An environment of a peer's own, so that what it needs does not meet what this library needs."""

import json
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Sequence
from pathlib import Path

#: Git ignores it.
CACHE = Path(__file__).resolve().parent.parent.parent / "build" / "peers"


def peer_python(
    name: str,
    requirements: Sequence[str],
    *,
    python: str = sys.executable,
    shares_packages: bool = False,
) -> Path:
    """The interpreter of an environment with ``requirements``, made with ``python`` and kept for next time.

    ``shares_packages``: what is installed beside this interpreter and fits the requirements is used, not
    fetched again: torch has gigabytes, and two builds of it would be compared otherwise.

    Takes minutes and downloads the first time. Raises :class:`subprocess.CalledProcessError` when pip fails;
    what it says is on the standard error then.
    """
    if shares_packages and python != sys.executable:
        raise ValueError(f"packages are shared with this interpreter only; got python={python!r}")
    directory = CACHE / name
    interpreter = directory / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    ready = directory / "installed.json"
    if ready.is_file() and json.loads(ready.read_text(encoding="utf-8")) == list(requirements):
        return interpreter
    if python == sys.executable:
        venv.create(directory, clear=True, with_pip=True)
    else:
        subprocess.run([python, "-m", "venv", "--clear", str(directory)], check=True)
    if shares_packages:
        _share_packages(interpreter)
    pip = [str(interpreter), "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "install", *requirements], check=True, stdout=sys.stderr)
    loads = subprocess.run([str(interpreter), "-c", "import cv2"], stderr=subprocess.DEVNULL, check=False)
    if loads.returncode:
        # OpenCV with windows needs libGL, which a bare server lacks; the headless build is the same module.
        subprocess.run([*pip, "uninstall", "-y", "opencv-contrib-python"], check=True, stdout=sys.stderr)
        headless = ["install", "--force-reinstall", "--no-deps", "opencv-contrib-python-headless<4.12"]
        subprocess.run([*pip, *headless], check=True, stdout=sys.stderr)
    ready.write_text(json.dumps(list(requirements)), encoding="utf-8")
    return interpreter


def _share_packages(interpreter: Path) -> None:
    """Lets ``interpreter`` import what this one can, after what is in its own environment."""
    asked = subprocess.run(
        [str(interpreter), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    )
    # Not `venv --system-site-packages`: that shares the base interpreter's, and this one may be a venv's.
    (Path(asked.stdout.strip()) / "shared.pth").write_text(
        sysconfig.get_path("purelib") + "\n", encoding="utf-8"
    )
