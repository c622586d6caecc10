"""Builds the distributions, and uses the wheel outside the checkout and without a network.

    make test-wheel

Needs a package index to install from. Parts:

core      the tests of --core, which lie in the sdist, beside the wheel and all that `[dev]` asks for
types     a user's program, checked by mypy --strict
metadata  what the package index checks, by twine
EXTRA     the wheel with that extra alone, and the smallest real job of its feature

Each part has an environment of its own. It sees the packages of one that the plain wheel was installed into,
which holds torch and the like once instead of a dozen times. That is as good as an empty one each: below is
exactly what pip chose for the wheel without extras, which each extra includes; no part sees the packages of
another; and where an extra asks for another version, pip installs that above.
"""

import argparse
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.distributions.building import Distributions, build, built_before, sdist_names, wheel_files  # noqa: E402
from tests.distributions.environments import Environment  # noqa: E402
from tests.distributions.extra_jobs import JOBS  # noqa: E402

PARTS = ("core", "types", "metadata", *JOBS)
#: They look at the package's own source, which is not in the folder of the tests here.
_OF_THE_CHECKOUT = ("tests/test_imports.py", "tests/test_docstrings.py")
_PACKAGE = "face_alignment_3d"


class Proof:
    """The folder that all of it lies in, and what was built and installed there."""

    def __init__(self, folder: Path, *, again: bool) -> None:
        self.folder = folder
        self.base = Environment(folder / "base")
        if again:
            self.built = built_before(folder / "dist")
            (self.outside,) = (folder / "outside").iterdir()
            return
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.built = build(folder / "dist")
        _require_the_same_files(self.built)
        self.outside = _unpacked(self.built.sdist, folder / "outside")
        Environment.create(self.base.folder).install(self.built.wheel)

    def core(self, tests: list[str]) -> None:
        environment = self._environment("core", f"{self.built.wheel}[dev]")
        chosen = [test for test in tests if test not in _OF_THE_CHECKOUT]
        where = f"import {_PACKAGE}; assert 'site-packages' in {_PACKAGE}.__file__"
        environment.pip("list")
        self._run(environment, "-c", where)
        self._run(environment, "-m", "pytest", "-q", "-p", "no:cacheprovider", *chosen)

    def types(self) -> None:
        environment = self._environment("types", "mypy")
        folder = self.folder / "typed"
        folder.mkdir(exist_ok=True)
        shutil.copy(ROOT / "tests" / "distributions" / "typed_use.py", folder)
        environment.run("-m", "mypy", "--strict", "typed_use.py", cwd=folder, offline=True)

    def metadata(self) -> None:
        environment = self._environment("metadata", "twine")
        files = (self.built.sdist, self.built.wheel, self.built.torchfree)
        self._run(environment, "-m", "twine", "check", "--strict", *files)

    def extra(self, name: str) -> None:
        shutil.rmtree(self.folder / "jobs" / name, ignore_errors=True)
        environment = self._environment(name, f"{self.built.wheel}[{name}]")
        self._run(environment, "-m", "tests.distributions.extra_jobs", name, self.folder / "jobs" / name)

    def _environment(self, name: str, requirement: str) -> Environment:
        environment = Environment.create(self.folder / "parts" / name, over=self.base)
        environment.install(requirement)
        return environment

    def _run(self, environment: Environment, *arguments: "str | Path") -> None:
        home = str(self.folder / "home")  # Empty at first: nothing is found in the cache of who runs this.
        environment.run(*arguments, cwd=self.outside, offline=True, FACE_ALIGNMENT_3D_HOME=home)


def _require_the_same_files(built: Distributions) -> None:
    """The wheel from the sdist is that of the checkout; the sdist has tracked files alone."""
    first, second = wheel_files(built.wheel), wheel_files(built.wheel_of_checkout)
    assert first == second, f"they differ: {sorted(first.keys() ^ second.keys())}"
    git = ["git", "ls-files"]
    tracked = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    extra = sdist_names(built.sdist) - set(tracked) - {"PKG-INFO"}
    assert not extra, f"the sdist has files that are not in git: {sorted(extra)}"
    for file in (built.sdist, built.wheel, built.torchfree):
        print(f"{file.name}: {file.stat().st_size / 1e6:.1f} MB")


def _unpacked(sdist: Path, folder: Path) -> Path:
    """The sdist without the package itself, so that tests find the installed one."""
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (root,) = folder.iterdir()
    shutil.rmtree(root / _PACKAGE)
    return root


def main() -> int:
    """0, or 1 where a part failed; the others are done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="of them; all of them by default")
    parser.add_argument("--core", nargs="+", default=[], metavar="TESTS", help="tests of the part `core`")
    parser.add_argument("--folder", type=Path, default=Path(".venv-wheel"), help="works there (.venv-wheel)")
    parser.add_argument(
        "--again",
        action="store_true",
        help="with what an earlier run built and installed there: tries a part",
    )
    args = parser.parse_args()
    if unknown := set(args.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    proof = Proof(args.folder.resolve(), again=args.again)
    failed = []
    for part in args.parts or PARTS:
        print(f"--- {part}", flush=True)
        started = time.monotonic()
        try:
            if part == "core":
                proof.core(args.core)
            elif part in JOBS:
                proof.extra(part)
            else:
                getattr(proof, part)()
        except subprocess.CalledProcessError as error:
            print(error)
            failed.append(part)
        print(f"{part}: {'FAILED' if part in failed else 'ok'}, {time.monotonic() - started:.0f} s")
    print(f"failed: {', '.join(failed)}" if failed else "the wheel: ok")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
