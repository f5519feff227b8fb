"""What each alarm condition is: its kind, what it is judged by, where its number comes from, whether it latches.

What a clinic may set (limits, delays, priorities) stands in its profile; what stands here is the same in every clinic.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto

import dsp
from gateway.alarms.hold import DOUBT_US, SECOND_US
from gateway.alarms.tier import Tier
from gateway.alarms.types import Condition, Kind


class Rule(Enum):
    """How a condition is judged."""

    ABOVE = auto()  # at or above a limit
    BELOW = auto()  # under a limit
    DROP = auto()  # fallen by so much within so long
    SLOW_BEATS = auto()  # so many beats in a row under a rate
    FAST_BEATS = auto()  # so many beats in a row above a rate
    NO_BEAT = auto()  # no beat for so long on a channel that has a signal
    READING = auto()  # the reason why a reading is not there
    FACT = auto()  # found out outside the alarm engine


class Site(Enum):
    """Where a number is taken: what spoils one site leaves the other."""

    PRESSURE = "pressure"
    FINGER = "finger"
    EITHER = "either"


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """One condition.

    Attributes
    ----------
    quantity : the number that is judged, None where it is none
    hysteresis : how far inside the limit a value has to be before the condition ends, in the quantity's unit
    bounds : what a limit may be set to: outside a person does not live, so it would be an alarm switched off
    """

    title: str
    kind: Kind
    rule: Rule
    quantity: dsp.Quantity | None = None
    hysteresis: float = 0.0
    bounds: tuple[float, float] = (0.0, 0.0)
    is_latching: bool = False

    @property
    def unit(self) -> str:
        return self.quantity.unit if self.quantity else ""


SITES: dict[dsp.Quantity, Site] = {
    dsp.Quantity.SYSTOLIC: Site.PRESSURE,
    dsp.Quantity.DIASTOLIC: Site.PRESSURE,
    dsp.Quantity.MEAN_PRESSURE: Site.PRESSURE,
    dsp.Quantity.SPO2: Site.FINGER,
    dsp.Quantity.PULSE_RATE: Site.EITHER,
    dsp.Quantity.RESPIRATION_RATE: Site.EITHER,
}


# Seen in other numbers alone: where one is doubtful it may be another wave, of the pressure or of a movement.
TRENDS = (dsp.Quantity.RESPIRATION_RATE,)


def _limit(
    title: str, rule: Rule, quantity: dsp.Quantity, *, hysteresis: float, bounds: tuple[float, float]
) -> Definition:
    return Definition(
        title=title,
        kind=Kind.PHYSIOLOGICAL,
        rule=rule,
        quantity=quantity,
        hysteresis=hysteresis,
        bounds=bounds,
    )


def _technical(title: str, rule: Rule = Rule.FACT) -> Definition:
    return Definition(title=title, kind=Kind.TECHNICAL, rule=rule)


_SYSTOLIC, _DIASTOLIC, _MEAN = dsp.Quantity.SYSTOLIC, dsp.Quantity.DIASTOLIC, dsp.Quantity.MEAN_PRESSURE
_RATE, _SPO2, _BREATHS = dsp.Quantity.PULSE_RATE, dsp.Quantity.SPO2, dsp.Quantity.RESPIRATION_RATE

# Latching: what is over within seconds and must have been seen all the same. Hysteresis: about the scatter from one
# second's number to the next on a quiet patient, so that a value on the limit does not ring again and again.
# Bounds: the widest of the limits that monitors offer (clinical.md 3.2: Lifepak, Mindray), rounded outwards.
CATALOGUE: dict[Condition, Definition] = {
    Condition.PULSE_LOST: Definition(
        title="No pulse",
        kind=Kind.PHYSIOLOGICAL,
        rule=Rule.NO_BEAT,
        bounds=(3.0, 10.0),
        is_latching=True,
    ),
    Condition.EXTREME_BRADYCARDIA: Definition(
        title="Pulse extremely slow",
        kind=Kind.PHYSIOLOGICAL,
        rule=Rule.SLOW_BEATS,
        quantity=_RATE,
        hysteresis=2.0,
        bounds=(20.0, 60.0),
        is_latching=True,
    ),
    Condition.EXTREME_TACHYCARDIA: Definition(
        title="Pulse extremely fast",
        kind=Kind.PHYSIOLOGICAL,
        rule=Rule.FAST_BEATS,
        quantity=_RATE,
        hysteresis=2.0,
        bounds=(100.0, 240.0),
        is_latching=True,
    ),
    Condition.DESATURATION: Definition(
        title="Oxygen saturation falling fast",
        kind=Kind.PHYSIOLOGICAL,
        rule=Rule.DROP,
        quantity=_SPO2,
        hysteresis=1.0,
        bounds=(4.0, 20.0),
        is_latching=True,
    ),
    Condition.SPO2_LOW: _limit(
        "Oxygen saturation low",
        Rule.BELOW,
        _SPO2,
        hysteresis=1.0,
        bounds=(80.0, 99.0),
    ),
    Condition.SYSTOLIC_HIGH: _limit(
        "Systolic pressure high", Rule.ABOVE, _SYSTOLIC, hysteresis=2.0, bounds=(100.0, 260.0)
    ),
    Condition.SYSTOLIC_LOW: _limit(
        "Systolic pressure low", Rule.BELOW, _SYSTOLIC, hysteresis=2.0, bounds=(40.0, 140.0)
    ),
    Condition.SYSTOLIC_RISE: _limit(
        "Systolic pressure risen much", Rule.ABOVE, _SYSTOLIC, hysteresis=2.0, bounds=(100.0, 260.0)
    ),
    Condition.DIASTOLIC_HIGH: _limit(
        "Diastolic pressure high", Rule.ABOVE, _DIASTOLIC, hysteresis=2.0, bounds=(60.0, 160.0)
    ),
    Condition.DIASTOLIC_LOW: _limit(
        "Diastolic pressure low", Rule.BELOW, _DIASTOLIC, hysteresis=2.0, bounds=(20.0, 90.0)
    ),
    Condition.DIASTOLIC_RISE: _limit(
        "Diastolic pressure risen much", Rule.ABOVE, _DIASTOLIC, hysteresis=2.0, bounds=(60.0, 160.0)
    ),
    Condition.MEAN_HIGH: _limit("Mean pressure high", Rule.ABOVE, _MEAN, hysteresis=2.0, bounds=(70.0, 200.0)),
    Condition.MEAN_LOW: _limit("Mean pressure low", Rule.BELOW, _MEAN, hysteresis=2.0, bounds=(30.0, 110.0)),
    Condition.PULSE_RATE_HIGH: _limit("Pulse rate high", Rule.ABOVE, _RATE, hysteresis=2.0, bounds=(70.0, 240.0)),
    Condition.PULSE_RATE_LOW: _limit("Pulse rate low", Rule.BELOW, _RATE, hysteresis=2.0, bounds=(20.0, 100.0)),
    Condition.RESPIRATION_HIGH: _limit(
        "Respiration rate high", Rule.ABOVE, _BREATHS, hysteresis=1.0, bounds=(15.0, 60.0)
    ),
    Condition.RESPIRATION_LOW: _limit("Respiration rate low", Rule.BELOW, _BREATHS, hysteresis=1.0, bounds=(4.0, 20.0)),
    Condition.LINK_LOST: _technical("Board does not answer"),
    Condition.NO_PRESSURE_SIGNAL: _technical("No pressure signal", Rule.READING),
    Condition.NO_FINGER_SIGNAL: _technical("No signal from the finger", Rule.READING),
    Condition.PROBE_OFF: _technical("Finger not in the sensor", Rule.READING),
    Condition.SENSOR_FAULT: _technical("Oxygen sensor faulty", Rule.READING),
    Condition.LOW_PERFUSION: _technical("Pulse at the finger too weak", Rule.READING),
    Condition.ARTIFACT_PRESSURE: _technical("Pressure disturbed", Rule.READING),
    Condition.ARTIFACT_FINGER: _technical("Finger disturbed", Rule.READING),
    Condition.NO_PULSE_RATE: _technical("Pulse rate cannot be measured", Rule.READING),
    Condition.UNCALIBRATED: _technical("Oxygen sensor not calibrated", Rule.READING),
    Condition.CALIBRATION_EXPIRED: _technical("Calibration of the cardiac output expired"),
    Condition.SET_UP: _technical("Something of the set-up does not fit"),
    Condition.LINK_NOISE: _technical("Connection to the board disturbed"),
    Condition.BOARD_FAULT: _technical("Board faulty"),
    Condition.BOARD_DOUBTFUL: _technical("Board not as it should be"),
    Condition.BOARD_RECOVERED: _technical("Board has recovered from a fault"),
    Condition.UNKNOWN_FIRMWARE: _technical("Firmware not known"),
    Condition.CLOCK_FAULT: _technical("Clock faulty"),
    Condition.RECORDING_FAILING: _technical("Recording fails"),
    Condition.BROKER_LOST: _technical("What the chair says does not reach the broker"),
    Condition.ALERT_NOT_RECEIVED: _technical("Nobody has received an alert"),
    Condition.SELF_CHECK_FAILED: _technical("Self-check failed"),
    Condition.PROFILE_REFUSED: _technical("Alarm profile refused"),
    Condition.STATE_LOST: replace(_technical("State of before the restart lost"), is_latching=True),
    Condition.GATEWAY_UNSTABLE: _technical("Gateway starts again and again"),
    Condition.STANDBY: _technical("Standby: nothing of the patient alarms, but there is a pulse"),
}


_MEASURED = (Rule.ABOVE, Rule.BELOW, Rule.DROP, Rule.SLOW_BEATS, Rule.FAST_BEATS, Rule.NO_BEAT)
_BEAT_DELAY_S = 2.0  # a beat is decided on within a second, and judged at the next whole one
_FACT_DELAY_S = 1.0  # a finding is judged at the next whole second
# What takes longer to be found.
_FOUND_S: dict[Condition, float] = {
    Condition.LINK_LOST: 5.0,  # 1.5 s of silence (gateway.pipeline), 3 s without an answer (gateway.link.health)
    Condition.LINK_NOISE: 4.0,  # three whole seconds of it (gateway.link.health)
    Condition.CLOCK_FAULT: 2.0,  # a step: the next answers of the board, ten a second
    Condition.BROKER_LOST: 12.0,  # one that hangs: 11 s (gateway.mqtt.connection)
    Condition.ALERT_NOT_RECEIVED: 6.0,  # 5 s without a receipt (gateway.alarms.engine)
    Condition.SELF_CHECK_FAILED: 121.0,  # sent up to a minute later, missed by the next one (gateway.self_checks)
}


def signal_delay_s(condition: Condition) -> float:
    """How late the number or the finding is that a condition is judged by, at most."""
    definition = CATALOGUE[condition]
    match definition.rule:
        case Rule.ABOVE | Rule.BELOW | Rule.DROP:
            assert definition.quantity is not None
            return dsp.TIMINGS[definition.quantity].latency_us / 1e6
        case Rule.SLOW_BEATS | Rule.FAST_BEATS | Rule.NO_BEAT:
            return _BEAT_DELAY_S
        case Rule.READING:
            return max(timing.silence_us for timing in dsp.TIMINGS.values()) / 1e6
        case Rule.FACT:
            return _FOUND_S.get(condition, _FACT_DELAY_S)


def doubt_delay_s(condition: Condition) -> float | None:
    """How much longer a condition has to hold where its number is doubtful; None: a doubtful number begins nothing."""
    definition = CATALOGUE[condition]
    if definition.quantity in TRENDS:
        return None
    return DOUBT_US / SECOND_US if definition.rule in _MEASURED else 0.0


def site_of(condition: Condition) -> Site:
    """Where the number of a condition of the patient is taken."""
    quantity = CATALOGUE[condition].quantity
    return Site.EITHER if quantity is None else SITES[quantity]


def rule_text(condition: Condition, tier: Tier) -> str:
    """What a tier watches for, in words."""
    lasting = f" for {tier.delay_s:g} s" if tier.delay_s else ", at once"
    sooner = f", or sooner once points times seconds are {tier.point_seconds:g}" if tier.point_seconds else ""
    return _words(CATALOGUE[condition], tier) + lasting + sooner


def _words(definition: Definition, tier: Tier) -> str:
    unit = definition.unit
    match definition.rule:
        case Rule.ABOVE:
            words = f"at or above {_limit_text(tier, '+')} {unit}"
        case Rule.BELOW:
            words = f"under {_limit_text(tier, '-')} {unit}"
        case Rule.DROP:
            words = f"fallen by {_given(tier.drop)} {unit} or more within {_given(tier.window_s)} s"
        case Rule.SLOW_BEATS:
            words = f"{tier.beats} beats in a row under {_given(tier.limit)} {unit}"
        case Rule.FAST_BEATS:
            words = f"{tier.beats} beats in a row above {_given(tier.limit)} {unit}"
        case Rule.NO_BEAT:
            words = f"no beat for {_given(tier.limit)} s"
        case Rule.READING:
            words = "cannot be measured"
        case Rule.FACT:
            words = "found"
    return words


def _limit_text(tier: Tier, sign: str) -> str:
    if tier.limit is not None:
        return _given(tier.limit)
    away = f"{_given(tier.percent)} %" if tier.percent is not None else _given(tier.points)
    never = "under" if sign == "+" else "above"
    return f"{sign}{away} of the baseline, but never {never} {_given(tier.bound)}"


def _given(number: float | None) -> str:
    """A number that a profile without faults has for this rule."""
    assert number is not None
    return f"{number:g}"
