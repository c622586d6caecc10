"""docs/api.md has the signatures that the code has, of everything public."""

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import face_alignment_3d
from face_alignment_3d import (
    Detection,
    Face3D,
    FaceAligner3D,
    VideoAligner3D,
    blendshapes,
    draw,
    export,
    pose,
    video,
    view,
)
from face_alignment_3d.detection.mtcnn import MTCNNDetector
from face_alignment_3d.detection.scout.detector import ScoutDetector
from face_alignment_3d.markup68 import to_68, values_in_markup
from face_alignment_3d.streaming import AlignmentResult

#: The packages of which everything in ``__all__`` is on the page.
PUBLIC = (blendshapes, draw, export, pose, video, view)
PAGE = (Path(__file__).parent.parent / "docs" / "api.md").read_text(encoding="utf-8")

#: As the page calls objects -> their classes.
OBJECTS = {
    "aligner": FaceAligner3D,
    "face": Face3D,
    "tracker": VideoAligner3D,
    "smoother": video.LandmarkSmoother,
    "estimator": blendshapes.BlendshapeEstimator,
    "page": view.ViewPage,
    "result": view.ResultFile,
    "camera": pose.Camera,
    "pose": pose.HeadPose,
    "perspective_pose": pose.PerspectivePose,
    "sender": export.VMCSender,
}
#: Classes that are named, without their signatures: settings with a default each, a face with an identity.
NAMED = {video.Smoothing, video.TrackerConfig, video.TrackedFace3D}


def _signatures() -> dict[str, str]:
    """Name -> parameters, of each line like ``name(...)`` in the page's blocks of code."""
    found = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        code = re.sub(r"#.*", "", block)
        for name, parameters in re.findall(
            r"^([A-Za-z_][\w.]*)\(((?:[^()]|\([^()]*\))*)\)\s*$", code, re.MULTILINE
        ):
            found[name] = parameters
    return found


def _parsed(parameters: str) -> inspect.Signature:
    """A signature whose defaults are their source, where they are no literals."""
    (function,) = ast.parse(f"def f({parameters}): ...").body
    assert isinstance(function, ast.FunctionDef)
    arguments = function.args
    result = []
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults: list[Any] = [None] * (len(positional) - len(arguments.defaults)) + list(arguments.defaults)
    for argument, default in zip(positional, defaults, strict=True):
        result.append(_parameter(argument.arg, default, inspect.Parameter.POSITIONAL_OR_KEYWORD))
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        result.append(_parameter(argument.arg, default, inspect.Parameter.KEYWORD_ONLY))
    return inspect.Signature(result)


def _parameter(name: str, default: ast.expr | None, kind: Any) -> inspect.Parameter:
    if default is None:
        return inspect.Parameter(name, kind)
    try:
        return inspect.Parameter(name, kind, default=ast.literal_eval(default))
    except ValueError:
        from face_alignment_3d.detection import mtcnn

        return inspect.Parameter(name, kind, default=getattr(mtcnn, ast.unparse(default)))


def _of_code(function: Any) -> inspect.Signature:
    parameters = inspect.signature(function).parameters.values()
    return inspect.Signature(
        [p.replace(annotation=inspect.Parameter.empty) for p in parameters if p.name != "self"]
    )


def _public(kind: type) -> dict[str, Any]:
    """The methods that a class of this library defines or inherits from one of its own."""
    return {
        name: member
        for name, member in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_") and member.__module__.startswith("face_alignment_3d")
    }


def _has_signature(thing: Any) -> bool:
    is_protocol = getattr(thing, "_is_protocol", False)
    return callable(thing) and thing not in NAMED and not is_protocol


EXPECTED = {
    **{kind.__name__: kind for kind in (FaceAligner3D, Face3D, Detection, MTCNNDetector, ScoutDetector)},
    **{f"{name}.{method}": m for name, kind in OBJECTS.items() for method, m in _public(kind).items()},
    **{f.__name__: f for f in (to_68, values_in_markup)},
    **{
        name: getattr(package, name)
        for package in PUBLIC
        for name in package.__all__
        if _has_signature(getattr(package, name))
    },
}


@pytest.mark.parametrize("name", list(EXPECTED))
def test_a_signature_is_that_of_the_code(name: str) -> None:
    written = _signatures()
    assert name in written, f"docs/api.md has no line {name}(...)"
    assert str(_parsed(written[name])) == str(_of_code(EXPECTED[name]))


def test_the_page_has_no_signature_of_something_else() -> None:
    assert set(_signatures()) == set(EXPECTED)


@pytest.mark.parametrize("kind", [Face3D, AlignmentResult, FaceAligner3D])
def test_every_attribute_is_named(kind: type) -> None:
    fields = list(getattr(kind, "__dataclass_fields__", {}))
    computed = [name for name, value in vars(kind).items() if not (callable(value) or name.startswith("_"))]
    for name in {*fields, *computed}:
        assert re.search(rf"`(\w+\.)?{name}`", PAGE), f"docs/api.md does not have {kind.__name__}.{name}"


def _public_names() -> set[str]:
    """``__all__`` of the package and of those below it, read without importing: some need extras."""
    names: set[str] = set()
    folder = Path(face_alignment_3d.__file__).parent
    for file in (folder / "__init__.py", *folder.glob("*/__init__.py")):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            match node:
                case ast.Assign(targets=[ast.Name(id="__all__")], value=value) if file.parent.name != "cli":
                    names.update(ast.literal_eval(value))
    return names


@pytest.mark.parametrize("name", sorted(_public_names()))
def test_everything_public_is_named(name: str) -> None:
    assert re.search(rf"\b{name}\b", PAGE)


def test_a_difference_would_show() -> None:
    assert str(_parsed('a, *, b="x", c=(1.0, -2)')) == "(a, *, b='x', c=(1.0, -2))"
    assert str(_parsed("a, *, b=1")) != str(_of_code(lambda a, *, b=2: None))
    assert str(_parsed("a")) != str(_of_code(lambda a, *, markup="66": None))
