"""A quantity in, how long its value looks back and how late it can be out: what alarms and documents quote.

Derived in docs/dsp.md, in the words used here. *Window*: what one value is made of. *Latency*: worst case from a change
in the signal to the first published value without anything from before the change; until then the value lies between
old and new, or there is none. *Silence*: worst case from the end of the signal, or of its pulse, to no value. All are
in stream time, up to the second in which the value is published; the way to a subscriber comes on top.
"""

from __future__ import annotations

from dataclasses import dataclass

from dsp.channel import LONGEST_PATIENCE_US, SECOND_US, STALE_US, WINDOW_US
from dsp.history import LONGEST_US
from dsp.oximetry import SPO2_LATENCY_US, SPO2_WINDOW_US
from dsp.types import Quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """The times of one quantity."""

    window_us: int
    latency_us: int
    silence_us: int


_PULSE_ENDS_US = LONGEST_PATIENCE_US + SECOND_US  # a pulse is believed so long after its last beat

_BEAT = Timing(window_us=WINDOW_US, latency_us=WINDOW_US + SECOND_US, silence_us=_PULSE_ENDS_US)
# The foot and the mean of a beat's cycle are those of the cycle before it, which may begin before the window does.
_CYCLE = Timing(window_us=WINDOW_US, latency_us=WINDOW_US + LONGEST_US + SECOND_US, silence_us=_PULSE_ENDS_US)

TIMINGS: dict[Quantity, Timing] = {
    Quantity.PULSE_RATE: _BEAT,
    Quantity.SYSTOLIC: _BEAT,
    Quantity.DIASTOLIC: _CYCLE,
    Quantity.MEAN_PRESSURE: _CYCLE,
    Quantity.PERFUSION_INDEX: _CYCLE,
    Quantity.SPO2: Timing(window_us=SPO2_WINDOW_US, latency_us=SPO2_LATENCY_US, silence_us=_PULSE_ENDS_US),
    Quantity.MOTION: Timing(window_us=SECOND_US, latency_us=STALE_US + 2 * SECOND_US, silence_us=STALE_US + SECOND_US),
}
"""Of every quantity that is measured."""
