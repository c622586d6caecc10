"""Results as files: JSON for each photo, one CSV for many, pictures as PNG."""

from face_alignment_3d.export.csv_file import write_csv
from face_alignment_3d.export.json_file import to_json, write_json
from face_alignment_3d.export.png_file import write_png
from face_alignment_3d.export.record import SCHEMA, PhotoFaces

__all__ = ["SCHEMA", "PhotoFaces", "to_json", "write_csv", "write_json", "write_png"]
