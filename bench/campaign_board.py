"""Hours of the board at each rate, and ten million ticks of its loop; `make campaign-board`.

The board has 400, 200 or 100 Hz of pleth, 250 Hz of pressure and 50 Hz of motion, a gateway that asks for the time four
times a second and says each second that there is no alarm, and a tick counter that wraps every 17.9 minutes. What the
sensors see tells its time, so that every sample that arrives shows whether it is the right one, and when it was taken:
nothing may be lost, wrong or mistimed, and a second run must give the same bytes. Then the same with a counter that
wraps every 33.6 s, a hundred times. Last the loop alone: its free memory stays what it was.

Each run is kept when it is done (bench/results.py): started again, the campaign goes on from there.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import resource
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import results  # of the clone, wherever this is started
from gateway.chunklog import Chunk
from gateway.link.downlink import Verb, annunciate, command, configure, time_request
from gateway.link.frame import FrameParser, FrameType, LinkFault
from hil import chair
from hil.timecode import MOTION, OPTICAL, PRESSURE, Audit, TimeCode

PACKAGES = [
    *("firmware", "hil/board", "hil/models", "hil/chair.py", "hil/timecode.py"),
    *("gateway/link/frame.py", "gateway/link/downlink.py", "bench/campaign_board.py"),
]
_RATES_HZ = (400, 200, 100)
_PRESSURE_HZ = 250
_WRAP_US = 1 << 30
_SHORT_WRAP_US = 1 << 25  # the firmware measures rates over 13 s: half a period must be more
_SHORT_WRAPS = 100
_FIRST_WRAP_US = 20_000_000  # after the start
_SETTLED_US = 2_000_000  # until then the board runs at its defaults
_ASK_US = 250_000
_QUIET = annunciate(0, sound=0, expiry_ms=3000)
_TICKS = 10_000_000


class Gateway:
    """What it says, by the time of what it hears; it answers in the same moment, so that a run can be repeated."""

    def __init__(self, pleth_hz: int) -> None:
        order = configure(pleth_rate_hz=pleth_hz, pressure_rate_hz=_PRESSURE_HZ)
        self._waiting = command(Verb.CONFIGURE, order, index=1)
        self._asked = 0

    def hear(self, t_us: int) -> None:
        if t_us // _ASK_US >= self._asked:
            self._asked = t_us // _ASK_US + 1
            self._waiting += time_request(self._asked)
            if self._asked % 4 == 1:
                self._waiting += command(Verb.ANNUNCIATE, _QUIET, index=self._asked)

    def take(self) -> bytes:
        out, self._waiting = self._waiting, b""
        return out


def play(pleth_hz: int, seconds: float, *, wrap_us: int = _WRAP_US) -> Iterator[Chunk]:
    gateway = Gateway(pleth_hz)
    chunks = chair.play(
        TimeCode(seconds), host=gateway.take, boot_ticks_us=wrap_us - _FIRST_WRAP_US, ticks_mask=wrap_us - 1
    )
    with contextlib.closing(chunks):
        for chunk in chunks:
            gateway.hear(chunk.t_us)
            yield chunk


@dataclass(slots=True)
class Verdict:
    """What one run showed; ``speed`` is by the processor's time of rig and board, which take turns on one core."""

    pleth_hz: int
    digest: str
    speed: float
    wraps: int = 0
    faults: int = 0
    replies: int = 0
    audits: dict[int, Audit] = field(default_factory=dict)

    def failures(self, seconds: float) -> list[str]:
        """What is not as it must be."""
        found = [f"{self.faults} damaged frames"] if self.faults else []
        if self.replies < 3.8 * seconds:
            found.append(f"{self.replies} answers, expected {4 * seconds:.0f}")
        for stream, audit in self.audits.items():
            rate_hz = 1e6 / audit.period_us
            if audit.lost or audit.wrong or audit.mistimed or len(audit.epochs) != 1:
                found.append(f"stream {stream}: {audit}")
            if audit.samples < (seconds - 1 - _SETTLED_US / 1e6) * rate_hz:
                found.append(f"stream {stream}: {audit.samples} samples in {seconds} s")
        return found


def digest(chunks: Iterator[Chunk]) -> str:
    sha = hashlib.sha256()
    for chunk in chunks:
        sha.update(chunk.t_us.to_bytes(8, "little") + chunk.data)
    return sha.hexdigest()


def _processor_s() -> float:
    return sum(
        sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )  # user and system


def run(pleth_hz: int, seconds: float, *, wrap_us: int = _WRAP_US) -> Verdict:
    """Play once and judge."""
    start_s = _processor_s()
    chunks = list(play(pleth_hz, seconds, wrap_us=wrap_us))
    speed = seconds / (_processor_s() - start_s)
    verdict = Verdict(pleth_hz=pleth_hz, digest=digest(iter(chunks)), speed=speed)
    periods = {OPTICAL: 1_000_000 // pleth_hz, PRESSURE: 1_000_000 // _PRESSURE_HZ, MOTION: 20_000}
    boot_us = wrap_us - _FIRST_WRAP_US
    verdict.audits = {k: Audit(period_us=us, boot_ticks_us=boot_us, ticks_modulus=wrap_us) for k, us in periods.items()}
    parser, last_ticks = FrameParser(), 0
    for chunk in chunks:
        for frame in parser.feed(chunk.data):
            if isinstance(frame, LinkFault):
                verdict.faults += 1
                continue
            if frame.type is FrameType.DATA and frame.stream == PRESSURE:  # others may come later than their time
                verdict.wraps += frame.ticks_us < last_ticks
                last_ticks = frame.ticks_us
            verdict.replies += frame.type is FrameType.TIME_REP
            if frame.type is FrameType.DATA and chunk.t_us >= _SETTLED_US:
                verdict.audits[frame.stream].feed(frame)
    return verdict


def first(pleth_hz: int, seconds: float, wrap_us: int) -> list[str]:
    """The lines of one rate, the digest last."""
    verdict = run(pleth_hz, seconds, wrap_us=wrap_us)
    failures = [f"FAILED {pleth_hz} Hz: {failure}" for failure in verdict.failures(seconds)]
    due = (seconds * 1e6 - _FIRST_WRAP_US) // wrap_us + 1
    if verdict.wraps != due:
        failures.append(f"FAILED {pleth_hz} Hz: ticks wrapped {verdict.wraps} times, expected {due:.0f}")
    samples = sum(audit.samples for audit in verdict.audits.values())
    worst = max(audit.worst_timed_us for audit in verdict.audits.values())
    return [
        *failures,
        f"{pleth_hz} Hz pleth, {_PRESSURE_HZ} Hz pressure, 50 Hz motion, {seconds / 3600:g} h: {samples} samples, "
        f"{len(failures)} failures, ticks wrapped {verdict.wraps} times, {verdict.replies} times told, "
        f"worst timed frame {worst} us, {verdict.speed:.0f} x real time by processor time",
        f"    sha-256 {verdict.digest}",
    ]


def again(pleth_hz: int, seconds: float, wrap_us: int, before: str) -> list[str]:
    """The line of a second run, which must give the same bytes."""
    found = f"    sha-256 {digest(play(pleth_hz, seconds, wrap_us=wrap_us))}"
    return [
        f"    and the same in a second run of {pleth_hz} Hz" if found == before else f"FAILED: a second run has{found}"
    ]


def flat_memory(ticks: int) -> list[str]:
    """The line of the loop alone."""
    from tests.firmware.test_on_micropython import ROUND, free_memory

    left = free_memory(ticks // ROUND)
    if len(left) == ticks // ROUND and len(set(left)) == 1:
        return [f"{ticks} ticks of the loop: {left[0]} bytes free throughout"]
    return [f"FAILED {ticks} ticks of the loop: {sorted(set(left))} bytes free, {len(left)} reports"]


def lines(hours: float, ticks: int) -> Iterator[str]:
    """What every part says, those of earlier runs of this code at once."""
    seconds = 3600 * hours
    short_s = min(seconds, (_SHORT_WRAPS * _SHORT_WRAP_US + _FIRST_WRAP_US) / 1e6 - 1)
    runs = [*((hz, seconds, _WRAP_US) for hz in _RATES_HZ), (100, short_s, _SHORT_WRAP_US)]
    for what in runs:
        key = "{}hz-{:.0f}s-{}".format(*what)
        found = results.part("board", f"{key}-1", PACKAGES, partial(first, *what))
        yield from found
        yield from results.part("board", f"{key}-2", PACKAGES, partial(again, *what, found[-1]))
    yield from results.part("board", f"memory-{ticks}", [*PACKAGES, "tests/firmware"], partial(flat_memory, ticks))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--hours", type=float, default=2.0, help="of the board's time at each rate; default 2")
    parser.add_argument("--ticks", type=int, default=_TICKS, help="of the loop alone; default 10 million")
    args = parser.parse_args()
    chair.stay_on_one_core()
    failed = False
    for line in lines(args.hours, args.ticks):
        failed = failed or line.startswith("FAILED")
        print(line, flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
