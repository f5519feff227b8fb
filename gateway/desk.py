"""Where people and their clients reach a chair: requests and receipts in, replies and the session's document out.

It judges who may ask what and when, and gives what stands to the alarm system and the treatment session. What both
are is kept for a restart: ``keep`` says it whenever something has changed that may not be forgotten.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

import dsp
from gateway.alarms import (
    Acknowledge,
    AlarmOff,
    Answer,
    Attended,
    AudioPause,
    Baseline,
    ChangeLimits,
    Condition,
    Fact,
    Presence,
    Profile,
    Receipt,
    TimedInput,
    UseProfile,
)
from gateway.announcer import Announcer
from gateway.decoding import decoded
from gateway.errands import Errand, Outcome
from gateway.interruptions import Interruptions, begun_text, over_text
from gateway.kept import Ended, Snapshot, kept_bytes
from gateway.messages import ID_PATTERN, Composer, Message
from gateway.requests import (
    MAX_BYTES,
    AcknowledgeRequest,
    AnyRequest,
    AudioPauseRequest,
    BoardRequest,
    CalibrateRequest,
    Incoming,
    InterruptionRequest,
    LimitsRequest,
    MarkRequest,
    OfGateway,
    ReceiptMessage,
    Refused,
    SessionRequest,
    Verb,
    read,
)
from gateway.treatment import Route, Treatment
from gateway.treatment.records import End, EventKind, Order, Start, note_text

MAX_AGE_US = 10_000_000  # of what the author of a request had seen (product contract)
BUTTON = "chair button"  # who presses it; with its space no client can have that name
_MAX_IDS = 256  # of one client within that time, so that none shuts out another; more in ten seconds are no person's
_SAVE_US = 60_000_000  # what changes without a transition, such as which signals have been heard, is kept this often
_COMMAND = re.compile(rf"cmd/({ID_PATTERN})/([a-z-]{{1,32}})")
_RECEIPT = re.compile(rf"receipt/({ID_PATTERN})")
_LOOP_MS, _LOOP_RESTARTS = 600_000, 3  # more restarts in ten minutes are a loop, no repair
_LOST_US = 5_000_000  # how long the loss of the state is told; it is latched until a person has seen it


class Desk:
    """One chair's.

    Parameters
    ----------
    profile, profiles : alarm profile without a session, and of the sessions of each route
    lost : why what was kept could not be read, empty if it could or there was nothing
    starts : when the gateway was started, with this time, utc_ms
    """

    def __init__(
        self,
        composer: Composer,
        announcer: Announcer,
        treatment: Treatment,
        *,
        profile: Profile,
        profiles: Mapping[Route, Profile] | None = None,
        lost: str = "",
        starts: Sequence[int] = (),
    ) -> None:
        self._composer, self._announcer, self._treatment = composer, announcer, treatment
        self._profiles = dict(profiles or {})
        self._default = profile
        self._lost = lost
        self._lost_us: int | None = None  # since when that is told: the first second may come late
        self._starts = list(starts)
        self._used: dict[tuple[str, str], int] = {}  # clients and ids of their requests, and when they were used
        self._counts: Counter[str] = Counter()
        self.dropped = 0  # of what clients have sent, before it came here
        self._published = -1
        self._given: dict[dsp.Quantity, float] = {}
        self._kept: tuple[object, ...] = ()
        self._kept_us: int | None = None
        self._references: list[dsp.OutputReference] = []
        self._errands: list[Errand] = []
        self._interruptions = Interruptions()

    @property
    def counts(self) -> dict[str, int]:
        """What became of what came, since the start."""
        names = ("accepted", "refused", "retained", "unreadable", "receipts")
        return {**{name: self._counts[name] for name in names}, "dropped": self.dropped}

    def references(self) -> list[dsp.OutputReference]:
        """What people have measured by another method, since the last call."""
        told, self._references = self._references, []
        return told

    def interruptions(self) -> list[dsp.Interruption]:
        """What people have said of a cuff, since the last call."""
        return self._interruptions.news()

    def standing(self) -> list[dsp.Interruption]:
        """What of it goes on, for a monitor that is new."""
        return [one.told() for one in self._interruptions.standing]

    def errands(self) -> list[Errand]:
        """What people want the board to do, since the last call; ``finish`` has to tell what became of each."""
        given, self._errands = self._errands, []
        return given

    def finish(self, t_us: int, outcome: Outcome) -> list[Message]:
        """The reply to a request that was for the board."""
        errand = outcome.errand
        return self._reply(t_us, errand.id, errand.who, Verb.BOARD.value, outcome.refusal)

    @property
    def session_id(self) -> str | None:
        """The session that runs, None if none does."""
        started_ms = self._treatment.state.started_ms
        return f"{started_ms}" if self._treatment.is_active else None

    def second(self, t_us: int, readings: Mapping[dsp.Quantity, dsp.Reading]) -> list[Message]:
        """A second has passed."""
        self._treatment.second(self._utc_ms(t_us), readings)
        for words in self._interruptions.second(t_us):
            self._treatment.note(self._utc_ms(t_us), None, EventKind.INTERRUPTION, words)
        messages = self._give_baseline(t_us)
        for fact in self._facts(t_us):
            messages += self._announcer.take(fact)[0]
        return messages + self._document(t_us)

    def _facts(self, t_us: int) -> list[Fact]:
        """What is wrong with this start of the gateway, or with how often it is started."""
        now_ms = self._utc_ms(t_us)
        recent = sum(0 <= now_ms - at_ms <= _LOOP_MS for at_ms in self._starts)
        facts = [
            Fact(
                t_us=t_us,
                condition=Condition.GATEWAY_UNSTABLE,
                is_present=recent > _LOOP_RESTARTS,
                detail=f"{recent} starts in {_LOOP_MS // 60_000} min",
            )
        ]
        if self._lost:
            self._lost_us = t_us if self._lost_us is None else self._lost_us
            is_told = t_us - self._lost_us < _LOST_US
            facts.append(Fact(t_us=t_us, condition=Condition.STATE_LOST, is_present=is_told, detail=self._lost))
            self._lost = self._lost if is_told else ""
        return facts

    def take(self, t_us: int, incoming: Incoming) -> list[Message]:
        """A message of a client; what cannot be replied to is counted."""
        if incoming.is_retained:  # it may be of any age, and would come again at every connection
            self._counts["retained"] += 1
            return []
        if incoming.topic == self._composer.topics.self_check:
            self._announcer.checks.heard(incoming.payload)
            return []
        tail = incoming.topic.removeprefix(f"{self._composer.topics.root}/")
        if (found := _COMMAND.fullmatch(tail)) is not None:
            return self._request(t_us, found[1], found[2], incoming.payload)
        if (found := _RECEIPT.fullmatch(tail)) is not None and len(incoming.payload) <= MAX_BYTES:
            return self._receipt(t_us, found[1], incoming.payload)
        self._counts["unreadable"] += 1
        return []

    def press(self, t_us: int, pressed_us: int) -> list[Message]:
        """The chair's own button: acknowledges by its name each alarm that had a signal when it was pressed."""
        if t_us - pressed_us > MAX_AGE_US:
            return []
        messages: list[Message] = []
        for alarm in self._announcer.engine.alarms():
            is_older = alarm.since_us is not None and alarm.since_us <= pressed_us
            if is_older and alarm.id is not None and alarm.presence in (Presence.ON, Presence.LATCHED):
                command = Acknowledge(t_us=t_us, who=BUTTON, condition=alarm.condition, id=alarm.id)
                messages += self._tell(t_us, BUTTON, command, f"acknowledged {alarm.condition.value} {alarm.id}")[0]
        return messages + self._document(t_us)

    def keep(self, t_us: int) -> list[Snapshot | Ended]:
        """What has to be stored now: nothing if nothing has changed that may not be forgotten."""
        outputs: list[Snapshot | Ended] = []
        outputs += [Ended(payload=msgspec.json.encode(one)) for one in self._treatment.ended]
        self._treatment.ended.clear()
        engine = self._announcer.engine
        now = (engine.changes, engine.monitored, self._treatment.revision, self._counts["accepted"])
        is_due = self._kept_us is None or t_us - self._kept_us >= _SAVE_US
        if now != self._kept or is_due:
            self._kept, self._kept_us = now, t_us
            session = self._treatment.stored(self._utc_ms(t_us))
            payload = kept_bytes(engine.snapshot(), session, self._starts, self._default, self._profiles)
            outputs.append(Snapshot(payload=payload))
        return outputs

    # Requests

    def _request(self, t_us: int, who: str, verb: str, payload: bytes) -> list[Message]:
        request = Refused(id=None, reason="") if len(payload) > MAX_BYTES else read(verb, payload)
        if isinstance(request, Refused):
            if request.id is None:
                self._counts["unreadable"] += 1
                return []
            return self._reply(t_us, request.id, who, verb, request.reason)
        refusal = self._refusal(t_us, who, request)
        messages: list[Message] = []
        if not refusal:
            if isinstance(request, BoardRequest):  # the board's answer is the reply
                self._errands.append(Errand(id=request.id, who=who, action=request.action))
                return []
            messages, refusal = self._do(t_us, who, request)
        return [*messages, *self._document(t_us), *self._reply(t_us, request.id, who, verb, refusal)]

    def _refusal(self, t_us: int, who: str, request: AnyRequest) -> str:
        """Why a request that can be read is not even looked at; else its id is used from now on."""
        self._used = {name: at_us for name, at_us in self._used.items() if t_us - at_us <= MAX_AGE_US}
        if request.boot != self._composer.boot:
            return "of another start of the gateway: look at the chair again"
        age_us = t_us - request.t_us
        if not 0 <= age_us <= MAX_AGE_US:
            return f"age: expected 0..{MAX_AGE_US // 1_000_000} s by the chair's clock, got {age_us / 1e6:.1f} s"
        if any(request.id == name for _, name in self._used):
            return "id: used before"
        if sum(client == who for client, _ in self._used) >= _MAX_IDS:
            return f"too many requests: {_MAX_IDS} in {MAX_AGE_US // 1_000_000} s"
        self._used[who, request.id] = t_us
        return ""

    def _do(self, t_us: int, who: str, request: OfGateway) -> tuple[list[Message], str]:
        match request:
            case AcknowledgeRequest():
                command = Acknowledge(t_us=t_us, who=who, condition=request.condition, id=request.alarm)
                return self._tell(t_us, who, command, f"acknowledged {request.condition.value} {request.alarm}")
            case AudioPauseRequest():
                words = f"paused the sound for {request.seconds} s" if request.seconds else "ended the audio pause"
                return self._tell(t_us, who, AudioPause(t_us=t_us, who=who, seconds=request.seconds), words)
            case LimitsRequest():
                return self._limits(t_us, who, request)
            case SessionRequest():
                return self._order(t_us, who, request.order)
            case MarkRequest() | CalibrateRequest() | InterruptionRequest():
                return [], self._hear(t_us, who, request)

    def _hear(self, t_us: int, who: str, request: MarkRequest | CalibrateRequest | InterruptionRequest) -> str:
        """Take what a person knows and the sensors do not; an answer that is not empty is a refusal."""
        match request:
            case MarkRequest():
                return self._treatment.mark(self._utc_ms(t_us), who, request.mark)
            case CalibrateRequest():
                return self._calibrate(t_us, who, request)
            case InterruptionRequest():
                return self._interrupt(t_us, who, request)

    def _calibrate(self, t_us: int, who: str, request: CalibrateRequest) -> str:
        method = note_text(request.method)
        if method is None:
            return "method: expected printable text"
        output, ago = request.cardiac_output_l_min, request.seconds_ago
        reference = dsp.OutputReference(
            t_us=t_us,
            measured_us=t_us - ago * 1_000_000,
            output_l_min=output,
            valid_us=request.valid_min * 60_000_000,
        )
        self._references.append(reference)
        words = f"cardiac output {output:g} L/min by {method}, {ago} s ago, for {request.valid_min} min"
        self._treatment.note(self._utc_ms(t_us), who, EventKind.CALIBRATION, words)
        return ""

    def _interrupt(self, t_us: int, who: str, request: InterruptionRequest) -> str:
        if request.is_on:
            refusal, words = self._interruptions.begin(t_us, who, request.cause), begun_text(request.cause)
        else:
            refusal, words = self._interruptions.end(t_us, request.cause), over_text(request.cause)
        if not refusal:
            self._treatment.note(self._utc_ms(t_us), who, EventKind.INTERRUPTION, words)
        return refusal

    def _limits(self, t_us: int, who: str, request: LimitsRequest) -> tuple[list[Message], str]:
        name = request.condition.value
        if request.limits is not None and request.is_off is None:
            shown = ", ".join(f"{priority.value} {limit:g}" for priority, limit in request.limits.items())
            change = ChangeLimits(t_us=t_us, who=who, condition=request.condition, limits=request.limits)
            return self._tell(t_us, who, change, f"limits of {name}: {shown}")
        if request.is_off is not None and request.limits is None:
            off = AlarmOff(t_us=t_us, who=who, condition=request.condition, is_off=request.is_off)
            return self._tell(t_us, who, off, f"switched {name} {'off' if request.is_off else 'on'}")
        return [], "limits: expected limits or is_off"

    def _tell(self, t_us: int, who: str, command: TimedInput, words: str) -> tuple[list[Message], str]:
        """Give a command to the alarm system; what it accepts stands in the record with its author."""
        messages, answer = self._announcer.take(command)
        if isinstance(answer, Answer) and not answer.accepted:
            return messages, answer.reason
        self._treatment.note(self._utc_ms(t_us), who, EventKind.ALARM, words)
        return messages, ""

    def _order(self, t_us: int, who: str, order: Order) -> tuple[list[Message], str]:
        refusal = self._treatment.order(self._utc_ms(t_us), who, order)
        if refusal:
            return [], refusal
        messages: list[Message] = []
        if isinstance(order, Start | End):
            is_start = isinstance(order, Start)
            profile = self._profiles.get(order.route, self._default) if isinstance(order, Start) else self._default
            messages += self._announcer.take(UseProfile(t_us=t_us, who=who, profile=profile))[0]
            messages += self._announcer.take(Attended(t_us=t_us, is_attended=is_start, who=who))[0]
            if is_start:
                self._note_standing(t_us)
        return messages + self._give_baseline(t_us), ""

    def _note_standing(self, t_us: int) -> None:
        """A cuff that was pumped up before the session began is in its record too."""
        for one in self._interruptions.standing:
            words = begun_text(one.cause, t_us - one.since_us)
            self._treatment.note(self._utc_ms(t_us), one.who, EventKind.INTERRUPTION, words)

    def _give_baseline(self, t_us: int) -> list[Message]:
        """Limits relative to a baseline follow the session's own; without a session there is none."""
        values = self._treatment.values() if self._treatment.is_active else {}
        if values == self._given:
            return []
        self._given = values
        return self._announcer.take(Baseline(t_us=t_us, values=values))[0]

    def _receipt(self, t_us: int, who: str, payload: bytes) -> list[Message]:
        try:
            receipt = decoded(payload, ReceiptMessage)
        except msgspec.DecodeError:
            self._counts["unreadable"] += 1
            return []
        self._counts["receipts"] += 1
        return self._announcer.take(Receipt(t_us=t_us, who=who, alert=receipt.alert or ""))[0]

    def _reply(self, t_us: int, name: str, who: str, verb: str, refusal: str) -> list[Message]:
        self._counts["refused" if refusal else "accepted"] += 1
        return [self._composer.reply(t_us, name, client=who, verb=verb, refusal=refusal)]

    def _document(self, t_us: int) -> list[Message]:
        """The session as it stands, if it has changed."""
        if self._published == self._treatment.revision:
            return []
        self._published = self._treatment.revision
        profile = self._announcer.engine.profile.name
        return [self._composer.session(t_us, self._treatment, profile=profile, session=self.session_id)]

    def _utc_ms(self, t_us: int) -> int:
        return self._composer.utc_ms(t_us)
