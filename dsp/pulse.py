"""Candidate pulses in, beats out: which humps are pulses, judged against the pulses before.

States: *learning* (no pulse is known; candidates are gathered until the last few agree in size, spacing and shape, so
that a line without a pulse gives none; then those few were beats, too) and *tracking* (each candidate is judged as it
comes). Tracking falls back to learning after a gap of ``FORGET_US`` or when no beat was accepted for ``LOST_US``:
whatever the thresholds have become, a real change of amplitude or rate is found again within a few seconds. All times
are stream times, so cutting the stream differently changes nothing.
"""

from __future__ import annotations

from collections import deque
from math import inf
from typing import NamedTuple

import numpy as np

from dsp.cycles import Likeness
from dsp.history import (
    LEARN_BEATS,
    LEARNED,
    LEAST_LIKENESS,
    LONGEST_US,
    REFRACTORY_US,
    History,
    chain_of,
    learned,
    resumed,
)
from dsp.kernels import history as kernel
from dsp.kernels.pulse import SNIPPET_POINTS
from dsp.quality import REASON_OF, Evidence, is_full_size, judge, sqi_of, trust
from dsp.rules import Finding, Rule, found
from dsp.types import Channel, Reason
from dsp.waveform import Candidate, Gap

LOST_US = 3_000_000  # without a beat: the pulse is lost, learn again
FORGET_US = 2_000_000  # a shorter gap keeps what was learned
ECHO_US = 450_000  # a dicrotic wave rises up to so long after the pulse: ejection lasts 0.25 to 0.4 s (Weissler 1968)
SEARCH_BACK = 1.6  # median intervals without a beat
LATENCY_US = 480_000  # a pulse is known that long after its upslope
# Searched for is a hump of so much of the usual slope sum, so late, so alike, and on so low a foot (see ``Evidence``).
SEARCH_BACK_THRESHOLD, SEARCH_BACK_FROM, SEARCH_BACK_ALIKE, SEARCH_BACK_FOOT = 0.2, 0.5, 0.6, 0.5
SMALL_ECHO = 0.65  # of the last slope sum: the hump after it may be a second wave
MISSED_THRESHOLD = 0.1  # a hump that may have been a pulse: the interval over it is not counted
FULL_THRESHOLD = 0.8  # of a pressure: one that was rejected for its shape or its time may have been a pulse
LEARN_US = 8_000_000
# A pulse that was followed for so many beats, up to so long ago, is known: it is learned again from less.
PROVEN, KNOWN_US = 16, 30_000_000
LOST_SHARE = 0.3  # of the lost pulse's slope sum: a smaller hump is not it
# What is compared when one hump is judged. An early pulse of a pleth sits on the fall of the one before, so that only
# its upslope is like the others'.
JUDGED_POINTS = {Channel.PRESSURE: SNIPPET_POINTS, Channel.PLETH: 28}
# Less is no beat. A movement of a pressure line is as steep as a pulse, but looks and comes otherwise.
LEAST_SQI = {Channel.PRESSURE: 0.1, Channel.PLETH: 0.0}


class Pulse(NamedTuple):
    """A judged candidate; ``interval_us`` as in ``Beat``; the cycle is the one that ended at its onset."""

    candidate: Candidate
    accepted: bool
    sqi: float
    reasons: tuple[Reason, ...]
    interval_us: int | None
    cycle_mean: float | None
    likeness: Likeness | None = None
    findings: tuple[Finding, ...] = ()  # of a rejected one


class PulseTracker:
    """Decides beat by beat; ``feed`` and ``advance`` return pulses in order."""

    def __init__(self, channel: Channel) -> None:
        self._has_steps = channel is Channel.PRESSURE
        self._bars = LEARNED[channel]
        self._judged = JUDGED_POINTS[channel]
        self._least_sqi = LEAST_SQI[channel]
        self._history: History | None = None
        self._last: Candidate | None = None  # the last accepted
        self._recent: deque[Candidate] = deque(maxlen=64)  # since the last accepted
        self._waiting: deque[Pulse] = deque()  # while learning: no beats unless the next ones make them so
        self._is_joined = False  # nothing is missing since the last accepted
        self._overruled = 0
        self._memory: History | None = None  # of a pulse that was lost
        self._proven = 0  # beats followed since the last forgetting
        self._due_us = inf
        self._out = np.zeros(2)

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

    @property
    def noise(self) -> float:
        """Slope sum of the largest other hump between two beats, in theirs; 0 while learning."""
        return self._history.noise if self._history else 0.0

    def humps(self, since_us: int) -> int:
        """How many humps while learning are of the size of a pulse: of the one that was lost, if there was one."""
        least = LOST_SHARE * self._memory.slope_sum if self._memory else 0.0
        return sum(1 for c in self._recent if c.upslope_us > since_us and c.slope_sum >= least)

    def feed(self, event: Candidate | Gap) -> list[Pulse]:
        if isinstance(event, Gap):
            self._reset(event)
            pulses = self._give_up()
        else:
            pulses = self.advance(event.emit_us - 1)
            self._recent.append(event)
            pulses += self._learn(event) if self._history is None else self._track(self._history, event)
        self._due_us = self._deadline_us()
        return pulses

    def advance(self, t_us: int) -> list[Pulse]:
        """Do what is due when all samples up to ``t_us`` have come."""
        return self._settle(t_us) if t_us >= self._due_us else []

    def _deadline_us(self) -> float:
        """When there is something to do next without another hump, or a moment before."""
        due_us = self._waiting[0].candidate.upslope_us + LEARN_US if self._waiting else inf
        if self._history is None or self._last is None:
            return due_us
        wait_us = min(LOST_US, SEARCH_BACK * self._history.interval_us + LATENCY_US)
        return min(due_us, self._last.upslope_us + wait_us - 1)

    def _reset(self, gap: Gap) -> None:
        self._recent.clear()
        self._is_joined = False
        if gap.length_us >= FORGET_US:
            self._history = None
            self._memory = None
            self._proven = 0
            self._last = None

    def _settle(self, t_us: int) -> list[Pulse]:
        """Search back and declare the pulse lost, each at its own deadline."""
        pulses = self._give_up(t_us - LEARN_US)
        while self._history is not None and self._last is not None:
            since_us = t_us - self._last.upslope_us
            found = None
            if since_us >= SEARCH_BACK * self._history.interval_us + LATENCY_US:
                found = self._search_back(self._history, self._last)
            if found is None:
                if since_us >= LOST_US:
                    self._lose(self._history)
                    self._is_joined = False
                break
            pulses.append(found)
        self._due_us = self._deadline_us()
        return pulses

    def _search_back(self, history: History, last: Candidate) -> Pulse | None:
        deadline_us = last.upslope_us + SEARCH_BACK * history.interval_us + LATENCY_US
        best: tuple[Candidate, Evidence] | None = None
        for c in self._recent:
            dt = c.upslope_us - last.upslope_us
            if c.emit_us > deadline_us or dt < SEARCH_BACK_FROM * history.interval_us or dt < REFRACTORY_US:
                continue
            if c.is_saturated or c.slope_sum < SEARCH_BACK_THRESHOLD * history.slope_sum:
                continue
            evidence = self._evidence(history, c)
            is_unlike = evidence.shape < SEARCH_BACK_ALIKE or evidence.foot_height > SEARCH_BACK_FOOT
            if is_unlike or evidence.is_step or judge(evidence):
                continue  # what was rejected when it came is no beat later
            if best is None or c.slope_sum > best[0].slope_sum:
                best = c, evidence
        return self._accept(history, *best, sqi_of(best[1])) if best else None

    def _evidence(self, history: History, c: Candidate) -> Evidence:
        last = self._last
        dt = c.upslope_us - last.upslope_us if last else None
        is_echo = dt is not None and dt < ECHO_US
        is_small = last is not None and c.slope_sum < SMALL_ECHO * last.slope_sum
        usual_us = history.strong_interval_us if is_echo and is_small else history.interval_us
        kernel.agreements(history.template, c.snippet, self._judged, self._out)
        shape, likeness = self._out.tolist()
        return Evidence(
            shape=shape,
            likeness=likeness,
            slope_ratio=c.slope_sum / history.slope_sum,
            amplitude_ratio=c.amplitude / history.amplitude,
            interval_ratio=dt / usual_us if dt and self._is_joined else None,
            foot_height=_climb(last, c, history.amplitude) if last and self._is_joined else 0.0,
            is_echo=is_echo,
            has_steps=self._has_steps,
            is_saturated=bool(c.is_saturated),
            highest=c.raw_max,
            lowest=c.raw_min,
        )

    def _track(self, history: History, c: Candidate) -> list[Pulse]:
        evidence = self._evidence(history, c)
        dt = c.upslope_us - self._last.upslope_us if self._last else LONGEST_US
        if self._is_overruled(c, dt):
            self._history = None
            return []
        if dt < REFRACTORY_US or not is_full_size(evidence, history.noise):
            return []
        findings = judge(evidence)
        sqi = sqi_of(evidence)
        if not findings and sqi < self._least_sqi:
            findings = (found(Rule.BEAT_POOR, sqi=sqi, least=self._least_sqi),)
        if findings:
            return [_rejected(c, findings)]
        return [self._accept(history, c, evidence, sqi)]

    def _is_overruled(self, c: Candidate, dt_us: int) -> bool:
        """Whether larger humps keep coming right after the accepted ones: then those are not the pulses."""
        if self._last is not None and dt_us < REFRACTORY_US and c.slope_sum > 1.5 * self._last.slope_sum:
            self._overruled += 2
        return self._overruled >= 6

    def _accept(self, history: History, c: Candidate, evidence: Evidence, sqi: float) -> Pulse:
        """Take a candidate for a beat; ``sqi`` is its own."""
        sqi *= trust(history.likeness)
        interval_us = cycle_mean = None
        last = self._last
        if last is not None and self._is_joined:
            step = c.upslope_us - last.upslope_us
            if step <= LONGEST_US and not self._has_missed(history, last, c):
                interval_us = step
                cycle_mean = _mean_between(last, c)
        others = [r.slope_sum for r in self._recent if last and r.upslope_us < last.upslope_us + ECHO_US and r is not c]
        history.add(c, interval_us, evidence.likeness, max(others, default=0.0))
        self._follow(c)
        if history.likeness < LEAST_LIKENESS:
            self._lose(history)
        return Pulse(candidate=c, accepted=True, sqi=sqi, reasons=(), interval_us=interval_us, cycle_mean=cycle_mean)

    def _has_missed(self, history: History, last: Candidate, c: Candidate) -> bool:
        """Whether another pulse may lie between two beats: any hump in a long interval, one as large as they in any.

        A movement of a pleth is as large as a pulse, so that its size says nothing.
        """
        others = [r for r in self._recent if r is not c]
        if c.upslope_us - last.upslope_us > SEARCH_BACK * history.interval_us:
            return any(r.slope_sum > MISSED_THRESHOLD * history.slope_sum for r in others)
        if not self._has_steps:
            return False
        begin_us, end_us = last.upslope_us + REFRACTORY_US, c.upslope_us - REFRACTORY_US
        large = [r for r in others if r.slope_sum > FULL_THRESHOLD * history.slope_sum]
        return any(begin_us <= r.upslope_us <= end_us for r in large)

    def _lose(self, history: History) -> None:
        """Learn again; a pulse that was not followed for long is not remembered."""
        is_proven = self._proven >= PROVEN
        self._memory, self._history = history if is_proven else None, None
        self._proven = self._proven if is_proven else 0

    def _follow(self, c: Candidate) -> None:
        self._last = c
        self._is_joined = True
        self._proven += 1
        self._overruled = max(0, self._overruled - 1)
        while self._recent and self._recent[0].emit_us <= c.emit_us:
            self._recent.popleft()

    def _give_up(self, until_us: float = inf) -> list[Pulse]:
        """The waiting pulses up to a time that have become no beats."""
        pulses = []
        while self._waiting and self._waiting[0].candidate.upslope_us < until_us:
            pulses.append(self._waiting.popleft())
        return pulses

    def _learn(self, c: Candidate) -> list[Pulse]:
        while self._recent[0].upslope_us < c.upslope_us - LEARN_US:
            self._recent.popleft()
        again = resumed(self._memory, list(self._recent)) if self._memory else []
        if self._memory is not None and again:
            history, self._history, self._memory = self._memory, self._memory, None
            pulses = self._give_up(again[0].upslope_us)
            self._waiting.clear()
            return pulses + [self._resumed(history, beat) for beat in again]
        chain = chain_of(list(self._recent))
        if len(chain) == 1 < len(self._recent):
            return []
        if c.is_saturated:
            return [*self._give_up(), _rejected(c, (found(Rule.BEAT_RAILED, highest=c.raw_max, lowest=c.raw_min),))]
        is_known = self._last is not None and c.upslope_us - self._last.upslope_us < KNOWN_US and self._proven >= PROVEN
        count = len(chain)
        chain = learned(chain, self._bars, is_known)
        if not chain:
            finding = found(Rule.BEAT_ALIKE, humps=len(self._recent), in_row=count)
            self._waiting.append(_rejected(c, (finding,)))
            return []
        self._history, self._memory = History(chain[-LEARN_BEATS:]), None
        self._overruled = 0
        self._is_joined = False
        pulses = self._give_up(chain[0].upslope_us)
        self._waiting.clear()
        return pulses + [self._began(self._history, beat) for beat in chain]

    def _resumed(self, history: History, c: Candidate) -> Pulse:
        """One of the beats by which a lost pulse is found again."""
        evidence = self._evidence(history, c)
        return self._accept(history, c, evidence, sqi_of(evidence))

    def _began(self, history: History, c: Candidate) -> Pulse:
        """One of the beats that the history began with."""
        evidence = self._evidence(history, c)
        last = self._last if self._is_joined else None
        self._follow(c)
        return Pulse(
            candidate=c,
            accepted=True,
            sqi=sqi_of(evidence),
            reasons=(),
            interval_us=c.upslope_us - last.upslope_us if last else None,
            cycle_mean=_mean_between(last, c) if last else None,
        )


def _climb(last: Candidate, c: Candidate, amplitude: float) -> float:
    """How far the foot has risen since the last beat, in pulse amplitudes."""
    return (c.foot - last.foot) / max(last.amplitude, amplitude)


def _rejected(c: Candidate, findings: tuple[Finding, ...]) -> Pulse:
    reasons = tuple(REASON_OF[finding.rule] for finding in findings)
    return Pulse(
        candidate=c, accepted=False, sqi=0.0, reasons=reasons, interval_us=None, cycle_mean=None, findings=findings
    )


def _mean_between(a: Candidate, b: Candidate) -> float | None:
    """Raw mean from onset to onset."""
    n = b.onset_index - a.onset_index
    return (b.onset_total - a.onset_total) / n if n > 0 else None
