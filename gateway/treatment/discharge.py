"""History, baseline and what a person has entered in, how far the criteria of discharge are met out.

The computable part of PADSS (vital signs, the worst of both pressures and the rate, within 20 % of baseline 2, to 40 %
1, beyond 0; 9 of 10 is fit) and of the modified Aldrete score (the worse of both pressures within 20 % 2, to 50 % 1;
SpO2 over 92 % on room air 2, to 90 % 1; 9 of 10), and the recovery gate: time since the end of the dose, pressures and
rate within 20 %, SpO2 of 92 % and more, all for ten minutes, dissociation cleared. An SpO2 without calibration proves
nothing: it may be 92 % of another scale. Sources: the scores' published tables; 50 % and 90 % are the usual reading of
Aldrete (unverified).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import dsp
from gateway.treatment.measured import History
from gateway.treatment.records import Discharge, Gate, GateState, NurseItem, Score
from gateway.treatment.routes import COURSES, Route

_SECONDS = 600  # the ten minutes
_ENOUGH = 0.8  # of the seconds measured; less proves nothing
_STRAY = 0.05  # of the measured seconds may lie outside, such as after a cough
_NOW_SECONDS, _NOW_ENOUGH = 20, 5  # what is called now here: the median of the good seconds of these, if so many are
_NEAR = 0.20
_SPO2 = 92.0
_FIT = 9
_PRESSURES = {dsp.Quantity.SYSTOLIC: "systolic pressure", dsp.Quantity.DIASTOLIC: "diastolic pressure"}
_RATIO_GATES = {**_PRESSURES, dsp.Quantity.PULSE_RATE: "pulse rate"}
_PADSS = (
    NurseItem.PADSS_ACTIVITY,
    NurseItem.PADSS_PAIN_NAUSEA,
    NurseItem.PADSS_BLEEDING,
    NurseItem.PADSS_INTAKE,
)
_ALDRETE = (NurseItem.ALDRETE_ACTIVITY, NurseItem.ALDRETE_RESPIRATION, NurseItem.ALDRETE_CONSCIOUSNESS)


def judge(
    history: History,
    baseline: Mapping[dsp.Quantity, float],
    items: Mapping[NurseItem, int],
    *,
    route: Route,
    since_finish_ms: int | None,
) -> Discharge:
    """All criteria now; ``since_finish_ms`` None is a dose that is not finished. Since when is not known here."""
    padss = _score(items, _PADSS, {"padss_vital_signs": _vital_signs(history, baseline)})
    computed = {"aldrete_pressure": _pressure(history, baseline), "aldrete_saturation": _saturation(history)}
    aldrete = _score(items, _ALDRETE, computed)
    gates = [
        _time_gate(route, since_finish_ms),
        *(_ratio_gate(history, baseline, quantity, words) for quantity, words in _RATIO_GATES.items()),
        _ten_minutes(history, dsp.Quantity.SPO2, "SpO2", f"{_SPO2:g} % and more", low=_SPO2, high=100.0),
        *_item_gates(items, route),
    ]
    scores = [_score_gate("PADSS", padss), _score_gate("Aldrete", aldrete)]
    is_fit = all(gate.state is GateState.MET for gate in gates) and all(
        gate.state is not GateState.NOT_MET for gate in scores
    )
    return Discharge(
        is_fit=is_fit,
        fit_since_utc_ms=None,
        first_fit_utc_ms=None,
        gates=[*gates, *scores],
        padss=padss,
        aldrete=aldrete,
    )


def _time_gate(route: Route, since_finish_ms: int | None) -> Gate:
    needed = COURSES[route].observe_ms
    is_over = since_finish_ms is not None and since_finish_ms >= needed
    state = GateState.MET if is_over else GateState.NOT_MET
    return Gate(name="observation", state=state, text=f"{needed // 60_000} min since the dose was finished")


def _ratio_gate(history: History, baseline: Mapping[dsp.Quantity, float], quantity: dsp.Quantity, words: str) -> Gate:
    before = baseline.get(quantity)
    if before is None:
        return Gate(name=words, state=GateState.UNKNOWN, text="no baseline")
    wanted = f"within {_NEAR:.0%} of {before:g}"
    return _ten_minutes(history, quantity, words, wanted, low=(1 - _NEAR) * before, high=(1 + _NEAR) * before)


def _ten_minutes(history: History, quantity: dsp.Quantity, name: str, wanted: str, *, low: float, high: float) -> Gate:
    """Ten minutes prove nothing of a patient who is not measured now, and less of one who is outside now."""
    good, now = history.good(quantity, _SECONDS), history.now(quantity, _NOW_SECONDS, _NOW_ENOUGH)
    text = f"{wanted} for {_SECONDS // 60} min"
    outside = len([value for value in good if not low <= value <= high])
    is_outside_now = now is not None and not low <= now <= high
    if is_outside_now or outside > _STRAY * max(len(good), _ENOUGH * _SECONDS):
        return Gate(name=name, state=GateState.NOT_MET, text=text)
    if len(good) < _ENOUGH * _SECONDS:
        return Gate(name=name, state=GateState.UNKNOWN, text=f"{text}: not measured for long enough")
    if now is None:
        return Gate(name=name, state=GateState.UNKNOWN, text=f"{text}: not measured now")
    if quantity is dsp.Quantity.SPO2 and history.is_uncalibrated(quantity):
        return Gate(name=name, state=GateState.UNKNOWN, text=f"{text}: not calibrated")
    return Gate(name=name, state=GateState.MET, text=text)


def _item_gates(items: Mapping[NurseItem, int], route: Route) -> list[Gate]:
    needed = [NurseItem.DISSOCIATION_CLEARED]
    if route is Route.NASAL:  # the monitoring form asks for both
        needed.append(NurseItem.SEDATION_CLEARED)
    return [_item_gate(item, items.get(item)) for item in needed]


def _item_gate(item: NurseItem, entered: int | None) -> Gate:
    name = item.value.replace("_", " ")
    if entered is None:
        return Gate(name=name, state=GateState.UNKNOWN, text="not entered")
    return Gate(name=name, state=GateState.MET if entered else GateState.NOT_MET, text="entered by a person")


def _score_gate(name: str, score: Score) -> Gate:
    text = f"{_FIT} of 10 and more"
    if score.total is None:
        return Gate(name=name, state=GateState.UNKNOWN, text=f"{text}: not all entered or measured")
    return Gate(name=name, state=GateState.MET if score.total >= _FIT else GateState.NOT_MET, text=text)


def _score(items: Mapping[NurseItem, int], wanted: tuple[NurseItem, ...], computed: dict[str, int | None]) -> Score:
    parts = {**computed, **{item.value: items.get(item) for item in wanted}}
    known = [part for part in parts.values() if part is not None]
    return Score(total=sum(known) if len(known) == len(parts) else None, parts=parts)


def _deviation(history: History, baseline: Mapping[dsp.Quantity, float], quantity: dsp.Quantity) -> float | None:
    before, now = baseline.get(quantity), history.now(quantity)
    return None if before is None or now is None else abs(now - before) / before


def _vital_signs(history: History, baseline: Mapping[dsp.Quantity, float]) -> int | None:
    """The worst of pressures and rate."""
    return _points(_worst(history, baseline, _RATIO_GATES), _NEAR, 0.40)


def _pressure(history: History, baseline: Mapping[dsp.Quantity, float]) -> int | None:
    return _points(_worst(history, baseline, _PRESSURES), _NEAR, 0.50)


def _worst(
    history: History, baseline: Mapping[dsp.Quantity, float], quantities: Iterable[dsp.Quantity]
) -> float | None:
    """The largest deviation, None while one of them is not known."""
    found = [_deviation(history, baseline, quantity) for quantity in quantities]
    known = [deviation for deviation in found if deviation is not None]
    return max(known) if len(known) == len(found) else None


def _points(deviation: float | None, two: float, one: float) -> int | None:
    if deviation is None:
        return None
    return 2 if deviation <= two else 1 if deviation <= one else 0


def _saturation(history: History) -> int | None:
    now = history.now(dsp.Quantity.SPO2)
    if now is None or history.is_uncalibrated(dsp.Quantity.SPO2):
        return None
    return 2 if now > _SPO2 else 1 if now >= 90.0 else 0
