"""The answer to a photo, for OpenAPI; docs/exports.md describes it."""

from typing import Annotated

from pydantic import BaseModel, Field

Point = Annotated[list[float], Field(min_length=3, max_length=3)]
Share = Annotated[float, Field(ge=0, le=1)]
Shares = Annotated[list[Share], Field(min_length=66, max_length=66)]


class MarkupSchema(BaseModel):
    """The order of the points."""

    name: str
    points: Annotated[list[str], Field(min_length=66, max_length=66)]


class PoseSchema(BaseModel):
    """The head's pose; angles in degrees, ``translation`` in pixels."""

    yaw: float
    pitch: float
    roll: float
    quaternion: Annotated[list[float], Field(min_length=4, max_length=4)]
    rotation: Annotated[list[Point], Field(min_length=3, max_length=3)]
    scale: float
    translation: Point


class MeasuresSchema(BaseModel):
    """Openness of eyes and mouth, and sizes; null where not known."""

    right_eye_openness: float | None
    left_eye_openness: float | None
    mouth_openness: float | None
    interpupillary_distance: float | None
    mouth_width: float | None


class FaceSchema(BaseModel):
    """One face; points in pixels of the upright photo: x right, y down, z away from the camera."""

    box: Annotated[list[float], Field(min_length=4, max_length=4)]
    score: Share | None
    landmarks: Annotated[list[Point], Field(min_length=66, max_length=66)]
    confidence: Shares
    visibility: Shares | None
    pose: PoseSchema | None
    measures: MeasuresSchema | None
    blendshapes: dict[str, Share | None] | None


class PhotoSchema(BaseModel):
    """The faces of a photo, largest first, as ``face-alignment-3d align --json`` writes them."""

    schema_name: Annotated[str, Field(alias="schema")]
    image: str
    width: int
    height: int
    coordinates: str
    markup: MarkupSchema
    faces: list[FaceSchema]


class ErrorSchema(BaseModel):
    """The reason of a refusal, and a remedy."""

    detail: str


class HealthSchema(BaseModel):
    """The state of the server."""

    status: str
    version: str
    authorized: bool
    """True where no token is needed, or the right one was shown."""
