"""Red and infrared light in, what is wrong with the light out, and both lights at equal times."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from dsp.buffer import SampleBuffer
from dsp.channel import SECOND_US, STALE_US
from dsp.config import Rails
from dsp.rules import Finding, Rule, found
from dsp.types import Channel, Reason, SampleBlock, Unavailable

# Shares of full scale. A finger reads 0.1 to 0.6 at the currents of the firmware, a sensor in the dark below 0.01. Own
# choice, to be confirmed with fingers of every colour: one that reads less than DARK is said to be absent.
DARK = 0.05
DIM = 0.10  # without a pulse this little light is no finger either
CLIPPED = 0.02  # share of a second's samples on the rail that makes the light saturated: more than one sample
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Light:
    """One second of one light; shares of full scale where that is known."""

    unavailable: Unavailable | None = None
    level: float = math.nan
    is_dark: bool = False
    is_dim: bool = False
    is_frozen: bool = False


class Optics:
    """Both lights of one sensor as intensities."""

    def __init__(self, infrared_rails: Rails | None, red_rails: Rails | None) -> None:
        self._buffers = {Channel.PLETH: SampleBuffer(), Channel.RED: SampleBuffer()}
        self._full = {
            channel: -rails.low if rails else math.inf
            for channel, rails in ((Channel.PLETH, infrared_rails), (Channel.RED, red_rails))
        }
        self._levels: deque[tuple[int, float]] = deque()  # end of a second, logarithm of red through infrared
        self._searched_us = -KEPT_US  # exchanges of the channels are known up to here
        self.exchanges = 0
        self.exchanged_us = -KEPT_US  # first time after the last of them

    def feed(self, block: SampleBlock) -> None:
        self._buffers[block.channel].append(block.t_us, -block.samples)

    def faults(self, t_us: int) -> tuple[Unavailable | None, Unavailable | None]:
        """Why infrared gives no pleth, and why both give no saturation, at the end of a second; ask once, in order."""
        infrared, red = self._light(Channel.PLETH, t_us), self._light(Channel.RED, t_us)
        self._count_exchanges(t_us)
        return _infrared_fault(infrared, red), _red_fault(red, infrared)

    def is_shifted(self, t_us: int) -> bool:
        """Whether one light has changed against the other within the last half minute; ask once, in order.

        Blood changes their proportion by a few per cent; a sensor that moves or fails changes it at once.
        """
        _, infrared, red = self.pairs(t_us - SECOND_US, t_us)
        while self._levels and self._levels[0][0] < t_us - SHIFT_UNTIL_US:
            self._levels.popleft()
        if not len(infrared) or min(float(np.mean(infrared)), float(np.mean(red))) <= 0:
            return False
        level = math.log(float(np.mean(red)) / float(np.mean(infrared)))
        self._levels.append((t_us, level))
        old = [x for t, x in self._levels if t <= t_us - SHIFT_FROM_US] or [x for _, x in self._levels][:LEAST_LEVELS]
        return len(self._levels) > LEAST_LEVELS and abs(level - median(old)) > MOST_SHIFT

    def dim(self, t_us: int) -> Unavailable | None:
        """No finger, if so little infrared comes that it can be one only if it pulsates."""
        light = self._light(Channel.PLETH, t_us)
        if not light.is_dim:
            return None
        return Unavailable(reason=Reason.PROBE_OFF, finding=found(Rule.LIGHT_DIM, level=light.level, least=DIM))

    def pairs(self, since_us: int, until_us: int) -> tuple[NDArray[np.int64], Floats, Floats]:
        """Times after ``since_us`` up to ``until_us`` that both lights have, and their intensities."""
        t_infrared, infrared = self._buffers[Channel.PLETH].stretch(since_us, until_us)
        t_red, red = self._buffers[Channel.RED].stretch(since_us, until_us)
        if len(t_infrared) == len(t_red) and bool(np.all(t_infrared == t_red)):
            return t_infrared, infrared, red
        times, in_infrared, in_red = np.intersect1d(t_infrared, t_red, assume_unique=True, return_indices=True)
        return times, infrared[in_infrared], red[in_red]

    def is_clipped(self, infrared: Floats, red: Floats) -> bool:
        """Whether a stretch touches full scale anywhere."""
        return bool(np.any(infrared >= self._full[Channel.PLETH]) or np.any(red >= self._full[Channel.RED]))

    def _light(self, channel: Channel, t_us: int) -> Light:
        buffer, full = self._buffers[channel], self._full[channel]
        times, samples = buffer.stretch(t_us - STALE_US - SECOND_US, t_us)
        if not len(times):
            return Light(unavailable=_silent(None) if buffer.newest_us is None else _silent(STALE_US + SECOND_US))
        newest_us = int(times[-1])
        if t_us - newest_us > STALE_US:
            return Light(unavailable=_silent(t_us - newest_us))
        second = samples[times > newest_us - SECOND_US]
        clipped = float(np.mean(second >= full))
        if clipped > CLIPPED:
            finding = found(Rule.LIGHT_CLIPPED, share=clipped, most=CLIPPED)
            return Light(unavailable=Unavailable(reason=Reason.SATURATED, finding=finding))
        level = float(np.mean(samples[times > newest_us - SECOND_US // 2])) / full if full < math.inf else math.nan
        return Light(
            level=level,
            is_dark=level < DARK or bool(np.mean(second) <= 0),
            is_dim=level < DIM,
            is_frozen=newest_us - int(times[0]) >= SECOND_US and bool(np.all(second == second[0])),
        )

    def _count_exchanges(self, t_us: int) -> None:
        """Count how often the channels changed places up to ``t_us``; two dark ones are noise and look it."""
        times, infrared, red = self.pairs(self._searched_us, t_us)
        if len(times):
            own = np.abs(np.diff(infrared)) + np.abs(np.diff(red))
            other = np.abs(red[1:] - infrared[:-1]) + np.abs(infrared[1:] - red[:-1])
            is_jump = own > 2 * LEAST_EXCHANGE * np.maximum(np.abs(infrared[1:]), np.abs(red[1:]))
            is_joined = np.diff(times) <= JOINED_US
            is_lit = (infrared > DARK * self._full[Channel.PLETH]) & (red > DARK * self._full[Channel.RED])
            is_exchange = is_lit[1:] & is_lit[:-1] & is_jump & is_joined & (other < EXCHANGED * own)
            self.exchanges += int(np.count_nonzero(is_exchange))
            if is_exchange.any():
                self.exchanged_us = int(times[1:][is_exchange][-1])
            self._searched_us = int(times[-1]) - 1  # the last sample is the first of the next search
        for buffer in self._buffers.values():
            buffer.forget(t_us - KEPT_US)


def _silent(age_us: int | None) -> Unavailable:
    """No light at all yet, or none for so long or longer."""
    if age_us is None:
        return Unavailable(reason=Reason.NO_DATA, finding=found(Rule.NO_SAMPLE))
    return Unavailable(reason=Reason.STALE, finding=found(Rule.SAMPLE_AGE, age_s=age_us / 1e6, most_s=STALE_US / 1e6))


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
    rule = Rule.LIGHT_DARK if light.is_dark else Rule.LIGHT_FROZEN
    levels = {name: x.level for name, x in (("level", light), ("other_level", other)) if not math.isnan(x.level)}
    return found(rule, **levels, least=DARK)
