"""Hours of the board at each rate: nothing lost, wrong or mistimed, the same bytes twice; `make campaign-board`.

The board has 400, 200 or 100 Hz of pleth, 250 Hz of pressure and 50 Hz of motion, a gateway that asks for the time four
times a second and says each second that there is no alarm, and a tick counter that wraps every 17.9 minutes. What the
sensors see tells its time, so that every sample that arrives shows whether it is the right one, and when it was taken.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from gateway.chunklog import Chunk
from gateway.link.downlink import Verb, annunciate, command, configure, time_request
from gateway.link.frame import FrameParser, FrameType, LinkFault
from hil import chair
from hil.timecode import MOTION, OPTICAL, PRESSURE, Audit, TimeCode

_RATES_HZ = (400, 200, 100)
_PRESSURE_HZ = 250
_BOOT_TICKS_US = (1 << 30) - 60_000_000  # the first wrap comes after a minute
_SETTLED_US = 2_000_000  # until then the board runs at its defaults
_ASK_US = 250_000
_QUIET = annunciate(0, is_sounding=False, expiry_ms=3000)


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


def play(pleth_hz: int, seconds: float) -> Iterator[Chunk]:
    gateway = Gateway(pleth_hz)
    chunks = chair.play(TimeCode(seconds), host=gateway.take, boot_ticks_us=_BOOT_TICKS_US)
    with contextlib.closing(chunks):
        for chunk in chunks:
            gateway.hear(chunk.t_us)
            yield chunk


@dataclass(slots=True)
class Verdict:
    """What one run showed."""

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


def run(pleth_hz: int, seconds: float) -> Verdict:
    """Play once for the speed and the judgement, once more for the bytes."""
    start = time.perf_counter()
    chunks = list(play(pleth_hz, seconds))
    verdict = Verdict(pleth_hz=pleth_hz, digest=digest(iter(chunks)), speed=seconds / (time.perf_counter() - start))
    if digest(play(pleth_hz, seconds)) != verdict.digest:
        raise AssertionError(f"{pleth_hz} Hz: two runs, two different byte streams")
    periods = {OPTICAL: 1_000_000 // pleth_hz, PRESSURE: 1_000_000 // _PRESSURE_HZ, MOTION: 20_000}
    verdict.audits = {k: Audit(period_us=us, boot_ticks_us=_BOOT_TICKS_US) for k, us in periods.items()}
    parser, last_ticks = FrameParser(), 0
    for chunk in chunks:
        for frame in parser.feed(chunk.data):
            if isinstance(frame, LinkFault):
                verdict.faults += 1
                continue
            verdict.wraps += frame.ticks_us < last_ticks - (1 << 29)
            last_ticks = frame.ticks_us
            verdict.replies += frame.type is FrameType.TIME_REP
            if frame.type is FrameType.DATA and chunk.t_us >= _SETTLED_US:
                verdict.audits[frame.stream].feed(frame)
    return verdict


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--hours", type=float, default=2.0, help="of the board's time at each rate; default 2")
    seconds = 3600 * parser.parse_args().hours
    chair.stay_on_one_core()
    failed = False
    for pleth_hz in _RATES_HZ:
        verdict = run(pleth_hz, seconds)
        for failure in verdict.failures(seconds):
            failed = True
            print(f"FAILED {pleth_hz} Hz: {failure}", flush=True)
        samples = sum(audit.samples for audit in verdict.audits.values())
        worst = {stream: audit.worst_timed_us for stream, audit in verdict.audits.items()}
        print(
            f"{pleth_hz} Hz pleth, {_PRESSURE_HZ} Hz pressure, 50 Hz motion, {seconds / 3600:g} h: {samples} samples, "
            f"ticks wrapped {verdict.wraps} times, {verdict.replies} times told, worst timed frame {worst} us, "
            f"{verdict.speed:.0f} x real time, sha-256 {verdict.digest[:16]} twice",
            flush=True,
        )
    return failed


if __name__ == "__main__":
    sys.exit(main())
