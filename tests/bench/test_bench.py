"""The programs that measure: C is the same to the bit, a day's memory is flat, old results are not shown."""

import gc
import shutil
import sys

import numpy as np
import pytest

import dsp
from bench import bits, chain, kernels, results, to_c, wabp


@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc: apt install gcc")
def test_every_kernel_has_a_translation_and_what_is_called_gives_equal_bits(tmp_path):
    c = to_c.build(kernels.modules(), tmp_path)
    ours = {(m.__name__.rsplit(".", 1)[-1], n): k for m in kernels.modules() for n, k in to_c.kernels_of(m).items()}
    assert c.keys() == {key for key, kernel in ours.items() if kernel.nopython_signatures}
    assert len(c) >= 10
    tape = kernels.record(125.0, seconds=30)
    assert {("pulse", "detect"), ("history", "agreements"), ("history", "add")} <= {key for key, _ in tape.calls}
    _, memory = kernels.played(tape, ours, list)
    _, memory_c = kernels.played(tape, c, to_c.flattened)
    assert memory == memory_c
    _, untouched = tape.arguments()
    assert memory != [before.tobytes() for before in untouched.values()], "the calls have written something"


def test_the_recorded_monitor_is_put_back():
    before = dsp.VitalsMonitor
    kernels.record(125.0, seconds=2)
    assert before is dsp.VitalsMonitor
    assert all(hasattr(k, "py_func") for m in kernels.modules() for k in to_c.kernels_of(m).values())


def test_minutes_of_signal_allocate_nothing_that_stays_but_the_log_of_pulses():
    """What looks back longest is full after five minutes; a log of pulses is emptied when it is full, an hour later."""
    monitor, counts = dsp.VitalsMonitor(bits.CONFIG), []
    beats = 0
    for event in chain.looped(7):
        beats += sum(isinstance(given, dsp.Beat) and given.accepted for given in monitor.feed(event))
        if isinstance(event, dsp.Tick) and event.t_us % (bits.SECONDS * 1_000_000) == 0:
            gc.collect()
            counts.append((sys.getallocatedblocks(), beats))
    blocks, logged = (last - first for first, last in zip(counts[4], counts[6], strict=True))
    assert logged > 200
    assert blocks < logged + 100, counts


def test_wabp_finds_every_onset_of_a_clean_pressure():
    at = np.arange(0, 60, 1 / wabp.RATE_HZ)
    phase = at % 0.8
    mmhg = 80 + 40 * np.exp(-(((phase - 0.15) / 0.06) ** 2)) + 12 * np.exp(-(((phase - 0.4) / 0.08) ** 2))
    found = wabp.onsets(mmhg)
    steps_s = np.diff(found) / wabp.RATE_HZ
    assert len(found) >= 60 / 0.8 - 12  # it needs its first beats to settle
    assert np.all(abs(steps_s - 0.8) < 0.02)
    assert abs(np.median(found / wabp.RATE_HZ % 0.8) - 0.02) < 0.06
    assert wabp.is_normal(mmhg, found)[1:-1].all()


def test_the_abnormality_index_rejects_a_real_low_pressure():
    """50/35 is a patient, and an alarm, but not for the index: what it must not be used for."""
    at = np.arange(0, 60, 1 / wabp.RATE_HZ)
    mmhg = 35 + 15 * np.exp(-(((at % 0.8 - 0.15) / 0.06) ** 2))
    found = np.flatnonzero(np.diff(at % 0.8) < 0)
    assert not wabp.is_normal(mmhg, found).any()


def test_a_result_of_other_code_is_not_shown(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    with pytest.raises(results.MissingError, match="has not been run"):
        results.kept("some", "make campaign-some")
    results.keep("some", ["| a |"], ["dsp"])
    assert results.kept("some", "make campaign-some") == ["| a |"]
    monkeypatch.setattr(results, "fingerprint", lambda _packages: "other")
    with pytest.raises(results.MissingError, match="has changed since"):
        results.kept("some", "make campaign-some")


def test_a_part_of_a_campaign_is_made_once_for_the_same_code(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    made = []

    def measure():
        made.append(True)
        return ["one"]

    assert [results.part("some", "a", ["bench/results.py"], measure) for _ in range(2)] == [["one"], ["one"]]
    assert results.part("some", "b", ["bench/results.py"], measure) == ["one"]
    assert len(made) == 2
    assert results.parts("some") == [["one"], ["one"]]
    monkeypatch.setattr(results, "fingerprint", lambda _packages: "other")
    assert results.part("some", "a", ["bench/results.py"], measure) == ["one"]
    assert len(made) == 3
    assert results.parts("some") == [["one"]]


def test_what_a_campaign_prints_is_kept_also_that_it_failed(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    program = "print('two'); print('| a |'); raise SystemExit(3)"
    monkeypatch.setattr(sys, "argv", ["results.py", "some", "dsp,hil", sys.executable, "-c", program])
    assert results.main() == 3
    assert results.kept("some", "make x") == ["    two", "| a |", "    FAILED: exit code 3"]
    assert capfd.readouterr().out == "two\n| a |\n"
