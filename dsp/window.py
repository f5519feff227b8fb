"""Pulses of one channel in, what many stages ask of all of them out: each answer is worked out once."""

from __future__ import annotations

from functools import cached_property
from statistics import median

from dsp.pulse import Pulse
from dsp.types import Reason

SURE_SQI = 0.3  # of a beat; with less the window as a whole has no value


class Window(tuple[Pulse, ...]):
    """The pulses of a stretch of time, in order."""

    @cached_property
    def accepted(self) -> tuple[Pulse, ...]:
        """The beats among them."""
        return tuple([p for p in self if p.accepted])

    @cached_property
    def intervals_us(self) -> list[int]:
        """The intervals that are known, in order."""
        return [p.interval_us for p in self.accepted if p.interval_us is not None]

    @cached_property
    def newest_us(self) -> int:
        """Time of the newest beat; there is one."""
        return max([p.candidate.upslope_us for p in self.accepted])

    @cached_property
    def sqi(self) -> float:
        """Mean quality of the beats, rejected ones counting as nothing."""
        judged = [p.sqi if p.accepted else 0.0 for p in self if Reason.LEARNING not in p.reasons]
        return sum(judged) / len(judged) if judged else 0.0

    @cached_property
    def reasons(self) -> frozenset[Reason]:
        """Why some of them are rejected or doubtful."""
        return frozenset([reason for p in self for reason in p.reasons])

    @cached_property
    def ordinary(self) -> tuple[Pulse, ...]:
        """The beats without those that are unlike the usual ones together with their neighbours."""
        strange = [p.likeness.strangeness if p.likeness else None for p in self.accepted]
        if all([x is None or x <= 1 for x in strange]):
            return self.accepted
        near = [[x for x in strange[max(0, k - 1) : k + 2] if x is not None] for k in range(len(strange))]
        pairs = zip(self.accepted, near, strict=True)
        return tuple([p for p, values in pairs if not values or median(values) <= 1])

    @cached_property
    def ordinary_begun(self) -> tuple[Pulse, ...]:
        """The beats whose own cycle is ordinary: the next one ends it. The last is taken for like the one before."""
        ordinary = set(map(id, self.ordinary))
        ends = (*self.accepted[1:], *self.accepted[-1:])
        return tuple([p for p, end in zip(self.accepted, ends, strict=True) if id(end) in ordinary])

    @cached_property
    def sure_us(self) -> list[int]:
        """The intervals between beats that are ordinary and of some quality."""
        ordinary = set(map(id, self.ordinary))
        is_sure = [id(p) in ordinary and p.sqi >= SURE_SQI for p in self.accepted]
        sure = [p for p, ends, begins in zip(self.accepted, is_sure, [True, *is_sure], strict=False) if ends and begins]
        return [p.interval_us for p in sure if p.interval_us is not None]

    @cached_property
    def rejected(self) -> int:
        """How many are no beats."""
        return len(self) - len(self.accepted)
