"""The pulses of a window in, why no value made of them may be called good out.

Each beat may look well and the window still be wrong: another rhythm mixed in, a movement with the rhythm of a pulse, a
baseline that wanders by more than the pulse. Doubt lowers the quality and takes no value away; it never looks at how
high or low a value is, so hypotension, bradycardia, tachycardia and desaturation are no doubt.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import median

from dsp.channel import SECOND_US, WINDOW_US, Summary
from dsp.cycles import Likeness
from dsp.pulse import Pulse
from dsp.rate import window_sqi
from dsp.types import Reason

# Of the recordings at hand (pleth and pressure, with their artifacts and arrhythmias) 5 % of the cycles are less alike.
LEAST_ALIKE = 0.90  # mean over the window
NEWEST = 5
# A cycle is strange by how unlike the usual ones it is in shape, length and height together; 1 is too strange, by any
# of these alone: likeness 0.93 (less than 5 % of the cycles of the recordings at hand), 1.3 times longer or shorter, 3
# times higher or lower.
STRANGE_SHAPE, STRANGE_LENGTH, STRANGE_HEIGHT = 0.07, math.log(1.3), math.log(3.0)
ALTERED = 0.35  # so strange a pulse is no witness for a saturation that changed with it
MOST_WANDER = 0.8  # of the foot from beat to beat, in pulse heights: median over the window
LONG = 1.5  # intervals: a pause, or a pulse that was not seen
LEAST_FOR_LONG = 4
LEAST_SQI = 0.7  # of the beats: below, a count may be off by one
LEAST_COUNTED = 0.5  # of the window lies in intervals that were counted
LOST_US = 2_200_000  # between two beats
SETTLED_US = 4 * SECOND_US  # a pulse that comes back may still rise
TURNED_BPM = 5.0  # between the rate of the window and that of its newest intervals: the rate changes meanwhile
NEWEST_INTERVALS = 3
TURNED_MMHG = 8.0  # of the newest beats against the window: what is published is not what is
SCATTER_MMHG = 8.0  # of a beat about the line through its neighbours
NOISE_MMHG = 5.0  # by which the raw signal exceeds the filtered one: hum, or a line that rings


def doubted(summary: Summary) -> Summary:
    """The summary with what is doubtful about its window."""
    pulses = summary.pulses.accepted
    is_doubtful = _is_mixed(pulses) or strangeness(pulses) > 1 or _is_wandering(pulses) or _is_jumping(pulses)
    return replace(summary, doubts=(*summary.doubts, Reason.ARTIFACT)) if is_doubtful else summary


def doubted_rate(summary: Summary) -> Summary:
    """The summary with what is doubtful about its rate alone."""
    intervals_us = summary.pulses.intervals_us
    is_doubtful = (
        is_turning_rate(intervals_us)
        or sum(intervals_us) < LEAST_COUNTED * WINDOW_US
        or window_sqi(summary) < LEAST_SQI
    )
    return replace(summary, doubts=(*summary.doubts, Reason.IRREGULAR)) if is_doubtful else summary


def doubted_pressure(summary: Summary) -> Summary:
    """The summary with what is doubtful about its pressures alone."""
    pulses = summary.pulses.accepted
    is_doubtful = _is_new(pulses, summary.t_us) or is_turning_pressure(pulses)
    return replace(summary, doubts=(*summary.doubts, Reason.IRREGULAR)) if is_doubtful else summary


def is_turning_rate(intervals_us: list[int]) -> bool:
    """Whether the rate of a window says little: it changes, or a pulse was not seen."""
    if len(intervals_us) < LEAST_FOR_LONG:
        return False
    newest_us = median(intervals_us[-NEWEST_INTERVALS:])
    is_turning = abs(60e6 / newest_us - 60e6 / (sum(intervals_us) / len(intervals_us))) > TURNED_BPM
    return is_turning or max(intervals_us) > LONG * median(intervals_us)


def is_turning_pressure(pulses: Sequence[Pulse]) -> bool:
    """Whether the pressures of a window say little: they change, scatter, or have noise on top."""
    for values in ([p.candidate.raw_max for p in pulses], [p.candidate.raw_min for p in pulses]):
        if len(values) >= 4 and abs(median(values[-3:]) - median(values)) > TURNED_MMHG:
            return True
        if _scatter(values) > SCATTER_MMHG:
            return True
    noises = [max(c.raw_max - c.foot - c.amplitude, c.foot - c.raw_min) for c in (p.candidate for p in pulses)]
    return bool(noises) and median(noises) > NOISE_MMHG


def _scatter(values: list[float]) -> float:
    """Typical distance from the line through the neighbours; a step or a ramp has none."""
    seconds = [abs(a - 2 * b + c) for a, b, c in zip(values, values[1:], values[2:], strict=False)]
    return median(seconds) / math.sqrt(3) if len(seconds) >= 3 else 0.0


def _is_mixed(pulses: Sequence[Pulse]) -> bool:
    likenesses = [p.likeness.previous for p in pulses if p.likeness and p.likeness.previous is not None]
    return len(likenesses) >= 2 and sum(likenesses) / len(likenesses) < LEAST_ALIKE


def _is_new(pulses: Sequence[Pulse], t_us: int) -> bool:
    """Whether the pulse has only just begun, or come back after a loss."""
    times_us = [p.candidate.upslope_us for p in pulses]
    begins_us = times_us[:1] + [b for a, b in pairwise(times_us) if b - a > LOST_US]
    return bool(begins_us) and t_us - begins_us[-1] < SETTLED_US


def strangeness(pulses: Sequence[Pulse]) -> float:
    """How unlike the usual pulses the newest ones are; 0 where no usual ones are known."""
    newest = [p.likeness for p in pulses if p.accepted and p.likeness and p.likeness.usual is not None][-NEWEST:]
    return median([_strangeness(likeness) for likeness in newest]) if len(newest) >= 2 else 0.0


def _strangeness(likeness: Likeness) -> float:
    usual, length, height = likeness.usual or 1.0, likeness.length_ratio or 1.0, likeness.height_ratio or 1.0
    parts = (1 - usual) / STRANGE_SHAPE, math.log(length) / STRANGE_LENGTH, math.log(height) / STRANGE_HEIGHT
    return sum(map(abs, parts))


def _is_jumping(pulses: Sequence[Pulse]) -> bool:
    return any(p.likeness is not None and p.likeness.jumps > 0 for p in pulses)


def _is_wandering(pulses: Sequence[Pulse]) -> bool:
    steps = [
        abs(b.candidate.foot - a.candidate.foot) / max(a.candidate.amplitude, b.candidate.amplitude)
        for a, b in pairwise(pulses)
        if b.interval_us is not None
    ]
    return len(steps) >= 2 and median(steps) > MOST_WANDER
