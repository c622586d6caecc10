"""A second, shorter way to the crops of ``training.augment``: numbers are used as soon as they are drawn."""

import cv2
import numpy as np

from face_alignment_3d.markup import MIRROR
from face_alignment_3d.training.data.augment import upright_crop


def augment_in_one_pass(sample, draw, size, crop_scale, geometric, chances):
    """The crop (S, S, 3) and its points (66, 3)."""
    wide = draw.random() < geometric.wide_roll_share
    limit = geometric.wide_roll
    degrees = draw.uniform(-limit, limit) if wide else draw.normal(0.0, geometric.roll)
    shift = np.clip(draw.normal(0.0, geometric.shift, 2), -0.2, 0.2)
    scale = np.exp(np.clip(draw.normal(0.0, geometric.scale), -0.3, 0.3))
    crop = upright_crop(
        sample.points, size=size, crop_scale=crop_scale, angle=np.deg2rad(degrees), shift=shift, scale=scale
    )
    border = cv2.BORDER_CONSTANT if draw.random() < 0.5 else cv2.BORDER_REPLICATE
    pixels, points = crop.sample(sample.image, border=border), crop.to_crop(sample.points).astype(np.float32)
    if draw.random() < 0.5:
        pixels, points = np.ascontiguousarray(pixels[:, ::-1]), points[MIRROR]
        points[:, 0] = size - 1 - points[:, 0]
    return _perturb(pixels, draw, chances), points


def _perturb(crop, draw, chances):
    size = len(crop)
    if draw.random() < chances.low_resolution:
        cells = round(size * draw.uniform(0.25, 0.8))
        crop = cv2.resize(cv2.resize(crop, (cells, cells), interpolation=cv2.INTER_AREA), (size, size))
    if draw.random() < chances.blur:
        crop = _blur(crop, draw)
    if draw.random() < chances.occlusion:
        crop = _occlude(crop, draw, size)
    if draw.random() < chances.illumination:
        angle, strength = draw.uniform(0, 2 * np.pi), np.float32(draw.uniform(0.2, 0.8))
        axis = np.linspace(-1, 1, size, dtype=np.float32)
        slope = np.cos(angle) * axis[None, :] + np.sin(angle) * axis[:, None]
        crop = _pixels(crop.astype(np.float32) * np.exp(strength * slope.astype(np.float32))[..., None])
    if draw.random() < chances.color:
        crop = _recolor(crop, draw)
    if draw.random() < chances.gray:
        crop = cv2.cvtColor(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    if draw.random() < chances.noise:
        std = draw.uniform(2.0, 14.0)
        crop = _pixels(crop.astype(np.float32) + draw.normal(0.0, std, crop.shape).astype(np.float32))
    if draw.random() < chances.jpeg:
        packed = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, int(draw.integers(12, 60))])[1]
        crop = cv2.imdecode(packed, cv2.IMREAD_COLOR)
    return crop


def _blur(crop, draw):
    if draw.random() < 0.5:
        return cv2.GaussianBlur(crop, (0, 0), draw.uniform(0.4, 2.0))
    length = 2 * int(draw.integers(1, 5)) + 1
    kernel = np.zeros((length, length), dtype=np.float32)
    kernel[length // 2] = 1
    middle = ((length - 1) / 2, (length - 1) / 2)
    turned = cv2.warpAffine(
        kernel, cv2.getRotationMatrix2D(middle, draw.uniform(0, 180), 1.0), (length, length)
    )
    return cv2.filter2D(crop, -1, turned / max(float(turned.sum()), 1e-3))


def _occlude(crop, draw, size):
    covered = crop
    for _ in range(draw.integers(1, 3)):
        height, width = (int(v) for v in draw.integers(size // 10, size // 2, 2))
        top = int(draw.integers(-height // 2, size - height // 2))
        left = int(draw.integers(-width // 2, size - width // 2))
        mask = np.zeros((size, size), dtype=np.uint8)
        if draw.random() < 0.5:
            center, axes = (left + width // 2, top + height // 2), (width // 2, height // 2)
            cv2.ellipse(mask, center, axes, draw.uniform(0, 180), 0, 360, 1, -1)
        else:
            cv2.rectangle(mask, (left, top), (left + width, top + height), 1, -1)
        kind = draw.random()
        if kind < 0.4:
            shown = draw.integers(0, 256, 3, dtype=np.uint8)
        elif kind < 0.6:
            shown = draw.integers(0, 256, crop.shape, dtype=np.uint8)
        else:
            shown = np.roll(crop[:, ::-1], (draw.integers(size), draw.integers(size)), axis=(0, 1))
        covered = np.where(mask[..., None] > 0, shown, covered)
    return covered


def _recolor(crop, draw):
    levels = np.arange(256, dtype=np.float32) / 255
    gamma, contrast = float(np.exp(draw.normal(0.0, 0.25))), float(np.exp(draw.normal(0.0, 0.2)))
    brightness, tints = float(draw.normal(0.0, 0.1)), np.exp(draw.normal(0.0, 0.08, 3))
    curves = [255 * ((levels**gamma - 0.5) * contrast + 0.5 + brightness) * float(tint) for tint in tints]
    crop = cv2.LUT(crop, _pixels(np.stack(curves, axis=-1))[None])
    if draw.random() < 0.5:
        gray = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)[..., None].astype(np.float32)
        crop = _pixels(gray + (crop.astype(np.float32) - gray) * float(draw.uniform(0.3, 1.5)))
    return crop


def _pixels(values):
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
