"""A route and the time of the dose in, the usual patient's response out.

Sizes and times are clinical.md 2.1 and 6.3: the mean rise of groups is a few mmHg because peaks fall at different
times; these are one patient's own peaks (IV: pooled mean peak rise +19.6/+13.4 mmHg).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hil.episodes import NO_CHANGE, Level, Seconds

_MINUTE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """Up to ``change`` at ``peak_s`` after the dose began, then off with a time constant; it has no exact end."""

    start_s: float
    peak_s: float
    off_s: float
    change: Level
    name: str = "ketamine response"
    end_s: float = math.inf

    def share(self, t_s: Seconds) -> Seconds:
        since = t_s - self.start_s
        rise = np.clip(since / self.peak_s, 0.0, 1.0)
        past = np.maximum(since - self.peak_s, 0.0) / self.off_s
        return np.asarray(np.sin(0.5 * np.pi * rise) ** 2 * np.exp(-(past**2) / (0.3 + past)))


def intravenous(start_s: float) -> Response:
    """0.5 mg/kg over 40 min."""
    change = Level(systolic_mmhg=20, diastolic_mmhg=13, rate_bpm=12, spo2_pct=-0.5, perfusion_pct=-0.4)
    return Response(start_s=start_s, peak_s=35 * _MINUTE_S, off_s=25 * _MINUTE_S, change=change)


def intramuscular(start_s: float) -> Response:
    """0.5 to 1 mg/kg: early and steep."""
    change = Level(systolic_mmhg=24, diastolic_mmhg=15, rate_bpm=14, spo2_pct=-0.5, perfusion_pct=-0.5)
    return Response(start_s=start_s, peak_s=17 * _MINUTE_S, off_s=20 * _MINUTE_S, change=change)


def oral(start_s: float) -> Response:
    """2.0 to 2.5 mg/kg: late and small."""
    change = Level(systolic_mmhg=10, diastolic_mmhg=6, rate_bpm=7, perfusion_pct=-0.2)
    return Response(start_s=start_s, peak_s=75 * _MINUTE_S, off_s=45 * _MINUTE_S, change=change)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dose:
    """Ketamine is being given; what it does is the response."""

    name: str
    start_s: float
    end_s: float
    change: Level = NO_CHANGE

    def share(self, t_s: Seconds) -> Seconds:
        return np.zeros(len(t_s))
