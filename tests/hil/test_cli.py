"""The rig's commands as a person or the demo runs them."""

import io
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.chunklog import OriginKind, read_chunks, read_header
from gateway.link.frame import FrameParser, FrameType, LinkFault
from hil.board.unix import UnixBoard
from hil.cli import main
from tests.hil.link import frames, rig

_DEADLINE_S = 20


def hil(*args, **options):
    command = [sys.executable, "-m", "hil.cli", *args]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def board_pid(process):
    line = process.stderr.readline().decode()
    assert line.startswith("firmware pid "), line
    return int(line.split()[-1])


def wait_gone(pidfd):
    with os.fdopen(pidfd):
        assert select.select([pidfd], [], [], _DEADLINE_S)[0], "the firmware outlived the rig"


@rig
def test_chair_writes_a_chunk_log_with_its_origin():
    process = hil("chair", "--speed", "max", "--seed", "3")
    log = io.BytesIO(process.stdout.read(20_000))
    process.stdout.close()
    with process.stderr:
        errors = process.stderr.read().decode().splitlines()
    assert process.wait(_DEADLINE_S) == 0, "a reader that goes away is a normal end"
    assert len(errors) == 1
    assert errors[0].startswith("firmware pid ")
    header = read_header(log)
    assert (header.origin.kind, header.origin.label) == (
        OriginKind.SIMULATED,
        "simulated patient, scenario baseline, seed 3",
    )
    found = frames(read_chunks(log))
    hello = {(FrameType.HELLO, k) for k in (0, 1, 2, 3, 255)}  # 255: the program itself
    assert {(f.type, f.stream) for _, f in found} == {*hello, *_DATA, (FrameType.STATUS, 0)}


_DATA = {(FrameType.DATA, k) for k in (1, 2, 3)}


@rig
def test_recording_is_played_to_its_end_and_named(tmp_path):
    rows = "\n".join(f"{k / 125:.3f},{k % 100},{80 + k % 40}" for k in range(250))
    path = tmp_path / "short.csv"
    path.write_text(f"time_s,PLETH,ABP\n{rows}\n")
    process = hil("chair", "--speed", "max", "--record", str(path))
    out, errors = process.communicate(timeout=_DEADLINE_S)
    assert process.returncode == 0, errors
    log = io.BytesIO(out)
    assert read_header(log).origin.kind is OriginKind.RECORDED
    assert 1_950_000 < list(read_chunks(log))[-1].t_us <= 2_000_000


@rig
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_ended_rig_leaves_nothing_behind(how):
    process = hil("chair", "--speed", "1")
    with process.stdout, process.stderr:
        pidfd = os.pidfd_open(board_pid(process))
        process.stdout.read(100)
        process.send_signal(how)
        assert process.wait(_DEADLINE_S) == (-how if how == signal.SIGKILL else 0)
        assert process.stderr.read() == b""
    wait_gone(pidfd)


@rig
def test_board_serves_a_port_in_real_time():
    process = hil("board")
    with process.stdout, process.stderr:
        path = process.stdout.readline().decode().strip()
        port = os.open(path, os.O_RDWR | os.O_NOCTTY)
        parser, found = FrameParser(), []
        try:
            while len(found) < 40:
                assert select.select([port], [], [], _DEADLINE_S)[0], "the board is silent"
                found += parser.feed(os.read(port, 4096))
        finally:
            os.close(port)
        assert not [f for f in found if isinstance(f, LinkFault)]
        assert [f.stream for f in found if f.type is FrameType.HELLO][:4] == [0, 1, 2, 3]
        assert found[0].type is FrameType.HELLO
        pidfd = os.pidfd_open(board_pid(process))
        process.terminate()
        assert process.wait(_DEADLINE_S) == 0
    wait_gone(pidfd)


@pytest.mark.parametrize("speed", ["0", "-1", "fast", "nan", "inf"])
def test_impossible_speed_is_wrong_use(speed, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["chair", "--speed", speed])
    assert f"expected a number above 0 or max, got {speed}" in capsys.readouterr().err


def test_missing_recording_is_one_line(capsys, monkeypatch):
    monkeypatch.setenv("MICROPYTHON", sys.executable)
    assert main(["chair", "--record", "/no/such/record"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_missing_micropython_is_one_line_and_the_doctor_says_so(capsys, monkeypatch):
    monkeypatch.setenv("MICROPYTHON", str(Path("/no/such/program")))
    assert main(["chair"]) == 2
    assert "/no/such/program" in capsys.readouterr().err
    assert main(["doctor"]) == 1
    assert "missing" in capsys.readouterr().out


@rig
@pytest.mark.parametrize("interpreter", ["/bin/false", "/bin/true", sys.executable])
@pytest.mark.parametrize("command", ["chair", "board"])
def test_interpreter_that_cannot_start_the_firmware_is_one_line(command, interpreter):
    """Instead of silence for ever."""
    process = hil(command, env={**os.environ, "MICROPYTHON": interpreter})
    _, errors = process.communicate(timeout=_DEADLINE_S)
    assert process.returncode == 1
    started, reason = errors.decode().splitlines()
    assert started.startswith("firmware pid ")
    assert reason.startswith("hil: the firmware does not start: died (exit code ")
    assert ("No module named" in reason) == (interpreter == sys.executable)


@rig
def test_board_that_ends_behind_a_port_is_not_started_again_for_ever(monkeypatch, tmp_path, capsys):
    program = tmp_path / "main.py"
    program.write_text("import nothing_of_this_name")
    monkeypatch.setattr(UnixBoard.__init__, "__kwdefaults__", {"link": None, "program": program})
    assert main(["board"]) == 1
    assert "no module named 'nothing_of_this_name'" in capsys.readouterr().err


@rig
def test_doctor_names_the_interpreter(capsys):
    assert main(["doctor"]) == 0
    assert "MicroPython" in capsys.readouterr().out
