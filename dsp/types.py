"""The values that go in and out of the signal processing: blocks and ticks in, beats and vitals out."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from dsp.rules import Finding


class Channel(Enum):
    """A waveform the monitor understands."""

    __hash__ = object.__hash__  # there is one of each; the hash of Enum is a function in Python
    PLETH = "pleth"  # rises in systole; any linear unit. Beside RED it is infrared: negated intensity, counts
    PRESSURE = "pressure"  # arterial pressure, mmHg
    RED = "red"  # negated intensity, counts, so that it rises in systole; from the sensor and at the times of PLETH
    MOTION = "motion"  # acceleration, g, shape (n, 3)


class Quantity(Enum):
    """A vital sign that is published every second, and its unit (UCUM)."""

    __hash__ = object.__hash__  # there is one of each; the hash of Enum is a function in Python
    PULSE_RATE = "pulse_rate"
    SYSTOLIC = "systolic"
    DIASTOLIC = "diastolic"
    MEAN_PRESSURE = "mean_pressure"
    SPO2 = "spo2"
    PERFUSION_INDEX = "perfusion_index"
    RESPIRATION_RATE = "respiration_rate"
    PULSE_PRESSURE_VARIATION = "pulse_pressure_variation"
    STROKE_VOLUME = "stroke_volume"
    CARDIAC_OUTPUT = "cardiac_output"
    SYSTEMIC_VASCULAR_RESISTANCE = "systemic_vascular_resistance"
    EJECTION_TIME = "ejection_time"
    PULSE_RATE_VARIABILITY = "pulse_rate_variability"
    MOTION = "motion"

    @property
    def unit(self) -> str:
        return _UNITS[self]


_UNITS = {
    Quantity.PULSE_RATE: "/min",
    Quantity.SYSTOLIC: "mm[Hg]",
    Quantity.DIASTOLIC: "mm[Hg]",
    Quantity.MEAN_PRESSURE: "mm[Hg]",
    Quantity.SPO2: "%",
    Quantity.PERFUSION_INDEX: "%",
    Quantity.RESPIRATION_RATE: "/min",
    Quantity.PULSE_PRESSURE_VARIATION: "%",
    Quantity.STROKE_VOLUME: "mL",
    Quantity.CARDIAC_OUTPUT: "L/min",
    Quantity.SYSTEMIC_VASCULAR_RESISTANCE: "dyn.s/cm5",
    Quantity.EJECTION_TIME: "ms",
    Quantity.PULSE_RATE_VARIABILITY: "ms",
    Quantity.MOTION: "g",
}


class Reason(Enum):
    """Why a beat is rejected or a value is unavailable or doubtful: the closed list of the wire."""

    __hash__ = object.__hash__  # there is one of each; the hash of Enum is a function in Python
    NO_CHANNEL = "no such sensor"  # the source does not provide the waveform at all
    NO_DATA = "no data"  # the waveform is provided, but nothing has come yet
    LINK_LOST = "link lost"  # the board does not answer
    STALE = "stale"  # samples stopped coming
    GAP = "gap"  # samples are missing inside the window
    LEARNING = "learning"  # too little signal since the start or the last gap
    SATURATED = "saturated"
    FLAT = "flat line"
    NO_PULSE = "no pulse"
    IRREGULAR = "irregular"  # pulses do not agree with each other well enough for a number
    ARTIFACT = "artifact"
    IMPLAUSIBLE = "implausible"  # outside what a person can have, or outside the calibrated range
    PROBE_OFF = "probe off"  # the light says that there is no finger
    LOW_PERFUSION = "low perfusion"  # the pulsation is too small for the noise
    MOTION = "motion"  # the acceleration sensor moved meanwhile
    UNCALIBRATED = "uncalibrated"  # by a demonstration curve: the size of the error is not known
    CHANNEL_ORDER = "red and infrared swapped"
    LED_FAULT = "led fault"  # one of the two lights is dark or frozen while the other is not
    FLUSH = "line flush"  # the pressure line is flushed or opened
    DAMPED = "damped line"  # the line shows the mean pressure and little of the pulse
    RINGING = "ringing line"  # the line resonates: systolic too high, diastolic too low, mean right
    CUFF = "cuff on this arm"  # somebody said so; nothing beyond the cuff is the patient's
    SIGNAL_LOST = "signal lost"  # no pulse here while another sensor still has one: not an arrest
    CALIBRATION = "calibration pause"  # the cuff monitor calibrates itself
    DISAGREEMENT = "sensors disagree"  # another sensor of good quality counts another pulse
    BREATHING_UNCLEAR = "breathing unclear"  # no rate stands out; that there is no breath is never said
    NO_NOTCH = "no clear notch"  # the end of the ejection is not seen in the pressure
    BASELINE = "taking the baseline"  # the good minutes that a relative trend refers to are not over yet
    REFERENCE_PENDING = "reference pending"  # a reference value waits for good signal to be compared with
    REFERENCE_EXPIRED = "reference expired"
    REFERENCE_UNMATCHED = "reference unmatched"  # no good signal near the time it was measured: not used
    CONVERTER = "converter not trusted"  # its voltage reference is off, and with it every pressure
    FIRMWARE = "firmware not known"  # of the board: what it computes, nobody has checked


# What is missing or wrong is the size of a number, not the signal.
_OF_CALIBRATION = (
    Reason.UNCALIBRATED,
    Reason.REFERENCE_PENDING,
    Reason.REFERENCE_EXPIRED,
    Reason.REFERENCE_UNMATCHED,
)


class Detail(Enum):
    """What may stand beside a value; the unit is in the name."""

    SDNN_MS = "sdnn_ms"  # beside the pulse rate variability
    REFERENCE_AGE_S = "reference_age_s"  # of the measurement that an absolute value is calibrated by


RELATIVE_UNIT = "%{baseline}"  # UCUM; per cent of the first good minutes


class Validity(Enum):
    """How far a value may be believed; calibrating has no value: a pause of the sensor, or a baseline being taken."""

    MEASURED = "measured"
    QUESTIONABLE = "questionable"
    CALIBRATING = "calibrating"
    UNCALIBRATED = "uncalibrated"
    UNAVAILABLE = "unavailable"
    STALE = "stale"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A value that was measured, with the quality of the signal it came from.

    ``newest_us`` is the time of the newest beat in it (of motion, the newest sample); ``reasons`` is empty unless the
    value is questionable or uncalibrated. Of the two questionable wins: a doubtful signal may be wrong by anything, and
    it comes and goes, while the missing calibration stands among the reasons all the time. Neither is ever hidden.
    A relative value is per cent of a baseline, not in the quantity's unit. ``findings`` are the rules behind the
    reasons, each with its reason: of a doubt that lingers, with the numbers of when it was last found.
    """

    value: float
    sqi: float
    newest_us: int
    reasons: tuple[Reason, ...] = ()
    is_relative: bool = False
    details: tuple[tuple[Detail, float], ...] = ()
    findings: tuple[tuple[Reason, Finding], ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise ValueError(f"value: expected a finite number, got {self.value}")
        if not 0.0 <= self.sqi <= 1.0:
            raise ValueError(f"sqi: expected 0..1, got {self.sqi}")

    @property
    def validity(self) -> Validity:
        if not self.reasons:
            return Validity.MEASURED
        return Validity.QUESTIONABLE if self.doubts else Validity.UNCALIBRATED

    @property
    def doubts(self) -> tuple[Reason, ...]:
        """The reasons that are about the signal, not about the size of a number."""
        return tuple([reason for reason in self.reasons if reason not in _OF_CALIBRATION])


@dataclass(frozen=True, slots=True, kw_only=True)
class Unavailable:
    """No value, and why; ``finding`` is the rule that decided."""

    reason: Reason
    finding: Finding | None = field(default=None, compare=False)

    @property
    def reasons(self) -> tuple[Reason, ...]:
        return (self.reason,)

    @property
    def validity(self) -> Validity:
        match self.reason:
            case Reason.STALE:
                return Validity.STALE
            case Reason.CALIBRATION | Reason.BASELINE:
                return Validity.CALIBRATING
            case _:
                return Validity.UNAVAILABLE


Reading = Measured | Unavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleBlock:
    """Consecutive samples of one channel, each with its own time.

    A block may be cut anywhere without changing any result. A gap needs no flag: it is a step in the times. The arrays
    are kept, not copied: who has fed a block must not change them afterwards.

    Attributes
    ----------
    t_us : ndarray of int64, shape (n,), strictly increasing, also from block to block of a channel
    samples : ndarray, shape (n,), of MOTION (n, 3), in the channel's unit; a non-finite sample counts as missing
    """

    channel: Channel
    t_us: NDArray[np.int64]
    samples: NDArray[np.float64]

    def __post_init__(self) -> None:
        columns = (3,) if self.channel is Channel.MOTION else ()
        if self.t_us.ndim != 1 or self.samples.shape != (*self.t_us.shape, *columns):
            raise ValueError(
                f"samples: expected shape {('n', *columns)} for n times, got {self.samples.shape} for {self.t_us.shape}"
            )


class Cause(Enum):
    """Why somebody says that a signal is not to be believed for a while."""

    CUFF = "cuff"  # a cuff is pumped up on the arm of the sensors
    CALIBRATION = "calibration"  # the cuff monitor calibrates itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Interruption:
    """What is known to disturb both sensors from ``t_us`` on, until it is said to be over.

    One that is never ended ends by itself (``dsp.interruption.LONGEST_US``).
    """

    t_us: int
    cause: Cause
    is_on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputReference:
    """A cardiac output measured by another method, such as thermodilution; told at ``t_us``, the stream's time.

    It is good for ``valid_us`` after ``measured_us``, which may lie before the start of the stream.
    """

    t_us: int
    measured_us: int
    output_l_min: float
    valid_us: int

    def __post_init__(self) -> None:
        if not LEAST_OUTPUT_L_MIN <= self.output_l_min <= MOST_OUTPUT_L_MIN:
            raise ValueError(
                f"output_l_min: expected {LEAST_OUTPUT_L_MIN}..{MOST_OUTPUT_L_MIN}, got {self.output_l_min}"
            )
        if self.valid_us <= 0:
            raise ValueError(f"valid_us: expected more than 0, got {self.valid_us}")


LEAST_OUTPUT_L_MIN, MOST_OUTPUT_L_MIN = 0.5, 25.0  # cardiogenic shock and a trained heart at work


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """Time has passed, whether or not anything came."""

    t_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """One pulse on one channel; ``t_us`` is its mid-upslope.

    ``mean_mmhg`` is the mean over the cycle that ended at this beat's onset: it need not wait for the next beat.
    Pressures are None on a pleth, ``mean_mmhg`` also where the preceding cycle is not whole.
    """

    channel: Channel
    t_us: int
    onset_us: int
    peak_us: int
    interval_us: int | None  # from the preceding beat, None where a beat between may have been missed
    systolic_mmhg: float | None
    diastolic_mmhg: float | None
    mean_mmhg: float | None
    sqi: float
    accepted: bool
    reasons: tuple[Reason, ...] = ()
    findings: tuple[Finding, ...] = field(default=(), compare=False)  # of a rejected one, the rules that decided


@dataclass(frozen=True, slots=True, kw_only=True)
class Vital:
    """One quantity at one second; ``t_us`` is the end of its averaging window."""

    t_us: int
    quantity: Quantity
    reading: Reading

    @property
    def unit(self) -> str:
        """The quantity's own, or that of a relative value."""
        is_relative = isinstance(self.reading, Measured) and self.reading.is_relative
        return RELATIVE_UNIT if is_relative else self.quantity.unit
