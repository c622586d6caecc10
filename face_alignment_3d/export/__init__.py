"""Results as files and streams; docs/exports.md has the formats."""

from face_alignment_3d.export.csv_file import write_csv
from face_alignment_3d.export.frame_writer import FrameFaces, FrameWriter, VideoInfo
from face_alignment_3d.export.frame_writers import FRAME_WRITERS
from face_alignment_3d.export.gltf_file import write_gltf
from face_alignment_3d.export.json_file import to_json, write_json
from face_alignment_3d.export.live_link_file import LiveLinkFrame, write_live_link_csv
from face_alignment_3d.export.npz_file import write_npz
from face_alignment_3d.export.obj_file import write_obj
from face_alignment_3d.export.openface_file import write_openface_csv
from face_alignment_3d.export.ply_file import write_ply
from face_alignment_3d.export.png_file import write_png
from face_alignment_3d.export.pts_file import write_pts
from face_alignment_3d.export.record import SCHEMA, PhotoFaces
from face_alignment_3d.export.vmc import VMC_PORT, VMCSender

__all__ = [
    "FRAME_WRITERS",
    "SCHEMA",
    "VMC_PORT",
    "FrameFaces",
    "FrameWriter",
    "LiveLinkFrame",
    "PhotoFaces",
    "VMCSender",
    "VideoInfo",
    "to_json",
    "write_csv",
    "write_gltf",
    "write_json",
    "write_live_link_csv",
    "write_npz",
    "write_obj",
    "write_openface_csv",
    "write_ply",
    "write_png",
    "write_pts",
]
