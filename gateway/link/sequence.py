"""Sequence numbers and arrivals in, which frames follow the last one out, and whether of the same board for sure."""

from __future__ import annotations

from gateway.link.stream import LinkStatistics

_MODULUS = 1 << 16
RESYNC_US = 2_000_000  # after so long without a good frame any number is a new start
_SAME_BOARD_US = 1_000_000  # after so long, and with frames missing, it may be another board
_SAME_BOARD_FRAMES = 64


class Sequence:
    """Counts what is missing; a frame from the past is refused, never sorted in.

    Attributes
    ----------
    is_identified : the board has said who it is, and no other can have taken its place since
    heard_us : arrival of the last frame in sequence
    """

    def __init__(self, statistics: LinkStatistics) -> None:
        self.is_identified = False
        self.heard_us: int | None = None
        self._statistics = statistics
        self._next: int | None = None

    def restart(self) -> None:
        """Any number is a new start, of a board that has yet to say who it is."""
        self.is_identified = False
        self._next = None

    def is_silent(self, t_us: int) -> bool:
        return self.heard_us is None or t_us - self.heard_us > RESYNC_US

    def follows(self, arrival_us: int, seq: int) -> bool:
        """Place a frame behind the last one.

        After a long silence nobody knows how often the number has gone round: any is taken, and the frames lost are
        those that it shows at least.
        """
        ahead = 0 if self._next is None else (seq - self._next) % _MODULUS
        silence_us = 0 if self.heard_us is None else arrival_us - self.heard_us
        if ahead >= _MODULUS // 2 and silence_us < RESYNC_US:
            self._statistics.refused += 1
            return False
        if ahead > _SAME_BOARD_FRAMES or (ahead and silence_us > _SAME_BOARD_US):
            self.is_identified = False
        self.heard_us = arrival_us
        self._statistics.frames += 1
        self._statistics.frames_lost += ahead
        self._next = (seq + 1) % _MODULUS
        return True
