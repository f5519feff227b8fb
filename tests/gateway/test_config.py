"""The configuration: strict, and all of its faults in one run."""

import pytest

from gateway.cli.main import main
from gateway.config import ConfigError, load_config

GOOD = """
format = 1
[chair]
site = "clinic"
name = "chair-1"
[source]
port = "/dev/ttyACM0"
"""
CURVE = """
format = 1
sensor = "MAX30102"
board = "any"
version = "1"
made_by = "x"
made_on = 2026-11-01
source = "a test"
coefficients = [110.0, -25.0]
r_min = 0.4
r_max = 2.4
"""


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "chair.toml"
        path.write_text(text)
        (tmp_path / "curve.toml").write_text(CURVE)
        return path

    return write


def faults(path):
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    return [line.removeprefix(f"{path}: ") for line in str(caught.value).splitlines()]


def test_the_least_configuration_is_good_and_the_broker_is_auto(written):
    config = load_config(written(GOOD))
    assert (config.chair.site, config.chair.name, config.source.port) == ("clinic", "chair-1", "/dev/ttyACM0")
    assert (config.broker.url, config.broker.port, config.oximeter) == ("auto", None, None)


def test_a_calibration_is_found_beside_the_configuration(written, tmp_path):
    config = load_config(written(GOOD + '[oximeter]\ncalibration = "curve.toml"\n'))
    assert config.oximeter.calibration == str(tmp_path / "curve.toml")


def test_every_fault_is_said_at_once_with_place_expectation_and_value(written, tmp_path):
    text = """
format = 2
colour = "red"
[chair]
site = "Clinic 1"
[source]
port = 5
[broker]
url = "http://somewhere"
port = 99999
[oximeter]
calibration = "nowhere.toml"
"""
    got = faults(written(text))
    assert got == [
        "format: Expected `int` <= 1, found 2",
        "chair.site: Expected `str` matching regex '^[a-z0-9-]{1,32}$', found 'Clinic 1'",
        "chair.name: missing",
        "source.port: Expected `str | null`, got `int`, found 5",
        "broker.port: Expected `int` <= 65535, found 99999",
        "colour: not known here, expected format, chair, source, broker, oximeter, alarms, hemodynamics, state",
        "broker.url: expected auto, mosquitto, nats, none or mqtt://host[:port], got 'http://somewhere'",
        "broker.port: expected only with a private broker, found 99999 beside a url",
        f"oximeter.calibration: {tmp_path / 'nowhere.toml'}: cannot be read: No such file or directory, "
        "found 'nowhere.toml'",
    ]


def test_a_board_is_found_by_its_serial_number_and_may_be_the_only_one_taken(written, capsys):
    path = written(GOOD.replace("port =", "serial_number =") + 'board = "e660"\n')
    config = load_config(path)
    assert (config.source.port, config.source.serial_number, config.source.board) == (None, "/dev/ttyACM0", "e660")
    assert main(["check", str(path)]) == 0
    assert "board at USB serial number" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "format: missing"),
        ("chair = 5\n" + GOOD.replace("[chair]", "[chairs]"), "chair: Expected `object`, got `int`, found 5"),
        (GOOD + '[broker]\nurl = "none"\n', "broker.messages: missing, expected a file for what is measured"),
        (GOOD + '[broker]\nurl = ""\n', "broker.url: Expected `str` of length >= 1, found ''"),
        (GOOD + "[broker]\nport = 0\n", "broker.port: Expected `int` >= 1, found 0"),
        (GOOD + "[oximeter]\n", "oximeter.calibration: missing"),
        (GOOD.replace("port", "ports"), "source.ports: not known here, expected port, serial_number, board"),
        (GOOD.replace("port", "board"), "source: expected port or serial_number, found neither"),
        (GOOD + 'serial_number = "E66"\n', "source: expected port or serial_number, found both"),
        (GOOD + "[nurse]\n", "nurse: not known here"),
        ("format = ", "expected TOML: Invalid value"),
    ],
)
def test_a_single_fault_is_named(written, text, fault):
    assert any(line.startswith(fault) for line in faults(written(text))), faults(written(text))


def test_check_says_good_or_every_fault_and_exits_with_2(written, capsys, tmp_path):
    assert main(["check", str(written(GOOD))]) == 0
    assert "good; clinic/chair-1" in capsys.readouterr().out
    assert main(["check", str(written("format = 2\n"))]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 3
    assert main(["check", str(tmp_path / "nowhere.toml")]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_run_refuses_a_configuration_that_can_never_work(written, capsys):
    assert main(["run", "--config", str(written("format = 2\n"))]) == 2
    assert "chair: missing" in capsys.readouterr().err


def test_faults_of_the_alarm_profile_are_said_with_the_others_but_never_keep_a_chair_from_starting(tmp_path, written):
    (tmp_path / "clinic.toml").write_text('format = 1\nname = "clinic"\nversion = "1"\nbased_on = "adult"\n')
    path = written(GOOD + '[alarms]\nprofile = "clinic.toml"\n')
    [fault] = faults(path)
    assert fault.startswith("alarms.profile: ")
    assert "signed_off_by" in fault
    assert load_config(path, is_starting=True).alarms.profile == str(tmp_path / "clinic.toml")
