"""What an analysis yielded in, what its sheet says and where out: spans, steps, close-ups, captions.

A sheet gathers the events of the one analysis that also prints them, so the beats drawn are the beats reported.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from dsp import Beat, Channel, Measured, Quantity, Reason, Unavailable, Vital
from gateway.errors import UserError
from gateway.recordings import Recording, Signal

Floats = NDArray[np.float64]

WINDOW_S = 12  # one close-up
WHOLE_S = 36.0  # a recording up to so long is shown close up from end to end
PRESSURES = (Quantity.SYSTOLIC, Quantity.MEAN_PRESSURE, Quantity.DIASTOLIC)
DRAWN = (Quantity.PULSE_RATE, *PRESSURES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Neighbouring seconds without a value, or neighbouring rejected beats, for one reason."""

    start_s: float
    end_s: float
    reason: Reason
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A part of the recording that is shown close up."""

    title: str
    start_s: float
    end_s: float
    is_whole: bool = False

    def overlaps(self, span: Span) -> bool:
        return span.end_s > self.start_s and span.start_s < self.end_s


class Sheet:
    """One recording with everything its analysis yielded."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.beats: dict[Channel, list[Beat]] = {channel: [] for channel in recording.signals}
        self.vitals: dict[Quantity, list[Vital]] = {quantity: [] for quantity in DRAWN}

    def add(self, event: Beat | Vital) -> None:
        if isinstance(event, Beat):
            self.beats[event.channel].append(event)
        elif event.quantity in self.vitals:
            self.vitals[event.quantity].append(event)

    def rows(self) -> list[Quantity]:
        """The rows of the overview, each by the quantity whose missing seconds it shades."""
        has_pressure = Channel.PRESSURE in self.recording.signals
        return [Quantity.PULSE_RATE, *([Quantity.SYSTOLIC] if has_pressure else [])]


def shaded(vitals: list[Vital]) -> list[Span]:
    """Seconds without a value, neighbours with the same reason as one; a vital speaks for the second it ends."""
    spans: list[Span] = []
    for vital in vitals:
        if not isinstance(vital.reading, Unavailable):
            continue
        end_s = vital.t_us / 1e6
        last = spans[-1] if spans else None
        if last is not None and last.reason is vital.reading.reason and last.end_s == end_s - 1:
            spans[-1] = Span(start_s=last.start_s, end_s=end_s, reason=last.reason, count=last.count + 1)
        else:
            spans.append(Span(start_s=end_s - 1, end_s=end_s, reason=vital.reading.reason))
    return spans


def rejected(beats: list[Beat]) -> list[Span]:
    """Runs of rejected beats with the same first reason and no accepted beat between, from upslope to upslope."""
    spans: list[Span] = []
    before: Beat | None = None
    for beat in beats:
        if not beat.accepted:
            t_s, reason = beat.t_us / 1e6, beat.reasons[0]
            is_run = before is not None and not before.accepted and before.reasons[0] is reason
            if is_run and t_s - spans[-1].end_s < 3:
                spans[-1] = Span(start_s=spans[-1].start_s, end_s=t_s, reason=reason, count=spans[-1].count + 1)
            else:
                spans.append(Span(start_s=t_s, end_s=t_s, reason=reason))
        before = beat
    return spans


def stepped(vitals: list[Vital]) -> tuple[Floats, Floats]:
    """The measured values as steps of one second, broken by NaN where there is none."""
    x: list[float] = []
    y: list[float] = []
    for vital in vitals:
        value = vital.reading.value if isinstance(vital.reading, Measured) else float("nan")
        x += [vital.t_us / 1e6 - 1, vital.t_us / 1e6]
        y += [value, value]
    return np.array(x), np.array(y)


def quality(vitals: list[Vital]) -> tuple[Floats, Floats]:
    """The sqi of the values as steps, 0 where there is no value."""
    values = [v.reading.sqi if isinstance(v.reading, Measured) else 0.0 for v in vitals]
    t_s = np.array([v.t_us / 1e6 for v in vitals])
    return np.column_stack([t_s - 1, t_s]).ravel(), np.repeat(np.array(values), 2)


def waveform(signal: Signal, start_s: float, end_s: float) -> tuple[Floats, Floats]:
    """Samples between two times, broken by NaN where some are missing."""
    first, last = np.searchsorted(signal.t_us, [round(start_s * 1e6), round(end_s * 1e6)])
    t_s, x = signal.t_us[first:last] / 1e6, signal.samples[first:last]
    breaks = np.flatnonzero(np.diff(t_s) > max(0.1, 2.5 / signal.rate_hz)) + 1
    return np.insert(t_s, breaks, np.nan), np.insert(x, breaks, np.nan)


def windows(sheet: Sheet) -> list[Window]:
    """The close-ups: the first value, an ordinary part, and the part with most rejections and least quality."""
    duration_s = sheet.recording.duration_s
    if duration_s <= WHOLE_S:
        return [Window(title="whole recording", start_s=0.0, end_s=duration_s, is_whole=True)]
    badness = _badness(sheet)
    measured = [v.t_us / 1e6 for q in sheet.rows() for v in sheet.vitals[q] if isinstance(v.reading, Measured)]
    last = len(badness) - 1
    first = min(last, max(0, round(min(measured)) - 8)) if measured else 0
    free = _free(np.arange(len(badness)), [first])
    worst = int(free[np.argmax(badness[free])])
    free = _free(np.arange(len(badness)), [first, worst])
    unusual = np.abs(badness[free] - np.median(badness)) + 1e-6 * np.abs(free - last / 2)
    typical = int(free[np.argmin(unusual)])
    titles = ("first value" if measured else "start; no value anywhere", "typical", "worst")
    return [
        Window(title=title, start_s=float(start), end_s=float(start + WINDOW_S))
        for title, start in zip(titles, (first, typical, worst), strict=True)
    ]


def _badness(sheet: Sheet) -> Floats:
    """Per start of a window: its rejected beats, and half a point for each second wholly without quality."""
    seconds = np.zeros(int(sheet.recording.duration_s))
    for row in sheet.rows():
        for vital in sheet.vitals[row]:
            sqi = vital.reading.sqi if isinstance(vital.reading, Measured) else 0.0
            seconds[min(len(seconds), vital.t_us // 1_000_000) - 1] += 0.5 * (1 - sqi)
    for beats in sheet.beats.values():
        for beat in beats:
            if not beat.accepted and Reason.LEARNING not in beat.reasons:
                seconds[min(len(seconds) - 1, beat.t_us // 1_000_000)] += 1
    return np.convolve(seconds, np.ones(WINDOW_S), mode="valid")


def _free(starts: NDArray[np.int64], taken: list[int]) -> NDArray[np.int64]:
    """Starts of windows that overlap none of those taken; all, if there is no other."""
    free = starts[np.all([np.abs(starts - t) >= WINDOW_S for t in taken], axis=0)]
    return free if len(free) else starts


def chosen(text: str, duration_s: float) -> Window:
    """The close-up a person asks for as ``START:END`` in seconds."""
    try:
        start_s, end_s = (float(part) for part in text.split(":"))
    except ValueError:
        raise UserError(f"--window: expected START:END in seconds, got {text}") from None
    if not 0 <= start_s < end_s or not start_s < duration_s:
        raise UserError(f"--window: expected 0 <= START < END within the recording's {duration_s:.1f} s, got {text}")
    return Window(title="chosen", start_s=start_s, end_s=min(end_s, duration_s))


def caption(sheet: Sheet, row: Quantity) -> str:
    """What the row answered: median, range, share of the seconds."""
    named = PRESSURES if row is Quantity.SYSTOLIC else (row,)
    medians = []
    for quantity in named:
        readings = [v.reading for v in sheet.vitals[quantity]]
        values = [r.value for r in readings if isinstance(r, Measured)]
        medians.append(f"{median(values):.0f}" if values else "-")
    total = len(sheet.vitals[row])
    answered = total - sum(s.count for s in shaded(sheet.vitals[row]))
    unit = "mmHg systolic / mean / diastolic" if row is Quantity.SYSTOLIC else "/min"
    share = f"a value in {answered} of {total} s ({100 * answered / max(1, total):.1f} %)"
    return f"median {' / '.join(medians)} {unit}     {share}"


def reasons(sheet: Sheet) -> list[tuple[Reason, str]]:
    """The legend: each reason that occurs, with the seconds it left empty and the beats it rejected."""
    seconds = {row: Counter[Reason]() for row in sheet.rows()}
    for row, counter in seconds.items():
        for span in shaded(sheet.vitals[row]):
            counter[span.reason] += span.count
    beats = Counter(b.reasons[0] for all_beats in sheet.beats.values() for b in all_beats if not b.accepted)
    names = {Quantity.PULSE_RATE: "rate", Quantity.SYSTOLIC: "pressure"}
    lines = []
    for reason in Reason:
        parts = [f"{names[row]} {counter[reason]} s" for row, counter in seconds.items() if counter[reason]]
        if beats[reason]:
            parts.append(f"{beats[reason]} beat{'s' if beats[reason] > 1 else ''}")
        if parts:
            lines.append((reason, f"{reason.value}: {', '.join(parts)}"))
    return lines


def clock(t_s: float, step_s: float = 1.0) -> str:
    """A time as minutes and seconds."""
    digits = 0 if step_s >= 1 else 1
    tenths = round(t_s * 10**digits)
    minutes, rest = divmod(tenths, 60 * 10**digits)
    return f"{minutes}:{rest / 10**digits:0{2 + digits + (digits > 0)}.{digits}f}"


def tick_step(length_s: float, count: int) -> float:
    """A round step that gives at most ``count`` ticks."""
    steps = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600)
    return next((s for s in steps if length_s / s <= count), 7200)
