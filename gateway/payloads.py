"""Typed payloads of the public MQTT contract, version 1, and how values and alarms stand in them."""

from __future__ import annotations

import msgspec

import dsp
from gateway.alarms.types import Alarm, Change, Kind, Presence, Priority, Truth
from gateway.chunklog import OriginKind
from gateway.link.status import BoardStatus
from gateway.treatment import Phase, Route
from gateway.treatment.records import (
    Advisory,
    BaselineValue,
    Comparison,
    Discharge,
    SessionEvent,
    VitalSigns,
)
from gateway.treatment.state import CuffReading, GivenDose


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
    session: str | None  # the treatment session that runs


class Heartbeat(Stamp, frozen=True, kw_only=True):
    """``heartbeat``: 1 Hz, from the last stage; ``age_ms`` of each channel's newest sample, null before the first."""

    seq: int
    age_ms: dict[str, int | None]
    link: dict[str, int]  # counters since the gateway's start: frames, faults, losses, refusals, boots
    board: BoardStatus | None  # what it says of itself each second, null before the first
    requests: dict[str, int] = {}  # what became of what clients sent: accepted, refused, retained, dropped ...


class ForecastValue(msgspec.Struct, frozen=True, kw_only=True):
    """Advisory: when a straight line through the last minutes reaches a limit; times in s from now."""

    limit: float
    in_s: float
    earliest_s: float
    latest_s: float | None
    confidence: float
    advisory: bool = True


class TrendValue(msgspec.Struct, frozen=True, kw_only=True):
    """Where a quantity is going, in its unit; null where too few seconds were measured. ``slope_per_min``: a line's."""

    median_15s: float | None
    median_1min: float | None
    median_5min: float | None
    slope_per_min: float | None
    from_baseline: float | None
    forecast: ForecastValue | None


class VitalValue(msgspec.Struct, frozen=True, kw_only=True):
    """One quantity: a value with its quality, or null with the reason. ``age_ms``: of the newest beat in it."""

    value: float | None
    unit: str
    validity: str  # measured | questionable | uncalibrated | unavailable | stale | calibrating
    reasons: list[str]
    sqi: float
    age_ms: int | None
    details: dict[str, float] = {}
    trend: TrendValue | None = None


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
    doubt_delay_s: float | None  # how much longer where its number is doubtful; null: then it begins nothing
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
    """The last check of the alarm system by itself, each minute.

    ``returned``: the one before has come back from the broker; null where it could not.
    """

    number: int
    t_us: int
    passed: bool
    detail: str
    returned: bool | None


class SelfCheckMessage(Stamp, frozen=True, kw_only=True):
    """``self-check``: an alarm that a copy of the alarm system has raised, for the gateway itself to hear; no alert."""

    check: SelfCheck
    alert: Alert | None


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


class SessionMessage(Stamp, frozen=True, kw_only=True):
    """``session``: the treatment session, retained; an ended one stays until the next starts. Times are ``utc_ms``."""

    session: str | None  # of the one that runs
    phase: Phase
    phase_since_utc_ms: int | None
    route: Route | None
    profile: str | None  # alarm profile in force
    series: str | None
    is_over_65: bool
    started_utc_ms: int | None
    finished_utc_ms: int | None  # the newest dose was given completely, or stopped
    ended_utc_ms: int | None
    doses: list[GivenDose]
    baseline: dict[str, BaselineValue]
    cuffs: list[CuffReading]
    items: dict[str, int]  # what a person has entered for the discharge scores
    advisories: list[Advisory]
    form: list[VitalSigns]  # prior, 40 min, completion
    peak_rise: dict[str, float]  # over baseline, so far
    comparison: Comparison | None  # with earlier sessions of the series
    discharge: Discharge | None
    events: list[SessionEvent]  # who did what and when, oldest first
    lines_dropped: int  # of the record, because it was full


class Reply(Stamp, frozen=True, kw_only=True):
    """``reply/{id}``: what became of a request; ``reason`` is why it was refused."""

    id: str
    client: str
    verb: str
    accepted: bool
    reason: str


def alarm_state(alarm: Alarm) -> AlarmState:
    """One condition as it stands on the wire."""
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
        doubt_delay_s=alarm.doubt_delay_s,
        signal_delay_s=alarm.signal_delay_s,
        escalation=alarm.escalation,
        latching=alarm.is_latching,
        acknowledged_by=alarm.acknowledged_by,
        inactivated_by=alarm.inactivated_by,
    )


def value_of(vital: dsp.Vital, trend: dsp.Trend | None = None) -> VitalValue:
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
        details={detail.value: round(number, 1) for detail, number in measured.details} if measured else {},
        trend=_trend_value(trend) if trend else None,
    )


def _trend_value(trend: dsp.Trend) -> TrendValue:
    return TrendValue(
        median_15s=_rounded(trend.median_15s),
        median_1min=_rounded(trend.median_1min),
        median_5min=_rounded(trend.median_5min),
        slope_per_min=_rounded(trend.slope),
        from_baseline=_rounded(trend.from_baseline),
        forecast=_forecast_value(trend.forecast) if trend.forecast else None,
    )


def _forecast_value(forecast: dsp.Forecast) -> ForecastValue:
    return ForecastValue(
        limit=forecast.limit,
        in_s=round(forecast.in_s),
        earliest_s=round(forecast.earliest_s),
        latest_s=None if forecast.latest_s is None else round(forecast.latest_s),
        confidence=round(forecast.confidence, 2),
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
