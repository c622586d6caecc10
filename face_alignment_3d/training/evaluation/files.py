"""An evaluation as files: numbers, tables and pictures, and the provenance of the numbers."""

import datetime
import json
import os
import platform
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
import torch

from face_alignment_3d.atomic import write_atomically
from face_alignment_3d.export import write_png
from face_alignment_3d.training.evaluation.curves import INNER_ERROR, draw_error_curves
from face_alignment_3d.training.evaluation.evaluate import Evaluation
from face_alignment_3d.training.evaluation.report import FAILURE, Report
from face_alignment_3d.training.evaluation.tables import markdown
from face_alignment_3d.training.evaluation.truth import LabelledSet
from face_alignment_3d.training.labels.contact_sheet import Tile, contact_sheet
from face_alignment_3d.version import __version__
from face_alignment_3d.weights.integrity import sha256_of
from face_alignment_3d.weights.store import resolve_weights

#: The number of the worst faces that are shown.
WORST: Final = 40
_GTE_LIMIT: Final = 16.0
_INNER_ERRORS: Final = {
    "eyes_2d": INNER_ERROR,
    "eyes_3d": f"{INNER_ERROR} in 3D",
    "box": "mean error of the inner points that can be seen, % of the box of those",
}


def write_evaluation(
    directory: Path, evaluation: Evaluation, labelled: LabelledSet, belongs_to: Mapping[str, Any]
) -> tuple[str, ...]:
    """Writes an evaluation into ``directory``, which is made; returns the names of the files.

    report.json has ``belongs_to`` (what :mod:`json` takes; see :func:`provenance`) and every number; table.md
    is for a README; curve.png has the cumulative inner errors, gte_curve.png those in 3D, where there are
    labels for it; and worst.png shows the worst faces. Raises OSError where the folder cannot be written to.
    """
    directory.mkdir(parents=True, exist_ok=True)
    report = evaluation.report
    note = {"note": labelled.note} if labelled.note else {}
    content = {**belongs_to, **note, **report.as_dict()}
    write_atomically(
        directory / "report.json", (json.dumps(content, indent=2, allow_nan=False) + "\n").encode()
    )
    write_atomically(directory / "table.md", markdown({labelled.name: report}).encode())
    pictures = {"curve.png": _inner_curves(report)}
    if report.three_d is not None:
        pictures["gte_curve.png"] = draw_error_curves(
            {axes: report.gte_given(axes) for axes in report.three_d.gte["eyes_3d"]},
            limit=_GTE_LIMIT,
            threshold=None,
            what="GTE, % of the outer-eye distance in 3D, given boxes"
            + ("" if labelled.truth.has_depth else ", against a fit"),
        )
    pictures["worst.png"] = worst_faces(evaluation, labelled)
    for name, picture in pictures.items():
        write_png(directory / name, picture)
    return ("report.json", "table.md", *pictures)


def worst_faces(
    evaluation: Evaluation, labelled: LabelledSet, *, count: int = WORST
) -> npt.NDArray[np.uint8]:
    """A contact sheet of the ``count`` faces with the largest errors from the reference boxes, worst first.

    By the GTE over x, y, z where the labels have a z; by the inner error where they do not.
    """
    faces = evaluation.report.faces
    in_3d = labelled.truth.has_depth
    errors = evaluation.report.gte_given("xyz") if in_3d else evaluation.report.inner_given()
    return contact_sheet(
        [
            Tile(
                labelled.image(i),
                evaluation.predictions.given[i],
                _marked(labelled.truth.points[i, :, :2]),
                f"{errors[i]:.1f} %  yaw {faces[i].yaw:.0f}  {Path(faces[i].name).name}",
            )
            for i in (int(index) for index in np.argsort(-errors, kind="stable")[:count])
        ]
    )


def _marked(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return points[np.isfinite(points).all(axis=1)]


def _inner_curves(report: Report) -> npt.NDArray[np.uint8]:
    return draw_error_curves(
        {"given boxes": report.inner_given(), "own detector": report.inner_found()},
        threshold=FAILURE,
        what=_INNER_ERRORS[report.normalizer],
    )


def provenance(command: Sequence[str], weights: str | os.PathLike[str]) -> dict[str, Any]:
    """A dict for :mod:`json`; ``command`` repeats the measurement, ``weights`` is a name or a path.

    Raises :class:`face_alignment_3d.errors.WeightsError` when the weights cannot be had.
    """
    file = resolve_weights(weights)
    return {
        "command": shlex.join(command),
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "machine": f"{_processor()}, {os.cpu_count()} logical CPUs, {platform.system()} {platform.machine()}",
        "versions": {
            "face-alignment-3d": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "opencv": cv2.__version__,
            "numpy": np.__version__,
        },
        "weights": file.name,
        "weights_sha256": sha256_of(file),
        "weights_bytes": file.stat().st_size,
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown processor"
