"""The exceptions that this library raises on purpose.

Each message says what was expected, what came, and what to do.
"""


class FaceAlignmentError(Exception):
    """The base of every error below, so that one ``except`` catches them all."""


class ImageError(FaceAlignmentError, ValueError):
    """What was given as an image cannot be read as one."""


class BoxError(FaceAlignmentError, ValueError):
    """Face boxes have the wrong shape, type, order or values."""


class DeviceError(FaceAlignmentError):
    """The device that was asked for is unknown or not there."""


class WeightsError(FaceAlignmentError):
    """A weight file is missing, damaged, cannot be fetched, or does not fit its network."""


class DataError(FaceAlignmentError):
    """A training or evaluation data set is missing, incomplete or broken."""
