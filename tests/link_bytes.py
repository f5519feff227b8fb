"""A slow and obvious encoder of the link (docs/wire.md), to test the gateway without the firmware."""

import json
import struct
import zlib

BOOT = 123456789


def cobs(raw: bytes) -> bytes:
    """Split at zeros; each group of at most 254 bytes is preceded by its length + 1."""
    out = bytearray()
    groups = raw.split(b"\0")
    for k, group in enumerate(groups):
        rest = group
        while len(rest) >= 254:
            out += b"\xff" + rest[:254]
            rest = rest[254:]
            if not rest and k == len(groups) - 1:
                return bytes(out)
        out += bytes([len(rest) + 1]) + rest
    return bytes(out)


def frame(kind, *, stream=0, seq=0, epoch=7, n=0, flags=0, index=0, ticks_us=0, payload=b"", version=1):
    header = struct.pack(
        "<BBHBBHII", version << 4 | kind, stream, seq % 65536, epoch, n, flags, index, ticks_us % 2**30
    )
    raw = header + payload
    return cobs(raw + struct.pack("<I", zlib.crc32(raw))) + b"\0"


def descriptor(name, channels, *, rate, full, num=1, den=1, boot=BOOT, unit="count"):
    return {
        "name": name,
        "channels": channels,
        "unit": unit,
        "format": "u24be",
        "full": full,
        "offset": 0,
        "num": num,
        "den": den,
        "rate": [rate, 1],
        "part": "TEST",
        "boot": boot,
    }


OPTICAL = descriptor("optical", ["red", "infrared"], rate=100, full=262143)
PRESSURE = descriptor("pressure", ["pressure"], rate=200, full=33000, num=1, den=100, unit="mm[Hg]")


def status_payload(**fields):
    """A STATUS as of wire.md, of a board that is well."""
    values = {"bits": 2, "exceptions": 0, "errors": (0, 0, 0), "repairs": (0, 0), **fields}
    head = struct.pack("<4B", 1, 0, 0, values["bits"])
    counts = struct.pack("<8I", 60, 0, 0, 0, values["exceptions"], 0, 0, 100_000)
    levels = struct.pack("<hHBBHII", 2500, 0, 25, 25, 0, 150_000, 110_000)
    return head + counts + levels + bytes(48) + bytes(values["errors"]) + bytes(values["repairs"])


class Board:
    """Encodes what a board would send; keeps sequence and sample indexes."""

    def __init__(self, boot=BOOT, streams=(OPTICAL, PRESSURE), start_us=0):
        self.boot, self.streams, self.start_us, self.uid = boot, streams, start_us, "e660"
        self.seq = 0
        self.is_well = True  # as its self test says
        self.index = [0] * (len(streams) + 1)
        self.epoch = boot % 256

    def hello(self, t_us):
        board = {"fw": "0.1.0", "uid": self.uid, "boot": self.boot, "reset": 1, "streams": len(self.streams)}
        board |= {} if self.is_well else {"selftest": False}
        described = [board, *({**stream, "boot": self.boot} for stream in self.streams)]
        return b"".join(
            self._frame(1, t_us, stream=k, payload=json.dumps(one, separators=(",", ":")).encode())
            for k, one in enumerate(described)
        )

    def data(self, stream, t_us, rows, **options):
        """One DATA frame: ``rows`` of raw numbers, the last of them taken at ``t_us``."""
        payload = b"".join(int(value).to_bytes(3, "big") for row in rows for value in row)
        encoded = self._frame(2, t_us, stream=stream, n=len(rows), index=self.index[stream], payload=payload, **options)
        self.index[stream] += len(rows)
        return encoded

    def status(self, t_us, **fields):
        return self._frame(3, t_us, payload=status_payload(**fields))

    def _frame(self, kind, t_us, **fields):
        encoded = frame(kind, seq=self.seq, epoch=self.epoch, ticks_us=t_us - self.start_us, **fields)
        self.seq += 1
        return encoded
