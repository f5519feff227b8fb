"""The rules by which a beat is rejected or a value withheld: a closed list, each explained in docs/dsp.md."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Rule(Enum):
    """Which comparison decided; the value is its id on the wire and in docs/dsp.md."""

    # of the source
    NO_CHANNEL = "no_channel"
    NO_SAMPLE = "no_sample"
    SAMPLE_AGE = "sample_age"
    INTERRUPTED = "interrupted"
    # of the signal
    RAILED = "railed"
    FLAT = "flat"
    LINE_OPEN = "line_open"
    CLIPPED = "clipped"
    FLUSHED = "flushed"
    SEARCH_TIME = "search_time"
    SEARCH_HUMPS = "search_humps"
    BEAT_AGE = "beat_age"
    BEAT_UNSEEN = "beat_unseen"
    OTHER_PULSE = "other_pulse"
    # of a beat
    BEAT_RAILED = "beat_railed"
    BEAT_LARGE = "beat_large"
    BEAT_ODD = "beat_odd"
    BEAT_HUGE = "beat_huge"
    BEAT_SLOW = "beat_slow"
    BEAT_EARLY = "beat_early"
    BEAT_POOR = "beat_poor"
    BEAT_ALIKE = "beat_alike"
    # of a value made of beats
    BEAT_COUNT = "beat_count"
    PULSE_TIME = "pulse_time"
    INTERVAL_SPREAD = "interval_spread"
    BEAT_QUALITY = "beat_quality"
    BELOW_ZERO = "below_zero"
    # of breathing and of what is made of many beats
    BREATHING_TIME = "breathing_time"
    BREATHING_LOST = "breathing_lost"
    BREATHING_STILL = "breathing_still"
    BREATHING_PEAK = "breathing_peak"
    BREATHING_RATE = "breathing_rate"
    BREATH_COUNT = "breath_count"
    BREATH_PULSES = "breath_pulses"
    RHYTHM = "rhythm"
    NOTCH_COUNT = "notch_count"
    NOTCH_SPREAD = "notch_spread"
    BASELINE_TIME = "baseline_time"
    LINE_DAMPED = "line_damped"
    LINE_RINGING = "line_ringing"
    LINE_SLOW = "line_slow"
    LINE_ROUGH = "line_rough"
    STANDSTILL = "standstill"
    # of a doubt that takes no value away
    RATES_DIFFER = "rates_differ"
    MEAN_HIGH = "mean_high"
    PROBATION = "probation"
    MOVED = "moved"
    STRANGE = "strange"
    WANDERING = "wandering"
    JUMPING = "jumping"
    STEP = "step"
    HALF = "half"
    FEW_INTERVALS = "few_intervals"
    LONG_INTERVAL = "long_interval"
    RATE_MOVED = "rate_moved"
    RATE_MISSING = "rate_missing"
    HOLE = "hole"
    DOUBLE = "double"
    TORN = "torn"
    PRESSURE_MOVED = "pressure_moved"
    PRESSURE_MISSING = "pressure_missing"
    BOUNCING = "bouncing"
    PULSE_NEW = "pulse_new"
    SCATTERED = "scattered"
    NOISE = "noise"
    SATURATION = "saturation"
    LIGHT_SHIFTED = "light_shifted"
    NO_BLOOD = "no_blood"
    # of the light
    LIGHT_DARK = "light_dark"
    LIGHT_ZERO = "light_zero"
    LIGHT_DIM = "light_dim"
    LIGHT_FROZEN = "light_frozen"
    LIGHT_CLIPPED = "light_clipped"
    LIGHTS_EXCHANGED = "lights_exchanged"
    LIGHTS_ORDER = "lights_order"
    CYCLE_COUNT = "cycle_count"
    CYCLE_AGE = "cycle_age"
    CYCLE_QUALITY = "cycle_quality"
    CURVE_RANGE = "curve_range"
    # of the acceleration
    MOTION_COUNT = "motion_count"
    MOTION_LENGTH = "motion_length"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A rule that decided against a beat or a value, with the numbers it compared."""

    rule: Rule
    numbers: tuple[tuple[str, float], ...] = ()


def found(rule: Rule, **numbers: float) -> Finding:
    """The finding of a rule; name each number with its unit."""
    return Finding(rule=rule, numbers=tuple(numbers.items()))
