"""A seed in, one disturbance of each kind of the fault catalogue out, with what has to become of the values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import numpy as np

from dsp import Quantity
from hil.artifacts import Artifact, Damping, FingerOut, Flush, Motion, Site, StrongLight
from hil.finger_artifacts import CrossTalk, LowPerfusion, RhythmicMotion, Wander
from hil.line_artifacts import CalibrationPause, Cuff, PressureHum, Ringing
from hil.patient import Patient
from hil.sensor_artifacts import (
    INFRARED,
    RED,
    Clipped,
    DeadLight,
    Exchanged,
    Flicker,
    GainDrift,
    Stuck,
    StuckBit,
)

Random = np.random.Generator
Make = Callable[[Random, float, float], list[Artifact]]  # chance, when it begins, when it ends

PRESSURES = (Quantity.SYSTOLIC, Quantity.DIASTOLIC, Quantity.MEAN_PRESSURE)
SATURATION = (Quantity.SPO2,)
OPTICAL = (Quantity.SPO2, Quantity.PULSE_RATE)
LINE = (*PRESSURES, Quantity.PULSE_RATE)


class Sensors(Enum):
    """Which sensors the chair has while it is disturbed: the fewer, the less can contradict a wrong one."""

    LIGHT = "light"
    LIGHT_AND_MOTION = "light, motion"
    PRESSURE = "pressure"
    ALL = "light, motion, pressure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """A heart out of order, as ``hil.scenarios.Scenario`` has it."""

    ectopic_share: float = 0.0
    rate_jitter: float = 0.004


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One row of the table.

    Attributes
    ----------
    row : of the fault catalogue; - where it has none
    lost : what cannot be measured meanwhile, and is null ``within_s`` after the beginning (None: if it is shown at all
        with good quality, it has to be right)
    until_s : where ``lost`` is no longer judged, before the end
    is_announced : somebody tells the monitor that there is a cuff
    is_clipping : it begins where a sample first reaches full scale; a slow pulse does so an interval later
    rhythm : of a simulated patient, whose rate is the truth
    """

    row: str
    name: str
    sensors: Sensors
    make: Make
    lost: tuple[Quantity, ...] = ()
    within_s: float | None = None
    until_s: float = 0.0
    is_announced: bool = False
    is_clipping: bool = False
    rhythm: Rhythm | None = None


def _kind(row: str, name: str, sensors: Sensors, make: Callable[..., Artifact], **options: object) -> Kind:
    def made(random: Random, start_s: float, end_s: float) -> list[Artifact]:
        return [make(random, start_s, end_s)]

    return Kind(row=row, name=name, sensors=sensors, make=made, **options)  # type: ignore[arg-type]  # fields of Kind


def _rhythm(random: Random, start_s: float, end_s: float, size_g: tuple[float, float] = (0.0, 0.0)) -> Artifact:
    return RhythmicMotion(
        start_s=start_s,
        end_s=end_s,
        hz=float(random.uniform(0.9, 2.5)),
        heights=float(random.uniform(1.2, 6.0)),
        harmonic=float(random.uniform(0.0, 0.6)),
        size_g=float(random.uniform(*size_g)),
    )


def _alias(random: Random, rate_hz: float) -> float:
    """A multiple of the sampling rate, off by up to half a hertz or by a pulse's frequency."""
    return rate_hz * int(random.integers(1, 3)) + float(random.choice([-1, 1]) * random.uniform(0.5, 3.0))


def _neighbour(random: Random) -> Patient:
    return Patient(int(random.integers(1000, 2000)), str(random.choice(["baseline", "desaturation", "vasovagal"])))


def _clipped(where: Site) -> Callable[[Random, float, float], Artifact]:
    return lambda r, a, b: Clipped(start_s=a, end_s=b, where=where, share=float(r.uniform(0.1, 0.6)))


def _nothing(_random: Random, start_s: float, _end_s: float) -> Artifact:
    """The rhythm alone, once the pulse has been learned."""
    return Artifact(start_s=start_s - 10, end_s=1e9)


def _movement(random: Random, start_s: float, end_s: float) -> Artifact:
    size_g, absorbance = float(random.uniform(0.1, 0.6)), float(random.uniform(0.02, 0.2))
    return Motion(start_s=start_s, end_s=end_s, size_g=size_g, absorbance=absorbance)


BIGEMINY = Rhythm(ectopic_share=1.0)
FIBRILLATION = Rhythm(rate_jitter=0.15)


def _cuff(random: Random, start_s: float, end_s: float) -> Artifact:
    return Cuff(start_s=start_s, end_s=end_s + 6, rise_s=float(random.uniform(2, 6)))


KINDS = (
    _kind(
        "S1", "probe off", Sensors.LIGHT, lambda _r, a, b: FingerOut(start_s=a, end_s=b + 3),
        lost=OPTICAL, within_s=3, until_s=3.0,
    ),
    _kind(
        "S2", "low perfusion", Sensors.LIGHT,
        lambda r, a, b: LowPerfusion(start_s=a, end_s=b, perfusion_pct=float(np.exp(r.uniform(-3.9, -1.2)))),
    ),
    _kind(
        "S2", "next to no perfusion", Sensors.LIGHT,
        lambda r, a, b: LowPerfusion(start_s=a, end_s=b + 4, perfusion_pct=float(r.uniform(0.01, 0.05))),
        lost=SATURATION, within_s=6 + 2, until_s=2.0,
    ),
    _kind(
        "S3", "strong light", Sensors.LIGHT,
        lambda r, a, b: StrongLight(start_s=a, end_s=b, counts=float(r.uniform(170_000, 400_000))),
        lost=OPTICAL, within_s=2,
    ),
    _kind("S3", "clipped light", Sensors.LIGHT, _clipped(Site.FINGER),
          lost=SATURATION, within_s=2, is_clipping=True),
    _kind("S3", "clipped pressure", Sensors.PRESSURE, _clipped(Site.PRESSURE),
          lost=(Quantity.SYSTOLIC,), within_s=2, is_clipping=True),
    _kind(
        "S4", "flicker's alias", Sensors.LIGHT,
        lambda r, a, b: Flicker(start_s=a, end_s=b, hz=_alias(r, 100.0), counts=float(np.exp(r.uniform(4.6, 9.0)))),
    ),
    _kind(
        "S4", "hum and its alias", Sensors.PRESSURE,
        lambda r, a, b: PressureHum(
            start_s=a, end_s=b, size_mmhg=float(r.uniform(1.0, 40.0)),
            hz=float(r.choice([50.0, 60.0, 100.0, 120.0, _alias(r, 200.0)])),
        ),
    ),
    _kind(
        "S5", "red dead", Sensors.LIGHT,
        lambda r, a, b: DeadLight(start_s=a, end_s=b, column=RED, is_noisy=bool(r.integers(2))),
        lost=SATURATION, within_s=3,
    ),
    _kind(
        "S5", "infrared dead", Sensors.LIGHT,
        lambda r, a, b: DeadLight(start_s=a, end_s=b, column=INFRARED, is_noisy=bool(r.integers(2))),
        lost=OPTICAL, within_s=3,
    ),
    _kind("S6", "lights exchanged", Sensors.LIGHT, lambda _r, a, b: Exchanged(start_s=a, end_s=b),
          lost=SATURATION, within_s=10),
    _kind("S6", "exchanged from the start", Sensors.LIGHT, lambda _r, _a, _b: Exchanged(start_s=-1, end_s=1e9)),
    _kind("S7", "light stuck", Sensors.LIGHT, lambda _r, a, b: Stuck(start_s=a, end_s=b, where=Site.FINGER),
          lost=OPTICAL, within_s=2),
    _kind("S7", "pressure stuck", Sensors.PRESSURE, lambda _r, a, b: Stuck(start_s=a, end_s=b), lost=LINE, within_s=2),
    _kind(
        "S8", "wander", Sensors.LIGHT,
        lambda r, a, b: Wander(start_s=a, end_s=b, hz=float(r.uniform(0.05, 0.4)), heights=float(r.uniform(2, 10))),
    ),
    _kind("S9", "movement", Sensors.LIGHT_AND_MOTION, _movement),
    _kind(
        "S9", "movement, no accelerometer", Sensors.LIGHT,
        lambda r, a, b: Motion(start_s=a, end_s=b, size_g=0.0, absorbance=float(r.uniform(0.02, 0.2))),
    ),
    _kind("S10", "rhythm", Sensors.LIGHT_AND_MOTION, lambda r, a, b: _rhythm(r, a, b, (0.02, 0.4))),
    _kind("S10", "rhythm, no accelerometer", Sensors.LIGHT, _rhythm),
    _kind("S10", "rhythm beside a pressure", Sensors.ALL, _rhythm),
    _kind(
        "S11", "cross-talk", Sensors.LIGHT,
        lambda r, a, b: CrossTalk(start_s=a, end_s=b, other=_neighbour(r), share=float(r.uniform(0.1, 2.0))),
    ),
    _kind("S17", "bigeminy", Sensors.LIGHT, _nothing, rhythm=BIGEMINY),
    _kind("S17", "bigeminy of the pressure", Sensors.PRESSURE, _nothing, rhythm=BIGEMINY),
    _kind("S17", "bigeminy, movement", Sensors.LIGHT_AND_MOTION, _movement, rhythm=BIGEMINY),
    _kind("S17", "fibrillation", Sensors.LIGHT, _nothing, rhythm=FIBRILLATION),
    _kind("S17", "fibrillation of the pressure", Sensors.PRESSURE, _nothing, rhythm=FIBRILLATION),
    _kind("S17", "fibrillation, movement", Sensors.LIGHT_AND_MOTION, _movement, rhythm=FIBRILLATION),
    _kind("S18", "gain drift", Sensors.LIGHT,
          lambda r, _a, _b: GainDrift(start_s=0.0, end_s=1e9, share=float(r.uniform(0.2, 6.0)))),
    _kind(
        "S20", "stuck bit of the light", Sensors.LIGHT,
        lambda r, a, b: StuckBit(
            start_s=a, end_s=b, where=Site.FINGER, bit=int(r.integers(0, 18)), value=int(r.integers(2))
        ),
    ),
    _kind(
        "S20", "stuck bit of the pressure", Sensors.PRESSURE,
        lambda r, a, b: StuckBit(start_s=a, end_s=b, bit=int(r.integers(0, 12)), value=int(r.integers(2))),
    ),
    _kind("-", "damped line", Sensors.PRESSURE,
          lambda r, a, b: Damping(start_s=a, end_s=2 * b - a + 10, width_s=float(r.uniform(0.2, 0.6)))),
    _kind(
        "-", "ringing line", Sensors.PRESSURE,
        lambda r, a, b: Ringing(
            start_s=a, end_s=2 * b - a + 10, natural_hz=float(r.uniform(5.0, 14.0)), damping=float(r.uniform(0.05, 0.2))
        ),
    ),
    _kind("-", "flush", Sensors.PRESSURE, lambda r, a, _b: Flush(start_s=a, end_s=a + float(r.uniform(1.0, 6.0))),
          lost=PRESSURES, within_s=4),
    _kind("-", "cuff", Sensors.ALL, _cuff),
    _kind("-", "cuff, announced", Sensors.ALL, _cuff,
          lost=(*LINE, Quantity.SPO2), within_s=1, is_announced=True),
    _kind("-", "calibration pause", Sensors.PRESSURE,
          lambda r, a, _b: CalibrationPause(start_s=a, end_s=a + float(r.uniform(1.5, 5.0)))),
)  # fmt: skip
