"""The pulses of a window in, why no value made of them may be called good out.

Each beat may look well and the window still be wrong: another rhythm mixed in, a movement with the rhythm of a pulse,
beats that are missing, a baseline that wanders by more than the pulse. A value is doubted by as much as what is strange
or missing in its window could have moved it. Doubt lowers the quality and takes no value away; it never looks at how
high or low a value is, so hypotension, bradycardia, tachycardia and desaturation are no doubt.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import fmean, median, stdev

from dsp.channel import CLIPPED_US, SECOND_US, WINDOW_US, Summary
from dsp.pulse import LATENCY_US, Pulse
from dsp.rules import Rule, found
from dsp.types import Reason
from dsp.window import Window

# So far may what is strange move a value: half of what nobody would notice.
MOST_BPM, MOST_MMHG = 2.5, 5.0
LEAST_COUNTED = 0.6  # of the window lies in intervals that were counted
LEAST_SURE = 0.4  # of it in those that are surely intervals: of fewer nobody knows the scatter
# Of the slope sum of the large beats: where each small one has less, nobody can tell a pulse that alternates from a
# large second wave. Pulsus alternans seldom takes so much of a pulse; own choice.
DOUBLE, LEAST_DOUBLE = 0.67, 6
LONG = 1.5  # intervals: a pulse that was not seen, or a pause (after a single early beat it is shorter)
LEAST_ORDINARY = 0.4  # of the beats: with fewer nobody knows what the others have moved
NEWEST = 5
ALTERED = 0.35  # so strange a pulse is no witness for a saturation that changed with it
MEDIAN_SPREAD = 1.25  # how much farther the median of a few is off than their mean
# Of the foot from beat to beat, in pulse heights: median over the window. What moves a pressure by so much, in every
# beat and in every other one (early beats come in pairs), is no vessel: hum that beats with the pulse.
MOST_WANDER, MOST_WANDER_PRESSURE = 0.8, 0.25
LOST_US = 2_200_000  # between two beats, where they are usually nearer
SETTLED_US = 4 * SECOND_US  # a pulse that comes back may still rise
# One deviation of what the missing beats may have moved: of 5/min and 10 mmHg a quarter, so that no chance makes those.
MISSING_BPM, MISSING_MMHG = 1.25, 2.5
NINE_IN_TEN = 1.2816  # deviations of the normal distribution
# A hole has n pulses where n usual intervals are its length, and no other number within three deviations.
CERTAIN, LEAST_SPREAD = 3.0, 0.03
LINGERING_SECONDS = 3  # with a doubt that is about the newest beats; the median is of 8
NOISE_MMHG = 5.0  # by which the raw signal exceeds the filtered one: hum, or a line that rings


def doubted(summary: Summary) -> Summary:
    """The summary with what is doubtful about everything in its window."""
    if summary.unavailable is not None:
        return summary
    pulses = summary.pulses.accepted
    rule = (
        (_is_strange(summary.pulses) and Rule.STRANGE)
        or (_is_wandering(pulses, MOST_WANDER) and Rule.WANDERING)
        or (_is_jumping(pulses) and Rule.JUMPING)
    )
    return summary.doubted(Reason.ARTIFACT, found(rule)) if rule else summary


def doubted_rate(summary: Summary) -> Summary:
    """The summary with what is doubtful about its rate alone."""
    if summary.unavailable is not None:
        return summary
    intervals_us, sure_us = summary.pulses.intervals_us, summary.pulses.sure_us
    rule = (
        (sum(intervals_us) < LEAST_COUNTED * WINDOW_US and Rule.FEW_INTERVALS)
        or (max(intervals_us) > LONG * min(median(intervals_us), fmean(intervals_us)) and Rule.LONG_INTERVAL)
        or (moved(intervals_us, sure_us, _rate_bpm) > MOST_BPM and Rule.RATE_MOVED)
        or (sum(sure_us) < LEAST_SURE * WINDOW_US and Rule.FEW_INTERVALS)
        or (_missing_bpm(sure_us) > MISSING_BPM and Rule.RATE_MISSING)
        or (_is_hole_unclear(summary.pulses) and Rule.HOLE)
        or (_is_double(summary.pulses.accepted) and Rule.DOUBLE)
    )
    return summary.doubted(Reason.IRREGULAR, found(rule)) if rule else summary


def doubted_pressure(summary: Summary, moving: Lingering) -> Summary:
    """The summary with what is doubtful about its pressures alone; ``moving`` remembers what has moved them."""
    if summary.unavailable is not None:
        return summary
    pulses = summary.pulses.accepted
    if summary.since_clipped_us is not None:
        clipped = found(Rule.CLIPPED, ago_s=summary.since_clipped_us / 1e6, within_s=CLIPPED_US / 1e6)
        return summary.without(Reason.SATURATED, clipped)
    rule = (
        (moving.stands(summary.t_us, is_found=_is_moved(summary.pulses)) and Rule.PRESSURE_MOVED)
        or (_is_missing(summary.pulses) and Rule.PRESSURE_MISSING)
        or (_is_bouncing(pulses) and Rule.BOUNCING)
        or (_is_new(pulses, summary.t_us) and Rule.PULSE_NEW)
        or (_is_scattered(pulses) and Rule.SCATTERED)
        or (_noise_mmhg(pulses) > NOISE_MMHG and Rule.NOISE)
    )
    return summary.doubted(Reason.IRREGULAR, found(rule)) if rule else summary


class Lingering:
    """A doubt about the newest beats stands as long as the window holds enough of them to move a median.

    ``least`` is in how many seconds of the window it was found; with 1 it stands for a whole window.
    """

    def __init__(self, least: int = LINGERING_SECONDS) -> None:
        self._least = least
        self._found_us: deque[int] = deque()

    def stands(self, t_us: int, *, is_found: bool) -> bool:
        """Whether it is found in this second, or was in several of the window; ask once a second, in order."""
        if is_found:
            self._found_us.append(t_us)
        while self._found_us and self._found_us[0] <= t_us - WINDOW_US:
            self._found_us.popleft()
        return is_found or len(self._found_us) >= self._least


def strangeness(pulses: Sequence[Pulse]) -> float:
    """How unlike the usual pulses the newest ones are; 0 where no usual ones are known."""
    known = [p.likeness.strangeness for p in pulses if p.accepted and p.likeness]
    newest = [x for x in known if x is not None][-NEWEST:]
    return median(newest) if len(newest) >= 2 else 0.0


def moved(values: Sequence[float], ordinary: Sequence[float], middle: Callable[[Sequence[float]], float]) -> float:
    """How far the strange values have moved the middle of all; infinite where too few ordinary ones are left."""
    if len(values) == len(ordinary):
        return 0.0
    if len(ordinary) < max(2.0, LEAST_ORDINARY * len(values)):
        return math.inf
    return abs(middle(values) - middle(ordinary))


def missing(values: Sequence[float], counted: float) -> float:
    """How far the mean of a whole window may be from that of the share of it that was counted: one deviation."""
    n = len(values)
    if n < 2:
        return math.inf
    more = max(0.0, n * (1 - counted) / counted - 0.5)  # at its ends a window always lacks half an interval
    if not more:
        return 0.0
    middle = fmean(values)
    deviation = math.sqrt(sum([(x - middle) ** 2 for x in values]) / (n - 1))
    return more / (n + more) * deviation * math.sqrt(1 / n + 1 / max(more, 0.5))


def _uncertainty(freedom: int) -> float:
    """How much larger the deviation may be than that of so few values: its upper limit, nine times in ten.

    Notes
    -----
    Quantile of chi square after Wilson and Hilferty 1931, Proc Natl Acad Sci 17:684.
    """
    part = 2 / (9 * freedom)
    return math.pow(1 - part - NINE_IN_TEN * math.sqrt(part), -1.5)


def _missing_bpm(sure_us: list[int]) -> float:
    """How far the rate of the window may be from that of its sure intervals: one deviation, at its upper limit."""
    if len(sure_us) < 2:
        return math.inf
    usual_us = fmean(sure_us)
    counted = min(1.0, (sum(sure_us) + LATENCY_US) / WINDOW_US)
    return _rate_bpm([usual_us]) * missing(sure_us, counted) * _uncertainty(len(sure_us) - 1) / usual_us


def _is_hole_unclear(window: Window) -> bool:
    """Whether nobody can tell how many pulses lie between two beats where one was missed."""
    holes_us = [
        b.candidate.upslope_us - a.candidate.upslope_us for a, b in pairwise(window.accepted) if b.interval_us is None
    ]
    if not holes_us:
        return False
    sure_us = window.sure_us
    usual_us = fmean(sure_us)
    spread = max(LEAST_SPREAD, stdev(sure_us) / usual_us)
    counts = [hole_us / usual_us for hole_us in holes_us]
    return any(abs(x - round(x)) + CERTAIN * spread * math.sqrt(x) > 0.5 for x in counts)


def _is_double(pulses: Sequence[Pulse]) -> bool:
    """Whether every other beat is a small one: it may be the second wave of the beat before it."""
    sizes = [p.candidate.slope_sum for p in pulses]
    if len(sizes) < LEAST_DOUBLE:
        return False
    one, other = sizes[::2], sizes[1::2]
    return max(one) < DOUBLE * min(other) or max(other) < DOUBLE * min(one)


def _rate_bpm(intervals_us: Sequence[float]) -> float:
    return 60e6 / fmean(intervals_us)


def _is_moved(window: Window) -> bool:
    """Whether what is strange has moved one of the pressures."""
    ordinary = ((_systolic, window.ordinary_begun), (_diastolic, window.ordinary), (_mean, window.ordinary))
    return any(moved(_known(window.accepted, of), _known(among, of), median) > MOST_MMHG for of, among in ordinary)


def _is_missing(window: Window) -> bool:
    """Whether what is missing could move one of the pressures."""
    counted = min(1.0, sum(window.intervals_us) / WINDOW_US)
    return not counted or any(
        MEDIAN_SPREAD * missing(_known(window.accepted, of), counted) > MISSING_MMHG for of in _PRESSURES
    )


def _is_scattered(pulses: Sequence[Pulse]) -> bool:
    """Whether the beats leave open where the middle of one of the pressures lies.

    A steady rise or fall does not, nor do early beats in every other place: those are the patient's.
    """
    return any(
        all(middle_spread(x) > MOST_MMHG for x in (values, unsteady(values)))
        and any(middle_spread(x) > MOST_MMHG for x in (values[::2], values[1::2]))
        for values in (_known(pulses, of) for of in _PRESSURES)
    )


def middle_spread(values: Sequence[float]) -> float:
    """One deviation of the median, from the order of the values alone: half the range of the middle root of n."""
    n = len(values)
    if n < 2:
        return 0.0
    low, high = math.floor((n - math.sqrt(n)) / 2), math.ceil((n + math.sqrt(n)) / 2) - 1
    ordered = sorted(values)
    return (ordered[high] - ordered[low]) / 2


def unsteady(values: Sequence[float]) -> list[float]:
    """What each value is off the line through its neighbours, of which a steady rise or fall has none."""
    return [b - (a + c) / 2 for a, b, c in zip(values, values[1:], values[2:], strict=False)]


def _known(pulses: Sequence[Pulse], of: Callable[[Pulse], float | None]) -> list[float]:
    return [x for x in map(of, pulses) if x is not None]


def _systolic(pulse: Pulse) -> float | None:
    return pulse.candidate.raw_max


def _diastolic(pulse: Pulse) -> float | None:
    return pulse.candidate.raw_min


def _mean(pulse: Pulse) -> float | None:
    return pulse.cycle_mean


_PRESSURES = (_systolic, _diastolic, _mean)


def _noise_mmhg(pulses: Sequence[Pulse]) -> float:
    candidates = [p.candidate for p in pulses]
    return (
        median([max(c.raw_max - c.foot - c.amplitude, c.foot - c.raw_min) for c in candidates]) if candidates else 0.0
    )


def _is_strange(window: Window) -> bool:
    """Whether too few of the beats are known to be like earlier ones: the others are not, or nobody knows."""
    known = [p for p in window.ordinary if p.likeness and p.likeness.strangeness is not None]
    return len(known) < max(1.0, LEAST_ORDINARY * len(window.accepted))


def _is_new(pulses: Sequence[Pulse], t_us: int) -> bool:
    """Whether the pulse has only just begun, or come back after a loss."""
    times_us = [p.candidate.upslope_us for p in pulses]
    steps_us = [b - a for a, b in pairwise(times_us)]
    lost_us = max(LOST_US, LONG * median(steps_us)) if steps_us else LOST_US
    begins_us = times_us[:1] + [b for b, step_us in zip(times_us[1:], steps_us, strict=True) if step_us > lost_us]
    return bool(begins_us) and t_us - begins_us[-1] < SETTLED_US


def _is_jumping(pulses: Sequence[Pulse]) -> bool:
    return any(p.likeness is not None and p.likeness.jumps > 0 for p in pulses)


def _is_bouncing(pulses: Sequence[Pulse]) -> bool:
    """Whether the foot of a pressure moves from beat to beat, and among every other beat as well."""
    every_other = (pulses[::2], pulses[1::2])
    return _is_wandering(pulses, MOST_WANDER_PRESSURE) and any(
        _is_wandering(beats, MOST_WANDER_PRESSURE) for beats in every_other
    )


def _is_wandering(pulses: Sequence[Pulse], most: float) -> bool:
    steps = [
        abs(b.candidate.foot - a.candidate.foot) / max(a.candidate.amplitude, b.candidate.amplitude)
        for a, b in pairwise(pulses)
        if b.interval_us is not None
    ]
    return len(steps) >= 2 and median(steps) > most
