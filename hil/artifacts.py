"""What a sensor sees of a patient in, what it sees while it is disturbed out.

Every artifact is a function of time alone and leaves everything outside its times as it is. Others are in
``finger_artifacts``, ``line_artifacts`` and ``sensor_artifacts``; ``disturbed`` puts any of them on any source.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hil.episodes import Seconds

Values = NDArray[np.float64]
Undisturbed = Callable[[Seconds], Values]  # the same signal at other times, not longer ago than a patient remembers


class Site(Enum):
    """Where an artifact spoils the signal so that nothing can be measured there."""

    FINGER = "finger"
    PRESSURE = "pressure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finger:
    """What light finds in the sensor, each of shape (n,).

    Attributes
    ----------
    pleth : arterial volume, a usual pulse 1 high, rises in systole; NaN without a finger
    spo2_pct : saturation of that blood
    perfusion : absorbance (natural logarithm) of infrared in a pulse 1 high
    disturbance : absorbance of what moves otherwise, the same for red and infrared
    ambient : other light, counts
    """

    pleth: Values
    spo2_pct: Values
    perfusion: Values
    disturbance: Values
    ambient: Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """Undisturbed between ``start_s`` and ``end_s``: the base of those below."""

    start_s: float
    end_s: float

    name: ClassVar[str] = "nothing"
    site: ClassVar[Site | None] = None

    def is_active(self, t_s: Seconds) -> NDArray[np.bool_]:
        return np.asarray((t_s >= self.start_s) & (t_s < self.end_s))

    def on_finger(self, t_s: Seconds, finger: Finger) -> Finger:  # noqa: ARG002 - for those that disturb it
        return finger

    def on_pressure(self, t_s: Seconds, pressure: Values, clean: Undisturbed) -> Values:  # noqa: ARG002
        return pressure

    def on_acceleration(self, t_s: Seconds, acceleration: Values) -> Values:  # noqa: ARG002
        return acceleration

    def on_light(self, t_s: Seconds, counts: Values, clean: Undisturbed) -> Values:  # noqa: ARG002
        """Disturb the optical sensor itself: counts of red and infrared, shape (n, 2)."""
        return counts

    def on_volts(self, t_s: Seconds, volts: Values, clean: Undisturbed) -> Values:  # noqa: ARG002
        """Disturb the converter of the pressure."""
        return volts


_MOTION_HZ = (0.7, 5.0)  # voluntary movement of a hand
_MOTION_WAVES = 9
_AXES = np.array([0.9, 0.6, 0.4])


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion(Artifact):
    """The hand moves: acceleration of some ``size_g``, and the pleth swings with it, several pulses high.

    Without acceleration where nothing measures it: ``size_g`` 0.
    """

    size_g: float = 0.35
    absorbance: float = 0.12

    name: ClassVar[str] = "motion"
    site: ClassVar[Site | None] = Site.FINGER

    def on_finger(self, t_s: Seconds, finger: Finger) -> Finger:
        return replace(finger, disturbance=finger.disturbance + self.absorbance * self._waves(t_s)[:, 0])

    def on_acceleration(self, t_s: Seconds, acceleration: Values) -> Values:
        return acceleration + self.size_g * _AXES * self._waves(t_s)

    def _waves(self, t_s: Seconds) -> Values:
        """Three axes of one movement, about 1 high, that begins and ends at rest: shape (n, 3)."""
        random = np.random.default_rng(round(self.start_s * 1000))
        hz = random.uniform(*_MOTION_HZ, _MOTION_WAVES)
        phase = random.uniform(0, 2 * np.pi, (_MOTION_WAVES, 3))
        total = np.zeros((len(t_s), 3))
        active = self.is_active(t_s)
        t = t_s[active, None]
        for k in range(_MOTION_WAVES):
            total[active] += np.sin(2 * np.pi * hz[k] * t + phase[k])
        edge = np.minimum(t - self.start_s, self.end_s - t)
        total[active] *= np.sin(0.5 * np.pi * np.clip(edge / 0.5, 0.0, 1.0)) ** 2 / np.sqrt(_MOTION_WAVES / 2)
        return total


ROOM_LIGHT = 300.0  # counts of room light without a finger
_SETTLE_S = 3.0  # at the end, with the finger back
_SETTLE_ABSORBANCE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class FingerOut(Artifact):
    """No finger; in the last 3 s it is back, and settles."""

    name: ClassVar[str] = "finger out"
    site: ClassVar[Site | None] = Site.FINGER

    def on_finger(self, t_s: Seconds, finger: Finger) -> Finger:
        active = self.is_active(t_s)
        left = self.end_s - t_s
        out = active & (left > _SETTLE_S)
        fading = np.exp(np.minimum(left - _SETTLE_S, 0.0) / 0.6) * np.clip(left, 0.0, 1.0)
        return replace(
            finger,
            pleth=np.where(out, np.nan, finger.pleth),
            ambient=np.where(out, finger.ambient + ROOM_LIGHT, finger.ambient),
            disturbance=finger.disturbance + np.where(active & ~out, _SETTLE_ABSORBANCE * fading, 0.0),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StrongLight(Artifact):
    """A lamp shines into the sensor: its converter is at full scale."""

    counts: float = 400_000.0

    name: ClassVar[str] = "strong light"
    site: ClassVar[Site | None] = Site.FINGER

    def on_finger(self, t_s: Seconds, finger: Finger) -> Finger:
        return replace(finger, ambient=np.where(self.is_active(t_s), finger.ambient + self.counts, finger.ambient))


@dataclass(frozen=True, slots=True, kw_only=True)
class Flush(Artifact):
    """The line is flushed: up to the bag's pressure, then back with some ringing."""

    bag_mmhg: float = 280.0

    name: ClassVar[str] = "line flush"
    site: ClassVar[Site | None] = Site.PRESSURE

    def on_pressure(self, t_s: Seconds, pressure: Values, clean: Undisturbed) -> Values:  # noqa: ARG002
        active = self.is_active(t_s)
        t = t_s[active]
        left = self.end_s - t
        open_share = np.clip((t - self.start_s) / 0.08, 0.0, 1.0)
        # The last 0.6 s ring at 8 Hz, as an underdamped line does after a square wave.
        ringing = np.exp(-(0.6 - left) / 0.06) * np.cos(2 * np.pi * 8 * (0.6 - left)) * np.clip(left / 0.1, 0.0, 1.0)
        share = np.where(left > 0.6, open_share, ringing)
        out = pressure.copy()
        out[active] += share * (self.bag_mmhg - pressure[active])
        return out


_TAPS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Damping(Artifact):
    """A clot or a bubble: the line shows little but the mean pressure (a moving mean)."""

    width_s: float = 0.48

    name: ClassVar[str] = "damped line"
    site: ClassVar[Site | None] = Site.PRESSURE

    def on_pressure(self, t_s: Seconds, pressure: Values, clean: Undisturbed) -> Values:
        active = self.is_active(t_s)
        t = t_s[active]
        if not len(t):
            return pressure
        total = np.zeros(len(t))
        for k in range(_TAPS):
            total += clean(t - k * self.width_s / _TAPS)
        share = np.clip(np.minimum(t - self.start_s, self.end_s - t) / 2.0, 0.0, 1.0)
        out = pressure.copy()
        out[active] += share * (total / _TAPS - pressure[active])
        return out
