"""Alarm cases in, a table of what was due and what was raised out: ``hil alarms``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from statistics import median

import dsp
from gateway.alarm_profiles import load_profile
from gateway.alarms import AlarmEngine, Baseline, Change, Condition, Second, Transition
from gateway.alarms.catalogue import CATALOGUE, doubt_delay_s
from hil.alarm_cases import DOSE_S, Case, LinkCase
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

    case: Case | LinkCase
    seed: int
    due: Due | None
    raised_s: float | None = None
    others: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        return not self.others if self.due is None else self.raised_s is not None and self.raised_s <= self.due.by_s


@dataclass(slots=True)
class Played:
    """What one chair has done: transitions, the baseline before a dose, and when which number was doubtful."""

    transitions: list[Transition] = field(default_factory=list)
    baseline: dict[dsp.Quantity, float] = field(default_factory=dict)
    doubtful_s: dict[dsp.Quantity, list[float]] = field(default_factory=dict)

    def note(self, second: Second) -> None:
        for quantity, reading in second.readings.items():
            if reading.validity is dsp.Validity.QUESTIONABLE:
                self.doubtful_s.setdefault(quantity, []).append(second.t_us / _SECOND_US)


def rows(case: Case) -> Iterator[Row]:
    """Play a case with each of its seeds: one chair each, all at once, second by second."""
    chairs = [Played() for _ in case.seeds]
    for _ in zip_longest(*(_play(case, seed, chair) for seed, chair in zip(case.seeds, chairs, strict=True))):
        pass
    for seed, chair in zip(case.seeds, chairs, strict=True):
        yield from _judged(case, seed, chair)


def _judged(case: Case, seed: int, chair: Played) -> Iterator[Row]:
    truth = list(seconds(Patient(seed, case.scenario)))
    profile = load_profile(case.profile)
    expected = [*case.due, *due(profile, truth, chair.baseline)]
    for one in expected:
        late = _with_doubt(one, chair)
        yield Row(case=case, seed=seed, due=late, raised_s=raised_s(chair.transitions, late))
    known = {one.condition for one in expected} | set(case.allowed) | allowed(profile, truth, chair.baseline)
    yield Row(case=case, seed=seed, due=None, others=others(chair.transitions, known))


def _play(case: Case, seed: int, chair: Played) -> Iterator[None]:
    """One chair; it stops after each second, so that others come in between."""
    engine = AlarmEngine(load_profile(case.profile), series="table")
    history: list[Second] = []
    patient = Patient(seed, case.scenario)
    at_cable = [artifact for artifact in patient.scenario.artifacts if isinstance(artifact, Unplugged)]
    for event in played(Disturbed(patient, at_cable, noise_seed=seed)):
        chair.transitions += [out for out in engine.feed(event) if isinstance(out, Transition)]
        if not isinstance(event, Second):
            continue
        chair.note(event)
        if case.has_dose and event.t_us <= DOSE_S * _SECOND_US:
            history.append(event)
            if event.t_us == DOSE_S * _SECOND_US:
                chair.baseline = _baseline(history)
                engine.feed(Baseline(t_us=event.t_us, values=chair.baseline))
        yield


def _baseline(history: list[Second]) -> dict[dsp.Quantity, float]:
    """Medians of the good seconds, as a session takes them."""
    good: dict[dsp.Quantity, list[float]] = {}
    for second in history[_BEGIN_S:]:
        for quantity, reading in second.readings.items():
            if isinstance(reading, dsp.Measured) and not reading.reasons:
                good.setdefault(quantity, []).append(reading.value)
    return {quantity: median(values) for quantity, values in good.items()}


def _with_doubt(one: Due, chair: Played) -> Due:
    """Where the number was doubtful the alarm may be later: by so many seconds, and no more than is disclosed."""
    quantity, most_s = CATALOGUE[one.condition].quantity, doubt_delay_s(one.condition) or 0.0
    doubtful_s = chair.doubtful_s.get(quantity, []) if quantity is not None else []
    late_s = min(most_s, sum(one.since_s <= at_s <= one.by_s + most_s for at_s in doubtful_s))
    return replace(one, by_s=one.by_s + late_s, why="doubtful") if late_s else one


def raised_s(transitions: list[Transition], one: Due) -> float | None:
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


def others(transitions: list[Transition], known: set[Condition]) -> tuple[str, ...]:
    """Alarms that nobody expected, in words."""
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
        head = f"| {row.case.letter} | {row.case.name} | {row.seed} |"
        if row.due is not None:
            what = f"{row.due.condition.value}, {row.due.priority.value}"
            when = f"{row.raised_s:.0f}" if row.raised_s is not None else "never"
            doubtful = " (doubtful)" if row.due.why == "doubtful" else ""
            times = f"{row.due.since_s:.0f} | {row.due.by_s:.0f}{doubtful} | {when}"
            yield f"{head} {what} | {times} | {'good' if row.is_good else 'LATE'} |"
        elif row.others or not any(other.due for other in found if (other.case, other.seed) == (row.case, row.seed)):
            yield f"{head} no other | | | {'; '.join(row.others) or 'none'} | {'good' if row.is_good else 'FALSE'} |"
    bad = sum(not row.is_good for row in found)
    chairs = len({(row.case, row.seed) for row in found})
    yield ""
    yield f"{chairs} chairs, {sum(row.due is not None for row in found)} alarms due, {bad} late or false."
