"""The reference of respiration: marked breaths, or the peak of another signal; nothing where there is neither."""

import numpy as np
import pytest

pytest.importorskip("wfdb")  # which warns where it is imported first

from bench.breathing import WINDOW_S, Breathing


def record(folder, name, per_min):
    t_s = np.arange(0, 200, 1 / 25)
    signal = np.sin(2 * np.pi * per_min / 60 * t_s) + 0.3 * np.sin(2 * np.pi * 1.2 * t_s)
    counts = np.rint(1000 * signal).astype("<i2")
    (folder / "one.dat").write_bytes(counts.tobytes())
    (folder / "one.hea").write_text(f"one 1 25 {len(counts)}\none.dat 16 1000(0)/mmHg 16 0 {counts[0]} 0 0 {name}\n")
    return folder / "one"


def test_marked_breaths_are_counted_in_each_whole_window(tmp_path):
    breathing = Breathing(tmp_path / "none", [4.0 * k for k in range(50)])
    assert breathing.name == "marked breaths"
    assert breathing.rates(0, WINDOW_S + 8) == [15.0, 15.0]
    assert breathing.rates(0, WINDOW_S - 1) == []


@pytest.mark.parametrize(("name", "per_min"), [("CO2", 15.0), ("RESP", 6.0), ("CVP", 24.0)])
def test_another_signal_shows_it_by_its_peak_below_the_heart(tmp_path, name, per_min):
    breathing = Breathing(record(tmp_path, name, per_min), None)
    assert breathing.name == name
    rates = breathing.rates(-20, 120)
    assert len(rates) == 8
    assert all(abs(rate - per_min) < 0.3 for rate in rates)
    assert breathing.rates(180, 300) == []  # the recording ends


def test_a_recording_without_such_a_signal_says_nothing(tmp_path):
    breathing = Breathing(record(tmp_path, "ABP", 12.0), None)
    assert (breathing.name, breathing.rates(0, 150)) == (None, [])
