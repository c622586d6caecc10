"""The exception that ends a run on a signal."""

import signal


class TrainingStopped(Exception):  # noqa: N818 - nothing went wrong
    """A run was asked to stop, and has saved its checkpoint."""

    def __init__(self, signal_number: int, step: int) -> None:
        name = signal.Signals(signal_number).name
        super().__init__(f"stopped by {name} after step {step}, which is saved; the same command goes on")
        self.exit_code = 128 + signal_number
        """The exit code of a process that a signal ended, by shell convention: 143 for SIGTERM, 130 for
        Ctrl-C."""
