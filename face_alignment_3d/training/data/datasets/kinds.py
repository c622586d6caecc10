"""The data sets that training can be given by the name of their kind and their folder."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from face_alignment_3d.errors import DataError
from face_alignment_3d.training.data.datasets.aflw2000 import open_aflw2000
from face_alignment_3d.training.data.datasets.ibug_pts import open_ibug_pts
from face_alignment_3d.training.data.datasets.protocol import Dataset
from face_alignment_3d.training.data.datasets.threedfaw import open_threedfaw
from face_alignment_3d.training.data.datasets.w300lp import open_w300lp
from face_alignment_3d.training.data.face_model import FaceModel

_Opener = Callable[[Path, FaceModel | None], Dataset]

_OPENERS: Final[Mapping[str, _Opener]] = MappingProxyType(
    {
        "3dfaw": lambda directory, model: open_threedfaw(directory),
        "aflw2000": lambda directory, model: open_aflw2000(directory),
        "300w-lp": lambda directory, model: open_w300lp(directory, model=model),
        "ibug-pts": lambda directory, model: open_ibug_pts(directory, model=model),
    }
)

#: The kinds of data sets that :func:`open_dataset` opens.
KINDS: Final = tuple(_OPENERS)

#: Those without z in their files: a face model gives it, and without one it is not learned from them.
KINDS_TO_LIFT: Final = frozenset({"300w-lp", "ibug-pts"})


def open_dataset(kind: str, directory: Path, *, model: FaceModel | None = None) -> Dataset:
    """Opens the training data of the set of ``kind`` (one of ``KINDS``) in ``directory``.

    Photos that this project's weights are evaluated on, AFW's, are left out; of 3DFAW it is the training
    split. ``model`` gives z to the ``KINDS_TO_LIFT``. To train, take
    :class:`face_alignment_3d.training.data.datasets.on_demand.SamplesOnDemand` of the result.

    Raises DataError for another kind, and for data that are missing or broken.
    """
    if kind not in _OPENERS:
        raise DataError(f"expected one of the kinds of data set {', '.join(KINDS)}; got {kind!r}")
    return _OPENERS[kind](directory, model)
