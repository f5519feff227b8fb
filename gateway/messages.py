"""Results of one chair in, messages with topic, payload and delivery out. Topic strings live here only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import msgspec

import dsp
from gateway.alarms.types import Alarm, Transition
from gateway.chunklog import Origin
from gateway.errors import UserError
from gateway.link.status import BoardStatus
from gateway.payloads import (
    AlarmDocument,
    AlarmSystem,
    Alert,
    BeatMessage,
    Heartbeat,
    Reply,
    SelfCheck,
    SelfCheckMessage,
    SessionMessage,
    Stamp,
    Status,
    Vitals,
    VitalValue,
    alarm_state,
)
from gateway.treatment import Treatment

ID_PATTERN = r"[a-z0-9-]{1,32}"
_TOPIC = re.compile(rf"chairside/v1/({ID_PATTERN})/({ID_PATTERN})/(.+)")
_VITALS_EXPIRY_S = 5
_HEARTBEAT_EXPIRY_S = 3
_REPLY_EXPIRY_S = 60
_SELF_CHECK_EXPIRY_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a sink publishes; ``expiry_s`` None keeps it until it is replaced."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    expiry_s: int | None = None


class Topics:
    """The topics of one chair; ``+`` as an id makes subscription filters."""

    def __init__(self, site: str, chair: str) -> None:
        for name, value in (("site", site), ("chair", chair)):
            if value != "+" and not re.fullmatch(ID_PATTERN, value):
                raise UserError(f"{name}: expected 1..32 of a-z, 0-9 and -, got {value!r}")
        self.root = f"chairside/v1/{site}/{chair}"
        self.status = f"{self.root}/status"
        self.heartbeat = f"{self.root}/heartbeat"
        self.vitals = f"{self.root}/vitals"
        self.beats = f"{self.root}/beats"
        self.alarm_system = f"{self.root}/alarm-system"
        self.self_check = f"{self.root}/self-check"
        self.session = f"{self.root}/session"
        self.everything = f"{self.root}/#"

    @property
    def heard(self) -> tuple[str, str, str]:
        """Filters of all that a gateway listens to: its clients, and itself."""
        return self.command("+", "+"), self.receipt("+"), self.self_check

    def command(self, client: str, verb: str) -> str:
        """Where a client asks; the broker lets nobody write there under another's name."""
        return f"{self.root}/cmd/{client}/{verb}"

    def receipt(self, client: str) -> str:
        """Where a client says which alerts have come."""
        return f"{self.root}/receipt/{client}"

    def reply(self, request: str) -> str:
        """Where a request is answered; ``+`` is every one."""
        return f"{self.root}/reply/{request}"

    def alarm(self, condition: str) -> str:
        """Of one condition, or of all with ``+``."""
        return f"{self.root}/alarms/{condition}"

    def alert(self, priority: str) -> str:
        """Of one priority, or of all with ``+``."""
        return f"{self.root}/alerts/{priority}"


def chair_of(topic: str) -> tuple[str, str] | None:
    """Site and chair of a topic, None if it is not one of ours."""
    found = _TOPIC.fullmatch(topic)
    return (found[1], found[2]) if found else None


def tail_of(topic: str) -> str:
    """What a topic of ours tells of its chair, "" if it is none: a client's cmd/x/status is not the chair's status."""
    found = _TOPIC.fullmatch(topic)
    return found[3] if found else ""


class Composer:
    """Turns results of one chair into messages; knows its identity, never the time of day except as an offset."""

    def __init__(self, site: str, chair: str, *, boot: str, version: str, origin: Origin, started_utc_ms: int) -> None:
        self.topics = Topics(site, chair)
        self._site, self._chair, self.boot = site, chair, boot
        self._version, self._started_utc_ms = version, started_utc_ms
        self.origin = origin

    def status(
        self,
        t_us: int,
        state: str,
        reasons: list[str],
        *,
        board: str | None = None,
        board_boot: int | None = None,
        firmware: str | None = None,
        session: str | None = None,
    ) -> Message:
        payload = Status(
            **self._stamp(t_us),
            state=state,
            reasons=reasons,
            origin_label=self.origin.label,
            gateway_version=self._version,
            board=board,
            board_boot=board_boot,
            firmware=firmware,
            session=session,
        )
        return _message(self.topics.status, payload, qos=1, retain=True)

    def heartbeat(
        self,
        t_us: int,
        seq: int,
        age_ms: dict[str, int | None],
        link: dict[str, int],
        *,
        board: BoardStatus | None = None,
        requests: dict[str, int] | None = None,
    ) -> Message:
        payload = Heartbeat(
            **self._stamp(t_us), seq=seq, age_ms=age_ms, link=link, board=board, requests=requests or {}
        )
        return _message(self.topics.heartbeat, payload, expiry_s=_HEARTBEAT_EXPIRY_S)

    def vitals(self, t_us: int, seq: int, quantities: dict[str, VitalValue]) -> Message:
        payload = Vitals(**self._stamp(t_us), seq=seq, expiry_s=_VITALS_EXPIRY_S, quantities=quantities)
        return _message(self.topics.vitals, payload, expiry_s=_VITALS_EXPIRY_S)

    def beat(self, beat: dsp.Beat) -> Message:
        payload = BeatMessage(
            **self._stamp(beat.t_us),
            channel=beat.channel.value,
            onset_us=beat.onset_us,
            peak_us=beat.peak_us,
            interval_us=beat.interval_us,
            systolic_mmhg=beat.systolic_mmhg,
            diastolic_mmhg=beat.diastolic_mmhg,
            mean_mmhg=beat.mean_mmhg,
            sqi=round(beat.sqi, 3),
            accepted=beat.accepted,
            reasons=[reason.value for reason in beat.reasons],
        )
        return _message(self.topics.beats, payload)

    def alarm(self, t_us: int, alarm: Alarm) -> Message:
        payload = AlarmDocument(**self._stamp(t_us), alarm=alarm_state(alarm))
        return _message(self.topics.alarm(alarm.condition.value), payload, qos=1, retain=True)

    def alert(self, transition: Transition) -> Message:
        payload = Alert(
            **self._stamp(transition.t_us),
            id=transition.id,
            change=transition.change,
            who=transition.who,
            alarm=alarm_state(transition.alarm),
        )
        return _message(self.topics.alert(transition.alarm.priority.value), payload, qos=1)

    def self_check(self, t_us: int, check: SelfCheck, alert: Alert | None) -> Message:
        payload = SelfCheckMessage(**self._stamp(t_us), check=check, alert=alert)
        return _message(self.topics.self_check, payload, qos=1, expiry_s=_SELF_CHECK_EXPIRY_S)

    def alarm_system(self, t_us: int, **fields: Any) -> Message:
        payload = AlarmSystem(**self._stamp(t_us), **fields)
        return _message(self.topics.alarm_system, payload, expiry_s=_HEARTBEAT_EXPIRY_S)

    def session(self, t_us: int, treatment: Treatment, *, profile: str | None, session: str | None) -> Message:
        state = treatment.state
        payload = SessionMessage(
            **self._stamp(t_us),
            session=session,
            phase=state.phase,
            phase_since_utc_ms=state.phase_since_ms,
            route=state.route,
            profile=profile,
            series=state.series,
            is_over_65=state.is_over_65,
            started_utc_ms=state.started_ms,
            finished_utc_ms=state.finished_ms,
            ended_utc_ms=state.ended_ms,
            doses=state.doses,
            baseline={quantity.value: value for quantity, value in state.baseline.items()},
            cuffs=state.cuffs,
            items={item.value: value for item, value in state.items.items()},
            advisories=state.advisories,
            form=state.form,
            peak_rise={quantity.value: rise for quantity, rise in state.peak_rise.items()},
            comparison=treatment.comparison(),
            discharge=treatment.discharge,
            events=state.events,
            lines_dropped=state.lines_dropped,
        )
        return _message(self.topics.session, payload, qos=1, retain=True)

    def reply(self, t_us: int, request: str, *, client: str, verb: str, refusal: str) -> Message:
        payload = Reply(
            **self._stamp(t_us),
            id=request,
            client=client,
            verb=verb,
            accepted=not refusal,
            reason=refusal,
        )
        return _message(self.topics.reply(request), payload, qos=1, expiry_s=_REPLY_EXPIRY_S)

    def utc_ms(self, t_us: int) -> int:
        """A time for people."""
        return self._started_utc_ms + t_us // 1000

    def _stamp(self, t_us: int) -> dict[str, Any]:
        return {
            "site": self._site,
            "chair": self._chair,
            "boot": self.boot,
            "t_us": t_us,
            "utc_ms": self.utc_ms(t_us),
            "origin": self.origin.kind,
        }


def _message(topic: str, payload: Stamp, *, qos: int = 0, retain: bool = False, expiry_s: int | None = None) -> Message:
    return Message(topic=topic, payload=msgspec.json.encode(payload), qos=qos, retain=retain, expiry_s=expiry_s)
