"""The metadata of the library's ONNX files; needs neither torch nor onnx."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from face_alignment_3d.errors import WeightsError

CASCADE_FORMAT: Final = "face-alignment-3d onnx cascade"
DETECTOR_FORMAT: Final = "face-alignment-3d onnx mtcnn"
SCOUT_FORMAT: Final = "face-alignment-3d onnx scout"

#: Raised when inputs or outputs change, or the graph is written in another way: files of other versions are
#: refused, and the cache makes new ones.
GRAPH_VERSION: Final = "3"


def check_metadata(
    metadata: Mapping[str, str], file: Path, *, expected: str, weights_sha256: str | None = None
) -> Mapping[str, str]:
    """The metadata of ``file`` if it is of the ``expected`` format in this version.

    With ``weights_sha256``, it must have been made from the weight file with that SHA-256.

    Raises :class:`WeightsError` otherwise.
    """
    if metadata.get("format") != expected:
        raise WeightsError(
            f"{file} is ONNX, but not what was expected: its metadata should have format {expected!r}; it "
            f"has {metadata.get('format')!r}. Make the file with `face-alignment-3d export onnx`"
        )
    if metadata.get("graph_version") != GRAPH_VERSION:
        raise WeightsError(
            f"{file} is of graph version {metadata.get('graph_version')!r} and this version of the library "
            f"reads {GRAPH_VERSION!r}; make it again with `face-alignment-3d export onnx`"
        )
    if weights_sha256 is not None and metadata.get("weights_sha256") != weights_sha256:
        raise WeightsError(
            f"{file} should be made from the weights with SHA-256 {weights_sha256}; it is made from "
            f"{metadata.get('weights_sha256')}. Delete it, and it is made anew"
        )
    return MappingProxyType(dict(metadata))
