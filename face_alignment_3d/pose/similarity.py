"""The similarity that lays one set of points over another."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def umeyama(source: Floats, target: Floats, weights: Floats | None = None) -> tuple[Floats, Floats, Floats]:
    """The similarities that take (N, P, 3) ``source`` closest to (N, P, 3) ``target`` (Umeyama 1991).

    Returns scale (N,), rotation (N, 3, 3) of determinant +1 and translation (N, 3), with
    target ~ scale * source @ rotation.T + translation. ``weights`` (P,) says how much each point counts, all
    the same by default. Either set may be one for all: (1, P, 3).
    """
    scale, rotation, translation, _ = umeyama_with_spread(source, target, weights)
    return scale, rotation, translation


def umeyama_with_spread(
    source: Floats, target: Floats, weights: Floats | None = None
) -> tuple[Floats, Floats, Floats, Floats]:
    """As :func:`umeyama`, with the singular values (N, 3) of the covariance, the largest first.

    The rotation is determined only where at least two of them are above zero.
    """
    count = source.shape[1]
    shares = np.full(count, 1 / count) if weights is None else weights / weights.sum()
    source_mean, target_mean = shares @ source, shares @ target
    centered, target_centered = source - source_mean[:, None], target - target_mean[:, None]
    u, singular, vt = np.linalg.svd(np.swapaxes(target_centered, 1, 2) @ (shares[:, None] * centered))
    # A reflection would fit flat sets as well; this keeps the determinant at +1.
    signs = np.ones_like(singular)
    signs[:, 2] = np.sign(np.linalg.det(u @ vt))
    rotation = (u * signs[:, None]) @ vt
    scale = (singular * signs).sum(axis=1) / (np.square(centered).sum(axis=2) @ shares)
    translation = target_mean - scale[:, None] * (rotation @ source_mean[..., None])[..., 0]
    return scale, rotation, translation, singular
