"""`chairside analyze` as a user calls it."""

import json

import numpy as np
import pytest

from dsp import Quantity
from gateway.cli.main import main
from tests import naive


@pytest.fixture
def recording(tmp_path):
    """30 s of pressure at 72/min with half a second missing."""
    t_us = naive.times_us(125.0, 30.0)
    x = naive.pressure_wave(t_us / 1e6, naive.beat_times(30.0, 72.0))
    keep = (t_us < 20_000_000) | (t_us > 20_500_000)
    path = tmp_path / "a.csv"
    lines = [f"{t / 1e6},{v:.3f}" for t, v in zip(t_us[keep], x[keep], strict=True)]
    path.write_text("\n".join(["time_s,ABP_mmHg", *lines]))
    return path


def json_lines(capsys, path):
    def refuse(name):
        raise AssertionError(f"{name} in the output")

    assert main(["analyze", str(path), "--json"]) == 0
    return [json.loads(line, parse_constant=refuse) for line in capsys.readouterr().out.splitlines()]


def test_every_quantity_has_a_line_each_second(capsys, recording):
    lines = json_lines(capsys, recording)
    vitals = [line for line in lines if line["type"] == "vital"]
    assert [(v["t_s"], v["quantity"]) for v in vitals] == [(float(s), q.value) for s in range(1, 31) for q in Quantity]
    for v in vitals:
        assert set(v) == {"type", "t_s", "quantity", "value", "unit", "sqi", "validity", "reasons"}
        assert (v["value"] is None) == (v["validity"] in {"unavailable", "stale", "calibrating"})
        assert v["reasons"] or v["validity"] == "measured"
    systolic = {v["t_s"]: (v["value"], v["reasons"]) for v in vitals if v["quantity"] == "systolic" and v["t_s"] > 10}
    assert systolic.pop(21.0) == (None, ["gap"])  # the newest beat is too old, and the next may have been missed
    assert [value for value, _ in systolic.values()] == pytest.approx([120.0] * 19, abs=1.0)


def test_beats_have_the_promised_fields(capsys, recording):
    beats = [line for line in json_lines(capsys, recording) if line["type"] == "beat"]
    assert len([b for b in beats if b["accepted"]]) >= 30
    for b in beats:
        fields = {"type", "t_s", "channel", "onset_s", "peak_s", "systolic_mmhg", "diastolic_mmhg", "mean_mmhg"}
        assert fields | {"sqi", "accepted", "reasons"} == set(b)
        assert b["onset_s"] <= b["t_s"] <= b["peak_s"]


def test_summary_counts_what_was_printed(capsys, recording):
    *lines, summary = json_lines(capsys, recording)
    assert summary["type"] == "summary"
    accepted = sum(1 for b in lines if b["type"] == "beat" and b["accepted"])
    assert summary["beats"]["pressure"]["accepted"] == accepted
    rate = summary["quantities"]["pulse_rate"]
    assert rate["median"] == pytest.approx(72, abs=0.5)
    assert rate["answered_s"] + sum(rate["unanswered_s"].values()) == 30


def test_text_names_the_value_its_share_and_the_reasons(capsys, recording):
    assert main(["analyze", str(recording)]) == 0
    out = capsys.readouterr().out
    assert "ABP at 125 Hz" in out
    assert "120.0 mm[Hg]" in out
    assert "learning 29 s" in out  # breathing takes 32 s, and a second belongs to the gap


def test_nothing_measurable_is_no_error(capsys, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("time_s,PLETH\n" + "\n".join(f"{k / 50},1" for k in range(500)))
    lines = json_lines(capsys, path)
    assert not [line for line in lines if line["type"] == "beat"]
    late = [v for v in lines if v["type"] == "vital" and v["quantity"] == "pulse_rate" and v["t_s"] > 5]
    assert {tuple(v["reasons"]) for v in late} == {("flat line",)}


def test_no_usable_channel_is_wrong_use(capsys, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("time_s,CVP\n0,1\n0.01,2\n")
    assert main(["analyze", str(path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1


@pytest.mark.recordings
def test_a_line_without_pulse_has_no_accepted_beat(capsys, recordings):
    pytest.importorskip("wfdb")
    lines = json_lines(capsys, recordings / "mimic_wfdb_samples" / "3234460_0018")
    assert sum(1 for b in lines if b["type"] == "beat" and b["accepted"]) == 0


@pytest.mark.recordings
def test_a_real_low_pressure_is_measured(capsys, recordings):
    pytest.importorskip("wfdb")
    lines = json_lines(capsys, recordings / "mimic_wfdb_samples" / "03700181")
    values = [v["value"] for v in lines if v["type"] == "vital" and v["quantity"] == "systolic"]
    assert sum(1 for v in values if v is not None) > 0.97 * len(values)
    assert 40 < np.median([v for v in values if v is not None]) < 80
