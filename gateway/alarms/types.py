"""What goes into the alarm engine and what comes out: readings, beats, facts and commands in, transitions out.

Everything has a time, ``t_us``, of the gateway. Inputs come in order of time. Nothing here reads a clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import total_ordering
from typing import TYPE_CHECKING

import dsp

if TYPE_CHECKING:
    from gateway.alarms.profile import Profile


@total_ordering
class Priority(Enum):
    """How soon somebody has to act: at their leisure, promptly, at once."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"

    def __lt__(self, other: Priority) -> bool:
        return _ORDER[self] < _ORDER[other]


_ORDER = {priority: place for place, priority in enumerate(Priority)}


class Kind(Enum):
    """Of the patient, or of the monitoring."""

    PHYSIOLOGICAL = "physiological"
    TECHNICAL = "technical"


class Presence(Enum):
    """The signal of a condition as it stands on the wire (the words of FHIR's devicealert-presence)."""

    OFF = "off"
    ON = "on"
    LATCHED = "latched"
    ACK = "ack"


class Truth(Enum):
    """Whether a condition holds: unknown is neither, and comes when its data are lost while it held."""

    ABSENT = "absent"
    PRESENT = "present"
    UNKNOWN = "unknown"


class Condition(Enum):
    """Every alarm condition there is: the value is its id in topics and in profiles."""

    PULSE_LOST = "pulse-lost"
    EXTREME_BRADYCARDIA = "extreme-bradycardia"
    EXTREME_TACHYCARDIA = "extreme-tachycardia"
    DESATURATION = "desaturation"
    SPO2_LOW = "spo2-low"
    SYSTOLIC_HIGH = "systolic-high"
    SYSTOLIC_LOW = "systolic-low"
    SYSTOLIC_RISE = "systolic-rise"
    DIASTOLIC_HIGH = "diastolic-high"
    DIASTOLIC_LOW = "diastolic-low"
    DIASTOLIC_RISE = "diastolic-rise"
    MEAN_HIGH = "mean-high"
    MEAN_LOW = "mean-low"
    PULSE_RATE_HIGH = "pulse-rate-high"
    PULSE_RATE_LOW = "pulse-rate-low"
    RESPIRATION_HIGH = "respiration-high"
    RESPIRATION_LOW = "respiration-low"
    LINK_LOST = "link-lost"
    NO_PRESSURE_SIGNAL = "no-pressure-signal"
    NO_FINGER_SIGNAL = "no-finger-signal"
    PROBE_OFF = "probe-off"
    SENSOR_FAULT = "sensor-fault"
    LOW_PERFUSION = "low-perfusion"
    ARTIFACT_PRESSURE = "artifact-pressure"
    ARTIFACT_FINGER = "artifact-finger"
    NO_PULSE_RATE = "no-pulse-rate"
    UNCALIBRATED = "uncalibrated"
    CALIBRATION_EXPIRED = "calibration-expired"
    SET_UP = "set-up"
    LINK_NOISE = "link-noise"
    BOARD_FAULT = "board-fault"
    BOARD_DOUBTFUL = "board-doubtful"
    BOARD_RECOVERED = "board-recovered"
    UNKNOWN_FIRMWARE = "unknown-firmware"
    CLOCK_FAULT = "clock-fault"
    RECORDING_FAILING = "recording-failing"
    BROKER_LOST = "broker-lost"
    ALERT_NOT_RECEIVED = "alert-not-received"
    SELF_CHECK_FAILED = "self-check-failed"
    PROFILE_REFUSED = "profile-refused"
    STATE_LOST = "state-lost"
    GATEWAY_UNSTABLE = "gateway-unstable"
    STANDBY = "standby"


@dataclass(frozen=True, slots=True, kw_only=True)
class Second:
    """What is published at a whole second, and of each channel why it shows no pulse, None where it shows one."""

    t_us: int
    readings: Mapping[dsp.Quantity, dsp.Reading]
    channels: Mapping[dsp.Channel, dsp.Reason | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A technical condition that somebody else has found out, such as that the broker is gone."""

    t_us: int
    condition: Condition
    is_present: bool
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What the patient had before the dose; relative limits wait for it. Empty is none."""

    t_us: int
    values: Mapping[dsp.Quantity, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attended:
    """A patient is in the chair, or nobody is: then nothing of the patient's signals is an alarm."""

    t_us: int
    is_attended: bool
    who: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A clinician's client has received the alert of that id."""

    t_us: int
    who: str
    alert: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledge:
    """Somebody has seen one occurrence of one condition; an ``id`` of the past acknowledges nothing."""

    t_us: int
    who: str
    condition: Condition
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioPause:
    """No sound for a while, of what is there now; 0 seconds ends a pause."""

    t_us: int
    who: str
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmOff:
    """No signal of one condition until it is switched on again: detection goes on, and it is reminded of."""

    t_us: int
    who: str
    condition: Condition
    is_off: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeLimits:
    """New absolute limits of one condition, by priority; what is not named stays."""

    t_us: int
    who: str
    condition: Condition
    limits: Mapping[Priority, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class UseProfile:
    """Another profile, such as that of the route of a treatment; changed limits go with the old one."""

    t_us: int
    who: str
    profile: Profile


Command = Acknowledge | AudioPause | AlarmOff | ChangeLimits | UseProfile
TimedInput = Second | dsp.Beat | Fact | Baseline | Attended | Receipt | Command


class Change(Enum):
    """What a transition tells."""

    RAISED = "raised"
    RISEN = "priority risen"
    FALLEN = "priority fallen"
    UNKNOWN = "unknown"  # its data are lost: it may hold still
    KNOWN = "known again"  # measured again, and it holds
    LATCHED = "latched"
    ENDED = "ended"
    ACKNOWLEDGED = "acknowledged"
    INACTIVATED = "switched off"
    REACTIVATED = "switched on"
    REMINDER = "reminder"  # it is switched off
    LIMITS = "limits changed"
    ESCALATED = "escalated"
    ANNOUNCED_AGAIN = "announced again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """The whole state of one condition.

    Attributes
    ----------
    id : of this occurrence, which an acknowledgement has to name; None before the first
    rev : grows with every change of the condition
    value, unit : what crossed the limit, None where it is unknown or no number
    was : the last value measured before the data were lost
    limit : the limit that was crossed, in ``unit``
    rule : that limit in words
    delay_s, doubt_delay_s : how long it has to hold, and how much longer where its number is doubtful; None: then never
    signal_delay_s : how late the number itself is
    escalation : how often nobody answered in time
    """

    condition: Condition
    kind: Kind
    priority: Priority
    presence: Presence
    truth: Truth
    title: str
    detail: str
    id: str | None
    rev: int
    since_us: int | None
    value: float | None
    unit: str
    was: float | None
    limit: float | None
    rule: str
    delay_s: float
    doubt_delay_s: float | None
    signal_delay_s: float
    escalation: int
    is_latching: bool
    acknowledged_by: str | None
    inactivated_by: str | None

    @property
    def text(self) -> str:
        """What is the matter, in one line for a person."""
        if self.presence is Presence.OFF:
            switched = f", switched off by {self.inactivated_by}" if self.inactivated_by else ""
            return f"{self.title}: {'holds' if self.truth is Truth.PRESENT else self.truth.value}{switched}"
        words = [word for word in (self._number(), self.detail) if word]
        over = ", over" if self.presence is Presence.LATCHED else ""
        return self.title + (": " + ", ".join(words) if words else "") + over

    def _number(self) -> str:
        unit = _SPOKEN.get(self.unit, f" {self.unit}" if self.unit else "")
        if self.truth is Truth.UNKNOWN:
            return "unknown" + (f", was {self.was:g}{unit}" if self.was is not None else "")
        if self.value is None or self.limit is None:
            return ""
        return f"{self.value:g}{unit}, limit {self.limit:g}{unit}"


_SPOKEN = {"mm[Hg]": " mmHg", "/min": "/min"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One change of one condition; ``id`` makes it idempotent. ``who`` is None where nobody did it."""

    t_us: int
    id: str
    change: Change
    who: str | None
    alarm: Alarm


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """To a command: accepted, or refused with the reason in words."""

    t_us: int
    accepted: bool
    reason: str = ""


Output = Transition | Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Annunciation:
    """What the chair itself shows and sounds now.

    ``light`` is the highest priority that is signalled at all, ``sound`` the highest that nobody has acknowledged and
    that is not paused; ``escalation`` that of the sound. ``paused_s`` is what is left of an audio pause, 0 without one.
    """

    light: Priority | None
    sound: Priority | None
    escalation: int
    paused_s: int
    paused_by: str | None
