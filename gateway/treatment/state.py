"""What of a session survives a restart of the gateway: plain values.

Times are of two kinds. ``utc_ms`` is for people and stays as it was written, however wrong the clock was.
``clock_ms`` is the session's own: how long it has been observed, counted by the data; only that says how long ago
something was.
"""

from __future__ import annotations

import msgspec

import dsp
from gateway.treatment.envelope import Side
from gateway.treatment.phases import Phase
from gateway.treatment.records import Advisory, BaselineValue, Cuff, NurseItem, SessionEvent, VitalSigns
from gateway.treatment.routes import Route


class GivenDose(msgspec.Struct, frozen=True, kw_only=True):
    """A dose, or a supplement, and when it began."""

    utc_ms: int
    clock_ms: int
    amount_mg: float | None


class CuffReading(msgspec.Struct, frozen=True, kw_only=True):
    """What a person read from a cuff, and when."""

    utc_ms: int
    cuff: Cuff


class SessionState(msgspec.Struct, kw_only=True):
    """One session from its start on; the record is ``events``."""

    phase: Phase = Phase.IDLE
    phase_since_ms: int | None = None
    route: Route | None = None
    series: str | None = None
    is_over_65: bool = False
    started_ms: int | None = None
    ended_ms: int | None = None
    finished_ms: int | None = None
    finished_clock_ms: int | None = None
    doses: list[GivenDose] = []
    baseline: dict[dsp.Quantity, BaselineValue] = {}
    cuffs: list[CuffReading] = []
    items: dict[NurseItem, int] = {}
    advisories: list[Advisory] = []
    outside: list[tuple[dsp.Quantity, Side]] = []  # of the expected course
    form: list[VitalSigns] = []
    peak_rise: dict[dsp.Quantity, float] = {}
    peak_clock_ms: int | None = None
    fit_since_ms: int | None = None
    first_fit_ms: int | None = None
    events: list[SessionEvent] = []
    lines_dropped: int = 0


class Stored(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A session as it is kept; ``saved_utc_ms`` is the gateway's time when it was, ``clock_ms`` the session's."""

    saved_utc_ms: int
    clock_ms: int
    session: SessionState
