"""The pressure pulses of a window in, whether the line shows the artery or itself out.

A bubble or a clot damps: less pulse pressure, a slow upslope, the mean as before. A long or soft line rings: more pulse
pressure, the mean as before (Gardner 1981), and a pulse that is rougher than this patient's were. A patient whose
pressure falls keeps the steepness of the upslope, and the mean falls as well: that is no damping, however low it is.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

from dsp.channel import SECOND_US, Summary
from dsp.doubt import Lingering
from dsp.readings import questioned
from dsp.rules import Finding, Rule, found
from dsp.types import Measured, Quantity, Reading, Reason, Unavailable

# What is read off the shape of the pulse.
SHAPED = (
    Quantity.SYSTOLIC,
    Quantity.DIASTOLIC,
    Quantity.PULSE_PRESSURE_VARIATION,
    Quantity.STROKE_VOLUME,
    Quantity.CARDIAC_OUTPUT,
    Quantity.SYSTEMIC_VASCULAR_RESISTANCE,
    Quantity.EJECTION_TIME,
)
NEWEST, LAST = 5, 2  # beats
REFERENCE_US = 25 * SECOND_US  # what is compared with is at least so old, at the beginning the older half
REMEMBERED_US = 300 * SECOND_US  # a line that has been otherwise for so long is taken as it is
LEAST_SECONDS = 4
# Steepest slope of the upslope in pulse heights a second, after the low-pass. Of the recordings at hand 99 % of the
# pulses have 8 or more (median 17); a line with a bubble of 0.2 s and more has 4 to 8. Slow sensors cannot show it.
SLOW = 6.3
LEAST_RATE_HZ = 60.0
SLOWER, SMALLER = 0.8, 0.88  # of the reference: damped
LARGER, NOT_SLOWER = 1.10, 0.88  # ringing; the latter of the slope in mmHg/s, which no resonance makes less
# Ringing as well: power of the bends in that of the slopes of a pulse, beyond what it was and its own scatter (half of
# the middle half), where the pulse pressure is not less. 98 % of the steady recordings at hand stay below.
ROUGHER, ROUGHER_SCATTER, NOT_SMALLER = 1.15, 4.0, 0.95
# And without anything to compare it with, where nearly half as much power is in the bends: a line that has rung since
# it was connected, or an artery that nobody can tell from one. 98 % of the seconds of recordings at hand have less.
ROUGH = 0.38
LEAST_CHANGE_MMHG = 4.0  # of the pulse pressure
# No line that rings mends itself: one that has for so long does for so long more where the patient's mean is another.
RANG_US, ELSEWHERE_US = 5 * SECOND_US, 30 * SECOND_US
SAME_MMHG, SAME_SHARE = 2.0, 0.5  # of the mean, and of the change of the pulse pressure: a real rise moves both


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """What the pulses of a moment look like."""

    t_us: int
    pulse_mmhg: float
    mean_mmhg: float
    steepness: float
    roughness: float
    scatter: float = 0.0  # of the roughness


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is wrong with the line; certain if it changed meanwhile, else it may be the patient's own artery."""

    reason: Reason
    is_certain: bool
    finding: Finding


class LineMonitor:
    """Compares the newest pulses with those some while ago."""

    def __init__(self, rate_hz: float) -> None:
        self._is_fast = rate_hz >= LEAST_RATE_HZ
        self._levels: deque[Level] = deque()  # of the seconds in which nothing was wrong or doubtful
        self._old = 0  # how many of them are old enough to compare with
        self._sorted: tuple[list[float], ...] = ([], [], [], [])  # the numbers of those, each in order of size
        self._since_us: int | None = None
        self._last: Verdict | None = None
        self._found_us = 0  # when a change of the line was last found
        self._lingering = Lingering()

    def judge(self, summary: Summary) -> Verdict | None:
        """What is wrong at the end of a second, or was with beats that are still in the window; ask once, in order."""
        verdict = self._judge(summary)
        if verdict is not None:
            self._last = verdict
        is_standing = self._lingering.stands(summary.t_us, is_found=verdict is not None)
        if verdict is None and is_standing and self._last is not None:
            return replace(self._last, is_certain=False)
        return verdict

    def _judge(self, summary: Summary) -> Verdict | None:
        """What is wrong with the newest beats."""
        level = _level(summary)
        if level is None or not self._is_fast:
            return None
        if self._since_us is not None and level.t_us - self._since_us > REMEMBERED_US:
            self._levels.clear()
            self._old, self._sorted = 0, ([], [], [], [])
        reference = self._reference(level.t_us)
        is_known = self._since_us is not None
        verdict = (compared(level, reference, is_known=is_known) or _begun(summary, reference)) if reference else None
        if verdict is not None:
            self._found_us = level.t_us
            self._since_us = self._since_us if self._since_us is not None else level.t_us
            return verdict
        if reference and self._is_elsewhere(level, reference):
            return self._last
        self._since_us = None
        if not summary.doubts:  # what is disturbed is no measure for what comes after it
            self._levels.append(level)
        if level.steepness < SLOW:
            finding = found(Rule.LINE_SLOW, steepness_per_s=level.steepness, least=SLOW)
            return Verdict(reason=Reason.DAMPED, is_certain=False, finding=finding)
        if level.roughness > ROUGH:
            finding = found(Rule.LINE_ROUGH, roughness=level.roughness, most=ROUGH)
            return Verdict(reason=Reason.RINGING, is_certain=False, finding=finding)
        return None

    def _is_elsewhere(self, level: Level, reference: Level) -> bool:
        """Whether a line that has rung is seen at another mean, where a smaller pulse is no sign that it is mended."""
        if self._last is None or self._last.reason is not Reason.RINGING or self._since_us is None:
            return False
        has_rung = self._found_us - self._since_us >= RANG_US and level.t_us - self._found_us <= ELSEWHERE_US
        return has_rung and abs(level.mean_mmhg - reference.mean_mmhg) > LEAST_CHANGE_MMHG

    def _reference(self, t_us: int) -> Level | None:
        self._age(t_us)
        if self._old >= LEAST_SECONDS:
            return _median_level(t_us, self._sorted)
        old = list(self._levels)[: max(LEAST_SECONDS, len(self._levels) // 2)]
        if len(old) < LEAST_SECONDS:
            return None
        return _median_level(t_us, [sorted(values) for values in zip(*map(_numbers, old), strict=True)])

    def _age(self, t_us: int) -> None:
        """Let those in that have become old, and those go that are too old."""
        while self._old < len(self._levels) and self._levels[self._old].t_us <= t_us - REFERENCE_US:
            for values, number in zip(self._sorted, _numbers(self._levels[self._old]), strict=True):
                insort(values, number)
            self._old += 1
        while self._old and self._levels[0].t_us < t_us - REMEMBERED_US:
            for values, number in zip(self._sorted, _numbers(self._levels.popleft()), strict=True):
                del values[bisect_left(values, number)]
            self._old -= 1


def _numbers(level: Level) -> tuple[float, ...]:
    return level.pulse_mmhg, level.mean_mmhg, level.steepness, level.roughness


def _middle(values: list[float]) -> float:
    """Median of values in order of size."""
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2


def _median_level(t_us: int, ordered: Sequence[list[float]]) -> Level:
    """What is usual, from values in order of size."""
    pulse_mmhg, mean_mmhg, steepness, roughness = map(_middle, ordered)
    quarter = len(ordered[-1]) // 4
    return Level(
        t_us=t_us,
        pulse_mmhg=pulse_mmhg,
        mean_mmhg=mean_mmhg,
        steepness=steepness,
        roughness=roughness,
        scatter=(ordered[-1][-1 - quarter] - ordered[-1][quarter]) / 2,
    )


def withheld(readings: dict[Quantity, Reading], verdict: Verdict | None) -> dict[Quantity, Reading]:
    """The readings without those that such a line cannot show; rate and mean pass any line."""
    if verdict is None:
        return readings
    return readings | {q: _withheld(readings[q], verdict) for q in SHAPED}


def _withheld(reading: Reading, verdict: Verdict) -> Reading:
    if not isinstance(reading, Measured):
        return reading
    if verdict.is_certain:
        return Unavailable(reason=verdict.reason, finding=verdict.finding)
    return questioned(reading, verdict.reason, verdict.finding)


def _level(summary: Summary) -> Level | None:
    newest = summary.pulses.accepted[-NEWEST - 1 :]
    means = [p.cycle_mean for p in newest[1:] if p.cycle_mean is not None]  # of the cycles that the others begin
    newest = newest[:-1]
    if len(newest) < 2 or not means:
        return None
    return Level(
        t_us=summary.t_us,
        pulse_mmhg=median([p.candidate.raw_max - p.candidate.raw_min for p in newest]),
        mean_mmhg=median(means),
        steepness=median([p.candidate.steepness for p in newest]),
        roughness=median([p.candidate.roughness for p in newest]),
    )


def compared(now: Level, before: Level, *, is_known: bool = False) -> Verdict | None:
    """What is wrong with a line that showed pulses of one kind and shows others now.

    Of a line that is known to be wrong the mean may move: the patient's does, and the line is still what it was.
    """
    change = now.pulse_mmhg - before.pulse_mmhg
    most = ROUGHER * before.roughness + ROUGHER_SCATTER * before.scatter
    if now.roughness > most and now.pulse_mmhg >= NOT_SMALLER * before.pulse_mmhg:
        rough = found(Rule.LINE_RINGING, **_both(now, before), roughness=now.roughness, most=most)
        return Verdict(reason=Reason.RINGING, is_certain=False, finding=rough)
    is_same = abs(now.mean_mmhg - before.mean_mmhg) <= max(SAME_MMHG, SAME_SHARE * abs(change))
    if abs(change) < LEAST_CHANGE_MMHG or not (is_same or is_known):
        return None
    numbers = _both(now, before)
    if now.pulse_mmhg < SMALLER * before.pulse_mmhg and now.steepness < SLOWER * before.steepness:
        return Verdict(reason=Reason.DAMPED, is_certain=is_same, finding=found(Rule.LINE_DAMPED, **numbers))
    rise = now.pulse_mmhg * now.steepness / (before.pulse_mmhg * before.steepness)
    if now.pulse_mmhg > LARGER * before.pulse_mmhg and rise > NOT_SLOWER:
        return Verdict(reason=Reason.RINGING, is_certain=False, finding=found(Rule.LINE_RINGING, **numbers))
    return None


def _begun(summary: Summary, before: Level) -> Verdict | None:
    """Doubt where the last two pulses are as those of a damped line, before the median of more says so.

    Each alone may be an early beat; the mean is not asked: that it falls as well is no excuse for a slow upslope.
    """
    last = [p.candidate for p in summary.pulses.accepted[-LAST - 1 : -1]]
    if len(last) < LAST:
        return None
    pulse_mmhg, steepness = max(c.raw_max - c.raw_min for c in last), max(c.steepness for c in last)
    if pulse_mmhg > SMALLER * before.pulse_mmhg or steepness > SLOWER * before.steepness:
        return None
    numbers = {"pulse_mmhg": pulse_mmhg, "pulse_before_mmhg": before.pulse_mmhg}
    numbers |= {"steepness_per_s": steepness, "steepness_before_per_s": before.steepness}
    return Verdict(reason=Reason.DAMPED, is_certain=False, finding=found(Rule.LINE_DAMPED, **numbers))


def _both(now: Level, before: Level) -> dict[str, float]:
    return {
        "pulse_mmhg": now.pulse_mmhg,
        "pulse_before_mmhg": before.pulse_mmhg,
        "mean_mmhg": now.mean_mmhg,
        "mean_before_mmhg": before.mean_mmhg,
        "steepness_per_s": now.steepness,
        "steepness_before_per_s": before.steepness,
    }
