"""The faces of a video as animations, one a face."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from face_alignment_3d.errors import LandmarksError
from face_alignment_3d.export.gltf_file import head_values, write_glb
from face_alignment_3d.video.part_file import PartFile
from face_alignment_3d.video.records.protocol import RecordedVideo
from face_alignment_3d.video.records.track_files import TrackFiles
from face_alignment_3d.video.tracked_face import TrackedFace3D


class GltfRecord:
    """A .glb a track, as of :func:`face_alignment_3d.export.write_gltf`, animated by the video's time stamps,
    with a key for each frame in which the face is seen and has a pose.

    The format has all keys of a node together, so they wait in temporary files, 0.8 kB a face, until the end.
    """

    ENDING: Final = ".glb"

    def __init__(self, path: Path, video: RecordedVideo) -> None:
        self._video = video
        self._keys = TrackFiles(path.with_suffix(".keys"), ending=".keys")
        self._path = path
        self._origin: float | None = None

    def add(self, index: int, time: float, faces: Sequence[TrackedFace3D]) -> None:
        """See :class:`VideoRecord`."""
        if self._origin is None:
            self._origin = min(time, 0.0)  # Videos may begin a little before zero; animations cannot.
        for face in faces:
            try:
                values = head_values(face, height=self._video.height, width=self._video.width)
            except LandmarksError:
                continue
            key = np.concatenate([[time - self._origin], values])
            self._keys.append(face, key.astype("<f4").tobytes())

    def finish(self, *, complete: bool) -> list[Path]:
        """See :class:`VideoRecord`; an animation does not say whether it is complete."""
        written = []
        for keys, name in self._keys.targets():
            part = PartFile(name.with_suffix(self.ENDING))
            try:
                self._write(keys.path, part.path)
                written.append(part.finish())
            finally:
                part.discard()
            keys.discard()
        return written

    def discard(self) -> None:
        """See :class:`VideoRecord`."""
        self._keys.discard()

    @staticmethod
    def _write(keys: Path, target: Path) -> None:
        table = np.memmap(keys, "<f4", mode="r").reshape(-1, 1 + 7 + 3 * 66)
        with target.open("wb") as file:
            write_glb(file, table[:, 0], table[:, 1:])
