"""The models register by register; sections are those of the data sheets."""

import numpy as np
import pytest

from hil.board.bus import NoAcknowledgeError
from hil.models.adc import AdcChannel, convert
from hil.models.max30102 import Max30102
from tests.hil.link import TimeCode

MS = 1_000_000


def write(sensor, register, *values, at=0):
    sensor.transfer(at, bytes([register, *values]), 0)


def read(sensor, register, n=1, at=0):
    return sensor.transfer(at, bytes([register]), n)


@pytest.fixture
def sensor():
    sensor = Max30102(TimeCode().light)
    write(sensor, 0x08, 0x00, 0x03, 0x27)
    return sensor


def code(sample):
    return int.from_bytes(sample[:3], "big"), int.from_bytes(sample[3:], "big")


def test_part_id_is_fixed(sensor):
    write(sensor, 0xFF, 0x00)
    assert read(sensor, 0xFF) == b"\x15"


def test_status_is_cleared_by_reading(sensor):
    assert read(sensor, 0x00) == b"\x01"
    assert read(sensor, 0x00) == b"\x00"


def test_registers_move_on_except_that_of_the_fifo(sensor):
    assert read(sensor, 0x08, 3) == b"\x00\x03\x27"
    read(sensor, 0x07, 12, at=50 * MS)
    assert read(sensor, 0x06, at=50 * MS) == b"\x02"


def test_reset_bit_clears_itself_and_everything(sensor):
    write(sensor, 0x0C, 0x24)
    write(sensor, 0x09, 0x40)
    assert read(sensor, 0x09) == read(sensor, 0x0C) == b"\x00"
    assert read(sensor, 0x04, 3, at=1000 * MS) == bytes(3), "and it does not sample"


def test_samples_are_red_then_infrared_at_the_rate(sensor):
    assert read(sensor, 0x04, 3, at=49_999_999) == b"\x04\x00\x00"
    assert read(sensor, 0x04, 3, at=50 * MS) == b"\x05\x00\x00"
    raw = read(sensor, 0x07, 30, at=50 * MS)
    assert [code(raw[k : k + 6]) for k in range(0, 30, 6)] == [(100 * k, 100 * k + 7) for k in range(1, 6)]


@pytest.mark.parametrize(("bits", "rate"), [*enumerate([50, 100, 200, 400, 800, 1000, 1600, 3200])])
def test_rate_follows_the_configuration(bits, rate):
    sensor = Max30102(TimeCode().light)
    write(sensor, 0x0A, bits << 2 | 3)
    write(sensor, 0x09, 0x03)
    period_ns = 1e9 / rate
    assert read(sensor, 0x04, at=int(9.5 * period_ns)) == b"\x09"


@pytest.mark.parametrize("width", range(4))
def test_shorter_pulses_leave_low_bits_empty(width):
    sensor = Max30102(lambda t_us: np.full((len(t_us), 2), 0x2FFFF * 1.0))
    write(sensor, 0x0A, 0x24 | width)
    write(sensor, 0x09, 0x03)
    assert code(read(sensor, 0x07, 6, at=20 * MS))[0] == 0x2FFFF >> (3 - width) << (3 - width)


@pytest.mark.parametrize(("lost", "counted"), [(0, 0), (1, 1), (31, 31), (32, 31), (900, 31)])
def test_overflow_counts_what_is_lost_and_saturates(sensor, lost, counted):
    at = (32 + lost) * 10 * MS
    assert read(sensor, 0x04, 3, at=at) == bytes([0, counted, 0]), "a full FIFO has equal pointers"
    assert code(read(sensor, 0x07, 6, at=at))[0] == 100, "without roll-over the old samples stay"
    assert read(sensor, 0x04, 3, at=at) == b"\x00\x00\x01"
    assert sensor.dropped == lost


def test_roll_over_keeps_the_new_samples():
    sensor = Max30102(TimeCode().light)
    write(sensor, 0x08, 0x10, 0x03, 0x27)
    assert code(read(sensor, 0x07, 6, at=37 * 10 * MS))[0] == 600


def test_shutdown_stops_sampling(sensor):
    write(sensor, 0x09, 0x83)
    assert read(sensor, 0x04, at=100 * MS) == b"\x00"


def test_clearing_the_pointers_empties_the_fifo(sensor):
    read(sensor, 0x04, 3, at=400 * MS)
    write(sensor, 0x04, 0, 0, 0, at=400 * MS)
    assert read(sensor, 0x04, 3, at=409 * MS) == bytes(3)
    assert code(read(sensor, 0x07, 6, at=411 * MS))[0] == 4100


def test_own_clock_may_be_off():
    sensor = Max30102(TimeCode().light, rate_error=0.04)
    write(sensor, 0x08, 0x00, 0x03, 0x27)
    assert read(sensor, 0x04, at=250 * MS) == bytes([26])


def test_absent_sensor_does_not_acknowledge(sensor):
    sensor.is_present = False
    with pytest.raises(NoAcknowledgeError):
        read(sensor, 0xFF)


@pytest.mark.parametrize(
    ("volts", "reading"), [(0.0, 0), (3.3, 65535), (9.0, 65535), (-1.0, 0), (3.3 * 2048 / 4095, 0x8008)]
)
def test_adc_has_12_bits_stretched_to_16(volts, reading):
    assert convert(np.array([volts])) == [reading]


def test_adc_holds_each_millisecond_however_it_is_asked():
    whole = np.frombuffer(AdcChannel(TimeCode().volts).convert(0, 1000), "<u2")
    assert (whole >> 4 == np.arange(1000)).all()
    channel = AdcChannel(TimeCode().volts)
    for start_ms in (0, 3, 31, 990, 1500):
        got = np.frombuffer(channel.convert(start_ms * MS + 999_999, 32), "<u2")
        assert (got >> 4 == start_ms + np.arange(32)).all()
