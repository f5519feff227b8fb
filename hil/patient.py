"""A seed and a scenario in, a simulated patient out: what sensors see of it, and the beats this was made of."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hil import pulse_wave
from hil.artifacts import Finger
from hil.episodes import Level, Seconds, course, level_at
from hil.scenarios import DEFAULT, Scenario, named

Times = NDArray[np.int64]
Values = NDArray[np.float64]

_SINUS_ARRHYTHMIA = 0.03  # of the interval, with breathing
_SLOW_WAVES_HZ = (0.021, 0.043, 0.074, 0.098, 0.121)  # of the rate; 0.1 Hz is Mayer's
_SLOW_WAVE = 0.007  # of the interval, each
_BREATH_JITTER = 0.06  # of a breath's length
_PRESSURE_SWING_MMHG = 2.0  # of systolic and mean with breathing
_PRESSURE_WAVE_MMHG = 0.8  # each slow wave
_PRESSURE_JITTER_MMHG = 0.5
_PLETH_SWING = 0.05  # of the pulse's height, with breathing
_PLETH_BASELINE = 0.12  # in pulse heights, with breathing
_ECTOPIC = 0.62  # of the interval before an early beat; the pause after it makes up for it
_RUN_OFF_MMHG_PER_S = 22.0  # what a longer interval lets off more
_FILLING = 0.9, 0.35  # loss and gain of the pulse's height after a shorter and a longer interval
_TRANSIT_US = 180_000  # from the pressure to the pleth of the finger
_HISTORY_US = 40_000_000  # beats older than this are forgotten: times are asked for in order
_START_US = -20_000_000  # the first beats and breaths lie before time 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """One heart cycle as it was generated, its numbers those of the noiseless undisturbed pressure.

    ``systolic_mmhg`` is its largest, ``diastolic_mmhg`` its foot at the onset, ``mean_mmhg`` the mean of the cycle;
    ``pleth_height`` is that of its pleth in usual pulses. ``rate_bpm`` is that of a usual cycle then: an early beat and
    the pause that makes up for it take two of these, and half of such a pair has no rate.
    """

    onset_us: int
    interval_us: int
    rate_bpm: float
    systolic_mmhg: float
    diastolic_mmhg: float
    mean_mmhg: float
    pleth_height: float
    is_ectopic: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Onset:
    """Where a cycle begins: what of it is known before the end of the one before."""

    t_us: int
    foot_mmhg: float
    foot_pleth: float
    filling: float  # interval before it, in usual ones
    is_ectopic: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Breath:
    """One breath."""

    start_us: int
    length_us: int


class Patient:
    """The same seed gives the same patient, however the times are cut into blocks; times are asked for in order."""

    def __init__(self, seed: int = 0, scenario: str | Scenario = DEFAULT) -> None:
        self.seed = seed
        self.scenario = named(scenario) if isinstance(scenario, str) else scenario
        self.duration_s = self.scenario.duration_s
        self._random = np.random.default_rng(seed)
        self._phases = self._random.uniform(0, 2 * np.pi, (2, len(_SLOW_WAVES_HZ)))
        self._breath_random = np.random.default_rng([seed, 1])
        self._breaths = [Breath(start_us=_START_US, length_us=1)]
        self._beats: list[Beat] = []
        self._onsets_us: list[int] = []
        self._pressures: list[Values] = []
        self._pleths: list[Values] = []
        base = self.scenario.base
        self._next = _Onset(
            t_us=_START_US, foot_mmhg=base.diastolic_mmhg, foot_pleth=0.0, filling=1.0, is_ectopic=False
        )

    @property
    def label(self) -> str:
        return f"simulated patient, scenario {self.scenario.name}, seed {self.seed}"

    def pressure(self, t_us: Times) -> Values:
        """Arterial pressure as the line shows it, mmHg."""
        t_s = t_us / 1e6
        pressure = self._curve(self._pressures, t_us)
        for artifact in self.scenario.artifacts:
            if _overlap(artifact.start_s, artifact.end_s, t_s):
                pressure = artifact.on_pressure(t_s, pressure, self._clean_pressure)
        return pressure

    def finger(self, t_us: Times) -> Finger:
        """What the light of a pulse oximeter meets."""
        t_s = t_us / 1e6
        scenario = self.scenario
        finger = Finger(
            pleth=self._curve(self._pleths, t_us - _TRANSIT_US),
            spo2_pct=course(t_s, "spo2_pct", scenario.base, scenario.episodes),
            perfusion=course(t_s, "perfusion_pct", scenario.base, scenario.episodes) / 100,
            disturbance=np.zeros(len(t_us)),
            ambient=np.zeros(len(t_us)),
        )
        for artifact in scenario.artifacts:
            if _overlap(artifact.start_s, artifact.end_s, t_s):
                finger = artifact.on_finger(t_s, finger)
        return finger

    def acceleration(self, t_us: Times) -> Values:
        """Gravity and movement of the hand, g, shape (n, 3)."""
        t_s = t_us / 1e6
        acceleration = np.tile([0.0, 0.0, 1.0], (len(t_us), 1))
        for artifact in self.scenario.artifacts:
            if _overlap(artifact.start_s, artifact.end_s, t_s):
                acceleration = artifact.on_acceleration(t_s, acceleration)
        return acceleration

    def beats(self, start_us: int, end_us: int) -> list[Beat]:
        """Return the beats with their onset in the interval."""
        self._keep(start_us, end_us)
        return [beat for beat in self._beats if start_us <= beat.onset_us < end_us]

    def cycles(self, start_us: int, end_us: int) -> list[Beat]:
        """Return the beats whose cycle touches the interval."""
        self._keep(start_us, end_us)
        return [beat for beat in self._beats if beat.onset_us < end_us and beat.onset_us + beat.interval_us > start_us]

    def breaths(self, start_us: int, end_us: int) -> list[Breath]:
        """Return the breaths that touch the interval."""
        self._keep(start_us, end_us)
        return [b for b in self._breaths if b.start_us < end_us and b.start_us + b.length_us > start_us]

    def level(self, t_s: float) -> Level:
        """What the patient's values vary about at a time."""
        return level_at(t_s, self.scenario.base, self.scenario.episodes)

    def _clean_pressure(self, t_s: Seconds) -> Values:
        return self._curve(self._pressures, np.rint(t_s * 1e6).astype(np.int64))

    def _curve(self, tables: list[Values], t_us: Times) -> Values:
        """Look times up in the cycles they fall in."""
        self._keep(int(t_us[0]), int(t_us[-1]))
        first = bisect_right(self._onsets_us, int(t_us[0])) - 1
        last = bisect_right(self._onsets_us, int(t_us[-1]))
        onsets = np.array([*self._onsets_us[first:last], self._end_us(last - 1)])
        table = np.array(tables[first:last])
        row = np.searchsorted(onsets[:-1], t_us, side="right") - 1
        place = (t_us - onsets[row]) / (onsets[row + 1] - onsets[row]) * (pulse_wave.POINTS - 1)
        left = place.astype(np.int64)
        share = place - left
        return np.asarray(table[row, left] * (1 - share) + table[row, left + 1] * share)

    def _end_us(self, index: int) -> int:
        return self._beats[index].onset_us + self._beats[index].interval_us

    def _keep(self, start_us: int, until_us: int) -> None:
        """Have the beats and breaths of an interval; forget those long before it."""
        while self._next.t_us <= until_us:
            self._add_beat()
        forget_us = start_us - _HISTORY_US
        count = max(0, bisect_right(self._onsets_us, forget_us) - 1)
        for kept in (self._beats, self._onsets_us, self._pressures, self._pleths):
            del kept[:count]
        while len(self._breaths) > 1 and self._breaths[1].start_us < forget_us:
            del self._breaths[0]
        if start_us < self._onsets_us[0]:
            raise ValueError(f"time: expected at least {self._onsets_us[0]}, got {start_us}: that is forgotten")

    def _add_beat(self) -> None:
        """Generate the next cycle and where the one after it begins."""
        now = self._next
        level = self.level(now.t_us / 1e6)
        jitter = self._random.normal(size=2)
        interval_s, usual_s, is_early = self._interval(now, level, float(jitter[0]))
        swing = self._swing_mmhg(now.t_us, float(jitter[1]))
        following = self._onset(now, level, interval_s, usual_s, is_early)
        full_mmhg = level.systolic_mmhg - level.diastolic_mmhg
        height = _filled(now.filling)
        systolic = now.foot_mmhg + max(8.0, full_mmhg * height + 0.4 * swing)
        pleth_height = height * (1 + _PLETH_SWING * self._breath(now.t_us))
        shape = pulse_wave.pressure_shape(interval_s, level.rate_bpm, systolic)
        pressure = pulse_wave.cycle(shape, now.foot_mmhg, following.foot_mmhg, systolic)
        shape = pulse_wave.pleth_shape(interval_s, level.rate_bpm, systolic)
        pleth = pulse_wave.cycle(shape, now.foot_pleth, following.foot_pleth, now.foot_pleth + pleth_height)
        self._onsets_us.append(now.t_us)
        self._pressures.append(pressure)
        self._pleths.append(pleth)
        self._beats.append(
            Beat(
                onset_us=now.t_us,
                interval_us=following.t_us - now.t_us,
                rate_bpm=60 / usual_s,
                systolic_mmhg=float(pressure.max()),
                diastolic_mmhg=now.foot_mmhg,
                mean_mmhg=pulse_wave.mean_of(pressure),
                pleth_height=pleth_height,
                is_ectopic=now.is_ectopic,
            )
        )
        self._next = following

    def _interval(self, now: _Onset, level: Level, jitter: float) -> tuple[float, float, bool]:
        """Return the length of a cycle, its usual length, and whether the next beat comes early; s."""
        is_early = self._random.random() < self.scenario.ectopic_share and now.filling > 0.9 and now.t_us > 0
        slow = _SLOW_WAVE * _waves(now.t_us / 1e6, self._phases[0])
        usual_s = (
            60
            / level.rate_bpm
            * (1 + _SINUS_ARRHYTHMIA * self._breath(now.t_us) + slow + self.scenario.rate_jitter * jitter)
        )
        if is_early:
            return _ECTOPIC * usual_s, usual_s, True
        return (2 - _ECTOPIC) * usual_s if now.is_ectopic else usual_s, usual_s, False

    def _onset(self, now: _Onset, level: Level, interval_s: float, usual_s: float, is_ectopic: bool) -> _Onset:
        """Return where the next cycle begins: the longer this one, the lower."""
        t_us = now.t_us + round(interval_s * 1e6)
        run_off = _RUN_OFF_MMHG_PER_S * (interval_s - usual_s)
        return _Onset(
            t_us=t_us,
            foot_mmhg=max(15.0, level.diastolic_mmhg + 0.6 * self._swing_mmhg(t_us) - run_off),
            foot_pleth=_PLETH_BASELINE * self._breath(t_us),
            filling=interval_s / usual_s,
            is_ectopic=is_ectopic,
        )

    def _swing_mmhg(self, t_us: int, jitter: float = 0.0) -> float:
        waves = _waves(t_us / 1e6, self._phases[1])
        breath = self._breath(t_us)
        return _PRESSURE_SWING_MMHG * breath + _PRESSURE_WAVE_MMHG * waves + _PRESSURE_JITTER_MMHG * jitter

    def _breath(self, t_us: int) -> float:
        """Where a time lies in its breath: 0 at its ends, 1 and -1 between."""
        while self._breaths[-1].start_us + self._breaths[-1].length_us <= t_us:
            last = self._breaths[-1]
            start_us = last.start_us + last.length_us
            rate = self.level(start_us / 1e6).breaths_bpm
            stretch = 1 + _BREATH_JITTER * float(np.clip(self._breath_random.normal(), -2.5, 2.5))
            self._breaths.append(Breath(start_us=start_us, length_us=round(60e6 / rate * stretch)))
        breath = next(b for b in reversed(self._breaths) if b.start_us <= t_us)
        return math.sin(2 * math.pi * (t_us - breath.start_us) / breath.length_us)


def _waves(t_s: float, phases: Values) -> float:
    """Slow waves without an end or a period; each is 1 high."""
    pairs = zip(_SLOW_WAVES_HZ, phases, strict=True)
    return sum(math.sin(2 * math.pi * hz * t_s + float(phase)) for hz, phase in pairs)


def _filled(filling: float) -> float:
    """Height of a pulse by the time the heart had to fill, both in usual ones."""
    loss, gain = _FILLING
    return 1 + (loss if filling < 1 else gain) * (filling - 1)


def _overlap(start_s: float, end_s: float, t_s: Seconds) -> bool:
    return bool(t_s[0] < end_s and t_s[-1] >= start_s)
