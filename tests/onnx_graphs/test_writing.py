"""Graphs take any size where they are asked to, or are refused."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

from face_alignment_3d.errors import BackendError
from face_alignment_3d.onnx_graphs.writing import to_onnx


class _Doubled(torch.nn.Module):
    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return 2 * values


def _graph() -> bytes:
    return to_onnx(
        _Doubled(), torch.zeros(2, 3), dynamic={0: "batch"}, inputs=["x"], outputs=["y"], metadata={"a": "b"}
    )


@pytest.mark.parametrize("count", [1, 2, 7])
def test_any_batch(count: int) -> None:
    session = onnxruntime.InferenceSession(_graph(), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"x": np.ones((count, 3), np.float32)})
    np.testing.assert_array_equal(found, np.full((count, 3), 2))
    assert session.get_modelmeta().custom_metadata_map["a"] == "b"


def test_an_exporter_that_records_the_example_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    export: Callable[..., Any] = torch.onnx.export

    def static(*arguments: Any, **options: Any) -> Any:
        return export(*arguments, **{**options, "dynamic_shapes": None})

    monkeypatch.setattr(torch.onnx, "export", static)
    with pytest.raises(BackendError, match=r"torch .* of one batch only, with onnxscript .*; update torch"):
        _graph()
