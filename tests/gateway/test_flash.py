"""The release manifest, and a program put on a board that is asked afterwards what it runs."""

import contextlib
import os
import threading
import tty

import pytest

from gateway import release
from gateway.boards import Mpremote
from gateway.cli.flash import check, flash
from gateway.cli.main import main
from gateway.errors import UserError
from hil.board.unix import Boot, Clock, UnixBoard
from hil.chair import wire
from tests.hil.link import TimeCode, rig


def test_the_manifest_is_of_the_firmware_in_this_clone():
    made, shipped = release.of_sources(), release.load()
    assert made == shipped, "the firmware has changed: run make firmware-manifest"


def test_what_is_shipped_is_known_in_every_form_and_one_byte_more_is_not(tmp_path):
    known = release.load().known()
    for architecture in ("armv7emsp", None):
        files = release.files_for(release.SOURCES, architecture)
        assert all(known.is_known(name, digest) for name, digest in release.told(files).items())
        changed = {place: data + b"\n" for place, data in files.items()}
        assert not any(known.is_known(name, digest) for name, digest in release.told(changed).items())
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

    def restart(self):
        program = self._folder / "main.py"
        self._board = UnixBoard(wire(TimeCode()), Boot(clock=Clock.REAL), link=self._host, program=program)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        with contextlib.suppress(OSError, ValueError):  # closed
            while (request := self._board.wait_request()) is not None:
                self._board.answer(request)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._board.close()
        self._thread.join()
        os.close(self._host)
        os.close(self._port)


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
    assert plain == ["fs rm -r :node", "fs cp -r F :", "fs cp F :main.py", "reset"]


def test_a_port_that_is_not_there_is_one_line_and_exit_code_2(capsys):
    assert main(["flash", "--port", "/dev/ttyNOPE"]) == 2
    assert "expected a free one at /dev/ttyNOPE" in capsys.readouterr().err
