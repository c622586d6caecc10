"""The option for the interval at which the network aligns a tracked face."""

import argparse

from face_alignment_3d.cli.values import seconds_or_none


def add_alignment_interval_option(parser: argparse.ArgumentParser) -> None:
    """Adds ``--alignment-interval``."""
    parser.add_argument(
        "--alignment-interval",
        type=seconds_or_none,
        default=0.1,
        metavar="SECONDS",
        help="the longest that optical flow carries a face before the network looks again (0.1); 0: the "
        "network sees every frame, which takes several times as long",
    )
