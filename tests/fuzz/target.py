"""A part of the library that is fuzzed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st


@dataclass(frozen=True)
class Target:
    """A public function, or several that belong together, and the cases that they are given."""

    name: str
    cases: st.SearchStrategy[Any]
    run: Callable[[Any], None]
    """Calls the library with a case and checks the result with ``assert``."""
    cost: int = 1
    """Relative time of a case: a target of cost 4 gets a quarter of the cases."""
