"""Pulses and two lights in, oxygen saturation and perfusion index out.

A cycle runs from onset to onset of two adjacent accepted pulses. Its ratio of ratios is a total-least-squares slope
between the logarithms of the two lights, band-limited and without their straight trend; for small pulses that is
(AC/DC of red) / (AC/DC of infrared). The value is the median over the good cycles of the window, so a step is followed
when half of the window is new, and nothing from before the window is in it at all: no value is ever compared with an
earlier value of ours, so none can be held.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

import numpy as np

from dsp.channel import SECOND_US, Summary
from dsp.curve import DEMONSTRATION, OximeterCurve
from dsp.cycles import LEAST_USUAL, USUAL_FROM_US
from dsp.doubt import ALTERED, Lingering, strangeness
from dsp.kernels import optics as kernel
from dsp.motion import MotionMonitor, doubted
from dsp.optics import Optics
from dsp.pulse import Pulse
from dsp.readings import DOUBTED_SQI, QUESTIONABLE_SQI, UNUSABLE_SQI, measured, shortage, too_few
from dsp.rules import Finding, Rule, found
from dsp.types import Measured, Reading, Reason, Unavailable

SPO2_WINDOW_US = 8 * SECOND_US  # whole cycles that lie in it count; bedside oximeters average 2 to 16 s
# Worst case from a change to a published value without anything from before it: the window and the second between two
# values. At 60/min half of the window has turned after 5 to 6 s. Until then it lies between old and new, or is null.
SPO2_LATENCY_US = SPO2_WINDOW_US + SECOND_US
FRESH_US = 3 * SECOND_US  # the newest good cycle is not older, or two intervals where the pulse is slow
OLDEST_US = 4_500_000
LEAST_CYCLES = 2  # 25/min has two in the window
SMOOTHING_S = 0.1  # half length of the Hann filter on both lights: -6 dB at 5 Hz

# Quality of a cycle: 1 at the first number, 0 at the second. Own choices, held by the tests of noise and movement.
# Between the lights, the part of the noise taken out; of the one real finger at hand (emotibit_ip900ap) 95 % of the
# cycles have 0.997 with their noise. Two sources of different ratio, blood and movement, have less.
CORRELATION = (0.995, 0.97)
ERROR_PCT = (2.0, 8.0)  # expected of one cycle from its noise, in saturation
SCATTER_PCT = (2.0, 8.0)  # of a cycle about the line through its neighbours: a fall is none
LEAST_PERFUSION_PCT = 0.1  # below, the ratio is more the electronics' than the blood's
FAIR_PERFUSION_PCT = 0.3  # from here on perfusion as such is no doubt

# Swapped lights give 1/R. A first value below 70 % (the claimed range of oximeters, ISO 80601-2-61) is taken for
# swapped lights, one from there to 88 % may be either, or no blood at all: about R = 1 both orders say the same, and so
# does a movement, which changes both lights alike. One above tells that red is red. From then on a low saturation is a
# low saturation.
SWAPPED_PCT = 70.0
KNOWN_PCT = 88.0
LEAST_TO_KNOW = 4  # good cycles
TURNED_PCT = 2.5  # between the newest cycles and the window
CHANGED_PCT = 3.0  # from what it was before
# So long the pulse itself is doubted with a first saturation about R = 1. No movement keeps a pulse's rhythm longer.
MOVED_US = 30 * SECOND_US
KEPT_VALUES = 60


class Cycle(NamedTuple):
    """One heart cycle seen in two lights; without a ratio, why."""

    end_us: int
    interval_us: int
    ratio: float | None
    quality: float
    reason: Reason | None  # what lowered the quality most


class Oximeter:
    """Ratio of ratios by cycle, saturation by second."""

    def __init__(self, rate_hz: float, optics: Optics, curve: OximeterCurve | None) -> None:
        self._period_us = 1e6 / rate_hz
        self._optics = optics
        self._curve = curve or DEMONSTRATION
        self._is_calibrated = curve is not None
        half = max(1, round(SMOOTHING_S * rate_hz))
        hann = np.array([1 + math.cos(math.pi * k / (half + 1)) for k in range(-half, half + 1)])
        self._taps = np.ascontiguousarray(hann / hann.sum())
        self._margin_us = round((half + 0.5) * self._period_us)
        self._cycles: dict[tuple[int, int], Cycle] = {}  # by start and end
        self._out = np.zeros(kernel.OUTPUTS)
        self._against = {
            kernel.BROKEN: Reason.GAP,
            kernel.AT_FULL_SCALE: Reason.SATURATED,
            kernel.AT_ZERO: Reason.PROBE_OFF,
        }
        self._altered = Lingering(least=1)
        self._turned = Lingering(least=1)
        self._suspect_us: int | None = None  # since when the first saturations are about R = 1
        self.is_moved = False  # what changes the light in the newest second is likely to be no pulse
        self._usual: deque[tuple[int, float]] = deque(maxlen=KEPT_VALUES)

    def spo2(self, summary: Summary, fault: Unavailable | None, motion: MotionMonitor | None) -> Reading:
        """Saturation at the end of a second, %; ask for each second once, in order."""
        self.is_moved = False
        cycles = self._window(summary)
        summary = doubted(summary, motion) if motion else summary
        if fault is not None or summary.unavailable is not None:
            return fault or summary.none
        cycles = [_shaken(c, motion) for c in cycles]
        good = [c for c in cycles if c.quality >= UNUSABLE_SQI]
        if len(good) < LEAST_CYCLES:
            count = found(Rule.CYCLE_COUNT, good=len(good), least=LEAST_CYCLES, cycles=len(cycles))
            return Unavailable(reason=_dominant(cycles) or shortage(summary), finding=count)
        age_us, most_us = summary.t_us - good[-1].end_us, _freshness_us(good[-1])
        if age_us > most_us:
            age = found(Rule.CYCLE_AGE, age_s=age_us / 1e6, most_s=most_us / 1e6)
            return Unavailable(reason=_dominant(cycles) or shortage(summary), finding=age)
        return self._reading(cycles, good, summary)

    def _reading(self, cycles: list[Cycle], good: list[Cycle], summary: Summary) -> Reading:
        ratios = [c.ratio for c in good if c.ratio is not None]
        ratio = median(ratios)
        value = self._curve.spo2_pct(ratio)
        rejected = sum([Reason.LEARNING not in p.reasons for p in summary.pulses if not p.accepted])
        agreement = _falling(_scatter(ratios) * self._slope(ratio), SCATTER_PCT)
        sqi = sum([c.quality for c in cycles]) / (len(cycles) + rejected) * agreement
        doubt = None if sqi >= QUESTIONABLE_SQI else _dominant(cycles) or Reason.IRREGULAR
        if self._optics.exchanges % 2:
            exchanged = found(Rule.LIGHTS_EXCHANGED, times=self._optics.exchanges)
            return Unavailable(reason=Reason.CHANNEL_ORDER, finding=exchanged)
        if doubt is None and len(good) >= LEAST_TO_KNOW and not self._is_below(ratio, KNOWN_PCT):
            self._optics.is_order_known, self._suspect_us = True, None
        if sqi < UNUSABLE_SQI:
            poor = found(Rule.CYCLE_QUALITY, sqi=sqi, least=UNUSABLE_SQI)
            return Unavailable(reason=doubt or Reason.IRREGULAR, finding=poor)
        quality = sqi
        is_suspect = not self._optics.is_order_known and self._is_below(ratio, KNOWN_PCT)
        strange = self._strange(value, good, summary)
        self.is_moved |= is_suspect and self._is_first(summary.t_us)
        if is_suspect or strange or summary.doubts:
            sqi = min(sqi, DOUBTED_SQI)
        if is_suspect and self._is_below(ratio, SWAPPED_PCT):
            beyond = {"ratio": ratio, "most": self._curve.r_max}  # of the curve: no number in per cent
            seen = {"spo2_pct": value, "least_pct": SWAPPED_PCT} if value is not None else beyond
            return Unavailable(reason=doubt or Reason.CHANNEL_ORDER, finding=found(Rule.LIGHTS_ORDER, **seen))
        if value is None:
            curve = found(Rule.CURVE_RANGE, ratio=ratio, least=self._curve.r_min, most=self._curve.r_max)
            return Unavailable(reason=Reason.IMPLAUSIBLE, finding=curve)
        reasons = (
            Reason.CHANNEL_ORDER if is_suspect else None,
            doubt or strange,
            *(reason for reason in summary.doubts if reason not in (doubt, strange)),
            None if self._is_calibrated else Reason.UNCALIBRATED,
        )
        own = _grounds(value, quality, doubt, strange, is_suspect=is_suspect)
        return Measured(
            value=value,
            sqi=sqi,
            newest_us=good[-1].end_us,
            reasons=tuple(r for r in reasons if r is not None),
            findings=(*own, *summary.findings),
        )

    def _strange(self, value: float | None, good: list[Cycle], summary: Summary) -> Reason | None:
        """Why a saturation may be another thing: it turns, or it changed together with the shape of the pulse.

        A patient whose saturation falls keeps the pulse; a movement, a lamp and another's light change both at once.
        """
        if value is None:
            return None
        is_altered = self._altered.stands(summary.t_us, is_found=strangeness(summary.pulses) > ALTERED)
        newest = self._curve.spo2_pct(median(c.ratio for c in good[-3:] if c.ratio is not None))
        is_turning = newest is None or abs(newest - value) > TURNED_PCT
        if self._turned.stands(summary.t_us, is_found=is_turning):
            self.is_moved = is_altered
            return Reason.IRREGULAR
        old = before(self._usual, summary.t_us)
        is_changed = bool(old) and abs(value - median(old)) > CHANGED_PCT
        self._usual.append((summary.t_us, value))
        self.is_moved = is_changed and is_altered
        return Reason.ARTIFACT if self.is_moved else None

    def _is_first(self, t_us: int) -> bool:
        """Whether the saturations about R = 1 have only just begun."""
        self._suspect_us = t_us if self._suspect_us is None else self._suspect_us
        return t_us - self._suspect_us < MOVED_US

    def _window(self, summary: Summary) -> list[Cycle]:
        """The cycles that lie in the window, each computed once, when all its samples have come."""
        first_us = max(summary.t_us - SPO2_WINDOW_US, self._optics.exchanged_us) + self._margin_us
        known: dict[tuple[int, int], Cycle] = {}
        for a, b in pairwise(summary.pulses.accepted):
            begin, end = a.candidate, b.candidate
            if begin.onset_us < first_us or b.interval_us != end.upslope_us - begin.upslope_us:
                continue
            span = (begin.onset_us, end.onset_us)
            cycle = self._cycles.get(span) or self._compare(span, b, summary.t_us)
            if cycle is not None:
                known[span] = cycle
        self._cycles = known
        return list(known.values())

    def _compare(self, span: tuple[int, int], pulse: Pulse, now_us: int) -> Cycle | None:
        """Compare the two lights over a cycle; None if its samples have not all come."""
        start_us, end_us = span
        seen = start_us - self._margin_us, min(end_us + self._margin_us, now_us)
        least = end_us + self._margin_us - 1.5 * self._period_us, 1.5 * self._period_us
        against = self._optics.compare(seen, least, self._taps, self._out)
        if against == kernel.INCOMPLETE:
            return None
        if against != kernel.WHOLE:
            reason = self._against[against]
            return Cycle(end_us=end_us, interval_us=end_us - start_us, ratio=None, quality=0.0, reason=reason)
        perfusion_pct = 100 * pulse.candidate.amplitude / float(self._out[kernel.DC_INFRARED])
        return self._judge(span, perfusion_pct, pulse.sqi)

    def _judge(self, span: tuple[int, int], perfusion_pct: float, pulse_sqi: float) -> Cycle:
        _, _, infrared, red, both, noise_infrared, noise_red, samples = self._out.tolist()
        ratio = slope(infrared, red, both, noise_infrared, noise_red)
        share = noise_infrared / infrared + noise_red / red if infrared > 0 and red > 0 else math.inf
        independent = max(1.0, samples)
        correlation = _correlation(infrared - noise_infrared, red - noise_red, both)
        grades = {
            Reason.LOW_PERFUSION: min(
                _falling(-perfusion_pct, (-FAIR_PERFUSION_PCT, -LEAST_PERFUSION_PCT)),
                _falling(self._slope(ratio) * ratio * math.sqrt(share / independent), ERROR_PCT) if ratio else 0.0,
            ),
            Reason.ARTIFACT: _falling(
                -correlation - share / math.sqrt(independent), (-CORRELATION[0], -CORRELATION[1])
            ),
            Reason.IRREGULAR: pulse_sqi,
        }
        worst = min(grades, key=grades.__getitem__)
        return Cycle(
            end_us=span[1],
            interval_us=span[1] - span[0],
            ratio=ratio,
            quality=math.prod(grades.values()) if ratio else 0.0,
            reason=worst if grades[worst] < 1 else None,
        )

    def _slope(self, ratio: float) -> float:
        """Change of the saturation with the ratio, also beyond the curve's ends."""
        return abs(self._curve.slope(min(max(ratio, self._curve.r_min), self._curve.r_max)))

    def _is_below(self, ratio: float, spo2_pct: float) -> bool:
        """Whether the saturation is lower, also where the curve does not reach."""
        value = self._curve.spo2_pct(ratio)
        return ratio > self._curve.r_max if value is None else value < spo2_pct


def _grounds(
    value: float, quality: float, doubt: Reason | None, strange: Reason | None, *, is_suspect: bool
) -> list[tuple[Reason, Finding]]:
    """The rules behind what is doubtful about a saturation."""
    findings = []
    if is_suspect:
        findings.append((Reason.CHANNEL_ORDER, found(Rule.LIGHTS_ORDER, spo2_pct=value, least_pct=KNOWN_PCT)))
    if doubt is not None:
        findings.append((doubt, found(Rule.CYCLE_QUALITY, sqi=quality, least=QUESTIONABLE_SQI)))
    elif strange is not None:
        findings.append((strange, found(Rule.SATURATION)))
    return findings


def perfusion_index(summary: Summary) -> Reading:
    """Height of the pulse in parts of the infrared intensity, %: median over the window."""
    if summary.unavailable is not None:
        return summary.none
    values = [
        -100 * p.candidate.amplitude / p.cycle_mean
        for p in summary.pulses.accepted
        if p.cycle_mean is not None and p.cycle_mean < 0
    ]
    if len(values) < LEAST_CYCLES:
        return too_few(summary, len(values), LEAST_CYCLES)
    return measured(median(values), summary)


def slope(infrared: float, red: float, both: float, noise_infrared: float, noise_red: float) -> float | None:
    """Total least squares of red on infrared, each weighted by its noise; None if they do not rise together.

    Notes
    -----
    Deming regression (Deming 1943, Statistical Adjustment of Data): unbiased however small the pulse is, because only
    the proportion of the two noises enters, and that is measured.
    """
    if both <= 0:
        return None
    tiny = 1e-14
    share = (noise_red + tiny) / (noise_infrared + tiny)
    d = red - share * infrared
    return (d + math.sqrt(d * d + 4 * share * both * both)) / (2 * both)


def before(values: Sequence[tuple[int, float]], t_us: int) -> list[float]:
    """The values (time in us, %) of half a minute before and earlier; of too few such the first half of all."""
    old = [x for at_us, x in values if at_us <= t_us - USUAL_FROM_US]
    return old if len(old) >= LEAST_USUAL else [x for _, x in values][: max(LEAST_USUAL, len(values) // 2)]


def _correlation(infrared: float, red: float, both: float) -> float:
    """Correlation of the two lights, from their powers without the part of the noise; at most 1."""
    if both <= 0:
        return 0.0
    return min(1.0, both / math.sqrt(infrared * red)) if infrared > 0 and red > 0 else 1.0


def _shaken(cycle: Cycle, motion: MotionMonitor | None) -> Cycle:
    trust = motion.trust(cycle.end_us - cycle.interval_us, cycle.end_us) if motion else 1.0
    return cycle if trust == 1 else cycle._replace(quality=cycle.quality * trust, reason=Reason.MOTION)


def _freshness_us(newest: Cycle) -> int:
    return min(OLDEST_US, max(FRESH_US, 2 * newest.interval_us))


def _scatter(ratios: list[float]) -> float:
    """Typical distance of a ratio from the line through its neighbours; a step or a ramp has none."""
    if len(ratios) < 3:
        return max(abs(b - a) for a, b in pairwise(ratios)) / 2
    seconds = [abs(ratios[k + 1] - 2 * ratios[k] + ratios[k - 1]) for k in range(1, len(ratios) - 1)]
    return median(seconds) / math.sqrt(3)


def _dominant(cycles: Sequence[Cycle]) -> Reason | None:
    """The most frequent reason among the cycles that are not wholly good."""
    counts = Counter(c.reason for c in cycles if c.reason is not None and c.quality < 0.9)
    return counts.most_common(1)[0][0] if counts else None


def _falling(x: float, limits: tuple[float, float]) -> float:
    """1 up to the first limit, 0 from the second on."""
    good, bad = limits
    return min(1.0, max(0.0, (bad - x) / (bad - good)))
