"""Checking, before anything is loaded, that weights can be used."""

import os
from pathlib import Path

from face_alignment_3d.errors import WeightsError
from face_alignment_3d.paths import is_file
from face_alignment_3d.weights.manifest import load_manifest
from face_alignment_3d.weights.store import Refuse, identify, plan


def require_weights(weights: str | os.PathLike[str], *, kind: str, offline: bool | None = None) -> str | Path:
    """Checks ``weights`` for a later :func:`~face_alignment_3d.weights.store.resolve_weights`.

    Returns a name of the manifest, or the absolute path of a file that exists, which is valid in any working
    folder. ``kind`` is the expected kind of weights, "cascade", "blendshapes" or "scout". Weights inside the
    package are not looked for. Raises :class:`WeightsError` for an unknown name, another kind, a missing
    file, and weights that are not here and cannot be downloaded.
    """
    if not isinstance(weights, (str, os.PathLike)):
        raise WeightsError(f"weights must be a name of the manifest or a path; got {type(weights).__name__}")
    wanted = identify(weights, load_manifest())
    if isinstance(wanted, Path):
        if not is_file(wanted):
            raise WeightsError(
                f"there is no weight file {wanted}; check the path, or pass a name of the manifest"
            )
        return wanted.absolute()
    if wanted.kind != kind:
        raise WeightsError(f"weights {wanted.name!r} are of kind {wanted.kind!r}; here {kind!r} is needed")
    if not wanted.embedded:
        decision = plan(weights, offline=offline)
        if isinstance(decision, Refuse):
            raise WeightsError(decision.reason)
    return wanted.name
