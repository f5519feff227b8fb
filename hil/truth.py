"""A simulated patient in, what a perfect monitor would say out: every beat, and every second."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hil.artifacts import Artifact, Site
from hil.episodes import course
from hil.patient import Beat, Patient

_SECOND_US = 1_000_000
_MOTION_US = 10_000  # the movement of a second is sampled so often
_FINGER = ("spo2", "perfusion_index")
_PRESSURES = ("systolic", "diastolic", "mean_pressure")
_EITHER = ("pulse_rate", "respiration_rate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """The second that ends at ``t_s``: each number is the mean over it, of the undisturbed patient.

    A beat's numbers hold for its whole cycle, a breath's rate for its whole breath. ``pulse_rate`` counts an early beat
    with its pause, as two usual cycles. ``motion`` is the root mean square of the acceleration without gravity, g.
    ``is_measurable`` is False where an artifact hides a quantity.
    """

    t_s: int
    pulse_rate: float
    systolic: float
    diastolic: float
    mean_pressure: float
    spo2: float
    perfusion_index: float
    respiration_rate: float
    motion: float
    events: tuple[str, ...]
    is_measurable: dict[str, bool]


def second(patient: Patient, t_s: int) -> Truth:
    """The truth of the second before ``t_s``; seconds are asked for in order."""
    end_us = t_s * _SECOND_US
    start_us = end_us - _SECOND_US
    beats = patient.cycles(start_us, end_us)
    shares = [_overlap_us(b.onset_us, b.interval_us, start_us, end_us) for b in beats]

    def mean(value: Callable[[Beat], float]) -> float:
        return sum(s * value(b) for s, b in zip(shares, beats, strict=True)) / sum(shares)

    t = np.arange(start_us, end_us, _MOTION_US)
    scenario = patient.scenario
    perfusion = float(course(t / 1e6, "perfusion_pct", scenario.base, scenario.episodes).mean())
    breaths = patient.breaths(start_us, end_us)
    breathed = [_overlap_us(b.start_us, b.length_us, start_us, end_us) for b in breaths]
    moved = patient.acceleration(t) - [0.0, 0.0, 1.0]
    active = [e for e in scenario.events if e.start_s < t_s and e.end_s > t_s - 1]
    return Truth(
        t_s=t_s,
        pulse_rate=mean(lambda b: b.rate_bpm),
        systolic=mean(lambda b: b.systolic_mmhg),
        diastolic=mean(lambda b: b.diastolic_mmhg),
        mean_pressure=mean(lambda b: b.mean_mmhg),
        spo2=float(course(t / 1e6, "spo2_pct", scenario.base, scenario.episodes).mean()),
        perfusion_index=perfusion * mean(lambda b: b.pleth_height),
        respiration_rate=sum(s * 60e6 / b.length_us for s, b in zip(breathed, breaths, strict=True)) / sum(breathed),
        motion=float(np.sqrt((moved**2).sum(axis=1).mean())),
        events=tuple(e.name for e in active),
        is_measurable=_measurable({e.site for e in active if isinstance(e, Artifact)}),
    )


def seconds(patient: Patient) -> Iterator[Truth]:
    """Every second of a scenario."""
    if patient.duration_s is None:
        raise ValueError(f"scenario: expected one that ends, got {patient.scenario.name}")
    return (second(patient, t_s) for t_s in range(1, int(patient.duration_s) + 1))


class TruthLines:
    """The lines of a truth file, one JSON object each: first ``scenario``, then ``beat`` and ``second`` in order."""

    def __init__(self, patient: Patient) -> None:
        self._patient = patient
        self._t_s = 0

    def header(self) -> str:
        scenario = self._patient.scenario
        events = [
            {"name": e.name, "start_s": e.start_s, "end_s": None if math.isinf(e.end_s) else e.end_s}
            for e in scenario.events
        ]
        return _line(
            "scenario",
            {"name": scenario.name, "seed": self._patient.seed, "duration_s": scenario.duration_s, "events": events},
        )

    def until(self, t_us: int) -> Iterator[str]:
        """What has become true since the last call: whole seconds, and the beats that began in them."""
        while (self._t_s + 1) * _SECOND_US <= t_us:
            for beat in self._patient.beats(self._t_s * _SECOND_US, (self._t_s + 1) * _SECOND_US):
                yield _line("beat", asdict(beat))
            self._t_s += 1
            yield _line("second", asdict(second(self._patient, self._t_s)))


def read(lines: Iterable[str]) -> list[dict[str, Any]]:
    """The seconds of a truth file."""
    return [one for one in map(json.loads, lines) if one["type"] == "second"]


def _line(kind: str, values: dict[str, Any]) -> str:
    rounded = {name: round(v, 4) if isinstance(v, float) else v for name, v in values.items()}
    return json.dumps({"type": kind, **rounded})


def _overlap_us(start_us: int, length_us: int, from_us: int, to_us: int) -> int:
    return max(0, min(start_us + length_us, to_us) - max(start_us, from_us))


def _measurable(spoiled: set[Site | None]) -> dict[str, bool]:
    """A pulse and a breath can be had from either signal."""
    out = dict.fromkeys(_FINGER, Site.FINGER not in spoiled)
    out |= dict.fromkeys(_PRESSURES, Site.PRESSURE not in spoiled)
    out |= dict.fromkeys(_EITHER, not spoiled >= set(Site))
    return out | {"motion": True}
