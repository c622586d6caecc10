"""The HTTP interface does what its description says, for inputs that schemathesis thinks of."""

from typing import Any

import pytest

schemathesis = pytest.importorskip("schemathesis")

from hypothesis import HealthCheck, given, settings, strategies  # noqa: E402

from face_alignment_3d.serve import ServerConfig, create_app  # noqa: E402
from tests.serve.servers import OneFaceAligner, picture_file  # noqa: E402
from tests.view import shown_faces  # noqa: E402

_PICTURES = {
    "image/jpeg": picture_file(shown_faces.picture()),
    "image/png": picture_file(shown_faces.picture(), "PNG"),
    "image/webp": picture_file(shown_faces.picture(), "WEBP"),
    "application/octet-stream": picture_file(shown_faces.picture(), "BMP"),
}
for _kind, _file in _PICTURES.items():
    schemathesis.openapi.media_type(_kind, strategies.just(_file))


@settings(max_examples=30, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(data=strategies.data())
def _as_described(operation: Any, mode: Any, data: strategies.DataObject) -> None:
    case = data.draw(operation.as_strategy(generation_mode=mode))
    case.call_and_validate(headers={"Host": "localhost"})


def test_as_described() -> None:
    app = create_app(OneFaceAligner(), ServerConfig(max_photo_rate=1e6))
    schema = schemathesis.openapi.from_asgi("/openapi.json", app, headers={"Host": "localhost"})
    operations = [result.ok() for result in schema.get_all_operations()]
    assert {operation.label for operation in operations} == {"GET /health", "GET /metrics", "POST /align"}
    for operation in operations:
        _as_described(operation, schemathesis.GenerationMode.POSITIVE)
        if operation.label == "POST /align":
            _as_described(operation, schemathesis.GenerationMode.NEGATIVE)
