"""The command line, ``face-alignment-3d``: a module a subcommand. Nothing else in the library prints."""

from face_alignment_3d.cli.main import main

__all__ = ["main"]
