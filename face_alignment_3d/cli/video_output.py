"""What ``face-alignment-3d video`` leaves: the film and the data files, each of them whole or not there."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from face_alignment_3d.markup68 import Markup
    from face_alignment_3d.video.reader import Film, FilmFrame
    from face_alignment_3d.video.records import FilmRecord
    from face_alignment_3d.video.tracked_face import TrackedFace3D


class FilmOutput:
    """The film and the data files that were asked for; a context manager that removes what is unfinished.

    ``targets`` are format -> file, with "film" for the film. ``first`` is the first frame of ``film``;
    ``markup`` and ``coefficients`` are those of :class:`~face_alignment_3d.video.records.RecordedFilm`.
    """

    def __init__(
        self,
        targets: dict[str, Path],
        film: "Film",
        first: "FilmFrame",
        *,
        markup: "Markup",
        coefficients: bool,
    ) -> None:
        from face_alignment_3d.video.records import RECORDS, RecordedFilm
        from face_alignment_3d.video.writer import FilmWriter

        height, width = first.image_rgb.shape[:2]
        recorded = RecordedFilm(str(film.path), height, width, float(film.rate), markup, coefficients)
        self._target = targets.get("film")
        self._picture: FilmWriter | None = None
        self._records: list[FilmRecord] = []
        try:
            for kind, target in targets.items():
                target.parent.mkdir(parents=True, exist_ok=True)
                if kind == "film":
                    self._picture = FilmWriter(
                        target,
                        height=height,
                        width=width,
                        time_base=film.time_base,
                        rate=film.rate,
                        sound_of=film.path,
                    )
                else:
                    self._records.append(RECORDS[kind](target, recorded))
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self) -> "FilmOutput":
        return self

    def __exit__(self, *_: object) -> None:
        """Removes what is not finished."""
        for unfinished in (self._picture, *self._records):
            if unfinished is not None:
                unfinished.discard()

    def add(self, frame: "FilmFrame", faces: "list[TrackedFace3D]") -> None:
        """The next frame and its faces."""
        from face_alignment_3d.video.overlay import draw_tracked

        if self._picture is not None:
            self._picture.write(draw_tracked(frame.image_rgb, faces), pts=frame.pts)
        for record in self._records:
            record.add(frame.index, frame.time, faces)

    def finish(self, *, complete: bool, stopped: bool) -> list[Path]:
        """The files, which are now in their places.

        ``complete``: these are all frames that the film should have; ``stopped``: it would go on.
        """
        written = []
        if self._picture is not None and self._target is not None:
            self._picture.finish(complete=not stopped)
            written.append(self._target)
        for record in self._records:
            written += record.finish(complete=complete)
        return written
