"""A reference output from a file or a client reaches the measuring, and only the chair it was measured at."""

import datetime

import pytest

import dsp
from gateway.calibration import CalibrationError, load_output
from gateway.config import ConfigError, load_config
from tests.gateway.test_desk import Chair

S = 1_000_000
TEXT = """\
format = 1
chair = "chair-7"
cardiac_output_l_min = 5.2
measured_at = 2026-11-25T10:00:00Z
valid_min = 120
method = "thermodilution"
made_by = "Dr A. Example"
"""
CONFIG = """\
format = 1
[chair]
site = "clinic"
name = "chair-7"
[source]
port = "/dev/ttyACM0"
[hemodynamics]
reference = "output.toml"
"""


@pytest.fixture
def written(tmp_path):
    def write(text=TEXT, config=CONFIG):
        (tmp_path / "output.toml").write_text(text)
        (tmp_path / "chair.toml").write_text(config)
        return tmp_path

    return write


def test_the_file_says_how_much_when_how_and_by_whom(written):
    output = load_output(written() / "output.toml")
    at = datetime.datetime(2026, 11, 25, 10, tzinfo=datetime.UTC)
    assert (output.output_l_min, output.valid_min, output.method) == (5.2, 120, "thermodilution")
    assert (output.chair, output.made_by) == ("chair-7", "Dr A. Example")
    assert output.measured_utc_ms == at.timestamp() * 1000
    started_ms = output.measured_utc_ms + 90_000
    assert output.reference(started_ms) == dsp.OutputReference(
        t_us=0, measured_us=-90 * S, output_l_min=5.2, valid_us=7200 * S
    )


def test_every_fault_of_the_file_is_said_at_once(written):
    text = TEXT.replace("5.2", "52").replace("10:00:00Z", "10:00:00").replace("valid_min = 120", "valid = 1")
    with pytest.raises(CalibrationError) as error:
        load_output(written(text) / "output.toml")
    for name in ("cardiac_output_l_min", "measured_at", "valid_min: missing", "valid: not known here"):
        assert name in str(error.value)


def test_the_configuration_names_the_file_and_refuses_another_chairs(written):
    folder = written()
    assert load_config(folder / "chair.toml").hemodynamics.reference == str(folder / "output.toml")
    written(TEXT.replace("chair-7", "chair-8"))
    with pytest.raises(ConfigError, match=r"hemodynamics\.reference: expected one of this chair, 'chair-7'"):
        load_config(folder / "chair.toml")
    written("format = 2\n", CONFIG.replace("/dev/ttyACM0", ""))
    with pytest.raises(ConfigError) as error:
        load_config(folder / "chair.toml")
    assert {line.split(": ")[1] for line in str(error.value).splitlines()} == {"source.port", "hemodynamics.reference"}


def heard(chair):
    """The references that the monitor of a chair is told from now on."""
    told = []
    feed = chair.pipeline._monitor.feed

    def note(event):
        if isinstance(event, dsp.OutputReference):
            told.append(event)
        return feed(event)

    chair.pipeline._monitor.feed = note
    return told


def test_a_client_tells_a_reference_and_the_record_keeps_who():
    chair = Chair().seconds(30).order("start", route="iv")
    told = heard(chair)
    reply = chair.send("calibrate", cardiac_output_l_min=5.2, seconds_ago=20, method="echo", valid_min=60)
    assert reply["accepted"]
    assert told == [dsp.OutputReference(t_us=30 * S, measured_us=10 * S, output_l_min=5.2, valid_us=3600 * S)]
    chair.seconds(1)
    event = chair.session()["events"][-1]
    assert (event["kind"], event["who"]) == ("calibration", "nurse-1")
    assert "5.2 L/min by echo" in event["text"]


def test_the_reference_of_a_patient_is_not_that_of_the_next():
    chair = Chair().seconds(30)
    assert chair.send("calibrate", cardiac_output_l_min=5.2, seconds_ago=20, method="echo", valid_min=60)["accepted"]
    assert chair.pipeline._reference is not None
    chair.order("start", route="iv")
    assert chair.pipeline._reference is None


@pytest.mark.parametrize(
    "changes",
    [{"cardiac_output_l_min": 30.0}, {"seconds_ago": 301}, {"valid_min": 241}, {"method": ""}, {"extra": 1}],
)
def test_an_impossible_reference_is_refused(changes):
    chair = Chair().seconds(3)
    told = heard(chair)
    fields = {"cardiac_output_l_min": 5.2, "seconds_ago": 20, "method": "echo", "valid_min": 60, **changes}
    reply = chair.send("calibrate", **fields)
    assert not reply["accepted"]
    assert reply["reason"].startswith("calibrate: ")
    assert told == []
