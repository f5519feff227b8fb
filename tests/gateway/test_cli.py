"""Nonsense input: one clear line on stderr, exit code 2; and the serial port as a source."""

import io
import os
import signal
import socket
import subprocess
import sys
import time
import tty
from pathlib import Path

import pytest

from gateway.chunklog import OriginKind
from gateway.cli.main import main
from gateway.sources import Log, Serial, SourceError
from tests.link_bytes import Board


def chairside(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "gateway.cli.main", *arguments], capture_output=True, check=False, timeout=120
    )


@pytest.fixture(autouse=True)
def _signals_kept():
    """The program takes these over for its process; here it is a guest in ours."""
    handlers = {ending: signal.getsignal(ending) for ending in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for ending, handler in handlers.items():
        signal.signal(ending, handler)


@pytest.fixture
def refused(capsys, monkeypatch):
    """The one line on stderr of a command that must end with 2; run in this process, as starting one takes a second."""

    def run(*arguments, stdin=b""):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        assert main(list(arguments)) == 2
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1, lines
        return lines[0]

    return run


@pytest.fixture
def taken_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def dead_broker():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"mqtt://127.0.0.1:{probe.getsockname()[1]}"


def test_a_missing_recording_is_named(refused, tmp_path):
    assert "nowhere" in refused("analyze", str(tmp_path / "nowhere"))


@pytest.mark.rig
@pytest.mark.broker
def test_a_missing_recording_is_named_by_the_demo_too(refused, tmp_path):
    line = refused("demo", "--record", str(tmp_path / "nowhere"))
    assert line.startswith("chairside: ")
    assert "nowhere" in line


def test_a_recording_without_a_usable_channel_says_which_it_found(refused, tmp_path):
    recording = tmp_path / "cvp.csv"
    recording.write_text("time_s,CVP_mmHg\n" + "".join(f"{k / 125},{5 + k % 3}\n" for k in range(500)))
    line = refused("analyze", str(recording))
    assert "CVP" in line
    assert "PLETH" in line


@pytest.mark.rig
@pytest.mark.broker
@pytest.mark.parametrize("speed", ["0", "-1", "fast", "nan"])
def test_a_speed_that_is_none_is_refused(refused, speed):
    assert "speed" in refused("demo", "--speed", speed)


@pytest.mark.broker
def test_a_port_in_use_is_named(refused, taken_port):
    for command in (["demo"], ["run", "--port", "/dev/null"]):
        assert f"127.0.0.1:{taken_port} is in use" in refused(*command, "--mqtt-port", str(taken_port))


@pytest.mark.broker
def test_a_serial_port_that_is_not_there_is_named(refused):
    assert refused("run", "--port", "/dev/ttyNOPE") == (
        "chairside: serial port: expected a free one at /dev/ttyNOPE, but No such file or directory"
    )


def test_no_broker_is_said(refused, dead_broker, tmp_path):
    expected = f"chairside: broker: expected one at {dead_broker}, but nobody answers there"
    assert refused("watch", "--broker", dead_broker) == expected
    log = tmp_path / "empty.log"
    log.write_bytes(b'{"chairside_log":1,"origin":{"kind":"live","label":""},"started_utc_ms":0}\n')
    assert refused("run", "--log", str(log), "--broker", dead_broker) == expected


@pytest.mark.broker
def test_an_empty_port_name_and_a_port_number_that_is_none_are_refused(refused, capsys):
    assert "serial port: expected" in refused("run", "--port", "")
    for number in ("99999", "-1", "mqtt"):
        with pytest.raises(SystemExit, match="2"):
            main(["demo", f"--mqtt-port={number}"])
        assert f"expected 1..65535, got {number}" in capsys.readouterr().err


def test_ctrl_c_while_starting_is_no_traceback():
    for delay_s in (0.15, 0.3, 0.5):
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway.cli.main", "watch"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        with process:
            time.sleep(delay_s)
            process.send_signal(signal.SIGTERM)
            assert b"Traceback" not in process.stderr.read()


@pytest.mark.broker
def test_a_log_that_is_none_is_refused(refused, tmp_path):
    assert "nothing.log" in refused("run", "--log", str(tmp_path / "nothing.log"))
    assert "expected a chunk log header" in refused("run", "--log", "-", stdin=b"hello\n")


@pytest.mark.broker
def test_an_id_that_is_not_one_is_refused(refused):
    assert "chair: expected 1..32" in refused("run", "--log", "-", "--chair", "Chair 1", stdin=b"")


@pytest.mark.parametrize("command", [[], ["demo"], ["run"], ["watch"], ["analyze"], ["cuff"]])
def test_every_command_has_help_with_an_example(command, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([*command, "--help"])
    assert not command or "example" in capsys.readouterr().out


def test_the_program_ends_with_its_exit_code_and_one_line(tmp_path):
    done = chairside("analyze", str(tmp_path / "nowhere"))
    assert (done.returncode, done.stdout) == (2, b"")
    assert len(done.stderr.splitlines()) == 1
    assert chairside("--help").returncode == 0


def test_a_serial_port_yields_its_bytes_and_its_silence():
    board_end, port_end = os.openpty()
    tty.setraw(port_end)
    hello = Board().hello(0)
    with Serial(os.ttyname(port_end)) as source:
        assert source.header.origin.kind is OriginKind.LIVE
        os.write(board_end, hello)
        chunks, got = iter(source), b""
        while len(got) < len(hello):
            got += next(chunks).data
        assert got == hello
        before = next(chunks)
        assert before.data == b""  # silence is a chunk too
        os.close(board_end)  # the cable is pulled
        after = [next(chunks) for _ in range(3)]
        assert all(chunk.data == b"" for chunk in after)
        assert after[-1].t_us > before.t_us
    os.close(port_end)


def test_a_serial_port_that_comes_back_is_opened_again(tmp_path):
    port = tmp_path / "ttyBOARD"
    first_board, first_port = os.openpty()
    tty.setraw(first_port)
    port.symlink_to(os.ttyname(first_port))
    with Serial(str(port)) as source:
        chunks = iter(source)
        os.close(first_board)
        os.close(first_port)
        assert [next(chunks).data for _ in range(3)] == [b""] * 3
        second_board, second_port = os.openpty()
        tty.setraw(second_port)
        port.unlink()
        port.symlink_to(os.ttyname(second_port))
        got, tries = b"", 0
        while b"again" not in got and tries < 100:  # what came before it was opened is thrown away
            os.write(second_board, b"again")
            got, tries = got + next(chunks).data, tries + 1  # a chunk is whatever has come, also one byte
        assert b"again" in got
    os.close(second_board)
    os.close(second_port)


def test_a_serial_port_that_somebody_else_uses_is_refused():
    board_end, port_end = os.openpty()
    name = os.ttyname(port_end)
    with Serial(name), pytest.raises(SourceError, match=name), Serial(name):
        pass
    os.close(board_end)
    os.close(port_end)


def test_a_log_file_is_closed_again(tmp_path):
    path = Path(tmp_path) / "session.log"
    path.write_bytes(b'{"chairside_log":1,"origin":{"kind":"live","label":"x"},"started_utc_ms":7}\n')
    with Log(str(path)) as log:
        assert list(log) == []
        assert log.header.started_utc_ms == 7
