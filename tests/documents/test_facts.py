"""Numbers that pages repeat are those of the code."""

from collections.abc import Iterator

import pytest

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
    yield f"{decoding._BYTES_AHEAD >> 20} MiB of files"
    assert len(reading._PAUSES) == 3
    yield "tried four times"


def _detection() -> Iterator[str]:
    from face_alignment_3d.detection.judging import MIN_CONFIDENCE, SURE, certainty_of

    yield f"| **{MIN_CONFIDENCE}** |"
    yield f"mean confidence below {SURE}"
    yield f"{certainty_of(0.5, 0.999) - 0.5:.2f} more at a score of 0.999"
    yield f"{0.5 - certainty_of(0.5, 0.01):.2f} less at 0.01, unchanged at 0.9"
    assert certainty_of(0.5, 0.9) == 0.5


def _training() -> Iterator[str]:
    from face_alignment_3d.training.data.training_data import _AFLW_HOLDOUT_EVERY
    from face_alignment_3d.training.detection.config import ScoutConfig
    from face_alignment_3d.training.recipes.config import BASE, LITE, Shares

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


FACTS = {
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
