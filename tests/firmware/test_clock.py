import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.firmware.stand_in import imported

_WRAP_NS = (1 << 30) * 1000


@pytest.fixture(scope="module")
def clock():
    with imported("node.clock") as (time, module):
        yield time, module


@pytest.mark.parametrize("start_ns", [0, _WRAP_NS - 1_000_000_000])
def test_pace_does_not_drift_with_the_work_done(clock, start_ns):
    time, module = clock
    time.now_ns = start_ns
    pace = module.Pace(5_000, time.sleep_us)
    for k in range(1, 401):
        assert pace.wait() == 0
        assert time.now_ns == start_ns + 10_000 + 5_000_000 * k, "each look at the clock takes 5 us"
        time.now_ns += k * 12_000


@pytest.mark.parametrize(("late_us", "missed"), [(990, 0), (1_100, 1), (4_900, 1), (5_100, 2), (400_100, 81)])
def test_missed_moments_are_counted_and_the_phase_is_kept(clock, late_us, missed):
    time, module = clock
    time.now_ns = _WRAP_NS - 20_000_000
    pace = module.Pace(5_000, time.sleep_us)
    pace.wait()
    time.now_ns += 5_000_000 + late_us * 1000
    assert pace.wait() == missed
    pace.wait()
    assert (time.now_ns - _WRAP_NS + 20_000_000) % 5_000_000 == 10_000


def test_sleep_that_takes_too_long_is_noticed(clock):
    time, module = clock
    extra = iter([12_000])
    pace = module.Pace(5_000, lambda us: time.sleep_us(us + next(extra, 0)))
    assert pace.wait() == 3


def test_rest_that_ends_early_is_gone_on_with(clock):
    time, module = clock
    pace = module.Pace(5_000, lambda us: time.sleep_us(min(us, 700)))
    start_ns = time.now_ns
    assert [pace.wait() for _ in range(3)] == [0, 0, 0]
    assert 0 <= time.now_ns - start_ns - 15_000_000 < 50_000


def test_what_begins_anew_while_it_idles_has_missed_nothing(clock):
    time, module = clock

    def idle(us):
        if pace.period_us == 5_000:  # as when the host commands another rate: the flash is read for it
            time.now_ns += 100_000_000
            pace.start(4_000)
        else:
            time.sleep_us(us)

    pace = module.Pace(5_000, idle)
    assert [pace.wait() for _ in range(3)] == [0, 0, 0]


def test_period_can_be_changed(clock):
    time, module = clock
    pace = module.Pace(5_000, time.sleep_us)
    pace.wait()
    time.now_ns += 400_000_000
    pace.start(4_000)
    start_ns = time.now_ns
    assert pace.wait() == 0
    assert 0 <= time.now_ns - start_ns - 4_000_000 <= 10_000


@settings(deadline=None)
@given(
    rate_hz=st.sampled_from([50, 100, 200, 400]),
    elapsed_us=st.integers(10_000_000, 15_999_999),
    error=st.floats(-0.2, 0.2),
)
def test_rate_is_measured_without_a_number_above_30_bits(clock, rate_hz, elapsed_us, error):
    _, module = clock
    n = int(rate_hz * elapsed_us / 1e6 * (1 + error))
    exact = n * (1_000_000 // rate_hz) / elapsed_us * 1e6
    assert module.measured_ppm(Small(n), Small(1_000_000 // rate_hz), Small(elapsed_us)) == pytest.approx(exact, abs=4)


@pytest.mark.parametrize("factor", [0, 0.25, 2.0, 4.0])
def test_rate_that_is_far_off_is_measured_too(clock, factor):
    _, module = clock
    found = module.measured_ppm(Small(int(1000 * factor)), Small(10_000), Small(10_000_000))
    assert found == min(factor * 1_000_000, 2_999_999)


class Small(int):
    """A small integer of the board: 31 bits with its sign; a larger one would be garbage on the heap."""

    def _kept(self, value):
        assert -(1 << 30) <= value < 1 << 30, f"{value} is no small integer"
        return Small(value)

    def __add__(self, other):
        return self._kept(int(self) + other)

    def __mul__(self, other):
        return self._kept(int(self) * other)

    def __rshift__(self, other):
        return self._kept(int(self) >> other)

    def __floordiv__(self, other):
        return self._kept(int(self) // other)

    def __mod__(self, other):
        return self._kept(int(self) % other)
