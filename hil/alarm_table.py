"""Alarm cases in, a table of what was due and what was raised out: ``hil alarms``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

import dsp
from gateway.alarm_profiles import load_profile
from gateway.alarms import AlarmEngine, Baseline, Change, Condition, Second, Transition
from hil.alarm_cases import DOSE_S, Case
from hil.alarm_oracle import Due, allowed, due
from hil.bedside import played
from hil.disturbed import Disturbed
from hil.patient import Patient
from hil.patient_artifacts import Unplugged
from hil.truth import seconds

_SECOND_US = 1_000_000
_BEGIN_S = 60  # of what the baseline is made


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One due alarm and when it came, or, without one, alarms that nobody expected."""

    case: Case
    seed: int
    due: Due | None
    raised_s: float | None = None
    others: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        return not self.others if self.due is None else self.raised_s is not None and self.raised_s <= self.due.by_s


def rows(case: Case) -> Iterator[Row]:
    """Play a case with each of its seeds."""
    for seed in case.seeds:
        truth = list(seconds(Patient(seed, case.scenario)))
        transitions, baseline = _play(case, seed)
        profile = load_profile(case.profile)
        expected = [*case.due, *due(profile, truth, baseline)]
        for one in expected:
            yield Row(case=case, seed=seed, due=one, raised_s=_raised_s(transitions, one))
        known = {one.condition for one in expected} | set(case.allowed) | allowed(profile, truth, baseline)
        yield Row(case=case, seed=seed, due=None, others=_others(transitions, known))


def _play(case: Case, seed: int) -> tuple[list[Transition], dict[dsp.Quantity, float]]:
    """All transitions, and the baseline that was set before a dose."""
    engine = AlarmEngine(load_profile(case.profile), series="table")
    transitions: list[Transition] = []
    history: list[Second] = []
    baseline: dict[dsp.Quantity, float] = {}
    patient = Patient(seed, case.scenario)
    at_cable = [artifact for artifact in patient.scenario.artifacts if isinstance(artifact, Unplugged)]
    for event in played(Disturbed(patient, at_cable, noise_seed=seed)):
        transitions += [out for out in engine.feed(event) if isinstance(out, Transition)]
        if isinstance(event, Second) and case.has_dose and event.t_us <= DOSE_S * _SECOND_US:
            history.append(event)
            if event.t_us == DOSE_S * _SECOND_US:
                baseline = _baseline(history)
                engine.feed(Baseline(t_us=event.t_us, values=baseline))
    return transitions, baseline


def _baseline(history: list[Second]) -> dict[dsp.Quantity, float]:
    """Medians of the good seconds, as a session takes them."""
    good: dict[dsp.Quantity, list[float]] = {}
    for second in history[_BEGIN_S:]:
        for quantity, reading in second.readings.items():
            if isinstance(reading, dsp.Measured) and not reading.reasons:
                good.setdefault(quantity, []).append(reading.value)
    return {quantity: median(values) for quantity, values in good.items()}


def _raised_s(transitions: list[Transition], one: Due) -> float | None:
    """When the condition was raised, or stood already, with at least that priority."""
    current: Transition | None = None
    for transition in transitions:
        if transition.alarm.condition is not one.condition or transition.change is Change.LATCHED:
            continue
        if transition.alarm.priority >= one.priority and transition.alarm.presence.value != "off":
            if transition.t_us >= one.since_s * _SECOND_US:
                return transition.t_us / _SECOND_US if current is None else one.since_s
            current = transition
        else:
            current = None
    return one.since_s if current is not None else None


def _others(transitions: list[Transition], known: set[Condition]) -> tuple[str, ...]:
    return tuple(
        f"{t.alarm.condition.value} at {t.t_us // _SECOND_US} s ({t.alarm.text})"
        for t in transitions
        if t.change in (Change.RAISED, Change.RISEN) and t.alarm.condition not in known
    )


def lines(found: list[Row]) -> Iterator[str]:
    """The table, in Markdown."""
    yield "| case | scenario, profile | seed | due | from s | by s | raised at s | |"
    yield "|---|---|---|---|---|---|---|---|"
    for row in found:
        head = f"| {row.case.letter} | {row.case.scenario}, {row.case.profile} | {row.seed} |"
        if row.due is not None:
            what = f"{row.due.condition.value}, {row.due.priority.value}"
            when = f"{row.raised_s:.0f}" if row.raised_s is not None else "never"
            times = f"{row.due.since_s:.0f} | {row.due.by_s:.0f} | {when}"
            yield f"{head} {what} | {times} | {'good' if row.is_good else 'LATE'} |"
        elif row.others or not any(other.due for other in found if (other.case, other.seed) == (row.case, row.seed)):
            yield f"{head} no other | | | {'; '.join(row.others) or 'none'} | {'good' if row.is_good else 'FALSE'} |"
