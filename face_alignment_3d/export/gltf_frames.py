"""The faces of a video as glTF animations, one a track."""

from pathlib import Path
from typing import Final

import numpy as np

from face_alignment_3d.atomic import PartFile, naming
from face_alignment_3d.errors import LandmarksError
from face_alignment_3d.export.frame_writer import FrameFaces, VideoInfo
from face_alignment_3d.export.gltf_file import VALUES, head_values, write_glb
from face_alignment_3d.export.track_files import TrackFiles


class GltfFrameWriter:
    """An animated .glb for each track, as of :func:`face_alignment_3d.export.write_gltf`.

    There is a key for each frame in which the face is seen and has a pose, at the video's time stamp.

    Time 0 is that of the video's first frame, so that the tracks of a video go together. The format has times
    in single precision: of frames whose times are equal then, after hours of a fast video, the first counts.
    It also has all keys of a node together, so they wait in temporary files, 0.8 kB a face, until the end.
    """

    ENDING: Final = ".glb"

    def __init__(self, path: Path, video: VideoInfo) -> None:
        self._start = video.start
        self._keys = TrackFiles(path, ending=self.ENDING)
        self._last: np.float32 | None = None

    def add(self, frame: FrameFaces) -> None:
        """See :class:`FrameWriter`."""
        time = np.float32(frame.time - self._start)
        if self._last is not None and not time > self._last:
            return
        self._last = time
        for face in frame.faces:
            try:
                values = head_values(face, height=frame.height, width=frame.width)
            except LandmarksError:
                continue
            self._keys.append(face, np.concatenate([[time], values]).astype("<f4").tobytes())

    def finish(self, *, complete: bool) -> list[Path]:
        """See :class:`FrameWriter`; an animation does not say whether it is complete."""
        written = []
        for keys, name in self._keys.targets():
            part = PartFile(name)
            try:
                with naming(name):
                    self._write(keys.path, part.path)
                written.append(part.finish())
            finally:
                part.discard()
            keys.discard()
        return written

    def discard(self) -> None:
        """See :class:`FrameWriter`."""
        self._keys.discard()

    @staticmethod
    def _write(keys: Path, target: Path) -> None:
        table = np.memmap(keys, "<f4", mode="r").reshape(-1, 1 + VALUES)
        with target.open("wb") as file:
            write_glb(file, table[:, 0], table[:, 1:])
