"""The sizes that a cascade works at, and the frame of its points; needs no torch."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final, Literal

#: Units and axes of the points that a cascade puts out; weights trained for others would load and be wrong.
COORDINATES: Final = "crop pixels from the center of the top-left one; x right, y down, z away, zero-mean z"


@dataclass(frozen=True)
class CascadeGeometry:
    """The sizes that a cascade works at. Lengths are crop pixels unless they say otherwise."""

    landmarks: int
    input_size: int
    """Height and width of the crop."""
    crop_scale: float
    """Side of the crop over the longer side of the face box."""
    heatmap_stride: int
    """Crop pixels per heatmap cell."""
    depth_stride: int
    """Crop pixels per cell of the Gaussians that the Z network sees."""
    depth_std: float
    """Standard deviation of those Gaussians."""
    detection_radius: float
    """Radius of the binary discs that the detection learns."""
    regression_std: float
    """Standard deviation of the Gaussians that the regression learns."""
    decoding: Literal["softmax", "peak"]
    """"softmax" for heatmaps that are logits of a distribution, "peak" for freely regressed maps that are
    read around their peak."""

    @property
    def heatmap_size(self) -> tuple[int, int]:
        """Height and width of the heatmaps, in cells."""
        side = self.input_size // self.heatmap_stride
        return side, side

    @property
    def depth_size(self) -> tuple[int, int]:
        """Height and width of the Gaussians that the Z network sees, in cells."""
        side = self.input_size // self.depth_stride
        return side, side

    def to_metadata(self) -> dict[str, str]:
        """Every field as text, for the header of a weight file or graph."""
        return {key: str(value) for key, value in asdict(self).items()}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> "CascadeGeometry":
        """The inverse of :meth:`to_metadata`; other keys are ignored.

        Raises KeyError for a field that is not there and ValueError for one that is no number or decoding.
        """
        decoding = metadata["decoding"]
        if decoding not in ("softmax", "peak"):
            raise ValueError(f"decoding must be 'softmax' or 'peak'; got {decoding!r}")
        return cls(
            landmarks=int(metadata["landmarks"]),
            input_size=int(metadata["input_size"]),
            crop_scale=float(metadata["crop_scale"]),
            heatmap_stride=int(metadata["heatmap_stride"]),
            depth_stride=int(metadata["depth_stride"]),
            depth_std=float(metadata["depth_std"]),
            detection_radius=float(metadata["detection_radius"]),
            regression_std=float(metadata["regression_std"]),
            decoding="softmax" if decoding == "softmax" else "peak",
        )
