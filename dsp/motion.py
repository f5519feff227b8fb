"""Acceleration in, how much the sensor moves out."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

import numpy as np

from dsp.buffer import SampleBuffer
from dsp.channel import SECOND_US, STALE_US, Summary
from dsp.pulse import Pulse
from dsp.types import Measured, Reading, Reason, SampleBlock, Unavailable

LEAST_SHARE = 0.8  # of the samples of a second
REMEMBERED_SECONDS = 16
# A hand at rest on a chair stays below; its tremor and a breath are some thousandths, a wave of the hand is tenths.
# Own choice, to be confirmed with people.
MOVING_G = 0.05
SHAKEN_G = 0.3  # from here on hardly anything of an optical signal is believed
RECENT_US = 3 * SECOND_US  # a movement so long ago may still keep the pulse from being recognised
# Gravity is there always: a shorter mean is a dead sensor, a longer one than its range (16 g an axis) a broken one.
LEAST_LENGTH_G, MOST_LENGTH_G = 0.3, 28.0


class MotionMonitor:
    """The rms of the acceleration's length about its mean over one second, g."""

    def __init__(self, rate_hz: float) -> None:
        self._least = LEAST_SHARE * rate_hz
        self._buffer = SampleBuffer()
        self._levels: deque[tuple[int, float]] = deque(maxlen=REMEMBERED_SECONDS)  # end of a second of samples, g

    def feed(self, block: SampleBlock) -> None:
        self._buffer.append(block.t_us, block.samples)

    def reading(self, t_us: int) -> Reading:
        """Motion in the second that ends with the newest sample up to ``t_us``; ask for each second once, in order."""
        times, lengths = self._buffer.stretch(t_us - STALE_US - SECOND_US, t_us)
        self._buffer.forget(t_us - STALE_US - SECOND_US)
        if not len(times) or t_us - int(times[-1]) > STALE_US:
            return Unavailable(reason=Reason.NO_DATA if self._buffer.newest_us is None else Reason.STALE)
        newest_us = int(times[-1])
        lengths = lengths[times > newest_us - SECOND_US]
        if len(lengths) < self._least:
            return Unavailable(reason=Reason.LEARNING)
        mean = float(np.mean(lengths))
        if not LEAST_LENGTH_G <= mean <= MOST_LENGTH_G:
            return Unavailable(reason=Reason.IMPLAUSIBLE)
        level = float(np.sqrt(np.mean((lengths - mean) ** 2)))
        self._levels.append((newest_us, level))
        return Measured(value=level, sqi=1.0, newest_us=newest_us)

    def level(self, start_us: int, end_us: int) -> float:
        """The strongest motion known of a stretch of time; 0 where nothing is known."""
        return max((g for t, g in self._levels if t - SECOND_US < end_us and t > start_us), default=0.0)


def motion_trust(level_g: float) -> float:
    """Factor on the quality of what was seen while the sensor moved: 1 below ``MOVING_G``, then 0.5 down to 0.1."""
    if level_g <= MOVING_G:
        return 1.0
    return 0.5 - 0.4 * min(1.0, (level_g - MOVING_G) / (SHAKEN_G - MOVING_G))


def doubted(summary: Summary, motion: MotionMonitor) -> Summary:
    """The pleth with less quality for the pulses that fell into a movement, and movement as the cause of disorder."""
    if motion.level(summary.t_us - REMEMBERED_SECONDS * SECOND_US, summary.t_us) <= MOVING_G:
        return summary
    pulses = tuple(_doubted(p, motion.level(p.candidate.onset_us, p.candidate.peak_us)) for p in summary.pulses)
    is_disorder = summary.unavailable is Reason.IRREGULAR
    is_moving = motion.level(summary.t_us - RECENT_US, summary.t_us) > MOVING_G
    unavailable = Reason.MOTION if is_disorder and is_moving else summary.unavailable
    return replace(summary, pulses=pulses, unavailable=unavailable)


def _doubted(pulse: Pulse, level_g: float) -> Pulse:
    trust = motion_trust(level_g)
    return pulse if trust == 1 else replace(pulse, sqi=pulse.sqi * trust, reasons=(*pulse.reasons, Reason.MOTION))
