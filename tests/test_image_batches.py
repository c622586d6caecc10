"""The values that are accepted as several images, and the errors for others."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from face_alignment_3d.errors import BoxError, ImageError
from face_alignment_3d.image_batches import as_batch, as_images, boxes_of_batch, dealt

PIXELS = np.zeros((4, 5, 3), np.uint8)


@pytest.mark.parametrize(
    "images",
    [
        [PIXELS, "a.png"],
        (PIXELS,),
        [],
        np.zeros((2, 4, 5, 3), np.uint8),
        torch.zeros(2, 3, 4, 5),
        np.array(["a.png", "b.png"]),
        np.array(["a.png", "b.png"], dtype=object),
        np.array([Path("a.png")], dtype=object),
        np.array([]).astype(str),
    ],
)
def test_sequences_are_batches(images: Any) -> None:
    assert len(as_batch(images)) == len(images)


def test_an_array_of_paths_is_a_list_of_them() -> None:
    assert as_batch(np.array(["a.png", "b.png"])) == ["a.png", "b.png"]
    assert list(as_images(np.array(["a.png", "b.png"]))) == ["a.png", "b.png"]


@pytest.mark.parametrize(
    "single",
    [
        "a.png",
        Path("a.png"),
        b"a.png",
        Image.new("RGB", (5, 4)),
        PIXELS,
        np.zeros((4, 5), np.uint8),
        np.zeros(4),
        np.array("a.png"),
        torch.zeros(3, 4, 5),
    ],
)
@pytest.mark.parametrize("check", [as_batch, as_images])
def test_a_single_image_is_none(single: Any, check: Callable[[Any], object]) -> None:
    with pytest.raises(ImageError, match="put a single image into a list"):
        check(single)


@pytest.mark.parametrize(
    "stream",
    [lambda: (path for path in ["a.png"]), lambda: iter(["a.png"]), lambda: map(str, "a"), lambda: {"a"}],
)
def test_streams_are_no_batches(stream: Callable[[], Any]) -> None:
    with pytest.raises(ImageError, match=r"pass list\(\.\.\.\) of it, or stream it with .*align_many"):
        as_batch(stream())
    given = stream()
    assert as_images(given) is given


@pytest.mark.parametrize("other", [None, 3, {"a": PIXELS}])
def test_other_things_are_refused(other: Any) -> None:
    with pytest.raises(ImageError, match="must be a sequence of images; got a"):
        as_images(other)


def test_boxes_of_a_batch() -> None:
    assert boxes_of_batch(None, count=2) == [None, None]
    assert boxes_of_batch([[], None], count=2) == [[], None]
    with pytest.raises(BoxError, match="one entry an image; got 1 for 2 images"):
        boxes_of_batch([None], count=2)
    with pytest.raises(BoxError, match="got a generator"):
        boxes_of_batch((None for _ in range(2)), count=2)  # type: ignore[arg-type]


def test_dealing() -> None:
    assert dealt(range(5), [2, 0, 3]) == [[0, 1], [], [2, 3, 4]]
