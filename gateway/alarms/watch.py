"""One condition: what its tiers see each second in, the transitions of the condition and of its signal out."""

from __future__ import annotations

from gateway.alarms.catalogue import CATALOGUE, doubt_delay_s, rule_text, signal_delay_s, site_of
from gateway.alarms.evidence import Evidence
from gateway.alarms.hold import LOST_US, SECOND_US, Hold, Missing, Observation
from gateway.alarms.signals import PRESENCE, SHOWN, SOUNDING, TABLE, Event, Signal
from gateway.alarms.state import State
from gateway.alarms.tier import Tier
from gateway.alarms.types import Alarm, Change, Condition, Priority, Transition, Truth

FORGET_US = 60 * SECOND_US  # data lost for so long: what was acknowledged is let go
REMIND_US = 300 * SECOND_US  # of a signal that a person has switched off
LAST_ESCALATION = 3
# How long nobody may answer before it is told again, louder: 30 s is clinical.md 6.1 row 9; lower ones can wait longer.
ANSWER_US = {Priority.HIGH: 30 * SECOND_US, Priority.MEDIUM: 60 * SECOND_US, Priority.LOW: 300 * SECOND_US}

_Seen = Observation | Missing


class Watch:
    """Judges one condition and moves its record, which is part of the state."""

    def __init__(self, condition: Condition, state: State) -> None:
        self.condition = condition
        self.definition = CATALOGUE[condition]
        self.site = site_of(condition)
        self._signal_delay_s, self._doubt_delay_s = signal_delay_s(condition), doubt_delay_s(condition)
        self.record = state.records[condition]
        self._state = state
        self._holds: list[Hold] = []
        self.resume()

    def resume(self) -> None:
        """Judge by the profile in force: what held goes on to hold until it is judged, what runs goes on to run."""
        before = self._holds
        self._holds = [Hold(tier=tier) for tier in self._tiers()]
        held = self.record.priority
        for hold in self._holds:
            same = next((old for old in before if _is_same(old.tier, hold.tier)), None)
            if same is not None:
                before.remove(same)
                hold.take_over(same)
        for hold in self._holds:
            if held is not None and hold.tier.priority <= held:
                hold.is_held, hold.limit = True, self.record.limit

    def _tiers(self) -> list[Tier]:
        """From the lowest priority to the highest."""
        return sorted(self._state.profile.tiers(self.condition), key=lambda tier: tier.priority)

    @property
    def is_lost(self) -> bool:
        """It held when its data were lost."""
        return self.record.priority is not None and self.record.truth is Truth.UNKNOWN

    def judge(self, evidence: Evidence) -> list[Transition]:
        """Let every tier see the second, then move the condition and its signal."""
        held, seen = self._look(evidence)
        is_known = any(h.judged_us is not None and self._state.t_us - h.judged_us <= LOST_US for h in self._holds)
        if held is not None:
            self._note_number(seen[held], self._holds[held].limit)
            return self._holds_now(self._holds[held].tier, seen[held], is_known=is_known)
        self._note_number(next((one for one in seen if isinstance(one, Observation)), Missing.DATA), None)
        is_watched = any(one is not Missing.SETTING for one in seen)
        return self._holds_not(is_known=is_known, is_watched=is_watched)

    def _look(self, evidence: Evidence) -> tuple[int | None, list[_Seen]]:
        """What each tier sees, and which holds of the highest priority."""
        seen: list[_Seen] = []
        held: int | None = None
        for number, hold in enumerate(self._holds):
            seen.append(evidence.observe(self.condition, hold.tier, hold.limit))
            hold.feed(self._state.t_us, seen[-1], may_hurry=number == 0)
            if hold.is_held and (held is None or hold.tier.priority > self._holds[held].tier.priority):
                held = number
        return held, seen

    def _note_number(self, seen: _Seen, limit: float | None) -> None:
        """The number as it is now; where there is none, the last one becomes what it was."""
        record = self.record
        if isinstance(seen, Observation):
            record.value, record.limit = seen.value, limit
            record.detail = seen.detail or record.detail
        else:
            self._lose_number()

    def _lose_number(self) -> None:
        record = self.record
        if record.value is not None:
            record.was, record.value = record.value, None

    def _holds_now(self, tier: Tier, seen: _Seen, *, is_known: bool) -> list[Transition]:
        record, t_us = self.record, self._state.t_us
        out: list[Transition] = []
        if record.priority is None:
            record.truth, record.was, record.since_us = Truth.PRESENT, None, t_us
            out = self._move(tier, Event.ONSET, Change.RAISED)
        elif tier.priority > record.priority:
            out = self._move(tier, Event.RISEN, Change.RISEN)
        elif tier.priority < record.priority:
            out = self._move(tier, Event.FALLEN, Change.FALLEN)
        if record.truth is Truth.UNKNOWN and isinstance(seen, Observation) and seen.is_beyond:
            record.truth, record.was = Truth.PRESENT, None
            return out + self._apply(Event.ONSET, Change.KNOWN)
        if record.truth is Truth.PRESENT and not is_known:
            record.truth, record.lost_us = Truth.UNKNOWN, t_us
            return out + self._apply(Event.LOST, Change.UNKNOWN)
        if record.lost_us is not None and t_us - record.lost_us >= FORGET_US:
            return out + self._forget()
        return out

    def _holds_not(self, *, is_known: bool, is_watched: bool) -> list[Transition]:
        """Over; or lost with nothing that judges it any more, as after another profile: then it stays unknown."""
        record = self.record
        truth = Truth.ABSENT if is_known else Truth.UNKNOWN
        if record.priority is None or (is_watched and not is_known):
            record.rev += record.truth is not truth
            record.truth = truth
            return []
        record.truth, record.priority = truth, None
        if self.definition.is_latching and record.signal in SOUNDING:
            return self._apply(Event.ENDED_LATCHING, Change.LATCHED)
        return self._apply(Event.ENDED, Change.ENDED)

    def _move(self, tier: Tier, event: Event, change: Change) -> list[Transition]:
        """Begin, rise or fall. All but a fall are a new occurrence, because what was acknowledged was less."""
        record = self.record
        if event is not Event.FALLEN:
            self._new_occurrence()
        record.priority = record.shown = tier.priority
        record.delay_s = tier.delay_s
        record.rule = rule_text(self.condition, tier)
        return self._apply(event, change)

    def _forget(self) -> list[Transition]:
        if TABLE[self.record.signal, Event.FORGOTTEN] is self.record.signal:
            return []
        for hold in self._holds:
            hold.release()
        self.record.priority = None
        return self._apply(Event.FORGOTTEN, Change.ENDED)

    def _new_occurrence(self) -> None:
        self._state.alarms += 1
        self.record.id = f"{self._state.series}-{self._state.alarms}"
        self.record.escalation, self.record.acknowledged_by = 0, None
        if self.record.signal is not Signal.INACTIVE:  # the reminder of that goes by its own time
            self.record.announced_us = self._state.t_us

    # The signal

    def lose(self, t_us: int) -> None:
        """Nothing has been measured yet since a restart: what held is unknown."""
        record = self.record
        record.rev += 1
        self._lose_number()
        if record.truth is Truth.PRESENT:
            record.lost_us = t_us
            record.signal = TABLE[record.signal, Event.LOST]
        record.truth = Truth.UNKNOWN

    def acknowledge(self, who: str) -> list[Transition]:
        self.record.acknowledged_by = who
        return self._apply(Event.ACKNOWLEDGE, Change.ACKNOWLEDGED, who)

    def switch_off(self, who: str) -> list[Transition]:
        self.record.inactivated_by, self.record.announced_us = who, self._state.t_us
        return self._apply(Event.INACTIVATE, Change.INACTIVATED, who)

    def switch_on(self, who: str | None) -> list[Transition]:
        """The signal comes back; a condition that has held all the time is a new occurrence."""
        self.record.inactivated_by = None
        self.record.signal = TABLE[self.record.signal, Event.REACTIVATE]
        out = [self.transition(Change.REACTIVATED, who)]
        if self.record.truth is Truth.PRESENT:
            self._new_occurrence()
            out += self._apply(Event.ONSET, Change.RAISED)
        return out

    def change_limits(self, who: str) -> list[Transition]:
        """Take over the limits of the profile; what runs goes on."""
        for hold, tier in zip(self._holds, self._tiers(), strict=True):
            hold.tier = tier
        return [self.transition(Change.LIMITS, who)]

    def remind(self) -> list[Transition]:
        """Tell again what nobody has answered, and what a person has switched off."""
        record = self.record
        if record.announced_us is None:
            return []
        since_us = self._state.t_us - record.announced_us
        if record.signal is Signal.INACTIVE:
            return self._again(Change.REMINDER) if since_us >= REMIND_US else []
        if record.signal not in SOUNDING or record.shown is None or since_us < ANSWER_US[record.shown]:
            return []
        if record.shown is Priority.LOW or record.escalation == LAST_ESCALATION:
            return self._again(Change.ANNOUNCED_AGAIN)
        record.escalation += 1
        return self._again(Change.ESCALATED)

    def _again(self, change: Change) -> list[Transition]:
        self.record.announced_us = self._state.t_us
        return [self.transition(change)]

    def _apply(self, event: Event, change: Change, who: str | None = None) -> list[Transition]:
        """Move the signal; where there is none before and after, nobody has to be told."""
        before, after = self.record.signal, TABLE[self.record.signal, event]
        self.record.signal = after
        if before is after and after in (Signal.OFF, Signal.INACTIVE):
            self.record.rev += 1
            return []
        return [self.transition(change, who)]

    def transition(self, change: Change, who: str | None = None) -> Transition:
        """Number a change of this condition."""
        self.record.rev += 1
        self._state.transitions += 1
        return Transition(
            t_us=self._state.t_us,
            id=f"{self._state.series}-t{self._state.transitions}",
            change=change,
            who=who,
            alarm=self.alarm(),
        )

    def alarm(self) -> Alarm:
        """The whole state of the condition."""
        record, definition = self.record, self.definition
        highest = self._holds[-1].tier.priority if self._holds else Priority.LOW
        return Alarm(
            condition=self.condition,
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
            doubt_delay_s=self._doubt_delay_s,
            signal_delay_s=self._signal_delay_s,
            escalation=record.escalation,
            is_latching=definition.is_latching,
            acknowledged_by=record.acknowledged_by,
            inactivated_by=record.inactivated_by,
        )


def _is_same(one: Tier, other: Tier) -> bool:
    """The same rule, whatever its numbers: so many points away is none that is so many per cent away."""
    return (one.priority, one.limit is None, one.percent is None, one.points is None) == (
        other.priority,
        other.limit is None,
        other.percent is None,
        other.points is None,
    )
