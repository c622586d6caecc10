"""Builds what a package index is given: the source distribution and the wheels."""

import os
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Distributions:
    """The files of one build."""

    sdist: Path
    wheel: Path
    """Made from the sdist, as by who installs from it."""
    wheel_of_checkout: Path
    torchfree: Path
    """The wheel of the distribution without torch."""


def build(folder: Path, *, isolated: bool = True) -> Distributions:
    """Builds all of them into ``folder``.

    ``isolated``: each in an environment of its own, which needs a package index; else with this Python's
    hatchling.
    """
    options = [] if isolated else ["--no-isolation"]
    for name, *what in (
        ("main", str(ROOT)),
        ("checkout", "--wheel", str(ROOT)),
        ("torchfree", "--wheel", str(ROOT / "torchfree")),
    ):
        command = [sys.executable, "-m", "build", *options, "--outdir", str(folder / name), *what]
        # Build's own colored report goes where it is seen only when something fails.
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=folder.parent, env={**os.environ, "NO_COLOR": "1"}
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return built_before(folder)


def built_before(folder: Path) -> Distributions:
    """What :func:`build` left in ``folder``."""
    (sdist,) = (folder / "main").glob("*.tar.gz")
    wheels = [next((folder / name).glob("*.whl")) for name in ("main", "checkout", "torchfree")]
    return Distributions(sdist, *wheels)


def wheel_files(wheel: Path) -> dict[str, bytes]:
    """Name -> content of each file."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}


def sdist_names(sdist: Path) -> set[str]:
    """The paths in it, below its one folder."""
    with tarfile.open(sdist) as archive:
        return {member.name.partition("/")[2] for member in archive.getmembers() if not member.isdir()}
