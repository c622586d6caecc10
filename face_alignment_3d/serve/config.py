"""The settings of a server: access, limits, and trackers."""

import re
from dataclasses import dataclass, field

from face_alignment_3d.image_batches import require_at_least_1


@dataclass(frozen=True)
class ServerConfig:
    """Access, limits and the settings of trackers.

    Raises ValueError for limits that are not above 0, tokens that are not printable ASCII, and origins that
    are not ``http(s)://host[:port]``.
    """

    token: str | None = field(default=None, repr=False)
    """The token that clients have to send; None admits everybody who reaches the server."""

    origins: tuple[str, ...] = ()
    """Further web origins that may use the server; their hosts are accepted as names of the server, too.
    Behind a proxy it is the public one, such as ``https://faces.example.com``."""

    max_connections: int = 16
    """WebSocket connections at a time."""

    max_bytes: int = 20_000_000
    """Of a photo's file."""

    max_pixels: int = 50_000_000
    """Of a photo, width times height."""

    max_frame_bytes: int = 2_000_000
    """Of the picture file of a frame."""

    max_frame_pixels: int = 4_000_000
    """Of a frame, width times height."""

    max_frame_rate: float = 60.0
    """Messages a second of a connection."""

    max_photo_rate: float = 10.0
    """Photos a second of an address."""

    max_waiting_photos: int = 8
    """Photos in work or waiting, of all clients."""

    idle_seconds: float = 60.0
    """Time after which a connection that sends nothing is closed."""

    body_seconds: float = 30.0
    """Time within which a photo has to arrive."""

    smooth: bool = True
    """As of :class:`face_alignment_3d.VideoAligner3D`."""

    alignment_interval: float = 0.1
    """As of :class:`face_alignment_3d.VideoAligner3D`."""

    max_faces: int | None = None
    """As of :class:`face_alignment_3d.VideoAligner3D`."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            is_limit = name.startswith("max_") or name.endswith("_seconds")
            if is_limit and name != "max_faces" and not value > 0:
                raise ValueError(f"{name} must be above 0; got {value!r}")
        if self.max_faces is not None:
            require_at_least_1(max_faces=self.max_faces)
        if self.token is not None and not re.fullmatch(r"[!-~]+", self.token):
            raise ValueError("the token must be letters, digits and signs of ASCII, without spaces")
        for origin in self.origins:
            if not re.fullmatch(r"https?://[^/\s]+", origin):
                raise ValueError(f"expected an origin such as https://faces.example.com; got {origin!r}")
