"""The layout of the JSON and NPZ files of videos."""

from typing import Final

#: Its name and version; the version changes when a reader would have to, or when there is more to be read.
SCHEMA: Final = "face-alignment-3d-video/3"
