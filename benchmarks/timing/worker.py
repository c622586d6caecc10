"""A contender's process, seen from the benchmark."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class WorkerError(RuntimeError):
    """A contender could not do what it was asked for."""


class Worker:
    """Runs ``command``, which answers as ``speed_workers/serving.py`` says; ends it on leaving the context.

    ``threads`` is told to the numeric libraries by their environment variables; None leaves it to them.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        threads: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        variables = {key: value for key, value in os.environ.items() if key not in _THREAD_VARIABLES}
        if threads is not None:
            variables |= dict.fromkeys(_THREAD_VARIABLES, str(threads))
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=variables | dict(environment or {}),
        )

    def __enter__(self) -> "Worker":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._process.communicate(timeout=10)
        except (subprocess.TimeoutExpired, BrokenPipeError):
            self._process.kill()
            self._process.wait()

    def prepare(self, task: str, **details: Any) -> dict[str, Any]:
        """Makes the call that :meth:`time` times, calls it once, and returns what it said.

        Raises :class:`WorkerError` as all other methods do.
        """
        said: dict[str, Any] = self._ask({"do": "prepare", "task": task, **details})["said"]
        return said

    def time(self, calls: int, *, untimed: int = 0) -> tuple[list[float], dict[str, list[float]]]:
        """The milliseconds of ``calls`` calls after ``untimed`` ones, and those of their parts."""
        answer = self._ask({"do": "time", "calls": calls, "untimed": untimed})
        return answer["milliseconds"], answer["parts"]

    def about(self) -> dict[str, Any]:
        """ "megabytes" of resident memory at most so far, "torch" imported or not, "versions"."""
        return self._ask({"do": "about"})

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise WorkerError(f"it ended with {self._process.wait()}")
        try:
            answer: dict[str, Any] = json.loads(line)
        except json.JSONDecodeError as error:
            raise WorkerError(f"expected a line of JSON; it said {line!r}") from error
        if "error" in answer:
            raise WorkerError(answer["error"])
        return answer
