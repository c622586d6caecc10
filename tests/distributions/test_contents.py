"""Contents and metadata of the distributions; `make test-wheel` installs and uses them."""

import email
import email.message
import re
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from face_alignment_3d.version import __version__
from face_alignment_3d.weights.integrity import sha256_of
from face_alignment_3d.weights.manifest import load_manifest
from tests.distributions.building import ROOT, Distributions, build, sdist_names, wheel_files

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_PACKAGE = "face_alignment_3d"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Distributions:
    return build(tmp_path_factory.mktemp("dist"), isolated=False)


def _metadata(wheel: Path) -> email.message.Message:
    (text,) = (text for name, text in wheel_files(wheel).items() if name.endswith(".dist-info/METADATA"))
    return email.message_from_bytes(text)


def _of_the_package(wheel: Path) -> dict[str, bytes]:
    return {n: text for n, text in wheel_files(wheel).items() if not n.startswith(f"{_PACKAGE}-")}


def test_the_wheel_from_the_sdist_is_that_of_the_checkout(built: Distributions) -> None:
    assert wheel_files(built.wheel) == wheel_files(built.wheel_of_checkout)


def test_the_wheel_is_the_package_and_the_manifest_and_nothing_else(built: Distributions) -> None:
    files = [path for path in (ROOT / _PACKAGE).rglob("*") if path.is_file() and path.suffix != ".pyc"]
    expected = {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in files}
    expected[f"{_PACKAGE}/weights_manifest.json"] = (ROOT / "weights_manifest.json").read_bytes()
    found = _of_the_package(built.wheel)
    assert found.keys() == expected.keys()
    assert found == expected
    assert f"{_PACKAGE}/py.typed" in found
    # Besides: no tests, no benchmarks.
    info = f"{_PACKAGE}-{__version__}.dist-info"
    assert {name.partition("/")[0] for name in wheel_files(built.wheel)} == {_PACKAGE, info}


def test_the_wheel_is_small_and_has_the_weights(built: Distributions, tmp_path: Path) -> None:
    assert built.wheel.stat().st_size < 25e6
    found = _of_the_package(built.wheel)
    embedded = {
        name.rpartition("/")[2]: content for name, content in found.items() if name.endswith(".safetensors")
    }
    entries = {entry.file: entry for entry in load_manifest().values() if entry.file in embedded}
    assert {"lite.safetensors", "nano.safetensors", "blendshapes.safetensors"} <= entries.keys()
    assert entries.keys() == embedded.keys()
    for name, content in embedded.items():
        (tmp_path / name).write_bytes(content)
        assert sha256_of(tmp_path / name) == entries[name].sha256


def test_the_distribution_without_torch_has_the_same_files(built: Distributions) -> None:
    without = {n: text for n, text in wheel_files(built.torchfree).items() if ".dist-info/" not in n}
    assert without == _of_the_package(built.wheel)


def test_the_sdist_has_all_that_tests_and_builds_need_and_no_left_overs(built: Distributions) -> None:
    names = sdist_names(built.sdist)
    assert {
        *("pyproject.toml", "torchfree/pyproject.toml", "requirements/lowest.txt", "Makefile"),
        *("README.md", "CHANGELOG.md", "MODEL_CARD.md", "LICENSE", "weights_manifest.json", "PKG-INFO"),
        *("tests/conftest.py", "benchmarks/accuracy.py", "docs/photos.md", "examples/photo_to_landmarks.py"),
    } <= names
    left_over = re.compile(
        r"(^|/)(\.git|\.venv[^/]*|__pycache__|node_modules|out|dist|runs|\.\w+_cache)(/|$)"
    )
    assert not [name for name in names if left_over.search(name)]
    source = [path for path in (ROOT / _PACKAGE).rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert {path.relative_to(ROOT).as_posix() for path in source} <= names


@pytest.mark.parametrize("which", ["wheel", "torchfree"])
def test_metadata_is_that_of_the_project(built: Distributions, which: str) -> None:
    folder = {"wheel": ".", "torchfree": "torchfree"}[which]
    with (ROOT / folder / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    metadata = _metadata(getattr(built, which))
    assert metadata["Name"] == project["name"]
    assert metadata["Version"] == __version__
    assert metadata["Requires-Python"] == project["requires-python"]
    assert metadata["License-Expression"] == project["license"]
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert project["name"] in str(metadata.get_payload())
    extras = project["optional-dependencies"]
    assert set(metadata.get_all("Provides-Extra") or ()) == extras.keys()
    required = [Requirement(text) for text in metadata.get_all("Requires-Dist") or ()]
    plain = {str(each) for each in required if "extra" not in str(each.marker)}
    assert plain == {str(Requirement(text)) for text in project["dependencies"]}
    assert len(required) == sum(map(len, extras.values())) + len(plain)


@pytest.mark.parametrize("which", ["wheel", "torchfree"])
def test_the_licenses_are_inside(built: Distributions, which: str) -> None:
    files = wheel_files(getattr(built, which))
    texts = {name: text for name, text in files.items() if "LICENSE" in name}
    assert any(b"Apache License" in text for text in texts.values())
    for name in ("ICT-FaceKit.LICENSE", "three.LICENSE"):
        assert any(found.endswith(name) and b"MIT License" in text for found, text in texts.items()), name
    if which == "wheel":
        assert len(_metadata(built.wheel).get_all("License-File") or ()) == 3


@pytest.mark.parametrize("which", ["wheel", "torchfree"])
def test_the_command_and_the_hook_are_declared(built: Distributions, which: str) -> None:
    files = wheel_files(getattr(built, which))
    (text,) = (text for name, text in files.items() if name.endswith("entry_points.txt"))
    assert b"face-alignment-3d = face_alignment_3d.cli:main" in text
    assert b"hook-dirs = face_alignment_3d.frozen:hook_folders" in text


def test_the_version_has_one_place() -> None:
    """Files that read it, or name a version of the past, do not state it."""
    number = re.compile(rf"(?<![\d.]){re.escape(__version__)}(?![\d.])")
    searched = [ROOT / name for name in ("README.md", "Dockerfile", "Makefile", "MODEL_CARD.md")]
    for folder in (".", "torchfree", "web"):
        searched += (ROOT / folder).glob("*.toml")
    for folder in (_PACKAGE, "docs", "examples", "tests"):
        for ending in ("*.py", "*.md", "*.json"):
            searched += (ROOT / folder).rglob(ending)
    stating = [
        file.relative_to(ROOT).as_posix() for file in searched if number.search(file.read_text("utf-8"))
    ]
    assert stating == [f"{_PACKAGE}/version.py"]


def test_the_changelog_begins_with_this_version() -> None:
    headings = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    if ".dev" in __version__:
        assert headings[0] == "Unreleased"
    else:
        assert re.fullmatch(rf"{re.escape(__version__)} - \d{{4}}-\d\d-\d\d", headings[0])
    assert len(set(headings)) == len(headings)
