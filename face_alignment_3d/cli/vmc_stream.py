"""``--vmc HOST:PORT``: one face of a video or camera, streamed while it is followed."""

import argparse
import math
import sys
import time
from typing import TYPE_CHECKING, Final

from tqdm import tqdm

from face_alignment_3d.cli.values import Address, address

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from face_alignment_3d.export import VMCSender
    from face_alignment_3d.video.tracked_face import TrackedFace3D

#: Seconds; a signal that asks to stop is noticed this soon while a frame waits for its time.
_STEP: Final = 0.05


#: Seconds for which a face that is lost is waited for.
_PATIENCE: Final = 1.0


def add_vmc_option(parser: argparse.ArgumentParser) -> None:
    """Adds ``--vmc``."""
    parser.add_argument(
        "--vmc",
        type=address,
        metavar="HOST:PORT",
        help="stream the head pose, and with --blendshapes these, of the face in front to an avatar by VMC "
        "(OSC over UDP) while it runs",
    )


class VmcStream:
    """Sends the main face of each frame; a context manager. None as ``to`` sends nothing.

    ``mirrored``: the pictures are mirrored; the avatar still turns as the person does.

    Raises OSError for a host that is not known, :class:`FaceAlignmentError` where python-osc is missing.
    """

    def __init__(self, to: Address | None, *, mirrored: bool = False) -> None:
        self._to, self._mirrored = to, mirrored
        self._main = MainFace()
        self._sender = None if to is None else _sender_to(to)
        self._is_warned = False
        self._start: float | None = None

    def __enter__(self) -> "VmcStream":
        return self

    def __exit__(self, *_: object) -> None:
        if self._sender is not None:
            self._sender.close()

    def send(self, faces: "Sequence[TrackedFace3D]", *, time: float) -> None:
        """Sends the main one of ``faces``, those at ``time`` in seconds.

        A network that fails is reported once, and sending goes on: it may come back.
        """
        if self._sender is None:
            return
        from face_alignment_3d.export.record import pose_of

        face = self._main.of(faces, time=time)
        pose = None if face is None else pose_of(face)
        blendshapes = None if face is None else face.blendshapes
        try:
            self._sender.send(pose, blendshapes=blendshapes, mirrored=self._mirrored)
        except OSError as error:
            if not self._is_warned:
                tqdm.write(f"warning: --vmc {self._to}: {error.strerror or error}", file=sys.stderr)
            self._is_warned = True

    def wait_for(self, video_time: float, *, is_stopped: "Callable[[], bool]") -> None:
        """Waits until a video that began with the first call is at ``video_time``, in seconds.

        This keeps an avatar from moving faster than the video. Where the work is slower than the video, this
        returns at once.
        """
        if self._sender is None:
            return
        now = time.monotonic()
        if self._start is None:
            self._start = now - video_time
        while (left := self._start + video_time - time.monotonic()) > 0 and not is_stopped():
            time.sleep(min(left, _STEP))


class MainFace:
    """Chooses the largest face and keeps to it as long as it is there.

    Where it is gone for more than a second, the largest of the others takes its place.
    """

    def __init__(self) -> None:
        self._track_id: int | None = None
        self._seen_at = -math.inf

    def of(self, faces: "Sequence[TrackedFace3D]", *, time: float) -> "TrackedFace3D | None":
        """The main face among those at ``time``, in seconds; None while there is none."""
        from face_alignment_3d.video.motion import face_size

        kept = next((face for face in faces if face.track_id == self._track_id), None)
        if kept is None and faces and time - self._seen_at > _PATIENCE:
            kept = max(faces, key=lambda face: face_size(face.landmarks))
        if kept is not None:
            self._track_id, self._seen_at = kept.track_id, time
        return kept


def _sender_to(to: Address) -> "VMCSender":
    from face_alignment_3d.export import VMCSender

    try:
        return VMCSender(to.host, to.port)
    except (OSError, UnicodeError) as error:  # The latter for names that no host can have.
        reason = getattr(error, "strerror", None) or error
        raise OSError(f"--vmc {to}: nothing can be sent there: {reason}") from error
