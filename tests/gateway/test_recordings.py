"""Reading recordings: CSV made here, WFDB made here, and the shared ones where they are."""

import gzip
import json
import sys

import numpy as np
import pytest

from dsp import Channel
from gateway.errors import UserError
from gateway.recordings import RecordingError, channels_of, load, names_of


def csv_file(path, header, rows):
    text = "\n".join([header, *(",".join(str(v) for v in row) for row in rows)]) + "\n"
    if path.name.endswith(".gz"):
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


def test_csv_in_seconds_with_units_and_missing_samples(tmp_path):
    rows = [(0.0, 80, 1), (0.01, "", 2), (0.02, 82, 3), (0.03, 83, "")]
    path = csv_file(tmp_path / "a.csv.gz", "time_s,ABP_mmHg,PLETH_NU", rows)
    recording = load(path)
    pressure = recording.signals[Channel.PRESSURE]
    assert (pressure.name, pressure.unit) == ("ABP", "mmHg")
    assert pressure.rate_hz == pytest.approx(100.0)
    assert pressure.t_us.tolist() == [0, 20_000, 30_000]
    assert pressure.samples.tolist() == [80.0, 82.0, 83.0]
    assert recording.signals[Channel.PLETH].t_us.tolist() == [0, 10_000, 20_000]
    assert recording.duration_s == pytest.approx(0.04)
    assert recording.name == "a.csv.gz"


def test_csv_time_in_milliseconds_starts_at_zero(tmp_path):
    path = csv_file(tmp_path / "a.csv", "time,PPG", [(500, 1), (540, 2), (580, 3)])
    signal = load(path).signals[Channel.PLETH]
    assert signal.t_us.tolist() == [0, 40_000, 80_000]
    assert signal.rate_hz == pytest.approx(25.0)


def test_raw_infrared_is_turned_so_that_it_rises_in_systole(tmp_path):
    path = csv_file(tmp_path / "a.csv", "time_s,red,infrared,green", [(0, 1, 100, 3), (0.04, 1, 90, 3)])
    signal = load(path).signals[Channel.PLETH]
    assert signal.samples.tolist() == [-100.0, -90.0]


@pytest.mark.parametrize(("word", "sign"), [("inverted: light intensity", -1), ("pulse upward", 1), ("unclear", 1)])
@pytest.mark.parametrize("key", ["ppg", "right:ppg"])
def test_the_polarity_a_manifest_has_measured_is_used(tmp_path, word, sign, key):
    (tmp_path / "set").mkdir()
    path = csv_file(tmp_path / "set" / "a.csv", "time_s,ppg", [(0, 5), (0.1, 6)])
    record = {"id": "a", "path": "set/a.csv", "ppg_polarity_measured": {key: word}}
    (tmp_path / "manifest.json").write_text(json.dumps({"records": [record]}))
    assert load(path).signals[Channel.PLETH].samples.tolist() == [sign * 5, sign * 6]


def test_an_infrared_channel_measured_upward_is_left_alone(tmp_path):
    path = csv_file(tmp_path / "a.csv", "time_s,infrared", [(0, 5), (0.1, 6)])
    record = {"id": "a", "path": "a.csv", "ppg_polarity_measured": {"infrared": "pulse upward"}}
    (tmp_path / "manifest.json").write_text(json.dumps({"records": [record]}))
    assert load(path).signals[Channel.PLETH].samples.tolist() == [5, 6]


@pytest.mark.parametrize("text", ["", "[]", '{"name": "a web page"}', '{"records": [1]}'])
def test_a_manifest_of_something_else_changes_nothing(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    path = csv_file(tmp_path / "a.csv", "time_s,ppg", [(0, 5), (0.1, 6)])
    assert load(path).signals[Channel.PLETH].samples.tolist() == [5, 6]


def test_a_number_in_a_column_name_is_no_unit(tmp_path):
    path = csv_file(tmp_path / "a.csv", "time_s,channel_9,channel_10", [(0, 1, 2), (0.1, 2, 3)])
    with pytest.raises(RecordingError, match="found channel_9, channel_10;"):
        load(path)


def test_names_are_read_from_the_header_alone(tmp_path):
    assert names_of(tmp_path / "nothing") is None
    csv_file(tmp_path / "a.csv", "time_s,ABP_mmHg,channel_2", [])
    assert names_of(tmp_path / "a.csv") == ["ABP", "channel_2"]
    csv_file(tmp_path / "b.csv", "onset_sample,peak", [(1, 2)])
    assert names_of(tmp_path / "b.csv") is None
    (tmp_path / "c.csv.gz").write_bytes(b"no gzip")
    assert names_of(tmp_path / "c.csv.gz") is None
    (tmp_path / "r.hea").write_text("# made up\nr 2 125 500\nr.dat 16 10(0)/mmHg 16 0 0 0 0 art line\nr.dat 16\n")
    assert names_of(tmp_path / "r") == ["art line"]
    (tmp_path / "m.hea").write_text("m/2 1 125 500\n~ 100\nr 400\n")
    assert names_of(tmp_path / "m") == ["art line"]


def test_channels_are_chosen_as_load_chooses_them():
    assert channels_of(["II", "Pleth", "IR", "PAP", "NIBP", "abp"]) == {
        Channel.PLETH: "Pleth",
        Channel.PRESSURE: "abp",
    }
    assert channels_of(["R", "G", "CVP"]) == {}


def test_without_the_variable_the_user_cache_is_looked_in(tmp_path, monkeypatch):
    monkeypatch.delenv("CHAIRSIDE_RECORDINGS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "chairside" / "recordings"
    folder.mkdir(parents=True)
    csv_file(folder / "a.csv", "time_s,BP", [(0, 1), (0.01, 2)])
    assert Channel.PRESSURE in load("a.csv").signals
    with pytest.raises(UserError, match="user cache"):
        load("b.csv")


def test_a_rate_rounded_in_the_file_is_averaged(tmp_path):
    rows = [(round(k / 25.6, 2), k) for k in range(200)]
    assert load(csv_file(tmp_path / "a.csv", "time_s,ppg", rows)).signals[Channel.PLETH].rate_hz == pytest.approx(
        25.6, rel=0.003
    )


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("time_s,CVP_mmHg,PAP_mmHg", ["no usable channel", "CVP, PAP", "PLETH", "ABP"]),
        ("index,ABP_mmHg,PLETH", ["time_s", "index"]),
    ],
)
def test_unusable_csv_says_what_was_found_and_what_is_expected(tmp_path, header, words):
    path = csv_file(tmp_path / "a.csv", header, [(0, 1, 2), (1, 2, 3)])
    with pytest.raises(RecordingError) as caught:
        load(path)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    "text", ["", "time_s,ABP\n", "time_s,ABP\n0,1\n", "time_s,ABP\n0,x\n1,2\n", "time_s,ABP\n0,1\n0,2\n"]
)
def test_damaged_csv_is_one_line(tmp_path, text):
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(RecordingError) as caught:
        load(path)
    assert "\n" not in str(caught.value)


def test_torn_gzip_is_one_line(tmp_path):
    path = csv_file(tmp_path / "a.csv.gz", "time_s,ABP", [(k / 100, k) for k in range(1000)])
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(RecordingError, match="not a readable CSV"):
        load(path)


def test_a_missing_recording_says_where_it_was_looked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("CHAIRSIDE_RECORDINGS", str(tmp_path))
    with pytest.raises(UserError, match=r"no such recording.*CHAIRSIDE_RECORDINGS"):
        load("nowhere/record")


def test_a_relative_path_is_found_among_the_recordings(tmp_path, monkeypatch):
    (tmp_path / "set").mkdir()
    csv_file(tmp_path / "set" / "a.csv", "time_s,BP", [(0, 1), (0.01, 2)])
    monkeypatch.setenv("CHAIRSIDE_RECORDINGS", str(tmp_path))
    assert Channel.PRESSURE in load("set/a.csv").signals


def test_without_the_extra_the_message_says_how_to_install_it(tmp_path, monkeypatch):
    (tmp_path / "a.hea").write_text("a 1 100 10\n")
    monkeypatch.setitem(sys.modules, "wfdb", None)
    with pytest.raises(RecordingError, match=r"pip install 'chairside\[recordings\]'"):
        load(tmp_path / "a")


def test_a_damaged_wfdb_record_is_one_line(tmp_path):
    pytest.importorskip("wfdb")
    (tmp_path / "a.hea").write_text("a 1 100 10\na.dat 16 200/mmHg 16 0 0 0 0 ABP\n")
    with pytest.raises(RecordingError, match="not a readable WFDB"):
        load(tmp_path / "a")


def test_wfdb_invalid_samples_are_gaps(tmp_path):
    pytest.importorskip("wfdb")
    counts = np.arange(500, dtype="<i2")
    counts[100:150] = -32768  # the format's mark of a missing sample
    np.column_stack([counts, counts]).tofile(tmp_path / "a.dat")
    (tmp_path / "a.hea").write_text(
        "a 2 125 500\na.dat 16 10(0)/mmHg 16 0 0 0 0 CVP\na.dat 16 10(0)/mmHg 16 0 0 0 0 art\n"
    )
    for path in (tmp_path / "a", tmp_path / "a.hea"):
        signal = load(path).signals[Channel.PRESSURE]
        assert signal.name == "art"
        assert len(signal.t_us) == 450
        assert signal.samples[0:2].tolist() == [0.0, 0.1]
        assert max(np.diff(signal.t_us)) == 51 * 8000


@pytest.mark.recordings
@pytest.mark.parametrize(
    ("name", "rates"),
    [
        ("mimic_wfdb_samples/041s", {Channel.PLETH: 125.0, Channel.PRESSURE: 125.0}),
        ("mimic_wfdb_samples/mixedsignals", {Channel.PLETH: 124.945, Channel.PRESSURE: 124.945}),
        ("mimic_wfdb_samples/03700181", {Channel.PRESSURE: 125.0}),
        ("cves_fingerbp/c0044", {Channel.PRESSURE: 500.0}),
        ("emotibit_ip900ap/emotibit_sit_stand_sit.csv.gz", {Channel.PLETH: 24.946}),
    ],
)
def test_shared_recordings_have_their_channels(recordings, name, rates):
    pytest.importorskip("wfdb")
    found = {c: s.rate_hz for c, s in load(recordings / name).signals.items()}
    assert found == pytest.approx(rates, rel=1e-4)
