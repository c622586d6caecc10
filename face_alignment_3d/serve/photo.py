"""Photos over HTTP: a file in, the JSON of its faces out."""

import asyncio
import dataclasses
import time
from concurrent.futures import Executor

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from face_alignment_3d.errors import ImageError
from face_alignment_3d.export import PhotoFaces
from face_alignment_3d.export.json_file import json_text
from face_alignment_3d.serve.config import ServerConfig
from face_alignment_3d.serve.metrics import ServerMetrics
from face_alignment_3d.serve.pictures import PHOTO_FORMATS, TooLargeError, decode_picture, require_bytes
from face_alignment_3d.serve.rates import RateLimits
from face_alignment_3d.video.alignment import FrameAligner


class PhotoDesk:
    """Aligns photos one after the other; refuses those beyond ``config.max_waiting_photos``."""

    def __init__(
        self, aligner: FrameAligner, executor: Executor, config: ServerConfig, metrics: ServerMetrics
    ) -> None:
        self._aligner, self._executor = aligner, executor
        self._config, self._metrics = config, metrics
        self._rates = RateLimits(config.max_photo_rate)
        self._waiting = 0

    async def align(self, request: Request, *, name: str, blendshapes: bool) -> bytes:
        """The JSON of the photo in the body of ``request``; ``name`` is its ``image``.

        Raises HTTPException: 400 for what is no picture, 408 for one that takes too long to arrive, 413 for
        one that is too large, 429 and 503 for one too many.
        """
        outcome = "refused"
        began = time.monotonic()
        try:
            self._require_turn(request)
            self._waiting += 1
            try:
                content = await asyncio.wait_for(self._body(request), self._config.body_seconds)
                loop = asyncio.get_running_loop()
                text = await loop.run_in_executor(self._executor, self._result, content, name, blendshapes)
            finally:
                self._waiting -= 1
            outcome = "answered"
        except ClientDisconnect as error:
            raise HTTPException(400, "the photo broke off; send it again") from error
        except asyncio.TimeoutError as error:
            seconds = f"{self._config.body_seconds:g} seconds"
            raise HTTPException(408, f"the photo did not arrive within {seconds}; send it again") from error
        except TooLargeError as error:
            raise HTTPException(413, str(error)) from error
        except ImageError as error:
            raise HTTPException(400, str(error)) from error
        finally:
            self._metrics.photos.labels(outcome).inc()
        self._metrics.photo_seconds.observe(time.monotonic() - began)
        return text

    def _require_turn(self, request: Request) -> None:
        address = "" if request.client is None else request.client.host
        if not self._rates.allows(address, time.monotonic()):
            rate = f"{self._config.max_photo_rate:g} photos a second"
            raise HTTPException(429, f"at most {rate} are allowed; wait", {"Retry-After": "1"})
        if self._waiting >= self._config.max_waiting_photos:
            raise HTTPException(503, f"{self._waiting} photos are waiting; try later", {"Retry-After": "1"})

    async def _body(self, request: Request) -> bytes:
        announced = request.headers.get("content-length", "")
        if announced.isdecimal():
            require_bytes(int(announced), self._config.max_bytes)
        content = bytearray()
        async for part in request.stream():
            content += part
            require_bytes(len(content), self._config.max_bytes)
        return bytes(content)

    def _result(self, content: bytes, name: str, blendshapes: bool) -> bytes:
        """The answer to a photo; runs in a thread."""
        config = self._config
        image_rgb = decode_picture(
            content, PHOTO_FORMATS, max_bytes=config.max_bytes, max_pixels=config.max_pixels
        )
        faces = self._aligner.detect(image_rgb)
        self._metrics.faces.inc(len(faces))
        if not blendshapes:
            faces = [dataclasses.replace(face, blendshapes=None) for face in faces]
        height, width = image_rgb.shape[:2]
        return json_text(PhotoFaces(name, height, width, faces)).encode("utf-8", "backslashreplace")
