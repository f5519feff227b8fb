"""What a session is made of: what a person may order, and what its document and its stored state hold.

Times are ``utc_ms``, so that they mean the same after a restart of the gateway.
"""

from __future__ import annotations

import unicodedata
from enum import Enum
from typing import Annotated

import msgspec

import dsp
from gateway.treatment.phases import Phase
from gateway.treatment.routes import Route

MAX_EVENTS = 400  # of a session; a session of four hours with a mark a minute has 240
_LONGEST_NAME = 64

_Note = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
_Series = Annotated[str, msgspec.Meta(min_length=1, max_length=_LONGEST_NAME)]
_Amount = Annotated[float, msgspec.Meta(gt=0, le=1000)]  # mg; the largest oral dose of a heavy person is about 400
_Pressure = Annotated[int, msgspec.Meta(ge=20, le=300)]  # mmHg, what a cuff can show


class Start(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="action", tag="start"):
    """A patient is in the chair. ``series`` is the name that the clinic gives this patient's course of sessions."""

    route: Route
    series: _Series | None = None
    is_over_65: bool = False


class TakeBaseline(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="action", tag="baseline"
):
    """The patient rests: from now on good seconds count for the baseline."""


class Dose(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="action", tag="dose"):
    """The dose begins."""

    amount_mg: _Amount | None = None


class Finish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="action", tag="finish"):
    """The dose is given completely."""


class Stop(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="action", tag="stop"):
    """The dose was stopped before it was given completely."""

    text: _Note | None = None


class Supplement(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="action", tag="supplement"
):
    """More of the drug is given."""

    amount_mg: _Amount | None = None


class Check(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="action", tag="check"):
    """What a person has judged; items that are not named keep what they were."""

    items: dict[NurseItem, Annotated[int, msgspec.Meta(ge=0, le=2)]]


class End(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="action", tag="end"):
    """The patient has left the chair."""

    text: _Note | None = None


Order = Start | TakeBaseline | Dose | Finish | Stop | Supplement | Check | End


class Note(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="note"):
    """A sentence for the record."""

    text: _Note


class Cuff(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="cuff"):
    """A pressure that was read from a cuff, mmHg."""

    systolic_mmhg: _Pressure
    diastolic_mmhg: _Pressure


Mark = Note | Cuff


class NurseItem(Enum):
    """What a person judges for the discharge scores; each 0 to 2, the last three 0 or 1."""

    PADSS_ACTIVITY = "padss_activity"
    PADSS_PAIN_NAUSEA = "padss_pain_nausea"
    PADSS_BLEEDING = "padss_bleeding"
    PADSS_INTAKE = "padss_intake"
    ALDRETE_ACTIVITY = "aldrete_activity"
    ALDRETE_RESPIRATION = "aldrete_respiration"
    ALDRETE_CONSCIOUSNESS = "aldrete_consciousness"
    DISSOCIATION_CLEARED = "dissociation_cleared"
    SEDATION_CLEARED = "sedation_cleared"
    ESCORT_PRESENT = "escort_present"

    @property
    def most(self) -> int:
        return 2 if self.value.startswith(("padss", "aldrete")) else 1


class EventKind(Enum):
    """What a line of the session's record is about."""

    START = "start"
    BASELINE = "baseline"
    DOSE = "dose"
    FINISH = "finish"
    STOP = "stop"
    SUPPLEMENT = "supplement"
    CHECK = "check"
    END = "end"
    NOTE = "note"
    CUFF = "cuff"
    CALIBRATION = "calibration"
    INTERRUPTION = "interruption"  # of the signals, by a cuff that a person has announced
    PHASE = "phase"
    ADVISORY = "advisory"
    ALARM = "alarm"  # a person's command to the alarm system
    RESTART = "restart"


class SessionEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the record; ``who`` is null where nobody did it."""

    utc_ms: int
    who: str | None
    kind: EventKind
    phase: Phase
    text: str


class BaselineValue(msgspec.Struct, frozen=True, kw_only=True):
    """Median of so many good seconds; ``is_uncalibrated`` where the size of its error is not known."""

    value: float
    seconds: int
    is_uncalibrated: bool


class Advisory(msgspec.Struct, frozen=True, kw_only=True):
    """Something to know, never an alarm and never advice: what was seen, against what was expected."""

    name: str  # hold | no-baseline | above-envelope | below-envelope | larger-than-before | ...
    since_utc_ms: int
    text: str


class GateState(Enum):
    """Whether a criterion is met; unknown where something is not measured or not entered."""

    MET = "met"
    NOT_MET = "not met"
    UNKNOWN = "unknown"


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """One criterion of discharge."""

    name: str
    state: GateState
    text: str


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """A discharge score: its parts as far as they are known; the total is null while one is missing."""

    total: int | None
    parts: dict[str, int | None]


class Discharge(msgspec.Struct, frozen=True, kw_only=True):
    """How far the criteria are met; the decision is a person's. ``fit_since_utc_ms``: ready since then, if so."""

    is_fit: bool
    fit_since_utc_ms: int | None
    first_fit_utc_ms: int | None  # the REMS form asks when the patient would have been ready
    gates: list[Gate]
    padss: Score
    aldrete: Score


class VitalSigns(msgspec.Struct, frozen=True, kw_only=True):
    """Medians of the good seconds of one minute, null where there were too few: a line of a monitoring form."""

    when: str  # prior | 40 min | completion
    utc_ms: int
    systolic: float | None
    diastolic: float | None
    pulse_rate: float | None
    spo2: float | None


class Summary(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stays of a session, for the comparison with later ones of the same series."""

    series: str
    route: Route
    started_utc_ms: int
    ended_utc_ms: int
    dose_mg: float | None
    baseline: dict[dsp.Quantity, float]
    peak_rise: dict[dsp.Quantity, float]
    peak_after_ms: int | None  # of the systolic pressure, from the dose


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """This session's largest rise beside those of the patient's earlier ones by the same route, oldest first."""

    sessions: int
    earlier_systolic_rise: list[float]
    systolic_rise: float | None
    is_larger: bool


def series_name(text: str) -> str | None:
    """A series name as it is kept, or None if it cannot be one: opaque, printable, at most 64 characters."""
    name = unicodedata.normalize("NFC", text).strip()
    return name if name and len(name) <= _LONGEST_NAME and name.isprintable() else None


def note_text(text: str) -> str | None:
    """A person's sentence as it is kept, or None if it has characters that could change how the record is read."""
    kept = unicodedata.normalize("NFC", text).strip()
    return kept if kept and kept.isprintable() else None
