"""``python -m face_alignment_3d``: the command line."""

import sys

from face_alignment_3d.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
