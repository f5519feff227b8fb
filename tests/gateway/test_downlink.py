"""What the gateway says to the board, against the parser of the same framing and the slow encoder."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.link.downlink import Verb, annunciate, command, configure, encode_frame, identify, time_request
from gateway.link.frame import Frame, FrameParser, FrameType
from gateway.link.status import StatusBit, decode_status
from tests import link_bytes


@given(
    kind=st.sampled_from(FrameType),
    stream=st.integers(0, 255),
    seq=st.integers(0, 70_000),
    index=st.integers(0, (1 << 30) - 1),
    payload=st.binary(max_size=16),
)
def test_frames_to_the_board_are_framed_as_its_own(kind, stream, seq, index, payload):
    sent = encode_frame(kind, stream=stream, seq=seq, index=index, payload=payload)
    expected = link_bytes.frame(kind, stream=stream, seq=seq, epoch=0, index=index, payload=payload)
    assert sent == b"\0" + expected
    (frame,) = FrameParser().feed(sent)
    assert isinstance(frame, Frame)
    assert (frame.stream, frame.seq, frame.index, frame.payload) == (stream, seq % 65536, index, payload)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (configure(pleth_rate_hz=400, pressure_rate_hz=250, red=3), b"\x90\x01\xfa\x00\x03\x00"),
        (annunciate(3, sound=1, expiry_ms=3000), b"\x03\x01\xb8\x0b"),
        (identify(5000), b"\x88\x13"),
    ],
)
def test_arguments_are_little_endian(arguments, expected):
    assert arguments == expected


def test_request_numbers_wrap_at_30_bits():
    (request,) = FrameParser().feed(time_request(1 << 30))
    (order,) = FrameParser().feed(command(Verb.START, index=(1 << 30) + 5))
    assert (request.type, request.index) == (FrameType.TIME_REQ, 0)
    assert (order.type, order.stream, order.index, order.payload) == (FrameType.CMD, Verb.START, 5, b"")


def status(**changed):
    fields = {
        "cause": "01", "priority": "03", "shown": "02", "bits": "03",
        "uptime": "3d000000", "counts": "01000000" "02000000" "03000000" "04000000" "05000000" "06000000",
        "heap": "a0860100", "temperature": "c409", "reference": "c409", "leds": "2430", "events": "0700",
        "levels": "a0860100" "ffffffff",
        "optical": "12270000" "010000000200000003000000", "pressure": "ffffffff" + 12 * "00", "motion": 16 * "00",
        "errors": "020005", "repairs": "03ff",
    }  # fmt: skip
    return bytes.fromhex("".join((fields | changed).values()))


def test_status_is_read_as_documented():
    found = decode_status(status())
    assert found is not None
    assert (found.reset_cause, found.priority, found.shown.name) == (1, 3, "OWN_ALARM")
    assert found.bits == StatusBit.SOUND | StatusBit.SELF_TEST_PASSED
    assert found.uptime_s == 61
    counts = (found.frames_dropped, found.commands_refused, found.corrupt_frames, found.exceptions)
    assert (*counts, found.near_misses, found.button_presses) == (1, 2, 3, 4, 5, 6)
    assert (found.free_heap_bytes, found.temperature_c, found.reference_mv) == (100_000, 25.0, 2500)
    assert (found.led_red_ma, found.led_infrared_ma, found.events_lost) == (7.2, 9.6, 7)
    assert (found.red_level, found.infrared_level) == (100_000, None)
    optical = found.streams["optical"]
    assert (optical.rate_hz, optical.bus_errors, optical.samples_lost, optical.losses_unknown) == (100.02, 1, 2, 3)
    assert found.streams["pressure"].rate_hz is None
    assert [(stream.error, stream.repairs) for stream in found.streams.values()] == [(2, 3), (0, 0), (5, 255)]


def test_unknown_is_not_a_number():
    found = decode_status(status(temperature="0080", reference="ffff", levels="ff" * 8))
    assert found is not None
    assert [found.temperature_c, found.reference_mv, found.red_level] == [None, None, None]
    assert decode_status(status(reference="6300")).reference_mv is None, "no reference is fitted"


def test_status_of_another_version_is_none_or_its_known_part():
    assert decode_status(status()[:-1]) is None
    assert decode_status(status() + b"more") == decode_status(status())
    assert decode_status(status(shown="09")) is None
