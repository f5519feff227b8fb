"""The alarm system of one chair: timed inputs in, transitions of alarm conditions out. A pure function of its inputs.

Each second every condition of the profile is judged (evidence), has to hold for its delay (hold), and moves its signal
(signals). Commands act at once. Everything that has to outlive the process is in ``State``.
"""

from __future__ import annotations

import msgspec

import dsp
from gateway.alarms.catalogue import CATALOGUE, rule_text, signal_delay_s, site_of
from gateway.alarms.evidence import Evidence
from gateway.alarms.hold import LOST_US, SECOND_US, Hold, Missing, Observation
from gateway.alarms.profile import Profile, faults_of, limits_of, with_limits
from gateway.alarms.signals import PRESENCE, SHOWN, SOUNDING, TABLE, Event, Signal
from gateway.alarms.state import Record, State, shifted
from gateway.alarms.tier import Tier
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
    Truth,
    UseProfile,
)

LONGEST_PAUSE_S = 120  # Masimo's audio pause (clinical.md 3.1, S63)
FORGET_US = 60 * SECOND_US
REMIND_US = 300 * SECOND_US
RECEIPT_US = 5 * SECOND_US  # an alert that no client has received by then has not been delivered (faults.md D1)
LAST_ESCALATION = 3
# How long nobody may answer before it is told again, louder: 30 s is clinical.md 6.1 row 9; lower ones can wait longer.
ANSWER_US = {Priority.HIGH: 30 * SECOND_US, Priority.MEDIUM: 60 * SECOND_US, Priority.LOW: 300 * SECOND_US}
_EXPECTS_RECEIPT = (Change.RAISED, Change.RISEN, Change.ESCALATED)
_OF_KIND = {kind: [c for c in Condition if CATALOGUE[c].kind is kind] for kind in Kind}


class AlarmEngine:
    """One chair's alarms. ``series`` makes ids unique among all starts of the gateway."""

    def __init__(self, profile: Profile, *, series: str = "") -> None:
        self._state = State(
            t_us=0,
            series=series,
            profile=profile,
            configured=profile,
            records={condition: Record() for condition in Condition},
            armed=[],
            baseline={},
        )
        self._evidence = Evidence()
        self._holds: dict[Condition, list[Hold]] = {}
        self._resume_holds()

    @classmethod
    def restore(cls, profile: Profile, state: State, *, t_us: int) -> AlarmEngine:
        """Go on from a snapshot; ``t_us`` is when it was taken, in the new gateway's time (so usually negative).

        What held then is unknown until it is measured again. Limits that were changed at run time stay, unless the
        configured profile is another one than it was.
        """
        engine = cls(profile)
        engine._state = shifted(state, t_us - state.t_us)
        if engine._state.configured != profile:
            engine._state.configured = engine._state.profile = profile
        engine._evidence = Evidence(
            engine._state.armed,
            is_standby=engine._state.standby_by is not None,
            expected_us=engine._state.expected_us,
        )
        engine._evidence.baseline = dict(engine._state.baseline)
        for record in engine._state.records.values():
            record.rev += 1
            record.was = record.was if record.value is None else record.value
            record.value = None
            if record.truth is Truth.PRESENT:
                record.lost_us = t_us
                record.signal = TABLE[record.signal, Event.LOST]
            record.truth = Truth.UNKNOWN
        engine._resume_holds()
        return engine

    def snapshot(self) -> State:
        """A copy of everything that has to outlive the process."""
        state = self._state
        state.armed = sorted(self._evidence.armed, key=lambda quantity: quantity.value)
        state.expected_us = self._evidence.expected_us
        state.baseline = dict(self._evidence.baseline)
        return msgspec.json.decode(msgspec.json.encode(state), type=State)

    @property
    def profile(self) -> Profile:
        """The profile in force, with the limits as they were changed."""
        return self._state.profile

    @property
    def standby_by(self) -> str | None:
        """Who said that nobody is in the chair, None while somebody is, or may be."""
        return self._state.standby_by

    def alarms(self) -> list[Alarm]:
        """Every condition as it is now."""
        return [self._alarm(condition) for condition in Condition]

    def annunciation(self) -> Annunciation:
        """What the chair itself shows and sounds now."""
        state = self._state
        records = [r for r in state.records.values() if r.signal in SHOWN and r.shown is not None]
        loud = [r for r in records if r.signal in SOUNDING and r.id not in state.paused]
        light = max((r.shown for r in records if r.shown), default=None)
        sound = max((r.shown for r in loud if r.shown), default=None)
        return Annunciation(
            light=light,
            sound=sound,
            escalation=max((r.escalation for r in loud if r.shown is sound), default=0),
            paused_s=-(-max(0, state.pause_until_us - state.t_us) // SECOND_US),
            paused_by=state.paused_by,
        )

    def feed(self, event: TimedInput) -> list[Output]:
        """Take one input; return what it changed."""
        if not isinstance(event, dsp.Beat):  # a beat's time is that of its pulse, which is past
            self._state.t_us = max(self._state.t_us, event.t_us)
        match event:
            case Second():
                return [*self._second(event)]
            case dsp.Beat():
                self._evidence.note_beat(event)
            case Fact():
                self._evidence.note_fact(event)
            case Baseline():
                self._evidence.baseline = dict(event.values)
            case Attended():
                self._attend(event)
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
        if not self._evidence.is_standby:
            self._state.standby_by = None
        self._end_pause()
        self._note_unreceived()
        transitions: list[Transition] = []
        for kind in Kind:  # those of the patient first: where one is unknown, its technical one is urgent
            for condition in _OF_KIND[kind]:
                transitions += self._judge(condition)
            self._evidence.lost_sites = {site_of(c) for c in _OF_KIND[Kind.PHYSIOLOGICAL] if self._is_lost(c)}
        for condition in Condition:
            transitions += self._remind(condition)
        for transition in transitions:
            self._expect_receipt(transition)
        return transitions

    def _is_lost(self, condition: Condition) -> bool:
        record = self._state.records[condition]
        return record.priority is not None and record.truth is Truth.UNKNOWN

    def _judge(self, condition: Condition) -> list[Transition]:
        """Let every tier see the second, then move the condition and its signal."""
        holds, t_us = self._holds[condition], self._state.t_us
        seen = [self._evidence.observe(condition, hold.tier, hold.limit) for hold in holds]
        for hold, one in zip(holds, seen, strict=True):
            hold.feed(t_us, one)
        pairs = list(zip(holds, seen, strict=True))
        held = max((pair for pair in pairs if pair[0].is_held), key=lambda pair: pair[0].tier.priority, default=None)
        is_known = any(h.judged_us is not None and t_us - h.judged_us <= LOST_US for h in holds)
        self._note_number(condition, held, seen)
        if held is None:
            return self._absent(
                condition, is_known=is_known, is_watched=any(one is not Missing.SETTING for one in seen)
            )
        return self._held(condition, held[0].tier, held[1], is_known=is_known)

    def _held(
        self, condition: Condition, tier: Tier, seen: Observation | Missing, *, is_known: bool
    ) -> list[Transition]:
        record = self._state.records[condition]
        out: list[Transition] = []
        if record.priority is None:
            out += self._onset(condition, tier)
        elif tier.priority != record.priority:
            out += self._moved(condition, tier)
        is_beyond = isinstance(seen, Observation) and seen.is_beyond
        if record.truth is Truth.UNKNOWN and is_beyond:
            record.truth, record.lost_us, record.was = Truth.PRESENT, None, None
            out += self._apply(condition, Event.ONSET, Change.KNOWN)
        elif record.truth is Truth.PRESENT and not is_known:
            record.truth, record.lost_us = Truth.UNKNOWN, self._state.t_us
            out += self._apply(condition, Event.LOST, Change.UNKNOWN)
        elif record.lost_us is not None and self._state.t_us - record.lost_us >= FORGET_US:
            out += self._forget(condition)
        return out

    def _absent(self, condition: Condition, *, is_known: bool, is_watched: bool) -> list[Transition]:
        record = self._state.records[condition]
        truth = Truth.ABSENT if is_known else Truth.UNKNOWN
        if record.priority is None or (not is_known and is_watched):
            if record.truth is not truth:
                record.truth = truth
                record.rev += 1
            return []
        record.truth, record.priority, record.lost_us = truth, None, None
        is_latching = CATALOGUE[condition].is_latching and record.signal in SOUNDING
        event = Event.ENDED_LATCHING if is_latching else Event.ENDED
        return self._apply(condition, event, Change.LATCHED if is_latching else Change.ENDED)

    def _onset(self, condition: Condition, tier: Tier) -> list[Transition]:
        record, state = self._state.records[condition], self._state
        record.truth, record.since_us, record.lost_us, record.was = Truth.PRESENT, state.t_us, None, None
        self._new_occurrence(record)
        self._take_tier(condition, tier)
        return self._apply(condition, Event.ONSET, Change.RAISED)

    def _moved(self, condition: Condition, tier: Tier) -> list[Transition]:
        """Another priority; a higher one is a new occurrence, because what was acknowledged was less."""
        record = self._state.records[condition]
        has_risen = record.priority is None or tier.priority > record.priority
        if has_risen:
            self._new_occurrence(record)
        self._take_tier(condition, tier)
        if has_risen:
            return self._apply(condition, Event.RISEN, Change.RISEN)
        return self._apply(condition, Event.FALLEN, Change.FALLEN)

    def _forget(self, condition: Condition) -> list[Transition]:
        record = self._state.records[condition]
        if TABLE[record.signal, Event.FORGOTTEN] is record.signal:
            return []
        for hold in self._holds[condition]:
            hold.release()
        record.priority, record.lost_us = None, None
        return self._apply(condition, Event.FORGOTTEN, Change.ENDED)

    def _new_occurrence(self, record: Record) -> None:
        self._state.alarms += 1
        record.id = f"{self._state.series}-{self._state.alarms}"
        record.escalation, record.acknowledged_by = 0, None
        record.announced_us = self._state.t_us

    def _take_tier(self, condition: Condition, tier: Tier) -> None:
        record = self._state.records[condition]
        record.priority = record.shown = tier.priority
        record.delay_s = tier.delay_s
        record.rule = rule_text(condition, tier)

    def _note_number(
        self,
        condition: Condition,
        held: tuple[Hold, Observation | Missing] | None,
        seen: list[Observation | Missing],
    ) -> None:
        """The number as it is now; where there is none, the last one becomes what it was."""
        record = self._state.records[condition]
        known = held[1] if held else next((one for one in seen if isinstance(one, Observation)), Missing.DATA)
        if isinstance(known, Observation):
            record.value = known.value
            record.limit = held[0].limit if held else None
            record.detail = known.detail or record.detail
        elif record.value is not None:
            record.was, record.value = record.value, None

    # Signals

    def _apply(self, condition: Condition, event: Event, change: Change, who: str | None = None) -> list[Transition]:
        """Move the signal; a change that nobody can perceive is none, unless a person made it."""
        record = self._state.records[condition]
        before, record.signal = record.signal, TABLE[record.signal, event]
        record.rev += 1
        if record.signal is before and before in (Signal.OFF, Signal.INACTIVE):
            return []
        return [self._transition(condition, change, who)]

    def _transition(self, condition: Condition, change: Change, who: str | None = None) -> Transition:
        state = self._state
        state.transitions += 1
        return Transition(
            t_us=state.t_us,
            id=f"{state.series}-t{state.transitions}",
            change=change,
            who=who,
            alarm=self._alarm(condition),
        )

    def _remind(self, condition: Condition) -> list[Transition]:
        """Tell again what nobody has answered, and what a person has switched off."""
        record, t_us = self._state.records[condition], self._state.t_us
        if record.announced_us is None:
            return []
        if record.signal is Signal.INACTIVE:
            return self._again(condition, Change.REMINDER) if t_us - record.announced_us >= REMIND_US else []
        if record.signal not in SOUNDING or record.shown is None:
            return []
        if t_us - record.announced_us < ANSWER_US[record.shown]:
            return []
        if record.shown is Priority.LOW or record.escalation == LAST_ESCALATION:
            return self._again(condition, Change.ANNOUNCED_AGAIN)
        record.escalation += 1
        return self._again(condition, Change.ESCALATED)

    def _again(self, condition: Condition, change: Change) -> list[Transition]:
        record = self._state.records[condition]
        record.announced_us = self._state.t_us
        record.rev += 1
        return [self._transition(condition, change)]

    # Commands

    def _acknowledge(self, command: Acknowledge) -> list[Output]:
        record = self._state.records[command.condition]
        if record.signal not in SHOWN:
            return [self._refused(f"{command.condition.value} has no signal to acknowledge")]
        if record.id != command.id:
            return [self._refused(f"{command.condition.value} is {record.id} now, not {command.id}")]
        if record.signal not in SOUNDING:
            return [self._accepted()]
        record.acknowledged_by = command.who
        change = self._apply(command.condition, Event.ACKNOWLEDGE, Change.ACKNOWLEDGED, command.who)
        return [*change, self._accepted()]

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

    def _end_pause(self) -> None:
        if self._state.t_us >= self._state.pause_until_us:
            self._state.paused, self._state.paused_by = [], None

    def _switch(self, command: AlarmOff) -> list[Output]:
        record, condition = self._state.records[command.condition], command.condition
        if command.is_off == (record.signal is Signal.INACTIVE):
            return [self._accepted()]
        record.inactivated_by = command.who if command.is_off else None
        record.announced_us = self._state.t_us
        before = record.signal
        event, change = (
            (Event.INACTIVATE, Change.INACTIVATED) if command.is_off else (Event.REACTIVATE, Change.REACTIVATED)
        )
        record.signal = TABLE[before, event]
        record.rev += 1
        out: list[Output] = [self._transition(condition, change, command.who)]
        if not command.is_off and record.truth is Truth.PRESENT:  # it has held all the time
            self._new_occurrence(record)
            out += self._apply(condition, Event.ONSET, Change.RAISED)
        return [*out, self._accepted()]

    def _change_limits(self, command: ChangeLimits) -> list[Output]:
        profile, condition = self._state.profile, command.condition
        unknown = sorted(p.value for p in set(command.limits) - set(limits_of(profile, condition)))
        if unknown or not command.limits:
            has = ", ".join(priority.value for priority in sorted(limits_of(profile, condition))) or "none"
            return [self._refused(f"{condition.value}: limits it has: {has}; got {', '.join(unknown) or 'none'}")]
        changed = with_limits(profile, condition, dict(command.limits))
        faults = faults_of(changed)
        if faults:
            return [self._refused("; ".join(faults))]
        self._state.profile = changed
        for hold, tier in zip(self._holds[condition], changed.tiers(condition), strict=True):
            hold.tier = tier
        self._state.records[condition].rev += 1
        return [self._transition(condition, Change.LIMITS, command.who), self._accepted()]

    def _use(self, command: UseProfile) -> list[Output]:
        faults = faults_of(command.profile)
        if faults:
            return [self._refused("; ".join(faults))]
        self._state.profile = self._state.configured = command.profile
        self._resume_holds()
        return [self._accepted()]

    def _accepted(self) -> Answer:
        return Answer(t_us=self._state.t_us, accepted=True)

    def _refused(self, reason: str) -> Answer:
        return Answer(t_us=self._state.t_us, accepted=False, reason=reason)

    # Who is there

    def _attend(self, event: Attended) -> None:
        self._evidence.set_attended(event.t_us, is_attended=event.is_attended)
        self._state.standby_by = None if event.is_attended else event.who

    # Receipts

    def _expect_receipt(self, transition: Transition) -> None:
        """An alert that somebody has to act on has to reach somebody, once anybody listens at all."""
        alarm = transition.alarm
        is_told = transition.change in _EXPECTS_RECEIPT and alarm.presence is Presence.ON
        is_itself = alarm.condition is Condition.ALERT_NOT_RECEIVED
        if self._state.receivers and is_told and alarm.priority > Priority.LOW and not is_itself:
            self._state.unreceived[transition.id] = transition.t_us

    def _received(self, receipt: Receipt) -> None:
        if receipt.who not in self._state.receivers:
            self._state.receivers.append(receipt.who)
        since_us = self._state.unreceived.get(receipt.alert)
        if since_us is not None:  # who has this one has been reached: older ones stand in the retained documents
            self._state.unreceived = {k: t for k, t in self._state.unreceived.items() if t > since_us}

    def _note_unreceived(self) -> None:
        t_us = self._state.t_us
        late = [alert for alert, since_us in self._state.unreceived.items() if t_us - since_us >= RECEIPT_US]
        detail = f"{len(late)} not received" if late else ""
        fact = Fact(t_us=t_us, condition=Condition.ALERT_NOT_RECEIVED, is_present=bool(late), detail=detail)
        self._evidence.note_fact(fact)

    # Inside

    def _resume_holds(self) -> None:
        """Begin to judge by the profile in force; what held goes on to hold until it is judged."""
        for condition, record in self._state.records.items():
            holds = [Hold(tier=tier) for tier in self._state.profile.tiers(condition)]
            for hold in holds:
                if record.priority is not None and hold.tier.priority <= record.priority:
                    hold.is_held, hold.limit = True, record.limit
            self._holds[condition] = holds

    def _alarm(self, condition: Condition) -> Alarm:
        record, definition = self._state.records[condition], CATALOGUE[condition]
        tiers = self._state.profile.tiers(condition)
        highest = max((tier.priority for tier in tiers), default=Priority.LOW)
        return Alarm(
            condition=condition,
            kind=definition.kind,
            priority=record.shown or highest,
            presence=PRESENCE[record.signal],
            truth=record.truth,
            title=definition.title,
            detail=record.detail if record.signal in SHOWN else "",
            id=record.id,
            rev=record.rev,
            since_us=record.since_us,
            value=record.value if record.truth is Truth.PRESENT else None,
            unit=definition.unit,
            was=record.was,
            limit=record.limit,
            rule=record.rule,
            delay_s=record.delay_s,
            signal_delay_s=signal_delay_s(condition),
            escalation=record.escalation,
            is_latching=definition.is_latching,
            acknowledged_by=record.acknowledged_by,
            inactivated_by=record.inactivated_by,
        )
