"""The sheet of `chairside analyze --plot`: what is on it, by the functions that decide it, and the file itself."""

import struct
import subprocess
import sys

import numpy as np
import pytest

from dsp import Beat, Channel, Measured, Quantity, Reason, Unavailable, Vital
from gateway import plot, sheet
from gateway.analysis import analyze
from gateway.cli.main import main
from gateway.errors import UserError
from gateway.recordings import Recording, Signal
from tests import naive

pytest.importorskip("matplotlib")


def vital(second, reading, quantity=Quantity.PULSE_RATE):
    return Vital(t_us=second * 1_000_000, quantity=quantity, reading=reading)


def value(number, *reasons, sqi=0.9):
    return Measured(value=number, sqi=sqi, newest_us=0, reasons=reasons)


def beat(t_s, *reasons, channel=Channel.PLETH):
    return Beat(
        channel=channel,
        t_us=round(t_s * 1e6),
        onset_us=round((t_s - 0.1) * 1e6),
        peak_us=round((t_s + 0.1) * 1e6),
        interval_us=None,
        systolic_mmhg=None,
        diastolic_mmhg=None,
        mean_mmhg=None,
        sqi=0.0 if reasons else 1.0,
        accepted=not reasons,
        reasons=reasons,
    )


def recording_of(duration_s, **waves):
    t_us = naive.times_us(100.0, duration_s)
    signals = {
        Channel[name.upper()]: Signal(
            channel=Channel[name.upper()], name=name, unit="", rate_hz=100.0, t_us=t_us, samples=wave
        )
        for name, wave in waves.items()
    }
    return Recording(name="made-up", duration_s=duration_s, signals=signals)


def pulses(duration_s, rate_bpm=75.0):
    t_s = naive.times_us(100.0, duration_s) / 1e6
    return naive.pressure_wave(t_s, naive.beat_times(duration_s, rate_bpm))


def analyzed(recording):
    filled = sheet.Sheet(recording)
    for event in analyze(recording):
        filled.add(event)
    return filled


@pytest.fixture(scope="module")
def disturbed():
    """A minute of both channels; the pressure is flushed for 6 s and then flat."""
    pressure = pulses(60.0)
    pressure[3000:3600] = 250.0 + np.sin(np.arange(600))
    pressure[4500:] = 3.0
    return analyzed(recording_of(60.0, pleth=pulses(60.0), pressure=pressure))


def test_seconds_without_a_value_are_joined_by_reason():
    learning, none = Unavailable(reason=Reason.LEARNING), Unavailable(reason=Reason.NO_PULSE)
    readings = [learning, learning, value(70.0), none, learning, learning]
    spans = sheet.shaded([vital(k + 1, reading) for k, reading in enumerate(readings)])
    assert [(s.start_s, s.end_s, s.reason, s.count) for s in spans] == [
        (0.0, 2.0, Reason.LEARNING, 2),
        (3.0, 4.0, Reason.NO_PULSE, 1),
        (4.0, 6.0, Reason.LEARNING, 2),
    ]


def test_every_second_is_either_shaded_or_has_a_value(disturbed):
    for row in disturbed.rows():
        spans = sheet.shaded(disturbed.vitals[row])
        x, y = sheet.stepped(disturbed.vitals[row])
        for second in range(60):
            is_shaded = any(s.start_s <= second and second + 1 <= s.end_s for s in spans)
            assert is_shaded == np.isnan(y[(x >= second) & (x <= second + 1)][1]), (row, second)
    assert Reason.FLAT in {s.reason for s in sheet.shaded(disturbed.vitals[Quantity.SYSTOLIC])}


def test_a_single_second_is_visible_as_a_step():
    x, y = sheet.stepped([vital(1, Unavailable(reason=Reason.GAP)), vital(2, value(70.0))])
    assert x.tolist() == [0, 1, 1, 2]
    assert np.isnan(y[:2]).all()
    assert y[2:].tolist() == [70, 70]


def test_rejected_beats_in_a_row_are_one_run_until_a_beat_is_accepted():
    beats = [beat(1, Reason.LEARNING), beat(2, Reason.ARTIFACT), beat(3, Reason.ARTIFACT), beat(4)]
    beats += [beat(5, Reason.ARTIFACT), beat(20, Reason.ARTIFACT)]
    runs = [(s.start_s, s.end_s, s.reason.value, s.count) for s in sheet.rejected(beats)]
    assert runs == [
        (1.0, 1.0, "learning", 1),
        (2.0, 3.0, "artifact", 2),
        (5.0, 5.0, "artifact", 1),
        (20.0, 20.0, "artifact", 1),
    ]


def test_a_gap_breaks_the_waveform():
    t_us = np.array([0, 10_000, 20_000, 500_000, 510_000])
    signal = Signal(channel=Channel.PLETH, name="x", unit="", rate_hz=100.0, t_us=t_us, samples=np.arange(5.0))
    _, y = sheet.waveform(signal, 0.0, 1.0)
    assert np.isnan(y).tolist() == [False, False, False, True, False, False]
    assert len(sheet.waveform(signal, 2.0, 3.0)[0]) == 0


def test_close_ups_are_the_first_value_an_ordinary_and_the_worst_part():
    filled = sheet.Sheet(recording_of(300.0, pleth=np.zeros(30000)))
    for second in range(1, 301):
        filled.add(vital(second, value(70.0) if second > 5 else Unavailable(reason=Reason.LEARNING)))
    for t_s in (201.0, 202.0, 203.0):
        filled.add(beat(t_s, Reason.ARTIFACT))
    first, typical, worst = sheet.windows(filled)
    assert (first.start_s, first.end_s) == (0.0, 12.0)
    assert worst.start_s <= 201 <= worst.end_s - 2
    assert 130 < typical.start_s < 160


def test_a_short_recording_is_shown_whole():
    for duration_s in (4.0, 36.0):
        (window,) = sheet.windows(sheet.Sheet(recording_of(duration_s, pleth=np.zeros(int(duration_s * 100)))))
        assert (window.start_s, window.end_s) == (0.0, duration_s)
    assert len(sheet.windows(sheet.Sheet(recording_of(36.5, pleth=np.zeros(3650))))) == 3


def test_the_caption_and_the_legend_count_the_same_seconds(disturbed):
    legend = dict(sheet.reasons(disturbed))
    missing = sum(s.count for s in sheet.shaded(disturbed.vitals[Quantity.SYSTOLIC]))
    assert f"a value in {60 - missing} of 60 s" in sheet.caption(disturbed, Quantity.SYSTOLIC)
    assert "pressure" in legend[Reason.FLAT]
    assert "rate" not in legend[Reason.FLAT]


@pytest.mark.parametrize("text", ["", "1", "a:b", "5:2", "-1:3", "60:70", "1:2:3", "nan:3"])
def test_a_window_that_is_none_is_refused(text):
    with pytest.raises(UserError, match=r"^--window: expected"):
        sheet.chosen(text, 60.0)


def test_a_window_ends_with_the_recording():
    window = sheet.chosen("50:99", 60.0)
    assert (window.start_s, window.end_s) == (50.0, 60.0)


def test_times_are_minutes_and_seconds():
    assert [sheet.clock(t) for t in (0, 59.6, 75, 3600)] == ["0:00", "1:00", "1:15", "60:00"]
    assert sheet.clock(3.89, 0.1) == "0:03.9"
    assert sheet.clock(61.0, 0.2) == "1:01.0"


def axes_by_name(figure):
    return {axes.get_label(): axes for axes in figure.axes}


def test_the_sheet_shows_what_the_analysis_yielded(disturbed):
    window = sheet.chosen("20:44", 60.0)
    axes = axes_by_name(plot.draw(disturbed, [window]))
    assert set(axes) == {"pulse_rate", "systolic", "rejected", "sqi", "pressure 0", "pleth 0"}
    spans = sheet.shaded(disturbed.vitals[Quantity.SYSTOLIC])
    drawn = [p.get_label() for p in axes["systolic"].patches if p.get_label() in {r.value for r in Reason}]
    assert drawn == [s.reason.value for s in spans]
    beats = [b for b in disturbed.beats[Channel.PRESSURE] if 20 <= b.t_us / 1e6 < 44]
    lines = axes["pressure 0"].lines
    accepted = [b.peak_us / 1e6 for b in beats if b.accepted]
    assert next(x for x in lines if x.get_label() == "peak").get_xdata() == pytest.approx(accepted)
    crosses = [float(x.get_xdata()[0]) for x in lines if x.get_label() == "rejected"]
    assert crosses == pytest.approx([b.peak_us / 1e6 for b in beats if not b.accepted])
    assert crosses


def test_no_texts_overlap(disturbed):
    figure = plot.draw(disturbed, sheet.windows(disturbed))
    figure.canvas.draw()
    boxes = [t.get_window_extent() for t in figure.texts]
    for axes in figure.axes:
        low, high = axes.get_ylim()
        boxes += [t.get_window_extent() for t in axes.get_yticklabels() if low <= t.get_position()[1] <= high]
    for k, box in enumerate(boxes):
        assert box.x0 >= 0
        assert box.x1 <= plot.chart.WIDTH_PX
        assert not [other for other in boxes[:k] if box.shrunk(0.98, 0.8).overlaps(other.shrunk(0.98, 0.8))]


@pytest.mark.parametrize(
    ("duration_s", "waves"),
    [(0.5, ["pressure"]), (4.0, ["pleth", "pressure"]), (70.0, ["pleth"]), (70.0, ["pleth", "pressure"])],
)
def test_any_length_and_any_channels_make_a_sheet_of_one_size(tmp_path, duration_s, waves):
    filled = analyzed(recording_of(duration_s, **{name: pulses(duration_s) for name in waves}))
    plot.save(filled, tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", data[16:24]) == (1600, 1100)


def test_nothing_measurable_makes_a_sheet_too(tmp_path):
    filled = analyzed(recording_of(50.0, pressure=np.full(5000, 80.0)))
    plot.save(filled, tmp_path / "a.png")
    assert sheet.windows(filled)[0].title == "start; no value anywhere"


@pytest.fixture
def record(tmp_path):
    path = tmp_path / "a.csv"
    rows = [f"{k / 100},{v:.3f}" for k, v in enumerate(pulses(20.0))]
    path.write_text("\n".join(["time_s,ABP_mmHg", *rows]))
    return path


def test_the_command_draws_the_beats_that_it_reports(tmp_path, capsys, record, monkeypatch):
    seen = []
    monkeypatch.setattr(plot, "save", lambda filled, path, window: seen.append((filled, path, window)))
    out = tmp_path / "out.png"
    assert main(["analyze", str(record), "--json", "--plot", str(out), "--window", "5:9"]) == 0
    ((filled, path, window),) = seen
    assert path == out
    assert (window.start_s, window.end_s) == (5.0, 9.0)
    printed = capsys.readouterr().out
    assert printed.count('"type": "beat"') == len(filled.beats[Channel.PRESSURE]) > 20


def test_the_command_writes_the_file_without_touching_the_output(tmp_path, capsys, record):
    assert main(["analyze", str(record)]) == 0
    plain = capsys.readouterr().out
    assert main(["analyze", str(record), "--plot", str(tmp_path / "out.png")]) == 0
    assert capsys.readouterr().out == plain
    assert (tmp_path / "out.png").stat().st_size > 20_000


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--plot", "out.jpg"], "ends in .png"),
        (["--plot", "nowhere/out.png"], "no such folder: nowhere"),
        (["--window", "1:2"], "together with --plot"),
        (["--plot", "out.png", "--window", "x"], "expected START:END"),
    ],
)
def test_wrong_use_is_one_line_before_the_analysis(capsys, record, monkeypatch, more, words):
    monkeypatch.chdir(record.parent)
    assert main(["analyze", str(record), *more]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert words in captured.err
    assert not (record.parent / "out.png").exists()


def test_a_file_that_cannot_be_written_is_one_line(tmp_path, capsys, record):
    (tmp_path / "out.png").mkdir()
    assert main(["analyze", str(record), "--plot", str(tmp_path / "out.png")]) == 2
    assert "cannot write" in capsys.readouterr().err


def test_without_the_extra_the_message_says_how_to_install_it(tmp_path, capsys, record, monkeypatch):
    for name in [n for n in sys.modules if n.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["analyze", str(record), "--plot", str(tmp_path / "out.png")]) == 2
    assert "pip install 'chairside[plot]'" in capsys.readouterr().err
    assert main(["analyze", str(record)]) == 0


def test_matplotlib_is_loaded_only_to_draw(record):
    program = (
        "import sys; from gateway.cli.main import main; import gateway.plot;"
        f"main(['analyze', {str(record)!r}]); sys.exit('matplotlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=False).returncode == 0
