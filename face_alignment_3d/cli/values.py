"""Types of the values of options; each names the expected form in its error."""

import argparse
import math
import re
from typing import NamedTuple


class Address(NamedTuple):
    """The receiver of a stream."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def pixels(text: str) -> int:
    """A whole number above 0."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of pixels above 0; got {text!r}")
    return number


def number(text: str) -> int:
    """A whole number above 0."""
    if not (text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"expected a whole number above 0; got {text!r}")
    return int(text)


def share(text: str) -> float:
    """A number that is 0 or more, such as 0.25."""
    value = _number(text)
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number, 0 or more; got {text!r}")
    return value


def seconds(text: str) -> float:
    """A number above 0."""
    number = _number(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"expected seconds, above 0; got {text!r}")
    return number


def seconds_or_none(text: str) -> float:
    """A number that is 0 or more."""
    number = _number(text)
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"expected seconds, 0 or more; got {text!r}")
    return number


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def address(text: str) -> Address:
    """``HOST:PORT``; an IPv6 address stands in brackets."""
    match = re.fullmatch(r"(?:\[([^\[\]\s]+)\]|([^\[\]:\s]+)):([0-9]{1,5})", text)
    port = int(match[3]) if match else 0
    if match is None or not 0 < port < 65536:
        raise argparse.ArgumentTypeError(
            f"expected HOST:PORT, such as 127.0.0.1:39539, with a port from 1 to 65535; got {text!r}"
        )
    return Address(match[1] or match[2], port)
