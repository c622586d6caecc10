"""Numbers that pages repeat are those of the code."""

from collections.abc import Iterator

import pytest

from face_alignment_3d.weights.manifest import WeightsEntry, load_manifest
from tests.documents.blocks import ROOT


def _serving() -> Iterator[str]:
    pytest.importorskip("fastapi")
    from face_alignment_3d.serve import ServerConfig
    from face_alignment_3d.serve.running import _GRACE_SECONDS
    from face_alignment_3d.serve.socket_protocol import STALL_SECONDS

    config = ServerConfig()
    yield f"| WebSocket connections | {config.max_connections} |"
    yield f"| frames a second of a connection | {config.max_frame_rate:g} |"
    yield f"| a frame | {config.max_frame_bytes / 1e6:g} MB, {config.max_frame_pixels / 1e6:g} megapixels |"
    yield f"| a photo | {config.max_bytes / 1e6:g} MB, {config.max_pixels / 1e6:g} megapixels |"
    yield f"| photos from one address | {config.max_photo_rate:g} a second |"
    yield f"| photos in work or waiting | {config.max_waiting_photos} |"
    yield f"a WebSocket is closed | {config.idle_seconds:g} s |"
    yield f"a connection is aborted | {STALL_SECONDS:g} s |"
    yield f"408 for a photo that takes longer than {config.body_seconds:g} s"
    assert _GRACE_SECONDS == 3
    yield "wait up to three seconds"


def _collections() -> Iterator[str]:
    pytest.importorskip("pyarrow")
    from face_alignment_3d.batch import BATCH_SCHEMA, decoding, plan, reading

    yield f"`{BATCH_SCHEMA}`"
    yield f"tasks of up to {plan._LARGEST_TASK:,} images"
    yield f"{reading._LARGEST_FILE >> 20} MiB at most"
    yield f"groups of {decoding._MOST_IMAGES} images or {decoding._MOST_PIXELS / 1e6:g} megapixels"
    yield f"{decoding._BYTES_AHEAD >> 20} MiB are added of files"
    assert len(reading._PAUSES) == 3
    yield "tried four times"


def _detection() -> Iterator[str]:
    from face_alignment_3d.detection.candidate_selection import MIN_CONFIDENCE, SURE, certainty_of

    yield f"| **{MIN_CONFIDENCE}** |"
    yield f"mean confidence below {SURE}"
    yield f"{certainty_of(0.5, 0.999) - 0.5:.2f} more at a score of 0.999"
    yield f"{0.5 - certainty_of(0.5, 0.01):.2f} less at 0.01, unchanged at 0.9"
    assert certainty_of(0.5, 0.9) == 0.5


def _training() -> Iterator[str]:
    from face_alignment_3d.training.detection.config import ScoutConfig
    from face_alignment_3d.training.recipes.config import BASE, LITE, Shares
    from face_alignment_3d.training.recipes.training_data import _AFLW_HOLDOUT_EVERY

    shares = Shares()
    views = shares.views_of_hand + shares.views_of_teachers
    yield f"{shares.hand:.0%} hand-labelled photos, {shares.aflw:.0%} AFLW".replace("%", " %")
    yield f"{shares.teachers:.0%} faces that networks alone".replace("%", " %")
    yield f"{views:.0%} photos turned out of plane".replace("%", " %")
    yield f"60 degrees {LITE.profile_factor} times"
    assert LITE.turned_factor == 2
    yield "beyond 25 degrees of yaw twice as often"
    assert (LITE.holdout_every, _AFLW_HOLDOUT_EVERY, LITE.checkpoint_seconds) == (12, 40, 240)
    yield "One photo in twelve of the hand-labelled ones and one AFLW face in forty"
    yield "a checkpoint every four minutes"
    yield f"bf16 is used up to {LITE.full_precision_from:.0%} of the steps".replace("%", " %")
    yield f"batches of {BASE.batch_size} and {BASE.steps:,} steps"
    scenes = ScoutConfig().shares
    yield f"{scenes.scenes:.0%} parts of WIDER".replace("%", " %")
    yield f"{scenes.portraits:.0%} portraits at any angle".replace("%", " %")
    yield f"{scenes.pasted:.0%} everyday photos with one to four faces".replace("%", " %")


def _papers_stages() -> Iterator[str]:
    from face_alignment_3d.training.recipes.paper_config import END_TO_END, PAPER

    for stage in (*PAPER.stages, END_TO_END):
        yield f"| `{stage.name}` |"
        rates = f"{_powers(stage.first_rate)} to {_powers(stage.last_rate)}"
        yield f"| {stage.epochs} | {rates} | {stage.batch_size} |"


def _powers(rate: float) -> str:
    """As the page writes it: 1e-3 rather than 0.001."""
    digits, power = f"{rate:e}".split("e")
    return f"{float(digits):g}e{int(power)}"


_AFW = "afw, given boxes, inner-49 NME, %"
_AFLW2000 = "aflw2000, given boxes, all-66 2D NME over the box, mean of the groups, %"
_GTE = "aflw2000, given boxes, GTE xyz (3D normalizer), %"
_SELF_OCCLUDED = "merl-rav, visible against self-occluded by visibility, AUC"
_HIDDEN = "merl-rav, visible against hidden by visibility, AUC"


def _choice_of_weights() -> Iterator[str]:
    for name, entry in _cascades():
        yield f'| `"{name}"`'
        yield f"{entry.bytes / 1e6:.1f} MB | {entry.metrics[_AFW]:.2f} %"

    results = (ROOT / "benchmarks" / "results" / "speed.md").read_text(encoding="utf-8")
    # The table of two threads. The cells of `lite` and of `nano` in ONNX Runtime begin with the median.
    rows = [line.split(" | ") for line in results.split("2 threads |", 1)[1].splitlines()]
    for label in ("one face, from its crop", "photo of 640 px, with detection"):
        (row,) = (cells for cells in rows if cells[0] == f"| {label}")
        for cell in (row[1], row[3]):
            yield cell.split(" (", 1)[0]


def _speed() -> Iterator[str]:
    results = (ROOT / "benchmarks" / "results" / "speed.md").read_text(encoding="utf-8")
    yield from (
        results[results.index("| milliseconds, median (5 to 95 %), 2 threads") :]
        .split("\n\n", 1)[0]
        .splitlines()
    )


def _weights() -> Iterator[str]:
    entries = dict(_cascades())
    nano, lite = entries["nano"], entries["lite"]
    yield f"| file | {nano.bytes / 1e6:.1f} MB | {lite.bytes / 1e6:.1f} MB |"
    for label, metric in (
        ("AFW, inner points, %", _AFW),
        ("AFLW2000-3D, NME over the box, mean of the groups of yaw, %", _AFLW2000),
        ("AFLW2000-3D, GTE xyz, %", _GTE),
    ):
        yield f"| {label} | {nano.metrics[metric]:.2f} | {lite.metrics[metric]:.2f} |"
    auc = [f"{entry.metrics[_SELF_OCCLUDED]:.3f}, {entry.metrics[_HIDDEN]:.3f}" for entry in (nano, lite)]
    yield f"| visible against self-occluded, hidden points, AUC | {auc[0]} | {auc[1]} |"


def _cascades() -> list[tuple[str, WeightsEntry]]:
    return [(name, entry) for name, entry in load_manifest().items() if entry.kind == "cascade"]


def _exports() -> Iterator[str]:
    from face_alignment_3d.export import SCHEMA, VMC_PORT
    from face_alignment_3d.export.vmc import _LARGEST_DATAGRAM
    from face_alignment_3d.markup68 import _INWARDS

    yield f"## JSON, schema `{SCHEMA}`"
    yield f'VMCSender("127.0.0.1", {VMC_PORT})'
    yield f"bundles of at most {_LARGEST_DATAGRAM:,} bytes"
    yield f"each lies {100 * _INWARDS:.1f} % of the way"


def _videos() -> Iterator[str]:
    from face_alignment_3d.export.frame_writer import VIDEO_SCHEMA
    from face_alignment_3d.video import TrackerConfig
    from face_alignment_3d.video.optical_flow import _MAX_DEVIATION

    config = TrackerConfig()
    yield f"(`{VIDEO_SCHEMA}`)"
    yield f"more than {100 * _MAX_DEVIATION:.1f} % of the face's size"
    yield f"its mean confidence falls below {config.min_confidence}"
    assert (config.flow_weight, config.undecided_seconds, config.long_lost_seconds) == (0.5, 2, 10)
    yield "agree, each counts half"
    yield "for two seconds at most"
    yield "lost for more than ten seconds"


def _onnx() -> Iterator[str]:
    from face_alignment_3d.onnx_graphs.metadata import GRAPH_VERSION

    yield f"(this library reads {GRAPH_VERSION})"


def _blendshapes() -> Iterator[str]:
    from face_alignment_3d.arkit import BLENDSHAPES, VISIBLE

    yield f"by {len(BLENDSHAPES)} blendshapes"
    yield f"estimates {len(VISIBLE)} of them"


FACTS = {
    "../README.md": _choice_of_weights,
    "speed.md": _speed,
    "weights.md": _weights,
    "exports.md": _exports,
    "video.md": _videos,
    "onnx.md": _onnx,
    "blendshapes.md": _blendshapes,
    "serve.md": _serving,
    "scale.md": _collections,
    "detection.md": _detection,
    "training.md": lambda: [*_training(), *_papers_stages()],
}


@pytest.mark.parametrize("page", FACTS)
def test_numbers_are_those_of_the_code(page: str) -> None:
    text = " ".join((ROOT / "docs" / page).read_text(encoding="utf-8").split())
    for fact in FACTS[page]():
        assert fact in text, fact
