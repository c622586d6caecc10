"""The exceptions and warnings that this library raises on purpose.

Each message says what was expected, what came, and what to do.
"""


class FaceAlignmentError(Exception):
    """The base of every error below, so that one ``except`` catches them all."""


class ImageError(FaceAlignmentError, ValueError):
    """An image cannot be read: it is missing, damaged, or of a type, shape or range that is not known."""


class ImageRangeWarning(UserWarning):
    """An image of more than 8 bits uses so little of its range that it is read as nearly black."""


class BoxError(FaceAlignmentError, ValueError):
    """Face boxes have the wrong shape, type, order or values."""


class LandmarksError(FaceAlignmentError, ValueError):
    """Landmarks have the wrong shape or markup, are not finite, or are no face that has a pose."""


class DeviceError(FaceAlignmentError):
    """The device that was asked for is unknown or not there."""


class BackendError(FaceAlignmentError):
    """A runtime that was asked for is not installed, or cannot do what was asked of it."""


class WeightsError(FaceAlignmentError):
    """A weight file is missing, damaged, cannot be fetched, or does not fit its network."""


class DataError(FaceAlignmentError):
    """A training or evaluation data set is missing, incomplete or broken."""


class VideoError(FaceAlignmentError):
    """A video cannot be read or written."""


class BatchError(FaceAlignmentError):
    """The source or the destination of a batch cannot be used, or one of its tasks cannot be finished."""
