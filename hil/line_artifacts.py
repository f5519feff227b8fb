"""Disturbances of the pressure: a ringing line, a cuff on the same arm, a monitor that calibrates itself, mains hum."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from hil.artifacts import Artifact, Finger, Site, Undisturbed, Values
from hil.episodes import Seconds
from hil.finger_artifacts import faded

_TAP_S = 0.004
_EMPTY_MMHG = 28.0  # what is left in an arm beyond a cuff
_HEIGHT_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ringing(Artifact):
    """A soft or long line with a small bubble: a resonance (Gardner 1981: below 7 Hz unacceptable, usual 10 to 20)."""

    natural_hz: float = 9.0
    damping: float = 0.12

    name: ClassVar[str] = "ringing line"
    site: ClassVar[Site | None] = Site.PRESSURE

    def on_pressure(self, t_s: Seconds, pressure: Values, clean: Undisturbed) -> Values:
        active = self.is_active(t_s)
        t = t_s[active]
        if not len(t):
            return pressure
        omega = 2 * np.pi * self.natural_hz
        own = omega * np.sqrt(1 - self.damping**2)
        after_s = np.arange(0.5, 5 / (self.damping * omega) / _TAP_S) * _TAP_S
        response = np.exp(-self.damping * omega * after_s) * np.sin(own * after_s)
        response /= response.sum()
        total = np.zeros(len(t))
        for share, back_s in zip(response, after_s, strict=True):
            total += share * clean(t - back_s)
        out = pressure.copy()
        out[active] += faded(self, t, 1.0) * (total - pressure[active])
        return out


@dataclass(frozen=True, slots=True, kw_only=True)
class Cuff(Artifact):
    """A cuff on the arm of both sensors: within ``rise_s`` no blood passes, and for the last seconds it comes back."""

    rise_s: float = 4.0
    fall_s: float = 6.0

    name: ClassVar[str] = "cuff on this arm"
    site: ClassVar[Site | None] = Site.FINGER

    def passed(self, t_s: Seconds) -> Values:
        """Share of the pulse that passes."""
        rise = np.clip((t_s - self.start_s) / self.rise_s, 0.0, 1.0)
        fall = np.clip((self.end_s - t_s) / self.fall_s, 0.0, 1.0)
        closed = np.clip(2 * np.minimum(rise, fall) - 0.6, 0.0, 1.0)  # nothing happens below the diastolic pressure
        return np.asarray(1 - closed * closed * (3 - 2 * closed))

    def on_finger(self, t_s: Seconds, finger: Finger) -> Finger:
        passed = self.passed(t_s)
        return replace(finger, pleth=finger.pleth * passed, disturbance=finger.disturbance - 0.02 * (1 - passed))

    def on_pressure(self, t_s: Seconds, pressure: Values, clean: Undisturbed) -> Values:  # noqa: ARG002
        passed = self.passed(t_s)
        return _EMPTY_MMHG + passed * (pressure - _EMPTY_MMHG)


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationPause(Artifact):
    """A volume-clamp monitor looks for its set point: the pressure stands still on a few steps (Wesseling 1995)."""

    step_s: float = 0.7

    name: ClassVar[str] = "calibration pause"
    site: ClassVar[Site | None] = Site.PRESSURE

    def on_pressure(self, t_s: Seconds, pressure: Values, clean: Undisturbed) -> Values:
        active = self.is_active(t_s)
        t = t_s[active]
        if not len(t):
            return pressure
        around_s = self.start_s - np.arange(2.0, 0.0, -0.02)
        before = clean(around_s)
        low, high = float(np.nanmin(before)), float(np.nanmax(before))
        step = np.floor((t - self.start_s) / self.step_s)
        out = pressure.copy()
        out[active] = low + (high - low) * (0.35 + 0.15 * (step % 3))
        return out


@dataclass(frozen=True, slots=True, kw_only=True)
class PressureHum(Artifact):
    """Mains in the cable, or its alias: a tone on the converter."""

    hz: float = 50.0
    size_mmhg: float = 5.0

    name: ClassVar[str] = "mains hum"
    site: ClassVar[Site | None] = Site.PRESSURE

    def on_pressure(self, t_s: Seconds, pressure: Values, clean: Undisturbed) -> Values:  # noqa: ARG002
        return pressure + faded(self, t_s) * self.size_mmhg * np.sin(2 * np.pi * self.hz * t_s)
