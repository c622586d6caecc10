"""The numbers in docs/architecture.md are those of the code."""

from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from face_alignment_3d.networks.presets import PRESETS

PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"


def _table():
    """First column -> the cells of one row of the table of presets, by preset."""
    rows = [
        line.strip("| ").split("|")
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line[:1] == "|"
    ]
    head = next(i for i, row in enumerate(rows) if "`lite`" in row[0] or "`lite`" in row[1])
    names = [cell.strip(" `") for cell in rows[head] if cell.strip()]
    table = {}
    for row in rows[head + 2 :]:
        label, *cells = (cell.strip() for cell in row)
        if len(cells) != len(names):
            break
        table[label] = dict(zip(names, cells, strict=True))
    return table


def _gmac(call):
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        result = call()
    return counter.get_total_flops() / 2e9, result


def _expected(name):
    with torch.device("meta"):
        cascade = PRESETS[name]().eval()
    geometry = cascade.geometry
    image = torch.empty(1, 3, geometry.input_size, geometry.input_size, device="meta")
    gmac = {}
    gmac["detection"], seen = _gmac(lambda: cascade.detection(image))
    gmac["regression"], _ = _gmac(lambda: cascade.regression(*seen))
    points = torch.empty(1, geometry.landmarks, 2, device="meta")
    gmac["z"], _ = _gmac(lambda: cascade.regress_depth(image, points))
    gmac["all"], _ = _gmac(lambda: cascade(image))
    parts = {
        "detection": cascade.detection,
        "regression": cascade.regression,
        "z": cascade.depth,
        "all": cascade,
    }
    expected = {
        "crop, px": f"{geometry.input_size}",
        "crop side / longer side of the face box": f"{geometry.crop_scale}",
        "heatmaps": "{} x {}".format(*geometry.heatmap_size),
        "decoding": geometry.decoding,
        "discs' radius, crop px": f"{geometry.detection_radius:g}",
        "Gaussians' std in the regression, crop px": f"{geometry.regression_std:g}",
        "Gaussians' std for z, crop px": f"{geometry.depth_std:g}",
        "weights in fp16, MB": f"{2 * sum(t.numel() for t in cascade.state_dict().values()) / 1e6:.1f}",
    }
    for part, module in parts.items():
        expected[f"parameters, {part}"] = f"{sum(p.numel() for p in module.parameters()) / 1e6:.2f} M"
        expected[f"GMAC a face, {part}"] = f"{gmac[part]:.2f}"
    return expected


@pytest.mark.parametrize("name", list(PRESETS))
def test_table_of_presets(name):
    table = _table()
    expected = _expected(name)
    assert {label: table[label][name] for label in expected} == expected
