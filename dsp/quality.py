"""Evidence about one candidate pulse in, signal quality and reasons for rejection out."""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import NamedTuple

from dsp.rules import Finding, Rule, found
from dsp.types import Reason

STEP_SLOPE, STEP_FOOT = 0.3, 0.3  # of the usual slope sum and of the last beat's height
LARGEST = 5.0  # times the usual slope sum and amplitude: a flush or a movement


class Evidence(NamedTuple):
    """How a candidate compares with the pulses before.

    ``shape`` is the correlation with the template, ratios are to medians, ``foot_height`` is the rise of the foot since
    the last beat in amplitudes of that beat; ``interval_ratio`` is None where the last beat is not known.
    """

    shape: float
    likeness: float
    slope_ratio: float
    amplitude_ratio: float
    interval_ratio: float | None
    foot_height: float
    is_echo: bool
    has_steps: bool
    is_saturated: bool
    highest: float  # of the raw signal
    lowest: float

    @property
    def is_step(self) -> bool:
        """Small and on a raised foot: the steps by which a volume-clamp device calibrates itself, not a pulse."""
        return self.has_steps and self.slope_ratio < STEP_SLOPE and self.foot_height > STEP_FOOT


ODD_SLOPE, ODD_SHAPE = 1.8, 0.7  # steeper than usual and unlike the pulses before
# A finger that moves makes what no pulse is, each unlike the pulses before: far larger than they are, or higher than it
# is steep (a pulse that is weaker or stronger keeps its rise time), or before its time.
HUGE_SLOPE, HUGE_LIKENESS = 3.0, 0.8
SLOW_RISE, SLOW_LIKENESS = 1.4, 0.6
EARLY_INTERVAL, EARLY_LIKENESS = 0.75, 0.15


def judge(evidence: Evidence) -> tuple[Finding, ...]:
    """The rules that reject; none means a beat."""
    findings = []
    if evidence.is_saturated:
        findings.append(found(Rule.BEAT_RAILED, highest=evidence.highest, lowest=evidence.lowest))
    slope, amplitude = evidence.slope_ratio, evidence.amplitude_ratio
    if min(slope, amplitude) > LARGEST:
        findings.append(found(Rule.BEAT_LARGE, slope_ratio=slope, amplitude_ratio=amplitude, most=LARGEST))
    elif slope > ODD_SLOPE and evidence.shape < ODD_SHAPE:
        odd = found(Rule.BEAT_ODD, slope_ratio=slope, most=ODD_SLOPE, shape=evidence.shape, least=ODD_SHAPE)
        findings.append(odd)
    elif not evidence.has_steps:
        findings += _movement(evidence)
    return tuple(findings)


def _movement(evidence: Evidence) -> list[Finding]:
    likeness, interval = evidence.likeness, evidence.interval_ratio
    rise = evidence.amplitude_ratio / evidence.slope_ratio
    if evidence.slope_ratio > HUGE_SLOPE and likeness < HUGE_LIKENESS:
        slope = evidence.slope_ratio
        return [found(Rule.BEAT_HUGE, slope_ratio=slope, most=HUGE_SLOPE, likeness=likeness, least=HUGE_LIKENESS)]
    if rise > SLOW_RISE and likeness < SLOW_LIKENESS:
        return [found(Rule.BEAT_SLOW, rise=rise, most=SLOW_RISE, likeness=likeness, least=SLOW_LIKENESS)]
    if interval is not None and interval < EARLY_INTERVAL and likeness < EARLY_LIKENESS:
        return [found(Rule.BEAT_EARLY, interval=interval, least=EARLY_INTERVAL, likeness=likeness, like=EARLY_LIKENESS)]
    return []


REASON_OF = {
    Rule.BEAT_RAILED: Reason.SATURATED,
    Rule.BEAT_LARGE: Reason.ARTIFACT,
    Rule.BEAT_ODD: Reason.ARTIFACT,
    Rule.BEAT_HUGE: Reason.ARTIFACT,
    Rule.BEAT_SLOW: Reason.ARTIFACT,
    Rule.BEAT_EARLY: Reason.ARTIFACT,
    Rule.BEAT_POOR: Reason.ARTIFACT,
    Rule.BEAT_ALIKE: Reason.LEARNING,
}


# Quality: 0 and 1 of each kind of agreement. Of sizes and times it is their distance from the usual, in octaves. Own
# choices, held by the tests of noise, movement and early beats.
SHAPE_GRADE, LIKENESS_GRADE, NEIGHBOURS_GRADE = (0.4, 0.9), (0.0, 0.6), (0.5, 0.9)
SIZE_OCTAVES, TIME_OCTAVES = (0.8, 3.0), (0.3, 1.2)
OUT_OF_TIME, UNTIMED = 0.4, 0.7  # what is left of the quality of a beat far from its time, and where that is not known


def sqi_of(evidence: Evidence) -> float:
    """Signal quality 0..1: agreement in shape, in size and in time, multiplied.

    Of an early beat only the upslope is judged; where the rest is unlike any pulse it was one by chance.
    """
    shape = min(_ramp(evidence.shape, *SHAPE_GRADE), _ramp(evidence.likeness, *LIKENESS_GRADE))
    size = 1 - _ramp(_octaves(evidence.slope_ratio), *SIZE_OCTAVES)
    if evidence.interval_ratio is None:
        return shape * size * UNTIMED
    return shape * size * (1 - (1 - OUT_OF_TIME) * _ramp(_octaves(evidence.interval_ratio), *TIME_OCTAVES))


def trust(likeness: float) -> float:
    """Factor 0..1 on the quality of a beat whose neighbours do not look alike."""
    return _ramp(likeness, *NEIGHBOURS_GRADE)


def _octaves(ratio: float) -> float:
    return abs(math.log2(max(ratio, 1e-6)))


# Before its time (in median intervals) a small hump that is unlike a pulse is none, whatever else speaks for it.
SOON, SMALL, UNLIKE = 0.8, 0.6, 0.1
# Right after a beat it is a dicrotic wave unless it looks just like a pulse and starts low; the lower it starts the
# smaller a real one may be. It has to exceed the humps that usually follow the beats as well.
ECHO_SOON, ECHO_LIKE, ECHO_FOOT = 0.5, 0.85, 0.6
LOW_SOON, LOW_FOOT, LOW_SHARE = 0.65, 0.25, 0.65
NOISE_TIMES, NOISE_MORE, NOISE_MOST = 1.3, 0.1, 0.8
# Later than any dicrotic wave an early beat may be small.
EARLY, EARLY_SHARE = 0.75, 0.2


def is_full_size(evidence: Evidence, noise: float) -> bool:
    """Large enough to be a pulse where it stands; dicrotic doubles are early, small and start high."""
    ratio = 1.0 if evidence.interval_ratio is None else evidence.interval_ratio
    least = _least_share(ratio)
    if ratio < SOON and evidence.slope_ratio < SMALL and evidence.shape < UNLIKE:
        return False
    if ratio >= SOON and evidence.is_step:
        return False
    if evidence.is_echo:
        if ratio < ECHO_SOON and (evidence.shape < ECHO_LIKE or evidence.foot_height > ECHO_FOOT):
            return False
        if ratio < LOW_SOON and evidence.shape > ECHO_LIKE and evidence.foot_height < LOW_FOOT:
            least *= LOW_SHARE
        least = max(least, min(NOISE_MOST, NOISE_TIMES * noise + NOISE_MORE))
    elif ratio < EARLY:
        least = min(least, EARLY_SHARE)
    return evidence.slope_ratio >= least


# Least share of the usual slope sum, by the time since the last beat in median intervals. A hump where a pulse is due
# needs little; early ones are dicrotic waves, late ones stand where pulses are missing, so that noise has had a chance.
# Own choice, from the humps of the recordings at hand.
_DUE = (0.4, 0.5, 0.55, 0.6, 0.65, 0.75, 0.85, 1.1, 1.2, 1.4)
_LEAST = (0.85, 0.65, 0.55, 0.40, 0.30, 0.22, 0.15, 0.15, 0.30, 0.40)


def _least_share(ratio: float) -> float:
    if ratio <= _DUE[0]:
        return _LEAST[0]
    if ratio > _DUE[-1]:
        return _LEAST[-1]
    k = bisect_left(_DUE, ratio)
    (r0, r1), (s0, s1) = _DUE[k - 1 : k + 1], _LEAST[k - 1 : k + 1]
    return s0 + (s1 - s0) * (ratio - r0) / (r1 - r0)


def _ramp(x: float, low: float, high: float) -> float:
    return min(1.0, max(0.0, (x - low) / (high - low)))
