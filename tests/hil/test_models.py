"""The models register by register; sections are those of the data sheets."""

import numpy as np
import pytest

from hil.board.bus import NoAcknowledgeError
from hil.models.adc import AdcChannel, quantise, stretch
from hil.models.lis3dh import Lis3dh
from hil.models.max30102 import Max30102, RateRule
from tests.hil.link import DARK, TimeCode

MS = 1_000_000


def write(sensor, register, *values, at=0):
    sensor.transfer(at, bytes([register, *values]), 0)


def read(sensor, register, n=1, at=0):
    return sensor.transfer(at, bytes([register]), n)


@pytest.fixture
def sensor():
    sensor = lit(Max30102(TimeCode().light))
    write(sensor, 0x08, 0x00, 0x03, 0x27)
    return sensor


def lit(sensor):
    """Set both LEDs to 7 mA, at which light is counted as it is."""
    write(sensor, 0x0C, 0x24, 0x24)
    return sensor


def code(sample):
    assert sample[0] & sample[3] & 0xFC == 0xFC, "undefined bits"
    return int.from_bytes(sample[:3], "big") & 0x3FFFF, int.from_bytes(sample[3:], "big") & 0x3FFFF


def told(sample):
    """The time code of a sample."""
    red, infrared = code(sample)
    return red - DARK, infrared - DARK


def fifo(motion, at=0):
    """FIFO_SRC without the watermark, which is 0 here."""
    return bytes([read(motion, 0x2F, at=at)[0] & 0x7F])


@pytest.mark.parametrize(("bits", "rate"), [(1, 100), (3, 100), (4, 50)])
def test_rate_can_be_what_users_of_the_part_see(bits, rate):
    sensor = Max30102(TimeCode().light, rate_rule=RateRule.AS_SEEN)
    write(sensor, 0x0A, bits << 2 | 3)
    assert sensor.effective_rate_hz == rate


def test_interrupt_tells_of_a_sample_and_of_an_almost_full_fifo(sensor):
    """PPG_RDY with each sample, A_FULL at 17 unread for 0xF; the pin is low while an enabled one stands."""
    write(sensor, 0x02, 0xC0)
    write(sensor, 0x08, 0x0F)
    read(sensor, 0x00)
    assert not sensor.is_interrupting
    assert read(sensor, 0x04, at=11 * MS) == b"\x01"
    assert sensor.is_interrupting
    assert read(sensor, 0x00, at=11 * MS) == b"\x40"
    assert not sensor.is_interrupting
    assert read(sensor, 0x00, at=169 * MS) == b"\x40", "16 unread"
    assert read(sensor, 0x00, at=171 * MS) == b"\xc0"
    read(sensor, 0x04, at=181 * MS)
    assert sensor.is_interrupting
    read(sensor, 0x07, 6, at=181 * MS)
    assert not sensor.is_interrupting, "reading the FIFO ends it"


def test_disabled_interrupt_leaves_the_pin_alone(sensor):
    read(sensor, 0x00)
    assert read(sensor, 0x04, at=21 * MS) == b"\x02"
    assert not sensor.is_interrupting


@pytest.mark.parametrize(("bits", "n"), [(0, 1), (1, 2), (2, 4), (3, 8), (4, 16), (5, 32), (6, 32), (7, 32)])
def test_samples_are_averaged(bits, n):
    sensor = lit(Max30102(TimeCode().light))
    write(sensor, 0x08, bits << 5, 0x03, 0x27)
    at = 10 * n * MS
    assert read(sensor, 0x04, at=at - 1) == b"\x00"
    assert read(sensor, 0x04, at=at) == b"\x01"
    assert told(read(sensor, 0x07, 6, at=at)) == (50 * (n + 1), 50 * (n + 1) + 7)


@pytest.mark.parametrize("keeps", [False, True])
def test_overflow_counter_ends_with_a_read_or_with_a_write(keeps):
    sensor = lit(Max30102(TimeCode().light, keeps_overflow=keeps))
    write(sensor, 0x08, 0x00, 0x03, 0x27)
    read(sensor, 0x07, 6, at=340 * MS)
    assert read(sensor, 0x05, at=340 * MS) == (b"\x02" if keeps else b"\x00")
    write(sensor, 0x05, 0, at=340 * MS)
    assert read(sensor, 0x05, at=340 * MS) == b"\x00"


@pytest.mark.parametrize(("rolls", "pointers"), [(True, b"\x04\x04\x04"), (False, b"\x04\x04\x00")])
def test_read_pointer_moves_on_with_a_roll_over_or_does_not(rolls, pointers):
    sensor = lit(Max30102(TimeCode().light, rolls_read_pointer=rolls))
    write(sensor, 0x08, 0x10, 0x03, 0x27)
    assert read(sensor, 0x04, 3, at=361 * MS) == pointers


def test_temperature_is_measured_on_demand(sensor):
    write(sensor, 0x21, 0x01)
    assert read(sensor, 0x1F, 2) == bytes([27, 0])
    assert read(sensor, 0x01) == b"\x02"


def test_motion_interrupt_follows_the_watermark():
    motion = Lis3dh(TimeCode().acceleration)
    write(motion, 0x22, 0x04)
    write(motion, 0x24, 0x40)
    write(motion, 0x2E, 0x80 | 4)
    write(motion, 0x20, 0x47)
    assert read(motion, 0x2F, at=81 * MS) == b"\x04"
    assert not motion.is_interrupting
    assert read(motion, 0x2F, at=101 * MS) == b"\x85"
    assert motion.is_interrupting


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
    assert [told(raw[k : k + 6]) for k in range(0, 30, 6)] == [(100 * k, 100 * k + 7) for k in range(1, 6)]


RATES = [(0, 3, 50), (1, 3, 100), (2, 3, 200), (3, 3, 400), (4, 2, 800), (5, 1, 1000), (6, 0, 1600)]
EXCLUDED = [(4, 3, 400), (7, 3, 400), (5, 2, 800), (6, 1, 1000), (7, 0, 1600)]


@pytest.mark.parametrize(("bits", "width", "rate"), RATES + EXCLUDED)
def test_rate_follows_the_configuration_as_far_as_the_pulse_width_allows(bits, width, rate):
    sensor = Max30102(TimeCode().light)
    write(sensor, 0x0A, bits << 2 | width)
    write(sensor, 0x09, 0x03)
    period_ns = 1e9 / rate
    assert read(sensor, 0x04, at=int(9.5 * period_ns)) == b"\x09"


@pytest.mark.parametrize("width", range(4))
def test_shorter_pulses_leave_low_bits_empty(width):
    sensor = lit(Max30102(lambda t_us: np.full((len(t_us), 2), 0x2FFFF * 1.0)))
    write(sensor, 0x0A, 0x24 | width)
    write(sensor, 0x09, 0x03)
    assert code(read(sensor, 0x07, 6, at=20 * MS))[0] == 0x2FFFF >> (3 - width) << (3 - width)


@pytest.mark.parametrize(("lost", "counted"), [(0, 0), (1, 1), (31, 31), (32, 31), (900, 31)])
def test_overflow_counts_what_is_lost_and_saturates(sensor, lost, counted):
    at = (32 + lost) * 10 * MS
    assert read(sensor, 0x04, 3, at=at) == bytes([0, counted, 0]), "a full FIFO has equal pointers"
    assert told(read(sensor, 0x07, 6, at=at))[0] == 100, "without roll-over the old samples stay"
    assert read(sensor, 0x04, 3, at=at) == b"\x00\x00\x01"
    assert sensor.dropped == lost


def test_roll_over_keeps_the_new_samples():
    sensor = lit(Max30102(TimeCode().light))
    write(sensor, 0x08, 0x10, 0x03, 0x27)
    assert told(read(sensor, 0x07, 6, at=37 * 10 * MS))[0] == 600


def test_shutdown_stops_sampling(sensor):
    write(sensor, 0x09, 0x83)
    assert read(sensor, 0x04, at=100 * MS) == b"\x00"


def test_clearing_the_pointers_empties_the_fifo(sensor):
    read(sensor, 0x04, 3, at=400 * MS)
    write(sensor, 0x04, 0, 0, 0, at=400 * MS)
    assert read(sensor, 0x04, 3, at=409 * MS) == bytes(3)
    assert told(read(sensor, 0x07, 6, at=411 * MS))[0] == 4100


def test_own_clock_may_be_off():
    sensor = Max30102(TimeCode().light, rate_error=0.04)
    write(sensor, 0x08, 0x00, 0x03, 0x27)
    assert read(sensor, 0x04, at=250 * MS) == bytes([26])


def test_absent_sensor_does_not_acknowledge(sensor):
    sensor.is_present = False
    with pytest.raises(NoAcknowledgeError):
        read(sensor, 0xFF)


def test_light_follows_the_current_of_each_led():
    sensor = Max30102(lambda t_us: np.full((len(t_us), 2), 1000.0))
    write(sensor, 0x0A, 0x27)
    write(sensor, 0x0C, 0x48, 0x12)
    write(sensor, 0x09, 0x03)
    assert code(read(sensor, 0x07, 6, at=20 * MS)) == (2000, 500)


@pytest.mark.parametrize(
    ("volts", "reading"), [(0.0, 0), (3.3, 65535), (9.0, 65535), (-1.0, 0), (3.3 * 2048 / 4095, 0x8008)]
)
def test_adc_has_12_bits_stretched_to_16(volts, reading):
    assert stretch(quantise(np.array([volts * 4095 / 3.3]))) == [reading]


def conversions(channel, start_ms, count):
    return np.frombuffer(channel.convert(start_ms * MS + 999_999, count), "<u2") >> 4


def test_adc_holds_each_millisecond_for_16_conversions():
    whole = conversions(AdcChannel(TimeCode().volts), 0, 16_000)
    assert (whole == np.repeat(np.arange(1000), 16)).all()


def test_adc_gives_the_same_however_it_is_asked():
    whole = conversions(AdcChannel(TimeCode().volts, seed=5), 0, 32_000)
    channel = AdcChannel(TimeCode().volts, seed=5)
    for start_ms in (0, 3, 31, 990, 1500, 200):
        got = conversions(channel, start_ms, 512)
        assert (got == whole[16 * start_ms :][:512]).all()
    assert (conversions(AdcChannel(TimeCode().volts, seed=6), 0, 512) != whole[:512]).any()


def test_adc_has_noise_and_an_offset_but_not_without_a_seed():
    def steady(t_us):
        return np.full(len(t_us), 2000 * 3.3 / 4095)

    codes = conversions(AdcChannel(steady, seed=1), 0, 16_000).astype(float)
    assert codes.mean() == pytest.approx(2003, abs=0.1)
    assert codes.std() == pytest.approx(2.0, abs=0.1)
    assert set(conversions(AdcChannel(steady), 0, 16_000)) == {2000}


def test_adc_has_four_wide_codes():
    """Erratum RP2040-E11; with noise, a ramp meets every other code."""

    def ramp(t_us):
        return t_us / 1e6 * 3.3

    codes = conversions(AdcChannel(ramp, seed=1), 0, 16_000)
    met = np.bincount(codes, minlength=4096)
    missing = [code for code in range(10, 4090) if not met[code]]
    around = {wide + step for wide in (512, 1536, 2560, 3584) for step in range(-4, 5) if step}
    assert around <= set(missing)
    assert met[[512, 1536, 2560, 3584]].min() > 20


@pytest.fixture
def motion():
    return Lis3dh(TimeCode().acceleration)


def stream(motion, at=0):
    write(motion, 0x23, 0x98, at=at)
    write(motion, 0x24, 0x40, at=at)
    write(motion, 0x2E, 0x80, at=at)
    write(motion, 0x20, 0x47, at=at)


def axes(raw):
    return np.frombuffer(raw, "<i2").reshape(-1, 3) >> 4


def test_motion_sensor_says_who_it_is_and_sleeps(motion):
    write(motion, 0x0F, 0x00)
    assert read(motion, 0x0F) == b"\x33"
    assert read(motion, 0x20) == b"\x07"
    assert read(motion, 0xA8, 6, at=1000 * MS) == bytes(6)


def test_registers_of_the_motion_sensor_move_on_only_when_asked(motion):
    write(motion, 0xA0, 0x47, 0x01)
    assert read(motion, 0xA0, 2) == b"\x47\x01"
    assert read(motion, 0x20, 2) == b"\x47\x47"


def test_light_of_others_does_not_change_with_the_current():
    sensor = Max30102(lambda t_us: np.full((len(t_us), 2), 5000.0), ambient=lambda t_us: np.full(len(t_us), 3000.0))
    write(sensor, 0x0A, 0x27)
    write(sensor, 0x0C, 0x48, 0x12)
    write(sensor, 0x09, 0x03)
    assert code(read(sensor, 0x07, 6, at=20 * MS)) == (7000, 4000)


@pytest.mark.parametrize(("code", "rate"), [(1, 1), (2, 10), (3, 25), (4, 50), (5, 100), (6, 200), (7, 400)])
def test_motion_comes_at_the_configured_rate(motion, code, rate):
    stream(motion)
    write(motion, 0x20, code << 4 | 7)
    assert fifo(motion, at=int(9.5e9 / rate)) == bytes([9])


def test_motion_fifo_is_read_from_the_oldest_on_and_repeats_the_newest(motion):
    stream(motion)
    assert fifo(motion, at=61 * MS) == b"\x03"
    assert axes(read(motion, 0xA8, 24, at=61 * MS))[:, 0].tolist() == [c - 2000 for c in (200, 400, 600, 600)]
    assert fifo(motion, at=61 * MS) == b"\x20", "empty"


@pytest.mark.parametrize(("unread", "source"), [(31, 0x1F), (32, 0x5F), (40, 0x5F)])
def test_full_motion_fifo_keeps_the_newest_and_says_that_it_is_full(motion, unread, source):
    stream(motion)
    at = unread * 20 * MS + MS
    assert fifo(motion, at=at) == bytes([source])
    oldest = axes(read(motion, 0xA8, 6, at=at))[0, 0] + 2000
    assert oldest == 200 * max(1, unread - 31)
    assert motion.dropped == max(0, unread - 32)


def test_bypass_empties_the_motion_fifo(motion):
    stream(motion)
    write(motion, 0x2E, 0x00, at=700 * MS)
    write(motion, 0x2E, 0x80, at=700 * MS)
    assert fifo(motion, at=701 * MS) == b"\x20"


@pytest.mark.parametrize(("scale", "mg"), [(0, 1), (1, 2), (2, 4), (3, 12)])
def test_motion_scale_follows_the_configuration(scale, mg):
    motion = Lis3dh(lambda t_us: np.tile([0.12, -0.12, 40.0], (len(t_us), 1)))
    stream(motion)
    write(motion, 0x23, 0x88 | scale << 4)
    assert axes(read(motion, 0xA8, 6, at=50 * MS)).tolist() == [[120 // mg, -120 // mg, 2047]]


def test_motion_without_high_resolution_has_10_bits():
    motion = Lis3dh(lambda t_us: np.tile([0.007, 0.0, 0.0], (len(t_us), 1)))
    stream(motion)
    write(motion, 0x23, 0x80)
    assert axes(read(motion, 0xA8, 6, at=50 * MS))[0, 0] == 4


def test_motion_sensor_without_supply_forgets_everything(motion):
    stream(motion)
    motion.power_on()
    assert fifo(motion, at=100 * MS) == b"\x20"
    motion.is_present = False
    with pytest.raises(NoAcknowledgeError):
        read(motion, 0x0F)
