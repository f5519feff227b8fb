"""Summaries of the channels in, pulse rate out."""

from __future__ import annotations

from itertools import pairwise
from math import sqrt
from statistics import fmean, median, pstdev

from dsp.channel import WINDOW_US, Summary
from dsp.readings import measured, questioned, shortage, too_few
from dsp.rules import Rule, found
from dsp.types import Reading, Reason, Unavailable

LEAST_INTERVALS = 2  # a rate of 25/min has two in the window
LEAST_FOR_PAIRS = 4
# A full window lacks an interval at either end, and one of a pair. One that is still filling may hold half a breath,
# with which the rate of a calm person moves by 3 %.
UNFILLED = 3
# By a beat without its pause; at 45 to 150/min a single early one moves the rate by 3.5. Where the others are uneven as
# well nobody knows that it was one.
MOST_TORN_BPM, MOST_UNEVEN_BPM = 3.75, 2.5
UNEVEN = 0.08  # an early beat with its pause, against two usual intervals: a compensatory pause makes up for it
SHORT, LONG = 0.88, 1.12  # of the median: an early beat, a pause; breathing moves intervals by less
# Heart beats of atrial fibrillation spread by 0.24 (Tateno and Glass 2001); pulses that spread more are missing some,
# and by how many the rate is wrong nobody can tell. Breath and single early beats stay below the lower bound.
USUAL_SPREAD, MOST_SPREAD = 0.15, 0.27


def pulse_rate(summary: Summary) -> Reading:
    """Mean rate over the accepted intervals of the window, beats/min."""
    if summary.unavailable is not None:
        return summary.none
    every_us = _intervals_us(summary)
    intervals_us = _whole_pairs(every_us)
    if len(intervals_us) < LEAST_INTERVALS:
        return too_few(summary, len(intervals_us), LEAST_INTERVALS)
    spread = _spread(intervals_us)
    if spread > MOST_SPREAD:
        finding = found(Rule.INTERVAL_SPREAD, spread=spread, most=MOST_SPREAD)
        return Unavailable(reason=Reason.IRREGULAR, finding=finding)
    trust = 1 - 0.6 * max(0.0, (spread - USUAL_SPREAD) / (MOST_SPREAD - USUAL_SPREAD))
    if _is_torn(every_us, intervals_us, _before_us(summary)):
        summary = summary.doubted(Reason.IRREGULAR, found(Rule.TORN))
    reading = measured(60e6 * len(intervals_us) / sum(intervals_us), summary, trust)
    is_short = sum(intervals_us) < WINDOW_US - UNFILLED * median(intervals_us)
    if is_short and shortage(summary) is Reason.LEARNING:  # a part of a breath, or of an uneven rhythm
        return questioned(reading, Reason.LEARNING, found(Rule.FEW_INTERVALS))
    return reading


def _spread(intervals_us: list[int]) -> float:
    """Standard deviation of the intervals over their mean; beats that come in pairs count as regular."""
    mean = sum(intervals_us) / len(intervals_us)
    alone = sqrt(sum([(x - mean) ** 2 for x in intervals_us]) / len(intervals_us))
    if len(intervals_us) < LEAST_FOR_PAIRS:
        return alone / mean
    pairs = [(a + b) / 2 for a, b in pairwise(intervals_us)]
    middle = sum(pairs) / len(pairs)
    paired = sqrt(2 * sum([(x - middle) ** 2 for x in pairs]) / len(pairs))  # sqrt(2): so irregular ones give the same
    return min(alone, paired) / mean


def _intervals_us(summary: Summary) -> list[int]:
    """Intervals between adjacent accepted beats that lie wholly in the window."""
    begin_us = summary.t_us - WINDOW_US
    return [
        p.interval_us
        for p in summary.pulses.accepted
        if p.interval_us is not None and p.candidate.upslope_us - p.interval_us > begin_us
    ]


def _before_us(summary: Summary) -> int | None:
    """The interval that began before the window, where the first whole one follows it."""
    beats = summary.pulses.accepted
    return beats[0].interval_us if len(beats) > 1 and beats[1].interval_us is not None else None


def _whole_pairs(intervals_us: list[int]) -> list[int]:
    """Without an early beat whose pause has not come yet, and a pause whose early beat has left the window.

    Both together are two usual intervals; one alone moves the rate by several beats a minute. A rate that really rises
    is counted one beat later. Where the others come in no order a short one has no pause, and nothing is left out.
    """
    if len(intervals_us) < LEAST_FOR_PAIRS:
        return intervals_us
    usual_us = median(intervals_us)
    if not (_is_alternating(intervals_us, usual_us) or _is_ordered(intervals_us[1:-1], usual_us)):
        return intervals_us
    begin = 1 if intervals_us[0] > LONG * usual_us else 0
    end = len(intervals_us) - (1 if intervals_us[-1] < SHORT * usual_us else 0)
    whole_us = intervals_us[begin:end]
    return whole_us[1:] if len(whole_us) % 2 and _is_alternating(whole_us, usual_us) else whole_us


def _is_torn(every_us: list[int], whole_us: list[int], before_us: int | None) -> bool:
    """Whether what was left out moves the rate by much, and there is no row of pairs that says why.

    A long interval after one that was not early is no pause: the rhythm is uneven, however even what is left.
    """
    moved_bpm = abs(60e6 * len(every_us) / sum(every_us) - 60e6 * len(whole_us) / sum(whole_us))
    if moved_bpm <= MOST_UNEVEN_BPM:  # most often; the deviation takes long to work out
        return False
    usual_us = median(every_us)
    is_pause = every_us[0] == whole_us[0] or before_us is None or before_us < SHORT * usual_us
    most_bpm = MOST_TORN_BPM if is_pause and pstdev(whole_us) < UNEVEN * fmean(whole_us) else MOST_UNEVEN_BPM
    return moved_bpm > most_bpm and not _is_alternating(every_us, usual_us)


def _is_ordered(intervals_us: list[int], usual_us: float) -> bool:
    """Whether every early beat has its pause and every pause its early beat: both are two usual intervals."""
    k = 0
    while k < len(intervals_us):
        is_early = intervals_us[k] < SHORT * usual_us
        if is_early and k + 1 < len(intervals_us):
            both = (intervals_us[k] + intervals_us[k + 1]) / (2 * usual_us)
            if abs(both - 1) > UNEVEN:
                return False
            k += 1
        elif k > 0 and intervals_us[k] > LONG * usual_us:
            return False
        k += 1
    return True


def _is_alternating(intervals_us: list[int], usual_us: float) -> bool:
    """Whether every early beat has its pause: then an odd number of intervals says nothing of the rate.

    Such beats are coupled: all are about as early. Intervals without order that happen to alternate differ among
    themselves by more than the long from the short ones.
    """
    if len(intervals_us) < 3:
        return False
    one, other = intervals_us[::2], intervals_us[1::2]
    apart_us = max(min(one) - max(other), min(other) - max(one))
    return apart_us > max((LONG - 1) * usual_us, max(one) - min(one), max(other) - min(other))
