"""Candidates in, what the pulses of this patient look like out: the memory of a tracker, and how it begins."""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from statistics import median

from dsp.kernels.pulse import agreement, blend
from dsp.waveform import Candidate

REFRACTORY_US = 250_000  # 240/min, above any sinus or treated rhythm
LONGEST_US = 3_000_000  # 20/min: the slowest pulse that is followed
HISTORY = 8  # beats in every median (dsp.md, section 5)
THRESHOLD = 0.45  # of the median slope sum
LEARN_BEATS = 4
# Pulses of one patient look alike, also when they are irregular; humps of noise and movement do not. Likeness is a
# running mean (8 beats) of the correlation with the template, 0 at 0.5 and 1 at 0.95.
FRESH_LIKENESS = 0.75
LEAST_LIKENESS = 0.66


class History:
    """What the accepted pulses looked like."""

    def __init__(self, chain: list[Candidate]) -> None:
        self.slope_sums = deque((c.slope_sum for c in chain), maxlen=HISTORY)
        self.amplitudes = deque((c.amplitude for c in chain), maxlen=HISTORY)
        steps = [b.upslope_us - a.upslope_us for a, b in pairwise(chain)]
        self.intervals_us = deque(steps, maxlen=HISTORY)
        self.beats = deque(((c.upslope_us, c.slope_sum) for c in chain), maxlen=HISTORY + 1)
        self.noises = deque([0.0], maxlen=HISTORY)  # largest other hump between two beats, in slope sums
        self.template = chain[0].snippet.copy()
        for c in chain[1:]:
            blend(self.template, c.snippet, 0.3)
        self.likeness = FRESH_LIKENESS
        self._refresh()

    def add(self, candidate: Candidate, interval_us: int | None) -> None:
        self.slope_sums.append(min(candidate.slope_sum, 2.0 * self.slope_sum))
        self.amplitudes.append(min(candidate.amplitude, 2.0 * self.amplitude))
        if candidate.slope_sum > 0.5 * self.slope_sum:  # small early pulses sit on the slope of the one before
            likeness = min(1.0, max(0.0, (agreement(self.template, candidate.snippet) - 0.5) / 0.45))
            self.likeness += 0.12 * (likeness - self.likeness)
        self.beats.append((candidate.upslope_us, candidate.slope_sum))
        if interval_us is not None:
            self.intervals_us.append(interval_us)
        blend(self.template, candidate.snippet, 0.15)
        self._refresh()

    def _refresh(self) -> None:
        # Two small pulses in a row already lower the reference, so that a fall of amplitude is followed at once.
        newest = list(self.slope_sums)[-2:]
        self.slope_sum = min(median(self.slope_sums), 1.6 * max(newest))
        self.amplitude = min(median(self.amplitudes), 1.6 * max(list(self.amplitudes)[-2:]))
        self.interval_us = median(self.intervals_us)
        large = [t for t, z in self.beats if z >= 0.6 * sorted(z for _, z in self.beats)[-3]]
        steps = [b - a for a, b in pairwise(large)]
        self.strong_interval_us = max(median(steps) if len(steps) >= 3 else 0, self.interval_us)


def chain_of(recent: list[Candidate]) -> list[Candidate]:
    """The candidates of about the size of the newest, without doubles; none if larger ones lie between."""
    newest = recent[-1]
    chain: list[Candidate] = []
    larger = crowded = 0
    for c in reversed(recent):
        ratio = c.slope_sum / newest.slope_sum
        if ratio > 2.2:
            larger += 1
        elif ratio >= THRESHOLD:
            if chain and chain[-1].upslope_us - c.upslope_us < REFRACTORY_US:
                crowded += 1
                chain[-1] = max(chain[-1], c, key=lambda x: x.slope_sum)
            else:
                chain.append(c)
        if len(chain) == LEARN_BEATS:
            break
    return chain[::-1] if larger + crowded == 0 else []


def resumes(memory: History, c: Candidate) -> bool:
    """Whether a candidate looks just like the pulses before the pulse was lost."""
    return (
        not c.is_saturated
        and 0.5 <= c.slope_sum / memory.slope_sum <= 2.0
        and 0.4 <= c.amplitude / memory.amplitude <= 2.5
        and agreement(memory.template, c.snippet) > 0.92
    )


def agrees(chain: list[Candidate]) -> bool:
    """Whether the last pulses are alike enough to be pulses: the periodicity check."""
    if len(chain) < LEARN_BEATS:
        return False
    tail = chain[-LEARN_BEATS:]
    steps = [b.upslope_us - a.upslope_us for a, b in pairwise(tail)]
    if max(steps) > LONGEST_US or max(steps) - min(steps) > 0.4 * median(steps):
        return False
    sizes = [c.slope_sum for c in tail]
    if min(sizes) < 0.5 * max(sizes):
        return False
    shapes = [agreement(a.snippet, b.snippet) for a, b in pairwise(tail)]
    return min(shapes) > 0.93
