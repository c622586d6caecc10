"""The weights that the manifest lists as part of the package are there, right, and load."""

import pytest

from face_alignment_3d.blendshapes.weights_file import load_blendshape_model
from face_alignment_3d.detection.scout.weights_file import load_scout
from face_alignment_3d.weights.integrity import verify
from face_alignment_3d.weights.loading import load_cascade
from face_alignment_3d.weights.manifest import load_manifest
from face_alignment_3d.weights.safetensors_file import read_metadata
from face_alignment_3d.weights.store import EMBEDDED_DIR, resolve_weights

EMBEDDED = [entry for entry in load_manifest().values() if entry.embedded]


def test_the_package_holds_no_file_that_the_manifest_lacks():
    assert {path.name for path in EMBEDDED_DIR.glob("*")} == {entry.file for entry in EMBEDDED}


@pytest.mark.parametrize("entry", EMBEDDED, ids=lambda entry: entry.name)
def test_embedded_weights_are_what_the_manifest_says(entry):
    path = resolve_weights(entry.name, offline=True)
    assert path == EMBEDDED_DIR / entry.file
    verify(entry, path)
    metadata = read_metadata(path)
    assert metadata["markup"] == entry.markup
    if entry.kind == "cascade":
        assert metadata["preset"] == entry.preset
        assert load_cascade(path).geometry.input_size == entry.input_size
    elif entry.kind == "scout":
        load_scout(path)
    else:
        assert load_blendshape_model(path).neutral.shape == (66, 3)
