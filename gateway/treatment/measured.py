"""The seconds of the measured quantities in, medians out: only seconds that may be believed count."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from statistics import median

import dsp
from gateway.treatment.records import BaselineValue

WATCHED = (
    dsp.Quantity.SYSTOLIC,
    dsp.Quantity.DIASTOLIC,
    dsp.Quantity.MEAN_PRESSURE,
    dsp.Quantity.PULSE_RATE,
    dsp.Quantity.SPO2,
    dsp.Quantity.RESPIRATION_RATE,
)
BASELINE_SECONDS = 60  # good ones needed, of the last five minutes: the first even minute of rest (proposal)
_WINDOW = 600  # s; the recovery gate looks back ten minutes (clinical practice of PADSS and Aldrete scoring)
_BASELINE_WINDOW = 300  # s
_NOW_WINDOW = 60  # s, of what is called "now" in the scores and the form
_NOW_SECONDS = 20  # good ones needed for it
_UNCALIBRATED = frozenset({dsp.Validity.UNCALIBRATED, dsp.Validity.CALIBRATING})
_GOOD = frozenset({dsp.Validity.MEASURED}) | _UNCALIBRATED


class History:
    """The last ten minutes of every watched quantity, a second each; None is a second that was not good."""

    def __init__(self) -> None:
        self._seconds: dict[dsp.Quantity, deque[float | None]] = {q: deque(maxlen=_WINDOW) for q in WATCHED}
        self._uncalibrated: set[dsp.Quantity] = set()

    def add(self, readings: Mapping[dsp.Quantity, dsp.Reading]) -> None:
        """Take a second."""
        for quantity, seconds in self._seconds.items():
            reading = readings.get(quantity)
            is_good = isinstance(reading, dsp.Measured) and reading.validity in _GOOD
            seconds.append(reading.value if is_good and isinstance(reading, dsp.Measured) else None)
            if is_good and isinstance(reading, dsp.Measured):
                (self._uncalibrated.add if reading.validity in _UNCALIBRATED else self._uncalibrated.discard)(quantity)

    def is_uncalibrated(self, quantity: dsp.Quantity) -> bool:
        """What its newest good second was measured with is not calibrated."""
        return quantity in self._uncalibrated

    def clear(self) -> None:
        """Forget: another patient, or another part of the session, is not judged by it."""
        for seconds in self._seconds.values():
            seconds.clear()

    def baseline(self) -> dict[dsp.Quantity, BaselineValue]:
        """Medians of the last five minutes, of each quantity that has enough good seconds."""
        found = {}
        for quantity in WATCHED:
            good = self.good(quantity, _BASELINE_WINDOW)
            if len(good) >= BASELINE_SECONDS:
                found[quantity] = BaselineValue(
                    value=round(median(good), 1),
                    seconds=len(good),
                    is_uncalibrated=self.is_uncalibrated(quantity),
                )
        return found

    def now(self, quantity: dsp.Quantity, window: int = _NOW_WINDOW, least: int = _NOW_SECONDS) -> float | None:
        """Median of the last minute, or ``window`` s, None if fewer than ``least`` of its seconds were good."""
        good = self.good(quantity, window)
        return round(median(good), 1) if len(good) >= least else None

    def newest(self, quantity: dsp.Quantity) -> float | None:
        """The last second's value, None if it was not good."""
        seconds = self._seconds[quantity]
        return seconds[-1] if seconds else None

    def good(self, quantity: dsp.Quantity, seconds: int) -> list[float]:
        """The good values of the last so many seconds, oldest first."""
        kept = self._seconds[quantity]
        newest = list(kept)[-seconds:] if seconds < len(kept) else kept
        return [value for value in newest if value is not None]
