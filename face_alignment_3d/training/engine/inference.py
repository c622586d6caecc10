"""Points for labelled samples from a cascade in training, without the aligner."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from face_alignment_3d.crop import Crop
from face_alignment_3d.markup import MIRROR, NUM_LANDMARKS
from face_alignment_3d.networks.cascade import Cascade
from face_alignment_3d.training.data.augment import mirror_points


def predict(
    cascade: Cascade,
    images: Sequence[npt.NDArray[np.uint8]],
    crops: Sequence[Crop],
    *,
    mirrored: bool = False,
    batch_size: int = 64,
) -> npt.NDArray[np.float32]:
    """(F, 66, 3) points in pixels of each image; ``mirrored`` runs on mirrored crops and mirrors back."""
    outputs = _run(cascade, images, crops, mirrored, batch_size)
    if not outputs:
        return np.zeros((0, NUM_LANDMARKS, 3), dtype=np.float32)
    return _in_images(crops, np.concatenate([points for points, *_ in outputs]))


def predict_with_visibility(
    cascade: Cascade,
    images: Sequence[npt.NDArray[np.uint8]],
    crops: Sequence[Crop],
    *,
    mirrored: bool = False,
    batch_size: int = 64,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Points (F, 66, 3) as of :func:`predict` for F > 0 faces, and visibility (F, 66) in [0, 1].

    The cascade must have a visibility part.
    """
    outputs = _run(cascade, images, crops, mirrored, batch_size)
    points, visibility = (np.concatenate([output[index] for output in outputs]) for index in (0, 2))
    return _in_images(crops, points), visibility


def _in_images(crops: Sequence[Crop], points: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.stack([crop.to_image(p) for crop, p in zip(crops, points, strict=True)]).astype(np.float32)


@torch.inference_mode()
def _run(
    cascade: Cascade,
    images: Sequence[npt.NDArray[np.uint8]],
    crops: Sequence[Crop],
    mirrored: bool,
    batch_size: int,
) -> list[tuple[npt.NDArray[np.float32], ...]]:
    """The cascade's outputs of each batch, points in pixels of the crops, as if none had been mirrored."""
    device = cascade.mean.device
    results = []
    for start in range(0, len(images), batch_size):
        here = slice(start, start + batch_size)
        pixels = np.stack([crop.sample(image) for image, crop in zip(images[here], crops[here], strict=True)])
        if mirrored:
            pixels = np.ascontiguousarray(pixels[:, :, ::-1])
        batch = torch.from_numpy(pixels).permute(0, 3, 1, 2).to(device)
        points, *others = (tensor.float().cpu().numpy() for tensor in cascade(batch))
        if mirrored:
            points = mirror_points(points, width=pixels.shape[2])
            others = [values[:, MIRROR] for values in others]
        results.append((points, *others))
    return results
