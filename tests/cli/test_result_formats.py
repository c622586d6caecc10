"""Every format that ``align --export`` names comes out, one file a photo, a face or a run."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from face_alignment_3d.arkit import BLENDSHAPES
from face_alignment_3d.cli import main
from face_alignment_3d.cli.result_files import FORMATS

_FILES = {"json": "a.json", "npz": "a.npz", "pts": "a.pts", "obj": "a.obj", "ply": "a.ply", "gltf": "a.glb"}
_TABLES = {"csv": "landmarks.csv", "openface": "openface.csv"}


def _files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", FORMATS)
def test_each_format_alone(
    album: Path, stub_aligner: Any, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["align", "photos/a.png", "-o", "out", "--export", kind]) == 0
    name = {**_FILES, **_TABLES}[kind]
    assert _files(album / "out") == {name}
    assert (album / "out" / name).stat().st_size > 300
    assert capsys.readouterr().out == f"1 photo, 1 face: wrote {name} to out\n"


def test_all_formats_of_a_folder(album: Path, stub_aligner: Any) -> None:
    arguments = [option for kind in FORMATS for option in ("--export", kind)]
    assert main(["align", "photos", "-o", "out", "--draw", "--json", "--csv", *arguments]) == 0
    endings = [name.removeprefix("a") for name in (*_FILES.values(), "a_landmarks.png")]
    faceless = {f"empty{ending}" for ending in endings if ending not in (".pts", ".glb")}
    expected = {f"{stem}{ending}" for stem in ("a", "sub/b") for ending in endings}
    assert _files(album / "out") == expected | faceless | set(_TABLES.values())
    assert len(pd.read_csv(album / "out" / "openface.csv")) == 2


def test_further_faces_have_files_of_their_own(album: Path, stub_aligner: Any) -> None:
    (album / "boxes.json").write_text(json.dumps({"a.png": [[1, 2, 30, 40], [20, 5, 60, 45]]}))
    arguments = ["--export", "pts", "--export", "gltf", "--export", "npz", "--boxes", "boxes.json"]
    assert main(["align", "photos/a.png", "-o", "out", *arguments]) == 0
    assert _files(album / "out") == {"a.npz", "a.pts", "a.face1.pts", "a.glb", "a.face1.glb"}
    with np.load(album / "out" / "a.npz") as content:
        second = content["landmarks"][1]
    lines = (album / "out" / "a.face1.pts").read_text().splitlines()
    np.testing.assert_allclose(np.array(lines[3].split(), float) - 1, second[0, :2], atol=1e-4)


@pytest.mark.parametrize(("option", "npz", "pts"), [([], 66, 68), (["66"], 66, 66), (["68"], 68, 68)])
def test_markup(album: Path, stub_aligner: Any, option: list[str], npz: int, pts: int) -> None:
    arguments = ["--export", "npz", "--export", "pts", *(["--markup", *option] if option else [])]
    assert main(["align", "photos/a.png", "-o", "out", *arguments]) == 0
    with np.load(album / "out" / "a.npz") as content:
        assert content["landmarks"].shape == (1, npz, 3)
    assert f"n_points: {pts}" in (album / "out" / "a.pts").read_text()


def test_blendshapes(album: Path, stub_aligner: Any) -> None:
    assert main(["align", "photos/a.png", "-o", "out", "--blendshapes", "--csv"]) == 0
    assert stub_aligner.made[0].options["blendshapes"] is True
    table = pd.read_csv(album / "out" / "landmarks.csv")
    assert list(table.columns[-52:]) == list(BLENDSHAPES)
    assert main(["align", "photos/a.png", "-o", "out", "--csv"]) == 0
    assert stub_aligner.made[1].options["blendshapes"] is False
    assert "jawOpen" not in pd.read_csv(album / "out" / "landmarks.csv").columns


def test_unknown_format(album: Path, stub_aligner: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["align", "photos", "--export", "xls"])
    assert "'xls'" in capsys.readouterr().err
