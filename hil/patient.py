"""A seed in, a simulated patient's pleth and pressure out: calm, healthy, endless, and with its truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_RATE_BPM = 72.0
_SYSTOLIC_MMHG = 120.0
_DIASTOLIC_MMHG = 75.0
_BREATHS_HZ = 0.25
_SINUS_ARRHYTHMIA = 0.03  # of the interval, with breathing
_BEAT_JITTER = 0.008  # of the interval, from beat to beat
_PRESSURE_SWING_MMHG = 3.0  # with breathing; half of that in diastole
_PRESSURE_JITTER_MMHG = 0.8
_PLETH_SWING = 0.05  # of the amplitude, with breathing
_TRANSIT_US = 180_000  # from the aorta to the finger
_HISTORY_US = 10_000_000  # beats older than this are forgotten: times are asked for in order

# Place, width (both of the cycle) and height of the waves one pulse is made of: ejection, reflection, dicrotic wave.
_PRESSURE_WAVES = ((0.16, 0.065, 1.0), (0.30, 0.10, 0.55), (0.50, 0.075, 0.28), (0.68, 0.16, 0.14))
_PLETH_WAVES = ((0.20, 0.085, 1.0), (0.36, 0.12, 0.45), (0.55, 0.09, 0.30), (0.72, 0.15, 0.10))
_PHASES = np.linspace(0.0, 1.0, 1001)


@dataclass(frozen=True, slots=True, kw_only=True)
class BeatTruth:
    """One heart cycle: its onset in the pressure, its length, and the pressures of its pulse."""

    onset_us: int
    interval_us: int
    systolic_mmhg: float
    diastolic_mmhg: float  # at the onset


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What the patient's values vary about."""

    pulse_rate_bpm: float
    systolic_mmhg: float
    diastolic_mmhg: float


class Patient:
    """The same seed gives the same patient, however the times are cut into blocks."""

    duration_s: float | None = None
    truth = Truth(pulse_rate_bpm=_RATE_BPM, systolic_mmhg=_SYSTOLIC_MMHG, diastolic_mmhg=_DIASTOLIC_MMHG)

    def __init__(self, seed: int = 0) -> None:
        self._random = np.random.default_rng(seed)
        self._onset_us = -2_000_000  # the first beats lie before time 0
        self._beats: list[BeatTruth] = []
        self._next = self._beat()

    def pressure(self, t_us: NDArray[np.int64]) -> NDArray[np.float64]:
        """Arterial pressure, mmHg."""
        beats, phase = self._cycles(t_us)
        diastolic, after, systolic = beats[:, 2], beats[:, 3], beats[:, 4]
        floor = diastolic + (after - diastolic) * phase
        return np.asarray(floor + (systolic - floor) * np.interp(phase, _PHASES, _PRESSURE_SHAPE))

    def pleth(self, t_us: NDArray[np.int64]) -> NDArray[np.float64]:
        """Volume pulse of the finger, a usual pulse 1 high."""
        beats, phase = self._cycles(t_us - _TRANSIT_US)
        breath = np.sin(2 * np.pi * _BREATHS_HZ * beats[:, 0] / 1e6)
        height = 1 + _PLETH_SWING * breath
        return np.asarray(height * np.interp(phase, _PHASES, _PLETH_SHAPE))

    def beats(self, start_us: int, end_us: int) -> list[BeatTruth]:
        """Return the beats with their onset in the interval."""
        self._keep(start_us, end_us)
        return [beat for beat in self._beats if start_us <= beat.onset_us < end_us]

    def _cycles(self, t_us: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return for each time its beat (onset, interval, diastolic, next diastolic, systolic) and its phase in it."""
        self._keep(int(t_us[0]), int(t_us[-1]))
        following = [*self._beats[1:], self._next]
        table = np.array(
            [
                (a.onset_us, a.interval_us, a.diastolic_mmhg, b.diastolic_mmhg, a.systolic_mmhg)
                for a, b in zip(self._beats, following, strict=True)
            ]
        )
        rows = table[np.searchsorted(table[:, 0], t_us, side="right") - 1]
        return rows, (t_us - rows[:, 0]) / rows[:, 1]

    def _keep(self, start_us: int, until_us: int) -> None:
        """Have the beats of an interval; forget those long before it."""
        while self._next.onset_us <= until_us:
            self._beats.append(self._next)
            self._next = self._beat()
        forget_us = start_us - _HISTORY_US
        while len(self._beats) > 1 and self._beats[1].onset_us < forget_us:
            del self._beats[0]
        if start_us < self._beats[0].onset_us:
            raise ValueError(f"time: expected at least {self._beats[0].onset_us}, got {start_us}: that is forgotten")

    def _beat(self) -> BeatTruth:
        breath = float(np.sin(2 * np.pi * _BREATHS_HZ * self._onset_us / 1e6))
        jitter = self._random.normal(size=3)
        stretch = 1 + _SINUS_ARRHYTHMIA * breath + _BEAT_JITTER * float(jitter[0])
        beat = BeatTruth(
            onset_us=self._onset_us,
            interval_us=round(60e6 / _RATE_BPM * stretch),
            systolic_mmhg=_SYSTOLIC_MMHG + _PRESSURE_SWING_MMHG * breath + _PRESSURE_JITTER_MMHG * float(jitter[1]),
            diastolic_mmhg=_DIASTOLIC_MMHG
            + _PRESSURE_SWING_MMHG / 2 * breath
            + _PRESSURE_JITTER_MMHG / 2 * float(jitter[2]),
        )
        self._onset_us += beat.interval_us
        return beat


def _shape(waves: tuple[tuple[float, float, float], ...]) -> NDArray[np.float64]:
    """Return one pulse over its cycle: from 0 to its peak of 1 and back to 0."""
    total = np.zeros_like(_PHASES)
    for place, width, height in waves:
        total += height * np.exp(-0.5 * ((_PHASES - place) / width) ** 2)
    total -= total[0] + (total[-1] - total[0]) * _PHASES
    return np.asarray(total / total.max())


_PRESSURE_SHAPE = _shape(_PRESSURE_WAVES)
_PLETH_SHAPE = _shape(_PLETH_WAVES)
