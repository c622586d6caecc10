"""Environments of their own, and commands in them that reach no other machine."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_HERE = Path(__file__).parent
#: These would let an environment find a checkout, or skip what it is to prove.
_LEFT_OUT = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "FACE_ALIGNMENT_3D_OFFLINE", "MYPYPATH")


def clean_environment(**variables: str) -> dict[str, str]:
    """The variables of this process, but for those that lead to a checkout, and with others."""
    kept = {name: value for name, value in os.environ.items() if name not in _LEFT_OUT}
    return {**kept, **variables}


@dataclass(frozen=True)
class Environment:
    """A virtual environment with pip."""

    folder: Path

    @classmethod
    def create(cls, folder: Path, *, over: "Environment | None" = None) -> "Environment":
        """A new one in ``folder``, in place of what is there.

        ``over``: an environment whose packages it sees as well. What is installed here comes first, and
        nothing there is changed.
        """
        options = [] if over is None else ["--without-pip"]  # That of the other is seen.
        subprocess.run([sys.executable, "-m", "venv", "--clear", *options, str(folder)], check=True)
        made = cls(folder)
        if over is not None:
            (made.site_packages / "over.pth").write_text(f"{over.site_packages}\n", encoding="utf-8")
        shutil.copy(_HERE / "no_network.py", made.site_packages)
        (made.site_packages / "no_network.pth").write_text("import no_network\n", encoding="utf-8")
        return made

    @property
    def python(self) -> Path:
        return self.folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")

    @property
    def site_packages(self) -> Path:
        if sys.platform == "win32":
            return self.folder / "Lib" / "site-packages"
        return self.folder / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"

    def run(
        self, *arguments: "str | Path", cwd: Path, offline: bool = False, **variables: str
    ) -> "subprocess.CompletedProcess[str]":
        """Python with these arguments in ``cwd``; raises CalledProcessError where it fails.

        ``offline``: without a network but for loopback.
        """
        environment = clean_environment(PIP_DISABLE_PIP_VERSION_CHECK="1", **variables)
        if offline:
            environment["WITHOUT_NETWORK"] = "1"
        command = [*(_without_network() if offline else ()), str(self.python), *map(str, arguments)]
        return subprocess.run(command, check=True, cwd=cwd, env=environment, text=True)

    def pip(self, *arguments: "str | Path") -> None:
        """Runs pip; raises CalledProcessError where it fails."""
        self.run("-m", "pip", *arguments, cwd=self.folder)

    def install(self, *requirements: "str | Path") -> None:
        """Installs these, and sees that what is installed fits together and that OpenCV loads.

        opencv-python needs libGL.so.1, which a bare server lacks. There its headless twin, the same module
        without windows, is put in place of its files; it stays listed, for pip looks for that name.
        """
        self.pip("install", "--quiet", *requirements)
        self.pip("check")
        if subprocess.run([self.python, "-c", "import cv2"], capture_output=True).returncode:
            listed = "from importlib.metadata import version; print(version('opencv-python'))"
            done = subprocess.run([self.python, "-c", listed], capture_output=True, text=True, check=True)
            headless = f"opencv-python-headless=={done.stdout.strip()}"
            self.pip("install", "--quiet", "--no-deps", "--force-reinstall", headless)


@cache
def _without_network() -> tuple[str, ...]:
    """What goes before a command to give it a network of its own, with loopback alone; nothing on others
    than Linux, and where that is not allowed: there ``no_network.py`` alone keeps watch."""
    for options in ((), ("--map-root-user",)):
        begin = ("unshare", "--net", *options, "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
        if shutil.which("unshare") and not subprocess.run([*begin, "true"], capture_output=True).returncode:
            return begin
    return ()
