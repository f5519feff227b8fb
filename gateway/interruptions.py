"""What people say of a cuff: an announcement in, why it is refused or what the monitor is told out.

It is not kept over a restart of the gateway: where nobody knows of a cuff any more, no pulse is what it looks like.
"""

from __future__ import annotations

from dataclasses import dataclass

import dsp
from dsp.interruption import LONGEST_US

_SECOND_US = 1_000_000
_WORDS = {dsp.Cause.CUFF: dsp.Reason.CUFF.value, dsp.Cause.CALIBRATION: dsp.Reason.CALIBRATION.value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """Somebody has said that it begins; it has not ended yet."""

    cause: dsp.Cause
    since_us: int
    who: str

    def told(self) -> dsp.Interruption:
        """The same for a monitor."""
        return dsp.Interruption(t_us=self.since_us, cause=self.cause, is_on=True)


class Interruptions:
    """Those of one chair."""

    def __init__(self) -> None:
        self._announced: dict[dsp.Cause, Announced] = {}
        self._news: list[dsp.Interruption] = []

    @property
    def standing(self) -> list[Announced]:
        """What has been said to begin and is not over."""
        return list(self._announced.values())

    def news(self) -> list[dsp.Interruption]:
        """What the monitor has to be told, since the last call."""
        told, self._news = self._news, []
        return told

    def begin(self, t_us: int, who: str, cause: dsp.Cause) -> str:
        """Take the word of ``who``; an answer that is not empty is a refusal.

        Saying it twice would not make it longer, and whoever says it may believe that it does.
        """
        if cause in self._announced:
            first = self._announced[cause]
            age_s = (t_us - first.since_us) // _SECOND_US
            return f"{_WORDS[cause]}: {first.who} has said so {age_s} s ago, and it is not over"
        self._announced[cause] = Announced(cause=cause, since_us=t_us, who=who)
        self._news.append(self._announced[cause].told())
        return ""

    def end(self, t_us: int, cause: dsp.Cause) -> str:
        """It is over; an answer that is not empty is a refusal."""
        if self._announced.pop(cause, None) is None:
            return f"{_WORDS[cause]}: none is known; one that nobody ends is over after {_longest_s(cause)} s"
        self._news.append(dsp.Interruption(t_us=t_us, cause=cause, is_on=False))
        return ""

    def second(self, t_us: int) -> list[str]:
        """A second has passed: what nobody has ended in time is over, as the monitor has it too, and in words."""
        over = [one for one in self._announced.values() if t_us - one.since_us > LONGEST_US[one.cause]]
        for one in over:
            del self._announced[one.cause]
        return [f"{over_text(one.cause)} by itself after {_longest_s(one.cause)} s" for one in over]


def begun_text(cause: dsp.Cause, age_us: int = 0) -> str:
    """For the record."""
    seconds = age_us // _SECOND_US
    return f"{_WORDS[cause]}: begins" if seconds == 0 else f"{_WORDS[cause]}: began {seconds} s before"


def over_text(cause: dsp.Cause) -> str:
    """For the record."""
    return f"{_WORDS[cause]}: over"


def _longest_s(cause: dsp.Cause) -> int:
    return LONGEST_US[cause] // _SECOND_US
