"""Millions of damaged and nonsensical frames through the gateway's parser and device.

Two lines. The first is a bad line of a board whose samples count up by one: bits flip, bytes are lost, doubled and
invented, frames are cut, spliced, repeated and exchanged. Whatever the parser accepts must be, byte for byte, a frame
that was sent, and the samples that come out must count up. The second is a board gone mad: whole frames with a right
checksum and wrong contents. There nothing must crash or grow.

    python bench/fuzz_link.py [FRAMES] [SEED]       in rounds of 500,000 frames, each with its own seed, from SEED on;
                                                    each is kept: started again, it goes on (bench/results.py)
"""

import json
import random
import resource
import struct
import sys
import time
import zlib
from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import results
from gateway.link.device import Device
from gateway.link.downlink import encode_cobs
from gateway.link.events import Samples
from gateway.link.frame import Frame, FrameParser, LinkFault

ROUND = 500_000
PACKAGES = ["gateway/link", "bench/fuzz_link.py"]
BATCH = 20  # frames between two looks at what came out
HELLO_EVERY = 500
KEPT = 4096  # frames sent, by sequence number: older ones cannot be accepted any more
TICK_US = 40_000
_HEADER = struct.Struct("<BBHBBHII")
_MAD_SHARE = 0.1
_CALM = 0.4  # of the frames of the bad line are whole
_STREAM = {
    "name": "optical", "channels": ["red", "infrared"], "unit": "count", "format": "u24be", "full": 16777215,
    "offset": 0, "num": 1, "den": 1, "rate": [100, 1], "part": "MAX30102", "boot": 7,
}  # fmt: skip
_WELL = bytes([1, 0, 0, 2]) + bytes(96)  # a STATUS: the self test has passed
_INFO = {"fw": "0.1.0", "uid": "e660", "boot": 7, "reset": 1, "streams": 1, "selftest": True}


class Sender:
    """Encodes the frames of a board whose every sample is its own number."""

    def __init__(self) -> None:
        self.seq = self.index = self.t_us = 0
        self.sent: dict[int, bytes] = {}
        self._order: deque[int] = deque()

    def frames(self, number: int) -> list[bytes]:
        """The next frames, without delimiters."""
        if number % HELLO_EVERY == 0:
            return [
                self._frame(1, stream, payload=json.dumps(one).encode()) for stream, one in enumerate((_INFO, _STREAM))
            ]
        kind = number % 16
        if kind == 3:
            return [self._frame(3, 0, payload=_WELL)]
        if kind == 7:
            return [self._frame(6, 0, index=number % (1 << 30), payload=struct.pack("<II", self.t_us % (1 << 30), 0))]
        if kind == 11:
            return [self._frame(8, 4, payload=b"\0"), self._frame(4, 1, payload=bytes([1 + number % 11, 1]))]
        payload = b"".join((k % (1 << 24)).to_bytes(3, "big") * 2 for k in range(self.index, self.index + 4))
        self.t_us += TICK_US
        data = self._frame(2, 1, n=4, index=self.index % (1 << 30), payload=payload)
        self.index += 4
        return [data]

    def _frame(self, kind: int, stream: int, *, n: int = 0, index: int = 0, payload: bytes = b"") -> bytes:
        body = _HEADER.pack(16 | kind, stream, self.seq, 9, n, 0, index, self.t_us % (1 << 30)) + payload
        raw = body + zlib.crc32(body).to_bytes(4, "little")
        if self.seq not in self.sent:
            self._order.append(self.seq)
        self.sent[self.seq] = body
        if len(self._order) > KEPT:
            del self.sent[self._order.popleft()]
        self.seq = (self.seq + 1) % 65536
        return encode_long(raw)


def encode_long(raw: bytes) -> bytes:
    """COBS also of what is longer than a frame may be."""
    return encode_cobs(raw) if len(raw) <= 253 else encode_cobs(raw[:253]) + encode_cobs(raw[253:])


# What lines do to a frame: it, the one before it, a place in it, chance.
_DAMAGES: list[Callable[[bytes, bytes, int, random.Random], bytes]] = [
    lambda one, _, at, rng: one[:at] + bytes([one[at] ^ 1 << rng.randrange(8)]) + one[at + 1 :],
    lambda one, _, at, rng: one[:at] + rng.randbytes(1) + one[at + 1 :],
    lambda one, _, at, __: one[:at] + one[at + 1 :],
    lambda one, _, at, __: one[:at] + one[at : at + 1] + one[at:],
    lambda one, _, at, __: one[:at],
    lambda one, _, at, __: one[:at] + b"\0" + one[at:],
    lambda one, before, at, _: one[:at] + before[at:],
    lambda one, before, _, __: before + one,
    lambda one, _, __, ___: one + b"\0" + one,
    lambda one, before, _, __: before + b"\0" + one + b"\0" + before,
    lambda one, _, __, rng: rng.randbytes(rng.randrange(400)) + b"\0" + one,
    lambda one, _, at, rng: one[:at] + rng.randbytes(8) + one[at + rng.randrange(9) :],
]


def damaged(frame: bytes, before: bytes, rng: random.Random) -> bytes:
    """One of the things that lines do to bytes."""
    at = rng.randrange(len(frame))
    return rng.choice(_DAMAGES)(frame, before, at, rng)


def mad(rng: random.Random) -> bytes:
    """A whole frame with a right checksum and anything in it."""
    kind = rng.choice([0x10 | rng.randrange(16), 0x12, 0x12, 0x11, rng.randrange(256)])
    payload = rng.choice([b"", rng.randbytes(rng.randrange(225)), bytes(24), nonsense(rng)])
    fields = (rng.choice([0, 1, 2, 255]), rng.getrandbits(16), rng.getrandbits(2), rng.randrange(9))
    body = _HEADER.pack(kind, *fields, rng.getrandbits(7), rng.choice([0, 4, rng.getrandbits(32)]), rng.getrandbits(32))
    body += payload
    return encode_long(body + zlib.crc32(body).to_bytes(4, "little"))


def nonsense(rng: random.Random) -> bytes:
    """A description with a field that is not what it should be."""
    one: dict[str, object] = dict(rng.choice([_INFO, _STREAM]))
    values = [None, -1, 0, 1 << 40, 1e300, "", "x" * 70, [], [0, 0], {}, True, 7, "e660", rng.getrandbits(32)]
    one[rng.choice(list(one))] = rng.choice(values)
    return json.dumps(one).encode()[:224]


class Line:
    """One line into one device, and what must hold of what comes out of it."""

    def __init__(self) -> None:
        self.parser, self.device = FrameParser(), Device()
        self.accepted = self.rejected = self.samples = self.wrong_frames = self.wrong_samples = 0
        self._last = -1.0

    def feed(self, t_us: int, data: bytes, sent: dict[int, bytes] | None) -> None:
        for one in self.parser.feed(data):
            if isinstance(one, LinkFault):
                self.rejected += 1
                self.device.note_fault(t_us, one)
                continue
            self.accepted += 1
            if sent is not None and body_of(one) != sent.get(one.seq):
                self.wrong_frames += 1
            for event in self.device.feed(t_us, one):
                if sent is not None and isinstance(event, Samples):
                    self._check(event)
        self.device.poll(t_us)
        self.device.findings(t_us)

    def _check(self, event: Samples) -> None:
        values = event.values[:, 0].tolist()
        self.samples += len(values)
        expected = [values[0] + k for k in range(len(values))]
        if values != expected or values[0] <= self._last or event.values[:, 1].tolist() != values:
            self.wrong_samples += len(values)
        self._last = values[-1] if values[-1] < (1 << 24) - 1 else -1.0


def body_of(frame: Frame) -> bytes:
    """The bytes a frame was made of."""
    fields = (frame.stream, frame.seq, frame.epoch, frame.n, frame.flags, frame.index, frame.ticks_us)
    return _HEADER.pack(16 | frame.type, *fields) + frame.payload


def run(frames: int, seed: int) -> dict[str, float]:
    """Send so many frames; return what became of them."""
    rng, sender, bad, lunatic = random.Random(seed), Sender(), Line(), Line()
    start_s, start_kb = time.process_time(), 0
    before, made, number = b"\x01", 0, 0
    while made < frames:
        pieces, t_us = [], sender.t_us
        while len(pieces) < BATCH:
            for frame in sender.frames(number):
                pieces.append(frame if rng.random() < _CALM else damaged(frame, before, rng))
                before = frame
            number += 1
        bad.feed(t_us, b"\0".join(pieces) + b"\0", sender.sent)
        made += len(pieces)
        nonsensical = [mad(rng) for _ in range(round(len(pieces) * _MAD_SHARE))]
        lunatic.feed(t_us, b"\0".join(nonsensical) + b"\0", None)
        made += len(nonsensical)
        if not start_kb and made > min(frames // 10, 100_000):
            start_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start_kb
    return {
        "frames": made,
        "accepted": bad.accepted,
        "rejected": bad.rejected,
        "samples": bad.samples,
        "wrong frames": bad.wrong_frames,
        "wrong samples": bad.wrong_samples,
        "nonsensical frames": lunatic.accepted,
        "memory grown kB": grown_kb,
        "seconds": round(time.process_time() - start_s, 1),
    }


def main(arguments: list[str]) -> int:
    frames = int(arguments[0]) if arguments else 10_000_000
    first = int(arguments[1]) if len(arguments) > 1 else 1
    total: Counter[str] = Counter()
    most_kb = 0.0
    for seed in range(first, first + -(-frames // ROUND)):
        found = results.part("fuzz", f"seed-{seed}", PACKAGES, lambda seed=seed: run(min(frames, ROUND), seed))  # type: ignore[misc]
        most_kb = max(most_kb, found.pop("memory grown kB"))
        total.update(found)
        print(f"seed {seed}: {total['frames']} frames, {total['wrong frames']} wrong", file=sys.stderr, flush=True)
    is_good = not total["wrong frames"] and not total["wrong samples"] and most_kb < 20_000
    is_good = is_good and total["samples"] > 0.1 * total["frames"]
    print(
        f"{'' if is_good else 'FAILED: '}{total['frames']} frames, seeds {first} to {seed}: 0 crashes, "
        f"{total['accepted']} of the bad line accepted, {total['wrong frames']} of them wrong, "
        f"{total['samples']} samples, {total['wrong samples']} of them wrong; "
        f"{total['nonsensical frames']} whole frames of nonsense; memory grown at most {most_kb:.0f} kB in a round; "
        f"{total['seconds']:.0f} s of processor time"
    )
    return not is_good


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
