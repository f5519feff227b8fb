import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.link.frame import MAX_PAYLOAD, Flag, Frame, FrameParser, FrameType
from tests.firmware.stand_in import imported
from tests.link_bytes import cobs


@pytest.fixture(scope="module")
def frame():
    with imported("node.frame") as (_, module):
        yield module


def encode(frame, payload, **fields):
    encoder = frame.Encoder()
    header = frame.Header(frame.DATA, 1)
    seq = fields.pop("seq", 0)
    for name, value in fields.items():
        setattr(header, name, value)
    end = encoder.encode(header, seq, payload, len(payload))
    return bytes(encoder.wire[:end])


@given(body=st.binary(max_size=240))
def test_crc_is_that_of_zlib(frame, body):
    buffer = bytearray(body + bytes(4))
    frame.put_crc(buffer, len(body), frame.CRC_TABLE)
    assert buffer == body + zlib.crc32(body).to_bytes(4, "little")


@given(body=st.lists(st.sampled_from([0, 1, 255]) | st.integers(0, 255), max_size=253).map(bytes))
def test_cobs_is_that_of_the_slow_encoder(frame, body):
    wire = bytearray(260)
    end = frame.put_cobs(wire, 1, body, len(body))
    assert wire[1:end] == cobs(body) + b"\0"


FIELDS = st.fixed_dictionaries(
    {
        "seq": st.integers(0, 0xFFFF),
        "epoch": st.integers(0, 255),
        "n": st.integers(0, 74),
        "flags": st.integers(0, 63).map(Flag),
        "index": st.integers(0, (1 << 30) - 1),
    }
)


@given(payload=st.binary(max_size=MAX_PAYLOAD), fields=FIELDS, ticks=st.integers(0, (1 << 30) - 1))
def test_gateway_reads_what_the_firmware_encodes(frame, payload, fields, ticks):
    wire = encode(frame, payload, ticks=ticks, **fields)
    expected = Frame(type=FrameType.DATA, stream=1, ticks_us=ticks, payload=payload, **fields)
    assert FrameParser().feed(wire) == [expected]


def test_longest_frame_fits_the_usb_buffer(frame):
    assert len(encode(frame, b"\xff" * MAX_PAYLOAD)) - 1 <= 256  # the delimiter in front is for torn frames only


def test_no_frame_survives_a_flipped_byte(frame):
    wire = encode(frame, bytes(range(24)), seq=7, index=1000, ticks=5)
    good = encode(frame, b"next", seq=8)
    for at in range(1, len(wire)):
        for flip in (0x01, 0x80, wire[at]):
            damaged = bytearray(wire)
            damaged[at] ^= flip
            if damaged == wire:
                continue
            frames = [f for f in FrameParser().feed(bytes(damaged) + good) if isinstance(f, Frame)]
            assert [f.seq for f in frames] == [8], f"byte {at} xor {flip}"
