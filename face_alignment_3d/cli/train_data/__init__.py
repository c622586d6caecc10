"""``face-alignment-3d train-data``: labels and photos to train on; each command is a module here."""

import argparse
from typing import TYPE_CHECKING

from face_alignment_3d.cli.train_data import (
    fuse_labels,
    label_detections,
    predict_teacher,
    synthesize_views,
)

if TYPE_CHECKING:
    _Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

_COMMANDS = (fuse_labels, synthesize_views, predict_teacher, label_detections)


def add_parser(subparsers: "_Subparsers") -> None:
    """Adds ``train-data`` and its commands, each of which sets its own ``run``."""
    parser = subparsers.add_parser(
        "train-data",
        help="make labels and photos to train on",
        description="Makes labels and photos to train on. All that is made goes below one folder, DERIVED; "
        "docs/training.md describes each command and the data that it starts from.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in _COMMANDS:
        command.add_parser(commands)
