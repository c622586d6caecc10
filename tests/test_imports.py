"""Imports point one way, and importing the library does nothing else."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = "face_alignment_3d"
ROOT = Path(__file__).parent.parent / PACKAGE
MODULES = {
    ".".join([PACKAGE, *file.relative_to(ROOT).with_suffix("").parts]).removesuffix(".__init__"): file
    for file in ROOT.rglob("*.py")
}


def _imports(module: str, *, at_import_only: bool) -> set[str]:
    """The modules of this package that ``module`` imports."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    found: set[str] = set()
    for node in _statements(tree) if at_import_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name in MODULES}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                found |= {name if name in MODULES else str(node.module)} & set(MODULES)
    return found - {module}


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """All that runs when the module is imported."""
    for child in ast.iter_child_nodes(node):
        is_for_types = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test)
        if not is_for_types and not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield child
            yield from _statements(child)


def _is_in(module: str, *parts: str) -> bool:
    return any(module == f"{PACKAGE}.{part}" or module.startswith(f"{PACKAGE}.{part}.") for part in parts)


def test_there_is_something_to_look_at() -> None:
    assert f"{PACKAGE}.aligner" in MODULES
    assert f"{PACKAGE}.images" in _imports(f"{PACKAGE}.aligner", at_import_only=True)


def test_only_the_command_line_knows_training() -> None:
    for module in MODULES:
        if not _is_in(module, "training", "cli"):
            knows = [name for name in _imports(module, at_import_only=False) if _is_in(name, "training")]
            assert not knows, f"{module} imports {knows}"


def test_nothing_knows_the_command_line() -> None:
    for module in MODULES:
        if not _is_in(module, "cli", "__main__"):
            knows = [name for name in _imports(module, at_import_only=False) if _is_in(name, "cli")]
            assert not knows, f"{module} imports {knows}"


def test_the_inside_does_not_import_the_front_door() -> None:
    for module in MODULES:
        if not _is_in(module, "cli", "training"):
            assert PACKAGE not in _imports(module, at_import_only=True), f"{module} imports {PACKAGE}"


def _require_no_cycles(imports: dict[str, set[str]]) -> None:
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        if name in trail:
            raise AssertionError(" -> ".join([*trail[trail.index(name) :], name]))
        if name not in done:
            for imported in sorted(imports[name]):
                visit(imported, (*trail, name))
            done.add(name)

    for name in sorted(imports):
        visit(name, ())


def test_no_cycles_of_modules_lazy_imports_counted() -> None:
    _require_no_cycles({module: _imports(module, at_import_only=False) for module in MODULES})


#: Each part of the library, from the lowest layer to the highest: a part imports those of lower layers only.
LAYERS = (
    "arkit atomic cores errors heatmap interruption lazy markup overlapping paths tensors version",
    "crop",
    "crop_windows devices markup68 networks optional pose torch_settings",
    "image_file weights",
    "frozen images onnx_graphs",
    "backends",
    "detection",
    "boxes face",
    "blendshapes draw face_views image_batches",
    "face_selection photo_views video",
    "export streaming",
    "aligner serve view",
    "batch training",
    "cli",
    "__main__",
)
#: The same of the parts of ``training``.
TRAINING_LAYERS = (
    "data pruning",
    "engine",
    "labels",
    "evaluation novel_views objectives",
    "blendshapes detection recipes",
)


@pytest.mark.parametrize(("package", "layers"), [(PACKAGE, LAYERS), (f"{PACKAGE}.training", TRAINING_LAYERS)])
def test_parts_import_lower_layers_only_lazy_imports_counted(package: str, layers: tuple[str, ...]) -> None:
    level = {part: index for index, line in enumerate(layers) for part in line.split()}
    parts: dict[str, set[str]] = {}
    for module in MODULES:
        if (part := _part_of(module, package)) is not None:
            imported = (_part_of(name, package) for name in _imports(module, at_import_only=False))
            parts.setdefault(part, set()).update(name for name in imported if name is not None)
    assert set(parts) == set(level), "give each new part its place in the layers, and take old ones out"
    for part, imported in parts.items():
        higher = sorted(name for name in imported - {part} if level[name] >= level[part])
        assert not higher, f"{part} imports {higher} of its own layer, or a higher one"


def test_a_cycle_is_found() -> None:
    with pytest.raises(AssertionError, match="a -> b -> c -> a"):
        _require_no_cycles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}})


def _part_of(module: str, package: str) -> str | None:
    """The part of ``package`` that a module is or lies in; None for the package itself and others."""
    return module.removeprefix(f"{package}.").split(".")[0] if module.startswith(f"{package}.") else None


#: Lines of a file at most.
_LONGEST = 300


def test_files_are_short() -> None:
    for file in sorted(ROOT.rglob("*.py")):
        name = file.relative_to(ROOT).as_posix()
        lines = len(file.read_text(encoding="utf-8").splitlines())
        assert lines <= _LONGEST, f"{PACKAGE}/{name} has {lines} lines; at most {_LONGEST}"


def test_importing_leaves_the_process_as_it_was() -> None:
    code = f"""
import os, random, threading
import cv2, numpy, torch

def state():
    return {{
        "dtype": torch.get_default_dtype(),
        "gradients": torch.is_grad_enabled(),
        "threads": (torch.get_num_threads(), cv2.getNumThreads(), threading.active_count()),
        "torch's generator": torch.get_rng_state().tolist(),
        "other generators": (random.getstate(), numpy.random.get_state()[1].tolist()),
        "determinism": torch.are_deterministic_algorithms_enabled(),
        "cudnn": (torch.backends.cudnn.benchmark, torch.backends.cudnn.enabled),
        "precision": torch.get_float32_matmul_precision(),
        "cuda": torch.cuda.is_initialized(),
        "numpy's errors": numpy.geterr(),
        "process": (os.getcwd(), dict(os.environ)),
    }}

def refuse(*_, **__):
    raise SystemExit("a network was built")

before = state()
torch.nn.Module.__init__ = refuse
import {PACKAGE}
{PACKAGE}.FaceAligner3D
after = state()
print(*[f"importing changed {{key}}" for key in before if before[key] != after[key]], sep="", end="")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT.parent)
    assert done.returncode == 0, done.stderr
    assert done.stdout + done.stderr == ""


def test_torch_waits_until_it_is_needed() -> None:
    code = f"""
import sys
import {PACKAGE}
from {PACKAGE} import Face3D, ImageError
from {PACKAGE}.cli import main
try:
    main(["--help"])
except SystemExit:
    pass
print("torch" in sys.modules, file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT.parent)
    assert done.stderr.strip() == "False"
