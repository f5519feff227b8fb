"""Evidence about one candidate pulse in, signal quality and reasons for rejection out."""

from __future__ import annotations

import math
from dataclasses import dataclass

from dsp.types import Reason

LARGEST = 5.0  # times the usual slope sum and amplitude: a flush or a movement


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """How a candidate compares with the pulses before.

    ``shape`` is the correlation with the template, ratios are to medians, ``foot_height`` is the rise of the foot since
    the last beat in amplitudes of that beat; ``interval_ratio`` is None where the last beat is not known.
    """

    shape: float
    slope_ratio: float
    amplitude_ratio: float
    interval_ratio: float | None
    foot_height: float
    is_echo: bool
    is_saturated: bool


def judge(evidence: Evidence) -> tuple[Reason, ...]:
    """Reasons to reject; none means a beat."""
    reasons = []
    if evidence.is_saturated:
        reasons.append(Reason.SATURATED)
    is_large = evidence.slope_ratio > 1.8 and evidence.shape < 0.7
    if is_large or min(evidence.slope_ratio, evidence.amplitude_ratio) > LARGEST:
        reasons.append(Reason.ARTIFACT)
    return tuple(reasons)


def sqi_of(evidence: Evidence) -> float:
    """Signal quality 0..1: agreement in shape, in size and in time, multiplied."""
    shape = _ramp(evidence.shape, 0.4, 0.9)
    size = 1 - _ramp(abs(math.log2(max(evidence.slope_ratio, 1e-6))), 0.8, 3.0)
    ratio = evidence.interval_ratio
    timing = 0.7 if ratio is None else 1 - 0.6 * _ramp(abs(math.log2(max(ratio, 1e-6))), 0.3, 1.2)
    return shape * size * timing


def trust(likeness: float) -> float:
    """Factor 0..1 on the quality of a beat whose neighbours do not look alike."""
    return _ramp(likeness, 0.5, 0.9)


def _ramp(x: float, low: float, high: float) -> float:
    return min(1.0, max(0.0, (x - low) / (high - low)))
