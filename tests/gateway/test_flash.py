"""The release manifest, and a program put on a board that is asked afterwards what it runs."""

import contextlib
import os
import threading
import time
import tty
import types

import pytest

from gateway import release
from gateway.boards import Mpremote, ask_for_update
from gateway.chunklog import Chunk
from gateway.cli.flash import check, flash
from gateway.cli.main import main
from gateway.errors import UserError
from gateway.link.description import BoardInfo
from gateway.link.downlink import UPDATE_ARGUMENTS, AckResult, Verb
from gateway.link.frame import FrameType
from hil.board.unix import Boot, Clock, ResetCause, UnixBoard
from hil.chair import wire
from tests.hil.link import TimeCode, rig
from tests.link_bytes import frame

PATIENCE_S = 60


def test_the_manifest_is_of_the_firmware_in_this_clone():
    made, shipped = release.of_sources(), release.load()
    assert made == shipped, "the firmware has changed: run make firmware-manifest"


def test_what_is_shipped_is_known_in_every_form_and_one_byte_more_is_not(tmp_path):
    known = release.load().known()
    for architecture in ("armv7emsp", None):
        files = release.files_for(release.SOURCES, architecture)
        assert known.strange(release.told(files)) == []
        changed = {place: data + b"\n" for place, data in files.items()}
        assert known.strange(release.told(changed)) == sorted(release.told(files))
        assert "main.py" in files
        assert ("node/link.mpy" in files) is (architecture is not None)
    assert set(release.files_for(release.SOURCES, "xtensa")) == set(release.files_for(release.SOURCES, None))
    assert "manifest.py" not in release.files_for(release.SOURCES, None)
    with pytest.raises(UserError, match=r"expected main\.py"):
        release.of_sources(tmp_path)


class Unix:
    """A board that is MicroPython's unix port on a pseudo terminal; its flash is a folder."""

    def __init__(self, folder, spoil=lambda files: files):
        self._folder, self._spoil = folder, spoil
        self._host, self._port = os.openpty()
        tty.setraw(self._port)
        os.set_blocking(self._host, False)
        self.name = os.ttyname(self._port)
        self._board = self._thread = None

    def architecture(self):
        return None

    def install(self, files):
        for place, data in self._spoil(files).items():
            (self._folder / place).parent.mkdir(parents=True, exist_ok=True)
            (self._folder / place).write_bytes(data)

    def restart(self, cause=ResetCause.POWER_ON):
        program = self._folder / "main.py"
        self._bus = wire(TimeCode())
        boot = Boot(clock=Clock.REAL, cause=cause)
        self._board = UnixBoard(self._bus, boot, link=self._host, program=program)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        with contextlib.suppress(OSError, ValueError):  # closed
            while (request := self._board.wait_request()) is not None:
                self._board.answer(request)

    def wait_for_alarm(self):
        return _patiently(lambda: any(one.hz and one.now_ns > 5_000_000_000 for one in self._bus.outputs))

    def has_ended(self):
        return _patiently(lambda: not self._thread.is_alive())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._board.close()
        self._thread.join()
        os.close(self._host)
        os.close(self._port)


def _patiently(is_so):
    deadline = time.monotonic() + PATIENCE_S
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.1)
    return is_so()


@rig
def test_what_was_installed_is_what_runs_and_it_is_this_release(tmp_path, capsys):
    with Unix(tmp_path) as board:
        assert flash(board, board.name) == 0
        assert check(board.name) == 0
    said = capsys.readouterr().out
    assert "all as installed" in said
    assert said.count("it is this release") == 2


@rig
def test_a_module_that_is_not_what_was_installed_is_named(tmp_path, capsys):
    def spoil(files):
        return files | {"node/link.py": files["node/link.py"] + b"# one line more\n"}

    with Unix(tmp_path, spoil) as board:
        assert flash(board, board.name) == 1
        assert "node.link: expected" in capsys.readouterr().out
        assert check(board.name) == 1
        assert "no release that this gateway knows (node.link)" in capsys.readouterr().out


@pytest.mark.parametrize("left", [(), ("main",), ("main", "node.link")])
def test_a_board_that_does_not_name_every_module_is_no_release(left, monkeypatch, capsys):
    info = BoardInfo(fw=release.load().version, uid="e6", boot=1, reset=1, streams=2)
    files = release.told(release.files_for(release.SOURCES, None))
    monkeypatch.setattr("gateway.boards.what_runs", lambda *_: (info, {name: files[name] for name in left}))
    board = types.SimpleNamespace(architecture=lambda: None, install=lambda _: None, restart=lambda: None)
    assert (flash(board, "port"), check("port")) == (1, 1)
    said = capsys.readouterr().out
    assert "node.annunciator: expected" in said
    assert "no release that this gateway knows" in said


def test_a_board_whose_installation_fails_is_started_again():
    done = []

    def install(_):
        raise UserError("the cable")

    board = types.SimpleNamespace(architecture=lambda: None, install=install, restart=lambda: done.append("restart"))
    with pytest.raises(UserError, match="the cable"):
        flash(board, "port")
    assert done == ["restart"]


class Program:
    """A serial port with a program behind it that takes each UPDATE as it is told."""

    def __init__(self, results):
        self.results, self.asked = list(results), 0

    def __call__(self, _):
        return contextlib.nullcontext(self)

    def send(self, data):
        self.asked += data.count(UPDATE_ARGUMENTS)

    def __iter__(self):
        for k in range(600):
            answer = b""
            if self.asked and self.results:
                self.asked -= 1
                answer = frame(FrameType.ACK, stream=Verb.UPDATE, seq=k, payload=bytes([self.results.pop(0)]))
            yield Chunk(t_us=k * 10_000, data=answer)


@pytest.mark.parametrize("results", [[AckResult.DONE], [AckResult.BUSY] * 4 + [AckResult.DONE], []])
def test_a_program_is_asked_until_it_gives_way(results, monkeypatch):
    program = Program(results)
    monkeypatch.setattr("gateway.boards.Serial", program)
    ask_for_update("port")
    assert program.results == []


def test_a_program_that_does_not_give_way_is_told(monkeypatch):
    monkeypatch.setattr("gateway.boards.Serial", Program([AckResult.BUSY] * 1000))
    with pytest.raises(UserError, match="it says BUSY"):
        ask_for_update("port")


@rig
def test_a_board_that_alarms_because_its_gateway_was_stopped_gives_way(tmp_path):
    with Unix(tmp_path) as board:
        board.install(release.files_for(release.SOURCES, None))
        board.restart(ResetCause.WATCHDOG)  # its own alarm comes after 5 s, not after a minute
        assert board.wait_for_alarm()
        ask_for_update(board.name)
        assert board.has_ended()


def test_mpremote_removes_what_would_be_imported_instead_and_copies_everything(monkeypatch):
    commands = []

    class Done:
        returncode, stderr = 0, ""
        stdout = "mpy 4870\n"

    monkeypatch.setattr("subprocess.run", lambda command, **_: commands.append(command[5:]) or Done)
    board = Mpremote("/dev/ttyACM0")
    assert board.architecture() == "armv6m"
    board.install({"main.py": b"1", "node/__init__.mpy": b"2", "node/drivers/x.mpy": b"3"})
    board.restart()
    plain = [" ".join(part if part.startswith(":") or "/" not in part else "F" for part in one) for one in commands[1:]]
    assert plain == ["resume " + order for order in ("fs rm -r :node", "fs cp -r F :", "fs cp F :main.py", "reset")]


def test_a_port_that_is_not_there_is_one_line_and_exit_code_2(capsys):
    assert main(["flash", "--port", "/dev/ttyNOPE"]) == 2
    assert "expected a free one at /dev/ttyNOPE" in capsys.readouterr().err
