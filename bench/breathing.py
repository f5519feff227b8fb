"""A recording in, how fast its patient breathed by a signal that we do not use out: to judge alarms of respiration.

Breaths that people have marked; or else the spectrum of carbon dioxide, chest impedance or central venous pressure.
"""

from pathlib import Path

import numpy as np
import wfdb

WINDOW_S = 64
_CHANNELS = ("CO2", "RESP", "CVP")
_LOWEST_HZ, _HIGHEST_HZ = 0.05, 0.75  # 3 to 45/min; the heart is faster
_STEP_S = 8


class Breathing:
    """One recording's; ``name`` is the signal, None where it has none."""

    def __init__(self, path: Path, breaths_s: list[float] | None) -> None:
        self._breaths_s = breaths_s
        self.name = "marked breaths" if breaths_s else None
        if breaths_s is None:
            header = wfdb.rdheader(str(path))
            self.name = next((name for name in _CHANNELS if name in header.sig_name), None)
        if breaths_s is None and self.name is not None:
            record = wfdb.rdrecord(str(path), channel_names=[self.name])
            self._rate_hz = float(record.fs)
            self._samples = np.nan_to_num(record.p_signal[:, 0], nan=float(np.nanmean(record.p_signal)))

    def rates(self, start_s: float, end_s: float) -> list[float]:
        """Breaths a minute of every whole window in a span of time."""
        starts = np.arange(max(0.0, start_s), end_s - WINDOW_S + 1e-9, _STEP_S)
        found = [self._rate(float(at), float(at) + WINDOW_S) for at in starts]
        return [rate for rate in found if rate is not None]

    def _rate(self, start_s: float, end_s: float) -> float | None:
        if self._breaths_s is not None:
            return 60.0 * sum(start_s <= at < end_s for at in self._breaths_s) / (end_s - start_s)
        if self.name is None:
            return None
        window = self._samples[round(start_s * self._rate_hz) : round(end_s * self._rate_hz)]
        if len(window) < (end_s - start_s) * self._rate_hz * 0.99:
            return None
        power = np.abs(np.fft.rfft((window - window.mean()) * np.hanning(len(window)), 4 * len(window))) ** 2
        hertz = np.fft.rfftfreq(4 * len(window), 1 / self._rate_hz)
        band = (hertz >= _LOWEST_HZ) & (hertz <= _HIGHEST_HZ)
        return float(60 * hertz[band][power[band].argmax()])
