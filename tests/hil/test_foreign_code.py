"""Code on a board's flash that is not of the firmware: told by name and hash, and so an unknown firmware."""

import hashlib
import json

from gateway.link.frame import FrameType
from gateway.release import DIGITS, MANIFEST, load
from tests.hil.link import OPTICAL, S, converse, data, rig
from tests.hil.test_board_errors import MAIN, runs

__all__ = ["runs"]  # a fixture

FOREIGN = {
    "asyncio.py": "from uasyncio import *",
    "boot.py": "import machine",
    "lib/json/__init__.py": "loads = eval",
    "lib/os.mpy": "M",
    "node/clock.mpy": "M",
}


def modules(found):
    """What the board says it runs."""
    parts = {
        p["part"]: p for _, f in found if f.type is FrameType.HELLO and f.stream == 255 for p in [json.loads(f.payload)]
    }
    assert len(parts) == next(iter(parts.values()))["parts"]
    return {name: digest for part in parts.values() for name, digest in part.get("modules", {}).items()}


def with_files(files):
    """The firmware's main.py on a flash with these files."""
    return (
        f"""
import os
for path, text in {files!r}.items():
    folder = ""
    for name in path.split("/")[:-1]:
        folder += name
        try:
            os.mkdir(folder)
        except OSError:
            pass
        folder += "/"
    with open(path, "w") as file:
        file.write(text)
"""
        + MAIN
    )


@rig
def test_code_that_shadows_a_module_is_told_with_its_hash_and_is_in_no_release(runs):
    """M14."""
    runs(with_files({**FOREIGN, "settings.txt": "no code", "lib/notes.md": "none either"}))
    found = converse(8)
    told = modules(found)
    digests = {path: hashlib.sha256(text.encode()).hexdigest()[:DIGITS] for path, text in FOREIGN.items()}
    assert {path: told.get(path) for path in FOREIGN} == digests
    assert load(MANIFEST).known().strange(told) == sorted({*FOREIGN, "main"}), "main.py is that of the test"
    assert data(found, OPTICAL)[-1].ticks_us > 7.8 * S


@rig
def test_a_flash_without_other_code_tells_of_none(runs):
    runs(with_files({"notes.txt": "", "data.bin": ""}))
    assert load(MANIFEST).known().strange(modules(converse(3))) == ["main"]


@rig
def test_much_foreign_code_is_told_in_part_and_costs_no_sample(runs):
    wild = "a" + '\x01"\\\u00e4' * 20
    runs(with_files({f"{wild}{k}.py": "" for k in range(30)} | {"/".join("abcdefgh") + "/deep.py": ""}))
    found = converse(8)
    named = [name for name in modules(found) if name.endswith(".py")]
    assert len(named) == 8
    assert all(len(name) <= 60 and name.isprintable() and name.isascii() for name in named)
    assert data(found, OPTICAL)[-1].ticks_us > 7.8 * S
