"""A short run of bench/fuzz_link.py, which make campaign-fuzz runs with ten million frames."""

from bench import fuzz_link


def test_damaged_and_nonsensical_frames_neither_crash_nor_pass_for_good_ones():
    found = fuzz_link.run(20_000, 3)
    assert (found["wrong frames"], found["wrong samples"]) == (0, 0)
    assert found["memory grown kB"] < 20_000
    assert found["samples"] > 5_000
    assert found["rejected"] > 4_000
    assert found["nonsensical frames"] > 1_000


def test_the_check_itself_finds_a_parser_that_believes_everything(monkeypatch):
    monkeypatch.setattr("zlib.crc32", lambda _: 0)
    found = fuzz_link.run(5_000, 4)
    assert found["wrong frames"] > 100
    assert found["wrong samples"] > 10
