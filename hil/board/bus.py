"""Requests of the board in, answers of the sensor models out.

A request is ``<BBBBHHQ`` op, unit, address, whether the link was used since the last one, bytes written, bytes wanted
and the board's nanoseconds, then what was written. An answer is ``<BBHI`` status (0 or an errno), whether the host has
stopped reading the link, 0 and microseconds for which the processor is held, then exactly the bytes wanted.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

_REQUEST = struct.Struct("<BBBBHHQ")
_ANSWER = struct.Struct("<BBHI")


class Op(IntEnum):
    """What the board asks for."""

    I2C = 0
    ADC = 1
    ENTROPY = 2
    SYNC = 3  # nothing: the time, and that the link was used


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One transfer, begun at ``now_ns``; the board waits until it is answered."""

    op: Op
    address: int
    is_link_used: bool
    now_ns: int
    written: bytes
    wanted: int


def decode(raw: bytes) -> Request:
    op, _, address, is_link_used, n_written, wanted, now_ns = _REQUEST.unpack_from(raw)
    written = raw[_REQUEST.size :]
    if len(written) != n_written:
        raise ValueError(f"request: {len(written)} bytes written, expected {n_written}")
    return Request(
        op=Op(op),
        address=address,
        is_link_used=bool(is_link_used),
        now_ns=now_ns,
        written=written,
        wanted=wanted,
    )


class NoAcknowledgeError(Exception):
    """The device does not answer to its address."""


class I2cDevice(Protocol):
    """A register-level model on the bus."""

    def power_on(self) -> None: ...
    def transfer(self, now_ns: int, written: bytes, wanted: int) -> bytes: ...


class AnalogInput(Protocol):
    """What an ADC channel converts."""

    def convert(self, now_ns: int, count: int) -> bytes:
        """Return conversions as u16 little endian, 16 for each millisecond from the current one on."""
        ...


@dataclass(slots=True, kw_only=True)
class Stall:
    """The processor is held for ``lasts_us`` after the first request of this kind from ``at_us`` on."""

    at_us: int
    lasts_us: int
    op: Op = Op.SYNC


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of time, its end not included."""

    from_us: int
    to_us: int

    def __contains__(self, now_ns: int) -> bool:
        return self.from_us * 1000 <= now_ns < self.to_us * 1000


@dataclass(slots=True, kw_only=True)
class Bus:
    """Everything that is wired to the board, and its faults.

    Parameters
    ----------
    hangs : when a line of the bus is held down: every transfer ends with the time-out of the board
    deaf : when the host has the port open and does not read
    """

    i2c: dict[int, I2cDevice]
    adc: dict[int, AnalogInput]
    entropy: Callable[[int], bytes]
    stalls: list[Stall] = field(default_factory=list)
    hangs: list[Span] = field(default_factory=list)
    deaf: list[Span] = field(default_factory=list)

    def answer(self, request: Request) -> bytes:
        status, data = 0, b""
        try:
            data = self._data(request)
        except NoAcknowledgeError:
            status = errno.EIO  # ETIMEDOUT on some builds: the firmware must not tell them apart
        except TimeoutError:
            status = errno.ETIMEDOUT
        stretch_us = self._stretch_us(request) if self.stalls else 0
        is_deaf = any(request.now_ns in span for span in self.deaf)
        return _ANSWER.pack(status, is_deaf, 0, stretch_us) + data.ljust(request.wanted, b"\0")

    def _data(self, request: Request) -> bytes:
        match request.op:
            case Op.I2C:
                if any(request.now_ns in span for span in self.hangs):
                    raise TimeoutError
                device = self.i2c.get(request.address)
                if device is None:
                    raise NoAcknowledgeError
                return device.transfer(request.now_ns, request.written, request.wanted)
            case Op.ADC:
                return self.adc[request.address].convert(request.now_ns, request.wanted // 2)
            case Op.ENTROPY:
                return self.entropy(request.wanted)
            case Op.SYNC:
                return b""

    def _stretch_us(self, request: Request) -> int:
        for stall in self.stalls:
            if stall.op is request.op and request.now_ns >= stall.at_us * 1000:
                self.stalls.remove(stall)
                return stall.lasts_us
        return 0
