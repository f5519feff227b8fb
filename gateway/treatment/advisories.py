"""State and history of a session in, what there is to know in words out: what was seen, against what was expected.

An advisory is never an alarm and never says what to do.
"""

from __future__ import annotations

from collections.abc import Iterator

import dsp
from gateway.treatment.envelope import EnvelopeWatch, Side
from gateway.treatment.measured import History
from gateway.treatment.phases import DOSED, GIVING, Phase
from gateway.treatment.records import Comparison
from gateway.treatment.routes import COURSES
from gateway.treatment.state import SessionState

# Hold rule of trials: withhold if the pressure before the dose is over 140 (over 150 if older than 65) or over 90 mmHg.
_HOLD_SYSTOLIC, _HOLD_SYSTOLIC_OVER_65, _HOLD_DIASTOLIC = 140, 150, 90
_UNSEEN = "; not measured now"
_CONFIRMING = 2  # cuff readings in a row
_NEEDED = {dsp.Quantity.SYSTOLIC: "systolic pressure", dsp.Quantity.PULSE_RATE: "pulse rate"}
_BEFORE = frozenset({Phase.SCREENING, Phase.BASELINE})
_OF_BEFORE = frozenset({"hold", "hold-unconfirmed"})


def found(
    state: SessionState, history: History, envelope: EnvelopeWatch, comparison: Comparison | None, clock_ms: int
) -> dict[str, str]:
    """What there is to know now, by name."""
    return {
        **dict(_before_dose(state, history)),
        **dict(_after_dose(state, envelope, clock_ms)),
        **dict(_beside_others(comparison)),
    }


def end_of(name: str, state: SessionState) -> str:
    """In words: the rule of before the dose ends with it, whatever the pressure is."""
    return "not looked at after the dose" if name in _OF_BEFORE and state.phase not in _BEFORE else "over"


def _before_dose(state: SessionState, history: History) -> Iterator[tuple[str, str]]:
    if state.phase not in _BEFORE:
        return
    systolic_limit = _HOLD_SYSTOLIC_OVER_65 if state.is_over_65 else _HOLD_SYSTOLIC
    rule = f"the hold rule is over {systolic_limit} or over {_HOLD_DIASTOLIC} mmHg before the dose"
    last = [reading.cuff for reading in state.cuffs[-_CONFIRMING:]]
    beyond = [cuff.systolic_mmhg > systolic_limit or cuff.diastolic_mmhg > _HOLD_DIASTOLIC for cuff in last]
    readings = " and ".join(f"{cuff.systolic_mmhg}/{cuff.diastolic_mmhg}" for cuff in last)
    if len(last) == _CONFIRMING and all(beyond):
        yield "hold", f"cuff {readings}; {rule}"
        return
    if last and beyond[-1]:
        yield "hold-unconfirmed", f"cuff {readings}; {rule}, confirmed by {_CONFIRMING} readings in a row"
        return
    systolic, diastolic = history.now(dsp.Quantity.SYSTOLIC), history.now(dsp.Quantity.DIASTOLIC)
    before = next((one.text for one in state.advisories if one.name == "hold-unconfirmed"), None)
    if systolic is None and diastolic is None and before and not last:  # not measured: neither beyond nor over
        yield "hold-unconfirmed", before.removesuffix(_UNSEEN) + _UNSEEN
        return
    is_beyond = (systolic or 0) > systolic_limit or (diastolic or 0) > _HOLD_DIASTOLIC
    if is_beyond and not last:
        measured = "/".join("--" if value is None else f"{value:.0f}" for value in (systolic, diastolic))
        yield "hold-unconfirmed", f"measured {measured}; {rule}, confirmed by {_CONFIRMING} cuff readings in a row"


def _after_dose(state: SessionState, envelope: EnvelopeWatch, clock_ms: int) -> Iterator[tuple[str, str]]:
    if state.phase not in DOSED or state.route is None:
        return
    missing = [words for quantity, words in _NEEDED.items() if quantity not in state.baseline]
    if missing:
        yield "no-baseline", f"no baseline of {' and '.join(missing)}: what is relative to it is not judged"
    if above := envelope.beyond(Side.ABOVE):
        yield "above-envelope", f"{' and '.join(above)} above what is expected at this time"
    if below := envelope.beyond(Side.BELOW):
        yield "below-envelope", f"{' and '.join(below)} below what is expected at this time"
    since_ms = clock_ms - state.doses[-1].clock_ms
    if state.finished_ms is None and state.phase in GIVING and since_ms > COURSES[state.route].peak_to_ms:
        yield "dose-not-finished", f"nobody has said that the dose is finished, {since_ms // 60_000} min after it began"


def _beside_others(comparison: Comparison | None) -> Iterator[tuple[str, str]]:
    if comparison is not None and comparison.is_larger and comparison.systolic_rise is not None:
        earlier = comparison.earlier_systolic_rise
        yield (
            "larger-than-before",
            f"systolic rise {comparison.systolic_rise:.0f} mmHg; in {comparison.sessions} earlier sessions "
            f"{min(earlier):.0f} to {max(earlier):.0f}",
        )
