"""`chairside recordings list` against a small made-up manifest."""

import json

import pytest

from gateway.cli.main import main

NOTE = "a finger that moves, and a very long story about it that no terminal has the room to tell to its end"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Three described recordings (usable, unusable, missing), one that is not described, and files that are none."""
    record = {"id": "one", "path": "set/one", "duration_s": 75.4, "licence": "MIT", "artifact_notes": NOTE}
    records = [
        {
            **record,
            "files_all": [{"path": "set/one.hea"}, {"path": "set/one.dat"}],
            "signals": [{"name": "ABP (line)"}],
        },
        {"id": "two", "path": "set/two", "files_all": [{"path": "set/points.csv"}, {"path": "set/two_left.csv"}]},
        {"id": "three", "path": "set/three.csv", "signals": [{"name": "PLETH (finger)"}]},
    ]
    (tmp_path / "set").mkdir()
    (tmp_path / "manifest.json").write_text(json.dumps({"records": records}))
    (tmp_path / "set" / "one.hea").write_text(
        "one 2 125 500\none.dat 16 1/mmHg 16 0 0 0 0 ABP\none.dat 16 1 16 0 0 0 0 II\n"
    )
    (tmp_path / "set" / "points.csv").write_text("onset,peak\n1,2\n")
    (tmp_path / "set" / "two_left.csv").write_text("time_s,R,G\n0,1,2\n")
    (tmp_path / "mine.csv").write_text("time_s,PPG\n0,1\n")
    (tmp_path / "table.csv").write_text("time_s,weight\n0,1\n")
    monkeypatch.setenv("CHAIRSIDE_RECORDINGS", str(tmp_path))
    return tmp_path


def objects(capsys):
    assert main(["recordings", "list", "--json"]) == 0
    return {row["id"]: row for row in map(json.loads, capsys.readouterr().out.splitlines())}


@pytest.mark.usefixtures("folder")
def test_every_recording_is_one_object_a_line(capsys):
    rows = objects(capsys)
    assert list(rows) == ["one", "two", "three", "mine"]
    assert rows["one"] == {
        "id": "one",
        "path": "set/one",
        "duration_s": 75.4,
        "signals": ["ABP", "II"],
        "channels": {"pressure": "ABP"},
        "present": True,
        "usable": True,
        "described": True,
        "licence": "MIT",
        "note": NOTE,
    }


@pytest.mark.usefixtures("folder")
def test_present_and_usable_are_told_apart(capsys):
    rows = objects(capsys)
    assert {name: (row["present"], row["usable"]) for name, row in rows.items()} == {
        "one": (True, True),
        "two": (True, False),
        "three": (False, False),
        "mine": (True, True),
    }
    assert rows["two"]["path"] == "set/two_left.csv"
    assert rows["three"]["channels"] == {"pleth": "PLETH"}
    assert rows["mine"]["described"] is False


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_rows_fit_the_terminal(capsys, folder, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main(["recordings", "list"]) == 0
    where, counts, _, *rows = capsys.readouterr().out.splitlines()
    assert where == f"{folder} ($CHAIRSIDE_RECORDINGS)"
    assert counts == "4 recordings, 3 present, 2 usable"
    assert max(map(len, rows)) <= columns
    assert rows[0].split() == ["set/one", "1:15", "pressure", "ABP"]
    assert rows[1].startswith("    one  MIT  a finger that moves")
    assert (NOTE in rows[1]) == (columns == 200)
    assert "not usable: R, G" in rows[2]
    assert "missing (pleth PLETH)" in rows[4]


def refused(capsys):
    assert main(["recordings", "list"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


def test_a_missing_folder_says_where_it_looked_and_how_to_set_it(capsys, tmp_path, monkeypatch):
    monkeypatch.delenv("CHAIRSIDE_RECORDINGS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    line = refused(capsys)
    assert str(tmp_path / "chairside" / "recordings") in line
    assert "set CHAIRSIDE_RECORDINGS" in line


def test_a_folder_without_a_manifest_is_named(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("CHAIRSIDE_RECORDINGS", str(tmp_path))
    line = refused(capsys)
    assert f"no manifest.json: looked in {tmp_path}" in line


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"records": 1}', '{"records": [{"id": "a"}]}'])
def test_a_damaged_manifest_is_one_line(capsys, tmp_path, monkeypatch, text):
    (tmp_path / "manifest.json").write_text(text)
    monkeypatch.setenv("CHAIRSIDE_RECORDINGS", str(tmp_path))
    assert "manifest.json" in refused(capsys)


def test_help_has_an_example(capsys):
    with pytest.raises(SystemExit):
        main(["recordings", "list", "--help"])
    assert "example" in capsys.readouterr().out


@pytest.mark.recordings
def test_the_shared_recordings_are_all_present(capsys, recordings, monkeypatch):
    monkeypatch.setenv("CHAIRSIDE_RECORDINGS", str(recordings))
    rows = objects(capsys)
    assert all(row["present"] for row in rows.values())
    assert rows["or_s26"]["channels"] == {"pleth": "PLETH", "pressure": "ABP"}
    assert not rows["welltory_01"]["usable"]
