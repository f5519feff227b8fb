"""What is seen of one tier each second in, whether it holds out: condition delay, hysteresis, severity times time.

A tier begins to hold when its value has been beyond the limit for its delay, and ends when it has been back, inside
the limit by the hysteresis, for some seconds. A second without data neither confirms nor ends anything: where data come
and go, the delay is counted in the seconds that were judged. A doubtful value needs longer to begin and longer to end
it: it may be wrong by anything, but a real change may look like that, and what never ended would hide the next one.
A tier that another profile sets goes on where the one before it stood.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

from gateway.alarms.tier import Tier

SECOND_US = 1_000_000
SETTLE_US = 5 * SECOND_US  # a value on its way back and forth over the limit is one alarm
DOUBTFUL_SETTLE_US = 15 * SECOND_US  # the longest of those delays (S52): back for so long, surely or not
DOUBT_US = 10 * SECOND_US  # of the delays 0, 5, 10 and 15 s that monitors offer for the sake of movement (S52)
LOST_US = 3 * SECOND_US  # older than this is not live (product.md): what is beyond is then unknown
FORGET_US = 60 * SECOND_US  # as an acknowledged condition is let go (gateway.alarms.watch)
VIOLATIONS, VIOLATIONS_US = 3, 60 * SECOND_US  # so many short ones alarm like a long one (Nellcor SatSeconds, S70)


class Missing(Enum):
    """Why a tier cannot be judged."""

    DATA = auto()  # there is no value now
    SETTING = auto()  # it is not watched now: no baseline, no patient yet, no such sensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One tier at one second.

    Attributes
    ----------
    is_back : inside the limit by the hysteresis
    is_urgent : holds at once, without the delay
    """

    is_beyond: bool
    is_back: bool
    value: float | None = None
    limit: float | None = None
    is_doubtful: bool = False
    is_urgent: bool = False
    detail: str = ""


@dataclass(slots=True)
class Hold:
    """One tier over time."""

    tier: Tier
    is_held: bool = False
    limit: float | None = None  # that it crossed, while it is held
    judged_us: int | None = None
    since_us: int | None = None  # beyond without a break
    back_us: int | None = None  # inside without a break
    doubtful_back_us: int | None = None  # the same, surely or not
    points: float = 0.0
    violations_us: list[int] = field(default_factory=list)

    def feed(self, t_us: int, seen: Observation | Missing, *, may_hurry: bool = True) -> None:
        """Take one second; only the lowest of a condition's tiers may hurry."""
        match seen:
            case Missing.SETTING:
                self.release()
            case Missing.DATA:
                self._miss(t_us)
            case Observation():
                self._skip_gap(t_us)
                self.judged_us = t_us
                if seen.is_beyond:
                    self._beyond(t_us, seen, may_hurry=may_hurry)
                else:
                    self._inside(t_us, seen)

    def take_over(self, other: Hold) -> None:
        """Go on with the run of another tier: who sets limits does not make a patient wait anew."""
        self.judged_us, self.since_us = other.judged_us, other.since_us
        self.back_us, self.doubtful_back_us = other.back_us, other.doubtful_back_us
        self.points, self.violations_us = other.points, other.violations_us

    def release(self) -> None:
        """Hold no more, and begin from nothing."""
        self.is_held, self.limit, self.judged_us = False, None, None
        self.violations_us.clear()
        self._forget_run()

    def _miss(self, t_us: int) -> None:
        """What was back is unknown soon; what was beyond goes on when it is measured again, if that is soon."""
        if self.judged_us is None or t_us - self.judged_us > FORGET_US:
            self._forget_run()
        elif t_us - self.judged_us > LOST_US:
            self.back_us = self.doubtful_back_us = None

    def _skip_gap(self, t_us: int) -> None:
        """Seconds that were not judged count for no delay, beyond those that are bridged."""
        if self.since_us is None:
            return
        assert self.judged_us is not None
        missing_us = t_us - self.judged_us - SECOND_US
        if missing_us > LOST_US:
            self.since_us += missing_us

    def _forget_run(self) -> None:
        self.since_us = self.back_us = self.doubtful_back_us = None
        self.points = 0.0

    def _beyond(self, t_us: int, seen: Observation, *, may_hurry: bool) -> None:
        self.back_us = self.doubtful_back_us = None
        if self.since_us is None:
            self.since_us = t_us
            self.violations_us = [at for at in self.violations_us if t_us - at < VIOLATIONS_US] + [t_us]
        if seen.value is not None and seen.limit is not None and not seen.is_doubtful:
            self.points += abs(seen.value - seen.limit)
        if not self.is_held and ((seen.is_urgent and may_hurry) or self._is_long_enough(t_us - self.since_us, seen)):
            self.is_held, self.limit = True, seen.limit

    def _is_long_enough(self, run_us: int, seen: Observation) -> bool:
        if run_us >= self.tier.delay_s * SECOND_US + (DOUBT_US if seen.is_doubtful else 0):
            return True
        if self.tier.point_seconds is None or seen.is_doubtful:
            return False
        return self.points >= self.tier.point_seconds or len(self.violations_us) >= VIOLATIONS

    def _inside(self, t_us: int, seen: Observation) -> None:
        self.since_us, self.points = None, 0.0
        if not seen.is_back:
            self.back_us = self.doubtful_back_us = None
            return
        self.doubtful_back_us = t_us if self.doubtful_back_us is None else self.doubtful_back_us
        self.back_us = None if seen.is_doubtful else t_us if self.back_us is None else self.back_us
        is_settled = self.back_us is not None and t_us - self.back_us >= SETTLE_US
        if self.is_held and (is_settled or t_us - self.doubtful_back_us >= DOUBTFUL_SETTLE_US):
            self.is_held, self.limit = False, None
