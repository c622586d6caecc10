"""Uvicorn's WebSockets with bounded memory for clients that do not read."""

import asyncio
from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

#: Seconds after which a client that does not read is disconnected.
STALL_SECONDS: Final = 10.0


class BoundedSocketProtocol(WebSocketsSansIOProtocol):
    """A WebSocket connection that is aborted when its client stops reading.

    While the system's send buffer is full, the application waits with further messages, for ``stall_seconds``
    at most. Uvicorn alone waits without end for what was written to be read, and answers pings without
    regard to the buffer.
    """

    stall_seconds = STALL_SECONDS
    _stalled: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        """The transport's buffer is full: sending waits, and the connection is aborted after a while."""
        self.writable.clear()
        self._stalled = self.loop.call_later(self.stall_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """The transport's buffer has room again."""
        self._wait_no_more()
        self.writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone: sending that waits goes on, and fails."""
        self._wait_no_more()
        super().connection_lost(exc)
        self.writable.set()

    def handle_ping(self, *arguments: Any) -> None:
        """Answers a ping, unless the buffer is full."""
        if self.writable.is_set():
            super().handle_ping(*arguments)
        else:
            self.conn.data_to_send()

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        """The application is done: what is still unread after a while is given up."""
        super().on_task_complete(task)
        self.loop.call_later(self.stall_seconds, self.transport.abort)

    def _wait_no_more(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
