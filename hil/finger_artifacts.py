"""Disturbances of the finger: too little blood, rhythmic movement, a wandering baseline, another chair's light."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from hil.artifacts import Artifact, Finger, Site, Values
from hil.episodes import Seconds

_EDGE_S = 0.5
_AXES = np.array([0.35, 0.9, 0.26])  # across gravity: the length of the vector hides most of such a movement


class FingerSource(Protocol):
    """Another person's finger."""

    def finger(self, t_us: NDArray[np.int64]) -> Finger: ...


def faded(artifact: Artifact, t_s: Seconds, edge_s: float = _EDGE_S) -> Values:
    """0 outside the artifact, 1 inside, with smooth edges."""
    edge = np.minimum(t_s - artifact.start_s, artifact.end_s - t_s)
    return np.asarray(np.where(artifact.is_active(t_s), np.sin(0.5 * np.pi * np.clip(edge / edge_s, 0.0, 1.0)) ** 2, 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class LowPerfusion(Artifact):
    """A cold or squeezed finger: a pulse 1 high absorbs ``perfusion_pct`` of the light, from one beat to the next."""

    perfusion_pct: float = 0.05

    name: ClassVar[str] = "low perfusion"
    site: ClassVar[Site | None] = Site.FINGER

    def on_finger(self, t_s: Seconds, finger: Finger) -> Finger:
        share = faded(self, t_s, 2.0)
        return replace(finger, perfusion=finger.perfusion + share * (self.perfusion_pct / 100 - finger.perfusion))


@dataclass(frozen=True, slots=True, kw_only=True)
class RhythmicMotion(Artifact):
    """A finger that taps or trembles like a pulse: ``heights`` pulses high, its second harmonic ``harmonic`` of that.

    It moves red and infrared alike, which is what blood of 85 % does.
    """

    hz: float = 1.4
    heights: float = 2.0
    harmonic: float = 0.3
    size_g: float = 0.0
    pulse_absorbance: float = 0.03

    name: ClassVar[str] = "rhythmic movement"
    site: ClassVar[Site | None] = Site.FINGER

    def on_finger(self, t_s: Seconds, finger: Finger) -> Finger:
        size = self.heights * self.pulse_absorbance * self._wave(t_s)
        return replace(finger, disturbance=finger.disturbance + 0.5 * size)

    def on_acceleration(self, t_s: Seconds, acceleration: Values) -> Values:
        return acceleration + self.size_g * _AXES * self._wave(t_s)[:, None]

    def _wave(self, t_s: Seconds) -> Values:
        angle = 2 * np.pi * self.hz * (t_s - self.start_s)
        return np.asarray(faded(self, t_s) * (np.sin(angle) + self.harmonic * np.sin(2 * angle + 0.7)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wander(Artifact):
    """Slow movement and breathing: the light wanders by ``heights`` pulses."""

    hz: float = 0.2
    heights: float = 10.0
    pulse_absorbance: float = 0.03

    name: ClassVar[str] = "baseline wander"
    site: ClassVar[Site | None] = Site.FINGER

    def on_finger(self, t_s: Seconds, finger: Finger) -> Finger:
        wave = 0.5 * self.heights * self.pulse_absorbance * np.sin(2 * np.pi * self.hz * (t_s - self.start_s))
        return replace(finger, disturbance=finger.disturbance + faded(self, t_s, 2.0) * wave)


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossTalk(Artifact):
    """The sensor of the next chair shines in: its finger's pulse is seen as well, ``share`` of our own."""

    other: FingerSource
    share: float = 0.5

    name: ClassVar[str] = "cross-talk"
    site: ClassVar[Site | None] = Site.FINGER

    def on_finger(self, t_s: Seconds, finger: Finger) -> Finger:
        theirs = self.other.finger(np.rint(t_s * 1e6).astype(np.int64))
        seen = np.nan_to_num(theirs.pleth) * theirs.perfusion
        return replace(finger, disturbance=finger.disturbance + faded(self, t_s) * self.share * seen)
