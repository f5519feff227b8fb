"""What a chair keeps for a restart of its gateway: bytes in, the alarm engine and the session as they go on out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from gateway.alarms import AlarmEngine, Condition, Profile, State
from gateway.alarms.state import Record
from gateway.decoding import decoded
from gateway.treatment import Route, Treatment
from gateway.treatment.records import Summary
from gateway.treatment.state import Stored

FORMAT = 3
_STARTS = 10  # kept of the gateway's starts


class Kept(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of it; ``saved_utc_ms`` is the gateway's time when it was, ``profile`` and ``profiles`` what was set then."""

    format: int
    saved_utc_ms: int
    alarms: State
    session: Stored
    profile: Profile
    profiles: dict[Route, Profile]
    starts: list[int] = []  # of the gateway, utc_ms, the newest last


class _Any(msgspec.Struct, frozen=True):
    """What every format has."""

    format: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """An output that is stored before those after it go out: who has heard of something finds it again."""

    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """An output: a session of a series has ended; what stays of it is stored for later ones."""

    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """Where a chair goes on.

    Attributes
    ----------
    lost : why what it had kept cannot be read, empty if it can or there is none
    is_unusable : there was a state, and it is not the one that goes on
    starts : when its gateway was started, with this time, utc_ms
    """

    engine: AlarmEngine
    treatment: Treatment
    lost: str
    is_unusable: bool
    starts: list[int]


def kept_bytes(
    alarms: State, session: Stored, starts: list[int], profile: Profile, profiles: Mapping[Route, Profile]
) -> bytes:
    """What is kept, as it is stored."""
    kept = Kept(
        format=FORMAT,
        saved_utc_ms=session.saved_utc_ms,
        alarms=alarms,
        session=session,
        profile=profile,
        profiles=dict(profiles),
        starts=starts[-_STARTS:],
    )
    return msgspec.json.encode(kept)


def last_good(payload: bytes | None) -> tuple[Profile | None, dict[Route, Profile]]:
    """The profile that was set without a session, and those of routes; none of a state that cannot be read."""
    kept, _ = _read(payload)
    return (None, {}) if kept is None else (kept.profile, kept.profiles)


def resume(
    payload: bytes | None,
    *,
    profile: Profile,
    profiles: Mapping[Route, Profile],
    series: str,
    started_utc_ms: int,
    earlier: Sequence[Summary] = (),
    lost: str = "",
) -> Resumed:
    """Go on from what was kept, or begin.

    Parameters
    ----------
    payload : what was kept, None if nothing was or it could not be read, and then ``lost`` may say why
    profile, profiles : in force without a session, and with one of a route
    series : makes the ids of this start of the gateway unique
    started_utc_ms : the gateway's time at ``t_us`` 0
    """
    treatment = Treatment(earlier=earlier)
    kept, fault = _read(payload)
    lost = "; ".join(one for one in (fault, lost) if one)
    if kept is None:
        starts = []
        engine = AlarmEngine(profile, series=series)
    else:
        starts = kept.starts
        engine = _resumed(
            kept, treatment, profile=profile, profiles=profiles, series=series, started_utc_ms=started_utc_ms
        )
    return Resumed(
        engine=engine, treatment=treatment, lost=lost, is_unusable=bool(fault), starts=[*starts, started_utc_ms]
    )


def _read(payload: bytes | None) -> tuple[Kept | None, str]:
    """What was kept, or why it cannot be read; neither if there is none."""
    if payload is None:
        return None, ""
    try:
        found = decoded(payload, _Any).format
        if found == FORMAT:
            return decoded(payload, Kept), ""
    except msgspec.DecodeError as error:
        return None, str(error)
    return None, f"format: expected {FORMAT}, found {found}"


def _resumed(
    kept: Kept,
    treatment: Treatment,
    *,
    profile: Profile,
    profiles: Mapping[Route, Profile],
    series: str,
    started_utc_ms: int,
) -> AlarmEngine:
    treatment.restore(kept.session, started_utc_ms)
    for condition in Condition:  # one that is newer than what was kept
        kept.alarms.records.setdefault(condition, Record())
    route = treatment.state.route if treatment.is_active else None
    in_force = profile if route is None else profiles.get(route, profile)
    away_us = max(0, started_utc_ms - kept.saved_utc_ms) * 1000  # a clock that is behind: as if no time had passed
    return AlarmEngine.restore(in_force, kept.alarms, series=series, t_us=-away_us)
