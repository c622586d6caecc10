"""One file a data set; all yield :class:`face_alignment_3d.training.data.sample.Sample`."""
