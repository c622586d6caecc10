"""Reading MATLAB's .mat files, with errors that name the file."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.io import loadmat

from face_alignment_3d.errors import DataError
from face_alignment_3d.training.data.archives import require_shape


def read_mat(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, npt.NDArray[np.float64]]:
    """The variables of the .mat file (version 4 to 7.2) whose names and shapes are given, as float64.

    Raises DataError when the file is missing or damaged, and when a variable is missing, of another shape, or
    not finite.
    """
    try:
        variables = loadmat(path, variable_names=list(shapes), appendmat=False)
    except (
        Exception
    ) as error:  # A damaged file makes scipy raise almost anything: ValueError, KeyError, zlib.error.
        raise DataError(
            f"expected a .mat file with {', '.join(shapes)} in {path}, got {error or type(error).__name__}; "
            "get the file again"
        ) from error
    arrays = {}
    for name, shape in shapes.items():
        if name not in variables:
            raise DataError(
                f"expected a variable {name} in {path}, got none of that name; get the file again"
            )
        require_shape(path, name, variables[name], shape)
        arrays[name] = variables[name].astype(np.float64)
    return arrays
