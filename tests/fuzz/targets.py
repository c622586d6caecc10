"""All parts of the library that are fuzzed."""

from typing import Final

from tests.fuzz import file_targets, geometry_targets, photos_targets, result_targets
from tests.fuzz.target import Target

TARGETS: Final[tuple[Target, ...]] = (
    *photos_targets.TARGETS,
    *geometry_targets.TARGETS,
    *result_targets.TARGETS,
    *file_targets.TARGETS,
)
