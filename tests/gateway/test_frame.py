"""FrameParser: whole frames or faults, whatever the bytes and however they are cut."""

import random

from hypothesis import given
from hypothesis import strategies as st

from gateway.link.frame import MAX_PAYLOAD, Frame, FrameParser, FrameType, LinkFault, decode_cobs
from tests.link_bytes import cobs, frame

payloads = st.binary(max_size=MAX_PAYLOAD)


def frames_of(items):
    return [item for item in items if isinstance(item, Frame)]


@given(payloads, st.integers(0, 65535), st.integers(0, 2**30 - 1))
def test_a_frame_comes_back_as_it_was_sent(payload, seq, ticks_us):
    encoded = frame(2, stream=3, seq=seq, epoch=9, n=5, flags=17, index=77, ticks_us=ticks_us, payload=payload)
    assert FrameParser().feed(encoded) == [
        Frame(
            type=FrameType.DATA, stream=3, seq=seq, epoch=9, n=5, flags=17, index=77, ticks_us=ticks_us, payload=payload
        )
    ]


@given(st.binary(max_size=600))
def test_cobs_is_undone(raw):
    encoded = cobs(raw)
    assert 0 not in encoded
    assert decode_cobs(encoded) == raw


def test_no_single_flipped_byte_is_accepted_and_the_next_frame_is_good():
    first, second = frame(2, seq=1, payload=bytes(range(60))), frame(2, seq=2, payload=b"next")
    for at in range(len(first)):
        for flip in (1, 0x80, 0xFF, first[at] or 0x55):
            damaged = bytes([*first[:at], first[at] ^ flip, *first[at + 1 :]])
            got = frames_of(FrameParser().feed(damaged + second + second))
            assert all(one.payload == b"next" for one in got), (at, flip)
            assert got, (at, flip)  # resynchronised after at most one more frame


def test_every_truncation_resynchronises_at_the_next_delimiter():
    first, second = frame(2, seq=1, payload=bytes(range(60))), frame(2, seq=2, payload=b"next")
    for at in range(len(first) - 1):
        got = frames_of(FrameParser().feed(first[:at] + b"\0" + second))
        assert [one.payload for one in got] == [b"next"]


@given(st.lists(st.one_of(payloads.map(lambda p: frame(2, payload=p)), st.binary(max_size=400))), st.randoms())
def test_the_result_does_not_depend_on_how_the_bytes_were_cut(pieces, rng):
    stream = b"".join(pieces)
    whole = FrameParser().feed(stream)
    one_by_one, cut = FrameParser(), FrameParser()
    assert [item for k in range(len(stream)) for item in one_by_one.feed(stream[k : k + 1])] == whole
    got, at = [], 0
    while at < len(stream):
        step = rng.randint(0, 97)
        got += cut.feed(stream[at : at + step])
        at += step
    assert got == whole


def test_a_flood_without_delimiter_keeps_memory_bounded_and_is_a_fault_now_and_then():
    parser = FrameParser()
    for _ in range(1000):
        assert parser.feed(b"\x55" * 10_000) == [LinkFault(cause="nothing ended within 1000 bytes")] * 10
    assert len(parser._pending) < 300
    assert parser.feed(b"\0") == [LinkFault(cause="length 10000000, expected at most 245")]
    assert len(frames_of(parser.feed(frame(1)))) == 1


def test_wrong_version_type_and_length_are_faults_with_their_reason():
    parser = FrameParser()
    assert parser.feed(frame(2, version=2)) == [LinkFault(cause="version 2, expected 1", version=2)]
    assert parser.feed(frame(12)) == [LinkFault(cause="unknown frame type 12")]
    assert parser.feed(cobs(b"short") + b"\0") == [LinkFault(cause="shorter than a frame, 21 bytes")]


def test_random_bytes_are_never_a_frame():
    rng = random.Random(1)
    parser = FrameParser()
    items = [item for _ in range(300) for item in parser.feed(rng.randbytes(1000))]
    assert len(items) > 500
    assert frames_of(items) == []
