"""Red and infrared light in, what is wrong with the light out, and both lights at equal times."""

from __future__ import annotations

import math
from collections import deque
from statistics import median
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dsp.buffer import SampleBuffer
from dsp.channel import SECOND_US, STALE_US
from dsp.config import Rails
from dsp.doubt import Lingering
from dsp.kernels import optics as kernel
from dsp.rules import Finding, Rule, found
from dsp.types import Channel, Reason, Unavailable

# Shares of full scale. A finger reads 0.1 to 0.6 at the currents of the firmware, a sensor in the dark below 0.01. Own
# choice, to be confirmed with fingers of every colour: one that reads less than DARK is said to be absent.
DARK = 0.05
DIM = 0.10  # without a pulse this little light is no finger either
# Share of a second's samples at full scale that is saturation, or at zero that is darkness: more than one sample.
CLIPPED = EMPTY = 0.02
HELD_US = 2 * SECOND_US
KEPT_US = 16 * SECOND_US
# The channels change places between two samples: each continues where the other was.
LEAST_EXCHANGE = 0.01  # of the intensity; below it the two cannot be told apart by their intensity
JOINED_US = 10 * SECOND_US  # over a longer gap the intensities themselves change
EXCHANGED = 0.2  # the largest rest, in jumps

# The proportion of the lights, in logarithms, against what it was so long ago. Own choice: 0.05 moves a ratio of ratios
# by a twentieth, which is about 1 % of saturation.
MOST_SHIFT = 0.05
SHIFT_FROM_US, SHIFT_UNTIL_US = 30 * SECOND_US, 60 * SECOND_US
LEAST_LEVELS = 5

Floats = NDArray[np.float64]


class Light(NamedTuple):
    """One second of one light; shares of full scale where that is known."""

    unavailable: Unavailable | None = None
    level: float = math.nan
    zeros: float = 0.0  # of the samples
    is_dark: bool = False
    is_dim: bool = False
    is_frozen: bool = False


class Optics:
    """Both lights of one sensor as intensities; whoever has their blocks puts them into ``buffers``."""

    def __init__(self, infrared_rails: Rails | None, red_rails: Rails | None) -> None:
        self.buffers = {channel: SampleBuffer(factor=-1.0) for channel in (Channel.PLETH, Channel.RED)}
        self._full = {
            channel: -rails.low if rails else math.inf
            for channel, rails in ((Channel.PLETH, infrared_rails), (Channel.RED, red_rails))
        }
        self._levels: deque[tuple[int, float]] = deque()  # end of a second, logarithm of red through infrared
        full = list(self._full.values())
        lit = [DARK * x for x in full]
        self._setup = np.array([0.0, 0.0, *full, LEAST_EXCHANGE, JOINED_US, *lit, EXCHANGED])
        self._out = np.zeros(kernel.SURVEY_OUTPUTS)
        self._out[kernel.SEARCHED_US] = -KEPT_US
        self._out[[kernel.NEWEST_US, kernel.LIGHT_OUTPUTS + kernel.NEWEST_US]] = math.nan  # stays as long as none comes
        self._limits = np.array([0.0, 0.0, *self._full.values()])
        self._shifted = Lingering()
        self._infrared = Light()  # of the newest second
        self._clipped: tuple[int, Unavailable] | None = None
        self.exchanges = 0  # since the last long gap
        self.exchanged_us = -KEPT_US  # first time after the last of them
        self.is_order_known = False  # red has been seen to be red since then; whoever sees it says so

    def faults(self, t_us: int) -> tuple[Unavailable | None, Unavailable | None]:
        """Why infrared gives no pleth, and why both give no saturation, at the end of a second; ask once, in order."""
        self._survey(t_us)
        self._infrared = infrared = self._light(Channel.PLETH, t_us)
        red = self._light(Channel.RED, t_us)
        return _infrared_fault(infrared, red), self._held(t_us, _red_fault(red, infrared))

    def _held(self, t_us: int, fault: Unavailable | None) -> Unavailable | None:
        """The fault of a light that was clipped a moment ago: a slow pulse reaches the rail once in two seconds."""
        if fault is not None:
            self._clipped = (t_us, fault) if fault.reason is Reason.SATURATED else None
        elif self._clipped is not None and t_us - self._clipped[0] <= HELD_US:
            return self._clipped[1]
        return fault

    def is_shifted(self, t_us: int) -> bool:
        """Whether the window holds one light that changed against the other within half a minute; ask once, in order.

        Blood changes their proportion by a few per cent; a sensor that moves or fails changes it at once.
        """
        while self._levels and self._levels[0][0] < t_us - SHIFT_UNTIL_US:
            self._levels.popleft()
        infrared, red = self._out[kernel.MEAN_INFRARED : kernel.MEAN_RED + 1].tolist()
        if min(infrared, red) <= 0:
            return False
        level = math.log(red / infrared)
        self._levels.append((t_us, level))
        old = [x for t, x in self._levels if t <= t_us - SHIFT_FROM_US] or [x for _, x in self._levels][:LEAST_LEVELS]
        is_found = len(self._levels) > LEAST_LEVELS and abs(level - median(old)) > MOST_SHIFT
        return self._shifted.stands(t_us, is_found=is_found)

    def dim(self) -> Unavailable | None:
        """No finger, if so little infrared comes in this second that it can be one only if it pulsates."""
        level = self._infrared.level
        if not self._infrared.is_dim:
            return None
        return Unavailable(reason=Reason.PROBE_OFF, finding=found(Rule.LIGHT_DIM, level=level, least=DIM))

    def compare(self, span: tuple[int, int], least: tuple[float, float], taps: Floats, out: Floats) -> int:
        """Compare both lights between two times by ``dsp.kernels.optics.compare``; return what is against it.

        ``least`` is the time that the last sample must have reached, and the longest between two.
        """
        t_infrared, infrared = self.buffers[Channel.PLETH].stretch(*span)
        t_red, red = self.buffers[Channel.RED].stretch(*span)
        self._limits[:2] = least
        against = int(kernel.compare(t_infrared, infrared, t_red, red, self._limits, taps, out))
        if against != kernel.UNPAIRED:
            return against
        times, in_infrared, in_red = np.intersect1d(t_infrared, t_red, assume_unique=True, return_indices=True)
        return int(kernel.compare(times, infrared[in_infrared], times, red[in_red], self._limits, taps, out))

    def _light(self, channel: Channel, t_us: int) -> Light:
        full = self._full[channel]
        begin = 0 if channel is Channel.PLETH else kernel.LIGHT_OUTPUTS
        count, newest_us, oldest_us, clipped, mean, dark, is_constant = self._out[
            begin : begin + kernel.LIGHT_OUTPUTS
        ].tolist()
        if math.isnan(newest_us):
            return Light(unavailable=Unavailable(reason=Reason.NO_DATA, finding=found(Rule.NO_SAMPLE)))
        if not count or t_us - newest_us > STALE_US:
            age = found(Rule.SAMPLE_AGE, age_s=(t_us - newest_us) / 1e6, most_s=STALE_US / 1e6)
            return Light(unavailable=Unavailable(reason=Reason.STALE, finding=age))
        if clipped > CLIPPED:
            finding = found(Rule.LIGHT_CLIPPED, share=clipped, most=CLIPPED)
            return Light(unavailable=Unavailable(reason=Reason.SATURATED, finding=finding))
        level = mean / full if full < math.inf else math.nan
        return Light(
            level=level,
            zeros=dark,
            is_dark=level < DARK or dark > EMPTY,
            is_dim=level < DIM,
            is_frozen=newest_us - oldest_us >= SECOND_US and is_constant > 0,
        )

    def _survey(self, t_us: int) -> None:
        """Look at both lights up to a time, and count how often they changed places; two dark ones are noise."""
        self._setup[:2] = t_us - STALE_US - SECOND_US, t_us - SECOND_US
        since_us = min(t_us - STALE_US - SECOND_US, int(self._out[kernel.SEARCHED_US]))
        infrared, red = (buffer.stretch(since_us, t_us) for buffer in self.buffers.values())
        searched_us = self._out.item(kernel.SEARCHED_US)
        kernel.survey(*infrared, *red, self._setup, self._out)
        if self._out.item(kernel.SEARCHED_US) - searched_us > JOINED_US:
            self.exchanges, self.is_order_known = 0, False
        if self._out[kernel.EXCHANGES]:
            self.exchanges += int(self._out[kernel.EXCHANGES])
            self.exchanged_us = int(self._out[kernel.EXCHANGED_US])
        for buffer in self.buffers.values():
            buffer.forget(t_us - KEPT_US)


def _infrared_fault(infrared: Light, red: Light) -> Unavailable | None:
    if infrared.unavailable is not None:
        return infrared.unavailable
    if not (infrared.is_dark or infrared.is_frozen):
        return None
    is_red_bright = red.unavailable is None and not red.is_dark
    is_dead = is_red_bright and not red.is_frozen
    dark = Reason.PROBE_OFF if infrared.is_dark else Reason.FLAT
    return Unavailable(reason=Reason.LED_FAULT if is_dead else dark, finding=_finding(infrared, red))


def _red_fault(red: Light, infrared: Light) -> Unavailable | None:
    fault = _infrared_fault(infrared, red) or red.unavailable
    if fault is None and (red.is_dark or red.is_frozen):
        return Unavailable(reason=Reason.LED_FAULT, finding=_finding(red, infrared))
    return fault


def _finding(light: Light, other: Light) -> Finding:
    if not light.is_dark:
        return found(Rule.LIGHT_FROZEN, still_s=SECOND_US / 1e6, least_s=SECOND_US / 1e6)
    if not light.level < DARK:
        return found(Rule.LIGHT_ZERO, share=light.zeros, most=EMPTY)
    beside = {} if math.isnan(other.level) else {"other_level": other.level}
    return found(Rule.LIGHT_DARK, level=light.level, least=DARK, **beside)
