"""A person and artifacts in, what the disturbed sensors see out: any artifact on any source, live or recorded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hil.artifacts import Artifact, Finger, Values
from hil.episodes import Seconds
from hil.stimulus import Source, Stimulus

Times = NDArray[np.int64]


class _Person:
    """The person as disturbed: finger, pressure and acceleration."""

    def __init__(self, source: Source, artifacts: Sequence[Artifact]) -> None:
        self._source = source
        self._artifacts = artifacts
        self.duration_s = source.duration_s

    def finger(self, t_us: Times) -> Finger:
        finger = self._source.finger(t_us)
        for artifact in _touching(self._artifacts, t_us):
            finger = artifact.on_finger(t_us / 1e6, finger)
        return finger

    def pressure(self, t_us: Times) -> Values:
        pressure = self._source.pressure(t_us)
        for artifact in _touching(self._artifacts, t_us):
            pressure = artifact.on_pressure(t_us / 1e6, pressure, self._undisturbed)
        return pressure

    def acceleration(self, t_us: Times) -> Values:
        acceleration = self._source.acceleration(t_us)
        for artifact in _touching(self._artifacts, t_us):
            acceleration = artifact.on_acceleration(t_us / 1e6, acceleration)
        return acceleration

    def _undisturbed(self, t_s: Seconds) -> Values:
        return self._source.pressure(_times(t_s))


class Disturbed:
    """The sensors on that person, themselves disturbed; stands where a ``Stimulus`` stands."""

    def __init__(self, source: Source, artifacts: Sequence[Artifact], *, noise_seed: int | None = None) -> None:
        self._artifacts = artifacts
        self._clean = Stimulus(source, noise_seed=noise_seed)
        self._seen = Stimulus(_Person(source, artifacts), noise_seed=noise_seed)
        self.duration_s = source.duration_s

    def ambient(self, t_us: Times) -> Values:
        return self._seen.ambient(t_us)

    def light(self, t_us: Times) -> Values:
        counts = self._seen.light(t_us)
        for artifact in _touching(self._artifacts, t_us):
            counts = artifact.on_light(t_us / 1e6, counts, lambda t_s: self._clean.light(_times(t_s)))
        return counts

    def volts(self, t_us: Times) -> Values:
        volts = self._seen.volts(t_us)
        for artifact in _touching(self._artifacts, t_us):
            volts = artifact.on_volts(t_us / 1e6, volts, lambda t_s: self._clean.volts(_times(t_s)))
        return volts

    def acceleration(self, t_us: Times) -> Values:
        return self._seen.acceleration(t_us)


def _touching(artifacts: Sequence[Artifact], t_us: Times) -> list[Artifact]:
    start_s, end_s = float(t_us[0]) / 1e6, float(t_us[-1]) / 1e6
    return [a for a in artifacts if a.start_s <= end_s and a.end_s > start_s]


def _times(t_s: Seconds) -> Times:
    return np.rint(t_s * 1e6).astype(np.int64)
