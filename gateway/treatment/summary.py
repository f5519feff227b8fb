"""A session's state in, what is told of it afterwards out: largest rises, lines of a form, a summary, a comparison."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

import dsp
from gateway.treatment.measured import History
from gateway.treatment.records import Comparison, Summary, VitalSigns
from gateway.treatment.state import SessionState

LARGER = 10.0  # mmHg beyond the largest earlier rise: about what one session of a patient differs from the next
_PEAK_SECONDS = 30  # a peak is the median of so many good seconds, so that one second is none
_FORM_QUANTITIES = (dsp.Quantity.SYSTOLIC, dsp.Quantity.DIASTOLIC, dsp.Quantity.PULSE_RATE, dsp.Quantity.SPO2)


def note_peak(state: SessionState, history: History, clock_ms: int) -> None:
    """Keep the largest rise over the baseline so far, and when that of the systolic pressure was; changes ``state``."""
    for quantity, before in state.baseline.items():
        good = history.good(quantity, _PEAK_SECONDS)
        if len(good) < _PEAK_SECONDS:
            continue
        rise = round(median(good) - before.value, 1)
        if rise > state.peak_rise.get(quantity, 0.0):
            state.peak_rise[quantity] = rise
            if quantity is dsp.Quantity.SYSTOLIC:
                state.peak_clock_ms = clock_ms


def form_line(when: str, history: History, now_ms: int) -> VitalSigns:
    """The vital signs of the last minute."""
    now = {quantity.value: history.now(quantity) for quantity in _FORM_QUANTITIES}
    return VitalSigns(when=when, utc_ms=now_ms, **now)


def summary(state: SessionState, now_ms: int) -> Summary | None:
    """What stays of a session that ends, None if it belongs to no series or had no dose."""
    if state.series is None or state.route is None or state.started_ms is None or not state.doses:
        return None
    amounts = [dose.amount_mg for dose in state.doses if dose.amount_mg is not None]
    return Summary(
        series=state.series,
        route=state.route,
        started_utc_ms=state.started_ms,
        ended_utc_ms=now_ms,
        dose_mg=sum(amounts) if len(amounts) == len(state.doses) else None,
        baseline={quantity: one.value for quantity, one in state.baseline.items()},
        peak_rise=dict(state.peak_rise),
        peak_after_ms=None if state.peak_clock_ms is None else state.peak_clock_ms - state.doses[0].clock_ms,
    )


def comparison(state: SessionState, earlier: Iterable[Summary]) -> Comparison | None:
    """A session beside the earlier ones of its series by the same route, None if there are none."""
    rises = [
        one.peak_rise[dsp.Quantity.SYSTOLIC]
        for one in earlier
        if one.series == state.series
        and one.route is state.route
        and one.started_utc_ms != state.started_ms
        and dsp.Quantity.SYSTOLIC in one.peak_rise
    ]
    if state.series is None or not rises:
        return None
    rise = state.peak_rise.get(dsp.Quantity.SYSTOLIC)
    return Comparison(
        sessions=len(rises),
        earlier_systolic_rise=rises,
        systolic_rise=rise,
        is_larger=rise is not None and rise > max(rises) + LARGER,
    )
