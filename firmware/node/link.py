"""Frames out to whoever listens, never waiting for them."""

import select

from node.frame import DATA, TX_DROPPED, Encoder

_SEQ_MASK = 0xFFFF


class Link:
    """Numbers the frames and writes them; drops and flags those for which there is no room.

    The USB driver of the rp2 port waits up to 500 ms in write() when the host stops reading (mp_usbd_cdc.c), which
    would cost 100 pressure samples: so room is asked for first.
    """

    def __init__(self, out):
        self._out = out
        self._poll = select.poll()
        self._poll.register(out, select.POLLOUT)
        self._encoder = Encoder()
        self._seq = 0
        self._start = 0  # in wire: 0 with a delimiter before the frame, 1 without
        self._dropped = False

    def send(self, header, payload, length):
        """Send one frame, or drop it: the sequence number shows the gap, the next DATA frame has a flag."""
        if self._dropped and header.kind == DATA:
            header.flags |= TX_DROPPED
        seq = self._seq
        self._seq = (seq + 1) & _SEQ_MASK
        if not self._has_room() or not self._write(self._encoder.encode(header, seq, payload, length)):
            self._dropped = True
        elif header.kind == DATA:
            self._dropped = False

    def _has_room(self):
        for _, event in self._poll.ipoll(0):
            return event & select.POLLOUT
        return False

    def _write(self, end):
        """Write the frame; a torn one is closed by a delimiter before the next, at boot a predecessor's."""
        start = self._start
        try:
            written = self._out.write(self._encoder.wire, start, end - start)
        except OSError:  # the other end of the cable is gone
            written = None
        self._start = 1 if written == end - start else 0
        return self._start
