"""A name in, what happens to the simulated patient and when out."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from gateway.errors import UserError
from hil import ketamine
from hil.artifacts import Artifact, Damping, FingerOut, Flush, Motion, StrongLight
from hil.episodes import Episode, Excursion, Level, desaturation, poor_perfusion, surge, vasovagal
from hil.finger_artifacts import LowPerfusion, RhythmicMotion
from hil.ketamine import Dose
from hil.line_artifacts import Cuff
from hil.patient_artifacts import Arrest, Drift, HandLift, Unplugged

DEFAULT = "baseline"
_QUIET = Level(rate_bpm=70, systolic_mmhg=122, diastolic_mmhg=76, spo2_pct=98, breaths_bpm=14, perfusion_pct=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One course of a patient; a duration of None is endless."""

    name: str
    summary: str
    duration_s: float | None
    base: Level = _QUIET
    episodes: tuple[Episode, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    ectopic_share: float = 0.004  # of the beats
    rate_jitter: float = 0.004  # of the interval, from beat to beat; 0.15 is atrial fibrillation

    @property
    def events(self) -> list[Episode | Artifact]:
        """All that happens, in order; the last thing that ends may be endless."""
        return sorted([*self.episodes, *self.artifacts], key=lambda event: event.start_s)


def _minutes(minutes: float) -> float:
    return 60.0 * minutes


def _infusion(minute: float) -> Dose:
    return Dose(name="ketamine infusion", start_s=_minutes(minute), end_s=_minutes(minute + 40))


_ALL = (
    Scenario(name="baseline", summary="a quiet patient, 122/76 mmHg, 70/min, 98 %", duration_s=None),
    Scenario(
        name="iv",
        summary="0.5 mg/kg over 40 min: +20/+13 mmHg and +12/min at 39 min, one movement, one desaturation",
        duration_s=_minutes(45),
        episodes=(_infusion(4), ketamine.intravenous(_minutes(4)), *desaturation(_minutes(25))),
        artifacts=(Motion(start_s=_minutes(15), end_s=_minutes(15) + 12),),
    ),
    Scenario(
        name="iv-surge",
        summary="as iv, but one patient in ten: +55/+30 mmHg 25 min into the infusion; with recovery",
        duration_s=_minutes(70),
        episodes=(_infusion(4), ketamine.intravenous(_minutes(4)), surge(_minutes(20), _minutes(29))),
    ),
    Scenario(
        name="im",
        summary="an injection: +24/+15 mmHg and +14/min 17 min later, and recovery",
        duration_s=_minutes(60),
        episodes=(
            Dose(name="ketamine injection", start_s=_minutes(4), end_s=_minutes(4) + 10),
            ketamine.intramuscular(_minutes(4)),
        ),
    ),
    Scenario(
        name="oral",
        summary="swallowed: +10/+6 mmHg and +7/min 75 min later, and recovery",
        duration_s=_minutes(150),
        episodes=(
            Dose(name="ketamine swallowed", start_s=_minutes(4), end_s=_minutes(4) + 30),
            ketamine.oral(_minutes(4)),
        ),
    ),
    Scenario(
        name="vasovagal",
        summary="rate and pressure fall within a minute to 45/min and 78/45 mmHg, and recover",
        duration_s=_minutes(7),
        episodes=(vasovagal(120),),
    ),
    Scenario(
        name="desaturation",
        summary="breathing slows to 6/min, saturation falls to 86 %, and recovers",
        duration_s=_minutes(5),
        episodes=desaturation(60),
    ),
    Scenario(
        name="artifacts",
        summary="movement, finger out, strong light, line flush, damped line, poor perfusion",
        duration_s=_minutes(5),
        episodes=(poor_perfusion(220, 270),),
        artifacts=(
            Motion(start_s=40, end_s=50),
            FingerOut(start_s=75, end_s=90),
            StrongLight(start_s=110, end_s=116),
            Flush(start_s=140, end_s=144),
            Damping(start_s=170, end_s=195),
        ),
        ectopic_share=0.0,
    ),
    Scenario(
        name="elderly",
        summary="as iv, but from 150/88 mmHg",
        duration_s=_minutes(60),
        base=replace(_QUIET, systolic_mmhg=150, diastolic_mmhg=88, rate_bpm=68, spo2_pct=96),
        episodes=(_infusion(4), ketamine.intravenous(_minutes(4))),
    ),
    Scenario(
        name="fast-desaturation",
        summary="saturation falls from 96 to 84 % within 40 s, and recovers",
        duration_s=_minutes(5),
        base=replace(_QUIET, spo2_pct=96),
        episodes=(
            Excursion(name="desaturation", start_s=90, end_s=220, away_s=40, back_s=60, change=Level(spo2_pct=-12)),
        ),
    ),
    Scenario(
        name="slow-breathing",
        summary="breathing slows to 6/min for five minutes, and recovers",
        duration_s=_minutes(10),
        episodes=(
            Excursion(
                name="slow breathing", start_s=120, end_s=440, away_s=10, back_s=10, change=Level(breaths_bpm=-8)
            ),
        ),
    ),
    Scenario(
        name="hand-lift",
        summary="the hand with the pressure sensor is lifted by 25 cm: 19 mmHg less",
        duration_s=_minutes(5),
        artifacts=(HandLift(start_s=90, end_s=200),),
    ),
    Scenario(
        name="restless",
        summary="coughs, talking hands, tremor of the finger",
        duration_s=_minutes(6),
        artifacts=(
            *(Motion(start_s=60 + 6 * k, end_s=62 + 6 * k) for k in range(5)),
            Motion(start_s=130, end_s=142),
            RhythmicMotion(start_s=180, end_s=225, hz=5.0, size_g=0.15),
        ),
    ),
    Scenario(
        name="cold-finger",
        summary="a cold finger: perfusion index 0.05 % for two minutes",
        duration_s=_minutes(6),
        artifacts=(LowPerfusion(start_s=90, end_s=210),),
    ),
    Scenario(
        name="cuff",
        summary="a cuff on the arm of both sensors inflates for 40 s",
        duration_s=_minutes(5),
        artifacts=(Cuff(start_s=90, end_s=130),),
    ),
    Scenario(
        name="sensor-off",
        summary="the finger is out for 40 s, then the pressure cable is unplugged for 40 s",
        duration_s=_minutes(6),
        artifacts=(FingerOut(start_s=90, end_s=130), Unplugged(start_s=210, end_s=250)),
    ),
    Scenario(
        name="arrest",
        summary="no pulse at either sensor for three minutes",
        duration_s=_minutes(7),
        artifacts=(Arrest(start_s=120, end_s=300),),
    ),
    Scenario(
        name="drift",
        summary="the pressure drifts upwards by 8 mmHg within ten minutes",
        duration_s=_minutes(14),
        artifacts=(Drift(start_s=120, end_s=_minutes(14)),),
    ),
    Scenario(name="bigeminy", summary="every other beat comes early", duration_s=_minutes(6), ectopic_share=1.0),
    Scenario(
        name="fibrillation",
        summary="atrial fibrillation, 80/min",
        duration_s=_minutes(6),
        rate_jitter=0.15,
        base=replace(_QUIET, rate_bpm=80),
    ),
)
SCENARIOS = {scenario.name: scenario for scenario in _ALL}


def named(name: str) -> Scenario:
    """The scenario of that name."""
    if name not in SCENARIOS:
        raise UserError(f"scenario: expected one of {', '.join(SCENARIOS)}, got {name}")
    return SCENARIOS[name]


def described() -> list[str]:
    """Each scenario in lines: name, length and summary, then what happens when."""
    lines = []
    for scenario in _ALL:
        length = "endless" if scenario.duration_s is None else f"{scenario.duration_s / 60:g} min"
        lines.append(f"{scenario.name:<13} {length:>8}  {scenario.summary}")
        lines += [f"{_clock(event.start_s):>19} to {_clock(event.end_s):<8} {event.name}" for event in scenario.events]
    return lines


def _clock(t_s: float) -> str:
    return "the end" if math.isinf(t_s) else f"{int(t_s) // 60}:{int(t_s) % 60:02d}"
