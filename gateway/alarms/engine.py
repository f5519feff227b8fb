"""The alarm system of one chair: timed inputs in, transitions of alarm conditions out. A pure function of its inputs.

Each second every condition of the profile is judged (evidence), has to hold for its delay (hold), and moves its signal
(watch, signals). Commands act at once. Everything that has to outlive the process is in ``State``.
"""

from __future__ import annotations

import dsp
from gateway.alarms.evidence import Evidence
from gateway.alarms.hold import SECOND_US
from gateway.alarms.profile import Profile, faults_of, limits_of, with_limits
from gateway.alarms.signals import SHOWN, SOUNDING, Signal
from gateway.alarms.state import Record, State, Unreceived, shifted
from gateway.alarms.types import (
    Acknowledge,
    Alarm,
    AlarmOff,
    Annunciation,
    Answer,
    Attended,
    AudioPause,
    Baseline,
    Change,
    ChangeLimits,
    Command,
    Condition,
    Fact,
    Kind,
    Output,
    Presence,
    Priority,
    Receipt,
    Second,
    TimedInput,
    Transition,
    UseProfile,
)
from gateway.alarms.watch import Watch

LONGEST_PAUSE_S = 120  # Masimo's audio pause (clinical.md 3.1, S63)
RECEIPT_US = 5 * SECOND_US  # an alert that no client has received by then has not been delivered (faults.md D1)
_MOST_RECEIVERS = 32  # names of clients that are kept; one is enough to expect receipts
_EXPECTS_RECEIPT = (Change.RAISED, Change.RISEN, Change.ESCALATED)


class AlarmEngine:
    """One chair's alarms. ``series`` makes ids unique among all starts of the gateway."""

    def __init__(self, profile: Profile, *, series: str) -> None:
        self._start(
            State(
                t_us=0,
                series=series,
                profile=profile,
                configured=profile,
                records={condition: Record() for condition in Condition},
                armed=[],
                baseline={},
            )
        )

    @classmethod
    def restore(cls, profile: Profile, state: State, *, series: str, t_us: int) -> AlarmEngine:
        """Go on from a snapshot; ``t_us`` is when it was taken, in the new gateway's time (so usually negative).

        The ids of what goes on stay. New ones are of this start's ``series``: what the gateway before it numbered after
        the snapshot is not known, and no id may be given twice.

        What held then is unknown until it is measured again. Limits that were changed at run time stay, unless the
        configured profile is another one than it was.
        """
        engine = cls.__new__(cls)
        moved = shifted(state, t_us - state.t_us)
        moved.series = series
        if moved.configured != profile:
            moved.configured = moved.profile = profile
        engine._start(moved)
        for watch in engine._watches.values():
            watch.lose(t_us)
        return engine

    def _start(self, state: State) -> None:
        self._state = state
        is_standby = state.standby_by is not None
        self._evidence = Evidence(state.armed, state.armed_sites, is_standby=is_standby, expected_us=state.expected_us)
        self._evidence.baseline = dict(state.baseline)
        self._watches = {condition: Watch(condition, state) for condition in Condition}
        # Those of the patient first: where one is unknown, its technical one is urgent in the same second.
        by_kind = {kind: [w for w in self._watches.values() if w.definition.kind is kind] for kind in Kind}
        self._physiological, self._technical = by_kind[Kind.PHYSIOLOGICAL], by_kind[Kind.TECHNICAL]

    def snapshot(self) -> State:
        """A copy of everything that has to outlive the process."""
        state = self._state
        state.armed = sorted(self._evidence.armed, key=lambda quantity: quantity.value)
        state.armed_sites = sorted(self._evidence.armed_sites, key=lambda site: site.value)
        state.expected_us = self._evidence.expected_us
        state.baseline = dict(self._evidence.baseline)
        return shifted(state, 0)

    def copy(self, *, series: str) -> AlarmEngine:
        """The same alarm system beside this one; it goes on alone, and its ids are of another series."""
        state = self.snapshot()
        return AlarmEngine.restore(state.configured, state, series=series, t_us=state.t_us)

    @property
    def t_us(self) -> int:
        """Of the newest input."""
        return self._state.t_us

    @property
    def profile(self) -> Profile:
        """The profile in force, with the limits as they were changed."""
        return self._state.profile

    @property
    def changes(self) -> int:
        """Grows with every transition, and with every client that says for the first time that it receives alerts."""
        return self._state.transitions + len(self._state.receivers)

    @property
    def monitored(self) -> tuple[object, ...]:
        """What of the chair is monitored at all: it changes without a transition, and may not be forgotten either."""
        evidence = self._evidence
        return self._state.standby_by, frozenset(evidence.armed), frozenset(evidence.armed_sites)

    @property
    def baseline(self) -> dict[dsp.Quantity, float]:
        """The session's, in the units of the quantities; empty if there is none."""
        return self._evidence.baseline

    @property
    def standby_by(self) -> str | None:
        """Who said that nobody is in the chair, None while somebody is, or may be."""
        return self._state.standby_by

    def alarms(self) -> list[Alarm]:
        """Every condition as it is now."""
        return [watch.alarm() for watch in self._watches.values()]

    def alarm(self, condition: Condition) -> Alarm:
        """One condition as it is now."""
        return self._watches[condition].alarm()

    def annunciation(self) -> Annunciation:
        """What the chair itself shows and sounds now."""
        state = self._state
        shown = [(r.shown, r) for r in state.records.values() if r.signal in SHOWN and r.shown is not None]
        loud = [(p, r) for p, r in shown if r.signal in SOUNDING and r.id not in state.paused]
        sound = max((priority for priority, _ in loud), default=None)
        return Annunciation(
            light=max((priority for priority, _ in shown), default=None),
            sound=sound,
            escalation=max((r.escalation for priority, r in loud if priority is sound), default=0),
            paused_s=max(0, -(-(state.pause_until_us - state.t_us) // SECOND_US)),
            paused_by=state.paused_by,
        )

    def feed(self, event: TimedInput) -> list[Output]:
        """Take one input; return what it changed."""
        if isinstance(event, dsp.Beat):  # its time is that of the pulse, which is past
            self._evidence.note_beat(event)
            return []
        self._state.t_us = max(self._state.t_us, event.t_us)
        match event:
            case Second():
                return [*self._second(event)]
            case Fact():
                self._evidence.note_fact(event)
            case Baseline():
                self._evidence.baseline = dict(event.values)
            case Attended():
                return [*self._attend(event)]
            case Receipt():
                self._received(event)
            case _:
                return self._command(event)
        return []

    def _command(self, command: Command) -> list[Output]:
        match command:
            case Acknowledge():
                return self._acknowledge(command)
            case AudioPause():
                return [self._pause(command)]
            case AlarmOff():
                return self._switch(command)
            case ChangeLimits():
                return self._change_limits(command)
            case UseProfile():
                return self._use(command)

    # A second

    def _second(self, second: Second) -> list[Transition]:
        self._evidence.note_second(second)
        transitions = self._leave_standby()
        if self._state.t_us >= self._state.pause_until_us:
            self._state.paused, self._state.paused_by = [], None
        self._note_unreceived()
        for watch in self._physiological:
            transitions += watch.judge(self._evidence)
        self._evidence.lost_sites = {watch.site for watch in self._physiological if watch.is_lost}
        for watch in self._technical:
            transitions += watch.judge(self._evidence)
        for watch in self._watches.values():
            transitions += watch.remind()
        for transition in transitions:
            self._expect_receipt(transition)
        return transitions

    # Commands

    def _acknowledge(self, command: Acknowledge) -> list[Output]:
        watch = self._watches[command.condition]
        name, record = command.condition.value, watch.record
        if record.signal not in SHOWN:
            return [self._refused(f"{name} has no signal to acknowledge")]
        if record.id != command.id:
            return [self._refused(f"{name} is {record.id} now, not {command.id}")]
        if record.signal not in SOUNDING:
            return [self._accepted()]  # somebody else was faster
        return [*watch.acknowledge(command.who), self._accepted()]

    def _pause(self, command: AudioPause) -> Answer:
        if not 0 <= command.seconds <= LONGEST_PAUSE_S:
            return self._refused(f"seconds: expected 0..{LONGEST_PAUSE_S}, got {command.seconds}")
        state = self._state
        sounding = [r.id for r in state.records.values() if r.signal in SOUNDING and r.id is not None]
        if command.seconds and not sounding:
            return self._refused("nothing sounds; a pause covers only what sounds when it begins")
        state.paused = sounding if command.seconds else []
        state.pause_until_us = state.t_us + command.seconds * SECOND_US
        state.paused_by = command.who if command.seconds else None
        return self._accepted()

    def _switch(self, command: AlarmOff) -> list[Output]:
        watch = self._watches[command.condition]
        if command.is_off == (watch.record.signal is Signal.INACTIVE):
            return [self._accepted()]  # it is so already
        switched = watch.switch_off(command.who) if command.is_off else watch.switch_on(command.who)
        for transition in switched:
            self._expect_receipt(transition)
        return [*switched, self._accepted()]

    def _change_limits(self, command: ChangeLimits) -> list[Output]:
        profile, name = self._state.profile, command.condition.value
        has = limits_of(profile, command.condition)
        if not command.limits or not set(command.limits) <= set(has):
            names = [", ".join(p.value for p in sorted(limits)) or "none" for limits in (has, command.limits)]
            return [self._refused(f"{name}: expected limits of priority {names[0]}, got {names[1]}")]
        changed = with_limits(profile, command.condition, dict(command.limits))
        faults = faults_of(changed)
        if faults:
            return [self._refused("; ".join(faults))]
        self._state.profile = changed
        return [*self._watches[command.condition].change_limits(command.who), self._accepted()]

    def _use(self, command: UseProfile) -> list[Output]:
        faults = faults_of(command.profile)
        if faults:
            return [self._refused("; ".join(faults))]
        self._state.profile = self._state.configured = command.profile
        for watch in self._watches.values():
            watch.resume()
        return [self._accepted()]

    def _accepted(self) -> Answer:
        return Answer(t_us=self._state.t_us, accepted=True)

    def _refused(self, reason: str) -> Answer:
        return Answer(t_us=self._state.t_us, accepted=False, reason=reason)

    # Who is there, and who has been told

    def _attend(self, event: Attended) -> list[Transition]:
        """What was switched off for one patient is on again for the next."""
        self._evidence.set_attended(event.t_us, is_attended=event.is_attended)
        self._state.standby_by = None if event.is_attended else event.who
        if not event.is_attended:
            return []
        transitions = self._switch_all_on(event.who)
        for transition in transitions:
            self._expect_receipt(transition)
        return transitions

    def _leave_standby(self) -> list[Transition]:
        """Whoever comes without being announced is a new patient too; who stays without being so is told of."""
        state, evidence = self._state, self._evidence
        is_over = state.standby_by is not None and not evidence.is_standby
        state.standby_by = None if is_over else state.standby_by
        detail = f"said by {state.standby_by}"
        is_left = evidence.is_standby and evidence.has_pulse
        evidence.note_fact(Fact(t_us=state.t_us, condition=Condition.STANDBY, is_present=is_left, detail=detail))
        return self._switch_all_on(None) if is_over else []

    def _switch_all_on(self, who: str | None) -> list[Transition]:
        off = [watch for watch in self._watches.values() if watch.record.signal is Signal.INACTIVE]
        return [transition for watch in off for transition in watch.switch_on(who)]

    def _expect_receipt(self, transition: Transition) -> None:
        """An alert that somebody has to act on has to reach somebody, once anybody listens at all."""
        alarm = transition.alarm
        is_told = transition.change in _EXPECTS_RECEIPT and alarm.presence is Presence.ON
        is_itself = alarm.condition is Condition.ALERT_NOT_RECEIVED
        if self._state.receivers and is_told and alarm.priority > Priority.LOW and not is_itself:
            waiting = Unreceived(since_us=transition.t_us, occurrence=alarm.id or "", priority=alarm.priority)
            self._state.unreceived[transition.id] = waiting

    def _received(self, receipt: Receipt) -> None:
        """Who has this alert has been reached: older ones of no higher priority stand in the retained documents."""
        state = self._state
        if receipt.who not in state.receivers and len(state.receivers) < _MOST_RECEIVERS:
            state.receivers.append(receipt.who)
        reached = state.unreceived.pop(receipt.alert, None)
        if reached is not None:
            state.unreceived = {
                alert: one
                for alert, one in state.unreceived.items()
                if one.since_us >= reached.since_us or one.priority > reached.priority
            }

    def _note_unreceived(self) -> None:
        """An alert of what is over, or has been answered, has nobody to reach any more."""
        t_us, state = self._state.t_us, self._state
        open_ids = {record.id for record in state.records.values() if record.signal in SOUNDING}
        state.unreceived = {alert: one for alert, one in state.unreceived.items() if one.occurrence in open_ids}
        late = sum(t_us - one.since_us >= RECEIPT_US for one in state.unreceived.values())
        detail = f"{late} not received"
        fact = Fact(t_us=t_us, condition=Condition.ALERT_NOT_RECEIVED, is_present=late > 0, detail=detail)
        self._evidence.note_fact(fact)
