"""One heart cycle in numbers in, its pressure and its pleth as curves out.

Systole takes the time it takes at the rate, whatever the cycle lasts; a longer cycle has a longer diastole. The higher
the pressure, the earlier and larger the reflected wave (late systolic shoulder), and the smaller the dicrotic wave.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Curve = NDArray[np.float64]

POINTS = 257  # of one cycle's curve, from its foot to the next; 3.4 ms apart at 70/min
PHASES = np.linspace(0.0, 1.0, POINTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wave:
    """A hump of the pulse: place and width in ejection times, height in that of the first."""

    place: float
    width: float
    height: float


# Places and heights are read off published pulses (radial pressure: O'Rourke 1993; finger pleth: Allen 2007, fig. 2).
_EJECTION = Wave(place=0.40, width=0.165, height=1.0)
_SHOULDER = Wave(place=0.76, width=0.17, height=0.42)
_DICROTIC = Wave(place=1.36, width=0.17, height=0.24)
_PLETH_EJECTION = Wave(place=0.55, width=0.22, height=1.0)
_PLETH_SHOULDER = Wave(place=1.00, width=0.22, height=0.30)
_PLETH_DICROTIC = Wave(place=1.55, width=0.24, height=0.26)
_RUN_OFF = 0.95  # height of the windkessel's part
_RUN_OFF_S = 0.65  # its time constant
_NORMAL_MMHG = 120.0
_SHOULDER_PER_MMHG = 0.006
_DICROTIC_PER_MMHG = -0.0012


def ejection_s(rate_bpm: float) -> float:
    """Left ventricular ejection time (Weissler 1968, men: 413 ms less 1.7 ms for each beat a minute)."""
    return max(0.15, 0.413 - 0.0017 * rate_bpm)


def pressure_shape(interval_s: float, rate_bpm: float, systolic_mmhg: float) -> Curve:
    """Curve of one pressure pulse, shape (POINTS,): from 0 to 1 and back to 0."""
    above = systolic_mmhg - _NORMAL_MMHG
    shoulder = float(np.clip(_SHOULDER.height + _SHOULDER_PER_MMHG * above, 0.1, 0.8))
    dicrotic = float(np.clip(_DICROTIC.height + _DICROTIC_PER_MMHG * above, 0.12, 0.30))
    waves = ((_EJECTION, 1.0), (_SHOULDER, shoulder), (_DICROTIC, dicrotic))
    return _shape(waves, interval_s, ejection_s(rate_bpm))


def pleth_shape(interval_s: float, rate_bpm: float, systolic_mmhg: float) -> Curve:
    """Curve of one pulse of the finger's volume, shape (POINTS,): from 0 to 1 and back to 0."""
    above = systolic_mmhg - _NORMAL_MMHG
    dicrotic = float(np.clip(_PLETH_DICROTIC.height + _DICROTIC_PER_MMHG * above, 0.1, 0.35))
    waves = ((_PLETH_EJECTION, 1.0), (_PLETH_SHOULDER, _PLETH_SHOULDER.height), (_PLETH_DICROTIC, dicrotic))
    return _shape(waves, interval_s, ejection_s(rate_bpm))


def cycle(shape: Curve, foot: float, next_foot: float, top: float) -> Curve:
    """The curve from its foot over exactly its top to the next foot."""
    floor = foot + (next_foot - foot) * PHASES
    return np.asarray(floor + (top - floor) * shape)


def mean_of(curve: Curve) -> float:
    """Mean of the curve, which is straight between its points."""
    return float((curve[:-1] + curve[1:]).mean() / 2)


def _shape(waves: tuple[tuple[Wave, float], ...], interval_s: float, systole_s: float) -> Curve:
    t = PHASES * (interval_s / systole_s)
    total = _RUN_OFF * (1 - np.exp(-((t / 0.5) ** 2))) * np.exp(-t * (systole_s / _RUN_OFF_S))
    for wave, height in waves:
        total += height * np.exp(-0.5 * ((t - wave.place) / wave.width) ** 2)
    total -= total[0] + (total[-1] - total[0]) * PHASES
    return np.asarray(total / total.max())
