"""Frames in, timed samples of named streams out; counts what is lost, refuses what it does not know."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
import numpy as np
from numpy.typing import NDArray

from gateway.link.clock import BoardClock, SampleTimeline
from gateway.link.frame import Frame, FrameType

_SEQ_MODULUS = 1 << 16
_LOWEST_RATE_HZ, _HIGHEST_RATE_HZ = 20.0, 1000.0  # what the monitor takes
_U24 = np.array([1 << 16, 1 << 8, 1], dtype=np.int64)


class BoardInfo(msgspec.Struct, frozen=True, forbid_unknown_fields=False):
    """HELLO of stream 0: who the board is."""

    fw: str
    uid: str
    boot: int
    reset: int
    streams: int


class Descriptor(msgspec.Struct, frozen=True):
    """HELLO of another stream: what its samples mean. ``value = (raw - offset) * num / den``."""

    name: str
    channels: list[str]
    unit: str
    format: str
    full: int
    offset: int
    num: int
    den: int
    rate: tuple[int, int]
    part: str
    boot: int

    def __post_init__(self) -> None:
        if self.format != "u24be" or not self.channels or not self.num or min(self.den, self.full, *self.rate) <= 0:
            raise ValueError(f"stream {self.name}: format, channels, num, den, full or rate not usable")
        if not _LOWEST_RATE_HZ <= self.rate_hz <= _HIGHEST_RATE_HZ:
            raise ValueError(f"stream {self.name}: rate {self.rate_hz} Hz, expected 20..1000")

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


class Device:
    """One board at the other end of the link."""

    def __init__(self) -> None:
        self.statistics = LinkStatistics()
        self.board: BoardInfo | None = None
        self.is_connected = False
        self._streams: dict[int, _Stream] = {}
        self._clock = BoardClock()
        self._next_seq: int | None = None

    def feed(self, arrival_us: int, frame: Frame) -> list[Connected | Samples]:
        """Take a frame that came at ``arrival_us``."""
        if frame.type is FrameType.HELLO:
            return self._hello(arrival_us, frame)
        if not self._in_sequence(frame):
            return []
        device_us = self._clock.feed(arrival_us, frame.ticks_us)
        if frame.type is FrameType.DATA:
            return self._data(frame, device_us)
        return []

    def _in_sequence(self, frame: Frame) -> bool:
        """Count what is missing before this frame; a frame from the past is refused, never sorted in."""
        ahead = 0 if self._next_seq is None else (frame.seq - self._next_seq) % _SEQ_MODULUS
        if ahead >= _SEQ_MODULUS // 2:
            self.statistics.refused += 1
            return False
        self.statistics.frames += 1
        self.statistics.frames_lost += ahead
        self._next_seq = (frame.seq + 1) % _SEQ_MODULUS
        return True

    def _hello(self, arrival_us: int, frame: Frame) -> list[Connected | Samples]:
        try:
            described: BoardInfo | Descriptor = (
                msgspec.json.decode(frame.payload, type=BoardInfo)
                if frame.stream == 0
                else msgspec.json.decode(frame.payload, type=Descriptor)
            )
        except msgspec.DecodeError:
            self.statistics.refused += 1
            return []
        if isinstance(described, BoardInfo) and (self.board is None or described.boot != self.board.boot):
            self._reboot(described)
        if not self._in_sequence(frame):
            return []
        self._clock.feed(arrival_us, frame.ticks_us)
        return [] if isinstance(described, BoardInfo) else self._describe(frame.stream, described)

    def _reboot(self, board: BoardInfo) -> None:
        self.board = board
        self.is_connected = False
        self.statistics.boots += 1
        self._streams.clear()
        self._clock = BoardClock()
        self._next_seq = None

    def _describe(self, stream: int, descriptor: Descriptor) -> list[Connected | Samples]:
        if self.board is None or descriptor.boot != self.board.boot:
            self.statistics.refused += 1
            return []
        known = self._streams.get(stream)
        if known is not None and known.descriptor == descriptor:
            return []
        self._streams[stream] = _Stream(descriptor)
        if len(self._streams) < self.board.streams:
            return []
        self.is_connected = True
        streams = tuple(self._streams[k].descriptor for k in sorted(self._streams))
        return [Connected(board=self.board, streams=streams)]

    def _data(self, frame: Frame, device_us: int) -> list[Connected | Samples]:
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
            self.statistics.samples_lost += frame.index - stream.next_index
        stream.epoch = frame.epoch
        stream.next_index = frame.index + frame.n
        return True
