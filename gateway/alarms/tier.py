"""One priority of one alarm condition: what is set of it in a profile."""

from __future__ import annotations

from typing import Annotated

import msgspec

from gateway.alarms.types import Priority

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Tier(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One priority at which a condition alarms.

    Attributes
    ----------
    limit : absolute; of ``pulse-lost`` the seconds without a beat
    percent, points : instead of a limit: so much away from the session's baseline, once there is one
    bound : a relative limit is never nearer to normal than this
    delay_s : how long the value has to stay beyond the limit
    point_seconds : or until points beyond the limit times seconds are so many, if that is sooner
    beats : how many beats in a row
    drop, window_s : fallen by so many points within so long
    source : where the numbers come from
    """

    priority: Priority
    source: Text
    limit: float | None = None
    percent: float | None = None
    points: float | None = None
    bound: float | None = None
    delay_s: float = 0.0
    point_seconds: float | None = None
    beats: int | None = None
    drop: float | None = None
    window_s: float | None = None
