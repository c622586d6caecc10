"""Head rotation and blendshapes streamed to an avatar by the Virtual Motion Capture protocol.

The protocol is OSC over UDP: https://protocol.vmc.info
"""

import math
import socket
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Final, TypeAlias

from face_alignment_3d.arkit import require_blendshapes
from face_alignment_3d.blendshapes.mirroring import mirrored_name
from face_alignment_3d.errors import FaceAlignmentError
from face_alignment_3d.pose.head_pose import HeadPose

#: The port that VMC programs listen on for motion by default.
VMC_PORT: Final = 39539


#: Bytes of a datagram. Larger ones are cut up on the way, or dropped: networks carry 1,500 bytes, tunnels and
#: IPv6 guarantee 1,280, headers included.
_LARGEST_DATAGRAM: Final = 1200
#: Of an OSC bundle: bytes of its head, and of what comes before each message.
_BUNDLE_HEAD, _MESSAGE_HEAD = 16, 4

_Message: TypeAlias = tuple[str, list[str | int | float]]


class VMCSender:
    """Sends frames to a host and port as OSC bundles of at most 1,200 bytes, one a datagram.

    A frame without blendshapes is one datagram; 52 blendshapes take three. The receiver applies blendshapes
    at the last message of a frame, ``/VMC/Ext/Blend/Apply``. UDP has no connection: nothing fails when
    nobody listens. Use it as a context manager, or :meth:`close` it. Needs python-osc: ``pip install 'face-
    alignment-3d[osc]'``. Raises :class:`FaceAlignmentError` without it and OSError when the host is
    unknown.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = VMC_PORT) -> None:
        try:
            import pythonosc.osc_bundle_builder  # noqa: F401
        except ImportError as error:
            raise FaceAlignmentError(
                "streaming needs the package python-osc, which is not installed: "
                "pip install 'face-alignment-3d[osc]'"
            ) from error
        if not 0 < port < 65536:
            raise ValueError(f"port must be from 1 to 65535; got {port}")
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        self._address = address
        self._socket = socket.socket(family, kind, protocol)
        self._start = time.monotonic()

    def send(
        self,
        pose: HeadPose | None,
        *,
        blendshapes: Mapping[str, float] | None = None,
        mirrored: bool = False,
    ) -> None:
        """Sends one frame.

        ``/VMC/Ext/Bone/Pos`` turns the avatar's ``Head`` as the subject's is turned against the camera: to
        the avatar's own left when the subject turns to theirs. ``mirrored`` makes it a mirror image. The
        bone's position is sent as (0, 0, 0), relative to its parent. None sends no head. ``blendshapes``,
        ARKit's name -> value in [0, 1], go out as ``/VMC/Ext/Blend/Val``; NaN, for not known, is left out,
        and so are all of them with None.

        Raises ValueError for blendshapes that ARKit does not have or outside [0, 1].
        """
        blendshapes = blendshapes or {}
        require_blendshapes(blendshapes)
        messages: list[_Message] = [
            ("/VMC/Ext/OK", [1]),
            ("/VMC/Ext/T", [time.monotonic() - self._start]),
        ]
        if pose is not None:
            # The avatar looks along +z in Unity's left-handed frame, with y up and x to its right: all
            # three axes are the canonical ones reversed, which leaves the matrix, and so the quaternion,
            # as it is.
            x, y, z, w = pose.quaternion.tolist()
            turn = [x, -y, -z, w] if mirrored else [x, y, z, w]
            messages.append(("/VMC/Ext/Bone/Pos", ["Head", 0.0, 0.0, 0.0, *turn]))
        known = {name: float(value) for name, value in blendshapes.items() if not math.isnan(value)}
        messages += [
            ("/VMC/Ext/Blend/Val", [mirrored_name(n) if mirrored else n, v]) for n, v in known.items()
        ]
        if known:
            messages.append(("/VMC/Ext/Blend/Apply", []))
        for datagram in _datagrams(messages):
            self._socket.sendto(datagram, self._address)

    def close(self) -> None:
        """Closes the socket; a second time does nothing."""
        self._socket.close()

    def __enter__(self) -> "VMCSender":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _datagrams(messages: Sequence[_Message]) -> list[bytes]:
    """The messages, in their order, as OSC bundles of at most :data:`_LARGEST_DATAGRAM` bytes."""
    from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
    from pythonosc.osc_message_builder import OscMessageBuilder

    bundles, size = [OscBundleBuilder(IMMEDIATELY)], _BUNDLE_HEAD
    for address, arguments in messages:
        builder = OscMessageBuilder(address)
        for argument in arguments:
            builder.add_arg(argument)
        message = builder.build()
        size += _MESSAGE_HEAD + message.size
        if size > _LARGEST_DATAGRAM:
            bundles.append(OscBundleBuilder(IMMEDIATELY))
            size = _BUNDLE_HEAD + _MESSAGE_HEAD + message.size
        bundles[-1].add_content(message)
    return [bundle.build().dgram for bundle in bundles]
