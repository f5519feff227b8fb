"""Frames out to whoever listens, never waiting for them."""

import select

import micropython
from micropython import const

from node.frame import Encoder, fill

_SEQ_MASK = 0xFFFF
_PACKET = const(16)
_WRITABLE = select.POLLOUT
_COUNT_MAX = const(0x3FFFFFFF)


class Link:
    """Numbers the frames and hands them to USB in packets; what finds no room waits, and new frames are dropped.

    write() of the rp2 port waits 500 ms for room, up to three times, and poll() promises no more than one free byte
    (shared/tinyusb/mp_usbd_cdc.c). But its FIFO has 256 bytes, and the host takes 64 or all there is: if all that is
    ever written comes in packets of 16, the room is a multiple of 16, and one free byte means a packet fits. Text of
    others (of a soft reset) breaks this until the host has taken all of it; a host that stalls before costs one write.
    """

    def __init__(self, out):
        self._out = out
        self._poll = select.poll()
        self._poll.register(out, select.POLLOUT)
        self._encoder = Encoder()
        self._seq = 0
        self.dropped = 0  # frames that found no room
        self._at = 0  # of the frame in the encoder's wire, up to here it is gone
        self._end = 0
        self.is_waiting = False  # some of it is left

    @micropython.native
    def send(self, header, payload, length):
        """Take a frame and return True, or drop it because one before it still waits; its sequence number is used."""
        seq = self._seq
        self._seq = (seq + 1) & _SEQ_MASK
        if not self.flush():
            self.dropped = min(self.dropped + 1, _COUNT_MAX)
            return False
        encoder = self._encoder
        self._end = fill(encoder.wire, encoder.encode(header, seq, payload, length), _PACKET)
        self._at = 0
        self.is_waiting = True
        self.flush()
        return True

    @micropython.native
    def flush(self):
        """Write what waits as far as there is room; return whether all of it is gone."""
        if not self.is_waiting:
            return True
        at, end = self._at, self._end
        out, wire = self._out, self._encoder.wire
        while at < end:
            is_writable = False
            for _, event in self._poll.ipoll(0):
                is_writable = event & _WRITABLE
            if not is_writable:
                break
            n = end - at
            try:
                written = out.write(wire, at, n if n < _PACKET else _PACKET)
            except OSError:  # the other end of the cable is gone
                break
            if not written:
                break
            at += written
            self._at = at
        self.is_waiting = at < end
        return at >= end
