import pytest

from tests.firmware.stand_in import imported

_WRAP_NS = (1 << 30) * 1000


@pytest.fixture
def clock():
    with imported("node.clock") as (time, module):
        yield time, module


@pytest.mark.parametrize("start_ns", [0, _WRAP_NS - 1_000_000_000])
def test_pace_does_not_drift_with_the_work_done(clock, start_ns):
    time, module = clock
    time.now_ns = start_ns
    pace = module.Pace(5_000)
    for k in range(1, 401):
        assert pace.wait() == 0
        assert time.now_ns == start_ns + 10_000 + 5_000_000 * k, "each look at the clock takes 5 us"
        time.now_ns += k * 12_000


@pytest.mark.parametrize(("late_us", "missed"), [(990, 0), (1_100, 1), (4_900, 1), (5_100, 2), (400_100, 81)])
def test_missed_moments_are_counted_and_the_phase_is_kept(clock, late_us, missed):
    time, module = clock
    time.now_ns = _WRAP_NS - 20_000_000
    pace = module.Pace(5_000)
    pace.wait()
    time.now_ns += 5_000_000 + late_us * 1000
    assert pace.wait() == missed
    pace.wait()
    assert (time.now_ns - _WRAP_NS + 20_000_000) % 5_000_000 == 10_000


def test_sleep_that_takes_too_long_is_noticed(clock):
    time, module = clock
    pace = module.Pace(5_000)
    extra = iter([12_000])
    module.sleep_us = lambda us: time.sleep_us(us + next(extra, 0))
    assert pace.wait() == 3
