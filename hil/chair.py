"""A stimulus in, what the chair's board sends out: the unmodified firmware on modelled sensors, in virtual time."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable, Generator, Iterator
from random import Random
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gateway.chunklog import Chunk
from hil.board.bus import Bus
from hil.board.cycles import nobody, power_cycles
from hil.board.unix import Clock
from hil.models.adc import AdcChannel, Level, Reference
from hil.models.lis3dh import Lis3dh
from hil.models.max30102 import Max30102

OPTICAL_ADDRESS = 0x57
MOTION_ADDRESS = 0x19
PRESSURE_CHANNEL, REFERENCE_CHANNEL, TEMPERATURE_CHANNEL = 0, 1, 4
_REFERENCE_V = 2.5
_TEMPERATURE_V = 0.706  # 27 degrees
_SILENCE_US = 50_000  # the longest time without a chunk
_QUIET_US = 30_000  # the board is heard every 40 ms: from here on the next time may be too late


class Sensed(Protocol):
    """What the sensors see (hil.stimulus.Stimulus is one); a duration of None is endless."""

    duration_s: float | None

    def light(self, t_us: NDArray[np.int64]) -> NDArray[np.float64]: ...
    def ambient(self, t_us: NDArray[np.int64]) -> NDArray[np.float64]: ...
    def volts(self, t_us: NDArray[np.int64]) -> NDArray[np.float64]: ...
    def acceleration(self, t_us: NDArray[np.int64]) -> NDArray[np.float64]: ...


def wire(stimulus: Sensed, seed: int | None = 0, *, adc_seed: int | None = None) -> Bus:
    """Return the bus of a chair's board.

    Parameters
    ----------
    seed : decides what the board takes for random; None is random
    adc_seed : makes the errors of the ADC; without it, it has none
    """
    reference = Reference()
    return Bus(
        i2c={
            OPTICAL_ADDRESS: Max30102(stimulus.light, ambient=stimulus.ambient),
            MOTION_ADDRESS: Lis3dh(stimulus.acceleration),
        },
        adc={
            PRESSURE_CHANNEL: AdcChannel(stimulus.volts, reference, seed=adc_seed),
            REFERENCE_CHANNEL: Level(_REFERENCE_V, reference),
            TEMPERATURE_CHANNEL: Level(_TEMPERATURE_V, reference),
        },
        entropy=Random(seed).randbytes,
    )


def play(
    stimulus: Sensed,
    *,
    speed: float | None = None,
    seed: int = 0,
    bus: Bus | None = None,
    boot_ticks_us: int = 0,
    ticks_mask: int = (1 << 30) - 1,
    host: Callable[[], bytes] = nobody,
    skew_ppm: int = 0,
) -> Generator[Chunk]:
    """Yield what the board sends, with its virtual time, at least every 50 ms of it, until the stimulus ends.

    A firmware that dies leaves silence and is started again (hil.board.cycles). Closing the generator ends it.

    Parameters
    ----------
    speed : virtual seconds a wall second at most; None is as fast as it goes
    bus : the board's sensors, for faults; by default ``wire(stimulus, seed)``
    boot_ticks_us, ticks_mask : what the board's tick counter shows at power-on, and at most
    host : what has been sent to the board since it was last asked
    skew_ppm : error of the board's crystal
    """
    end_us = None if stimulus.duration_s is None else round(stimulus.duration_s * 1e6)
    bus = bus or wire(stimulus, seed)
    pace = _Pace(speed)
    cycles = power_cycles(
        bus, Clock.VIRTUAL, ticks_us=boot_ticks_us, ticks_mask=ticks_mask, host=host, skew_ppm=skew_ppm
    )
    with contextlib.closing(cycles):
        for chunk in _steady(cycles, _QUIET_US if host is nobody else 0):
            if end_us is not None and chunk.t_us > end_us:
                return
            pace.wait(chunk.t_us)
            yield chunk


def _steady(chunks: Iterator[Chunk], quiet_us: int) -> Iterator[Chunk]:
    """Fill long silences with empty chunks and leave out needless ones, which come sooner than ``quiet_us``."""
    t_us = 0
    for chunk in chunks:
        while chunk.t_us - t_us > _SILENCE_US:
            t_us += _SILENCE_US
            yield Chunk(t_us=t_us, data=b"")
        if chunk.data or chunk.t_us - t_us >= quiet_us:
            t_us = chunk.t_us
            yield chunk


def stay_on_one_core() -> None:
    """Keep this process and the board it starts on one core that no other rig has: they take turns, and there a turn is
    twice as fast. For a process that is nothing but a rig; where it is refused, or no core is left, nothing changes.
    """
    if not hasattr(os, "sched_setaffinity"):  # Linux only
        return
    for core in os.sched_getaffinity(0):
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0chairside-rig-core-{core}")  # an abstract name: it is free again when this process ends
        except OSError:
            claim.close()
            continue
        _claims.append(claim)
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, {core})
        return


_claims: list[socket.socket] = []  # held until the process ends


class _Pace:
    """Holds virtual time back to wall time times speed."""

    def __init__(self, speed: float | None) -> None:
        self._speed = speed
        self._start_s = time.monotonic()

    def wait(self, t_us: int) -> None:
        if self._speed is None:
            return
        ahead_s = t_us / 1e6 / self._speed - (time.monotonic() - self._start_s)
        if ahead_s > 0:
            time.sleep(ahead_s)
