"""The 52 blendshapes of one face."""

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from face_alignment_3d.arkit import BLENDSHAPES
from face_alignment_3d.blendshapes.visibility import VISIBLE


class Blendshapes(Mapping[str, float]):
    """ARKit's name -> value in [0, 1], or NaN for what 66 points do not show; in the order of ARKit's names.

    "Left" and "Right" are the subject's own. It goes as it is to
    :class:`~face_alignment_3d.export.LiveLinkFrame` and :class:`~face_alignment_3d.export.VMCSender`.
    """

    def __init__(self, values: npt.NDArray[np.floating]) -> None:
        """``values`` (52,) in the order of :data:`~face_alignment_3d.arkit.BLENDSHAPES`."""
        array = np.array(values, np.float64)
        if array.shape != (len(BLENDSHAPES),):
            raise ValueError(f"values must have shape ({len(BLENDSHAPES)},); got {array.shape}")
        array.flags.writeable = False
        self._array = array

    @property
    def array(self) -> npt.NDArray[np.float64]:
        """(52,), read-only: the values in the order of :data:`~face_alignment_3d.arkit.BLENDSHAPES`."""
        return self._array

    @property
    def visible(self) -> tuple[str, ...]:
        """The names of those that are not NaN by definition."""
        return VISIBLE

    def __getitem__(self, name: str) -> float:
        if name not in _POSITION:
            raise KeyError(name)
        return float(self._array[_POSITION[name]])

    def __iter__(self) -> Iterator[str]:
        return iter(BLENDSHAPES)

    def __len__(self) -> int:
        return len(BLENDSHAPES)

    def __repr__(self) -> str:
        largest = sorted(VISIBLE, key=lambda name: -self[name])[:5]
        return f"Blendshapes({', '.join(f'{name}={self[name]:.2f}' for name in largest)}, ...)"


_POSITION = {name: index for index, name in enumerate(BLENDSHAPES)}
