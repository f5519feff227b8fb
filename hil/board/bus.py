"""Requests of the board in, answers of the sensor models out.

A request is ``<BBBBHHQQ`` op, unit, address, whether the link was ever written to, bytes written, bytes wanted, the
board's nanoseconds, and those at which the host took from the link what is at the end of the request: what was
written, then these bytes. An answer is ``<BBHII`` status (0 or an errno), bits (1: the host has stopped reading the
link, 2: it has written to it), 0, microseconds for which the processor is held and the levels of all pins, then
exactly the bytes wanted.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

_REQUEST = struct.Struct("<BBBBHHQQ")
_ANSWER = struct.Struct("<BBHII")
_PWM = struct.Struct("<IH")
_DEAF, _WRITTEN = 1, 2
_ALL_HIGH = (1 << 30) - 1
_SDA, _SCL = 4, 5  # of the board (firmware/node/board.py)


class Op(IntEnum):
    """What the board asks for."""

    I2C = 0
    ADC = 1
    ENTROPY = 2
    SYNC = 3  # nothing: the time, and what was taken from the link
    PIN = 4  # a level is put on a pin: one byte
    PWM = 5  # a pin's frequency and duty: u32 Hz, u16


_OPS = tuple(Op)


@dataclass(slots=True)
class Request:
    """One transfer, begun at ``now_ns``; the board waits until it is answered.

    ``link`` is what the host has taken from the link since the last request, at ``link_ns``.
    """

    op: Op
    address: int
    now_ns: int
    written: bytes
    wanted: int
    link: bytes
    link_ns: int
    is_heard: bool


def decode(raw: bytes, true_ns: Callable[[int], int] | None) -> Request:
    """Unpack one; ``true_ns`` turns the board's time into the rig's, where they differ."""
    op, _, address, is_heard, n_written, wanted, now_ns, link_ns = _REQUEST.unpack_from(raw)
    end = _REQUEST.size + n_written
    if len(raw) < end:
        raise ValueError(f"request: {len(raw)} bytes, expected {end} at least")
    if true_ns is not None:
        now_ns, link_ns = true_ns(now_ns), true_ns(link_ns)
    return Request(_OPS[op], address, now_ns, raw[_REQUEST.size : end], wanted, raw[end:], link_ns, bool(is_heard))


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
    """The processor is held for ``lasts_us`` after the first request of these kinds from ``at_us`` on."""

    at_us: int
    lasts_us: int
    ops: tuple[Op, ...] = (Op.SYNC, Op.ADC)  # outside of a bus transfer


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of time, its end not included."""

    from_us: int
    to_us: int

    def __contains__(self, now_ns: int) -> bool:
        return self.from_us * 1000 <= now_ns < self.to_us * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class PinEvent:
    """The board has changed an output; ``hz`` 0 and level 0 or 1 for a plain pin, the duty (u16) for PWM."""

    now_ns: int
    pin: int
    level: int
    hz: int = 0


@dataclass(slots=True)
class HeldLine:
    """A sensor that holds SDA down, as after a reset amid a read, until it has seen so many clocks."""

    clocks: int

    def fall(self) -> None:
        self.clocks = max(0, self.clocks - 1)


@dataclass(slots=True, kw_only=True)
class Bus:
    """Everything that is wired to the board, and its faults.

    Parameters
    ----------
    hangs : when a line of the bus is held down: every transfer ends with the time-out of the board
    deaf : when the host has the port open and does not read
    pressed : when the button is held down
    button : its pin
    held : what holds SDA down; then every transfer ends with the time-out of the board
    outputs : every change of an output, in order
    """

    i2c: dict[int, I2cDevice]
    adc: dict[int, AnalogInput]
    entropy: Callable[[int], bytes]
    stalls: list[Stall] = field(default_factory=list)
    hangs: list[Span] = field(default_factory=list)
    deaf: list[Span] = field(default_factory=list)
    pressed: list[Span] = field(default_factory=list)
    button: int = 19
    held: HeldLine | None = None
    outputs: list[PinEvent] = field(default_factory=list)

    def answer(self, request: Request, *, is_written: bool = False) -> bytes:
        status, data = 0, b""
        try:
            data = self._data(request)
        except NoAcknowledgeError:
            status = errno.EIO  # ETIMEDOUT on some builds: the firmware must not tell them apart
        except TimeoutError:
            status = errno.ETIMEDOUT
        stretch_us = self._stretch_us(request) if self.stalls else 0
        is_deaf = bool(self.deaf) and any(request.now_ns in span for span in self.deaf)
        bits = _DEAF * is_deaf | _WRITTEN * is_written
        return _ANSWER.pack(status, bits, 0, stretch_us, self._levels(request.now_ns)) + data.ljust(
            request.wanted, b"\0"
        )

    def _is_stuck(self, now_ns: int) -> bool:
        if self.held is not None and self.held.clocks:
            return True
        return bool(self.hangs) and any(now_ns in span for span in self.hangs)

    def _levels(self, now_ns: int) -> int:
        levels = _ALL_HIGH
        if self.pressed and any(now_ns in span for span in self.pressed):
            levels &= ~(1 << self.button)
        if self.held is not None and self.held.clocks:
            levels &= ~(1 << _SDA)
        return levels

    def _data(self, request: Request) -> bytes:
        match request.op:
            case Op.I2C:
                if self._is_stuck(request.now_ns):
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
            case Op.PIN:
                if self.held is not None and request.address == _SCL and not request.written[0]:
                    self.held.fall()
                self.outputs.append(PinEvent(now_ns=request.now_ns, pin=request.address, level=request.written[0]))
                return b""
            case Op.PWM:
                hz, duty = _PWM.unpack(request.written)
                self.outputs.append(PinEvent(now_ns=request.now_ns, pin=request.address, level=duty, hz=hz))
                return b""

    def _stretch_us(self, request: Request) -> int:
        for stall in self.stalls:
            if request.op in stall.ops and request.now_ns >= stall.at_us * 1000:
                self.stalls.remove(stall)
                return stall.lasts_us
        return 0
