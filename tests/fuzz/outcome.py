"""The outcome of a call with hostile arguments: a correct result, or an error that the library explains."""

import linecache
import signal
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final

from face_alignment_3d.errors import FaceAlignmentError

_PACKAGE: Final = Path(__file__).resolve().parent.parent.parent / "face_alignment_3d"
_CPU_SECONDS: Final = 20
_SECONDS: Final = 600
"""A case that takes longer hangs, or waits for something that never comes."""
_LONGEST_MESSAGE: Final = 2000
_SHORTEST_MESSAGE: Final = 15

#: The outcome of a case whose result was checked.
RESULT: Final = "result"


def outcome_of(run: Callable[[Any], None], case: Any) -> str:
    """:data:`RESULT`, or the name of the library's error. Any other exception passes: it is a fault.

    ``run`` calls the library and checks what it returns. Errors of the library are the classes of
    :mod:`face_alignment_3d.errors` and, for arguments that are no images, boxes, frames or files, ValueErrors
    that the library itself raises; both need a message. numpy's warnings about overflow and invalid values
    are faults, too.
    """
    try:
        with _limited_time(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", RuntimeWarning)
            run(case)
    except FaceAlignmentError as error:
        _require_message(error)
        return type(error).__name__
    except ValueError as error:
        if type(error) is not ValueError or not _is_raised_by_library(error):
            raise
        _require_message(error)
        return "ValueError"
    return RESULT


def _require_message(error: Exception) -> None:
    length = len(str(error))
    assert _SHORTEST_MESSAGE <= length <= _LONGEST_MESSAGE, f"a message of {length} letters: {error!r:.300}"


def _is_raised_by_library(error: Exception) -> bool:
    last = traceback.extract_tb(error.__traceback__)[-1]
    line = linecache.getline(last.filename, last.lineno or 0).strip()
    return _PACKAGE in Path(last.filename).parents and line.startswith("raise")


@contextmanager
def _limited_time() -> Iterator[None]:
    if not hasattr(signal, "SIGALRM"):
        yield
        return

    def stop(_: int, __: FrameType | None) -> None:
        raise AssertionError(f"it takes more than {_CPU_SECONDS} s of the CPU, or {_SECONDS} s")

    timers = {
        signal.SIGALRM: (signal.ITIMER_REAL, _SECONDS),
        signal.SIGPROF: (signal.ITIMER_PROF, _CPU_SECONDS),
    }
    before = {number: signal.signal(number, stop) for number in timers}
    for timer, seconds in timers.values():
        signal.setitimer(timer, seconds)
    try:
        yield
    finally:
        for number, (timer, _) in timers.items():
            signal.setitimer(timer, 0)
            signal.signal(number, before[number])


def failure_of(error: Exception, case: Any) -> tuple[str, dict[str, str]]:
    """The place of a failure, by which it is told from others; and its description."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    frames = [f for f in traceback.extract_tb(error.__traceback__) if _PACKAGE in Path(f.filename).parents]
    ours = frames[-1] if frames else last
    told = {
        "error": f"{type(error).__name__}: {error}"[:500],
        "at": f"{Path(ours.filename).name}:{ours.lineno} {ours.name}",
        "case": f"{case!r}"[:1000],
    }
    return f"{type(error).__name__} {ours.filename}:{ours.lineno}", told
