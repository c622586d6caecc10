"""Stopping work between two steps when the system or the user asks for it."""

import signal
import threading
from types import FrameType, TracebackType

#: Sent by a system that ends the process, by Ctrl-C, and by a terminal that is closed.
_SIGNALS = (signal.SIGTERM, signal.SIGINT, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else []))


class StopRequests:
    """While entered, SIGTERM, SIGHUP and Ctrl-C are only noted; a second Ctrl-C interrupts at once.

    Signals that the process ignores, as under nohup, stay ignored. Outside the main thread, where Python
    allows no signal handlers, nothing changes.
    """

    def __init__(self) -> None:
        self.received = 0
        """The signal's number; 0 while there has been none."""
        self._previous: dict[int, object] = {}

    def __enter__(self) -> "StopRequests":
        if threading.current_thread() is threading.main_thread():
            heeded = [number for number in _SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
            self._previous = {number: signal.signal(number, self._note) for number in heeded}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            # None stands for a handler that was not installed from Python and cannot be put back.
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)  # type: ignore[arg-type]
        self._previous = {}

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGINT and self.received == signal.SIGINT:
            raise KeyboardInterrupt
        self.received = number
