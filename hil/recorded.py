"""A recording in, its pleth and pressure as functions of time out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dsp.types import Channel
from gateway.recordings import Recording, Signal
from hil.artifacts import ROOM_LIGHT, Finger

Times = NDArray[np.int64]
Values = NDArray[np.float64]

_WINDOW_S = 2.0  # holds a whole pulse from 30/min on
_GAP_PERIODS = 1.5
# A recorded pleth is one wavelength in an arbitrary unit, and nobody recorded movement: what the sensors show of these
# is made up, and the gateway is told never to publish it.
_SPO2_PCT = 97.5
_PERFUSION = 0.02
INVENTED = ("spo2", "perfusion_index", "motion")


class RecordedSource:
    """A recording, interpolated linearly on its own times; what it does not have is missing."""

    def __init__(self, recording: Recording) -> None:
        self.duration_s: float | None = recording.duration_s
        pleth = recording.signals.get(Channel.PLETH)
        pressure = recording.signals.get(Channel.PRESSURE)
        self._pleth = None if pleth is None else _Curve(pleth, *_normal(pleth))
        self._pressure = None if pressure is None else _Curve(pressure, 0.0, 1.0)

    def finger(self, t_us: Times) -> Finger:
        """The recorded pleth at an assumed saturation and perfusion; without one, no finger."""
        pleth = _missing(t_us) if self._pleth is None else self._pleth.at(t_us)
        return Finger(
            pleth=pleth,
            spo2_pct=np.full(len(t_us), _SPO2_PCT),
            perfusion=np.full(len(t_us), _PERFUSION),
            disturbance=np.zeros(len(t_us)),
            ambient=np.where(np.isnan(pleth), ROOM_LIGHT, 0.0),
        )

    def pressure(self, t_us: Times) -> Values:
        return _missing(t_us) if self._pressure is None else self._pressure.at(t_us)

    def acceleration(self, t_us: Times) -> Values:
        """Gravity alone, g, shape (n, 3): no movement was recorded."""
        return np.tile([0.0, 0.0, 1.0], (len(t_us), 1))


class _Curve:
    """A signal as a function of time: NaN in gaps and beyond its ends."""

    def __init__(self, signal: Signal, zero: float, unit: float) -> None:
        self._t_us = signal.t_us.astype(np.float64)
        self._samples = (signal.samples - zero) / unit
        self._gap_us = _GAP_PERIODS * 1e6 / signal.rate_hz

    def at(self, t_us: Times) -> Values:
        values = np.interp(t_us, self._t_us, self._samples, left=np.nan, right=np.nan)
        after = np.clip(np.searchsorted(self._t_us, t_us), 1, len(self._t_us) - 1)
        is_gap = self._t_us[after] - self._t_us[after - 1] > self._gap_us
        is_between = (t_us > self._t_us[after - 1]) & (t_us < self._t_us[after])
        values[is_gap & is_between] = np.nan
        return values


def _missing(t_us: Times) -> Values:
    return np.full(len(t_us), np.nan)


def _normal(pleth: Signal) -> tuple[float, float]:
    """Return the level and the height of a usual pulse: the median over windows of two seconds.

    A recording's unit is arbitrary and artifacts dwarf its pulses, so neither extremes nor the deviation will do.
    """
    n = max(2, round(_WINDOW_S * pleth.rate_hz))
    windows = [pleth.samples[i : i + n] for i in range(0, max(1, len(pleth.samples) - n + 1), n)]
    heights = np.array([np.ptp(window) for window in windows])
    pulsating = heights[heights > 0]
    height = float(np.median(pulsating)) if len(pulsating) else 1.0
    return float(np.median(pleth.samples)), height
