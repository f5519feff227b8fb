"""Samples of one channel in, beats out, and a summary of the channel at every whole second."""

from __future__ import annotations

import math
from collections import deque
from statistics import median
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dsp.config import Rails
from dsp.cycles import LONGEST_S, Cycles
from dsp.notch import Ejection, NotchFinder
from dsp.pulse import LEARN_US, Pulse, PulseTracker
from dsp.rules import Finding, Rule, found
from dsp.types import Beat, Channel, Reason, SampleBlock, Unavailable
from dsp.waveform import CandidateFinder, Gap
from dsp.window import Window

SECOND_US = 1_000_000
WINDOW_US = 8 * SECOND_US  # what every averaged value looks back on; bedside monitors average 8 to 12 s
LATE_US = 250_000  # less is the way from the board, and no reason to wait for a beat
STALE_US = 1_500_000  # no sample for so long; anything older than 3 s may not be shown as live
FLAT_US = 1_500_000  # exactly constant; the longest diastole on an 8-bit record is shorter
# A converter with nothing at its input shows its own noise: so little, at a level that no vessel has (mean systemic
# filling is 7 mmHg, Guyton). Above it an arrest may stand as still, and is none.
STILL_MMHG, VESSEL_MMHG = 0.6, 5.0
RAILED_US = 1_000_000
CLIPPED_US = 3 * SECOND_US  # two systoles of 40/min have one of them
# The bag of a flush is at 300 mmHg: the line stands still far above the pulse, and rings when it is closed.
FLUSH_BACK_US, FLUSH_STILL_US, FLUSH_MMHG = 3 * SECOND_US, 300_000, 40.0
SEARCHING_US = 10 * SECOND_US  # a signal without a pulse for so long is said to have none
LONGEST_PATIENCE_US = 2_900_000  # after the last beat; a pulse of 25/min has 2.4 s between two
# A volume-clamp monitor looks for its set point on a few steps of half a second and more within the pulse (Wesseling
# 1995). Diastole runs off by 10 mmHg a second and more; an arrest falls below the pulse.
PAUSE_LEVELS = 2  # on one alone stands a line that is closed
PAUSE_BACK_US = 5 * SECOND_US
PAUSE_STILL_US = 400_000
PAUSE_SHARE = 0.025  # of the pulse pressure
PAUSE_INSET = 0.15  # of it, from its ends
IRREGULAR_HUMPS = 3  # within the last seconds: something pulsates, though not like a pulse
# Of the slope sum of a beat: so large a hump between every two may be the other half of them. Dicrotic waves stay below
# (0.2 % of the seconds of steady pressures at hand have more, no pleth has).
MOST_NOISE = 0.5
# After a step from one sample to the next, larger than those beside it, a pressure may stand on another zero. No vessel
# makes one, and no steady pressure at hand has it. A pleth has no zero.
JUMP_BACK_US, JUMP_MMHG, JUMPED_US = 1_200_000, 10.0, 16 * SECOND_US
KEPT_SECONDS = 3600  # summaries not asked for yet; bounds the memory


class Summary(NamedTuple):
    """One channel at the end of a second: its pulses of the last window, and why there is no value if there is none.

    ``ejections`` are those of the pressure that have become known in this second.
    ``doubts`` are why no value made of it may be called good, however good its beats look, ``findings`` their rules.
    ``since_clipped_us``: how long ago, within the last seconds, a pressure was on a rail, which leaves a pulse and
    takes its top.
    """

    t_us: int
    pulses: Window
    unavailable: Reason | None
    ejections: tuple[Ejection, ...] = ()
    doubts: tuple[Reason, ...] = ()
    since_clipped_us: int | None = None
    finding: Finding | None = None  # the rule that made it unavailable
    findings: tuple[tuple[Reason, Finding], ...] = ()

    def without(self, reason: Reason | None, finding: Finding | None) -> Summary:
        """The same pulses, unavailable for a reason."""
        return self._replace(unavailable=reason, finding=finding)

    def doubted(self, reason: Reason, finding: Finding | None = None) -> Summary:
        """The same pulses, with one more doubt."""
        findings = (*self.findings, (reason, finding)) if finding else self.findings
        return self._replace(doubts=(*self.doubts, reason), findings=findings)

    @property
    def none(self) -> Unavailable:
        """No value, for the reason of the summary."""
        return Unavailable(reason=self.unavailable or Reason.NO_DATA, finding=self.finding)


_WITHOUT_PRESSURE = (Reason.NO_DATA, Reason.STALE, Reason.SATURATED)


class ChannelMonitor:
    """One waveform from samples to beats."""

    def __init__(self, channel: Channel, rate_hz: float, rails: Rails | None) -> None:
        self._channel = channel
        self._is_pressure = channel is Channel.PRESSURE
        self._finder = CandidateFinder(channel, rate_hz, rails)
        self._tracker = PulseTracker(channel)
        self._notches = NotchFinder(self._finder, rate_hz) if self._is_pressure else None
        self._pulses: deque[Pulse] = deque()
        self._cycles = Cycles(self._finder)
        self._onset_index: int | None = None  # of the last accepted pulse
        self._learning_since_us: int | None = None
        self._jumped_us = -JUMPED_US  # a single step of the raw signal that no vessel makes
        self._halved_us = -WINDOW_US  # the beats may be every other one only
        self._gap_us: int | None = None  # end of the last gap
        self._had_pulse = False  # since the start or the last forgetting
        self._seen_us: int | None = None  # newest time of any sample, also a non-finite one
        self._end_us = -SECOND_US  # end of the second in which that lies
        self._summaries: dict[int, Summary] = {}
        self._asked_us = -SECOND_US  # seconds up to here have been answered

    def feed(self, block: SampleBlock) -> list[Beat]:
        """Take the new samples in pieces that end at whole seconds, so that every second is summed up at its end."""
        t_us, samples = block.t_us, block.samples
        if self._seen_us is not None and len(t_us) and t_us.item(0) <= self._seen_us:
            start = int(t_us.searchsorted(self._seen_us, side="right"))
            t_us, samples = t_us[start:], samples[start:]
        if not len(t_us):
            return []
        first_us, last_us = t_us.item(0), t_us.item(-1)
        beats: list[Beat] = []
        while True:
            if first_us > self._end_us:
                self._close_until(first_us)
                self._end_us = -(-first_us // SECOND_US) * SECOND_US
            if last_us <= self._end_us:
                beats += self._take(t_us, samples, first_us, last_us)
                return beats
            count = int(t_us.searchsorted(self._end_us, side="right"))
            beats += self._take(t_us[:count], samples[:count], first_us, t_us.item(count - 1))
            t_us, samples, first_us = t_us[count:], samples[count:], t_us.item(count)

    def summary(self, t_us: int) -> Summary:
        """The channel at a whole second, from all samples up to it that have come; ask once, in order."""
        self._asked_us = t_us
        kept = self._summaries.pop(t_us, None)
        return kept if kept is not None else self._summarize(t_us)

    def _close_until(self, t_us: int) -> None:
        """Sum up each second that ended before ``t_us``."""
        if self._seen_us is None:
            return
        first = max(
            -(-self._seen_us // SECOND_US), (t_us - 1) // SECOND_US - KEPT_SECONDS, self._asked_us // SECOND_US + 1
        )
        for second in range(first, (t_us - 1) // SECOND_US + 1):
            at = second * SECOND_US
            self._summaries[at] = self._summarize(at)
            self._summaries.pop(at - KEPT_SECONDS * SECOND_US, None)

    def _take(self, t_us: NDArray[np.int64], samples: NDArray[np.float64], first_us: int, last_us: int) -> list[Beat]:
        """Take samples of one second, of which these are the first and the last time."""
        pulses: list[Pulse] = []
        for event in self._finder.feed(t_us, samples):
            pulses += [self._compared(pulse) for pulse in self._tracker.feed(event)]
            if isinstance(event, Gap):
                self._note_gap(event)
        finite_us = self._finder.last_us
        if finite_us is not None:
            pulses += [self._compared(pulse) for pulse in self._tracker.advance(finite_us)]
            self._note_learning(first_us, finite_us)
        self._seen_us = last_us
        self._pulses += pulses
        return [self._beat(p) for p in pulses]

    def _compared(self, pulse: Pulse) -> Pulse:
        """The pulse with the likeness of the cycle that it ended."""
        if not pulse.accepted:
            return pulse
        begin, self._onset_index = self._onset_index, pulse.candidate.onset_index
        if begin is None or pulse.interval_us is None or pulse.interval_us > LONGEST_S * 1e6:
            return pulse
        likeness = self._cycles.compare(begin, pulse.candidate)
        return pulse._replace(likeness=likeness)

    def _note_gap(self, gap: Gap) -> None:
        self._gap_us = gap.t_us
        if self._tracker.is_learning:
            self._had_pulse = False
            self._learning_since_us = gap.t_us
            self._cycles.forget()

    def _note_learning(self, first_us: int, last_us: int) -> None:
        if not self._tracker.is_learning:
            self._learning_since_us = None
            self._had_pulse = True
        elif self._learning_since_us is None:
            self._learning_since_us = last_us if self._had_pulse else first_us

    def _beat(self, pulse: Pulse) -> Beat:
        c = pulse.candidate
        return Beat(
            channel=self._channel,
            t_us=c.upslope_us,
            onset_us=c.onset_us,
            peak_us=c.peak_us,
            interval_us=pulse.interval_us,
            systolic_mmhg=c.raw_max if self._is_pressure else None,
            diastolic_mmhg=c.raw_min if self._is_pressure else None,
            mean_mmhg=pulse.cycle_mean if self._is_pressure else None,
            sqi=pulse.sqi,
            accepted=pulse.accepted,
            reasons=pulse.reasons,
            findings=pulse.findings,
        )

    def _summarize(self, t_us: int) -> Summary:
        pulses = self._window(t_us - WINDOW_US)
        none = self._unavailable(t_us, pulses)
        summary = Summary(
            t_us=t_us,
            pulses=pulses,
            unavailable=none.reason if none else None,
            ejections=self._notches.feed(pulses.accepted) if self._notches else (),
            since_clipped_us=self._finder.since_railed_us(CLIPPED_US) if self._is_pressure else None,
            finding=none.finding if none else None,
        )
        usual = self._usual_range() if self._is_pressure else None
        if usual is not None and self._is_flushed(usual[1]) and summary.unavailable not in _WITHOUT_PRESSURE:
            highest_mmhg = self._finder.highest(FLUSH_BACK_US)
            flushed = found(Rule.FLUSHED, highest_mmhg=highest_mmhg, least_mmhg=usual[1] + FLUSH_MMHG)
            return summary.without(Reason.FLUSH, flushed)
        levels = self._levels(*usual) if usual is not None else 0
        doubts = self._doubts(t_us, levels)
        if doubts:
            summary = summary._replace(doubts=tuple(reason for reason, _ in doubts), findings=doubts)
        if levels < PAUSE_LEVELS or self._finder.flat_us >= FLAT_US:
            return summary
        if summary.unavailable in (Reason.NO_PULSE, Reason.IRREGULAR, Reason.LEARNING):
            summary = summary.without(Reason.CALIBRATION, found(Rule.STANDSTILL, levels=levels, least=PAUSE_LEVELS))
        return summary

    def _doubts(self, t_us: int, levels: int) -> tuple[tuple[Reason, Finding], ...]:
        """What is doubtful about the signal itself."""
        doubts = []
        if levels >= PAUSE_LEVELS:
            self._jumped_us = -JUMPED_US  # the monitor's own steps
            if self._finder.flat_us < FLAT_US:
                doubts.append((Reason.CALIBRATION, found(Rule.STANDSTILL, levels=levels, least=PAUSE_LEVELS)))
        elif self._is_pressure and self._finder.lone_step(JUMP_BACK_US) > JUMP_MMHG:
            self._jumped_us = t_us
        if t_us - self._jumped_us < JUMPED_US:
            step = found(Rule.STEP, ago_s=(t_us - self._jumped_us) / 1e6, within_s=JUMPED_US / 1e6)
            doubts.append((Reason.ARTIFACT, step))
        if self._tracker.noise > MOST_NOISE:
            self._halved_us = t_us
        if t_us - self._halved_us < WINDOW_US:
            half = found(Rule.HALF, ago_s=(t_us - self._halved_us) / 1e6, within_s=WINDOW_US / 1e6)
            doubts.append((Reason.IRREGULAR, half))
        return tuple(doubts)

    def _window(self, since_us: int) -> Window:
        """The pulses after a time; those of a second before the window are kept, too."""
        oldest_us = (self._seen_us or 0) - WINDOW_US - SECOND_US
        while self._pulses and self._pulses[0].candidate.upslope_us < oldest_us:
            self._pulses.popleft()
        return Window([p for p in self._pulses if p.candidate.upslope_us > since_us])

    def _usual_range(self) -> tuple[float, float] | None:
        """Between which levels the pulse lies, None where none is known."""
        recent = [p.candidate for p in self._pulses if p.accepted]
        return (median([c.raw_min for c in recent]), median([c.raw_max for c in recent])) if recent else None

    def _levels(self, low: float, high: float) -> int:
        """On how many levels the pressure stands still where a pulse passes: no vessel does, a volume clamp may."""
        inset = PAUSE_INSET * (high - low)
        most = PAUSE_SHARE * (high - low)
        return self._finder.levels(PAUSE_BACK_US, PAUSE_STILL_US, most, low + inset, high - inset)

    def _is_flushed(self, high: float) -> bool:
        """Whether the pressure has lately stood still far above the pulse."""
        return self._finder.levels(FLUSH_BACK_US, FLUSH_STILL_US, STILL_MMHG, high + FLUSH_MMHG, math.inf) > 0

    def _unavailable(self, t_us: int, pulses: tuple[Pulse, ...]) -> Unavailable | None:
        none = self._without_signal(t_us)
        if none is not None:
            return none
        if self._tracker.is_learning:
            return self._why_learning(t_us, pulses)
        last_beat_us = self._tracker.last_beat_us
        age_us = t_us - last_beat_us if last_beat_us is not None else SEARCHING_US
        patience_us = _patience_us(self._tracker.interval_us)
        late_us = t_us - (self._finder.last_us or t_us)
        late_us = late_us if late_us > LATE_US else 0
        is_patient = age_us - late_us <= patience_us  # what has not come yet is no missing pulse
        if is_patient and age_us <= LONGEST_PATIENCE_US:
            return None
        if is_patient:
            late = found(Rule.BEAT_UNSEEN, age_s=age_us / 1e6, late_s=late_us / 1e6, most_s=LONGEST_PATIENCE_US / 1e6)
            return Unavailable(reason=Reason.STALE, finding=late)
        finding = found(Rule.BEAT_AGE, age_s=age_us / 1e6, most_s=patience_us / 1e6)
        is_unseen = self._gap_us is not None and t_us - self._gap_us <= patience_us  # the pulse may lie in the gap
        return Unavailable(reason=Reason.GAP if is_unseen else Reason.NO_PULSE, finding=finding)

    def _without_signal(self, t_us: int) -> Unavailable | None:
        last_us = self._finder.last_us
        if last_us is None:
            return Unavailable(reason=Reason.NO_DATA, finding=found(Rule.NO_SAMPLE))
        if t_us - last_us > STALE_US:
            age = found(Rule.SAMPLE_AGE, age_s=(t_us - last_us) / 1e6, most_s=STALE_US / 1e6)
            return Unavailable(reason=Reason.STALE, finding=age)
        railed_us, flat_us = self._finder.railed_us, self._finder.flat_us
        if railed_us >= RAILED_US:
            railed = found(Rule.RAILED, railed_s=railed_us / 1e6, least_s=RAILED_US / 1e6)
            return Unavailable(reason=Reason.SATURATED, finding=railed)
        if flat_us >= FLAT_US:
            flat = found(Rule.FLAT, flat_s=flat_us / 1e6, least_s=FLAT_US / 1e6)
            return Unavailable(reason=Reason.FLAT, finding=flat)
        return self._open_line() if self._is_pressure else None

    def _open_line(self) -> Unavailable | None:
        """A pressure that is no vessel's and moves by less than a vessel."""
        still = self._finder.stillness(FLAT_US, STILL_MMHG, VESSEL_MMHG)
        if still is None:
            return None
        high, low = still
        level = {"highest_mmhg": high, "vessel_from_mmhg": VESSEL_MMHG}
        return Unavailable(
            reason=Reason.FLAT, finding=found(Rule.LINE_OPEN, **level, moves_mmhg=high - low, most_mmhg=STILL_MMHG)
        )

    def _why_learning(self, t_us: int, pulses: tuple[Pulse, ...]) -> Unavailable:
        """LEARNING is said for a limited time only, then that there is no pulse, or none that can be counted."""
        learning_us = t_us - (self._learning_since_us if self._learning_since_us is not None else t_us)
        since_us = t_us - LEARN_US // 2
        humps = max(self._tracker.humps(since_us), sum(1 for p in pulses if p.candidate.upslope_us > since_us))
        if not self._had_pulse and learning_us < SEARCHING_US:
            time = found(Rule.SEARCH_TIME, searched_s=learning_us / 1e6, most_s=SEARCHING_US / 1e6)
            return Unavailable(reason=Reason.LEARNING, finding=time)
        finding = found(Rule.SEARCH_HUMPS, humps=humps, irregular_from=IRREGULAR_HUMPS)
        return Unavailable(reason=Reason.IRREGULAR if humps >= IRREGULAR_HUMPS else Reason.NO_PULSE, finding=finding)


def _patience_us(interval_us: float | None) -> float:
    """How long after the last beat its pulse is still believed.

    Two intervals, within 2.0 s (with a second of tick: null within 3 s) and ``LONGEST_PATIENCE_US``.
    """
    return min(LONGEST_PATIENCE_US, max(2.0e6, 2 * (interval_us or 0.0)))
