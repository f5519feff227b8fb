"""Bytes of the host in, whole requests out (docs/wire.md, "To the board"); allocates nothing after the start."""

# ruff: noqa: F821 - ptr8 is a name of the viper compiler

import select
from time import ticks_us

import micropython
from micropython import const

from node.frame import CMD, CRC_TABLE, TIME_REQ, put_crc

_MAX_BODY = const(36)  # header, at most 16 bytes of payload, CRC
_MAX_ENCODED = const(37)
_MIN_BODY = const(20)
_HEADER = const(16)
_CRC = const(4)
_VERSION = const(1)
_AT_ONCE = const(
    16
)  # bytes: read one by one, for readinto waits until all have come (shared/runtime/sys_stdio_mphal.c)
_RESIDUE = b"\x1c\xdf\x44\x21"  # the CRC-32 of any bytes followed by their own CRC-32
_INDEX_HIGH = const(0x40)  # a request's number stays a small integer
_COUNT_MAX = const(0x3FFFFFFF)


@micropython.viper
def get_cobs(target, buffer, n: int) -> int:
    """Undo COBS of n bytes without zeros; return the length, -1 if a code runs past the end."""
    body = ptr8(target)
    wire = ptr8(buffer)
    at = 0
    out = 0
    while at < n:
        code = wire[at]
        end = at + code
        if end > n:
            return -1
        at += 1
        while at < end:
            body[out] = wire[at]
            out += 1
            at += 1
        if at < n:
            body[out] = 0
            out += 1
    return out


class Inbox:
    """Splits what the host sends at its zeros; the fields of the request it found stay until the next."""

    def __init__(self, source):
        self._source = source
        self._poll = select.poll()
        self._poll.register(source, select.POLLIN)
        self._byte = bytearray(1)
        self._encoded = bytearray(_MAX_ENCODED)
        self._n = 0  # of the piece so far, also of what was not kept
        self.body = bytearray(_MAX_BODY + _CRC)
        self.kind = 0
        self.verb = 0
        self.index = 0
        self.length = 0  # of the payload, from body[16] on
        self.ticks = ticks_us()  # when it was read
        self.damaged = 0

    @micropython.native
    def wait(self, ms):
        """Sleep for so long, or until something has come; return whether it has."""
        for _ in self._poll.ipoll(ms):
            return True
        return False

    @micropython.native
    def receive(self):
        """Read a little of what has come; return True if it closes a good request."""
        poll, source, held = self._poll, self._source, self._byte
        for _ in range(_AT_ONCE):
            has_come = False
            for _ in poll.ipoll(0):
                has_come = True
            if not has_come or not source.readinto(held):
                return False  # nothing yet, or end of file: nobody is there
            byte = held[0]
            if byte:
                if self._n < _MAX_ENCODED:
                    self._encoded[self._n] = byte
                self._n += 1
                continue
            n = self._n
            self._n = 0
            if n:
                self.ticks = ticks_us()
                if self._is_good(n):
                    return True
                self.damaged = min(self.damaged + 1, _COUNT_MAX)
        return False

    def _is_good(self, n):
        if n > _MAX_ENCODED:
            return False
        body = self.body
        length = get_cobs(body, self._encoded, n)
        if length < _MIN_BODY:
            return False
        put_crc(body, length, CRC_TABLE)
        for k in range(_CRC):
            if body[length + k] != _RESIDUE[k]:
                return False
        kind = body[0] & 15
        if kind != TIME_REQ and kind != CMD:  # noqa: PLR1714 - a tuple of names would be built, and be garbage
            return False
        if body[0] >> 4 != _VERSION or body[11] >= _INDEX_HIGH:
            return False
        self.kind = kind
        self.verb = body[1]
        self.index = body[8] | body[9] << 8 | body[10] << 16 | body[11] << 24
        self.length = length - _HEADER - _CRC
        return True
