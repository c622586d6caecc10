"""The thresholds of tracking."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TrackerConfig:
    """The thresholds of :class:`VideoAligner3D`.

    Confidences are means over a face's points. With the `lite` weights, over 40 photos of HELEN's training
    part, they are 0.56 and more for faces in plain view, 0.33 to 0.62 where half of the face is covered, 0.04
    and less where all is, below 0.4 for boxes that miss the face by 0.6 of its size. Distances are in face
    sizes, the longer side of the box around the landmarks. Overlaps are intersection over union of boxes.
    Similarities are those of :mod:`face_alignment_3d.video.reidentification`.
    """

    min_confidence: float = 0.3
    """A track with less confidence is lost."""
    min_new_confidence: float = 0.4
    """A detection with less confidence is ignored."""
    doubtful_confidence: float = 0.45
    """A track with less confidence is lost unless the detector also finds the face."""
    plain_confidence: float = 0.5
    """A face with less confidence may be half covered: it is aligned in every frame, and twice when it is
    new."""
    min_size: float = 10.0
    """Pixels; a smaller face has too little detail to track."""
    min_visible: float = 0.3
    """The share of a face's box that must be within the frame."""

    max_jump: float = 0.6
    """A face this far from its prediction is another one."""
    max_doubtful_jump: float = 0.2
    """The same for doubtful confidence: the network's result may lie between this face and one that came in
    front of it."""
    max_unchecked_jump: float = 0.2
    """After a longer jump the face must look the same: another face may suddenly have come in front of it."""
    max_settling: float = 0.08
    """A face that moves farther when it is aligned again was partly another one."""

    same_face_overlap: float = 0.5
    """Two tracks that overlap by more are on the same face."""
    covered_overlap: float = 1 / 3
    """A detection is of a face of its own where it overlaps with tracked ones by less than this."""
    same_detection_overlap: float = 0.3
    """A detection that overlaps with a track by more is of that track."""
    in_the_way_overlap: float = 0.02
    """Faces that overlap by more may hide each other in part."""

    return_distance: float = 0.8
    """The distance from its path at which a lost face may return at once ..."""
    return_speed: float = 1.5
    """... and the increase of that distance in each second."""
    return_size_ratio: float = 1.8
    """The factor by which the face may then be larger or smaller."""
    return_similarity: float = 0.7
    """The least similarity of a face that returns to plain view."""
    covered_similarity: float = 0.35
    """The same of one that another face may still cover in part."""
    cut_similarity: float = 0.85
    """The same of one that goes on after a cut."""
    long_lost_seconds: float = 10.0
    """A face that was lost for longer may return anywhere ..."""
    long_lost_similarity: float = 0.85
    """... with at least this similarity."""
    swap_margin: float = 0.15
    """A face is given to another track, and a covered face to one lost track rather than others, only if it
    is more similar to that one by this margin."""
    undecided_seconds: float = 2.0
    """A detection where a face was lost, neither clearly similar nor clearly different, waits this long for a
    decision: it may still be coming out from behind another face."""

    velocity_memory: float = 0.08
    """Seconds over which velocities are averaged."""
    coasting_seconds: float = 2.0
    """Seconds after which a face that is not seen has lost most of its speed."""
    embedding_interval: float = 0.1
    """Seconds between two updates of a track's embedding."""
    embedding_memory: float = 0.5
    """Seconds over which embeddings are averaged."""
    doubt_memory: float = 1.0
    """Seconds after which a new doubt no longer continues the last one."""
    flow_weight: float = 0.5
    """The share of an alignment's difference from optical flow that is applied where the two agree."""
    flow_distance: float = 0.015
    """The distance between the two from which on they no longer agree."""
    same_box_overlap: float = 0.94
    """A predicted box that overlaps with the last one by more is replaced by it: at rest the network then
    sees the very same window, and the landmarks do not move with it."""
