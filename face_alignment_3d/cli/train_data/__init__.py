"""``face-alignment-3d train-data``: makes labels and photos to train on; a module a command."""

from face_alignment_3d.cli.train_data.commands import add_parser

__all__ = ["add_parser"]
