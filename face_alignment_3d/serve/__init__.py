"""A server for photos and live video: a page, a WebSocket for frames, and an HTTP API; docs/serve.md."""

from face_alignment_3d.serve.app import create_app
from face_alignment_3d.serve.config import ServerConfig
from face_alignment_3d.serve.running import run_server

__all__ = ["ServerConfig", "create_app", "run_server"]
