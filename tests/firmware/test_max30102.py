"""The driver against the register model, without a process: every loss is counted or confessed, whatever the timing."""

import errno

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.board.bus import NoAcknowledgeError
from hil.models.max30102 import Max30102
from tests.firmware.stand_in import I2C, imported

_MODULUS = 1 << 18


def time_code(t_us):
    """Light that tells its time in units of 0.1 ms, so that each sample shows when it was taken."""
    code = (t_us // 100) % _MODULUS
    return np.stack([code, (code + 7) % _MODULUS], axis=1).astype(float)


@pytest.fixture(scope="module")
def bench():
    with imported("node.drivers.max30102") as (time, module):
        yield time, module


def started(bench):
    time, module = bench
    time.now_ns = 0
    model = Max30102(time_code)
    driver = module.Max30102(I2C(time, model, 0x57))
    driver.reset()
    driver.configure()
    return time, model, driver


def codes(driver, n):
    raw = np.frombuffer(bytes(driver.samples[: 6 * n]), dtype=np.uint8).reshape(n, 2, 3).astype(int)
    red, infrared = (raw @ [65536, 256, 1]).T
    assert (infrared == (red + 7) % _MODULUS).all(), "red comes first"
    return red.tolist()


@pytest.mark.parametrize("value", [0x00, 0x11, 0xFF])
def test_another_part_is_refused(bench, value):
    time, module = bench
    model = Max30102(time_code)
    model.part_id = value
    with pytest.raises(OSError, match=str(errno.ENODEV)):
        module.Max30102(I2C(time, model, 0x57)).reset()


def test_configuration_that_does_not_stick_is_an_error(bench, monkeypatch):
    _, model, driver = started(bench)
    write = model._write
    monkeypatch.setattr(model, "_write", lambda a, value, now: write(a, 0 if a == 0x0C else value, now))
    driver.reset()
    with pytest.raises(OSError, match=str(errno.EINVAL)):
        driver.configure()


def test_empty_fifo_yields_nothing(bench):
    _, _, driver = started(bench)
    assert driver.read() == 0
    assert (driver.lost, driver.is_lost_unknown, driver.is_waiting) == (0, False, False)


@pytest.mark.parametrize(("code", "clipped"), [(_MODULUS - 2, 0), (_MODULUS - 1, 1)])
def test_full_scale_is_flagged(bench, code, clipped):
    time, module = bench
    model = Max30102(lambda t_us: np.full((len(t_us), 2), float(code)))
    driver = module.Max30102(I2C(time, model, 0x57))
    driver.configure()
    time.now_ns += 50_000_000
    assert driver.read() > 0
    assert driver.clipped == clipped


@settings(deadline=None, max_examples=60)
@given(stalls=st.lists(st.tuples(st.integers(2, 12), st.integers(0, 900_000)), min_size=1, max_size=4))
def test_every_sample_has_its_place_after_any_stall(bench, stalls):
    """Within an epoch the index agrees with the time of the sample; a loss up to the counter's range ends no epoch."""
    time, model, driver = started(bench)
    index, base, last = 0, None, None
    for looks, stall_us in [*stalls, (12, 0)]:
        dropped = model.dropped
        for _ in range(looks * 8):
            n = driver.read()
            for code in codes(driver, n):
                base = (code - 100 * index) % _MODULUS if base is None else base
                assert (base + 100 * index) % _MODULUS == code
                index += 1
                last = code
            if n:
                late_us = (driver.ticks // 100 - last + 50) % _MODULUS * 100 - 5_000
                assert -5_100 <= late_us <= 5_100, "the frame's time is at most half a sample off"
            index += driver.lost
            if driver.is_lost_unknown:
                assert model.dropped - dropped >= 31 or stall_us > 280_000
                index, base = 0, None
            time.now_ns += 4_700_000 if driver.is_waiting else 40_000_000
        time.now_ns += stall_us * 1000


@pytest.mark.parametrize("keeps", [False, True])
@pytest.mark.parametrize("lost", range(1, 31))
def test_overflow_below_saturation_is_counted_exactly(bench, lost, keeps):
    """Whether the counter restarts when a sample is read, or not: both readings of the data sheet."""
    time, model, driver = started(bench)
    model._keeps_overflow = keeps
    start_ns = model._start_ns
    time.now_ns = start_ns + (32 + lost) * 10_000_000 + 3_000_000
    while not driver.read():
        assert driver.is_waiting
        time.now_ns += 4_700_000
    assert driver.lost == model.dropped == lost + 1, "one more while it waited for the counter to move"
    assert not driver.is_lost_unknown
    time.now_ns += 30_000_000
    assert driver.read() > 0
    assert driver.lost == 0


def test_saturated_counter_is_an_unknown_loss(bench):
    time, _, driver = started(bench)
    time.now_ns += (32 + 40) * 10_000_000
    assert driver.read() == 0
    assert driver.is_lost_unknown
    assert driver.lost == 0
    time.now_ns += 100_000_000
    assert driver.read() == 10


def test_slow_transfer_that_may_hide_a_loss_is_an_unknown_loss(bench, monkeypatch):
    time, model, driver = started(bench)
    time.now_ns += 100_000_000
    transfer = model.transfer

    def slow(_, written, wanted):
        if written[0] == 0x07:
            time.now_ns += 400_000_000
        return transfer(time.now_ns, written, wanted)

    monkeypatch.setattr(model, "transfer", slow)
    assert driver.read() == 0
    assert driver.is_lost_unknown


def test_missing_sensor_is_an_os_error(bench):
    _, model, driver = started(bench)
    model.is_present = False
    with pytest.raises(OSError, match=str(errno.EIO)):
        driver.read()


@pytest.mark.parametrize("is_cleared", [True, False])
def test_failed_burst_is_an_unknown_loss(bench, monkeypatch, is_cleared):
    """How many samples it took nobody knows, also if the first attempt to empty the FIFO fails."""
    time, model, driver = started(bench)
    time.now_ns += 105_000_000
    transfer = model.transfer
    failing = [0x07] if is_cleared else [0x07, 0x04]

    def torn(now_ns, written, wanted):
        data = transfer(now_ns, written, wanted)
        if failing and written[0] == failing[0] and (written[0] == 0x07 or len(written) > 1):
            failing.pop(0)
            raise NoAcknowledgeError
        return data

    monkeypatch.setattr(model, "transfer", torn)
    while failing:
        with pytest.raises(OSError, match=str(errno.EIO)):
            driver.read()
        assert driver.clipped == 0
    assert driver.read() == 0
    assert driver.is_lost_unknown
    time.now_ns += 41_000_000
    assert driver.read() == 4
    assert not driver.is_lost_unknown


def test_failed_look_at_the_pointers_loses_nothing(bench):
    time, model, driver = started(bench)
    time.now_ns += 105_000_000
    model.is_present = False
    with pytest.raises(OSError, match=str(errno.EIO)):
        driver.read()
    model.is_present = True
    time.now_ns += 40_000_000
    assert driver.read() == 14
    assert not driver.is_lost_unknown


def test_what_is_thrown_away_was_not_clipped(bench, monkeypatch):
    time, module = bench
    model = Max30102(lambda t_us: np.full((len(t_us), 2), 1.0 * _MODULUS))
    driver = module.Max30102(I2C(time, model, 0x57))
    driver.configure()
    time.now_ns += 100_000_000
    transfer = model.transfer

    def slow(now_ns, written, wanted):
        time.now_ns += 400_000_000 * (written[0] == 0x07)
        return transfer(now_ns, written, wanted)

    monkeypatch.setattr(model, "transfer", slow)
    assert driver.read() == 0
    assert (driver.is_lost_unknown, driver.clipped) == (True, 0)
