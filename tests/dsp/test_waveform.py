"""The compiled front end: equal bits for any cut, gaps, and the same numbers as the obvious computation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsp.filters import low_pass
from dsp.kernels import history
from dsp.kernels import pulse as kernel
from dsp.types import Channel
from dsp.waveform import Candidate, CandidateFinder, Gap
from tests import naive

RATE_HZ = 125.0


def signal_with_trouble():
    """30 s at 75/min with noise, a lost second, two missing samples, one repeated time."""
    t_us = naive.times_us(RATE_HZ, 30.0)
    x = naive.pressure_wave(t_us / 1e6, naive.beat_times(30.0, 75.0))
    x = x + np.random.default_rng(1).normal(0, 0.5, len(x))
    x[1000] = np.nan
    x[1500] = np.inf
    t_us[2500:] += 1_000_000
    t_us[3000] = t_us[2999]
    return t_us, x


def events(t_us, x, parts, **options):
    finder = CandidateFinder(Channel.PRESSURE, RATE_HZ, **options)
    found = [e for part in parts for e in finder.feed(t_us[part], x[part])]
    return [
        (e.t_us, e.length_us)
        if isinstance(e, Gap)
        else tuple(v.tobytes() if isinstance(v, np.ndarray) else v for v in (getattr(e, n) for n in e.__slots__))
        for e in found
    ]


T_US, X = signal_with_trouble()
WHOLE = events(T_US, X, [slice(0, len(X))])


def test_one_sample_at_a_time_gives_equal_bits():
    assert events(T_US, X, [slice(k, k + 1) for k in range(len(X))]) == WHOLE


@settings(deadline=None, max_examples=40)
@given(cuts=st.lists(st.integers(0, len(X) - 1), max_size=40))
def test_any_cut_gives_equal_bits(cuts):
    assert events(T_US, X, naive.spans(len(X), cuts)) == WHOLE


def test_gaps_are_steps_in_time_and_missing_samples():
    gaps = [e for e in WHOLE if len(e) == 2]
    assert gaps == [
        (T_US[1001], 16_000),
        (T_US[1501], 16_000),
        (T_US[2500], 1_008_000),
        (T_US[3001], 16_000),
    ]


def test_samples_at_or_before_the_last_time_are_left_out():
    again = events(np.repeat(T_US, 2), np.repeat(X, 2), [slice(0, 2 * len(X))])
    assert again == WHOLE


def test_filter_and_slope_sum_are_the_obvious_ones():
    t_us = naive.times_us(RATE_HZ, 6.0)
    x = naive.pressure_wave(t_us / 1e6, naive.beat_times(6.0, 60.0))
    finder = CandidateFinder(Channel.PRESSURE, RATE_HZ)
    found = [e for e in finder.feed(t_us, x) if not isinstance(e, Gap)]
    first, second = low_pass(16.0, RATE_HZ).reshape(-1, 5)
    y = naive.biquad(naive.biquad(x, first), second)
    np.testing.assert_allclose(finder.rings()[0][kernel.FILTERED, : len(x)], y, rtol=1e-12)
    z = naive.slope_sum(y, round(0.15 * RATE_HZ))
    large = [c for c in found if c.slope_sum > 20]
    tops = [max(z[int(c.onset_us * RATE_HZ / 1e6) :][:60]) for c in large]
    np.testing.assert_allclose([c.slope_sum for c in large], tops, rtol=1e-9)
    assert len(large) == 6


@pytest.mark.parametrize("rate_hz", [20.0, 25.0, 62.5, 100.0, 125.0, 250.0, 500.0, 1000.0])
def test_upslope_peak_and_levels_at_every_sampling_rate(rate_hz):
    t_us = naive.times_us(rate_hz, 12.0)
    starts = naive.beat_times(11.0, 72.0)
    x = naive.pressure_wave(t_us / 1e6, starts)
    finder = CandidateFinder(Channel.PRESSURE, rate_hz)
    large = [c for c in finder.feed(t_us, x) if not isinstance(c, Gap) and c.slope_sum > 20][1:]
    assert len(large) == len(starts) - 1
    late_s = np.array([c.upslope_us / 1e6 for c in large]) - starts[1:] - naive.UPSLOPE_S
    assert np.std(late_s) < 0.004
    assert abs(np.mean(late_s)) < 0.025
    coarse = 1.5 if rate_hz >= 62.5 else 8.0  # mmHg: a slow sensor misses the very peak
    for c in large:
        assert c.raw_max == pytest.approx(120.0, abs=coarse)
        assert c.raw_min == pytest.approx(80.0, abs=coarse)
        assert c.emit_us - c.peak_us <= 400_000


@pytest.mark.parametrize("samples", [np.zeros(2000), np.full(2000, 80.0), np.full(2000, np.nan)])
def test_a_constant_or_missing_signal_has_no_candidate(samples):
    assert events(naive.times_us(RATE_HZ, 16.0), samples, [slice(0, 2000)]) == []


def test_noise_of_the_converter_is_no_candidate():
    t_us = naive.times_us(RATE_HZ, 16.0)
    counts = 500.0 + (np.arange(2000) // 6 % 2)
    finder = CandidateFinder(Channel.PLETH, RATE_HZ)
    assert list(finder.feed(t_us, counts)) == []


def test_agreement_is_the_correlation():
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(2, kernel.SNIPPET_POINTS))
    a, b = ((v - v.mean()) / np.linalg.norm(v - v.mean()) for v in (a, b))
    for points in (28, kernel.SNIPPET_POINTS):
        assert history.agreement(a, b, points) == pytest.approx(np.corrcoef(a[:points], b[:points])[0, 1])
    assert history.agreement(a, np.zeros_like(a), 28) == 0.0
    template = a.copy()
    history.blend(template, b, 0.25)
    expected = 0.75 * a + 0.25 * b
    np.testing.assert_allclose(template, expected / np.linalg.norm(expected))


def test_a_row_has_the_fields_of_the_kernel_in_its_order():
    assert Candidate._fields == (*kernel.CANDIDATE.names[2:], "snippet")
