"""A file for each track of a video."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from face_alignment_3d.atomic import PartFile, naming
from face_alignment_3d.crop import box_around

if TYPE_CHECKING:
    from face_alignment_3d.video.tracked_face import TrackedFace3D


@dataclass
class _Track:
    part: PartFile
    frames: int = 0
    extent: float = 0.0
    """Sum over its frames of the longer side of the box around its landmarks, in pixels."""


class TrackFiles:
    """Temporary files beside ``path``, one a track, that grow frame by frame.

    None is open between two frames, so that their number has no limit. Raises OSError when the folder is
    missing or cannot be written to.
    """

    def __init__(self, path: Path, *, ending: str) -> None:
        self._path, self._ending = path, ending
        self._tracks: dict[int, _Track] = {}
        probe = PartFile(path)
        with naming(path):
            probe.path.touch()  # Fails now, not at the first face, where files cannot be written.
        probe.discard()

    def append(self, face: "TrackedFace3D", content: bytes, *, header: bytes = b"") -> None:
        """Appends to the file of the face's track; ``header`` comes first in each file."""
        track = self._tracks.setdefault(face.track_id, _Track(PartFile(self._path)))
        x0, y0, x1, y1 = (float(value) for value in box_around(face.landmarks))
        # The first write empties what another process may have left under this name.
        with naming(self._path), track.part.path.open("ab" if track.frames else "wb") as file:
            file.write(content if track.frames else header + content)
        track.frames += 1
        track.extent += max(x1 - x0, y1 - y0)

    def targets(self) -> list[tuple[PartFile, Path]]:
        """Each track's temporary file and its name, the main track first.

        The main track is the one with the most frames, of equals the larger face; it has the plain name,
        ``a.glb``, the others are ``a.track3.glb``.
        """
        order = sorted(self._tracks.items(), key=lambda item: (-item[1].frames, -item[1].extent, item[0]))
        stem = self._path.name.removesuffix(self._ending)
        names = [self._path]
        names += [self._path.with_name(f"{stem}.track{track_id}{self._ending}") for track_id, _ in order[1:]]
        return [(track.part, name) for (_, track), name in zip(order, names, strict=False)]

    def discard(self) -> None:
        """Removes the temporary files that are there."""
        for track in self._tracks.values():
            track.part.discard()
