"""Summary of the pressure channel in, systolic, diastolic and mean pressure out."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from dsp.channel import Summary
from dsp.rate import measured, shortage
from dsp.types import Quantity, Reading, Unavailable

LEAST_BEATS = 2
PRESSURES = (Quantity.SYSTOLIC, Quantity.DIASTOLIC, Quantity.MEAN_PRESSURE)


def pressures(summary: Summary) -> dict[Quantity, Reading]:
    """Median over the accepted beats of the window, mmHg.

    A median leaves one beat of a flush or an extrasystole out and follows a step after half a window.
    """
    if summary.unavailable is not None:
        return dict.fromkeys(PRESSURES, Unavailable(reason=summary.unavailable))
    beats = [p for p in summary.pulses if p.accepted]
    means = [p.cycle_mean for p in beats if p.cycle_mean is not None]
    values: tuple[Sequence[float], ...] = (
        [p.candidate.raw_max for p in beats],
        [p.candidate.raw_min for p in beats],
        means,
    )
    return {q: _reading(v, summary) for q, v in zip(PRESSURES, values, strict=True)}


def _reading(values: Sequence[float], summary: Summary) -> Reading:
    if len(values) < LEAST_BEATS:
        return Unavailable(reason=shortage(summary))
    return measured(median(values), summary)
