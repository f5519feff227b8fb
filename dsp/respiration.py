"""Pulses of one channel in, respiration rate out: a trend, from which apnoea is never told.

Breathing moves the foot and the top of the pulse, its interval and the time of its upslope. Their spectra over the last
64 s are added, each by how peaked it is, and the highest peak is the rate. Whether it is published depends on the peak
alone, on how much of the power is in it: modulations that agree may agree on a drift. Early beats and the ones after
their pause are left out, or a regular extrasystole would pass for a breath.
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np
from numpy.typing import NDArray

from dsp import pulse_log
from dsp.channel import SECOND_US, Summary
from dsp.kernels import respiration as kernel
from dsp.pulse_log import PulseLog
from dsp.readings import QUESTIONABLE_SQI, UNUSABLE_SQI
from dsp.rules import Rule, found
from dsp.types import Measured, Reading, Reason, Unavailable

STEP_US = 500_000  # of the resampled series: 2 Hz
WINDOW_US = kernel.MOST_SAMPLES * STEP_US  # 64 s
LEAST_US = 32 * SECOND_US  # of pulses without a longer break: the first value, with half the resolution
BRIDGE_US = 4 * SECOND_US  # a longer time without a pulse breaks the series
LOST_SHARE = 0.2  # of the window in which pulses may be missing
OUTLIER = 2.0  # root mean squares; a movement must not outweigh the breathing
COUNTED_SHARE = 0.6  # of the pulses that are neither early nor after a pause: what is left must still show a breath
LEAST_VARYING = 2  # of the four: the spectrum of one alone is peaked by chance
# The lowest rates are hardly told from the waves of pressure at 0.1 Hz (Mayer). The highest need more than four pulses
# to two breaths: the sampling theorem leaves half the pulse rate, and some distance to it. Peaks are looked for beyond,
# so that faster breathing does not leave the field to something slower.
LOWEST_HZ, HIGHEST_HZ = 0.07, 0.7  # 4 to 42/min
HIGHEST_SHARE, SEARCHED_SHARE = 0.45, 0.55  # of the pulse rate
HALF_WIDTH_HZ = 0.02  # of a peak at 64 s, twice as much at 32 s
# Smaller modulations are rounding and electronics: about a third of the least seen in 25 patients (bidmc). Foot and top
# in pulse heights, interval and upslope in their means.
LEAST_RMS = (0.004, 0.004, 0.0015, 0.005)
# Share of the power in the peak at which a value is published, is no longer questionable, and is as good as it gets. Of
# windows of white noise 23 % reach the first, 2 % the second; of the bidmc windows 89 % and 70 %.
CONCENTRATION = (0.20, 0.30, 0.50)
STEADY_US = 16 * SECOND_US
STEADY_HZ = 0.05  # 3/min: estimates that differ by more within STEADY_US have no one rate to tell
MOVING_SHARE = 0.2  # of the seconds of the window


class Respiration:
    """The spectral peak of one channel, second by second."""

    def __init__(self) -> None:
        # Rounded, so that they are the same whatever the last bit of a machine's cosine is.
        turn = [2 * math.pi * k / kernel.POINTS for k in range(kernel.POINTS)]
        self._cosines = np.array([round(math.cos(a), 12) for a in turn])
        self._sines = np.array([round(math.sin(a), 12) for a in turn])
        bits = kernel.POINTS.bit_length() - 1
        self._order = np.array([int(f"{k:0{bits}b}"[::-1], 2) for k in range(kernel.POINTS)], np.int64)
        self._setup = _setup()
        self._series = np.zeros((kernel.SERIES + 1, kernel.POINTS))
        self._out = np.zeros(kernel.OUTPUTS)
        self._recent: deque[tuple[int, float]] = deque()  # second, Hz
        self._moving_us: deque[int] = deque()  # seconds with movement

    def reading(self, summary: Summary, log: PulseLog, *, is_moving: bool) -> Reading:
        """Breaths a minute at the end of a second; ask for each second once, in order."""
        self._note_motion(summary.t_us, is_moving=is_moving)
        if summary.unavailable is not None:
            self._recent.clear()
            return summary.none
        rows = log.rows(summary.t_us - WINDOW_US - BRIDGE_US - 4 * SECOND_US)
        kernel.estimate(rows, self._series, self._cosines, self._sines, self._order, self._setup, self._out)
        out = self._out.tolist()
        obstacle = _obstacle(out)
        if obstacle is not None:
            return obstacle
        frequency, concentration = out[kernel.FREQUENCY], out[kernel.CONCENTRATION]
        sqi = _sqi(concentration)
        if sqi < UNUSABLE_SQI:
            peak = found(Rule.BREATHING_PEAK, sqi=sqi, least=UNUSABLE_SQI, share=concentration)
            return Unavailable(reason=Reason.BREATHING_UNCLEAR, finding=peak)
        most_hz = HIGHEST_SHARE * out[kernel.COUNTED_HZ]
        if frequency > most_hz:
            fast = found(Rule.BREATHING_RATE, per_min=60 * frequency, most=60 * most_hz)
            return Unavailable(reason=Reason.BREATHING_UNCLEAR, finding=fast)
        return self._measured(frequency, sqi, summary.t_us, int(rows[-1, pulse_log.UPSLOPE_US]))

    def _measured(self, frequency: float, sqi: float, t_us: int, newest_us: int) -> Measured:
        self._recent.append((t_us, frequency))
        while self._recent[0][0] <= t_us - STEADY_US:
            self._recent.popleft()
        others = [f for _, f in self._recent]
        findings = []
        apart_hz = max(others) - min(others)
        if apart_hz > STEADY_HZ:
            unsteady = found(Rule.BREATHING_RATE, apart_per_min=60 * apart_hz, most=60 * STEADY_HZ)
            findings.append((Reason.BREATHING_UNCLEAR, unsteady))
            sqi = min(sqi, (UNUSABLE_SQI + QUESTIONABLE_SQI) / 2)
        elif sqi < QUESTIONABLE_SQI:
            flat = found(Rule.BREATHING_PEAK, sqi=sqi, least=QUESTIONABLE_SQI)
            findings.append((Reason.BREATHING_UNCLEAR, flat))
        moving_us = len(self._moving_us) * SECOND_US
        if moving_us > MOVING_SHARE * WINDOW_US:
            moved = found(Rule.MOVED, moving_s=moving_us / 1e6, most_s=MOVING_SHARE * WINDOW_US / 1e6)
            findings.append((Reason.MOTION, moved))
            sqi = min(sqi, (UNUSABLE_SQI + QUESTIONABLE_SQI) / 2)
        reasons = tuple(reason for reason, _ in findings)
        return Measured(value=60 * frequency, sqi=sqi, newest_us=newest_us, reasons=reasons, findings=tuple(findings))

    def _note_motion(self, t_us: int, *, is_moving: bool) -> None:
        if is_moving:
            self._moving_us.append(t_us)
        while self._moving_us and self._moving_us[0] <= t_us - WINDOW_US:
            self._moving_us.popleft()


def _obstacle(out: list[float]) -> Unavailable | None:
    """Why the pulses of the window say nothing about breathing."""
    if not out[kernel.SAMPLES]:
        short = found(Rule.BREATHING_TIME, seconds=out[kernel.SECONDS], least=LEAST_US / 1e6)
        return Unavailable(reason=Reason.LEARNING, finding=short)
    if out[kernel.LOST_SHARE] > LOST_SHARE:
        lost = found(Rule.BREATHING_LOST, share=out[kernel.LOST_SHARE], most=LOST_SHARE)
        return Unavailable(reason=Reason.ARTIFACT, finding=lost)
    if out[kernel.COUNTED_SHARE] < COUNTED_SHARE:
        odd = found(Rule.RHYTHM, usual_share=out[kernel.COUNTED_SHARE], least=COUNTED_SHARE)
        return Unavailable(reason=Reason.IRREGULAR, finding=odd)
    if out[kernel.VARYING] < LEAST_VARYING:
        still = found(Rule.BREATHING_STILL, varying=out[kernel.VARYING], least=LEAST_VARYING)
        return Unavailable(reason=Reason.BREATHING_UNCLEAR, finding=still)
    return None


def _setup() -> NDArray[np.void]:
    setup = np.zeros(1, kernel.SETUP)
    setup["time"] = pulse_log.UPSLOPE_US
    setup["interval"] = pulse_log.INTERVAL_US
    setup["usual"] = pulse_log.IS_USUAL
    setup["series"][0] = pulse_log.FOOT, pulse_log.TOP, pulse_log.INTERVAL_US, pulse_log.RISE_S
    setup["step_us"] = STEP_US
    setup["bridge_us"] = BRIDGE_US
    setup["least"] = LEAST_US / STEP_US
    setup["outlier"] = OUTLIER
    setup["lowest_hz"] = LOWEST_HZ
    setup["highest_hz"] = HIGHEST_HZ
    setup["highest_share"] = SEARCHED_SHARE
    setup["half_width_hz"] = HALF_WIDTH_HZ
    setup["least_rms"][0] = LEAST_RMS
    return setup


def _sqi(concentration: float) -> float:
    least, fair, best = CONCENTRATION
    if concentration < fair:
        return max(0.0, UNUSABLE_SQI + (QUESTIONABLE_SQI - UNUSABLE_SQI) * (concentration - least) / (fair - least))
    return min(1.0, QUESTIONABLE_SQI + (1 - QUESTIONABLE_SQI) * (concentration - fair) / (best - fair))
