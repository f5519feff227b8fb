"""Typed payloads and their topics: the public MQTT contract, version 1. Topic strings live here only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import msgspec

import dsp
from gateway.alarms.types import Alarm, Change, Kind, Presence, Priority, Transition, Truth
from gateway.chunklog import Origin, OriginKind
from gateway.errors import UserError
from gateway.link.status import BoardStatus

ID_PATTERN = r"[a-z0-9-]{1,32}"
_TOPIC = re.compile(rf"chairside/v1/({ID_PATTERN})/({ID_PATTERN})/.+")
_VITALS_EXPIRY_S = 5
_HEARTBEAT_EXPIRY_S = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a sink publishes; ``expiry_s`` None keeps it until it is replaced."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    expiry_s: int | None = None


class Stamp(msgspec.Struct, frozen=True, kw_only=True):
    """On every payload: which chair, which start of the gateway, when, and where the signals come from.

    ``t_us`` counts from the start of the recording, ``utc_ms`` is for people.
    """

    site: str
    chair: str
    boot: str
    t_us: int
    utc_ms: int
    origin: OriginKind


class Status(Stamp, frozen=True, kw_only=True):
    """``status``: retained; ``offline`` is the last will or an orderly end. ``reasons`` say why it is degraded."""

    state: str  # online | degraded | offline
    reasons: list[str]
    origin_label: str
    gateway_version: str
    board: str | None  # uid
    board_boot: int | None
    firmware: str | None
    session: str | None  # treatment sessions come with a later version


class Heartbeat(Stamp, frozen=True, kw_only=True):
    """``heartbeat``: 1 Hz, from the last stage; ``age_ms`` of each channel's newest sample, null before the first."""

    seq: int
    age_ms: dict[str, int | None]
    link: dict[str, int]  # counters since the gateway's start: frames, faults, losses, refusals, boots
    board: BoardStatus | None  # what it says of itself each second, null before the first


class VitalValue(msgspec.Struct, frozen=True, kw_only=True):
    """One quantity: a value with its quality, or null with the reason. ``age_ms``: of the newest beat in it."""

    value: float | None
    unit: str
    validity: str  # measured | questionable | uncalibrated | unavailable | stale; calibrating is reserved
    reasons: list[str]
    sqi: float
    age_ms: int | None


class Vitals(Stamp, frozen=True, kw_only=True):
    """``vitals``: every quantity each second; not to be shown as live after ``expiry_s``."""

    seq: int
    expiry_s: int
    quantities: dict[str, VitalValue]


class BeatMessage(Stamp, frozen=True, kw_only=True):
    """``beats``: one accepted or rejected beat; times are gateway microseconds, ``t_us`` the mid-upslope."""

    channel: str
    onset_us: int
    peak_us: int
    interval_us: int | None
    systolic_mmhg: float | None
    diastolic_mmhg: float | None
    mean_mmhg: float | None
    sqi: float
    accepted: bool
    reasons: list[str]


class AlarmState(msgspec.Struct, frozen=True, kw_only=True):
    """One alarm condition, whole. Times are ``t_us`` of the gateway that sends it.

    ``id`` is of the occurrence, which an acknowledgement has to name. ``value`` is null where nothing is measured now;
    ``was`` is then the last one. ``text`` is all of it for a person.
    """

    condition: str
    kind: Kind
    priority: Priority
    presence: Presence
    truth: Truth  # an unknown one was present when its data were lost
    title: str
    text: str
    id: str | None
    rev: int
    since_us: int | None
    value: float | None
    unit: str
    was: float | None
    limit: float | None
    rule: str
    delay_s: float  # how long it has to hold before it alarms
    signal_delay_s: float  # how late the number itself is at most
    escalation: int  # how often nobody has answered in time
    latching: bool
    acknowledged_by: str | None
    inactivated_by: str | None  # who has switched the signal off


class AlarmDocument(Stamp, frozen=True, kw_only=True):
    """``alarms/{condition}``: retained, also when it is off; each second while there is a signal."""

    alarm: AlarmState


class Alert(Stamp, frozen=True, kw_only=True):
    """``alerts/{priority}``: one change of one condition; the same ``id`` is the same alert."""

    id: str
    change: Change
    who: str | None  # null where nobody did it
    alarm: AlarmState


class SelfCheck(msgspec.Struct, frozen=True, kw_only=True):
    """The last check of the alarm system by itself, each minute."""

    number: int
    t_us: int
    passed: bool
    detail: str


class AlarmSystem(Stamp, frozen=True, kw_only=True):
    """``alarm-system``: each second, so that no alarm is told from no alarm system."""

    profile: str
    profile_version: str
    signed_off_by: str | None  # null is a proposal that no clinic has signed
    signed_off_on: str | None
    standby_by: str | None  # who said that nobody is in the chair
    light: Priority | None
    sound: Priority | None
    escalation: int
    paused_s: int
    paused_by: str | None
    active: list[str]
    inactive: list[str]  # conditions whose signal a person has switched off
    limits: dict[str, list[str]]  # what is in force, in words
    self_check: SelfCheck | None


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
        self.everything = f"{self.root}/#"

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


class Composer:
    """Turns results of one chair into messages; knows its identity, never the time of day except as an offset."""

    def __init__(self, site: str, chair: str, *, boot: str, version: str, origin: Origin, started_utc_ms: int) -> None:
        self.topics = Topics(site, chair)
        self._site, self._chair, self._boot = site, chair, boot
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
            session=None,
        )
        return _message(self.topics.status, payload, qos=1, retain=True)

    def heartbeat(
        self,
        t_us: int,
        seq: int,
        age_ms: dict[str, int | None],
        link: dict[str, int],
        board: BoardStatus | None = None,
    ) -> Message:
        payload = Heartbeat(**self._stamp(t_us), seq=seq, age_ms=age_ms, link=link, board=board)
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
        payload = AlarmDocument(**self._stamp(t_us), alarm=_alarm_state(alarm))
        return _message(self.topics.alarm(alarm.condition.value), payload, qos=1, retain=True)

    def alert(self, transition: Transition) -> Message:
        payload = Alert(
            **self._stamp(transition.t_us),
            id=transition.id,
            change=transition.change,
            who=transition.who,
            alarm=_alarm_state(transition.alarm),
        )
        return _message(self.topics.alert(transition.alarm.priority.value), payload, qos=1)

    def alarm_system(self, t_us: int, **fields: Any) -> Message:
        payload = AlarmSystem(**self._stamp(t_us), **fields)
        return _message(self.topics.alarm_system, payload, expiry_s=_HEARTBEAT_EXPIRY_S)

    def _stamp(self, t_us: int) -> dict[str, Any]:
        return {
            "site": self._site,
            "chair": self._chair,
            "boot": self._boot,
            "t_us": t_us,
            "utc_ms": self._started_utc_ms + t_us // 1000,
            "origin": self.origin.kind,
        }


def _message(topic: str, payload: Stamp, *, qos: int = 0, retain: bool = False, expiry_s: int | None = None) -> Message:
    return Message(topic=topic, payload=msgspec.json.encode(payload), qos=qos, retain=retain, expiry_s=expiry_s)


def _alarm_state(alarm: Alarm) -> AlarmState:
    return AlarmState(
        condition=alarm.condition.value,
        kind=alarm.kind,
        priority=alarm.priority,
        presence=alarm.presence,
        truth=alarm.truth,
        title=alarm.title,
        text=alarm.text,
        id=alarm.id,
        rev=alarm.rev,
        since_us=alarm.since_us,
        value=alarm.value,
        unit=alarm.unit,
        was=alarm.was,
        limit=alarm.limit,
        rule=alarm.rule,
        delay_s=alarm.delay_s,
        signal_delay_s=alarm.signal_delay_s,
        escalation=alarm.escalation,
        latching=alarm.is_latching,
        acknowledged_by=alarm.acknowledged_by,
        inactivated_by=alarm.inactivated_by,
    )


def value_of(vital: dsp.Vital) -> VitalValue:
    """A vital as it stands on the wire."""
    reading = vital.reading
    measured = reading if isinstance(reading, dsp.Measured) else None
    return VitalValue(
        value=round(measured.value, 2) if measured else None,
        unit=vital.unit,
        validity=reading.validity.value,
        reasons=[reason.value for reason in reading.reasons],
        sqi=round(measured.sqi, 3) if measured else 0.0,
        age_ms=max(0, vital.t_us - measured.newest_us) // 1000 if measured else None,
    )
