"""Whole collections of photos and videos -> Parquet: in the processes of a machine, or on a Ray cluster.

Extra ``batch``; :func:`run_batch` is what ``face-alignment-3d batch`` does, :class:`AlignImages` is for Ray
pipelines of your own (extra ``ray``), and :data:`FACES`, :data:`IMAGES` and :data:`FAILURES` are the tables.
"""

from face_alignment_3d.optional import optional_import

with optional_import("a batch"):
    from face_alignment_3d.batch.align_images import AlignImages
    from face_alignment_3d.batch.aligner_options import AlignerOptions
    from face_alignment_3d.batch.ray_pipeline import RayOptions
    from face_alignment_3d.batch.run import BatchSummary, run_batch
    from face_alignment_3d.batch.schema import BATCH_SCHEMA, FACES, FAILURES, IMAGES

__all__ = [
    "BATCH_SCHEMA",
    "FACES",
    "FAILURES",
    "IMAGES",
    "AlignImages",
    "AlignerOptions",
    "BatchSummary",
    "RayOptions",
    "run_batch",
]
