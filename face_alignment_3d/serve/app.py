"""The ASGI application: paths and shared state."""

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from importlib import resources
from typing import Annotated, Any, Final

from fastapi import FastAPI, Query, Request, WebSocket
from fastapi.responses import HTMLResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from face_alignment_3d.cores import usable_cores
from face_alignment_3d.serve.access import SUBPROTOCOL, AccessGuard
from face_alignment_3d.serve.config import ServerConfig
from face_alignment_3d.serve.live import LiveConnection
from face_alignment_3d.serve.metrics import ServerMetrics
from face_alignment_3d.serve.photo import PhotoDesk
from face_alignment_3d.serve.schema import ErrorSchema, HealthSchema, PhotoSchema
from face_alignment_3d.version import __version__
from face_alignment_3d.video import VideoAligner3D
from face_alignment_3d.video.alignment import FrameAligner

_TRY_AGAIN_LATER: Final = 1013

_PHOTO_TYPES: Final = ("image/jpeg", "image/png", "image/webp", "application/octet-stream")
_BODY: Final = {
    "requestBody": {
        "required": True,
        "description": "The photo's file: JPEG, PNG, WebP, BMP, GIF or TIFF",
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in _PHOTO_TYPES},
    }
}
_REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": ErrorSchema, "description": "No picture, or a damaged one"},
    401: {"model": ErrorSchema, "description": "The server has a token, and another one or none came"},
    403: {"model": ErrorSchema, "description": "A web page of another origin asked, or for another host"},
    408: {"model": ErrorSchema, "description": "The photo did not arrive in time"},
    413: {"model": ErrorSchema, "description": "Too many bytes or pixels"},
    429: {"model": ErrorSchema, "description": "Too many photos from this address"},
    503: {"model": ErrorSchema, "description": "Too many photos are waiting"},
}


def create_app(aligner: FrameAligner, config: ServerConfig | None = None) -> FastAPI:
    """An ASGI application that aligns photos and live video with ``aligner``.

    ``aligner`` is a :class:`face_alignment_3d.FaceAligner3D` or has its ``detect`` and ``detect_batch``.
    Answers have blendshapes with ``FaceAligner3D(blendshapes=True)``. An aligner that is not loaded loads at
    the first request. ``config`` None is ``ServerConfig()``. Each WebSocket connection has its own
    :class:`face_alignment_3d.VideoAligner3D`; connections share nothing but the aligner.
    """
    config = ServerConfig() if config is None else config
    metrics = ServerMetrics()
    frame_threads = ThreadPoolExecutor(usable_cores(), thread_name_prefix="frames")
    # One photo at a time, so that live video goes on.
    photo_threads = ThreadPoolExecutor(1, thread_name_prefix="photos")
    desk = PhotoDesk(aligner, photo_threads, config, metrics)
    page = resources.files(__package__).joinpath("page.html").read_bytes()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        for threads in (frame_threads, photo_threads):
            threads.shutdown(wait=False, cancel_futures=True)

    # FastAPI's own pages of the API load scripts from the network.
    app = FastAPI(
        title="face-alignment-3d", version=__version__, docs_url=None, redoc_url=None, lifespan=lifespan
    )
    guard = AccessGuard(app, config)

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    async def show_page() -> Response:
        # The policy in the page names its script; framing can be forbidden by a header only.
        policy = {"Content-Security-Policy": "frame-ancestors 'none'"}
        return HTMLResponse(page, headers=policy)

    @app.get("/health", response_model=HealthSchema, responses={403: _REFUSALS[403]})
    async def health(request: Request) -> dict[str, object]:
        """The state of the server, and of the token in the request."""
        return {"status": "ok", "version": __version__, "authorized": guard.has_token(request)}

    @app.get(
        "/metrics",
        response_class=PlainTextResponse,
        responses={
            200: {"content": {"text/plain": {}}, "description": "Prometheus' text format"},
            401: _REFUSALS[401],
            403: _REFUSALS[403],
        },
    )
    async def show_metrics() -> Response:
        """Counts and times since the start."""
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)

    @app.post("/align", response_model=PhotoSchema, responses=_REFUSALS, openapi_extra=_BODY)
    async def align(
        request: Request,
        name: Annotated[str, Query(max_length=1000, description="What the answer calls the photo")] = "photo",
        blendshapes: Annotated[bool, Query(description="ARKit's blendshapes as well")] = False,
    ) -> Response:
        """The faces of a photo, as `face-alignment-3d align --json` writes them."""
        text = await desk.align(request, name=name, blendshapes=blendshapes)
        return Response(text, media_type="application/json")

    open_connections = 0

    @app.websocket("/live")
    async def live(socket: WebSocket) -> None:
        nonlocal open_connections
        offered = socket.scope.get("subprotocols", ())
        await socket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
        if open_connections >= config.max_connections:
            await socket.close(_TRY_AGAIN_LATER, f"{open_connections} others are connected; try again later")
            return
        open_connections += 1
        metrics.connections.set(open_connections)
        tracker = VideoAligner3D(
            aligner,
            smooth=config.smooth,
            alignment_interval=config.alignment_interval,
            max_faces=config.max_faces,
        )
        try:
            await LiveConnection(socket, tracker, frame_threads, config, metrics).run()
        finally:
            open_connections -= 1
            metrics.connections.set(open_connections)

    app.add_middleware(AccessGuard, config=config)
    return app
