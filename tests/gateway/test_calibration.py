"""A calibration is used only if it is whole, sound, and made for this sensor."""

from pathlib import Path

import pytest

import dsp
from gateway.calibration import CalibrationError, load_calibration
from gateway.errors import UserError

EMULATED = Path(__file__).resolve().parents[2] / "hil" / "calibration" / "emulated_max30102.toml"
TEXT = EMULATED.read_text()


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "curve.toml"
        path.write_text(text)
        return path

    return write


def changed(**fields):
    """The emulated sensor's file with some lines replaced; None leaves the line out."""
    lines = []
    for line in TEXT.splitlines():
        name = line.split(" = ")[0]
        if name not in fields:
            lines.append(line)
        elif fields[name] is not None:
            lines.append(f"{name} = {fields[name]}")
    return "\n".join(lines)


def test_the_emulated_sensor_has_the_straight_line_the_simulated_patient_uses():
    calibration = load_calibration(EMULATED)
    assert calibration.curve == dsp.OximeterCurve(coefficients=(110.0, -25.0), r_min=0.4, r_max=2.4)
    assert calibration.source == "definition of the emulated sensor, not a measurement"
    assert calibration.curve.spo2_pct(0.5) == 97.5


def test_it_matches_its_sensor_on_any_board():
    calibration = load_calibration(EMULATED)
    assert calibration.matches("e660", "MAX30102")
    assert not calibration.matches("e660", "MAX30101")
    assert "MAX30101" in calibration.mismatch("e660", "MAX30101")


def test_one_made_for_a_board_is_for_no_other(written):
    calibration = load_calibration(written(changed(board='"e660"')))
    assert calibration.matches("e660", "MAX30102")
    assert not calibration.matches("e661", "MAX30102")
    assert "e660" in calibration.mismatch("e661", "MAX30102")
    assert "e661" in calibration.mismatch("e661", "MAX30102")


def test_all_faults_are_said_at_once_in_one_line(written):
    text = (
        changed(format="2", sensor=None, made_on='"yesterday"', coefficients='["a", 1]', r_min="[]") + "\nslope = 3\n"
    )
    with pytest.raises(CalibrationError) as caught:
        load_calibration(written(text))
    message = str(caught.value)
    assert "\n" not in message
    for name in ("format", "sensor: missing", "made_on", "coefficients", "r_min", "slope: not known here"):
        assert name in message
    assert "r_max:" not in message


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"coefficients": "[94.845, 30.354, -45.060]", "r_min": "0.2", "r_max": "1.8"}, "falls with R"),
        ({"coefficients": "[10.0, 25.0]"}, "falls with R"),
        ({"coefficients": "[112.0, -25.0]"}, "0..100"),
        ({"r_max": "5.0"}, "0..100"),
        ({"r_min": "2.4"}, "r_min < r_max"),
        ({"r_min": "0.0"}, "r_min < r_max"),
        ({"r_max": "nan"}, "finite"),
        ({"coefficients": "[98.0]"}, "coefficients"),
    ],
)
def test_a_curve_that_cannot_be_is_refused(written, fields, fault):
    with pytest.raises(CalibrationError, match=fault):
        load_calibration(written(changed(**fields)))


def test_a_parabola_is_taken_where_it_falls(written):
    path = written(changed(coefficients="[94.845, 30.354, -45.060]", r_min="0.4", r_max="1.75"))
    assert load_calibration(path).curve.spo2_pct(1.0) == pytest.approx(80.139)


@pytest.mark.parametrize("text", ["format = ", "\x00"])
def test_what_is_not_toml_is_refused(written, text):
    with pytest.raises(UserError, match="expected TOML"):
        load_calibration(written(text))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match=r"nowhere\.toml: cannot be read"):
        load_calibration(tmp_path / "nowhere.toml")
