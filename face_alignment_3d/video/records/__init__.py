"""The faces of a video as files, a frame at a time."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from face_alignment_3d.video.records.csv_record import CsvRecord
from face_alignment_3d.video.records.gltf_record import GltfRecord
from face_alignment_3d.video.records.json_record import JsonRecord
from face_alignment_3d.video.records.live_link_record import LiveLinkRecord
from face_alignment_3d.video.records.npz_record import NpzRecord
from face_alignment_3d.video.records.openface_record import OpenFaceRecord
from face_alignment_3d.video.records.protocol import RecordedVideo, VideoRecord

__all__ = ["RECORDS", "RecordedVideo", "VideoRecord"]

RecordKind: TypeAlias = (
    type[JsonRecord]
    | type[CsvRecord]
    | type[NpzRecord]
    | type[OpenFaceRecord]
    | type[LiveLinkRecord]
    | type[GltfRecord]
)

#: Format -> what writes it. Each has an ``ENDING`` and takes the path of its file, or of the main track's,
#: and a :class:`RecordedVideo`.
RECORDS: Final[Mapping[str, RecordKind]] = MappingProxyType(
    {
        "json": JsonRecord,
        "csv": CsvRecord,
        "npz": NpzRecord,
        "openface": OpenFaceRecord,
        "livelink": LiveLinkRecord,
        "gltf": GltfRecord,
    }
)
