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
    title: str = ""  # in the table, instead of scenario and profile

    @property
    def name(self) -> str:
        return self.title or f"{self.scenario}, {self.profile}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkCase:
    """One row of the table that goes through the firmware and its link, with a quiet patient and the default profile.

    Attributes
    ----------
    due : from ``from_s`` on, within the disclosed delay
    lost_share : of the frames, from ``from_s`` to ``to_s``
    leap_s : of the board's clock, at ``from_s``
    is_power_lost, is_broker_lost : of the board, of the gateway, from ``from_s`` to ``to_s``
    """

    title: str
    letter: str = "m"
    scenario: str = "baseline"
    seed: int = 1
    from_s: float = 120
    to_s: float = 180
    end_s: float = 240
    due: tuple[Condition, ...] = ()
    allowed: tuple[Condition, ...] = ()
    lost_share: float = 0.0
    leap_s: float = 0.0
    is_power_lost: bool = False
    is_broker_lost: bool = False

    @property
    def name(self) -> str:
        return self.title


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
    Case(letter="f", scenario="slow-breathing"),
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
    Case(
        letter="p",
        scenario="vasovagal",
        seeds=tuple(range(2, 22)),
        title="20 chairs at once: vasovagal, adult",
    ),
)

_DISTURBED = (Condition.ARTIFACT_PRESSURE, Condition.ARTIFACT_FINGER, Condition.NO_PULSE_RATE)

LINK_CASES = (
    # With one frame in twenty the values that come are doubtful or missing, and that is told after its own delays.
    LinkCase(title="5 % of the frames lost", lost_share=0.05, allowed=(*_DISTURBED, Condition.LINK_NOISE)),
    LinkCase(title="20 % of the frames lost", lost_share=0.20, due=(Condition.LINK_NOISE,), allowed=_DISTURBED),
    LinkCase(title="broker gone for 60 s", is_broker_lost=True, due=(Condition.BROKER_LOST,)),
    LinkCase(title="board's clock 30 s ahead", leap_s=30, due=(Condition.CLOCK_FAULT,)),
    LinkCase(title="board's clock 30 s behind", leap_s=-30, due=(Condition.CLOCK_FAULT,)),
    LinkCase(
        title="board without power for 5 s",
        is_power_lost=True,
        to_s=125,
        due=(Condition.LINK_LOST,),
        allowed=(Condition.BOARD_RECOVERED,),  # it is there again, and says so
    ),
)
