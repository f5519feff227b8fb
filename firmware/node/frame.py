"""Header fields and a payload in, bytes for the link out (docs/wire.md); allocates nothing after the start.

CRC and COBS are viper: interpreted they would take 15 times as long. Viper integers have 32 bits on the board and 64 on
the unix port, so only operations that agree on both are used. CRC-32 is not taken from binascii because its result
does not fit a small integer of the board: every frame would leave garbage on the heap.
"""

# ruff: noqa: F821 - ptr8 and ptr32 are names of the viper compiler

from array import array
from struct import pack_into

import micropython
from micropython import const

HELLO = const(1)
DATA = const(2)
STATUS = const(3)
EVENT = const(4)
TIME_REQ = const(5)
TIME_REP = const(6)
CMD = const(7)
ACK = const(8)
LOG = const(9)

OVERFLOW_COUNTED = const(1)
LOSS_UNKNOWN = const(2)
SENSOR_ERROR = const(4)
RECONFIGURED = const(8)
CLIPPED = const(16)
TX_DROPPED = const(32)
TIMED = const(64)

MAX_PAYLOAD = const(224)
_VERSION = const(0x10)  # high nibble of the first byte
_HEADER = const(16)
_CRC = const(4)
_MAX_BODY = const(244)  # header, payload, CRC; below 254, so COBS needs a single extra byte
_FIRST = const(1)  # wire[0] is a delimiter: it ends whatever was cut off before
_MAX_WIRE = const(256)  # all of it and room for zeros up to a whole packet

# CRC-32 of the 16 half bytes (reflected polynomial 0xEDB88320, as zlib): a table of 256 would cost 1 kB.
CRC_TABLE = array(
    "I",
    (
        0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4, 0x4DB26158, 0x5005713C,
        0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C, 0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C,
    ),
)  # fmt: skip


@micropython.viper
def copy(target, at: int, source, n: int):
    """Copy n bytes; a slice assignment would allocate."""
    to = ptr8(target)
    of = ptr8(source)
    i = 0
    while i < n:
        to[at + i] = of[i]
        i += 1


@micropython.viper
def put_crc(buffer, n: int, crc_table):
    """Append the CRC-32 of the first n bytes, little endian."""
    body = ptr8(buffer)
    table = ptr32(crc_table)
    crc = -1
    i = 0
    while i < n:
        crc = crc ^ body[i]
        # The mask makes the shift of a negative number the same for 32 and 64 bits.
        crc = table[crc & 15] ^ ((crc >> 4) & 0x0FFFFFFF)
        crc = table[crc & 15] ^ ((crc >> 4) & 0x0FFFFFFF)
        i += 1
    crc = crc ^ -1
    body[n] = crc & 255
    body[n + 1] = (crc >> 8) & 255
    body[n + 2] = (crc >> 16) & 255
    body[n + 3] = (crc >> 24) & 255


@micropython.viper
def put_cobs(target, at: int, buffer, n: int) -> int:
    """Write the body (at most 253 bytes) without zeros and a delimiter; return the end.

    Each zero is replaced by the distance to the next one (Cheshire and Baker 1999).
    """
    wire = ptr8(target)
    body = ptr8(buffer)
    code_at = at
    at += 1
    i = 0
    while i < n:
        byte = body[i]
        if byte == 0:
            wire[code_at] = at - code_at
            code_at = at
        else:
            wire[at] = byte
        at += 1
        i += 1
    wire[code_at] = at - code_at
    wire[at] = 0
    return at + 1


@micropython.viper
def fill(target, at: int, packet: int) -> int:
    """Write zeros from ``at`` on until the packets, of 2^k bytes, are full; return the end."""
    wire = ptr8(target)
    while at & (packet - 1):
        wire[at] = 0
        at += 1
    return at


class Header:
    """What a frame says besides its payload; one is kept for each stream and changed from frame to frame."""

    def __init__(self, kind, stream):
        self.kind = kind
        self.stream = stream
        self.epoch = 0
        self.n = 0
        self.flags = 0
        self.index = 0
        self.ticks = 0


class Encoder:
    """Builds one frame at a time in ``wire``: wire[:end], with a delimiter before it and one that closes it."""

    def __init__(self):
        self.wire = bytearray(_MAX_WIRE)
        self._body = bytearray(_MAX_BODY)

    @micropython.native
    def encode(self, header, seq, payload, length):
        """Encode a frame with the first ``length`` bytes, at most MAX_PAYLOAD, of the payload; return its end."""
        body = self._body
        pack_into(
            "<BBHBBHII",
            body,
            0,
            _VERSION | header.kind,
            header.stream,
            seq,
            header.epoch,
            header.n,
            header.flags,
            header.index,
            header.ticks,
        )
        copy(body, _HEADER, payload, length)
        put_crc(body, _HEADER + length, CRC_TABLE)
        return put_cobs(self.wire, _FIRST, body, _HEADER + length + _CRC)
