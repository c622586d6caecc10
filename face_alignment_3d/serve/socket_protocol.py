"""WebSockets in uvicorn whose memory does not grow with clients that do not read."""

import asyncio
from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

#: A client that reads nothing for so long, while there is something to be read, is cut off.
STALL_SECONDS: Final = 10.0


class BoundedSocketProtocol(WebSocketsSansIOProtocol):
    """What is to be sent waits in the application while the system's buffer is full, and not for ever.

    Uvicorn closes connections only when all that was written has been read, and answers pings without
    looking whether anybody reads the answers.
    """

    stall_seconds = STALL_SECONDS
    _stalled: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        """The system's buffer is full."""
        self.writable.clear()
        self._stalled = self.loop.call_later(self.stall_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """There is room again."""
        self._wait_no_more()
        self.writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Whoever waits for room learns that there is nobody left."""
        self._wait_no_more()
        super().connection_lost(exc)
        self.writable.set()

    def handle_ping(self, *arguments: Any) -> None:
        """Pings of those who do not read are left unanswered."""
        if self.writable.is_set():
            super().handle_ping(*arguments)
        else:
            self.conn.data_to_send()

    def _wait_no_more(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
