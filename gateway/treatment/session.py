"""One chair's treatment session: seconds and orders in, its state, its record and what there is to know out.

Nothing here reads a clock: every call brings the time, ``utc_ms``, of the data. What is counted is counted by the
session's own clock, which is that time since the start less the time in which no gateway was there: a wall clock that
was wrong before a restart makes no patient observed for longer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

import dsp
from gateway.treatment import advisories, discharge
from gateway.treatment.envelope import EnvelopeWatch, edges
from gateway.treatment.measured import History
from gateway.treatment.phases import ACTIVE, DOSED, TABLE, Phase, PhaseEvent
from gateway.treatment.records import (
    MAX_EVENTS,
    Advisory,
    Check,
    Comparison,
    Cuff,
    Discharge,
    Dose,
    End,
    EventKind,
    Finish,
    Mark,
    NurseItem,
    Order,
    SessionEvent,
    Start,
    Stop,
    Summary,
    Supplement,
    TakeBaseline,
    note_text,
    series_name,
)
from gateway.treatment.routes import COURSES, Course
from gateway.treatment.state import CuffReading, GivenDose, SessionState, Stored
from gateway.treatment.summary import comparison, form_line, note_peak, summary

_FORM_MS = 40 * 60_000  # the monitoring form asks for the pressure 40 min after the dose
_JUDGE_MS = 5_000  # the criteria look back over ten minutes: a change within it shows soon enough
_RENEW_MS = 5_000  # figures in words follow what they tell, and need not do so each second
_RESERVED = 20  # lines of the record that only phases, alarms and the end may still fill

# A cuff that is announced by a machine every few minutes must not fill the record either.
_LESSER = frozenset({EventKind.ADVISORY, EventKind.ALARM, EventKind.INTERRUPTION, EventKind.PHASE, EventKind.RESTART})

_KEPT = frozenset({EventKind.START, EventKind.DOSE, EventKind.SUPPLEMENT, EventKind.STOP, EventKind.END})

_EVENT_OF: dict[type[Order], PhaseEvent] = {
    Start: PhaseEvent.START,
    TakeBaseline: PhaseEvent.BASELINE,
    Dose: PhaseEvent.DOSE,
    Finish: PhaseEvent.FINISH,
    Stop: PhaseEvent.STOP,
    Supplement: PhaseEvent.SUPPLEMENT,
    End: PhaseEvent.END,
}


class Treatment:
    """The session that runs, or the last one; ``revision`` grows with everything that its document shows."""

    def __init__(self, *, earlier: Sequence[Summary] = ()) -> None:
        self._state = SessionState()
        self._earlier = list(earlier)
        self._zero_ms = 0  # utc_ms of the session's clock at 0, in this start of the gateway
        self._history = History()
        self._envelope = EnvelopeWatch()
        self._discharge: Discharge | None = None
        self._judged_ms = 0
        self._told: tuple[object, ...] = ()  # figures of the document, and when it was made new for them
        self._told_ms = 0
        self.ended: list[Summary] = []  # of sessions that have just ended, if they belong to a series
        self.revision = 0

    @property
    def state(self) -> SessionState:
        """What there is to show and to store; not to be changed by others."""
        return self._state

    @property
    def is_active(self) -> bool:
        return self._state.phase in ACTIVE

    @property
    def discharge(self) -> Discharge | None:
        """The criteria of discharge, None before the dose."""
        return self._discharge

    def stored(self, now_ms: int) -> Stored:
        """What is kept for a restart."""
        return Stored(saved_utc_ms=now_ms, clock_ms=self._clock_ms(now_ms), session=self._state)

    def restore(self, stored: Stored, now_ms: int) -> None:
        """Go on where an earlier start of the gateway was killed."""
        self._state, self._zero_ms = stored.session, now_ms - stored.clock_ms
        self._envelope = EnvelopeWatch(self._state.outside)
        if self.is_active:
            away_s = (now_ms - stored.saved_utc_ms) // 1000
            words = f"after {away_s} s, which are not counted" if away_s >= 0 else f"by a clock {-away_s} s behind"
            self._log(now_ms, None, EventKind.RESTART, f"the gateway was started again {words}")

    def second(self, now_ms: int, readings: Mapping[dsp.Quantity, dsp.Reading]) -> None:
        """A second has passed; ``readings`` is what was published of it."""
        state = self._state
        if not self.is_active:
            return
        self._history.add(readings)
        if state.phase is Phase.BASELINE:
            state.baseline = {**state.baseline, **self._history.baseline()}
        if state.phase in DOSED and state.route is not None:
            self._follow(now_ms, COURSES[state.route])
        self._advise(now_ms)
        self._tell(now_ms)

    def order(self, now_ms: int, who: str, order: Order) -> str:
        """Do what a person orders; an answer that is not empty is a refusal and nothing has changed."""
        if isinstance(order, Check):
            return self._check(now_ms, who, order)
        event = _EVENT_OF[type(order)]
        if TABLE[self._state.phase, event] is None:
            return f"{event.value}: not in phase {self._state.phase.value}"
        fault = self._overfull(order) or _fault(order)
        if fault:
            return fault
        match order:
            case Start():
                self._start(now_ms, who, order)
            case TakeBaseline():
                self._history.clear()
                self._state.baseline = {}
                self._record(now_ms, who, event, EventKind.BASELINE, "good seconds count from now on")
            case Dose() | Supplement():
                self._dose(now_ms, who, order, event)
            case Finish():
                self._finish(now_ms)
                self._record(now_ms, who, event, EventKind.FINISH, "the dose is given completely")
            case Stop():
                self._finish(now_ms)
                self._record(now_ms, who, event, EventKind.STOP, order.text or "the dose was stopped")
            case End():
                self._end(now_ms, who, order)
        return ""

    def mark(self, now_ms: int, who: str, mark: Mark) -> str:
        """Write a person's note or cuff reading into the record; an answer that is not empty is a refusal."""
        if not self.is_active:
            return "mark: no session is running"
        if self._is_full():
            return f"mark: the record of this session is full ({MAX_EVENTS} lines)"
        if isinstance(mark, Cuff):
            if mark.diastolic_mmhg >= mark.systolic_mmhg:
                return f"cuff: expected systolic over diastolic, got {mark.systolic_mmhg}/{mark.diastolic_mmhg}"
            self._state.cuffs.append(CuffReading(utc_ms=now_ms, cuff=mark))
            self._log(now_ms, who, EventKind.CUFF, f"{mark.systolic_mmhg}/{mark.diastolic_mmhg} mmHg")
            return ""
        text = note_text(mark.text)
        if text is None:
            return "note: expected printable text"
        self._log(now_ms, who, EventKind.NOTE, text)
        return ""

    def note(self, now_ms: int, who: str | None, kind: EventKind, text: str) -> None:
        """Write down what somebody did to another part of the chair; a session that has ended stays as it was."""
        if self._state.phase is not Phase.ENDED:
            self._log(now_ms, who, kind, text)

    def comparison(self) -> Comparison | None:
        """This session beside the patient's earlier ones by the same route, None if there are none."""
        return comparison(self._state, self._earlier)

    def values(self) -> dict[dsp.Quantity, float]:
        """The session's baseline as plain numbers."""
        return {quantity: one.value for quantity, one in self._state.baseline.items()}

    def _start(self, now_ms: int, who: str, order: Start) -> None:
        """A new patient: nothing of the one before may stay."""
        series = None if order.series is None else series_name(order.series)
        self._state = SessionState(
            route=order.route,
            series=series,
            is_over_65=order.is_over_65,
            started_ms=now_ms,
            phase=self._state.phase,
        )
        self._zero_ms = now_ms
        self._history.clear()
        self._envelope = EnvelopeWatch()
        self._discharge = None
        self._judged_ms = 0
        text = f"route {order.route.value}" + (", over 65 years" if order.is_over_65 else "")
        self._record(now_ms, who, PhaseEvent.START, EventKind.START, text)

    def _dose(self, now_ms: int, who: str, order: Dose | Supplement, event: PhaseEvent) -> None:
        state = self._state
        if isinstance(order, Dose):
            state.baseline = state.baseline or self._history.baseline()
            self._fill_form("prior", now_ms)
        # What a person judged, and that the patient was fit, was before this dose; the escort is there all the same.
        state.items = {item: value for item, value in state.items.items() if item is NurseItem.ESCORT_PRESENT}
        state.fit_since_ms = state.first_fit_ms = None
        self._discharge, self._judged_ms = None, 0
        state.doses.append(GivenDose(utc_ms=now_ms, clock_ms=self._clock_ms(now_ms), amount_mg=order.amount_mg))
        is_continuous = state.route is not None and COURSES[state.route].is_continuous
        self._finish(None if is_continuous else now_ms)
        amount = "amount not entered" if order.amount_mg is None else f"{order.amount_mg:g} mg"
        self._record(now_ms, who, event, EventKind.DOSE if event is PhaseEvent.DOSE else EventKind.SUPPLEMENT, amount)

    def _finish(self, now_ms: int | None) -> None:
        """The newest dose is given completely, or, with None, runs."""
        self._state.finished_ms = now_ms
        self._state.finished_clock_ms = None if now_ms is None else self._clock_ms(now_ms)

    def _clock_ms(self, now_ms: int) -> int:
        """How long the session has been observed."""
        return now_ms - self._zero_ms

    def _end(self, now_ms: int, who: str, order: End) -> None:
        state = self._state
        if state.phase in DOSED:
            self._fill_form("completion", now_ms)
        text = "the patient has left" if order.text is None else note_text(order.text) or ""
        if state.phase in DOSED and state.phase is not Phase.DISCHARGE:
            text += "; the criteria of discharge were not met"
        state.ended_ms = now_ms
        state.advisories = []
        self._record(now_ms, who, PhaseEvent.END, EventKind.END, text)
        told = summary(self._state, now_ms)
        if told is not None:
            self.ended.append(told)
            # A session that was ended, and then again by a gateway that did not know it, is one.
            self._earlier = [one for one in self._earlier if one.started_utc_ms != told.started_utc_ms] + [told]
        self._history.clear()

    def _check(self, now_ms: int, who: str, order: Check) -> str:
        if not self.is_active:
            return "check: no session is running"
        if self._is_full():
            return f"check: the record of this session is full ({MAX_EVENTS} lines)"
        over = [f"{item.value}: expected 0..{item.most}" for item, value in order.items.items() if value > item.most]
        if over or not order.items:
            return "; ".join(over) or "check: expected at least one item"
        self._state.items.update(order.items)
        self._log(now_ms, who, EventKind.CHECK, ", ".join(f"{k.value} {v}" for k, v in order.items.items()))
        return ""

    def _follow(self, now_ms: int, course: Course) -> None:
        """Phase, envelope, peak and criteria, by the time since the doses."""
        state, clock_ms = self._state, self._clock_ms(now_ms)
        since_newest = clock_ms - state.doses[-1].clock_ms
        for event, is_due in (
            (PhaseEvent.ONSET_DUE, course.onset_ms <= since_newest < course.peak_from_ms),
            (PhaseEvent.PEAK_DUE, since_newest >= course.peak_from_ms),
            (PhaseEvent.RECOVERY_DUE, self._is_recovery_due(clock_ms, course)),
        ):
            if is_due:
                self._move(now_ms, event)
        since_ms = [clock_ms - dose.clock_ms for dose in state.doses]
        newest = {quantity: self._history.newest(quantity) for quantity in course.rise}
        self._envelope.feed(newest, edges(course, self.values(), since_ms))
        state.outside = self._envelope.outside
        note_peak(state, self._history, clock_ms)
        if since_ms[0] >= _FORM_MS and not any(row.when == "40 min" for row in state.form):
            self._fill_form("40 min", now_ms)
        if now_ms - self._judged_ms >= _JUDGE_MS:
            self._judge(now_ms)

    def _is_recovery_due(self, clock_ms: int, course: Course) -> bool:
        state = self._state
        if state.finished_clock_ms is None:
            return False
        is_past_peak = clock_ms - state.doses[-1].clock_ms >= course.peak_to_ms
        return is_past_peak and clock_ms - state.finished_clock_ms >= course.settle_ms

    def _judge(self, now_ms: int) -> None:
        state = self._state
        self._judged_ms = now_ms
        if state.route is None:
            raise RuntimeError("a dosed session has a route")
        finished_ms = state.finished_clock_ms
        since_finish = None if finished_ms is None else self._clock_ms(now_ms) - finished_ms
        judged = discharge.judge(
            self._history, self.values(), state.items, route=state.route, since_finish_ms=since_finish
        )
        if judged.is_fit and state.fit_since_ms is None:
            state.fit_since_ms = now_ms
            state.first_fit_ms = state.first_fit_ms or now_ms
        elif not judged.is_fit:
            state.fit_since_ms = None
        judged = msgspec.structs.replace(
            judged, fit_since_utc_ms=state.fit_since_ms, first_fit_utc_ms=state.first_fit_ms
        )
        if judged != self._discharge:
            self._discharge = judged
            self.revision += 1
        self._move(now_ms, PhaseEvent.FIT if judged.is_fit else PhaseEvent.UNFIT)

    def _advise(self, now_ms: int) -> None:
        state = self._state
        now = advisories.found(state, self._history, self._envelope, self.comparison(), self._clock_ms(now_ms))
        since_ms = {advisory.name: advisory.since_utc_ms for advisory in state.advisories}
        for name in since_ms.keys() - now.keys():
            self._log(now_ms, None, EventKind.ADVISORY, f"{name}: {advisories.end_of(name, state)}")
        for name in now.keys() - since_ms.keys():
            self._log(now_ms, None, EventKind.ADVISORY, f"{name}: {now[name]}")
        state.advisories = [
            Advisory(name=name, since_utc_ms=since_ms.get(name, now_ms), text=text) for name, text in now.items()
        ]

    def _tell(self, now_ms: int) -> None:
        """A figure that has changed makes the document new, though not each second."""
        state = self._state
        figures = (
            [advisory.text for advisory in state.advisories],
            {quantity: one.value for quantity, one in state.baseline.items()},
            dict(state.peak_rise),
        )
        if figures != self._told and now_ms - self._told_ms >= _RENEW_MS:
            self._told, self._told_ms = figures, now_ms
            self.revision += 1

    def _fill_form(self, when: str, now_ms: int) -> None:
        self._state.form.append(form_line(when, self._history, now_ms))
        self.revision += 1

    def _move(self, now_ms: int, event: PhaseEvent) -> None:
        """Another phase by time or by the patient."""
        after = TABLE[self._state.phase, event]
        if after is not None and after is not self._state.phase:
            self._state.phase, self._state.phase_since_ms = after, now_ms
            self._log(now_ms, None, EventKind.PHASE, after.value)

    def _record(self, now_ms: int, who: str, event: PhaseEvent, kind: EventKind, text: str) -> None:
        """Another phase by a person, and its line in the record."""
        after = TABLE[self._state.phase, event]
        if after is None:
            raise RuntimeError(f"{event.value} was refused in {self._state.phase.value}")
        if after is not self._state.phase:
            self._state.phase, self._state.phase_since_ms = after, now_ms
        self._log(now_ms, who, kind, text)

    def _log(self, now_ms: int, who: str | None, kind: EventKind, text: str) -> None:
        """A line of the record; one too many takes the place of the oldest that is not about the treatment.

        Where all are about it, the oldest of the others goes; who gave what and when never does.
        """
        events = self._state.events
        if len(events) >= MAX_EVENTS:
            oldest = {old.kind in _LESSER: i for i, old in reversed(list(enumerate(events))) if old.kind not in _KEPT}
            if oldest:  # the kept ones alone are bounded by the refusal of supplements
                del events[oldest.get(True, oldest.get(False, 0))]
                self._state.lines_dropped += 1
        events.append(SessionEvent(utc_ms=now_ms, who=who, kind=kind, phase=self._state.phase, text=text))
        self.revision += 1

    def _overfull(self, order: Order) -> str:
        is_refused = isinstance(order, Supplement) and self._is_full()
        return f"supplement: the record of this session is full ({MAX_EVENTS} lines)" if is_refused else ""

    def _is_full(self) -> bool:
        """Of what persons have done: a line of the machine's gives way to one of theirs."""
        return sum(event.kind not in _LESSER for event in self._state.events) >= MAX_EVENTS - _RESERVED


def _fault(order: Order) -> str:
    """What cannot be in an order whose form is right."""
    if isinstance(order, Start) and order.series is not None and series_name(order.series) is None:
        return "series: expected 1 to 64 printable characters"
    text = order.text if isinstance(order, Stop | End) else None
    if text is not None and note_text(text) is None:
        return f"{_EVENT_OF[type(order)].value}: expected printable text"
    return ""
