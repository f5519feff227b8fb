"""The driver against the register model, without a process: every loss is confessed, whatever the timing."""

import errno

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.board.bus import NoAcknowledgeError
from hil.models.lis3dh import Lis3dh
from tests.firmware.stand_in import I2C, imported
from tests.hil.link import TimeCode, motion_us


@pytest.fixture(scope="module")
def bench():
    with imported("node.drivers.lis3dh") as (time, module):
        yield time, module


def started(bench, acceleration=None):
    time, module = bench
    time.now_ns = 0
    model = Lis3dh(acceleration or TimeCode().acceleration)
    driver = module.Lis3dh(I2C(time, model, 0x19))
    driver.reset()
    driver.configure()
    return time, model, driver


def raw(driver, n):
    samples = np.frombuffer(bytes(driver.samples[: 9 * n]), dtype=np.uint8).reshape(n, 3, 3).astype(int)
    return samples @ [65536, 256, 1]


def times_us(driver, n):
    return motion_us(raw(driver, n)).tolist()


@pytest.mark.parametrize("g", [0.0, 1.0, -1.0, 3.5])
def test_scale_is_that_of_the_descriptor(bench, g):
    time, _, driver = started(bench, lambda t_us: np.tile([g, 0.0, -g], (len(t_us), 1)))
    time.now_ns += 50_000_000
    assert driver.read() == 2
    values = (raw(driver, 2) - driver.OFFSET) * driver.NUM / driver.DEN
    assert values == pytest.approx(np.tile([g, 0.0, -g], (2, 1)), abs=0.001)


@pytest.mark.parametrize(("g", "clipped"), [(4.09, 0), (4.1, 1), (-4.092, 0), (-4.1, 1)])
def test_full_scale_is_flagged(bench, g, clipped):
    time, _, driver = started(bench, lambda t_us: np.tile([0.0, g, 0.0], (len(t_us), 1)))
    time.now_ns += 50_000_000
    assert driver.read() == 2
    assert driver.clipped == clipped


def test_another_part_is_there_and_refused(bench):
    time, module = bench
    model = Lis3dh(TimeCode().acceleration)
    driver = module.Lis3dh(I2C(time, model, 0x19))
    assert driver.is_there()
    model.identity = 0x32
    assert driver.is_there()
    with pytest.raises(OSError, match=str(errno.ENODEV)):
        driver.reset()
    model.is_present = False
    assert not driver.is_there()


@pytest.mark.parametrize("register", [0x20, 0x23, 0x24, 0x2E])
def test_configuration_that_does_not_stick_is_an_error(bench, monkeypatch, register):
    _, model, driver = started(bench)
    write = model._write
    monkeypatch.setattr(model, "_write", lambda a, value, now: write(a, 0 if a == register else value, now))
    driver.reset()
    with pytest.raises(OSError, match=str(errno.EINVAL)):
        driver.configure()


@settings(deadline=None, max_examples=60)
@given(stalls=st.lists(st.tuples(st.integers(1, 12), st.integers(0, 900_000)), min_size=1, max_size=4))
def test_every_sample_has_its_place_after_any_stall(bench, stalls):
    """Within an epoch the index agrees with the time of the sample; only an overrun ends an epoch."""
    time, model, driver = started(bench)
    index, base = 0, None
    for looks, stall_us in [*stalls, (12, 0)]:
        for _ in range(looks):
            n = driver.read()
            assert driver.lost == 0
            if driver.is_lost_unknown:
                assert n == 0
                index, base = 0, None
            for t_us in times_us(driver, n):
                base = t_us - 20_000 * index if base is None else base
                assert base + 20_000 * index == t_us
                index += 1
            if n:
                assert abs(driver.ticks - times_us(driver, n)[-1]) <= 11_000
            time.now_ns += 4_700_000 if driver.is_waiting else 80_000_000
        time.now_ns += stall_us * 1000
    assert model.dropped == 0 or stalls


@pytest.mark.parametrize(("unread", "reads"), [(1, [1]), (24, [24]), (25, [24, 1]), (31, [24, 7]), (32, [0, 0])])
def test_what_does_not_fit_a_frame_waits_and_a_full_fifo_is_an_unknown_loss(bench, unread, reads):
    time, model, driver = started(bench)
    time.now_ns = model._start_ns + unread * 20_000_000 + 1_000_000
    for n in reads:
        assert driver.read() == n
        assert driver.is_waiting == (n == 24 and unread > 24)
    assert driver.is_lost_unknown == (unread == 32) or reads[-1] == 0


def test_sensor_that_starts_anew_has_forgotten_what_it_held(bench):
    time, _, driver = started(bench)
    time.now_ns += 201_000_000
    driver.reset()
    time.now_ns += 80_000_000
    driver.configure()
    since_us = time.now_ns // 1000
    time.now_ns += 61_000_000
    assert driver.read() == 3
    assert min(times_us(driver, 3)) > since_us


def test_overrun_is_an_unknown_loss_and_ends(bench):
    time, _, driver = started(bench)
    time.now_ns += 900_000_000
    assert driver.read() == 0
    assert driver.is_lost_unknown
    time.now_ns += 81_000_000
    assert driver.read() == 4
    assert not driver.is_lost_unknown


@pytest.mark.parametrize("failing", [(0xA8,), (0xA8, 0x2E)])
def test_failed_burst_is_an_unknown_loss(bench, monkeypatch, failing):
    """How many samples it took nobody knows, also if the first attempt to empty the FIFO fails."""
    time, model, driver = started(bench)
    time.now_ns += 81_000_000
    transfer = model.transfer
    failing = list(failing)

    def torn(now_ns, written, wanted):
        data = transfer(now_ns, written, wanted)
        if failing and written[0] == failing[0]:
            failing.pop(0)
            raise NoAcknowledgeError
        return data

    monkeypatch.setattr(model, "transfer", torn)
    while failing:
        with pytest.raises(OSError, match=str(errno.EIO)):
            driver.read()
    assert driver.read() == 0
    assert driver.is_lost_unknown
    time.now_ns += 41_000_000
    assert driver.read() == 2
    assert not driver.is_lost_unknown


def test_slow_transfer_that_may_hide_a_loss_is_an_unknown_loss(bench, monkeypatch):
    time, model, driver = started(bench)
    time.now_ns += 100_000_000
    transfer = model.transfer

    def slow(_, written, wanted):
        if written[0] == 0xA8:
            time.now_ns += 700_000_000
        return transfer(time.now_ns, written, wanted)

    monkeypatch.setattr(model, "transfer", slow)
    assert driver.read() == 0
    assert driver.is_lost_unknown
