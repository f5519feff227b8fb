"""When to ask the board for its time, and what its answers prove."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from gateway.link.downlink import INDEX_MODULUS, ToBoard, time_request
from gateway.link.frame import Frame

# A burst of 8 every few seconds (as labstreaminglayer has it) shares the delays of its moment: on a link that delays by
# anything up to 80 ms it left 5 ms, one each 100 ms leaves 1 ms. It costs 0.6 kB/s.
_PERIOD_US = 100_000
_ANSWER_US = 30_000_000  # after so long nobody waits for an answer any more
_REPLY = struct.Struct("<II")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A request that left at ``sent_us`` was read at ``ticks_us``."""

    sent_us: int
    ticks_us: int


class TimeExchange:
    """Sends requests and matches the replies.

    Only the moment of reading counts: that of the reply's sending is the device time of the frame, as of any other.
    """

    def __init__(self, first_index: int = 0) -> None:
        self._index = first_index % INDEX_MODULUS
        self._sent_us: dict[int, int] = {}  # by index, oldest first
        self._due_us = 0

    def poll(self, t_us: int) -> list[ToBoard]:
        """The request that is due now, if one is."""
        if t_us < self._due_us:
            return []
        for index in [index for index, sent_us in self._sent_us.items() if t_us - sent_us > _ANSWER_US]:
            del self._sent_us[index]
        self._due_us = t_us + _PERIOD_US
        index, self._index = self._index, (self._index + 1) % INDEX_MODULUS
        self._sent_us[index] = t_us
        return [ToBoard(data=time_request(index))]

    def feed(self, frame: Frame) -> Answer | None:
        """Take a reply; None if nobody asked."""
        sent_us = self._sent_us.pop(frame.index, None)
        if sent_us is None or len(frame.payload) != _REPLY.size:
            return None
        read_ticks_us, _ = _REPLY.unpack(frame.payload)
        return Answer(sent_us=sent_us, ticks_us=read_ticks_us % (1 << 30))
