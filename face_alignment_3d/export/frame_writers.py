"""The frame writers by the names of their formats."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from face_alignment_3d.export.csv_file import CsvFrameWriter
from face_alignment_3d.export.gltf_frames import GltfFrameWriter
from face_alignment_3d.export.json_file import JsonFrameWriter
from face_alignment_3d.export.live_link_file import LiveLinkFrameWriter
from face_alignment_3d.export.npz_file import NpzFrameWriter
from face_alignment_3d.export.openface_file import OpenFaceFrameWriter

FrameWriterType: TypeAlias = (
    type[JsonFrameWriter]
    | type[CsvFrameWriter]
    | type[NpzFrameWriter]
    | type[OpenFaceFrameWriter]
    | type[LiveLinkFrameWriter]
    | type[GltfFrameWriter]
)

#: Format -> class. Each has an ``ENDING`` and takes the path of its file, or of the main track's, and a
#: :class:`~face_alignment_3d.export.VideoInfo`.
FRAME_WRITERS: Final[Mapping[str, FrameWriterType]] = MappingProxyType(
    {
        "json": JsonFrameWriter,
        "csv": CsvFrameWriter,
        "npz": NpzFrameWriter,
        "openface": OpenFaceFrameWriter,
        "livelink": LiveLinkFrameWriter,
        "gltf": GltfFrameWriter,
    }
)
