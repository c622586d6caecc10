"""The values that options accept, and the messages for others."""

import argparse

import pytest

from face_alignment_3d.cli.values import Address, address, pixels, seconds, seconds_or_none


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:39539", Address("127.0.0.1", 39539)),
        ("avatar.local:1", Address("avatar.local", 1)),
        ("[::1]:65535", Address("::1", 65535)),
    ],
)
def test_addresses(text: str, expected: Address) -> None:
    assert address(text) == expected
    assert str(address(text)) == text


@pytest.mark.parametrize(
    "text", ["", "host", "host:", ":39539", "host:0", "host:65536", "host:1x", "::1:80", "a b:80", "host:-1"]
)
def test_no_addresses(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=r"expected HOST:PORT.*; got ") as caught:
        address(text)
    assert str(caught.value).endswith(f"got {text!r}")


def test_numbers() -> None:
    assert pixels("12") == 12
    assert seconds("0.5") == 0.5
    for text in ("0", "-3", "1.5", "many"):
        with pytest.raises(argparse.ArgumentTypeError, match="whole number of pixels"):
            pixels(text)
    for text in ("0", "-1", "nan", "inf", "soon"):
        with pytest.raises(argparse.ArgumentTypeError, match="seconds, above 0"):
            seconds(text)
    assert seconds_or_none("0") == 0
    for text in ("-1", "nan", "inf", "soon"):
        with pytest.raises(argparse.ArgumentTypeError, match="seconds, 0 or more"):
            seconds_or_none(text)
