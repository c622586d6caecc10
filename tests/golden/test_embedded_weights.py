"""The embedded weights give the recorded results, in torch and in ONNX Runtime."""

import json

import numpy as np
import pytest

from face_alignment_3d.weights.integrity import sha256_of
from face_alignment_3d.weights.store import resolve_weights
from tests.golden.cases import cases, outputs, this_platform
from tests.golden.record import FILE

RECORDED = json.loads(FILE.read_text(encoding="utf-8"))
#: Pixels, on the kind of machine that recorded. Elsewhere other convolutions run, which round otherwise.
TOLERANCE = 0.05 if RECORDED["platform"] == this_platform() else 0.3


def test_the_weights_are_those_that_were_recorded():
    assert sha256_of(resolve_weights("lite")) == RECORDED["weights_sha256"], (
        "the embedded weights have changed: run `python -m tests.golden.record` and look at the difference"
    )


@pytest.mark.parametrize("backend", ["torch", "onnx"])
@pytest.mark.parametrize("name", list(cases()))
def test_what_was_recorded_is_found(name, backend):
    expected, found = RECORDED["cases"][name], outputs(backend, cases()[name])
    np.testing.assert_allclose(found["landmarks"], expected["landmarks"], atol=TOLERANCE, rtol=0)
    np.testing.assert_allclose(found["confidence"], expected["confidence"], atol=TOLERANCE, rtol=0)
    assert set(found["blendshapes"]) == set(expected["blendshapes"])
    for shape, value in expected["blendshapes"].items():
        assert found["blendshapes"][shape] == pytest.approx(value, abs=TOLERANCE), shape
    assert ("visibility" in found) == ("visibility" in expected)
    if "visibility" in expected:
        np.testing.assert_allclose(found["visibility"], expected["visibility"], atol=TOLERANCE, rtol=0)


def test_a_mirrored_photo_has_mirrored_points():
    """Recorded points of mirror images agree to a hundredth of the face: they are right, not only stable."""
    from face_alignment_3d.markup import MIRROR

    plain, mirrored = (np.array(RECORDED["cases"][name]["landmarks"]) for name in ("astronaut", "mirrored"))
    back = mirrored[MIRROR] * [-1, 1, 1] + [511, 0, 0]
    assert np.linalg.norm(back - plain, axis=1).mean() < 1.1
