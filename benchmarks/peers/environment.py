"""An environment of a peer's own, so that what it needs does not meet what this library needs."""

import json
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

#: Git ignores it.
CACHE = Path(__file__).resolve().parent.parent.parent / "build" / "peers"


def peer_python(name: str, requirements: Sequence[str], *, python: str = sys.executable) -> Path:
    """The interpreter of an environment with ``requirements``, made with ``python`` and kept for next time.

    Takes minutes and downloads the first time. Raises :class:`subprocess.CalledProcessError` when pip fails;
    what it says is on the standard error then.
    """
    directory = CACHE / name
    interpreter = directory / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    ready = directory / "installed.json"
    if ready.is_file() and json.loads(ready.read_text(encoding="utf-8")) == list(requirements):
        return interpreter
    if python == sys.executable:
        venv.create(directory, clear=True, with_pip=True)
    else:
        subprocess.run([python, "-m", "venv", "--clear", str(directory)], check=True)
    pip = [str(interpreter), "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "install", *requirements], check=True, stdout=sys.stderr)
    if subprocess.run([str(interpreter), "-c", "import cv2"], stderr=subprocess.DEVNULL).returncode:
        # OpenCV with windows needs libGL, which a bare server lacks; the headless build is the same module.
        subprocess.run([*pip, "uninstall", "-y", "opencv-contrib-python"], check=True, stdout=sys.stderr)
        headless = ["install", "--force-reinstall", "--no-deps", "opencv-contrib-python-headless<4.12"]
        subprocess.run([*pip, *headless], check=True, stdout=sys.stderr)
    ready.write_text(json.dumps(list(requirements)), encoding="utf-8")
    return interpreter
