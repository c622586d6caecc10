"""Live video over one WebSocket: frames in, faces out, by a tracker of the connection's own."""

import asyncio
import json
import logging
import time
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Final

from starlette.websockets import WebSocket, WebSocketDisconnect

from face_alignment_3d.errors import FaceAlignmentError
from face_alignment_3d.export import PhotoFaces, to_json
from face_alignment_3d.serve.config import ServerConfig
from face_alignment_3d.serve.metrics import ServerMetrics
from face_alignment_3d.serve.pictures import FRAME_FORMATS, Frame, decode_picture, read_frame
from face_alignment_3d.serve.rates import RateLimit
from face_alignment_3d.video import VideoAligner3D

_LOG: Final = logging.getLogger(__name__)

#: Characters of a text message, at most.
_LONGEST_TEXT: Final = 1000
#: Refused messages in a row, in seconds of the allowed rate, after which a connection is closed.
_PATIENCE_SECONDS: Final = 10
_GOING_AWAY, _POLICY_VIOLATION = 1001, 1008


@dataclass
class _Waiting:
    frame: Frame
    arrived: float
    starts_anew: bool


class LiveConnection:
    """Answers the messages of one accepted socket until either side closes it.

    A binary message is a frame (:func:`.pictures.read_frame`), the text ``{"type": "reset"}`` the start of
    another video. Answers are JSON of the type "faces" to a frame, and of the type "error" to a bad message,
    after which the connection goes on. One frame waits while another is in work; a newer one replaces it, and
    the replaced frame gets no answer. Memory for a client is bounded by the waiting frame, the frame in work
    and one answer.
    """

    def __init__(
        self,
        socket: WebSocket,
        tracker: VideoAligner3D,
        executor: Executor,
        config: ServerConfig,
        metrics: ServerMetrics,
    ) -> None:
        self._socket, self._tracker, self._executor = socket, tracker, executor
        self._config, self._metrics = config, metrics
        self._rate = RateLimit(config.max_frame_rate)
        self._waiting: _Waiting | None = None
        self._arrival = asyncio.Event()
        self._starts_anew = False
        self._dropped = 0
        self._sending = asyncio.Lock()
        self._closed = False

    async def run(self) -> None:
        """Returns when the connection is closed."""
        tasks = [asyncio.create_task(part) for part in (self._receive(), self._answer())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except WebSocketDisconnect:
            pass
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _receive(self) -> None:
        while True:
            try:
                message = await asyncio.wait_for(self._socket.receive(), self._config.idle_seconds)
            except asyncio.TimeoutError:
                await self._close(_GOING_AWAY, "nothing was sent for a while")
                return
            if message["type"] == "websocket.disconnect":
                return
            content, text = message.get("bytes"), message.get("text")
            number = int.from_bytes(content[:4], "little") if content and len(content) >= 4 else None
            if not self._rate.allows(time.monotonic()):
                if self._rate.refused > _PATIENCE_SECONDS * self._config.max_frame_rate:
                    await self._close(_POLICY_VIOLATION, "far too many messages")
                    return
                rate = f"{self._config.max_frame_rate:g} a second"
                await self._refuse(number, f"too many messages: at most {rate} are allowed; send fewer")
            elif content is not None:
                await self._take(content, number)
            else:
                await self._obey(text or "")

    async def _take(self, content: bytes, number: int | None) -> None:
        try:
            frame = read_frame(content)
        except FaceAlignmentError as error:
            await self._refuse(number, str(error))
            return
        if self._waiting is not None:
            self._starts_anew |= self._waiting.starts_anew
            self._dropped += 1
            self._metrics.frames.labels("dropped").inc()
        self._waiting = _Waiting(frame, time.monotonic(), self._starts_anew)
        self._starts_anew = False
        self._arrival.set()

    async def _obey(self, text: str) -> None:
        try:
            command = json.loads(text) if len(text) <= _LONGEST_TEXT else None
        except (ValueError, RecursionError):
            command = None
        if command == {"type": "reset"}:
            self._starts_anew = True
        else:
            await self._refuse(None, 'expected a frame as a binary message, or the text {"type": "reset"}')

    async def _answer(self) -> None:
        while True:
            await self._arrival.wait()
            self._arrival.clear()
            waiting, self._waiting = self._waiting, None
            if waiting is None:
                continue
            dropped, self._dropped = self._dropped, 0
            loop = asyncio.get_running_loop()
            try:
                text = await loop.run_in_executor(self._executor, self._faces, waiting, dropped)
            except (FaceAlignmentError, ValueError) as error:
                await self._refuse(waiting.frame.id, str(error))
                continue
            except Exception:  # A fault of this library, or a lack of memory; the next frame may succeed.
                _LOG.exception("a frame failed")
                self._starts_anew = True
                await self._refuse(
                    waiting.frame.id, "the server failed on this frame; its log has the reason"
                )
                continue
            self._metrics.frames.labels("answered").inc()
            self._metrics.frame_seconds.observe(time.monotonic() - waiting.arrived)
            await self._send(text)

    def _faces(self, waiting: _Waiting, dropped: int) -> str:
        """The answer to a frame; runs in a thread."""
        began = time.monotonic()
        if waiting.starts_anew:
            self._tracker.reset()
        frame, config = waiting.frame, self._config
        image_rgb = decode_picture(
            frame.picture, FRAME_FORMATS, max_bytes=config.max_frame_bytes, max_pixels=config.max_frame_pixels
        )
        faces = self._tracker.track(image_rgb, time=frame.time)
        self._metrics.faces.inc(len(faces))
        height, width = image_rgb.shape[:2]
        rows = to_json(PhotoFaces("", height, width, faces))["faces"]
        answer = {
            "type": "faces",
            "id": frame.id,
            "time": frame.time,
            "width": width,
            "height": height,
            "dropped": dropped,
            "milliseconds": {
                "waited": round(1000 * (began - waiting.arrived), 1),
                "worked": round(1000 * (time.monotonic() - began), 1),
            },
            "faces": [{"track_id": face.track_id, **row} for face, row in zip(faces, rows, strict=True)],
        }
        return json.dumps(answer, allow_nan=False)

    async def _refuse(self, number: int | None, message: str) -> None:
        self._metrics.frames.labels("refused").inc()
        answer: dict[str, Any] = {"type": "error", "id": number, "message": message}
        await self._send(json.dumps(answer))

    async def _send(self, text: str) -> None:
        async with self._sending:
            if not self._closed:
                await self._socket.send_text(text)

    async def _close(self, code: int, reason: str) -> None:
        async with self._sending:
            self._closed = True
            await self._socket.close(code, reason)
