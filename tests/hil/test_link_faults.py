"""Faults of a link on the way to the gateway: exact, repeatable, and nothing else is changed."""

import pytest

from gateway.chunklog import Chunk
from gateway.link.frame import FrameParser
from hil.link_faults import leaping, lossy, silent
from tests.link_bytes import Board, frame


def chunks(count=400):
    board = Board()
    return [Chunk(t_us=20_000 * k, data=board.data(2, 20_000 * k, [[k]] * 4)) for k in range(1, count + 1)]


def frames(played):
    parser = FrameParser()
    return [one for chunk in played for one in parser.feed(chunk.data)]


def test_a_share_of_the_frames_is_lost_in_its_span_alone_and_the_others_are_whole():
    before = chunks()
    after = list(lossy(iter(before), 0.2, from_s=2.0, to_s=6.0, seed=3))
    assert [c.t_us for c in after] == [c.t_us for c in before]
    whole, left = frames(before), frames(after)
    assert all(one in whole for one in left)
    lost = {one.seq for one in whole} - {one.seq for one in left}
    assert len(lost) == pytest.approx(0.2 * 200, abs=18)
    assert all(2.0 <= 0.02 * (seq + 1) < 6.0 for seq in lost)
    assert after == list(lossy(iter(before), 0.2, from_s=2.0, to_s=6.0, seed=3))


def test_frames_are_found_however_they_were_cut():
    data = b"".join(chunk.data for chunk in chunks(50))
    pieces = [Chunk(t_us=k, data=data[k : k + 7]) for k in range(0, len(data), 7)]
    assert frames(lossy(iter(pieces), 0.0, from_s=0, to_s=9, seed=1)) == frames(chunks(50))


@pytest.mark.parametrize("by_s", [30, -30])
def test_a_clock_leaps_in_every_stamp_of_it_and_in_nothing_else(by_s):
    before = chunks(100)
    reply = frame(6, index=5, ticks_us=2_000_000, payload=(1_900_000).to_bytes(4, "little") * 2)
    before.append(Chunk(t_us=2_020_000, data=reply))
    after = frames(leaping(iter(before), by_s, at_s=1.0))
    for old, new in zip(frames(before), after, strict=True):
        is_moved = old.ticks_us >= 1_000_000
        assert new.ticks_us == (old.ticks_us + (by_s * 1_000_000 if is_moved else 0)) % 2**30
        assert (new.seq, new.index, new.type) == (old.seq, old.index, old.type)
        if old.index != 5 or old.type != 6:
            assert new.payload == old.payload
    told = int.from_bytes(after[-1].payload[:4], "little")
    assert told == (1_900_000 + by_s * 1_000_000) % 2**30


def test_what_is_no_frame_stays_as_it_is():
    noise = [Chunk(t_us=5, data=b"\x07abc\x00\x09x\x00")]
    assert list(leaping(iter(noise), 30, at_s=0)) == noise


def test_a_board_without_power_is_silent_each_fiftieth_of_a_second():
    found = list(silent(1.0, 1.2))
    assert [c.t_us for c in found] == [1_000_000, 1_050_000, 1_100_000, 1_150_000]
    assert {c.data for c in found} == {b""}
