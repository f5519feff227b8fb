"""A stimulus in, what the chair's board sends out: the unmodified firmware on modelled sensors, in virtual time."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Generator, Iterator
from random import Random
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gateway.chunklog import Chunk
from hil.board.bus import Bus
from hil.board.unix import Boot, RigError, UnixBoard
from hil.models.adc import AdcChannel
from hil.models.max30102 import Max30102

OPTICAL_ADDRESS = 0x57
PRESSURE_CHANNEL = 0
_SILENCE_US = 50_000  # the longest time without a chunk
_QUIET_US = 30_000  # the board is heard every 20 ms: from here on the next time may be too late
_RESTART_US = 5_000_000  # from the firmware's death to the next power-on


class Sensed(Protocol):
    """What the sensors see (hil.stimulus.Stimulus is one); a duration of None is endless."""

    duration_s: float | None

    def light(self, t_us: NDArray[np.int64]) -> NDArray[np.float64]: ...
    def volts(self, t_us: NDArray[np.int64]) -> NDArray[np.float64]: ...


def wire(stimulus: Sensed, seed: int | None = 0) -> Bus:
    """Return the bus of a chair's board; the seed decides what the board takes for random."""
    return Bus(
        i2c={OPTICAL_ADDRESS: Max30102(stimulus.light)},
        adc={PRESSURE_CHANNEL: AdcChannel(stimulus.volts)},
        entropy=Random(seed).randbytes,
    )


def play(
    stimulus: Sensed,
    *,
    speed: float | None = None,
    seed: int = 0,
    bus: Bus | None = None,
    boot_ticks_us: int = 0,
) -> Generator[Chunk]:
    """Yield what the board sends, with its virtual time, at least every 50 ms of it, until the stimulus ends.

    A firmware that dies leaves silence and is started again after 5 s, as by a power cycle. Closing the generator
    ends it.

    Parameters
    ----------
    speed : virtual seconds a wall second at most; None is as fast as it goes
    bus : the board's sensors, for faults; by default ``wire(stimulus, seed)``
    boot_ticks_us : the board's tick counter at power-on
    """
    end_us = None if stimulus.duration_s is None else round(stimulus.duration_s * 1e6)
    bus = bus or wire(stimulus, seed)
    pace = _Pace(speed)
    with contextlib.ExitStack() as stack:
        if speed is None:
            stack.enter_context(_one_core())
        cycles = stack.enter_context(contextlib.closing(_power_cycles(bus, boot_ticks_us)))
        for chunk in _steady(cycles):
            if end_us is not None and chunk.t_us > end_us:
                return
            pace.wait(chunk.t_us)
            yield chunk


def _steady(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """Fill long silences with empty chunks and leave out needless ones."""
    t_us = 0
    for chunk in chunks:
        while chunk.t_us - t_us > _SILENCE_US:
            t_us += _SILENCE_US
            yield Chunk(t_us=t_us, data=b"")
        if chunk.data or chunk.t_us - t_us >= _QUIET_US:
            t_us = chunk.t_us
            yield chunk


@contextlib.contextmanager
def _one_core() -> Iterator[None]:
    """Keep this thread and the board it starts on one core: they take turns, and there a turn is twice as fast."""
    if not hasattr(os, "sched_setaffinity"):  # Linux only
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(cores)[os.getpid() % len(cores)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def _power_cycles(bus: Bus, ticks_us: int) -> Generator[Chunk]:
    """Yield what one firmware after the other sends, and when nothing came."""
    t_us = 0
    while True:
        board = UnixBoard(bus, Boot(start_ns=t_us * 1000, ticks_us=ticks_us))
        print(f"firmware pid {board.pid}", file=sys.stderr, flush=True)  # noqa: T201
        words = b""
        try:
            for chunk in _run(board, t_us):
                t_us = chunk.t_us
                words = words or chunk.data
                yield chunk
        finally:
            status = board.close()
        if status > 0 and b"Error" in words:  # its first words are a traceback: it would die again for ever
            raise RigError(f"firmware does not start: {words.decode(errors='replace').splitlines()[-1]}")
        print(  # noqa: T201
            f"firmware died ({_cause(status)}) at {t_us / 1e6:.1f} s; power-on in {_RESTART_US / 1e6:g} s",
            file=sys.stderr,
            flush=True,
        )
        t_us += _RESTART_US
        yield Chunk(t_us=t_us, data=b"")
        for device in bus.i2c.values():
            device.power_on()


def _run(board: UnixBoard, start_us: int) -> Iterator[Chunk]:
    """Answer one firmware until it dies, yielding at each request what came on the link before it."""
    t_us = start_us
    while (request := board.wait_request()) is not None:
        t_us = request.now_ns // 1000
        yield Chunk(t_us=t_us, data=board.read_link() if request.is_link_used else b"")
        board.answer(request)
    yield Chunk(t_us=t_us, data=board.read_link())


def _cause(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"exit code {status}"


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
