"""The cases of the alarm table: which scenario, by which profile, and what has to be told of the sensors themselves.

Alarms of the patient follow from the truth (hil.alarm_oracle); what the monitoring itself owes is written here.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.alarms import Condition, Priority
from hil.alarm_oracle import Due

_LOW, _MEDIUM, _HIGH = Priority.LOW, Priority.MEDIUM, Priority.HIGH
DOSE_S = 240  # where a scenario gives a dose; the baseline is taken before


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One row of the table. ``allowed`` may be there: what the sensors go through touches it, but does not owe it."""

    letter: str
    scenario: str
    profile: str = "adult"
    due: tuple[Due, ...] = ()
    allowed: tuple[Condition, ...] = ()
    has_dose: bool = False
    seeds: tuple[int, ...] = (1,)


def _due(condition: Condition, priority: Priority, since_s: float, within_s: float) -> Due:
    return Due(condition=condition, priority=priority, since_s=since_s, by_s=since_s + within_s)


_UNCOUNTED = (Condition.NO_PULSE_RATE, Condition.ARTIFACT_PRESSURE, Condition.ARTIFACT_FINGER)

CASES = (
    Case(letter="a", scenario="iv", profile="iv", has_dose=True),
    Case(letter="b", scenario="iv-surge", profile="iv", has_dose=True),
    Case(letter="c", scenario="im", profile="im", has_dose=True),
    Case(letter="d", scenario="oral", profile="oral", has_dose=True),
    Case(letter="e", scenario="elderly", profile="iv", has_dose=True),
    Case(letter="f", scenario="fast-desaturation", allowed=(Condition.DESATURATION,)),
    Case(letter="g", scenario="vasovagal"),
    Case(letter="h", scenario="hand-lift"),
    Case(letter="i", scenario="restless", allowed=(Condition.ARTIFACT_FINGER, Condition.LOW_PERFUSION)),
    Case(
        letter="j",
        scenario="cold-finger",
        due=(_due(Condition.LOW_PERFUSION, _LOW, 90, 2 + 20 + 4 + 1),),
        allowed=(Condition.ARTIFACT_FINGER,),
    ),
    # The cuff is on the arm of both sensors: no pulse anywhere is what an arrest looks like, and it has to be told.
    Case(
        letter="k",
        scenario="cuff",
        due=(_due(Condition.PULSE_LOST, _HIGH, 94, 4 + 2 + 1),),
        allowed=(Condition.LOW_PERFUSION, Condition.ARTIFACT_PRESSURE, Condition.PROBE_OFF, Condition.ARTIFACT_FINGER),
    ),
    Case(
        letter="l",
        scenario="sensor-off",
        due=(
            _due(Condition.PROBE_OFF, _MEDIUM, 90, 2 + 4 + 1),
            _due(Condition.NO_PRESSURE_SIGNAL, _MEDIUM, 210, 2 + 4 + 1),
        ),
    ),
    Case(letter="l", scenario="arrest", due=(_due(Condition.PULSE_LOST, _HIGH, 120, 4 + 2 + 1),)),
    Case(letter="n", scenario="drift"),
    # A rhythm that cannot be counted is told as such.
    Case(letter="o", scenario="bigeminy", allowed=_UNCOUNTED),
    Case(letter="o", scenario="fibrillation", allowed=_UNCOUNTED),
    Case(letter="p", scenario="vasovagal", seeds=tuple(range(2, 22))),
)
