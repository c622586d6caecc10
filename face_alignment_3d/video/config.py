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
    """A track below this is lost."""
    min_new_confidence: float = 0.4
    """A detection below this is none."""
    doubtful_confidence: float = 0.45
    """A track below this is lost where the detector does not find it as well."""
    plain_confidence: float = 0.5
    """A face below this may be half covered: it is aligned in every frame, and twice when it is new."""
    min_size: float = 10.0
    """Pixels; a smaller face has nothing in it to track."""
    min_visible: float = 0.3
    """The share of a face's box that must be within the frame."""

    max_jump: float = 0.6
    """A face this far from its prediction is another one."""
    max_doubtful_jump: float = 0.2
    """The same for doubtful confidence: the network is between this face and one that has come before it."""
    max_unchecked_jump: float = 0.2
    """One that jumps farther must look the same: it may be one that has come before it at once."""
    max_settling: float = 0.08
    """A face that moves farther when it is aligned again was partly another one."""

    same_face_overlap: float = 0.5
    """Two tracks that overlap by more are on the same face."""
    covered_overlap: float = 1 / 3
    """A detection is of a face of its own where it overlaps with tracked ones by less than this."""
    same_detection_overlap: float = 0.3
    """A detection that overlaps with a track by more is of that track."""
    in_the_way_overlap: float = 0.02
    """Faces that overlap by more are in each other's way."""

    return_distance: float = 0.8
    """How far from its path a lost face may return at once ..."""
    return_speed: float = 1.5
    """... and how much farther with each second."""
    return_size_ratio: float = 1.8
    """How many times larger or smaller it may be then."""
    return_similarity: float = 0.7
    """The least similarity of a face that returns to plain view."""
    covered_similarity: float = 0.35
    """The same of one that another face may still cover in part."""
    cut_similarity: float = 0.85
    """The same of one that goes on after a cut."""
    long_lost_seconds: float = 10.0
    """A face that was lost for longer can be anywhere ..."""
    long_lost_similarity: float = 0.85
    """... so this is the least similarity when it returns."""
    swap_margin: float = 0.15
    """By how much more a face must be similar to another track than to its own to be given to that one, and a
    covered one to one lost track than to the others."""
    undecided_seconds: float = 2.0
    """How long a face that is found where one was lost, neither similar nor unlike, waits until that is
    clearer: it may still come out from behind another."""

    velocity_memory: float = 0.08
    """Seconds over which velocities are averaged."""
    coasting_seconds: float = 2.0
    """Seconds after which a face that is not seen has lost most of its speed."""
    embedding_memory: float = 0.5
    """Seconds over which embeddings are averaged."""
    doubt_memory: float = 1.0
    """Seconds without a doubt after which the next one begins anew."""
    flow_weight: float = 0.5
    """The share of an alignment's difference from optical flow that counts where the two agree."""
    flow_distance: float = 0.015
    """How far apart they are where they do not."""
    same_box_overlap: float = 0.94
    """A predicted box that overlaps with the last one by more is replaced by it: at rest the network then
    sees the very same window, and the landmarks do not move with it."""
