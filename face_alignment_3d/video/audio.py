"""Copying the audio of one video into another."""

import io
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from face_alignment_3d.video.containers import RisingStamps, import_av, open_input

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

#: Codecs that are copied where the container takes them, since players play them; others become AAC.
_COPIED: Final = frozenset({"aac", "mp3", "ac3", "eac3", "alac", "opus"})

_LAYOUTS: Final = MappingProxyType({1: "mono", 2: "stereo"})
#: Seconds without samples that are kept as a gap.
_GAP: Final = 0.2


class Audio:
    """Copies all audio tracks of a video into ``output``, in step with its pictures.

    ``container_format`` is FFmpeg's name of the output's, ``start`` the seconds that are subtracted from time
    stamps. The video is opened a second time, so that damage in one track does not keep the other back.
    Faults in the audio raise no error: time stamps that do not rise are repaired, codecs and rates that the
    container does not take are encoded anew, and the rest is left out. :attr:`warnings` has a sentence on
    each repair and loss.
    """

    def __init__(
        self, path: Path, output: "av.container.OutputContainer", *, container_format: str, start: float = 0.0
    ) -> None:
        av = import_av()
        self._errors = (av.error.FFmpegError, ValueError, OSError, EOFError, NotImplementedError)
        self.warnings: list[str] = []
        self.is_incomplete = False
        """True when something was left out."""
        self._tracks: dict[int, _CopiedTrack | _EncodedTrack] = {}
        self._input: InputContainer | None = None
        try:
            self._input = open_input(path)
        except self._errors as error:
            self._lose("the audio cannot be read", error)
            return
        for number, stream in enumerate(self._input.streams.audio, start=1):
            try:
                copied = stream.codec_context.name in _COPIED and _can_copy(stream, container_format)
                kind = _CopiedTrack if copied else _EncodedTrack
                self._tracks[stream.index] = kind(stream, output, number=number, start=start)
            except self._errors as error:
                self._lose(f"audio track {number} is left out", error)
        self._packets = self._read()
        self._next = next(self._packets, None)

    def copy_until(self, time: float) -> None:
        """Copies the audio before ``time``, in seconds of the source."""
        while self._tracks and self._next is not None and _time_of(self._next) < time:
            packet = self._next
            track = self._tracks.get(packet.stream_index)
            if track is not None:
                self._guarded(track, lambda track=track, packet=packet: track.write(packet))  # type: ignore[misc]
            self._next = next(self._packets, None)

    def finish(self) -> None:
        """Writes what encoders hold back, and closes the source."""
        for track in list(self._tracks.values()):
            self._guarded(track, track.finish)
            if track.stamps.repaired:
                self.warnings.append(
                    f"audio track {track.number}: time stamps that do not rise were repaired"
                )
            if track.undecoded:
                self._lose(f"audio track {track.number} has parts that cannot be decoded", None)
        self.close()

    def close(self) -> None:
        """Closes the video that the audio comes from."""
        if self._input is not None:
            self._input.close()

    def _guarded(self, track: "_CopiedTrack | _EncodedTrack", act: Callable[[], None]) -> None:
        """Calls ``act`` for a track, which ends there if that fails."""
        try:
            act()
        except self._errors as error:
            self._tracks.pop(track.index, None)
            self._lose(f"audio track {track.number} ends at {track.end:.1f} s", error)

    def _lose(self, sentence: str, error: BaseException | None) -> None:
        self.is_incomplete = True
        reason = "" if error is None else f": {getattr(error, 'strerror', None) or error}"
        self.warnings.append(f"{sentence}{reason}")

    def _read(self) -> "Iterator[av.Packet[av.AudioStream]]":
        """Packets with time stamps that rise in each track, as long as any can be read."""
        if not self._tracks or self._input is None:
            return
        packets: Iterator[av.Packet[Any]] = self._input.demux(*self._input.streams.audio)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except self._errors as error:
                self._lose("the audio breaks off", error)
                return
            track = self._tracks.get(packet.stream_index)
            stamp = packet.dts if packet.dts is not None else packet.pts
            if track is None or stamp is None:
                continue
            repaired = track.stamps.next(stamp, step=max(packet.duration or 0, 1))
            packet.pts = max(repaired + (packet.pts if packet.pts is not None else stamp) - stamp, repaired)
            packet.dts = repaired
            yield packet


class _Track:
    """The base of copied and encoded tracks."""

    def __init__(
        self, stream: "av.AudioStream", output: "av.container.OutputContainer", *, number: int, start: float
    ) -> None:
        self.index, self.number = stream.index, number
        self.stamps = RisingStamps()
        self.undecoded = 0
        self.end = 0.0
        self._output, self._start = output, start


class _CopiedTrack(_Track):
    """A track whose packets go into the output as they are."""

    def __init__(
        self, stream: "av.AudioStream", output: "av.container.OutputContainer", *, number: int, start: float
    ) -> None:
        super().__init__(stream, output, number=number, start=start)
        self._track = output.add_stream_from_template(stream)

    def write(self, packet: "av.Packet[av.AudioStream]") -> None:
        if packet.is_discard or packet.pts is None or packet.dts is None or packet.time_base is None:
            return  # Hidden by an edit list.
        self.end = _time_of(packet)
        shift = round(self._start / packet.time_base)
        packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
        packet.stream = self._track
        self._output.mux(packet)

    def finish(self) -> None:
        """Nothing is held back."""


class _EncodedTrack(_Track):
    """A track that is encoded as AAC."""

    def __init__(
        self, stream: "av.AudioStream", output: "av.container.OutputContainer", *, number: int, start: float
    ) -> None:
        super().__init__(stream, output, number=number, start=start)
        self._rate, self._layout = _encodable(stream)
        self._track: av.AudioStream = output.add_stream("aac", rate=self._rate, layout=self._layout)
        self._resampler: av.AudioResampler | None = None
        self._samples: int | None = None

    def write(self, packet: "av.Packet[av.AudioStream]") -> None:
        try:
            frames = packet.decode()
        except import_av().error.FFmpegError:
            self.undecoded += 1
            return
        self.end = _time_of(packet)
        for frame in frames:
            if frame.pts is not None and frame.time_base is not None:
                self._follow(float(frame.pts * frame.time_base) - self._start)
            for resampled in self._resampled(frame):
                resampled.pts, resampled.time_base = self._samples or 0, Fraction(1, self._rate)
                self._samples = (self._samples or 0) + resampled.samples
                self._output.mux(self._track.encode(resampled))

    def finish(self) -> None:
        """Writes what the encoder holds back."""
        self._output.mux(self._track.encode(None))

    def _follow(self, time: float) -> None:
        """Sets time stamps: samples follow each other; after a gap, the next ones come at their own time."""
        expected = max(round(time * self._rate), 0)
        if self._samples is None or expected - self._samples > _GAP * self._rate:
            self._samples = expected

    def _resampled(self, frame: "av.AudioFrame") -> "list[av.AudioFrame]":
        if self._resampler is not None:
            try:
                return self._resampler.resample(frame)
            except ValueError:
                pass  # Rate or channels changed.
        self._resampler = import_av().AudioResampler("fltp", self._layout, self._rate)
        return self._resampler.resample(frame)


def _can_copy(stream: "av.AudioStream", container_format: str) -> bool:
    """True if the container takes the codec; tried in memory, since some refuse it only with their header."""
    av = import_av()
    trial = av.open(io.BytesIO(), "w", format=container_format)
    try:
        trial.add_stream_from_template(stream)
        trial.start_encoding()
        trial.close()
    except (av.error.FFmpegError, ValueError):
        return False
    return True


def _encodable(stream: "av.AudioStream") -> tuple[int, str]:
    """Sample rate and channel layout for AAC, as near to those of the track as the encoder allows."""
    av = import_av()
    rates = av.Codec("aac", "w").audio_rates or ()
    rate = stream.rate if stream.rate in rates else (44_100 if stream.rate % 11_025 == 0 else 48_000)
    # Plain samples often come without a word on which channel is which.
    layout = _LAYOUTS.get(stream.channels, stream.layout.name)
    try:
        encoder = av.CodecContext.create("aac", "w")
        encoder.rate, encoder.layout, encoder.format = rate, layout, "fltp"
        encoder.time_base = Fraction(1, rate)
        encoder.open()
    except (av.error.FFmpegError, ValueError):
        return rate, "stereo"
    return rate, layout


def _time_of(packet: "av.Packet[av.AudioStream]") -> float:
    stamp = packet.pts if packet.pts is not None else packet.dts
    return float(stamp * packet.time_base) if stamp is not None and packet.time_base else 0.0
