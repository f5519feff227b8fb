"""How ketamine is given, and what the usual patient's course by that route is: times and sizes, each with its source.

Numbers that no source states are marked unverified. They are a proposal that a clinic has to sign.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

import dsp

_MINUTE_MS = 60_000


class Route(Enum):
    """How the drug gets into the patient."""

    INTRAVENOUS = "iv"
    INTRAMUSCULAR = "im"
    ORAL = "oral"
    NASAL = "nasal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What is expected after a dose by one route; times count from its beginning, except two.

    Attributes
    ----------
    onset_ms, peak_from_ms, peak_to_ms : effect begins, is largest from, and to
    settle_ms : after the dose is finished, before recovery may begin
    observe_ms : after the dose is finished, before discharge may be thought of
    off_ms : time constant of the decay after ``peak_to_ms``
    rise : usual largest rise over baseline, mmHg and 1/min
    is_continuous : given over minutes, so that a person has to say when it is finished
    """

    onset_ms: int
    peak_from_ms: int
    peak_to_ms: int
    settle_ms: int
    observe_ms: int
    off_ms: int
    rise: dict[dsp.Quantity, float]
    is_continuous: bool

    def share(self, since_ms: int) -> float:
        """How much of the largest rise is usual so long after a dose began, smoothly from 0 to 1 at mid-peak."""
        if since_ms <= 0:
            return 0.0
        if since_ms <= self.peak_to_ms:
            top_ms = (self.peak_from_ms + self.peak_to_ms) / 2
            return math.sin(0.5 * math.pi * min(1.0, since_ms / top_ms)) ** 2
        return math.exp(-(since_ms - self.peak_to_ms) / self.off_ms)


def _minutes(minutes: float) -> int:
    return round(minutes * _MINUTE_MS)


def _rise(systolic: float, diastolic: float, rate: float) -> dict[dsp.Quantity, float]:
    return {
        dsp.Quantity.SYSTOLIC: systolic,
        dsp.Quantity.DIASTOLIC: diastolic,
        dsp.Quantity.PULSE_RATE: rate,
    }


COURSES: dict[Route, Course] = {
    # 0.5 mg/kg over 40 min. Peak 30 to 50 min (review of all routes, UpToDate abstract; largest mean at 30 min in 684
    # infusions, PMID 29525051), single patients from 25 min. Size: mean peak rise +19.6/+13.4 mmHg of 205 infusions
    # (Wan 2015, unverified). Onset unverified. Observation: 30 min after the end, recovery gate of PADSS and Aldrete
    # practice.
    Route.INTRAVENOUS: Course(
        onset_ms=_minutes(5),
        peak_from_ms=_minutes(30),
        peak_to_ms=_minutes(50),
        settle_ms=_minutes(10),
        observe_ms=_minutes(30),
        off_ms=_minutes(25),
        rise=_rise(20, 13, 12),
        is_continuous=True,
    ),
    # 0.5 to 1 mg/kg. Acts in 3 to 4 min; peak 15 to 30 min and size between intravenous and subcutaneous: unverified.
    # Observation: at least 60 min after the last dose (emergency department protocol).
    Route.INTRAMUSCULAR: Course(
        onset_ms=_minutes(3),
        peak_from_ms=_minutes(15),
        peak_to_ms=_minutes(30),
        settle_ms=0,
        observe_ms=_minutes(60),
        off_ms=_minutes(20),
        rise=_rise(24, 15, 14),
        is_continuous=False,
    ),
    # 2.0 to 2.5 mg/kg. Peak about 60 min, to 90; smaller rise; onset and observation: unverified.
    Route.ORAL: Course(
        onset_ms=_minutes(20),
        peak_from_ms=_minutes(60),
        peak_to_ms=_minutes(90),
        settle_ms=0,
        observe_ms=_minutes(120),
        off_ms=_minutes(45),
        rise=_rise(10, 6, 7),
        is_continuous=False,
    ),
    # Esketamine. Peak about 40 min (label); largest mean rise +13.3/+8.7 mmHg of 1708 patients; rate and onset
    # unverified. Observation: at least 2 h (label and REMS monitoring form). Sprays follow each other by 5 min: the
    # first one counts.
    Route.NASAL: Course(
        onset_ms=_minutes(10),
        peak_from_ms=_minutes(30),
        peak_to_ms=_minutes(50),
        settle_ms=0,
        observe_ms=_minutes(120),
        off_ms=_minutes(30),
        rise=_rise(13, 9, 7),
        is_continuous=False,
    ),
}
