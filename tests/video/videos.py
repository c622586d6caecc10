"""Small videos, made with PyAV."""

from contextlib import ExitStack
from fractions import Fraction

import av
import numpy as np
import pytest

from face_alignment_3d.video.reader import VideoReader
from face_alignment_3d.video.writer import VideoWriter

HEIGHT, WIDTH = 48, 64


def picture(index, height=HEIGHT, width=WIDTH):
    """Red top left, green top right, blue bottom left, and gray that tells the frame bottom right."""
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2, : width // 2] = 200, 30, 30
    image[: height // 2, width // 2 :] = 30, 200, 30
    image[height // 2 :, : width // 2] = 30, 30, 200
    image[height // 2 :, width // 2 :] = 20 + 5 * (index % 40)
    return image


def turn(stream, rotation, flip_horizontally=False, flip_vertically=False):
    """Has players show the video turned and mirrored; skips the test where PyAV (before 18) cannot."""
    if not hasattr(stream, "set_display_rotation"):
        pytest.skip("this PyAV writes no rotations")
    stream.set_display_rotation(rotation, flip_horizontally, flip_vertically)


def write_video(
    path,
    times_ms,
    *,
    rotation=0,
    flips=(False, False),
    audio_codec=None,
    height=HEIGHT,
    width=WIDTH,
    options=None,
    frames=None,
    rate=30,
    reordered=True,
    crf=10,
):
    """A video with :func:`picture` at each of ``times_ms``.

    Players turn it by ``rotation``, counter-clockwise, in degrees, and then mirror it from side to side and
    upside down as ``flips`` say. ``reordered``: frames are stored in another order than they are shown in.
    ``crf`` is H.264's constant rate factor: 10 is nearly lossless, 30 coarse.
    """
    container = av.open(str(path), "w", options=options or {})
    stream = container.add_stream(
        "libx264", rate=rate, options={"crf": str(crf), "g": "10", **({} if reordered else {"bf": "0"})}
    )
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    stream.codec_context.time_base = Fraction(1, 1000)
    if rotation or any(flips):
        turn(stream, rotation, *flips)
    audio = None if audio_codec is None else container.add_stream(audio_codec, rate=16000, layout="mono")
    for index, time in enumerate(times_ms):
        image = picture(index, height, width) if frames is None else frames[index]
        frame = av.VideoFrame.from_ndarray(image, "rgb24")
        frame.pts, frame.time_base = int(time), Fraction(1, 1000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
    if audio is not None:
        samples = round(16 * (times_ms[-1] + 33))
        tone = (8000 * np.sin(2 * np.pi * 440 / 16000 * np.arange(samples))).astype(np.int16)
        for start in range(0, samples, 1024):
            part = av.AudioFrame.from_ndarray(tone[None, start : start + 1024], "s16", "mono")
            part.sample_rate, part.pts, part.time_base = 16000, start, Fraction(1, 16000)
            container.mux(audio.encode(part))
        container.mux(audio.encode(None))
    container.close()
    return path


def read_times(path):
    """Seconds of each frame."""
    with av.open(str(path)) as container:
        return [frame.time for frame in container.decode(video=0)]


def read_pictures(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def audio_seconds(path):
    """The length of the video's audio, and its loudness; None without audio."""
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return None
        parts = [
            (frame.samples / frame.sample_rate, frame.to_ndarray()) for frame in container.decode(audio=0)
        ]
    loud = np.concatenate([values.reshape(-1) for _, values in parts]).astype(float)
    return sum(seconds for seconds, _ in parts), float(np.abs(loud).max())


def copy_video(source, target, *, frames=None, complete=True):
    """The video, or its first ``frames``, written anew; returns the writer."""
    with VideoReader(source) as video, ExitStack() as stack:
        writer = None
        for frame in video.frames():
            if writer is None:
                height, width = frame.image_rgb.shape[:2]
                writer = stack.enter_context(
                    VideoWriter(
                        target,
                        height=height,
                        width=width,
                        time_base=video.time_base,
                        rate=video.rate,
                        start=video.start,
                        audio_of=source,
                    )
                )
            writer.write(frame.image_rgb, pts=frame.pts)
            if frames is not None and frame.index + 1 == frames:
                break
        writer.finish(complete=complete)
    return writer
