"""Ejections of the last beats in, left ventricular ejection time out."""

from __future__ import annotations

from collections import deque
from statistics import median

from dsp.channel import SECOND_US, Summary
from dsp.notch import Ejection
from dsp.readings import QUESTIONABLE_SQI
from dsp.rules import Rule, found
from dsp.types import Measured, Reading, Reason, Unavailable

WINDOW_US = 16 * SECOND_US  # two or three breaths, with which it varies
LEAST_NOTCHES = 4
LEAST_SHARE = 0.6  # of the cycles
# Half of the notches lie so far from their median: it is the notch up to the first, from the second on it may be
# anything. In records with a plain notch it is 6 to 12 ms, in a search range without one about 60.
SPREAD_MS = (15.0, 25.0)


class EjectionTime:
    """Median over the window."""

    def __init__(self) -> None:
        self._ejections: deque[Ejection] = deque()

    def reading(self, summary: Summary, quality: Reading) -> Reading:
        """Milliseconds at the end of a second; ask for each second once, in order. ``quality`` is that of the beats."""
        self._ejections.extend(summary.ejections)
        while self._ejections and self._ejections[0].t_us <= summary.t_us - WINDOW_US:
            self._ejections.popleft()
        if isinstance(quality, Unavailable):
            return quality
        lengths = [e.length_us / 1e3 for e in self._ejections if e.length_us is not None]
        if len(lengths) < max(LEAST_NOTCHES, LEAST_SHARE * len(self._ejections)):
            return self._too_few(len(lengths))
        middle = median(lengths)
        spread = median(abs(length - middle) for length in lengths)
        if spread > SPREAD_MS[1]:
            wide = found(Rule.NOTCH_SPREAD, spread_ms=spread, most_ms=SPREAD_MS[1])
            return Unavailable(reason=Reason.NO_NOTCH, finding=wide)
        return _measured(middle, spread, quality)

    def _too_few(self, count: int) -> Unavailable:
        reason = Reason.LEARNING if len(self._ejections) < LEAST_NOTCHES else Reason.NO_NOTCH
        least = max(LEAST_NOTCHES, LEAST_SHARE * len(self._ejections))
        return Unavailable(reason=reason, finding=found(Rule.NOTCH_COUNT, notches=count, least=least))


def _measured(length_ms: float, spread_ms: float, quality: Measured) -> Measured:
    """With the quality of the beats; a number whose notches scatter is questionable."""
    sqi, reasons, findings = quality.sqi, quality.reasons, quality.findings
    if spread_ms > SPREAD_MS[0]:
        share = (SPREAD_MS[1] - spread_ms) / (SPREAD_MS[1] - SPREAD_MS[0])
        sqi = min(sqi, QUESTIONABLE_SQI * (0.5 + 0.5 * share))
        reasons = (*reasons, Reason.NO_NOTCH)
        wide = found(Rule.NOTCH_SPREAD, spread_ms=spread_ms, most_ms=SPREAD_MS[0])
        findings = (*findings, (Reason.NO_NOTCH, wide))
    return Measured(value=length_ms, sqi=sqi, newest_us=quality.newest_us, reasons=reasons, findings=findings)
