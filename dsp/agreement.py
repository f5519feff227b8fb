"""What the pleth and the pressure say of the same heart in, doubt where they contradict each other out."""

from __future__ import annotations

from dsp.channel import Summary
from dsp.readings import DOUBTED_SQI
from dsp.rules import Finding, Rule, found
from dsp.types import Measured, Reading, Reason

# Li, Mark and Clifford 2008 fuse by quality; two rates of good quality that differ by more than this are not both
# right, and nothing says which is.
MOST_BPM, MOST_SHARE = 5.0, 0.10
WITNESS_SQI = 0.5  # quality from which one sensor's pulse tells that the heart beats


def located(summary: Summary, other: Summary) -> Summary:
    """A missing pulse is a lost signal where the other sensor still has one: no arrest.

    Without such a witness it stays *no pulse*: an arrest must not be called anything else.
    """
    is_gone = summary.unavailable in (Reason.NO_PULSE, Reason.IRREGULAR)
    if not is_gone or other.unavailable is not None or other.pulses.sqi < WITNESS_SQI:
        return summary
    finding = found(Rule.OTHER_PULSE, sqi=other.pulses.sqi, least=WITNESS_SQI)
    return summary.without(Reason.SIGNAL_LOST, finding)


def contradict(pressure: Reading, pleth: Reading) -> Finding | None:
    """By how much two rates of good quality differ, where that is more than one heart can."""
    if not (isinstance(pressure, Measured) and isinstance(pleth, Measured)):
        return None
    most = max(MOST_BPM, MOST_SHARE * max(pressure.value, pleth.value))
    apart = abs(pressure.value - pleth.value)
    if min(pressure.sqi, pleth.sqi) <= DOUBTED_SQI or apart <= most:
        return None
    rates = {"pressure_per_min": pressure.value, "pleth_per_min": pleth.value}
    return found(Rule.RATES_DIFFER, apart_per_min=apart, most=most, **rates)
