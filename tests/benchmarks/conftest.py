"""Puts the benchmarks' folder, which holds scripts and no package, on the import path."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
