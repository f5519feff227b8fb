"""Candidates in, what the pulses of this patient look like out: the memory of a tracker, and how it begins."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import inf, nan
from statistics import median

import numpy as np
from numpy.typing import NDArray

from dsp.kernels import history as kernel
from dsp.kernels.pulse import SNIPPET_POINTS
from dsp.types import Channel
from dsp.waveform import Candidate

REFRACTORY_US = 250_000  # 240/min, above any sinus or treated rhythm
LONGEST_US = 3_000_000  # the longest interval that is counted
THRESHOLD = 0.45  # of the median slope sum
LEARN_BEATS = 4
# Pulses of one patient look alike, also when they are irregular; humps of noise and movement do not. Likeness is a
# running mean (8 beats) of the correlation with the template, 0 at 0.3 and 1 at 0.95.
FRESH_LIKENESS = 0.8
LEAST_LIKENESS = 0.65


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """So many pulses in a row, with intervals in so narrow a range (of their median) and so alike, are a pulse."""

    beats: int
    spread: float
    alike: float


# Half an hour of noise of no colour passes (`make campaign-noise`). The more regular, the less alike they need be; an
# irregular pulse needs more of them. Slow noise looks like a pleth, and like no pressure.
LEARNED = {
    Channel.PLETH: (
        Bar(beats=LEARN_BEATS, spread=0.15, alike=0.95),
        Bar(beats=5, spread=0.15, alike=0.88),
        Bar(beats=6, spread=0.3, alike=0.9),
        Bar(beats=8, spread=1.2, alike=0.8),
    ),
    Channel.PRESSURE: (
        Bar(beats=LEARN_BEATS, spread=0.15, alike=0.85),
        Bar(beats=LEARN_BEATS, spread=0.3, alike=0.95),
        Bar(beats=5, spread=0.4, alike=0.93),
        Bar(beats=7, spread=1.2, alike=0.8),
    ),
}
MOST_BEATS = max(bar.beats for bars in LEARNED.values() for bar in bars)
LEAST_SIZE = 0.45  # of the largest among them
LARGER = 2.2  # times the newest: before so large a hump another pulse has ended
# By so much of the way the template follows a pulse, while learning and later; and a size counts as at most so many
# times the usual one, so that one movement is soon forgotten.
LEARN_STEP, STEP, MOST_SIZE = 0.3, 0.15, 2.0
# A lost pulse is found again by two much like it, about an interval apart (in its intervals), or by one just like it.
TWO_ALIKE, ONE_ALIKE, APART = 0.75, 0.92, (0.65, 1.5)
SAME_SIZE, SAME_HEIGHT = (0.5, 2.0), (0.4, 2.5)  # in those of the lost pulse
ALIKE_AGAIN = 0.85  # for a pulse that was followed before and is coming back through a disturbance


class History:
    """What the accepted pulses looked like: medians of their slope sums, amplitudes and intervals, and a template.

    ``noise`` is the largest other hump between two beats, in slope sums; ``strong_interval_us`` leaves small pulses
    between two large ones out.
    """

    slope_sum: float
    amplitude: float
    interval_us: float
    strong_interval_us: float
    noise: float
    likeness: float

    def __init__(self, chain: list[Candidate]) -> None:
        self._memory = np.zeros((kernel.ROWS, kernel.COLUMNS))
        self._out = np.array([inf, inf, 0.0, 0.0, 0.0, FRESH_LIKENESS])
        self.template = chain[0].snippet.copy()
        self._take(chain[0], nan, nan, 0.0, 0.0, inf)
        for a, b in pairwise(chain):
            self._take(b, b.upslope_us - a.upslope_us, nan, nan, LEARN_STEP, inf)

    def add(self, candidate: Candidate, interval_us: int | None, likeness: float, noise: float) -> None:
        """Take an accepted pulse, its likeness to the template and the largest other hump since the one before."""
        self._take(candidate, nan if interval_us is None else interval_us, likeness, noise, STEP, MOST_SIZE)

    def _take(  # noqa: PLR0917  # as the kernel has them
        self, c: Candidate, interval_us: float, likeness: float, noise: float, share: float, most: float
    ) -> None:
        of_pulse = (c.upslope_us, c.slope_sum, c.amplitude, interval_us, likeness, noise)
        kernel.add(self._memory, self.template, c.snippet, self._out, *of_pulse, share, most)
        usual = self._out.tolist()
        self.slope_sum, self.amplitude, self.interval_us, self.strong_interval_us, self.noise, self.likeness = usual


def alike(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Correlation of two pulses over all that is kept of them."""
    out = np.zeros(2)
    kernel.agreements(a, b, SNIPPET_POINTS, out)
    return out.item(1)


def chain_of(recent: list[Candidate]) -> list[Candidate]:
    """The candidates of about the size of the newest, without doubles, back to the first larger or crowded one."""
    newest = recent[-1]
    chain: list[Candidate] = []
    for c in reversed(recent):
        ratio = c.slope_sum / newest.slope_sum
        if ratio > LARGER or (ratio >= THRESHOLD and chain and chain[-1].upslope_us - c.upslope_us < REFRACTORY_US):
            break
        if ratio >= THRESHOLD:
            chain.append(c)
        if len(chain) == MOST_BEATS:
            break
    return chain[::-1]


def resumed(memory: History, recent: list[Candidate]) -> list[Candidate]:
    """The newest, if it looks just like the pulses before the pulse was lost; or it and one before, if much like."""
    newest = recent[-1]
    if not _resembles(memory, newest, TWO_ALIKE):
        return []
    for c in reversed(recent[:-1]):
        step = (newest.upslope_us - c.upslope_us) / memory.interval_us
        if step > APART[1]:
            break
        if step > APART[0] and _resembles(memory, c, TWO_ALIKE):
            return [c, newest]
    return [newest] if _resembles(memory, newest, ONE_ALIKE) else []


def _resembles(memory: History, c: Candidate, likeness: float) -> bool:
    return (
        not c.is_saturated
        and SAME_SIZE[0] <= c.slope_sum / memory.slope_sum <= SAME_SIZE[1]
        and SAME_HEIGHT[0] <= c.amplitude / memory.amplitude <= SAME_HEIGHT[1]
        and alike(memory.template, c.snippet) > likeness
    )


def learned(chain: list[Candidate], bars: tuple[Bar, ...], is_known: bool) -> list[Candidate]:
    """The last of a chain, if they are alike enough to be pulses: the periodicity check."""
    for bar in bars:
        least_alike = min(bar.alike, ALIKE_AGAIN) if is_known else bar.alike
        tail = chain[-bar.beats :]
        if len(tail) == bar.beats and _agrees(tail, bar.spread, least_alike):
            return tail
    return []


def _agrees(chain: list[Candidate], spread: float, least_alike: float) -> bool:
    steps = [b.upslope_us - a.upslope_us for a, b in pairwise(chain)]
    if max(steps) > LONGEST_US or max(steps) - min(steps) > spread * median(steps):
        return False
    sizes = [c.slope_sum for c in chain]
    if min(sizes) < LEAST_SIZE * max(sizes):
        return False
    return min(alike(a.snippet, b.snippet) for a, b in pairwise(chain)) > least_alike
