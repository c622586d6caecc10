"""Carries out drawn perturbations on one crop, with OpenCV."""

import cv2
import numpy as np
import numpy.typing as npt

from face_alignment_3d.training.data.photometric import (
    GaussianBlur,
    Illumination,
    MotionBlur,
    Patch,
    Perturbations,
    Pixels,
    Recolor,
)


def perturb(crop: Pixels, drawn: Perturbations) -> Pixels:
    """An (S, S, 3) RGB crop, perturbed; the one given is left as it is."""
    if drawn.low_resolution is not None:
        crop = _low_resolution(crop, drawn.low_resolution)
    if drawn.blur is not None:
        crop = _blur(crop, drawn.blur)
    if drawn.occlusion:
        crop = _occlude(crop, drawn.occlusion)
    if drawn.illumination is not None:
        crop = _illumination(crop, drawn.illumination)
    if drawn.color is not None:
        crop = _recolor(crop, drawn.color)
    if drawn.gray:
        crop = _as_pixels(cv2.cvtColor(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB))
    if drawn.noise is not None:
        crop = _clip(crop.astype(np.float32) + drawn.noise)
    if drawn.jpeg is not None:
        # The codec takes the channels for BGR, both ways: only which colors lose most detail depends on it.
        _, packed = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, drawn.jpeg])
        crop = _as_pixels(cv2.imdecode(packed, cv2.IMREAD_COLOR))
    return crop


def motion_kernel(blur: MotionBlur) -> npt.NDArray[np.float32]:
    """(length, length), sum 1."""
    length = blur.length
    kernel = np.zeros((length, length), dtype=np.float32)
    kernel[length // 2] = 1
    turn = cv2.getRotationMatrix2D(((length - 1) / 2, (length - 1) / 2), blur.angle, 1.0)
    kernel = cv2.warpAffine(kernel, turn, (length, length)).astype(np.float32)
    return np.asarray(kernel / max(float(kernel.sum()), 1e-3), dtype=np.float32)


def _low_resolution(crop: Pixels, factor: float) -> Pixels:
    height, width = crop.shape[:2]
    small = cv2.resize(crop, (round(width * factor), round(height * factor)), interpolation=cv2.INTER_AREA)
    return _as_pixels(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))


def _blur(crop: Pixels, blur: GaussianBlur | MotionBlur) -> Pixels:
    if isinstance(blur, GaussianBlur):
        return _as_pixels(cv2.GaussianBlur(crop, (0, 0), blur.std))
    return _as_pixels(cv2.filter2D(crop, -1, motion_kernel(blur)))


def _occlude(crop: Pixels, patches: tuple[Patch, ...]) -> Pixels:
    size = crop.shape[0]
    covered: Pixels = crop.copy()
    for patch in patches:
        mask = np.zeros((size, size), dtype=np.uint8)
        top, left, height, width = patch.top, patch.left, patch.height, patch.width
        if patch.tilt is not None:
            middle = (left + width // 2, top + height // 2)
            cv2.ellipse(mask, middle, (width // 2, height // 2), patch.tilt, 0, 360, 1, -1)
        else:
            cv2.rectangle(mask, (left, top), (left + width, top + height), 1, -1)
        shown = np.roll(crop[:, ::-1], patch.shift, axis=(0, 1)) if patch.pixels is None else patch.pixels
        covered = np.where(mask[..., None] > 0, shown, covered)
    return covered


def _illumination(crop: Pixels, illumination: Illumination) -> Pixels:
    axis = np.linspace(-1, 1, crop.shape[0], dtype=np.float32)
    slope = np.cos(illumination.angle) * axis[None, :] + np.sin(illumination.angle) * axis[:, None]
    gain = np.exp(np.float32(illumination.strength) * slope.astype(np.float32))
    return _clip(crop.astype(np.float32) * gain[..., None])


def _recolor(crop: Pixels, color: Recolor) -> Pixels:
    recolored = _as_pixels(cv2.LUT(crop, color.table()[None]))
    if color.saturation is not None:
        gray = cv2.cvtColor(recolored, cv2.COLOR_RGB2GRAY)[..., None].astype(np.float32)
        recolored = _clip(gray + (recolored.astype(np.float32) - gray) * color.saturation)
    return recolored


def _clip(values: npt.NDArray[np.floating]) -> Pixels:
    pixels: Pixels = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return pixels


def _as_pixels(values: object) -> Pixels:
    return np.asarray(values, dtype=np.uint8)
