"""The loss of JPEG compression as tensor operations: no bytes are made.

The loss of JPEG lies in halving the resolution of the two color differences and in rounding the cosine
coefficients of 8 x 8 blocks; both are carried out here as the baseline codec does, in float.
"""

import math

import torch
import torch.nn.functional as F

# Annex K of the JPEG standard (ITU-T T.81), in rows: what each coefficient is divided by at quality 50.
_LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMINANCE = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    (99, 99, 99, 99, 99, 99, 99, 99),
    (99, 99, 99, 99, 99, 99, 99, 99),
    (99, 99, 99, 99, 99, 99, 99, 99),
    (99, 99, 99, 99, 99, 99, 99, 99),
)


def jpeg(images: torch.Tensor, qualities: torch.Tensor) -> torch.Tensor:
    """(B, 3, H, W) float RGB and (B,) qualities from 1 to 100 -> the same crops, lossy.

    Pixels are whole numbers in [0, 255].
    """
    height, width = images.shape[-2:]
    # Whole blocks of both resolutions: 16 pixels.
    padded = F.pad(images, (0, -width % 16, 0, -height % 16), mode="replicate")
    red, green, blue = padded.unbind(dim=1)
    y = 0.299 * red + 0.587 * green + 0.114 * blue
    difference_blue = (blue - y) / 1.772
    difference_red = (red - y) / 1.402
    y = (y - 128).round()
    color = torch.stack([difference_blue, difference_red], dim=1).round()
    color = F.avg_pool2d(color, 2).round()
    factor = _quality_factor(qualities)
    y = _quantize(y[:, None], _table(_LUMINANCE, factor)) + 128
    color = _quantize(color, _table(_CHROMINANCE, factor))
    color = F.interpolate(color, scale_factor=2, mode="bilinear", align_corners=False)
    y = y[:, 0]
    difference_blue, difference_red = color.unbind(dim=1)
    red = y + 1.402 * difference_red
    blue = y + 1.772 * difference_blue
    green = (y - 0.299 * red - 0.114 * blue) / 0.587
    rgb = torch.stack([red, green, blue], dim=1).round().clamp(0, 255)
    return rgb[..., :height, :width]


def _quality_factor(qualities: torch.Tensor) -> torch.Tensor:
    """The percentage by which the tables are scaled, as in the Independent JPEG Group's codec."""
    coarse = (5000 / qualities).floor()
    return torch.where(qualities < 50, coarse, 200 - 2 * qualities)


def _table(rows: tuple[tuple[int, ...], ...], factor: torch.Tensor) -> torch.Tensor:
    """(B, 8, 8): the quantization table for each quality."""
    base = torch.tensor(rows, dtype=factor.dtype, device=factor.device)
    return ((base * factor[:, None, None] + 50) / 100).floor().clamp(1, 255)


def _quantize(planes: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    """(B, C, H, W) centered on zero; rounds each block's coefficients to multiples of ``table`` (B, 8, 8)."""
    batch, channels, height, width = planes.shape
    blocks = planes.view(batch, channels, height // 8, 8, width // 8, 8).transpose(3, 4)
    cosine = _cosine(planes)
    divisors = table[:, None, None, None]
    rounded = (cosine @ blocks @ cosine.T / divisors).round() * divisors
    back = (cosine.T @ rounded @ cosine).transpose(3, 4).reshape(planes.shape)
    return back.round()


def _cosine(like: torch.Tensor) -> torch.Tensor:
    """(8, 8): the orthonormal discrete cosine transform."""
    position = torch.arange(8, dtype=like.dtype, device=like.device)
    waves = torch.cos(math.pi / 8 * (position[None, :] + 0.5) * position[:, None]) / 2
    waves[0] /= math.sqrt(2)
    return waves
