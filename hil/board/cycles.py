"""Firmware in, what it sends out, from one power-on or reset to the next."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

from gateway.chunklog import Chunk
from hil.board.bus import Bus
from hil.board.unix import Boot, Clock, ResetCause, RigError, UnixBoard

_RESTART_US = 5_000_000  # from the firmware's death to the next power-on
_SILENCE_US = 40_000
_PRESENT_US = 1_000
_BOOT_US = 200_000  # from a reset to the first line of main.py


def nobody() -> bytes:
    """The host that never says anything."""
    return b""


def power_cycles(
    bus: Bus,
    clock: Clock,
    *,
    ticks_us: int = 0,
    ticks_mask: int = (1 << 30) - 1,
    link: int | None = None,
    host: Callable[[], bytes] = nobody,
    skew_ppm: int = 0,
    flash: Path | None = None,
) -> Generator[Chunk]:
    """Yield what one firmware after the other sends, and when nothing came.

    One that dies is powered on again after 5 s; one that resets itself starts again at once. One that ends or hangs
    before any has written to its link would do so for ever: that is the rig's end.

    Parameters
    ----------
    ticks_us, ticks_mask : what the board's tick counter shows at power-on, and at most
    link : as of UnixBoard; with one, the chunks are empty
    host : asked at each request of the board for what has been sent to it
    skew_ppm, flash : as of Boot; without one, the flash is empty at power-on and lasts through resets
    """
    if flash is None:
        with tempfile.TemporaryDirectory() as directory:
            yield from power_cycles(
                bus,
                clock,
                ticks_us=ticks_us,
                ticks_mask=ticks_mask,
                link=link,
                host=host,
                skew_ppm=skew_ppm,
                flash=Path(directory),
            )
        return
    t_us, cause, is_heard = 0, ResetCause.POWER_ON, False
    while True:
        boot = Boot(
            clock=clock,
            start_ns=t_us * 1000,
            ticks_us=ticks_us,
            ticks_mask=ticks_mask,
            cause=cause,
            flash=flash,
            skew_ppm=skew_ppm,
        )
        board = UnixBoard(bus, boot, link=link)
        _say(f"firmware pid {board.pid}")
        try:
            for chunk in _run(board, t_us, host):
                t_us = chunk.t_us
                yield chunk
        finally:
            ending = board.close()
        is_heard = is_heard or board.is_heard
        if not is_heard and (ending.status >= 0 or ending.is_hung):
            raise RigError(f"the firmware does not start: {ending}")
        cause = ResetCause.WATCHDOG if ending.is_reset else ResetCause.POWER_ON
        off_us = _BOOT_US if ending.is_reset else _RESTART_US
        what = "has reset itself" if ending.is_reset else str(ending)
        _say(f"firmware {what} at {t_us / 1e6:.1f} s; starts again in {off_us / 1e6:g} s")
        if clock is Clock.REAL:
            time.sleep(off_us / 1e6)
        t_us += off_us
        yield Chunk(t_us=t_us, data=b"")
        if not ending.is_reset:
            for device in bus.i2c.values():
                device.power_on()


def _run(board: UnixBoard, start_us: int, host: Callable[[], bytes]) -> Iterator[Chunk]:
    """Answer one firmware until it ends, yielding what came on the link, and silence now and then."""
    t_us = start_us
    # What the host took a while ago it answers now: one that answers is shown the present, to know when it does.
    silence_us = _SILENCE_US if host is nobody else _PRESENT_US
    while (request := board.wait_request()) is not None:
        now_us = request.now_ns // 1000
        is_seen = False
        for taken_ns, data in board.read_link():
            t_us = taken_ns // 1000
            is_seen = True
            yield Chunk(t_us=t_us, data=data)
        if now_us - t_us >= silence_us:
            t_us = now_us
            is_seen = True
            yield Chunk(t_us=t_us, data=b"")
        if sent := host():
            board.write_link(sent)
        board.answer(request, is_void=is_seen)  # whoever has seen a chunk may have changed a sensor


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201
