"""The tables in pandas, Polars and DuckDB."""

from pathlib import Path

import numpy as np
import pytest

from face_alignment_3d.batch import run_batch
from face_alignment_3d.images import as_rgb
from tests.batch.stub_aligner import StubSource

pytestmark = pytest.mark.usefixtures("inline")


@pytest.fixture
def tables(album: Path, tmp_path: Path) -> Path:
    run_batch(str(album), str(tmp_path / "out"), aligner=StubSource(), task_size=15)
    return tmp_path / "out"


@pytest.fixture
def landmarks(album: Path) -> np.ndarray:
    """(2, 66, 3) of summer/13.png."""
    faces = StubSource().open(threads=1).detect(as_rgb(album / "summer" / "13.png"))
    return np.stack([face.landmarks for face in faces])


def test_pandas(tables: Path, landmarks: np.ndarray) -> None:
    pd = pytest.importorskip("pandas")
    faces, images = pd.read_parquet(tables / "faces"), pd.read_parquet(tables / "images")
    assert len(images) == 40
    counts = images[images.faces > 0].set_index("image").faces
    assert faces.groupby("image").size().to_dict() == counts.to_dict()
    mine = faces[faces.image == "summer/13.png"].sort_values("face")
    np.testing.assert_array_equal(np.stack(mine.landmarks).reshape(-1, 66, 3), landmarks)
    assert set(pd.read_parquet(tables / "failures").image) == {"none.jpg", "summer/cut.png"}


def test_polars(tables: Path, landmarks: np.ndarray) -> None:
    pl = pytest.importorskip("polars")
    faces = (
        pl.scan_parquet(tables / "faces" / "*.parquet").filter(image="summer/13.png").sort("face").collect()
    )
    np.testing.assert_array_equal(faces["landmarks"].to_numpy().reshape(-1, 66, 3), landmarks)
    assert faces["visibility"].null_count() == 1
    assert pl.read_parquet(tables / "images" / "*.parquet").height == 40


def test_duckdb(tables: Path, landmarks: np.ndarray) -> None:
    duckdb = pytest.importorskip("duckdb")
    found = duckdb.sql(
        f"""SELECT landmarks, i.width, yaw FROM '{tables}/faces/*.parquet' AS f
        JOIN '{tables}/images/*.parquet' AS i USING (image) WHERE image = 'summer/13.png' ORDER BY face"""
    ).fetchall()
    np.testing.assert_array_equal(np.float32([row[0] for row in found]).reshape(-1, 66, 3), landmarks)
    assert [row[1] for row in found] == [22, 22]
    assert all(-180 < row[2] <= 180 for row in found)
    # x of point 30, the tip of the nose, as the documents say.
    ((x,),) = duckdb.sql(
        f"""SELECT landmarks[3 * 30 + 1] FROM '{tables}/faces/*.parquet'
        WHERE image = 'summer/13.png' AND face = 0"""
    ).fetchall()
    assert x == landmarks[0, 30, 0]
