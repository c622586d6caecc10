"""Pictures of more than 8 bits are as bright as they are meant to be, or somebody is told."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from face_alignment_3d.errors import ImageRangeWarning
from face_alignment_3d.images import as_rgb

_LEVELS = np.linspace(0, 255, 60).astype(np.uint8).reshape(6, 10)


@pytest.mark.parametrize("mode", ["I", "I;16", "I;16B"])
def test_8_bits_in_a_wider_pil_mode(mode: str) -> None:
    kinds = {"I": np.int32, "I;16": "<u2", "I;16B": ">u2"}
    image = Image.fromarray(_LEVELS.astype(kinds[mode]))
    assert image.mode == mode
    np.testing.assert_array_equal(as_rgb(image)[:, :, 0], _LEVELS)


def test_8_bits_through_pillows_own_conversion() -> None:
    np.testing.assert_array_equal(as_rgb(Image.fromarray(_LEVELS).convert("I"))[:, :, 0], _LEVELS)


@pytest.mark.parametrize("highest", [0, 1, 200, 255])
def test_8_bits_in_uint16(highest: int) -> None:
    levels = np.minimum(_LEVELS, highest).astype(np.uint8)
    np.testing.assert_array_equal(as_rgb(levels.astype(np.uint16))[:, :, 0], levels)


@pytest.mark.parametrize("bits", [9, 10, 12, 13])
@pytest.mark.parametrize("form", ["array", "I", "I;16", "tensor", "png"])
def test_most_of_the_range_unused(bits: int, form: str, tmp_path: Path) -> None:
    values = (_LEVELS.astype(np.uint16) << (bits - 8)).astype(np.uint16)
    image: object = values
    if form == "tensor":
        image = torch.from_numpy(values)[None]
    elif form != "array":
        image = Image.fromarray(values.astype(np.int32) if form == "I" else values)
    if form == "png":
        image.save(tmp_path / "deep.png")  # type: ignore[attr-defined]
        image = tmp_path / "deep.png"
    factor = 2 ** (16 - bits)
    message = rf"largest value .* is {values.max()} of 65535.*{bits} bits, multiply them by {factor}$"
    with pytest.warns(ImageRangeWarning, match=message):
        read = as_rgb(image)  # type: ignore[arg-type]
    assert read.max() <= 32


@pytest.mark.parametrize("highest", [0.001, 0.06, 0.12])
def test_most_of_the_range_of_floats_unused(highest: float) -> None:
    with pytest.warns(ImageRangeWarning, match=rf"largest value of this image is {highest} of 1.*white is 1"):
        as_rgb(_LEVELS / 255 * highest)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 5), np.uint16),
        np.zeros((4, 5), np.float32),
        _LEVELS.astype(np.uint16) << 6,
        _LEVELS.astype(np.uint16) << 8,
        _LEVELS.astype(np.uint16) * 257,
        _LEVELS / 255,
        _LEVELS / 1000,
        _LEVELS // 100,
    ],
)
def test_ranges_that_are_used_or_black_are_nothing_to_warn_about(image: np.ndarray) -> None:
    as_rgb(image)
