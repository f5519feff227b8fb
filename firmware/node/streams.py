"""Samples in, DATA frames out: an index and an epoch, so that samples are never joined over a loss."""

import micropython
from micropython import const

from node.frame import CLIPPED, DATA, LOSS_UNKNOWN, OVERFLOW_COUNTED, TIMED, TX_DROPPED, Header

_INDEX_MAX = const(0x3FFFFFFF)  # the largest small integer of the board
_OF_THE_FRAME = const(80)  # CLIPPED and TIMED: a dropped frame takes them along


class Stream:
    """Numbers the samples of one stream: index, epoch and what the next frame must confess."""

    def __init__(self, number, epoch, sample_bytes, link):
        self._sample_bytes = sample_bytes
        self._link = link
        self._header = Header(DATA, number)
        self._header.epoch = epoch
        self.number = number
        self.lost = 0  # samples, since boot
        self.losses_unknown = 0

    def next_index(self):
        """Index of the next sample."""
        return self._header.index

    @micropython.native
    def send(self, payload, n, ticks, flags=0):
        """Send n samples, the last of them taken at ``ticks``."""
        header = self._header
        if header.index > _INDEX_MAX - n:
            self.start_epoch(0)
        header.n = n
        header.ticks = ticks
        header.flags |= flags
        if self._link.send(header, payload, n * self._sample_bytes):
            header.flags = 0
        else:  # what was lost before it is still to be told
            header.flags = header.flags & ~_OF_THE_FRAME | TX_DROPPED
        header.index += n

    def skip(self, n):
        """Count n lost samples."""
        self.lost = min(self.lost + n, _INDEX_MAX)
        if self._header.index > _INDEX_MAX - n:
            self.start_epoch(LOSS_UNKNOWN)
        else:
            self.flag(OVERFLOW_COUNTED)
            self._header.index += n

    def start_epoch(self, flags):
        """Start counting anew after a loss that cannot be counted."""
        if flags & LOSS_UNKNOWN:
            self.losses_unknown = min(self.losses_unknown + 1, _INDEX_MAX)
        self._header.epoch = (self._header.epoch + 1) & 0xFF
        self._header.index = 0
        self.flag(flags)

    def flag(self, flags):
        self._header.flags |= flags


assert _OF_THE_FRAME == CLIPPED | TIMED
