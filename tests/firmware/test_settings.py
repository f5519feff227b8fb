"""What the board keeps on its flash: whole, or not believed."""

import itertools

import pytest

from tests.firmware.stand_in import imported

DEFAULTS = (100, 200, 0, 0)


@pytest.fixture
def module(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with imported("node.settings") as (_, module):
        yield module


def values(settings):
    return settings.pleth_rate_hz, settings.pressure_rate_hz, settings.red, settings.infrared


def test_board_that_was_never_configured_has_the_defaults(module):
    settings = module.Settings()
    assert values(settings) == DEFAULTS
    assert not settings.is_bad


@pytest.mark.parametrize("wanted", [*itertools.product((100, 200, 400), (200, 250), (0, 127), (0, 1))])
def test_settings_are_kept(module, wanted):
    assert module.Settings().accept(*wanted)
    again = module.Settings()
    assert values(again) == wanted
    assert not again.is_bad


def test_motion_sensor_that_was_seen_is_expected_from_then_on(module):
    assert not module.Settings().expects_motion
    module.Settings().expect_motion()
    assert values(module.Settings()) == DEFAULTS
    assert module.Settings().accept(400, 250, 0, 0)
    assert module.Settings().expects_motion
    assert values(module.Settings()) == (400, 250, 0, 0)


def test_reference_that_was_seen_is_expected_from_then_on_with_and_without_a_motion_sensor(module):
    assert not module.Settings().expects_reference
    module.Settings().expect_reference()
    again = module.Settings()
    assert (again.expects_reference, again.expects_motion, again.is_bad) == (True, False, False)
    again.expect_motion()
    assert again.accept(400, 250, 0, 0)
    last = module.Settings()
    assert (last.expects_reference, last.expects_motion, last.is_bad) == (True, True, False)


def test_settings_that_are_bad_stay_so_when_a_motion_sensor_is_seen(module, tmp_path):
    (tmp_path / "settings.bin").write_bytes(b"bad")
    settings = module.Settings()
    settings.expect_motion()
    assert settings.is_bad
    assert module.Settings().is_bad
    assert settings.accept(400, 250, 0, 0)
    assert module.Settings().expects_motion


@pytest.mark.parametrize(
    "wanted", [(50, 200, 0, 0), (100, 125, 0, 0), (100, 200, 128, 0), (100, 200, 0, 255), (0, 0, 0, 0)]
)
def test_what_is_out_of_bounds_changes_nothing(module, wanted, tmp_path):
    settings = module.Settings()
    assert not settings.accept(*wanted)
    assert values(settings) == DEFAULTS
    assert list(tmp_path.iterdir()) == []


def test_every_flipped_bit_means_the_defaults(module, tmp_path):
    module.Settings().accept(400, 250, 5, 6)
    module.Settings().expect_motion()
    good = (tmp_path / "settings.bin").read_bytes()
    for bit in range(8 * len(good)):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        (tmp_path / "settings.bin").write_bytes(bad)
        settings = module.Settings()
        assert values(settings) == DEFAULTS, f"bit {bit}"
        assert not settings.expects_motion
        assert settings.is_bad


@pytest.mark.parametrize("wanted", [DEFAULTS, (400, 250, 5, 6)])
def test_settings_that_were_bad_are_good_once_they_are_given_again(module, tmp_path, wanted):
    (tmp_path / "settings.bin").write_bytes(b"\xc1garbage!!!")
    settings = module.Settings()
    assert settings.is_bad
    assert settings.accept(*wanted)
    assert not settings.is_bad
    again = module.Settings()
    assert (values(again), again.is_bad) == (wanted, False)


@pytest.mark.parametrize("change", [lambda b: b[:-1], lambda b: b + b"\0", lambda _: b"", lambda b: bytes(len(b))])
def test_another_length_means_the_defaults(module, tmp_path, change):
    module.Settings().accept(400, 250, 5, 6)
    file = tmp_path / "settings.bin"
    file.write_bytes(change(file.read_bytes()))
    settings = module.Settings()
    assert values(settings) == DEFAULTS
    assert settings.is_bad
    assert settings.accept(200, 200, 0, 0)
    assert not settings.is_bad


def test_flash_that_cannot_be_written_is_told(module, tmp_path):
    (tmp_path / "settings.new").mkdir()
    settings = module.Settings()
    assert settings.accept(400, 250, 0, 0)
    assert settings.is_bad
    assert values(settings) == (400, 250, 0, 0), "they hold until the next start"


def test_same_settings_are_not_written_again(module, tmp_path):
    settings = module.Settings()
    settings.accept(400, 250, 0, 0)
    (tmp_path / "settings.bin").unlink()
    settings.accept(400, 250, 0, 0)
    assert list(tmp_path.iterdir()) == []
