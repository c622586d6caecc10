"""Labels for the faces that only teachers have labelled: first the teachers', later the network's own.

The network's pseudo-labels is the mean over views (mirrored, shifted, scaled, turned); where the views agree
with each other and with the teachers it is kept, where only the teachers agree theirs are, the rest is left
out. This is the quick form, made within a run; :mod:`face_alignment_3d.training.labels.pseudo_labels` makes
labels once, with more views, several networks and a third opinion.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from face_alignment_3d.networks.cascade import Cascade
from face_alignment_3d.training.data.datasets.teachers import TeacherLabelledFaces
from face_alignment_3d.training.labels.agreement import fuse_labels
from face_alignment_3d.training.labels.labels import Floats, Labels
from face_alignment_3d.training.labels.views import THREE_VIEWS, predict_view


def predict_pseudo_labels(
    cascade: Cascade,
    faces: TeacherLabelledFaces,
    images: Sequence[npt.NDArray[np.uint8]],
    scales: Floats,
    *,
    bf16: bool,
) -> Labels:
    """Labels from the cascade's averaged views and the teachers.

    ``images`` are the photos shrunk by ``scales`` (N,) of what the teachers' pixels refer to; points come
    back in the teachers' pixels.
    """
    views = [predict_view(cascade, view, faces.tddfa, images, scales, bf16=bf16) for view in THREE_VIEWS]
    return merge(np.stack(views), faces)


def merge(views: Floats, faces: TeacherLabelledFaces) -> Labels:
    """Joins (V, N, 66, 3) predictions with the teachers'."""
    return fuse_labels(views, faces).labels
