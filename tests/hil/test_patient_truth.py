"""The truth beside the signal: its numbers, its file, and how published values are held against it."""

import itertools
import json
import signal
import subprocess
import sys
from dataclasses import asdict

import numpy as np
import pytest

from gateway.chunklog import read_chunks, read_header
from gateway.messages import Composer, Message
from gateway.pipeline import Pipeline
from hil.agreement import WINDOW_S, against_truth, errors
from hil.cli import main
from hil.patient import Patient
from hil.scenarios import SCENARIOS
from hil.stimulus import Stimulus
from hil.truth import TruthLines, read, second, seconds
from tests.hil.link import rig

S = 1_000_000


def test_a_second_is_the_mean_over_it_of_the_beats_that_reach_into_it():
    patient, again = Patient(2, "vasovagal"), Patient(2, "vasovagal")
    truth = [second(patient, t_s) for t_s in range(1, 241)]
    beats = [b for k in range(-1, 241) for b in again.beats(k * S, (k + 1) * S)]
    onsets = np.array([b.onset_us for b in beats])
    for t_s in (3, 120, 150, 177, 240):
        t_us = np.arange((t_s - 1) * S, t_s * S, 500) + 250
        now = [beats[k] for k in np.searchsorted(onsets, t_us, side="right") - 1]
        assert truth[t_s - 1].systolic == pytest.approx(np.mean([b.systolic_mmhg for b in now]), abs=0.02)
        assert truth[t_s - 1].mean_pressure == pytest.approx(np.mean([b.mean_mmhg for b in now]), abs=0.02)
        assert truth[t_s - 1].pulse_rate == pytest.approx(np.mean([b.rate_bpm for b in now]), abs=0.02)


def test_an_early_beat_and_its_pause_count_as_two_usual_cycles():
    patient = Patient(1, "iv")
    beats = [b for k in range(2000) for b in patient.beats(k * S, (k + 1) * S)]
    usual = [b for a, b, c in zip(beats, beats[1:], beats[2:], strict=False) if not (b.is_ectopic or c.is_ectopic)]
    assert all(b.rate_bpm == pytest.approx(60e6 / b.interval_us, abs=0.01) for b in usual)
    early = [k for k in range(1, len(beats)) if beats[k].is_ectopic]
    assert len(early) > 2
    for k in early:
        pair_us = beats[k - 1].interval_us + beats[k].interval_us
        assert 120e6 / pair_us == pytest.approx((beats[k - 1].rate_bpm + beats[k].rate_bpm) / 2, rel=0.03)
        assert abs(60e6 / beats[k].interval_us - beats[k].rate_bpm) > 10, "one alone is far off"


def test_the_perfusion_index_is_that_of_the_light():
    stimulus, patient = Stimulus(Patient(6)), Patient(6)
    truth = [second(patient, t_s).perfusion_index for t_s in range(1, 41)]
    for beat in Patient(6).beats(20 * S, 39 * S):
        foot_us = beat.onset_us + 180_000  # the pleth's transit
        infrared = stimulus.light(np.arange(foot_us, foot_us + 400_000, 5_000))[:, 1]
        absorbed = 100 * np.log(infrared[0] / infrared.min())
        around = truth[beat.onset_us // S - 1 : beat.onset_us // S + 2]
        assert min(around) - 0.05 < absorbed < max(around) + 0.05


def test_a_truth_file_holds_every_beat_and_every_second_in_order():
    lines = TruthLines(Patient(1, "desaturation"))
    written = [json.loads(line) for line in [lines.header(), *lines.until(9_999_999), *lines.until(12_300_000)]]
    assert written[0]["type"] == "scenario"
    assert (written[0]["name"], written[0]["seed"], written[0]["duration_s"]) == ("desaturation", 1, 300)
    assert {"name": "desaturation", "start_s": 60, "end_s": 240} in written[0]["events"]
    assert [one["t_s"] for one in written if one["type"] == "second"] == list(range(1, 13))
    onsets = [one["onset_us"] for one in written if one["type"] == "beat"]
    assert onsets == [b.onset_us for b in Patient(1, "desaturation").beats(0, 12 * S)]
    whole = [asdict(truth) for truth in seconds(Patient(1, "desaturation"))][:12]
    for one, expected in zip(read(map(json.dumps, written)), whole, strict=True):
        assert one["systolic"] == pytest.approx(expected["systolic"], abs=1e-3)
        assert one["is_measurable"] == expected["is_measurable"]


def published(t_s, value, *, sqi=1.0, validity="measured"):
    return {"t_us": t_s * S, "quantities": {"systolic": {"value": value, "sqi": sqi, "validity": validity}}}


def test_agreement_is_over_good_seconds_against_the_mean_of_eight():
    truth = [{"t_s": t_s, "systolic": 100.0 + t_s} for t_s in range(1, 21)]
    vitals = [
        published(8, 104.5),  # right: the mean of 101 to 108
        published(10, 106.5 + 2),
        published(12, 108.5 - 4),
        published(13, 0.0, sqi=0.49),
        published(14, 0.0, validity="questionable"),
        published(15, None, sqi=0.0, validity="unavailable"),
        published(16, 112.5, sqi=0.5),
        published(21, 0.0),  # the truth has ended
    ]
    found = against_truth(vitals, truth, ["systolic"])["systolic"]
    assert found.mae == pytest.approx(6 / 4)
    assert (found.largest, found.worst_s) == (pytest.approx(4), 12)
    assert found.p95 == pytest.approx(np.percentile([0, 2, 4, 0], 95))
    assert found.coverage == pytest.approx(4 / 20)


def test_agreement_without_a_good_second_has_no_errors():
    found = against_truth([published(1, None, validity="stale")], [{"t_s": 1, "systolic": 100.0}], ["systolic"])
    assert (found["systolic"].mae, found["systolic"].largest, found["systolic"].coverage) == (None, None, 0.0)


def test_a_truth_with_a_hole_is_refused():
    with pytest.raises(ValueError, match="every second from 1 on"):
        against_truth([], [{"t_s": 2, "systolic": 100.0}], ["systolic"])


@rig
def test_truth_is_written_beside_the_log_and_complete_after_an_interruption(tmp_path):
    path, log = tmp_path / "truth.jsonl", tmp_path / "chunks.log"
    command = [sys.executable, "-m", "hil.cli", "chair", "--speed", "20", "--scenario", "iv", "--truth", str(path)]
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and (not path.exists() or path.read_text().count('"second"') < 20):
            pass
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    with log.open("rb") as file:
        assert read_header(file).origin.label == "simulated patient, scenario iv, seed 0"
        end_us = list(read_chunks(file))[-1].t_us
    truth = read(path.read_text().splitlines())
    assert end_us // S <= truth[-1]["t_s"] <= end_us // S + 1
    assert len(truth) == truth[-1]["t_s"] >= 20


@rig
def test_truth_of_a_whole_scenario_reaches_its_end(tmp_path):
    path = tmp_path / "truth.jsonl"
    command = [sys.executable, "-m", "hil.cli", "chair", "--speed", "max", "--scenario", "desaturation"]
    subprocess.run([*command, "--truth", str(path)], check=True, capture_output=True, timeout=60)
    assert read(path.read_text().splitlines())[-1]["t_s"] == 300


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--scenario", "party"], "scenario: expected one of baseline, iv"),
        (["--record", "x.csv", "--scenario", "iv"], "without --record"),
        (["--record", "x.csv", "--truth", "t.jsonl"], "without --record"),
        (["--truth", "/no/such/folder/t.jsonl"], "--truth: "),
    ],
)
def test_wrong_use_is_one_line(options, words, capsys, monkeypatch):
    monkeypatch.setenv("MICROPYTHON", sys.executable)
    assert main(["chair", *options]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert words in err


def test_scenarios_are_listed(capsys):
    assert main(["scenarios"]) == 0
    printed = capsys.readouterr().out
    assert all(f"{name} " in printed for name in SCENARIOS)


_SESSION_S = 30 * 60  # until after the desaturation; `make figures` plays all of it


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """A ketamine session through the firmware and the gateway: what was published, and what was true.

    The rig has a process of its own, so that it and the pipeline have a core each.
    """
    path = tmp_path_factory.mktemp("session") / "truth.jsonl"
    command = [sys.executable, "-m", "hil.cli", "chair", "--speed", "max", "--seed", "1", "--scenario", "iv"]
    command += ["--truth", str(path)]
    vitals = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        origin = read_header(process.stdout).origin
        pipeline = Pipeline(Composer("s", "c", boot="b", version="1", origin=origin, started_utc_ms=0))
        for chunk in itertools.takewhile(lambda chunk: chunk.t_us < _SESSION_S * S, read_chunks(process.stdout)):
            messages = [output for output in pipeline.feed(chunk) if isinstance(output, Message)]
            vitals += [json.loads(message.payload) for message in messages if message.topic.endswith("/vitals")]
        process.stdout.close()
    assert process.returncode == 0, "a reader that goes away is a normal end"
    assert len(vitals) > _SESSION_S - 10
    return vitals, read(path.read_text().splitlines())


@rig
@pytest.mark.parametrize("name", ["systolic", "diastolic", "mean_pressure"])
def test_published_pressures_agree_with_the_truth_of_a_session_within_3_mmhg(session, name):
    found = against_truth(*session, [name])[name]
    assert found.largest < 3.0
    assert found.mae < 0.7
    assert found.coverage > 0.98


@rig
def test_published_pulse_rate_agrees_with_the_truth_of_a_session_within_1_a_minute(session):
    found = against_truth(*session, ["pulse_rate"])["pulse_rate"]
    assert found.mae < 0.4
    assert found.coverage > 0.98
    whole_windows = [abs(error) for t_s, error in errors(*session, "pulse_rate") if t_s >= WINDOW_S]
    assert max(whole_windows) < 1.0


@rig
def test_published_saturation_agrees_with_the_truth_of_a_session_within_2_percent(session):
    vitals, truth = session
    found = against_truth(vitals, truth, ["spo2"])["spo2"]
    assert found.largest < 2.0
    assert found.coverage > 0.95
    assert min(v["quantities"]["spo2"]["value"] or 100 for v in vitals) == pytest.approx(85.5, abs=1.0)


@rig
def test_a_vasovagal_episode_is_followed_and_the_figures_are_printed(capsys):
    assert main(["agree", "--scenario", "vasovagal", "--seed", "2"]) == 0
    rows = {line.split()[0]: line.split()[1:] for line in capsys.readouterr().out.splitlines()[1:]}
    for name in ("systolic", "diastolic", "mean_pressure"):
        assert float(rows[name][2]) < 3.0, "the largest error, mmHg"
    assert float(rows["pulse_rate"][1]) < 1.0
    assert float(rows["systolic"][4].rstrip("%")) > 85, "doubted while the shape of the pulse is a new one"


def test_an_endless_scenario_cannot_agree(capsys, monkeypatch):
    monkeypatch.setenv("MICROPYTHON", sys.executable)
    assert main(["agree", "--scenario", "baseline"]) == 2
    assert "expected one that ends, got baseline" in capsys.readouterr().err
