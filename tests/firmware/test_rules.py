"""The rules that no virtual board can show are kept, and broken ones are found."""

import pytest

from bench import firmware_rules

VIPER = "@micropython.viper\ndef f(buffer, n: int) -> int:\n    b = ptr8(buffer)\n    return {}\n"


def found(tmp_path, monkeypatch, text, name="node/x.py"):
    monkeypatch.setattr(firmware_rules, "FIRMWARE", tmp_path)
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return list(firmware_rules.faults(path))


def test_firmware_keeps_them(capsys):
    assert firmware_rules.main() == 0
    assert ", 0 faults" in capsys.readouterr().out


@pytest.mark.parametrize(
    "text",
    [
        "x = 1.0",
        "x = 1 / 2",
        "x /= 2",
        "x = float(1)",
        "x = round(1)",
        "import math",
        "from math import pi",
        "import machine",
        "from machine import Pin",
        *map(
            VIPER.format, ["n >> 1", "b[n] << n", "n << 1", "n * n", "n // 2", "n % 3", "n ** 2", "~n", "(n >> 1) & n"]
        ),
        VIPER.format("0").replace("return 0", "n >>= 1"),
    ],
)
def test_what_would_differ_on_the_board_is_found(tmp_path, monkeypatch, text):
    assert len(found(tmp_path, monkeypatch, text)) == 1


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("x = 7 // 2", "node/x.py"),
        ("import machine", "node/drivers/x.py"),
        ("import machine", "node/board.py"),
        *[
            (VIPER.format(e), "node/x.py")
            for e in ["(n >> 4) & 0x0FFFFFFF", "b[n] << 16 | b[n + 1]", "3 * n", "n ^ -1"]
        ],
    ],
)
def test_what_is_the_same_everywhere_may_be_written(tmp_path, monkeypatch, text, name):
    assert found(tmp_path, monkeypatch, text, name) == []
