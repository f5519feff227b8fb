"""Pulses of the last minutes in, pulse rate variability and pulse pressure variation out."""

from __future__ import annotations

from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from dsp import pulse_log
from dsp.channel import SECOND_US, Summary
from dsp.kernels import variability as kernel
from dsp.pulse_log import PulseLog
from dsp.readings import UNUSABLE_SQI, low_quality, main_fault, shortage
from dsp.rules import Finding, Rule, found
from dsp.types import Detail, Measured, Reading, Reason, Unavailable

RATE_WINDOW_US = 60 * SECOND_US  # the least that stands for five minutes in RMSSD (Munoz et al. 2015, PLoS One 10)
RATE_LONG_US = 300 * SECOND_US  # SDNN is that of five minutes and of no other time (Task Force 1996)
LONG_COVERED_US = 240 * SECOND_US  # of them in usual intervals
LEAST_COVERED = 0.9  # of the window, from its first pulse on
LEAST_PAIRS = 20  # 60 s at 25/min have 24
LEAST_USUAL = 0.8  # of the intervals: with more early beats it is the rhythm that varies, not the sinus

PRESSURE_WINDOW_US = 32 * SECOND_US
LEAST_BREATHS = 3
LEAST_PULSES = 3  # a breath; with fewer neither the largest nor the smallest pulse need be among them
LEAST_PULSES_PER_BREATH = 3.6  # of pulse rate to respiration rate (De Backer et al. 2009, Anesthesiology 110:1092)
MOST_BREATHS = 24


class RateVariability:
    """RMSSD over a minute, with SDNN over five beside it."""

    def __init__(self) -> None:
        self._out = np.zeros(kernel.OUTPUTS)

    def reading(self, summary: Summary, log: PulseLog) -> Reading:
        """Milliseconds at the end of a second."""
        if summary.unavailable is not None:
            return summary.none
        rows, every = log.rows(summary.t_us - RATE_WINDOW_US), log.rows(summary.t_us - RATE_LONG_US)
        columns = (pulse_log.INTERVAL_US, pulse_log.IS_USUAL, pulse_log.SQI)
        kernel.intervals(every, len(every) - len(rows), *columns, self._out)
        rmssd_us, pairs, usual_share, quality, sdnn_us, covered_us = self._out.tolist()
        begin_us = rows[0, pulse_log.UPSLOPE_US] if len(rows) else summary.t_us
        few = lacking((summary.t_us - begin_us) / 1e6, pairs)
        if few is not None:
            return Unavailable(reason=shortage(summary), finding=few)
        if usual_share < LEAST_USUAL:
            share = found(Rule.RHYTHM, usual_share=usual_share, least=LEAST_USUAL)
            return Unavailable(reason=Reason.IRREGULAR, finding=share)
        if quality < UNUSABLE_SQI:
            poor = found(Rule.BEAT_QUALITY, sqi=quality, least=UNUSABLE_SQI)
            return Unavailable(reason=main_fault(summary), finding=poor)
        own = low_quality(summary, quality)
        return Measured(
            value=rmssd_us / 1e3,
            sqi=quality,
            newest_us=int(rows.item(-1, pulse_log.UPSLOPE_US)),  # the newest intervals judge the one before them
            reasons=tuple(reason for reason, _ in own),
            findings=own,
            details=((Detail.SDNN_MS, sdnn_us / 1e3),) if covered_us >= LONG_COVERED_US else (),
        )


def lacking(seconds: float, pairs: float) -> Finding | None:
    """What the intervals lack for a variability of the rate: time since the first of them, or their number."""
    least_s = LEAST_COVERED * RATE_WINDOW_US / 1e6
    if seconds < least_s:
        return found(Rule.PULSE_TIME, seconds=seconds, least=least_s)
    return found(Rule.BEAT_COUNT, pairs=pairs, least=LEAST_PAIRS) if pairs < LEAST_PAIRS else None


class PressureVariation:
    """Mean over whole breaths of the largest less the smallest pulse pressure, in their mean."""

    def __init__(self) -> None:
        self._swings = np.zeros(MOST_BREATHS)
        self._out = np.zeros(3)

    def reading(self, summary: Summary, log: PulseLog, respiration: Reading) -> Reading:
        """Per cent at the end of a second."""
        if summary.unavailable is not None:
            return summary.none
        if isinstance(respiration, Unavailable):
            return respiration
        rows = log.rows(summary.t_us - PRESSURE_WINDOW_US)
        kernel.rhythm(rows, pulse_log.INTERVAL_US, pulse_log.IS_USUAL, pulse_log.SQI, self._out)
        odd, interval_us, quality = self._out.tolist()
        obstacle = _obstacle(len(rows), odd, interval_us, respiration.value, summary)
        if obstacle is not None:
            return obstacle
        return self._measured(rows, min(respiration.sqi, quality), respiration, summary)

    def _measured(self, rows: NDArray[np.float64], sqi: float, respiration: Measured, summary: Summary) -> Reading:
        newest_us = rows.item(-1, pulse_log.UPSLOPE_US)
        breath_us = 60e6 / respiration.value
        most = min(MOST_BREATHS, int(PRESSURE_WINDOW_US // breath_us))
        columns = (pulse_log.UPSLOPE_US, pulse_log.SYSTOLIC, pulse_log.DIASTOLIC)
        count = kernel.breath_swings(rows, newest_us, breath_us, LEAST_PULSES, *columns, self._swings[:most])
        if count < LEAST_BREATHS:
            breaths = found(Rule.BREATH_COUNT, breaths=count, least=LEAST_BREATHS)
            return Unavailable(reason=Reason.LEARNING, finding=breaths)
        if sqi < UNUSABLE_SQI:
            poor = found(Rule.BEAT_QUALITY, sqi=sqi, least=UNUSABLE_SQI)
            return Unavailable(reason=main_fault(summary), finding=poor)
        own = () if respiration.reasons else low_quality(summary, sqi)
        return Measured(
            value=100 * fmean(self._swings[:count].tolist()),
            sqi=sqi,
            newest_us=int(newest_us),
            reasons=respiration.reasons or tuple(reason for reason, _ in own),
            findings=(*respiration.findings, *own),
        )


def _obstacle(
    count: int, odd: float, interval_us: float, breaths_per_min: float, summary: Summary
) -> Unavailable | None:
    """Why these pulses say nothing about breathing: too few, an early one or a gap among them, too few in a breath."""
    if count < LEAST_BREATHS * LEAST_PULSES:
        few = found(Rule.BEAT_COUNT, beats=count, least=LEAST_BREATHS * LEAST_PULSES)
        return Unavailable(reason=shortage(summary), finding=few)
    if odd:
        return Unavailable(reason=Reason.IRREGULAR, finding=found(Rule.RHYTHM, unusual=odd, most=0))
    ratio = 60e6 / interval_us / breaths_per_min
    if ratio < LEAST_PULSES_PER_BREATH:
        fast = found(Rule.BREATH_PULSES, ratio=ratio, least=LEAST_PULSES_PER_BREATH)
        return Unavailable(reason=Reason.BREATHING_UNCLEAR, finding=fast)
    return None
