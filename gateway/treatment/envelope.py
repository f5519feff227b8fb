"""Rises over baseline in, whether the patient has left the expected course out: an early advisory, never an alarm.

The upper edge is a quarter more than the usual rise at that time plus a scatter: on the climb it lies under the limit
of 20 % over baseline, so that a rise that comes too soon or too steeply is seen before its alarm; at the peak, where
usual rises come near that limit, it does not. The lower edge is a fall that ketamine does not make. Both are derived,
not taken from a source: a clinic has to sign them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import product

import dsp
from gateway.treatment.routes import Course

_FACTOR = 1.25
_SCATTER = {dsp.Quantity.SYSTOLIC: 8.0, dsp.Quantity.DIASTOLIC: 6.0, dsp.Quantity.PULSE_RATE: 10.0}
_FALL = {dsp.Quantity.SYSTOLIC: 20.0, dsp.Quantity.DIASTOLIC: 15.0, dsp.Quantity.PULSE_RATE: 20.0}
_HOLD_SECONDS = 30  # good ones beyond an edge before it is said, and inside before it is taken back
_WORDS = {dsp.Quantity.SYSTOLIC: "systolic", dsp.Quantity.DIASTOLIC: "diastolic", dsp.Quantity.PULSE_RATE: "pulse rate"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Edges:
    """What is expected of one quantity now, its own unit."""

    low: float
    high: float


def edges(course: Course, baseline: Mapping[dsp.Quantity, float], since_ms: Sequence[int]) -> dict[dsp.Quantity, Edges]:
    """The expected range of every quantity that has a baseline; ``since_ms`` of every dose: their effects add up."""
    share = sum(course.share(since) for since in since_ms)
    return {
        quantity: Edges(
            low=baseline[quantity] - _FALL[quantity],
            high=baseline[quantity] + _FACTOR * rise * share + _SCATTER[quantity],
        )
        for quantity, rise in course.rise.items()
        if quantity in baseline
    }


class Side(Enum):
    """Of the expected course."""

    ABOVE = "above"
    BELOW = "below"


class EnvelopeWatch:
    """Says when a quantity has been outside its edges for half a minute of good seconds.

    Parameters
    ----------
    outside : what was when an earlier start of the gateway was killed
    """

    def __init__(self, outside: Iterable[tuple[dsp.Quantity, Side]] = ()) -> None:
        self._seconds: dict[tuple[dsp.Quantity, Side], int] = {}
        self._outside = set(outside)

    @property
    def outside(self) -> list[tuple[dsp.Quantity, Side]]:
        """What is outside, in an order that is always the same."""
        return [key for key in product(_WORDS, Side) if key in self._outside]

    def feed(self, values: Mapping[dsp.Quantity, float | None], expected: Mapping[dsp.Quantity, Edges]) -> None:
        """Take a second; one that is not good changes nothing."""
        for quantity, edge in expected.items():
            value = values.get(quantity)
            if value is not None:
                self._count((quantity, Side.ABOVE), value > edge.high)
                self._count((quantity, Side.BELOW), value < edge.low)

    def _count(self, key: tuple[dsp.Quantity, Side], is_beyond: bool) -> None:
        was_outside = key in self._outside
        self._seconds[key] = self._seconds.get(key, 0) + 1 if is_beyond is not was_outside else 0
        if self._seconds[key] >= _HOLD_SECONDS:
            self._seconds[key] = 0
            (self._outside.discard if was_outside else self._outside.add)(key)

    def beyond(self, side: Side) -> list[str]:
        """The quantities beyond one edge, in words."""
        return [_WORDS[quantity] for quantity in _WORDS if (quantity, side) in self._outside]
