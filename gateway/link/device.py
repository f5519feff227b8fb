"""Frames in, timed samples of named streams out; counts what is lost, refuses what it does not know."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from gateway.link.clock import BoardClock
from gateway.link.frame import PROGRAM_STREAM, Flag, Frame, FrameType
from gateway.link.timeline import SampleTimeline

_SEQ_MODULUS = 1 << 16
_LOWEST_RATE_HZ, _HIGHEST_RATE_HZ = 20.0, 1000.0  # what the monitor takes
_RESYNC_US = 2_000_000  # after so long without a good frame any sequence number is a new start
_LEAP_S = 1.0  # a longer loss is not bridged by the sample clock as it was learnt
_UNITS = {"red": "count", "infrared": "count", "pressure": "mm[Hg]"}
_U24 = np.array([1 << 16, 1 << 8, 1], dtype=np.int64)


_Count = Annotated[int, msgspec.Meta(ge=0, le=(1 << 32) - 1)]
_Positive = Annotated[int, msgspec.Meta(ge=1, le=1 << 30)]
_Text = Annotated[str, msgspec.Meta(max_length=64)]


class BoardInfo(msgspec.Struct, frozen=True):
    """HELLO of stream 0: who the board is."""

    fw: _Text
    uid: _Text
    boot: _Count
    reset: _Count
    streams: Annotated[int, msgspec.Meta(ge=1, le=255)]


class _OfBoot(msgspec.Struct, frozen=True):
    """The one field every HELLO has."""

    boot: _Count


class Descriptor(msgspec.Struct, frozen=True):
    """HELLO of another stream: what its samples mean. ``value = (raw - offset) * num / den``."""

    name: _Text
    channels: Annotated[list[_Text], msgspec.Meta(min_length=1, max_length=8)]
    unit: _Text
    format: _Text
    full: Annotated[int, msgspec.Meta(ge=1, lt=1 << 24)]
    offset: Annotated[int, msgspec.Meta(ge=0, lt=1 << 24)]
    num: _Positive
    den: _Positive
    rate: tuple[_Positive, _Positive]
    part: _Text
    boot: _Count

    def __post_init__(self) -> None:
        if self.format != "u24be":
            raise ValueError(f"stream {self.name}: format {self.format}, expected u24be")
        if not _LOWEST_RATE_HZ <= self.rate_hz <= _HIGHEST_RATE_HZ:
            raise ValueError(f"stream {self.name}: rate {self.rate_hz} Hz, expected 20..1000")
        for channel in self.channels:
            if self.unit != _UNITS.get(channel, self.unit):
                raise ValueError(f"{channel}: unit {self.unit}, expected {_UNITS[channel]}")

    @property
    def rate_hz(self) -> float:
        return self.rate[0] / self.rate[1]

    def scale(self, raw: NDArray[np.int64] | int) -> NDArray[np.float64]:
        """Raw counts to ``unit``."""
        return np.asarray((raw - self.offset) * (self.num / self.den), dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """The board has described itself and all its streams; samples follow."""

    board: BoardInfo
    streams: tuple[Descriptor, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """Samples of one stream: ``t_us`` shape (n,), gateway time; ``values`` shape (n, channels), in its unit."""

    stream: Descriptor
    t_us: NDArray[np.int64]
    values: NDArray[np.float64]


@dataclass(slots=True)
class LinkStatistics:
    """Everything the link lost or refused since the gateway started."""

    frames: int = 0
    faults: int = 0  # bytes that were no frame
    frames_lost: int = 0  # by sequence number
    samples_lost: int = 0  # by sample index, exact
    losses_unknown: int = 0  # the board could not count them
    refused: int = 0  # out of order, or not understood
    sensor_errors: int = 0  # frames in which the board says that a sensor has failed
    host_drops: int = 0  # frames in which the board says that it had to drop, because we did not read
    boots: int = 0


@dataclass(slots=True)
class _Stream:
    descriptor: Descriptor
    epoch: int | None = None
    next_index: int = 0
    timeline: SampleTimeline = field(init=False)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.timeline = SampleTimeline(1e6 / self.descriptor.rate_hz)

    @property
    def longest_bridge(self) -> float:
        """Samples whose loss the timeline may bridge."""
        return _LEAP_S * self.descriptor.rate_hz


class Device:
    """One board at the other end of the link."""

    def __init__(self) -> None:
        self.statistics = LinkStatistics()
        self.board: BoardInfo | None = None
        self.is_connected = False
        self.unreadable: set[int] = set()  # streams that the board has and we do not understand
        self._streams: dict[int, _Stream] = {}
        self._clock = BoardClock()
        self._next_seq: int | None = None
        self._accepted_us = 0  # arrival of the last frame in sequence

    def note_fault(self) -> None:
        """Count bytes that were no frame."""
        self.statistics.faults += 1

    def feed(self, arrival_us: int, frame: Frame) -> list[Connected | Samples]:
        """Take a frame that came at ``arrival_us``."""
        if frame.type is FrameType.HELLO:
            return self._hello(arrival_us, frame)
        if not self._in_sequence(arrival_us, frame):
            return []
        device_us = self._clock.feed(arrival_us, frame.ticks_us)
        if frame.type is FrameType.DATA:
            return self._data(frame, device_us)
        return []

    def _in_sequence(self, arrival_us: int, frame: Frame) -> bool:
        """Count what is missing before this frame; a frame from the past is refused, never sorted in.

        After a long silence nobody knows how often the number has gone round: any is taken, and the frames lost are
        those that it shows at least.
        """
        ahead = 0 if self._next_seq is None else (frame.seq - self._next_seq) % _SEQ_MODULUS
        if ahead >= _SEQ_MODULUS // 2 and arrival_us - self._accepted_us < _RESYNC_US:
            self.statistics.refused += 1
            return False
        self._accepted_us = arrival_us
        self.statistics.frames += 1
        self.statistics.frames_lost += ahead
        self._next_seq = (frame.seq + 1) % _SEQ_MODULUS
        return True

    def _hello(self, arrival_us: int, frame: Frame) -> list[Connected | Samples]:
        board = _decoded(frame.payload, BoardInfo) if frame.stream == 0 else None
        if board is not None and (self.board is None or board.boot != self.board.boot):
            self._reboot(board)
        if not self._in_sequence(arrival_us, frame):
            return []
        self._clock.feed(arrival_us, frame.ticks_us)
        if frame.stream == PROGRAM_STREAM:  # what runs on the board, no stream of samples
            return []
        if frame.stream:
            return self._describe(frame.stream, frame.payload)
        self.statistics.refused += board is None
        return []

    def _reboot(self, board: BoardInfo) -> None:
        self.board = board
        self.is_connected = False
        self.statistics.boots += 1
        self.unreadable.clear()
        self._streams.clear()
        self._clock = BoardClock()
        self._next_seq = None

    def _describe(self, stream: int, payload: bytes) -> list[Connected | Samples]:
        """Take a stream's description; one that cannot be understood leaves the others usable."""
        known = _decoded(payload, _OfBoot)
        if self.board is None or known is None or known.boot != self.board.boot:
            self.statistics.refused += 1
            return []
        descriptor = _decoded(payload, Descriptor)
        if descriptor is None:
            is_new = stream not in self.unreadable
            self.statistics.refused += 1
            self.unreadable.add(stream)
            self._streams.pop(stream, None)
        else:
            is_new = stream not in self._streams or self._streams[stream].descriptor != descriptor
            self.unreadable.discard(stream)
        if not is_new:
            return []
        if descriptor is not None:
            self._streams[stream] = _Stream(descriptor)
        if len(self._streams) + len(self.unreadable) < self.board.streams:
            return []
        self.is_connected = True
        streams = tuple(self._streams[k].descriptor for k in sorted(self._streams))
        return [Connected(board=self.board, streams=streams)]

    def _data(self, frame: Frame, device_us: int) -> list[Connected | Samples]:
        self.statistics.sensor_errors += Flag.SENSOR_ERROR in frame.flags
        self.statistics.host_drops += Flag.TX_DROPPED in frame.flags
        stream = self._streams.get(frame.stream) if self.is_connected else None
        if stream is None or len(frame.payload) != 3 * frame.n * len(stream.descriptor.channels) or not frame.n:
            self.statistics.refused += 1
            return []
        if not self._continues(stream, frame):
            return []
        device_t_us = stream.timeline.feed(frame.index, frame.n, device_us)
        raw = np.frombuffer(frame.payload, dtype=np.uint8).reshape(frame.n, -1, 3).astype(np.int64) @ _U24
        return [
            Samples(
                stream=stream.descriptor,
                t_us=device_t_us + self._clock.offset_us,
                values=stream.descriptor.scale(raw),
            )
        ]

    def _continues(self, stream: _Stream, frame: Frame) -> bool:
        """Place the frame behind the last one: contiguous, after an exact loss, or in a new epoch."""
        if stream.epoch != frame.epoch:
            self.statistics.losses_unknown += stream.epoch is not None
            stream.restart()
        elif frame.index < stream.next_index:
            self.statistics.refused += 1
            return False
        else:
            lost = frame.index - stream.next_index
            self.statistics.samples_lost += lost
            if lost > stream.longest_bridge:
                stream.restart()
        stream.epoch = frame.epoch
        stream.next_index = frame.index + frame.n
        return True


_Described = TypeVar("_Described", BoardInfo, Descriptor, _OfBoot)


def _decoded(payload: bytes, kind: type[_Described]) -> _Described | None:
    """A HELLO's payload as what it should be, None if it is not."""
    try:
        return msgspec.json.decode(payload, type=kind)
    except msgspec.DecodeError:
        return None
