"""Damaged files, made from whole ones."""

import random
import struct
from collections.abc import Callable, Sequence
from typing import Final

from hypothesis import strategies as st

_NUMBERS: Final = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 24, 1000000)
_WORDS: Final = (
    *(b"NaN", b"Infinity", b"-1e999", b"1e30", b"null", b"true", b"[]", b"{}", b'""', b"9" * 5000, b"-1"),
    *(b"\\u0000", b"\\ud800", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\r", b",,,,", b'"', b"[" * 3000),
)


def damaged(content: bytes, seed: int) -> bytes:
    """``content`` with one to eight changes: bits, bytes, numbers, words, parts removed, moved or doubled."""
    chance = random.Random(seed)
    data = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 5, 8))):
        chance.choice(_CHANGES)(data, chance)
    return bytes(data)


def files(*whole: bytes) -> st.SearchStrategy[bytes]:
    """Each of ``whole``, damaged ones, random bytes, and nothing at all."""
    return st.one_of(
        st.builds(damaged, st.sampled_from(whole), st.integers(0, 2**32)),
        st.builds(damaged, st.sampled_from(whole), st.integers(0, 2**32)),
        st.sampled_from(whole),
        st.binary(max_size=300),
        st.just(b""),
    )


def _place(data: bytearray, chance: random.Random) -> int:
    # Heads of files say what the rest is, so half of the changes are made there.
    return chance.randrange(min(len(data), 64) if chance.random() < 0.5 else len(data)) if data else 0


def _flip(data: bytearray, chance: random.Random) -> None:
    if data:
        data[_place(data, chance)] ^= 1 << chance.randrange(8)


def _set(data: bytearray, chance: random.Random) -> None:
    if data:
        data[_place(data, chance)] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))


def _number(data: bytearray, chance: random.Random) -> None:
    at = _place(data, chance)
    kind = chance.choice(("<H", ">H", "<I", ">I", "<I", ">I"))
    content = struct.pack(kind, chance.choice(_NUMBERS) & (0xFFFF if kind[1] == "H" else 0xFFFFFFFF))
    data[at : at + len(content)] = content


def _word(data: bytearray, chance: random.Random) -> None:
    at = _place(data, chance)
    data[at : at + chance.choice((0, 0, 1, 4))] = chance.choice(_WORDS)


def _cut(data: bytearray, chance: random.Random) -> None:
    del data[_place(data, chance) :]


def _remove(data: bytearray, chance: random.Random) -> None:
    at = _place(data, chance)
    del data[at : at + chance.choice((1, 2, 4, 16, 256))]


def _double(data: bytearray, chance: random.Random) -> None:
    at = _place(data, chance)
    data[at:at] = data[at : at + chance.choice((1, 4, 16, 256))] * chance.choice((1, 2, 50))


def _move(data: bytearray, chance: random.Random) -> None:
    at, to = _place(data, chance), _place(data, chance)
    part = data[at : at + 16]
    data[to : to + len(part)] = part


_CHANGES: Final[Sequence[Callable[[bytearray, random.Random], None]]] = (
    *(_flip, _set, _number, _number, _word, _cut, _remove, _double, _move),
)
