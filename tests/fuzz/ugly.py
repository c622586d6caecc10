"""Hostile values: arrays, pictures, boxes, numbers and faces as no caller should give them."""

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from hypothesis import strategies as st
from PIL import Image

from face_alignment_3d import Face3D
from face_alignment_3d.pose.mean_face import MEAN_FACE

_SIDES: Final = (0, 1, 2, 3, 4, 5, 7, 16, 31, 64, 97)
_DTYPES: Final = (
    *("u1", "u1", "u1", "<u2", ">u2", "f4", "f8", "f2", ">f4", "f4", "i1", "i2", "i4", "i8", "u4", "u8"),
    *("?", "c8", "O", "U1", "S1", "M8[s]", "V4", "g"),
)
_MODES: Final = (
    *("1", "L", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV", "I", "F", "LA", "PA", "RGBX", "RGBa"),
    *("La", "I;16", "I;16B", "I;16L"),
)


def mostly(usual: st.SearchStrategy[Any], odd: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """``odd`` in one of ten cases."""
    return st.integers(0, 9).flatmap(lambda number: usual if number else odd)


#: Numbers that no coordinate should be.
numbers: Final = st.one_of(
    st.floats(-200, 200),
    st.sampled_from(
        [0.0, -0.0, 0.5, 1.0, -1.0, math.nan, math.inf, -math.inf, 1e30, -1e30, 3.5e38, 1e300, 2.0**24]
    ),
    st.sampled_from([1e-30, 1e-9, 5e-324, 2.0**31, 2.0**53, -1e9, 1e7]),
)

#: Things that are none of what is expected.
others: Final = st.sampled_from(
    [
        None,
        0,
        7,
        1.5,
        "",
        "photo",
        b"",
        b"abc",
        [],
        {},
        set(),
        object(),
        (),
        [[]],
        [None],
        "a" * 5000,
        "\x00",
        True,
        lambda: None,
        range(3),
        iter([]),
        Ellipsis,
        10**400,
        [10**400] * 4,
        float("nan"),
        1j,
    ]
)


@st.composite
def arrays(draw: st.DrawFn) -> npt.NDArray[Any]:
    """Of all types and shapes and layouts, often near to a picture."""
    side = st.sampled_from(_SIDES)
    shape = draw(
        st.one_of(
            st.tuples(side, side, st.sampled_from((3, 3, 3, 3, 1, 4, 0, 2, 5))),
            st.tuples(side, side),
            st.tuples(st.sampled_from((1, 3, 4)), side, side),
            st.tuples(side),
            st.just(()),
            st.tuples(st.integers(0, 2), side, side, st.just(3)),
            st.sampled_from([(1, 4000, 3), (4000, 1, 3), (2, 70000, 3), (70000, 1)]),
        )
    )
    values = np.random.default_rng(draw(st.integers(0, 2**32))).random(shape)
    factor = draw(st.sampled_from((1.0, 255.0, 255.0, 65535.0, 0.01, 4095.0, -1.0, 1e9, 1e300)))
    with np.errstate(all="ignore"):
        array = np.asarray(values * factor).astype(np.dtype(draw(st.sampled_from(_DTYPES))))
    if array.dtype.kind == "f" and array.size and draw(st.integers(0, 3)) == 0:
        array.flat[draw(st.integers(0, array.size - 1))] = draw(
            st.sampled_from((math.nan, math.inf, -math.inf, -0.001, 1.001))
        )
    return _laid_out(array, draw(st.integers(0, 9)))


def _laid_out(array: npt.NDArray[Any], how: int) -> npt.NDArray[Any]:  # noqa: PLR0911
    if how == 1:
        return array[::-1] if array.ndim else array
    if how == 2:
        return np.asfortranarray(array)
    if how == 3 and array.ndim >= 2:
        return array[:, ::-2]
    if how == 4:
        array.flags.writeable = False
        return array
    if how == 5 and array.dtype.kind in "uif":
        return np.ma.masked_array(array, mask=np.arange(array.size).reshape(array.shape) % 7 == 3)
    if how == 6 and array.ndim:
        return np.broadcast_to(array[:1], array.shape) if array.shape[0] else array
    if how == 7 and array.ndim == 2 and array.dtype.kind in "uif":
        return np.asmatrix(array)
    if how == 8 and array.ndim == 3 and array.shape[2]:
        return array[..., ::-1]
    return array


@st.composite
def tensors(draw: st.DrawFn) -> torch.Tensor:
    """Of all types, shapes and layouts."""
    side = st.sampled_from(_SIDES)
    shape = draw(
        st.one_of(
            st.tuples(st.sampled_from((1, 3, 3, 3, 4, 0)), side, side),
            st.tuples(side, side),
            st.tuples(side, side, st.just(3)),
            st.just(()),
            st.tuples(st.integers(0, 2), st.just(3), side, side),
        )
    )
    kind = draw(
        st.sampled_from(
            [
                torch.uint8,
                torch.uint8,
                torch.float32,
                torch.float64,
                torch.float16,
                torch.bfloat16,
                torch.int32,
                torch.int64,
                torch.bool,
                torch.complex64,
                torch.uint16,
                torch.float8_e4m3fn,
            ]
        )
    )
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    factor = draw(st.sampled_from((1.0, 255.0, 65535.0)))
    tensor = (torch.rand(shape, generator=generator) * factor).to(kind)
    how = draw(st.integers(0, 9))
    if how == 1 and tensor.is_floating_point() and tensor.element_size() > 1:
        return tensor.requires_grad_()
    if how == 2:
        return tensor.transpose(-1, -2) if tensor.ndim > 1 else tensor
    if how == 3:
        return torch.empty(shape, dtype=kind, device="meta")
    if how == 4 and tensor.ndim and kind == torch.float32:
        return tensor.to_sparse()
    if how == 5:
        return torch.nested.nested_tensor([torch.zeros(3, 4), torch.zeros(2, 4)])
    if how == 6 and kind == torch.complex64:
        return tensor.conj()
    return tensor


@st.composite
def pictures(draw: st.DrawFn) -> Image.Image:
    """PIL images of all modes, also without pixels, and with odd EXIF."""
    mode = draw(st.sampled_from(_MODES))
    size = draw(st.tuples(st.sampled_from(_SIDES), st.sampled_from(_SIDES)))
    image = Image.new(mode, size)
    if mode == "I" and draw(st.booleans()):
        image = Image.new("I", size, draw(st.sampled_from([-5, 100, 70000, 2**31 - 1])))
    if mode == "F":
        image = Image.new("F", size, draw(st.sampled_from([0.0, 0.5, 7.0, math.nan, math.inf, -1.0])))
    if draw(st.booleans()):
        image.getexif()[0x0112] = draw(st.sampled_from([0, 1, 3, 6, 8, 9, 70000, "x", (1, 2)]))
    if draw(st.integers(0, 9)) == 0:
        image.close()
    return image


@st.composite
def photos(draw: st.DrawFn) -> npt.NDArray[np.uint8]:
    """RGB photos that are right, of many sizes."""
    height, width = draw(st.tuples(st.sampled_from(_SIDES[1:]), st.sampled_from(_SIDES[1:])))
    chance = np.random.default_rng(draw(st.integers(0, 2**32)))
    return chance.integers(0, 256, (height, width, 3), dtype=np.uint8)


#: All that anybody might take for an image.
images: Final = st.one_of(photos(), arrays(), arrays(), tensors(), pictures(), others)


@st.composite
def boxes(draw: st.DrawFn) -> Any:
    """Right and wrong ones: off the image, inverted, without extent, not finite, vast, of other shapes."""
    kind = draw(st.integers(0, 7))
    if kind == 0:
        return draw(others)
    if kind == 1:
        return draw(arrays())
    if kind == 2:
        return draw(tensors())
    columns = draw(st.sampled_from((4, 4, 4, 4, 4, 3, 5)))
    count = draw(st.integers(0, 4))
    if kind <= 5:
        low = draw(
            st.lists(st.tuples(st.floats(-150, 150), st.floats(-150, 150)), min_size=count, max_size=count)
        )
        side = draw(st.lists(st.tuples(st.floats(2, 200), st.floats(2, 200)), min_size=count, max_size=count))
        rows: Any = [[x, y, x + w, y + h] for (x, y), (w, h) in zip(low, side, strict=True)]
        if rows and draw(st.booleans()):
            rows[0][draw(st.integers(0, 3))] = draw(numbers)
    else:
        rows = draw(st.lists(st.lists(numbers, min_size=columns, max_size=columns), max_size=4))
    form = draw(st.integers(0, 4))
    with np.errstate(over="ignore"):
        return _formed(rows, form)


def _formed(rows: Any, form: int) -> Any:
    if form == 1:
        return np.array(rows)
    if form == 2:
        return torch.tensor(rows)
    if form == 3:
        return np.array(rows, np.float32)
    if form == 4 and rows:
        return [np.array(row) for row in rows]
    return rows


@st.composite
def faces(draw: st.DrawFn) -> Face3D:
    """Faces that are right, vast, tiny, flat, far away, or not finite."""
    scale = draw(st.sampled_from((40.0, 40.0, 40.0, 1e-6, 1e-30, 1.0, 3000.0, 1e6, 1e12, 1e30, 1e37, 0.0)))
    shift = [draw(st.sampled_from((0.0, 30.0, 60.0, -500.0, 1e5, -1e9, 1e30))) for _ in range(2)]
    chance = np.random.default_rng(draw(st.integers(0, 2**32)))
    with np.errstate(over="ignore"):
        landmarks = ((MEAN_FACE + chance.normal(0, 0.05, (66, 3))) * scale + [*shift, 0]).astype(np.float32)
    if draw(st.integers(0, 4)) == 0:
        point = draw(st.tuples(st.integers(0, 65), st.integers(0, 2)))
        landmarks[point] = draw(st.sampled_from((math.nan, math.inf, -math.inf, 3e38, 0.0)))
    if draw(st.integers(0, 9)) == 0:
        landmarks[:, draw(st.integers(0, 2))] = 0
    confidence = chance.random(66).astype(np.float32)
    if draw(st.integers(0, 9)) == 0:
        confidence[3] = draw(st.sampled_from((math.nan, 7.0, -1.0)))
    box = np.array(draw(st.lists(numbers, min_size=4, max_size=4)), np.float64)
    with np.errstate(over="ignore"):
        box32 = box.astype(np.float32)
    visibility = chance.random(66).astype(np.float32) if draw(st.booleans()) else None
    return Face3D(
        landmarks, confidence, box32, draw(st.sampled_from((None, 0.0, 0.9, 1.0))), visibility=visibility
    )
