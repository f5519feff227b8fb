"""A quantity in, how long its value looks back and how late it can be out: what alarms and documents quote.

Derived in docs/dsp.md, in the words used here. *Window*: what one value is made of. *Latency*: worst case from a change
in the signal to the first published value without anything from before the change; until then the value lies between
old and new, or there is none. *Silence*: worst case from the end of the signal, or of its pulse, to no value. All are
in stream time, up to the second in which the value is published; the way to a subscriber comes on top.
"""

from __future__ import annotations

from dataclasses import dataclass

from dsp import ejection, hemodynamics, respiration, variability
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


def _of_cycles(window_us: int) -> Timing:
    """Interval, foot and mean of the first beat are those of the cycle before it, which begins before the window."""
    return Timing(window_us=window_us, latency_us=window_us + LONGEST_US + SECOND_US, silence_us=_PULSE_ENDS_US)


_BEAT = Timing(window_us=WINDOW_US, latency_us=WINDOW_US + SECOND_US, silence_us=_PULSE_ENDS_US)
_CYCLE = _of_cycles(WINDOW_US)
_CIRCULATION = _of_cycles(hemodynamics.WINDOW_US)
# Its series ends with the newest pulse, which may be as old as a pulse is believed, on a grid; the straight line to its
# first value begins at the pulse before, over as long a break as is bridged.
_BREATHING_US = respiration.WINDOW_US + LONGEST_PATIENCE_US + respiration.STEP_US + respiration.BRIDGE_US
_BREATHING = Timing(
    window_us=respiration.WINDOW_US, latency_us=_BREATHING_US + LONGEST_US + SECOND_US, silence_us=_PULSE_ENDS_US
)

TIMINGS: dict[Quantity, Timing] = {
    Quantity.PULSE_RATE: _BEAT,
    Quantity.SYSTOLIC: _BEAT,
    Quantity.DIASTOLIC: _CYCLE,
    Quantity.MEAN_PRESSURE: _CYCLE,
    Quantity.PERFUSION_INDEX: _CYCLE,
    Quantity.SPO2: Timing(window_us=SPO2_WINDOW_US, latency_us=SPO2_LATENCY_US, silence_us=_PULSE_ENDS_US),
    Quantity.RESPIRATION_RATE: _BREATHING,
    Quantity.PULSE_PRESSURE_VARIATION: Timing(  # over breaths as long as the respiration rate says
        window_us=variability.PRESSURE_WINDOW_US, latency_us=_BREATHING.latency_us, silence_us=_PULSE_ENDS_US
    ),
    Quantity.STROKE_VOLUME: _CIRCULATION,
    Quantity.CARDIAC_OUTPUT: _CIRCULATION,
    Quantity.SYSTEMIC_VASCULAR_RESISTANCE: _CIRCULATION,
    Quantity.EJECTION_TIME: _of_cycles(ejection.WINDOW_US),
    Quantity.PULSE_RATE_VARIABILITY: _of_cycles(variability.RATE_WINDOW_US),
    Quantity.MOTION: Timing(window_us=SECOND_US, latency_us=STALE_US + 2 * SECOND_US, silence_us=STALE_US + SECOND_US),
}
"""Of every quantity. SDNN, beside the pulse rate variability, looks back ``variability.RATE_LONG_US``."""
