"""Summary of the pressure channel in, systolic, diastolic and mean pressure out."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from dsp.channel import Summary
from dsp.readings import measured, questioned, too_few
from dsp.rules import Rule, found
from dsp.types import Measured, Quantity, Reading, Reason, Unavailable

LEAST_BEATS = 2
# jSQI (Sun, Reisner, Mark, Computers in Cardiology 2006): beyond it the sensor is likelier than the patient.
MOST_MEAN_MMHG = 200.0
# No artery has less than the air around it: below zero the zero itself is wrong, and far below the line was opened.
LEAST_MMHG = -10.0
PRESSURES = (Quantity.SYSTOLIC, Quantity.DIASTOLIC, Quantity.MEAN_PRESSURE)


def pressures(summary: Summary) -> dict[Quantity, Reading]:
    """Median over the accepted beats of the window, mmHg.

    A median leaves one beat of a flush or an extrasystole out and follows a step after half a window. What is higher
    than a patient's is told all the same, doubtful: it may be a surge, or a bit of the converter that is stuck.
    """
    if summary.unavailable is not None:
        return dict.fromkeys(PRESSURES, summary.none)
    beats = summary.pulses.accepted
    means = [p.cycle_mean for p in beats if p.cycle_mean is not None]
    if means and median(means) > MOST_MEAN_MMHG:
        high = found(Rule.MEAN_HIGH, mean_mmhg=median(means), most_mmhg=MOST_MEAN_MMHG)
        summary = summary.doubted(Reason.IMPLAUSIBLE, high)
    values: tuple[Sequence[float], ...] = (
        [p.candidate.raw_max for p in beats],
        [p.candidate.raw_min for p in beats],
        means,
    )
    readings = {q: _reading(v, summary) for q, v in zip(PRESSURES, values, strict=True)}
    lowest = min((r.value for r in readings.values() if isinstance(r, Measured)), default=0.0)
    if lowest >= 0:
        return readings
    finding = found(Rule.BELOW_ZERO, lowest_mmhg=lowest, least_mmhg=LEAST_MMHG)
    if lowest < LEAST_MMHG:
        return dict.fromkeys(PRESSURES, Unavailable(reason=Reason.IMPLAUSIBLE, finding=finding))
    return {q: questioned(r, Reason.IMPLAUSIBLE, finding) for q, r in readings.items()}


def _reading(values: Sequence[float], summary: Summary) -> Reading:
    if len(values) < LEAST_BEATS:
        return too_few(summary, len(values), LEAST_BEATS)
    return measured(median(values), summary)
