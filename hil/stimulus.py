"""A person in, what the sensors see out: counts of red and infrared, volts of the cuff monitor, acceleration."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hil.artifacts import Finger
from hil.noise import standard_normal

Times = NDArray[np.int64]
Values = NDArray[np.float64]

_DC_INFRARED = 110_000.0  # counts of 2^18: a finger at 7 mA
_DC_RED = 95_000.0
_SPO2_AT_ZERO, _SPO2_PER_RATIO = 110.0, 25.0  # the emulated sensor's curve: SpO2 = 110 - 25 R
_MMHG_PER_VOLT = 100.0
_SUPPLY_V = 3.3
# Noise of the sensors: deviation of the MAX30102 at 18 bits and these currents, of the cuff monitor's output, and of
# the LIS3DH (220 ug/sqrt(Hz) at 25 Hz).
_NOISE_COUNTS = 12.0
_NOISE_V = 0.001
_NOISE_G = 0.0011
_RED, _INFRARED, _VOLTS, _AXES = 1, 2, 3, (4, 5, 6)


class Source(Protocol):
    """A person: a finger, pressure in mmHg (NaN is missing), and acceleration in g, shape (n, 3)."""

    duration_s: float | None  # None is endless

    def finger(self, t_us: Times) -> Finger: ...
    def pressure(self, t_us: Times) -> Values: ...
    def acceleration(self, t_us: Times) -> Values: ...


class Stimulus:
    """What the board's sensors see of a person.

    Parameters
    ----------
    noise_seed : makes the sensors' noise, a function of it and of time; without it they have none
    """

    def __init__(self, source: Source, *, noise_seed: int | None = None) -> None:
        self._source = source
        self._noise_seed = noise_seed
        self.duration_s = source.duration_s
        self._seen: tuple[Times, Finger] | None = None

    def light(self, t_us: Times) -> Values:
        """Return counts of red and infrared, shape (n, 2); blood absorbs, so they fall in systole.

        The ratio of the logarithms of any two moments is (110 - SpO2) / 25 exactly, where nothing else moves.
        """
        finger = self._finger(t_us)
        ratio = (_SPO2_AT_ZERO - finger.spo2_pct) / _SPO2_PER_RATIO
        blood = finger.perfusion * finger.pleth
        red = _DC_RED * np.exp(-ratio * blood - finger.disturbance)
        infrared = _DC_INFRARED * np.exp(-blood - finger.disturbance)
        counts = np.stack([red, infrared], axis=1)
        counts[np.isnan(finger.pleth)] = 0.0
        counts += finger.ambient[:, None]
        counts[:, 0] += self._noise(_RED, t_us, _NOISE_COUNTS)
        counts[:, 1] += self._noise(_INFRARED, t_us, _NOISE_COUNTS)
        return np.maximum(counts, 0.0)

    def ambient(self, t_us: Times) -> Values:
        """Return what of the light is another's, shape (n,)."""
        return self._finger(t_us).ambient

    def _finger(self, t_us: Times) -> Finger:
        """The finger at these times; asked for light and for ambient, it is made once."""
        if self._seen is None or self._seen[0] is not t_us:
            self._seen = (t_us, self._source.finger(t_us))
        return self._seen[1]

    def volts(self, t_us: Times) -> Values:
        """Return the cuff monitor's output; 0 V where it has no pressure."""
        volts = np.nan_to_num(self._source.pressure(t_us) / _MMHG_PER_VOLT, nan=0.0)
        return np.clip(volts + self._noise(_VOLTS, t_us, _NOISE_V), 0.0, _SUPPLY_V)

    def acceleration(self, t_us: Times) -> Values:
        """Return gravity and movement, g, shape (n, 3)."""
        noise = [self._noise(axis, t_us, _NOISE_G) for axis in _AXES]
        return self._source.acceleration(t_us) + np.stack(noise, axis=1)

    def _noise(self, channel: int, t_us: Times, deviation: float) -> Values:
        if self._noise_seed is None:
            return np.zeros(len(t_us))
        return deviation * standard_normal(self._noise_seed, channel, t_us)
