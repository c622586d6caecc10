"""Points for labelled samples from a cascade in training, without the aligner."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from face_alignment_3d.crop import Crop
from face_alignment_3d.markup import NUM_LANDMARKS
from face_alignment_3d.networks.cascade import Cascade
from face_alignment_3d.training.data.augment import mirror_points


@torch.inference_mode()
def predict(
    cascade: Cascade,
    images: Sequence[npt.NDArray[np.uint8]],
    crops: Sequence[Crop],
    *,
    mirrored: bool = False,
    bf16: bool = False,
    batch_size: int = 64,
) -> npt.NDArray[np.float32]:
    """(F, 66, 3) points in pixels of each image; ``mirrored`` runs on mirrored crops and mirrors back."""
    device = cascade.mean.device
    results = []
    for start in range(0, len(images), batch_size):
        here = slice(start, start + batch_size)
        part = crops[here]
        pixels = np.stack([crop.sample(image) for image, crop in zip(images[here], part, strict=True)])
        if mirrored:
            pixels = np.ascontiguousarray(pixels[:, :, ::-1])
        batch = torch.from_numpy(pixels).permute(0, 3, 1, 2).to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            points = cascade(batch)[0]
        points_crop = points.float().cpu().numpy()
        if mirrored:
            points_crop = mirror_points(points_crop, width=pixels.shape[2])
        results += [crop.to_image(p) for crop, p in zip(part, points_crop, strict=True)]
    if not results:
        return np.zeros((0, NUM_LANDMARKS, 3), dtype=np.float32)
    return np.stack(results).astype(np.float32)
