"""The readings of one quantity in, second by second, those not yet to be trusted doubted out.

The rules compare a signal with what it was before. One that has been doubtful ever since it began has no such before:
a lamp, a movement or a line that rings may be all that was ever seen of this patient, and looks like a pulse as soon
as it is regular. So it is trusted after it has been good for as long as it was doubtful. A patient that is known needs
none of this, and a sensor that was plainly away, as its own reason says, begins anew.
"""

from __future__ import annotations

from dsp.channel import SECOND_US
from dsp.readings import questioned
from dsp.rules import Rule, found
from dsp.types import Measured, Reading, Reason

GOOD_SQI = 0.5
KNOWN_SECONDS = 8  # good ones, as many as a window has
FORGOTTEN_US = 300 * SECOND_US  # without a good one
# What one event leaves behind lasts a window and half of one; no movement keeps a rhythm for longer than the latter.
LEAST_SECONDS, MOST_SECONDS = 12, 30
_OF_THE_SIGNAL = (Reason.IRREGULAR, Reason.ARTIFACT, Reason.MOTION, Reason.LOW_PERFUSION)
_AWAY = (
    Reason.NO_CHANNEL,
    Reason.NO_DATA,
    Reason.LINK_LOST,
    Reason.STALE,
    Reason.FLAT,
    Reason.PROBE_OFF,
    Reason.CUFF,
    Reason.CALIBRATION,
)


class Probation:
    """How long one quantity has been doubtful before it was known."""

    def __init__(self) -> None:
        self._good = 0  # seconds, up to ``KNOWN_SECONDS``
        self._good_us = 0  # the newest of them
        self._doubtful = 0  # seconds since the last good one
        self._searched = 0  # seconds after those in which the pulse was still looked for
        self._left = 0  # seconds of probation

    def judged(self, t_us: int, reading: Reading, *, is_timed: bool = False) -> Reading:
        """The reading, doubted while on probation; ask once a second, in order.

        ``is_timed``: a doubt that ends after a time of its own is not counted.
        """
        if t_us - self._good_us > FORGOTTEN_US:
            self._good = 0
        if not isinstance(reading, Measured):
            self._note(reading.reason)
            return reading
        if reading.sqi < GOOD_SQI:
            self._count(0 if is_timed else 1)
            return reading
        if self._doubtful:
            is_long = self._doubtful >= LEAST_SECONDS and self._good < KNOWN_SECONDS
            self._left = min(MOST_SECONDS, self._doubtful) if is_long else 0
            self._doubtful = 0
        self._searched = 0
        if self._left:
            self._left -= 1
            return questioned(reading, Reason.LEARNING, found(Rule.PROBATION, left_s=self._left))
        self._good, self._good_us = min(KNOWN_SECONDS, self._good + 1), t_us
        return reading

    def _note(self, reason: Reason) -> None:
        """Take a second without a value."""
        if reason is Reason.LEARNING:
            self._searched += 1
        elif reason in _OF_THE_SIGNAL:
            self._count(1 + self._searched)
        elif reason in _AWAY:
            self._doubtful = self._searched = self._left = 0

    def _count(self, seconds: int) -> None:
        """Take seconds of doubt; what was left of a probation is not served."""
        self._doubtful += seconds + self._left
        self._searched = self._left = 0
