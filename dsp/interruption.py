"""What somebody says is disturbing the sensors in, summaries without what was measured meanwhile out."""

from __future__ import annotations

from dsp.channel import SECOND_US, Summary
from dsp.rules import Rule, found
from dsp.types import Cause, Channel, Interruption, Reason
from dsp.window import Window

# Who says that a cuff is pumped up may fail to say that it is over: no cuff may hold an arm for longer (IEC 80601-2-30,
# as quoted in public; its text was not at hand), and a cuff monitor calibrates itself within seconds.
LONGEST_US = {Cause.CUFF: 180 * SECOND_US, Cause.CALIBRATION: 60 * SECOND_US}
RECOVERY_US = {Cause.CUFF: 3 * SECOND_US, Cause.CALIBRATION: SECOND_US}  # blood comes back in a rush; own choice
REMEMBERED_US = 30 * SECOND_US
_DISTURBED = {Cause.CUFF: (Channel.PLETH, Channel.PRESSURE), Cause.CALIBRATION: (Channel.PRESSURE,)}
_REASONS = {Cause.CUFF: Reason.CUFF, Cause.CALIBRATION: Reason.CALIBRATION}


class Interruptions:
    """The stretches of time that somebody has announced."""

    def __init__(self) -> None:
        self._since_us: dict[Cause, int] = {}
        self._past: list[tuple[Cause, int, int]] = []  # from, until

    def feed(self, event: Interruption) -> None:
        """Take an announcement; beginning twice or ending nothing changes nothing."""
        if event.is_on:
            self._since_us.setdefault(event.cause, event.t_us)
            return
        since_us = self._since_us.pop(event.cause, None)
        if since_us is not None:
            self._end(event.cause, since_us, event.t_us)

    def applied(self, summary: Summary, channel: Channel) -> Summary:
        """The summary without the pulses of such stretches, and with the cause while one lasts."""
        if not self._past and not self._since_us:
            return summary
        for cause, since_us in list(self._since_us.items()):
            if summary.t_us - since_us > LONGEST_US[cause]:
                del self._since_us[cause]
                self._end(cause, since_us, since_us + LONGEST_US[cause])
        self._past = [span for span in self._past if span[2] > summary.t_us - REMEMBERED_US]
        open_ended = [(cause, since_us, since_us + LONGEST_US[cause]) for cause, since_us in self._since_us.items()]
        spans = [span for span in (*self._past, *open_ended) if channel in _DISTURBED[span[0]]]
        if not spans:
            return summary
        pulses = Window(
            p
            for p in summary.pulses
            if not any(a <= p.candidate.peak_us and p.candidate.onset_us <= b for _, a, b in spans)
        )
        summary = summary._replace(pulses=pulses)
        for cause, a, b in spans:
            if a < summary.t_us <= b:
                told = found(Rule.INTERRUPTED, since_s=(summary.t_us - a) / 1e6, most_s=(b - a) / 1e6)
                return summary.without(_REASONS[cause], told)
        return summary

    def _end(self, cause: Cause, since_us: int, until_us: int) -> None:
        self._past.append((cause, since_us, until_us + RECOVERY_US[cause]))
