"""The audio of one video in another."""

from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from face_alignment_3d.video.pyav import import_av

if TYPE_CHECKING:
    import av

#: What all of the containers that are written hold, and players play; the rest is encoded anew, as AAC.
_COPIED: Final = frozenset({"aac", "mp3", "ac3", "eac3", "alac", "opus"})

_LAYOUTS: Final = MappingProxyType({1: "mono", 2: "stereo"})


class Audio:
    """Copies all audio tracks of a video into ``output``, in step with its pictures.

    The video is opened a second time, so that damage in one track does not keep the other back: audio that
    cannot be read is left out.
    """

    def __init__(self, path: Path, output: "av.container.OutputContainer") -> None:
        self._error = import_av().error.FFmpegError
        self._output = output
        self._input = import_av().open(str(path))
        self._tracks: dict[int, av.AudioStream] = {}
        self._encoded: dict[int, av.AudioResampler] = {}
        for stream in self._input.streams.audio:
            if stream.codec_context.name in _COPIED:
                self._tracks[stream.index] = output.add_stream_from_template(stream)
            else:
                # Plain samples often come without a word on which channel is which.
                layout = _LAYOUTS.get(stream.channels, stream.layout.name)
                self._tracks[stream.index] = output.add_stream("aac", rate=stream.rate, layout=layout)
                self._encoded[stream.index] = import_av().AudioResampler("fltp", layout, stream.rate)
        self._packets = self._read()
        self._next = next(self._packets, None)

    def copy_until(self, time: float) -> None:
        """Copies what is heard before ``time``, in seconds."""
        while self._next is not None and _time_of(self._next) < time:
            self._copy(self._next)
            self._next = next(self._packets, None)

    def finish(self) -> None:
        """Writes what encoders hold back."""
        for index in self._encoded:
            self._output.mux(self._tracks[index].encode(None))
        self.close()

    def close(self) -> None:
        """Closes the video that the audio comes from."""
        self._input.close()

    def _read(self) -> "Iterator[av.Packet[av.AudioStream]]":
        if not self._tracks:
            return
        packets = self._input.demux(*self._input.streams.audio)
        while True:
            try:
                packet = next(packets)
            except (StopIteration, self._error):
                return
            if packet.dts is not None:
                yield packet

    def _copy(self, packet: "av.Packet[av.AudioStream]") -> None:
        index = packet.stream.index
        if index not in self._encoded:
            packet.stream = self._tracks[index]
            self._output.mux(packet)
            return
        try:
            frames = packet.decode()
        except self._error:
            return
        for frame in frames:
            for resampled in self._encoded[index].resample(frame):
                self._output.mux(self._tracks[index].encode(resampled))


def _time_of(packet: "av.Packet[av.AudioStream]") -> float:
    stamp = packet.pts if packet.pts is not None else packet.dts
    return float(stamp * packet.time_base) if stamp is not None and packet.time_base else 0.0
