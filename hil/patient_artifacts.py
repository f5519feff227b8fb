"""What happens to a patient or a cable, as the sensors see it: a lifted hand, no pulse, an unplugged line, drift."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from hil.artifacts import Artifact, Finger, Site, Undisturbed, Values
from hil.episodes import Seconds
from hil.finger_artifacts import faded

_MMHG_PER_CM = 0.77  # of water: what a height between finger and heart costs


@dataclass(frozen=True, slots=True, kw_only=True)
class HandLift(Artifact):
    """The hand is higher than it was when the pressure was set to the heart's height."""

    cm: float = 25.0

    name: ClassVar[str] = "hand lifted"
    site: ClassVar[Site | None] = Site.PRESSURE

    def on_pressure(self, t_s: Seconds, pressure: Values, clean: Undisturbed) -> Values:  # noqa: ARG002
        return pressure - self.cm * _MMHG_PER_CM * faded(self, t_s, 2.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift(Artifact):
    """A calibration that wanders away."""

    mmhg: float = 8.0
    within_s: float = 600.0

    name: ClassVar[str] = "calibration drift"
    site: ClassVar[Site | None] = Site.PRESSURE

    def on_pressure(self, t_s: Seconds, pressure: Values, clean: Undisturbed) -> Values:  # noqa: ARG002
        share = np.clip((t_s - self.start_s) / self.within_s, 0.0, 1.0)
        return pressure + self.mmhg * np.where(self.is_active(t_s), share, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unplugged(Artifact):
    """The cuff monitor's cable is out: no voltage at all."""

    name: ClassVar[str] = "pressure cable unplugged"
    site: ClassVar[Site | None] = Site.PRESSURE

    def on_pressure(self, t_s: Seconds, pressure: Values, clean: Undisturbed) -> Values:  # noqa: ARG002
        return np.where(self.is_active(t_s), np.nan, pressure)

    def on_volts(self, t_s: Seconds, volts: Values, clean: Undisturbed) -> Values:  # noqa: ARG002
        return np.where(self.is_active(t_s), 0.0, volts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrest(Artifact):
    """The heart stands still: the pressure runs off to what fills the vessels, the finger has no pulse."""

    last_mmhg: float = 76.0
    filling_mmhg: float = 20.0
    run_off_s: float = 3.0

    name: ClassVar[str] = "no pulse"
    site: ClassVar[Site | None] = None

    def on_finger(self, t_s: Seconds, finger: Finger) -> Finger:
        return replace(finger, pleth=np.where(self.is_active(t_s), self._left(t_s) * 0.3, finger.pleth))

    def on_pressure(self, t_s: Seconds, pressure: Values, clean: Undisturbed) -> Values:  # noqa: ARG002
        run_off = self.filling_mmhg + (self.last_mmhg - self.filling_mmhg) * self._left(t_s)
        return np.where(self.is_active(t_s), run_off, pressure)

    def _left(self, t_s: Seconds) -> Values:
        return np.exp(-np.maximum(t_s - self.start_s, 0.0) / self.run_off_s)
