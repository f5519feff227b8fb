"""Acceleration in, how much the sensor moves, and whether in step with the pulse, out."""

from __future__ import annotations

from collections import deque
from statistics import median

import numpy as np

from dsp.buffer import SampleBuffer
from dsp.channel import SECOND_US, STALE_US, Summary
from dsp.kernels import motion as kernel
from dsp.pulse import Pulse
from dsp.rules import Rule, found
from dsp.types import Measured, Reading, Reason, Unavailable
from dsp.window import Window

LEAST_SHARE = 0.8  # of the samples of a second
REMEMBERED_SECONDS = 16
# A hand at rest on a chair stays below; its tremor and a breath are some thousandths, a wave of the hand is tenths.
# Own choice, to be confirmed with people.
MOVING_G = 0.05
SHAKEN_G = 0.3  # from here on hardly anything of an optical signal is believed
RECENT_US = 5 * SECOND_US  # a movement so long ago may still keep the pulse from being recognised: four beats at 48/min
# Gravity is there always: a shorter mean is a dead sensor, a longer one than its range (16 g an axis) a broken one.
LEAST_LENGTH_G, MOST_LENGTH_G = 0.3, 28.0
_BROKEN_G = 1000.0  # whatever is beyond is as broken; its square is finite


# A movement at the frequency of the pulse that is counted is likely to be what is counted. The heart itself moves a
# hand by some thousandths of a g. Own choices, to be confirmed with people.
RHYTHM_US = 6 * SECOND_US
RHYTHM_G = 0.008
RHYTHM_SHARE = 0.3  # of the movement's power that is at that frequency, within about 0.25 Hz
IN_STEP_TRUST = 0.45


class MotionMonitor:
    """The rms of the acceleration vector about its mean over one second, g; blocks are put into ``buffer``."""

    def __init__(self, rate_hz: float) -> None:
        self._least = LEAST_SHARE * rate_hz
        self._rate_hz = rate_hz
        self.buffer = SampleBuffer(most=_BROKEN_G, columns=(3,))
        self._out = np.zeros(kernel.OUTPUTS)
        self._newest_us: int | None = None  # of what was asked for
        self._levels: deque[tuple[int, float]] = deque(maxlen=REMEMBERED_SECONDS)  # end of a second of samples, g
        self._in_step_us: deque[int] = deque()  # ends of the stretches that moved so
        self._is_calm = True  # nothing that is remembered moved

    def reading(self, t_us: int) -> Reading:
        """Motion in the second that ends with the newest sample up to ``t_us``; ask for each second once, in order."""
        self.buffer.forget(t_us - STALE_US - RHYTHM_US)
        times, axes = self.buffer.stretch(t_us - STALE_US - SECOND_US, t_us)
        self._newest_us = newest_us = times.item(-1) if len(times) else self._newest_us
        if newest_us is None:
            return Unavailable(reason=Reason.NO_DATA, finding=found(Rule.NO_SAMPLE))
        if t_us - newest_us > STALE_US:
            age = found(Rule.SAMPLE_AGE, age_s=(t_us - newest_us) / 1e6, most_s=STALE_US / 1e6)
            return Unavailable(reason=Reason.STALE, finding=age)
        kernel.survey(times, axes, SECOND_US, self._out)
        samples, length, level = self._out.tolist()
        if samples < self._least:
            count = found(Rule.MOTION_COUNT, samples=int(samples), least=self._least)
            return Unavailable(reason=Reason.LEARNING, finding=count)
        if not LEAST_LENGTH_G <= length <= MOST_LENGTH_G:
            implausible = found(Rule.MOTION_LENGTH, length_g=length, least_g=LEAST_LENGTH_G, most_g=MOST_LENGTH_G)
            return Unavailable(reason=Reason.IMPLAUSIBLE, finding=implausible)
        self._levels.append((newest_us, level))
        while self._in_step_us and self._in_step_us[0] <= t_us - REMEMBERED_SECONDS * SECOND_US:
            self._in_step_us.popleft()
        self._is_calm = not self._in_step_us and max([g for _, g in self._levels]) <= MOVING_G
        return Measured(value=level, sqi=1.0, newest_us=newest_us)

    def compare(self, summary: Summary) -> None:
        """Note whether the sensor moves in step with the pulse; once a second, before trust is asked for."""
        intervals_us = summary.pulses.intervals_us
        times, axes = self.buffer.stretch(summary.t_us - RHYTHM_US, summary.t_us)
        if len(times) < LEAST_SHARE * RHYTHM_US / 1e6 * self._rate_hz or not intervals_us:
            return
        kernel.rhythm(times, axes, 1e6 / median(intervals_us), self._out)
        level, whole, _ = self._out.tolist()
        if level >= RHYTHM_G and level**2 >= RHYTHM_SHARE * whole**2:
            self._in_step_us.append(summary.t_us)
            self._is_calm = False

    def is_moving(self, start_us: int, end_us: int) -> bool:
        """Whether the sensor moved in a stretch of time, as far as is known."""
        return not self._is_calm and self._level(start_us, end_us) > MOVING_G

    def _level(self, start_us: int, end_us: int) -> float:
        """The strongest motion known of a stretch of time; 0 where nothing is known."""
        return max([g for t, g in self._levels if t - SECOND_US < end_us and t > start_us], default=0.0)

    def trust(self, start_us: int, end_us: int) -> float:
        """Factor 0..1 on the quality of what was seen in a stretch of time."""
        if self._is_calm:
            return 1.0
        trust = motion_trust(self._level(start_us, end_us))
        is_in_step = any([t - RHYTHM_US < end_us and t > start_us for t in self._in_step_us])
        return min(trust, IN_STEP_TRUST) if is_in_step else trust


def motion_trust(level_g: float) -> float:
    """Factor on the quality of what was seen while the sensor moved: 1 below ``MOVING_G``, then 0.5 down to 0.1."""
    if level_g <= MOVING_G:
        return 1.0
    return 0.5 - 0.4 * min(1.0, (level_g - MOVING_G) / (SHAKEN_G - MOVING_G))


def doubted(summary: Summary, motion: MotionMonitor) -> Summary:
    """The pleth with less quality for the pulses that fell into a movement, and movement as the cause of disorder."""
    if motion.trust(summary.t_us - REMEMBERED_SECONDS * SECOND_US, summary.t_us) == 1:
        return summary
    pulses = Window(_doubted(p, motion.trust(p.candidate.onset_us, p.candidate.peak_us)) for p in summary.pulses)
    is_disorder = summary.unavailable is Reason.IRREGULAR
    is_moved = is_disorder and motion.is_moving(summary.t_us - RECENT_US, summary.t_us)
    unavailable = Reason.MOTION if is_moved else summary.unavailable
    return summary._replace(pulses=pulses, unavailable=unavailable)


def _doubted(pulse: Pulse, trust: float) -> Pulse:
    return pulse if trust == 1 else pulse._replace(sqi=pulse.sqi * trust, reasons=(*pulse.reasons, Reason.MOTION))
