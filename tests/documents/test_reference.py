"""The site is built without warnings, and its reference has everything public, with its signature."""

import ast
import html
import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sphinx")
pytest.importorskip("myst_parser")
pytest.importorskip("furo")

import face_alignment_3d
from face_alignment_3d import batch, blendshapes, draw, export, pose, serve, video, view
from face_alignment_3d.detection.centerface import CenterFaceDetector
from face_alignment_3d.detection.mtcnn import MTCNNDetector
from face_alignment_3d.detection.scout.detector import ScoutDetector
from face_alignment_3d.detection.yunet import YuNetDetector
from tests.documents.blocks import ROOT

#: The packages of which everything in ``__all__`` is in the reference.
PUBLIC = (face_alignment_3d, batch, blendshapes, draw, export, pose, serve, video, view)
DETECTORS = (CenterFaceDetector, MTCNNDetector, ScoutDetector, YuNetDetector)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built site. Warnings are errors."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", str(ROOT / "docs"), str(folder)],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def reference(site: Path) -> dict[str, str]:
    """Name -> its line in the reference, with its signature, as text."""
    found: dict[str, str] = {}
    for page in (site / "reference").glob("*.html"):
        content = page.read_text(encoding="utf-8")
        for name, line in re.findall(r'<dt class="sig[^"]*" id="([\w.]+)">(.*?)</dt>', content, re.S):
            plain = html.unescape(re.sub(r"<[^>]+>", "", line))
            found[name] = re.sub(r"\s+", " ", plain)
    return found


def _entry(reference: dict[str, str], package: Any, name: str) -> str:
    """The line of a public name, which may stand under the package that it is also a part of."""
    thing = getattr(package, name)
    names = [
        full
        for full in reference
        if full.rsplit(".", 1)[-1] == name and (full.startswith(package.__name__) or _is(full, thing))
    ]
    assert names, f"docs/reference has no {package.__name__}.{name}"
    return names[0]


def _is(full: str, thing: Any) -> bool:
    module, name = full.rsplit(".", 1)
    return getattr(sys.modules.get(module), name, None) is thing


CASES = [(package, name) for package in PUBLIC for name in package.__all__]


@pytest.mark.parametrize(("package", "name"), CASES, ids=[f"{p.__name__}.{n}" for p, n in CASES])
def test_everything_public_is_in_the_reference(reference: dict[str, str], package: Any, name: str) -> None:
    full = _entry(reference, package, name)
    thing = getattr(package, name)
    if inspect.isfunction(thing):
        _require_parameters(reference[full], thing)
    if inspect.isclass(thing):
        _require_members(reference, full, thing)


@pytest.mark.parametrize("kind", DETECTORS)
def test_detectors_are_in_the_reference(reference: dict[str, str], kind: type) -> None:
    _require_members(reference, f"{kind.__module__}.{kind.__name__}", kind)


def _require_members(reference: dict[str, str], full: str, kind: type) -> None:
    """The constructor's parameters, and the public methods and attributes that this library defines."""
    is_exception = issubclass(kind, BaseException)
    if not (is_exception or getattr(kind, "_is_protocol", False)):
        _require_parameters(reference[full], kind)
    for name, member in vars(kind).items():
        if name.startswith("_") or is_exception:
            continue
        assert f"{full}.{name}" in reference, f"docs/reference has no {full}.{name}"
        if inspect.isfunction(member):
            _require_parameters(reference[f"{full}.{name}"], member)


def _require_parameters(line: str, function: Any) -> None:
    """The line has the parameters of the code, in order, with defaults that are literals."""
    inside = line[line.index("(") + 1 : line.rindex(")")] if "(" in line else ""
    written = ast.parse(f"def f({inside}): ...").body[0]
    assert isinstance(written, ast.FunctionDef)
    arguments = written.args
    names = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    expected = [p for p in inspect.signature(function).parameters.values() if p.name not in ("self", "cls")]
    assert names == [p.name for p in expected if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    defaults = {p.name: p.default for p in expected}
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if isinstance(default, ast.Constant):
            assert default.value == defaults[argument.arg], argument.arg


def test_a_difference_would_show() -> None:
    def function(a: int, *, b: float = 2.0) -> None: ...

    _require_parameters("function(a: int, *, b: float = 2.0) → None", function)
    for line in ("function(a: int) → None", "function(a: int, *, b: float = 3.0) → None"):
        with pytest.raises(AssertionError):
            _require_parameters(line, function)


def test_the_first_page_leads_to_the_gallery_and_the_live_page_and_has_a_search_box(site: Path) -> None:
    page = (site / "index.html").read_text(encoding="utf-8")
    main = page[page.index("<article") :]
    for link in ("gallery.html", "web.html", "photos.html", "model_card.html"):
        assert f'href="{link}"' in main, link
    if (ROOT / "web" / "dist").is_dir():
        assert 'href="live/index.html"' in main
        assert (site / "live" / "index.html").is_file()
    assert re.search(r'<form[^>]*action="search.html"', page)
    assert "FaceAligner3D" in (site / "searchindex.js").read_text(encoding="utf-8")


def test_newcomers_find_pages_in_the_order_in_which_they_need_them(site: Path) -> None:
    page = (site / "index.html").read_text(encoding="utf-8")
    navigation = page[page.index('class="sidebar-tree"') : page.index("<article")]
    pages = re.findall(r'href="([\w/]+)\.html"', navigation)
    order = ["photos", "video", "exports", "pose", "blendshapes", "detection", "speed", "weights", "serve"]
    order += ["scale", "web", "training", "coordinates", "architecture", "migrating", "reference/aligner"]
    assert [name for name in pages if name in order] == order
