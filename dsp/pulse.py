"""Candidate pulses in, beats out: which humps are pulses, judged against the pulses before.

States: *learning* (no pulse is known; candidates are gathered until the last few agree in size, spacing and shape, so
that a line without a pulse gives none) and *tracking* (each candidate is judged as it comes). Tracking falls back to
learning after a gap of ``FORGET_US`` or when no beat was accepted for ``LOST_US``: whatever the thresholds have become,
a real change of amplitude or rate is found again within a few seconds. All times are stream times, so cutting the
stream differently changes nothing.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from dsp.kernels.pulse import agreement, blend
from dsp.quality import Evidence, judge, sqi_of, trust
from dsp.types import Reason
from dsp.waveform import Candidate, Gap

REFRACTORY_US = 250_000  # 240/min, above any sinus or treated rhythm
LONGEST_US = 3_000_000  # 20/min: the slowest pulse that is followed
LOST_US = 3_000_000  # without a beat: the pulse is lost, learn again
FORGET_US = 2_000_000  # a shorter gap keeps what was learned
HISTORY = 8  # beats in every median (dsp.md, section 5)
ECHO_US = 450_000  # a dicrotic wave rises up to so long after the pulse: ejection lasts 0.25 to 0.4 s (Weissler 1968)
THRESHOLD = 0.45  # of the median slope sum
EARLY = 0.55  # of the median interval: before this a full-size pulse is asked for
EARLY_THRESHOLD = 0.7
SEARCH_BACK = 1.6  # median intervals without a beat
LATENCY_US = 350_000  # a pulse is known that long after its upslope
SEARCH_BACK_THRESHOLD = 0.2
LEARN_BEATS = 4
# Pulses of one patient look alike, also when they are irregular; humps of noise and movement do not. Likeness is a
# running mean (8 beats) of the correlation with the template, 0 at 0.5 and 1 at 0.95.
FRESH_LIKENESS = 0.75
LEAST_LIKENESS = 0.66
LEARN_US = 8_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """A judged candidate; ``interval_us`` as in ``Beat``; ``cycle_mean`` over the cycle that ended at its onset."""

    candidate: Candidate
    accepted: bool
    sqi: float
    reasons: tuple[Reason, ...]
    interval_us: int | None
    cycle_mean: float | None


class _History:
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


class PulseTracker:
    """Decides beat by beat; ``feed`` and ``advance`` return pulses in order."""

    def __init__(self) -> None:
        self._history: _History | None = None
        self._last: Candidate | None = None  # the last accepted
        self._recent: deque[Candidate] = deque(maxlen=64)  # since the last accepted
        self._is_joined = False  # nothing is missing since the last accepted
        self._overruled = 0
        self._memory: _History | None = None  # of a pulse that was lost

    @property
    def is_learning(self) -> bool:
        return self._history is None

    @property
    def last_beat_us(self) -> int | None:
        return self._last.upslope_us if self._last else None

    @property
    def interval_us(self) -> float | None:
        """Median of the last intervals, None while learning."""
        return self._history.interval_us if self._history else None

    def feed(self, event: Candidate | Gap) -> list[Pulse]:
        if isinstance(event, Gap):
            self._reset(event)
            return []
        pulses = self._settle(event.emit_us - 1)
        self._recent.append(event)
        pulse = self._learn(event) if self._history is None else self._track(self._history, event)
        return [*pulses, pulse] if pulse else pulses

    def advance(self, t_us: int) -> list[Pulse]:
        """Do what is due when all samples up to ``t_us`` have come."""
        return self._settle(t_us)

    def _reset(self, gap: Gap) -> None:
        self._recent.clear()
        self._is_joined = False
        if gap.length_us >= FORGET_US:
            self._history = None
            self._memory = None
            self._last = None

    def _settle(self, t_us: int) -> list[Pulse]:
        """Search back and declare the pulse lost, each at its own deadline."""
        pulses = []
        while self._history is not None and self._last is not None:
            since_us = t_us - self._last.upslope_us
            found = None
            if since_us >= SEARCH_BACK * self._history.interval_us + LATENCY_US:
                found = self._search_back(self._history, self._last)
            if found is None:
                if since_us >= LOST_US:
                    self._memory = self._history
                    self._history = None
                    self._is_joined = False
                break
            pulses.append(found)
        return pulses

    def _search_back(self, history: _History, last: Candidate) -> Pulse | None:
        deadline_us = last.upslope_us + SEARCH_BACK * history.interval_us + LATENCY_US
        best = None
        for c in self._recent:
            dt = c.upslope_us - last.upslope_us
            if c.emit_us > deadline_us or dt < 0.5 * history.interval_us or dt < REFRACTORY_US:
                continue
            if c.is_saturated or c.slope_sum < SEARCH_BACK_THRESHOLD * history.slope_sum:
                continue
            evidence = self._evidence(history, c)
            if evidence.shape < 0.6 or evidence.foot_height > 0.5 or _is_step(evidence):
                continue
            if best is None or c.slope_sum > best.slope_sum:
                best = c
        return self._accept(history, best) if best else None

    def _evidence(self, history: _History, c: Candidate) -> Evidence:
        last = self._last
        dt = c.upslope_us - last.upslope_us if last else None
        is_echo = dt is not None and dt < ECHO_US
        is_small = last is not None and c.slope_sum < 0.65 * last.slope_sum
        usual_us = history.strong_interval_us if is_echo and is_small else history.interval_us
        return Evidence(
            shape=agreement(history.template, c.snippet),
            slope_ratio=c.slope_sum / history.slope_sum,
            amplitude_ratio=c.amplitude / history.amplitude,
            interval_ratio=dt / usual_us if dt and self._is_joined else None,
            foot_height=_climb(last, c, history.amplitude) if last and self._is_joined else 0.0,
            is_echo=is_echo,
            is_saturated=c.is_saturated,
        )

    def _track(self, history: _History, c: Candidate) -> Pulse | None:
        evidence = self._evidence(history, c)
        dt = c.upslope_us - self._last.upslope_us if self._last else LONGEST_US
        if self._is_overruled(c, dt):
            self._history = None
            return None
        if dt < REFRACTORY_US or not _is_full_size(evidence, median(history.noises)):
            return None
        reasons = judge(evidence)
        if reasons:
            return _rejected(c, reasons)
        return self._accept(history, c)

    def _is_overruled(self, c: Candidate, dt_us: int) -> bool:
        """Whether larger humps keep coming right after the accepted ones: then those are not the pulses."""
        if self._last is not None and dt_us < REFRACTORY_US and c.slope_sum > 1.5 * self._last.slope_sum:
            self._overruled += 2
        return self._overruled >= 6

    def _accept(self, history: _History, c: Candidate) -> Pulse:
        sqi = sqi_of(self._evidence(history, c)) * trust(history.likeness)
        interval_us = cycle_mean = None
        last = self._last
        if last is not None and self._is_joined:
            step = c.upslope_us - last.upslope_us
            missed = step > SEARCH_BACK * history.interval_us and any(
                r is not c and r.slope_sum > SEARCH_BACK_THRESHOLD * history.slope_sum for r in self._recent
            )
            if step <= LONGEST_US and not missed:
                interval_us = step
                cycle_mean = _mean_between(last, c)
        others = [r.slope_sum for r in self._recent if last and r.upslope_us < last.upslope_us + ECHO_US and r is not c]
        history.noises.append(max(others, default=0.0) / history.slope_sum)
        history.add(c, interval_us)
        self._follow(c)
        if history.likeness < LEAST_LIKENESS:
            self._history = None
        return Pulse(candidate=c, accepted=True, sqi=sqi, reasons=(), interval_us=interval_us, cycle_mean=cycle_mean)

    def _follow(self, c: Candidate) -> None:
        self._last = c
        self._is_joined = True
        self._overruled = max(0, self._overruled - 1)
        while self._recent and self._recent[0].emit_us <= c.emit_us:
            self._recent.popleft()

    def _learn(self, c: Candidate) -> Pulse | None:
        while self._recent[0].upslope_us < c.upslope_us - LEARN_US:
            self._recent.popleft()
        if self._memory is not None and _resumes(self._memory, c):
            self._history, self._memory = self._memory, None
            return self._accept(self._history, c)
        chain = _chain(list(self._recent))
        if not chain or chain[-1] is not c:
            return None
        if c.is_saturated:
            return _rejected(c, (Reason.SATURATED,))
        if not _agrees(chain):
            return _rejected(c, (Reason.LEARNING,))
        chain = chain[-LEARN_BEATS:]
        self._history, self._memory = _History(chain), None
        self._overruled = 0
        previous = chain[-2]
        self._follow(c)
        return Pulse(
            candidate=c,
            accepted=True,
            sqi=sqi_of(self._evidence(self._history, c)),
            reasons=(),
            interval_us=c.upslope_us - previous.upslope_us,
            cycle_mean=_mean_between(previous, c),
        )


def _climb(last: Candidate, c: Candidate, amplitude: float) -> float:
    """How far the foot has risen since the last beat, in pulse amplitudes."""
    return (c.foot - last.foot) / max(last.amplitude, amplitude)


def _rejected(c: Candidate, reasons: tuple[Reason, ...]) -> Pulse:
    return Pulse(candidate=c, accepted=False, sqi=0.0, reasons=reasons, interval_us=None, cycle_mean=None)


def _mean_between(a: Candidate, b: Candidate) -> float | None:
    """Raw mean from onset to onset."""
    n = b.onset_index - a.onset_index
    return (b.onset_total - a.onset_total) / n if n > 0 else None


def _is_step(evidence: Evidence) -> bool:
    """Small and on a raised foot: the steps by which a volume-clamp device calibrates itself, not a pulse."""
    return evidence.slope_ratio < 0.3 and evidence.foot_height > 0.3


def _is_full_size(evidence: Evidence, noise: float) -> bool:
    """Large enough to be a pulse where it stands; dicrotic doubles are early, small and start high."""
    ratio = 1.0 if evidence.interval_ratio is None else evidence.interval_ratio
    least = _least_share(ratio)
    if ratio < 0.8 and evidence.slope_ratio < 0.6 and evidence.shape < 0.1:
        return False
    if ratio >= 0.8 and _is_step(evidence):
        return False
    if evidence.is_echo:
        if ratio < 0.5 and (evidence.shape < 0.85 or evidence.foot_height > 0.6):
            return False
        if ratio < 0.65 and evidence.shape > 0.85 and evidence.foot_height < 0.25:
            least *= 0.65
        least = max(least, min(0.8, 1.3 * noise + 0.1))
    elif ratio < 0.75:
        least = min(least, 0.2)
    return evidence.slope_ratio >= least


# Least share of the usual slope sum, by the time since the last beat in median intervals. A hump where a pulse is due
# needs little; early ones are dicrotic waves, late ones stand where pulses are missing, so that noise has had a chance.
_DUE = (0.4, 0.5, 0.55, 0.6, 0.65, 0.75, 0.85, 1.1, 1.2, 1.4)
_LEAST = (0.85, 0.65, 0.55, 0.40, 0.30, 0.22, 0.15, 0.15, 0.30, 0.40)


def _least_share(ratio: float) -> float:
    if ratio <= _DUE[0]:
        return _LEAST[0]
    for (r0, r1), (s0, s1) in zip(pairwise(_DUE), pairwise(_LEAST), strict=True):
        if ratio <= r1:
            return s0 + (s1 - s0) * (ratio - r0) / (r1 - r0)
    return _LEAST[-1]


def _chain(recent: list[Candidate]) -> list[Candidate]:
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


def _resumes(memory: _History, c: Candidate) -> bool:
    """Whether a candidate looks just like the pulses before the pulse was lost."""
    return (
        not c.is_saturated
        and 0.5 <= c.slope_sum / memory.slope_sum <= 2.0
        and 0.4 <= c.amplitude / memory.amplitude <= 2.5
        and agreement(memory.template, c.snippet) > 0.92
    )


def _agrees(chain: list[Candidate]) -> bool:
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
