"""Carries out drawn perturbations on one crop, with OpenCV."""

import functools

import cv2
import numpy as np
import numpy.typing as npt
import torch

from face_alignment_3d.training.data.photometric import COLOR, NOISE, Perturbations, Pixels, recolor_table
from face_alignment_3d.training.data.pixel_noise import normal_noise, uniform_noise


def perturb(crop: Pixels, drawn: Perturbations, index: int) -> Pixels:
    """Applies the perturbations of crop ``index`` to an (S, S, 3) RGB crop; returns a new array."""
    if drawn.low_resolution[index]:
        crop = _low_resolution(crop, int(drawn.low_resolution[index]))
    if drawn.blur_std[index]:
        crop = _as_pixels(cv2.GaussianBlur(crop, (0, 0), float(drawn.blur_std[index])))
    if drawn.motion_length[index]:
        kernel = motion_kernel(int(drawn.motion_length[index]), int(drawn.motion_angle[index]))
        crop = _as_pixels(cv2.filter2D(crop, -1, kernel))
    if drawn.patches[index]:
        crop = _occlude(crop, drawn, index)
    if drawn.light_strength[index]:
        crop = _illumination(crop, drawn.light_strength[index], drawn.light_angle[index])
    if drawn.recolored[index]:
        crop = _recolor(crop, recolor_table(drawn, index), float(drawn.saturation[index]))
    if drawn.gray[index]:
        crop = _as_pixels(cv2.cvtColor(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB))
    if drawn.noise_std[index]:
        seed = torch.from_numpy(drawn.noise_seed[index : index + 1])
        noise = normal_noise(seed, len(crop))[0].permute(1, 2, 0).numpy()
        crop = _clip(crop.astype(np.float32) + drawn.noise_std[index] * noise)
    if drawn.jpeg[index]:
        # The codec takes the channels for BGR, both ways: only which colors lose most detail depends on it.
        _, packed = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, int(drawn.jpeg[index])])
        crop = _as_pixels(cv2.imdecode(packed, cv2.IMREAD_COLOR))
    return crop


@functools.lru_cache(maxsize=1024)
def motion_kernel(length: int, angle: int) -> npt.NDArray[np.float32]:
    """(length, length), sum 1: a line at ``angle`` degrees; not to be written to."""
    kernel = np.zeros((length, length), dtype=np.float32)
    kernel[length // 2] = 1
    turn = cv2.getRotationMatrix2D(((length - 1) / 2, (length - 1) / 2), angle, 1.0)
    kernel = cv2.warpAffine(kernel, turn, (length, length)).astype(np.float32)
    return np.asarray(kernel / max(float(kernel.sum()), 1e-3), dtype=np.float32)


def _low_resolution(crop: Pixels, cells: int) -> Pixels:
    height, width = crop.shape[:2]
    small = cv2.resize(crop, (cells, cells), interpolation=cv2.INTER_AREA)
    return _as_pixels(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))


def _occlude(crop: Pixels, drawn: Perturbations, index: int) -> Pixels:
    size = crop.shape[0]
    covered: Pixels = crop.copy()
    for slot in range(int(drawn.patches[index])):
        mask = np.zeros((size, size), dtype=np.uint8)
        top, left, height, width = (int(v) for v in drawn.patch_place[index, slot])
        tilt = float(drawn.patch_tilt[index, slot])
        if np.isnan(tilt):
            cv2.rectangle(mask, (left, top), (left + width, top + height), 1, -1)
        else:
            middle = (left + width // 2, top + height // 2)
            cv2.ellipse(mask, middle, (width // 2, height // 2), tilt, 0, 360, 1, -1)
        covered = np.where(mask[..., None] > 0, _content(crop, drawn, index, slot), covered)
    return covered


def _content(crop: Pixels, drawn: Perturbations, index: int, slot: int) -> Pixels:
    content = drawn.patch_content[index, slot]
    if content == COLOR:
        return _as_pixels(drawn.patch_color[index, slot])
    if content == NOISE:
        seed = torch.from_numpy(drawn.patch_seed[index, slot : slot + 1])
        return uniform_noise(seed, len(crop))[0].permute(1, 2, 0).numpy().astype(np.uint8)
    rows, columns = (int(v) for v in drawn.patch_shift[index, slot])
    return np.roll(crop[:, ::-1], (rows, columns), axis=(0, 1))


def _illumination(crop: Pixels, strength: np.float32, angle: np.float32) -> Pixels:
    axis = np.linspace(-1, 1, crop.shape[0], dtype=np.float32)
    gain = np.exp(strength * (np.cos(angle) * axis[None, :] + np.sin(angle) * axis[:, None]))
    return _clip(crop.astype(np.float32) * gain[..., None])


def _recolor(crop: Pixels, table: Pixels, saturation: float) -> Pixels:
    recolored = _as_pixels(cv2.LUT(crop, table[None]))
    if saturation != 1:
        gray = cv2.cvtColor(recolored, cv2.COLOR_RGB2GRAY)[..., None].astype(np.float32)
        recolored = _clip(gray + (recolored.astype(np.float32) - gray) * saturation)
    return recolored


def _clip(values: npt.NDArray[np.floating]) -> Pixels:
    pixels: Pixels = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return pixels


def _as_pixels(values: object) -> Pixels:
    return np.asarray(values, dtype=np.uint8)
