"""All photos that training shows to a teacher: those with fused labels, and the views turned out of plane."""

from pathlib import Path

from face_alignment_3d.training.data.datasets.face_sets import HAND_LABELLED, open_training_sets
from face_alignment_3d.training.data.datasets.novel_views import PSEUDO_LABELLED, open_novel_views
from face_alignment_3d.training.labels.fused_labels import load_fused_labels
from face_alignment_3d.training.labels.teacher_predictions import LabelledPhotos, photos_digest


def views_key(name: str) -> str:
    """Key of the novel views of set ``name`` among the sets that a teacher sees."""
    return f"novel_views/{name}"


def open_taught_photos(data: Path, derived_data: Path) -> dict[str, LabelledPhotos]:
    """By set. Raises :class:`DataError` for what is missing below the two folders."""
    labels = load_fused_labels(derived_data)
    photos = {
        faces.name: LabelledPhotos(faces.image, labels.of(faces).points, photos_digest(faces.digests()))
        for faces in open_training_sets(data)
    }
    for name in (*HAND_LABELLED, PSEUDO_LABELLED):
        views = open_novel_views(derived_data, name)
        photos[views_key(name)] = LabelledPhotos(views.image, views.points, views.digest())
    return photos
