"""Every form of one known picture reads as the same pixels, and nothing else is taken for a picture."""

import io
import os
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image, ImageOps

from face_alignment_3d.errors import ImageError
from face_alignment_3d.images import as_rgb

#: EXIF's definition of each orientation: the sides of the upright picture stored as row 0 and column 0.
_STORED_AS = {
    1: ("top", "left"),
    2: ("top", "right"),
    3: ("bottom", "right"),
    4: ("bottom", "left"),
    5: ("left", "top"),
    6: ("right", "top"),
    7: ("right", "bottom"),
    8: ("left", "bottom"),
}


@pytest.fixture
def picture() -> npt.NDArray[np.uint8]:
    """(5, 7, 3), no two values alike."""
    return (np.arange(105, dtype=np.uint8).reshape(5, 7, 3) * 2).astype(np.uint8)


def _stored(upright: npt.NDArray[np.uint8], orientation: int) -> npt.NDArray[np.uint8]:
    """The pixels that a camera stores so that ``orientation`` shows ``upright``, as EXIF defines it."""
    height, width = upright.shape[:2]
    row_side, column_side = _STORED_AS[orientation]
    swapped = row_side in ("left", "right")
    stored = np.empty((width, height, 3) if swapped else upright.shape, np.uint8)
    for row in range(stored.shape[0]):
        for column in range(stored.shape[1]):
            at = {row_side: row, column_side: column}
            y = at["top"] if "top" in at else height - 1 - at["bottom"]
            x = at["left"] if "left" in at else width - 1 - at["right"]
            stored[row, column] = upright[y, x]
    return stored


def _exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


# Files


@pytest.mark.parametrize("form", [str, Path])
def test_path(picture: npt.NDArray[np.uint8], tmp_path: Path, form: type) -> None:
    Image.fromarray(picture).save(tmp_path / "é ü.png")
    read = as_rgb(form(tmp_path / "é ü.png"))
    assert read.dtype == np.uint8
    assert read.flags.c_contiguous
    np.testing.assert_array_equal(read, picture)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "tiff", "webp"])
def test_exif_orientation_is_applied_to_files(
    picture: npt.NDArray[np.uint8], tmp_path: Path, orientation: int, suffix: str
) -> None:
    file = tmp_path / f"turned.{suffix}"
    options = {"lossless": True} if suffix == "webp" else {}
    Image.fromarray(_stored(picture, orientation)).save(file, exif=_exif(orientation), **options)
    np.testing.assert_array_equal(as_rgb(file), picture)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_to_jpeg_and_pil(tmp_path: Path, orientation: int) -> None:
    upright = np.zeros((32, 48, 3), np.uint8)
    upright[:16, :16] = (255, 0, 0)
    upright[16:, 32:] = (0, 0, 255)
    file = tmp_path / "turned.jpg"
    Image.fromarray(_stored(upright, orientation)).save(
        file, exif=_exif(orientation), quality=100, subsampling=0
    )
    for read in (as_rgb(file), as_rgb(Image.open(file))):
        assert read.shape == upright.shape
        assert np.abs(read.astype(int) - upright).max() <= 4


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_a_broken_exif_block_does_not_hide_the_picture(
    picture: npt.NDArray[np.uint8], tmp_path: Path
) -> None:
    Image.fromarray(picture).save(tmp_path / "x.png", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f")
    np.testing.assert_array_equal(as_rgb(tmp_path / "x.png"), picture)


def test_the_orientation_is_read_from_an_exif_block_that_cannot_be_written_again(
    picture: npt.NDArray[np.uint8],
) -> None:
    orientation = struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0)
    resolution_as_text = struct.pack("<HHII", 0x011A, 2, 1, 8)
    block = b"II*\0" + struct.pack("<IH", 8, 2) + orientation + resolution_as_text + bytes(4)
    file = io.BytesIO()
    Image.fromarray(_stored(picture, 6)).save(file, "PNG", exif=b"Exif\0\0" + block)
    with Image.open(file) as image:
        np.testing.assert_array_equal(as_rgb(image), picture)
        with pytest.raises(TypeError):  # Which is why it is not used.
            ImageOps.exif_transpose(image)


def test_16_bit_gray_png(tmp_path: Path) -> None:
    values = np.array([[0, 257, 128, 129, 32768, 65535]], np.uint16)
    Image.fromarray(values).save(tmp_path / "deep.png")
    expected = np.rint(values / 257).astype(np.uint8)
    read = as_rgb(tmp_path / "deep.png")
    for channel in range(3):
        np.testing.assert_array_equal(read[:, :, channel], expected)


def test_16_bit_color_png(tmp_path: Path) -> None:
    import cv2

    levels = np.array([[[0, 100, 255], [7, 8, 9]]], np.uint16)
    encoded = cv2.imencode(".png", (levels * 257)[:, :, ::-1])[1]
    (tmp_path / "deep.png").write_bytes(encoded.tobytes())
    np.testing.assert_array_equal(as_rgb(tmp_path / "deep.png"), levels)


def test_first_frame_of_an_animation(picture: npt.NDArray[np.uint8], tmp_path: Path) -> None:
    frames = [Image.fromarray(picture), Image.fromarray(255 - picture)]
    frames[0].save(tmp_path / "moving.png", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(as_rgb(tmp_path / "moving.png"), picture)


def test_large_photo_and_tiny_photo(tmp_path: Path) -> None:
    Image.new("L", (10_000, 8_000), 90).save(tmp_path / "large.png", compress_level=1)
    large = as_rgb(tmp_path / "large.png")
    assert large.shape == (8_000, 10_000, 3)
    assert large[-1, -1].tolist() == [90, 90, 90]
    assert as_rgb(np.zeros((8, 8, 3), np.uint8)).shape == (8, 8, 3)
    assert as_rgb(np.zeros((1, 1), np.uint8)).shape == (1, 1, 3)


def test_above_pillows_limit_is_refused_before_decoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("L", (100, 100)).save(tmp_path / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 4_999)
    with pytest.raises(ImageError, match=r"bomb\.png is too large.*10000 pixels.*MAX_IMAGE_PIXELS"):
        as_rgb(tmp_path / "bomb.png")
    assert Image.MAX_IMAGE_PIXELS == 4_999


# PIL


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr"]
)
def test_pil_modes_of_a_gray_picture(mode: str) -> None:
    gray = np.zeros((4, 6), np.uint8)
    gray[:, 3:] = 255
    image = Image.fromarray(gray)
    if mode in ("RGBa", "La"):
        image = image.convert({"RGBa": "RGBA", "La": "LA"}[mode])
    read = as_rgb(image.convert(mode))
    np.testing.assert_array_equal(read, np.repeat(gray[:, :, None], 3, axis=2))


@pytest.mark.parametrize("mode", ["I", "I;16", "I;16B", "F"])
def test_deep_pil_modes(mode: str) -> None:
    levels = np.array([[0, 100, 255]])
    arrays = {
        "I": (levels * 257).astype(np.int32),
        "I;16": (levels * 257).astype("<u2"),
        "I;16B": (levels * 257).astype(">u2"),
        "F": (levels / 255).astype(np.float32),
    }
    image = Image.fromarray(arrays[mode])
    assert image.mode == mode
    np.testing.assert_array_equal(as_rgb(image)[0, :, 0], levels[0])


def test_alpha_is_dropped_not_blended() -> None:
    transparent = np.array([[[10, 20, 30, 0], [40, 50, 60, 255]]], np.uint8)
    for image in (transparent, Image.fromarray(transparent)):
        np.testing.assert_array_equal(as_rgb(image), transparent[:, :, :3])


def test_palette_with_transparency(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([200, 10, 20, 5, 6, 7])
    image.putdata([0, 1])
    image.save(tmp_path / "palette.gif", transparency=0)
    assert as_rgb(tmp_path / "palette.gif").tolist() == [[[200, 10, 20], [5, 6, 7]]]


# Arrays


def test_array_types_agree(picture: npt.NDArray[np.uint8]) -> None:
    forms = [
        picture.astype(np.uint16) * 257,
        (picture.astype(np.uint16) * 257).astype(">u2"),
        picture / 255,
        (picture / 255).astype(np.float32),
        (picture / 255).astype(np.float16),
        np.dstack([picture, np.zeros((5, 7), np.uint8)]),
        np.asfortranarray(picture),
        np.ascontiguousarray(picture[::-1, ::-1])[::-1, ::-1],
        np.repeat(picture, 2, axis=1)[:, ::2],
        picture.view(np.recarray),
    ]
    for form in forms:
        read = as_rgb(form)
        assert type(read) is np.ndarray
        assert read.dtype == np.uint8
        assert read.flags.c_contiguous
        np.testing.assert_array_equal(read, picture)


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1)])
@pytest.mark.parametrize("color", ["rgb", "bgr"])
def test_gray_arrays(picture: npt.NDArray[np.uint8], shape: tuple[int, ...], color: str) -> None:
    read = as_rgb(picture[:, :, 0].reshape(shape), color=color)  # type: ignore[arg-type]
    np.testing.assert_array_equal(read, np.repeat(picture[:, :, :1], 3, axis=2))
    assert read.flags.c_contiguous


def test_bgr_arrays_and_tensors(picture: npt.NDArray[np.uint8]) -> None:
    bgr = picture[:, :, ::-1]
    bgra = np.dstack([bgr, np.full((5, 7), 9, np.uint8)])
    tensor = torch.from_numpy(bgr.copy()).permute(2, 0, 1)
    for image in (bgr, bgr.copy(), bgra, bgr.astype(np.uint16) * 257, bgr / 255, tensor):
        read = as_rgb(image, color="bgr")
        np.testing.assert_array_equal(read, picture)
        assert read.flags.c_contiguous


def test_color_does_not_concern_files_and_pil(picture: npt.NDArray[np.uint8], tmp_path: Path) -> None:
    Image.fromarray(picture).save(tmp_path / "x.png")
    np.testing.assert_array_equal(as_rgb(tmp_path / "x.png", color="bgr"), picture)
    np.testing.assert_array_equal(as_rgb(Image.fromarray(picture), color="bgr"), picture)


def test_rgb_is_not_copied(picture: npt.NDArray[np.uint8]) -> None:
    assert np.shares_memory(as_rgb(picture), picture)
    picture.flags.writeable = False
    assert np.shares_memory(as_rgb(picture), picture)


@pytest.mark.parametrize("color", ["rgb", "bgr"])
def test_inputs_are_never_changed(picture: npt.NDArray[np.uint8], color: str) -> None:
    for image in (picture, picture / 255, picture.astype(np.uint16) * 257, picture[:, :, 0]):
        before = image.copy()
        image.flags.writeable = False
        as_rgb(image, color=color)  # type: ignore[arg-type]
        np.testing.assert_array_equal(image, before)
    tensor = torch.rand(3, 4, 5)
    before_tensor = tensor.clone()
    as_rgb(tensor, color=color)  # type: ignore[arg-type]
    assert torch.equal(tensor, before_tensor)


def test_floats_are_rounded_and_tiny_overshoot_is_clipped() -> None:
    values = np.array([[-0.0001, 0.0, 0.4 / 255, 0.6 / 255, 1.0, 1.0001]])
    assert as_rgb(values)[0, :, 0].tolist() == [0, 0, 0, 1, 255, 255]


# Tensors


def test_tensor_types_agree(picture: npt.NDArray[np.uint8]) -> None:
    tensor = torch.from_numpy(picture).permute(2, 0, 1)
    unit = tensor.float() / 255
    for form in (tensor, tensor.contiguous(), unit, unit.double(), unit.clone().requires_grad_()):
        np.testing.assert_array_equal(as_rgb(form), picture)
    for half in (unit.half(), unit.bfloat16()):
        assert np.abs(as_rgb(half).astype(int) - picture).max() <= 1
    np.testing.assert_array_equal(as_rgb(tensor[:1]), np.repeat(picture[:, :, :1], 3, axis=2))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_tensor_on_a_gpu(picture: npt.NDArray[np.uint8]) -> None:
    np.testing.assert_array_equal(as_rgb(torch.from_numpy(picture).permute(2, 0, 1).cuda()), picture)


# Refusals


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (None, "got NoneType"),
        (b"\x89PNG", r"got bytes.*PIL\.Image\.open"),
        ([[0, 1], [2, 3]], r"got list.*numpy\.asarray"),
        (7, "got int"),
        (np.zeros(5, np.uint8), r"got \(5,\)"),
        (np.uint8(3), "got uint8"),
        (np.zeros((2, 4, 4, 3), np.uint8), r"\(2, 4, 4, 3\).*get_landmarks_batch"),
        (np.zeros((3, 40, 50), np.uint8), r"\(3, 40, 50\).*transpose\(1, 2, 0\)"),
        (np.zeros((4, 5, 2), np.uint8), r"got \(4, 5, 2\)"),
        (np.zeros((0, 5, 3), np.uint8), r"empty array of shape \(0, 5, 3\)"),
        (np.zeros((4, 5), bool), "got bool"),
        (np.zeros((4, 5), np.int64), r"got int64.*astype\(numpy\.uint8\)"),
        (np.zeros((4, 5), np.int8), "got int8"),
        (np.zeros((4, 5), np.uint32), "got uint32"),
        (np.zeros((4, 5), complex), "got complex128"),
        (np.full((4, 5), None), "got object"),
        (np.full((4, 5), "a"), "got <U1"),
        (np.full((4, 5), np.nan), "NaN or infinity"),
        (np.full((4, 5), np.inf), "NaN or infinity"),
        (np.array([[0.0, 254.0]]), r"got 0 to 254.*uint8"),
        (np.array([[-0.5, 0.5]]), r"got -0\.5 to 0\.5"),
        (np.array([[0.5, 1.01]]), r"got 0\.5 to 1\.01"),
        (torch.zeros(4, 5), r"tensor \(1, H, W\).*got \(4, 5\).*tensor\[None\]"),
        (torch.zeros(4, 5, 3), r"permute\(2, 0, 1\)"),
        (torch.zeros(2, 3, 4, 5), "get_landmarks_batch"),
        (torch.zeros(3, 4, 5, dtype=torch.int64), "got int64"),
        (torch.zeros(3, 4, 5, dtype=torch.bool), "got bool"),
        (torch.zeros(3, 0, 5), "empty"),
        (torch.zeros(3, 4, 5, device="meta"), "on meta"),
        (torch.zeros(3, 4, 5).to_sparse(), "sparse"),
        (Image.new("I", (2, 2), 70_000), "got 70000 to 70000"),
        (Image.new("F", (2, 2), 70), "got 70 to 70"),
        (Image.new("RGB", (0, 2)), "empty"),
    ],
)
def test_what_is_not_an_image(image: object, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        as_rgb(image)  # type: ignore[arg-type]


def test_unknown_channel_order() -> None:
    with pytest.raises(ImageError, match="'gbr'"):
        as_rgb(np.zeros((2, 2, 3), np.uint8), color="gbr")  # type: ignore[arg-type]


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"no such file: .*nowhere\.jpg"):
        as_rgb(tmp_path / "nowhere.jpg")
    with pytest.raises(ImageError, match="is a folder"):
        as_rgb(tmp_path)
    with pytest.raises(ImageError):
        as_rgb("bad\0name.jpg")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file(tmp_path: Path) -> None:
    file = tmp_path / "secret.png"
    Image.new("L", (2, 2)).save(file)
    file.chmod(0)
    with pytest.raises(ImageError, match="not allowed to read"):
        as_rgb(file)


@pytest.mark.parametrize("content", [b"", b"not a picture\n", b"x" * 5000])
def test_files_that_are_no_pictures(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "note.jpg").write_bytes(content)
    with pytest.raises(ImageError, match=r"note\.jpg is not a picture"):
        as_rgb(tmp_path / "note.jpg")


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "BMP", "GIF"])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_truncated_files(tmp_path: Path, kind: str, share: float) -> None:
    whole = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(whole, kind)
    file = tmp_path / "cut"
    file.write_bytes(whole.getvalue()[: int(len(whole.getvalue()) * share)])
    with pytest.raises(ImageError, match="cut"):
        as_rgb(file)
    with file.open("rb") as stream, pytest.raises((ImageError, OSError)):
        as_rgb(Image.open(stream))


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")
def test_damaged_files_raise_nothing_else(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    picture = Image.fromarray(generator.integers(0, 256, (24, 24, 3), dtype=np.uint8))
    file = tmp_path / "damaged"
    for kind in ("JPEG", "PNG", "TIFF", "GIF", "BMP"):
        buffer = io.BytesIO()
        picture.save(buffer, kind)
        for _ in range(30):
            damaged = np.frombuffer(buffer.getvalue(), np.uint8).copy()
            damaged[generator.integers(0, len(damaged), 8)] = generator.integers(0, 256, 8)
            file.write_bytes(damaged.tobytes())
            try:
                read = as_rgb(file)
            except ImageError:
                continue
            assert read.ndim == 3
            assert read.dtype == np.uint8
