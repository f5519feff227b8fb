"""Low-pass coefficients against scipy, which the product itself does not need."""

import numpy as np
import pytest

from dsp.filters import delay_samples, low_pass

signal = pytest.importorskip("scipy.signal")


@pytest.mark.parametrize("rate_hz", [20.0, 50.0, 100.0, 125.0, 250.0, 500.0, 1000.0])
@pytest.mark.parametrize("cutoff_hz", [8.0, 16.0])
def test_coefficients_are_those_of_a_butterworth_filter(rate_hz, cutoff_hz):
    cutoff = min(cutoff_hz, 0.4 * rate_hz)
    sections = low_pass(cutoff_hz, rate_hz).reshape(-1, 5)
    ours = np.insert(sections, 3, 1.0, axis=1)
    expected = signal.butter(4, cutoff, fs=rate_hz, output="sos")
    frequencies = np.linspace(0, 0.99 * rate_hz / 2, 200)
    _, h = signal.sosfreqz(ours, frequencies, fs=rate_hz)
    _, h_expected = signal.sosfreqz(expected, frequencies, fs=rate_hz)
    np.testing.assert_allclose(h, h_expected, atol=1e-9)


@pytest.mark.parametrize("rate_hz", [50.0, 125.0, 500.0])
def test_delay_is_the_group_delay_at_zero(rate_hz):
    coefficients = low_pass(8.0, rate_hz)
    expected = sum(signal.group_delay((s[:3], [1.0, *s[3:]]), w=[1e-4])[1][0] for s in coefficients.reshape(-1, 5))
    assert delay_samples(coefficients) == pytest.approx(expected, rel=1e-4)
