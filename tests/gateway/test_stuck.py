"""A bit of a converter that never changes: found where the signal shows it, and never in a converter that is well."""

import numpy as np
import pytest

from gateway.link.faults import Fault
from gateway.link.stuck import StuckBits
from gateway.recordings import RecordingError, load
from hil.models import adc
from hil.patient import Patient
from hil.recorded import RecordedSource
from hil.stimulus import Stimulus
from tests.gateway.test_health import SECOND_US, Chair
from tests.link_bytes import Board

FULL, LIGHT_FULL = 16 * 65535, (1 << 18) - 1
RATE, LIGHT_RATE = 200, 100
CODE = 8  # where the 12 bits of a conversion begin in the sum of 16 (firmware/node/drivers/pressure_adc.py)


def sums(volts, seconds, *, seed=1, bit=None, value=0):
    """What the board sends of these volts: sums of 16 conversions, one bit of which may be stuck."""
    t_us = np.arange(0, seconds * SECOND_US, SECOND_US // RATE)
    codes = np.repeat(np.clip(np.nan_to_num(volts(t_us)), 0, 3.3) * 4095 / 3.3, 16).reshape(-1, 16)
    noise = 0 if seed is None else 3 + 2 * np.random.default_rng(seed).standard_normal(codes.shape)
    converted = adc.quantise(codes + noise)
    if bit is not None:
        converted = converted | np.uint16(1 << bit) if value else converted & ~np.uint16(1 << bit)
    return adc.stretch(converted).astype(np.int64).sum(axis=1)


def counts(light, seconds):
    t_us = np.arange(0, seconds * SECOND_US, SECOND_US // LIGHT_RATE)
    return np.clip(np.rint(np.nan_to_num(light(t_us))).astype(np.int64), 0, LIGHT_FULL)


def found(numbers, full=FULL, rate=RATE, *, gaps=False):
    """When a bit was found first, in seconds, and which; None if none ever was."""
    raw = numbers.reshape(len(numbers), -1)
    stuck = StuckBits(full, raw.shape[1], rate, 7 if full == FULL else 9)
    for k in range(0, len(raw), 8):
        stuck.feed(raw[k : k + 8], is_contiguous=not (gaps and k % 320 == 0))
        if stuck.found is not None:
            return k / rate, stuck.found
    return None


@pytest.fixture(scope="module")
def quiet():
    return Stimulus(Patient(1), noise_seed=1)


@pytest.mark.parametrize("seed", [1, None])
@pytest.mark.parametrize("value", [0, 1])
@pytest.mark.parametrize("bit", range(12))
def test_each_bit_of_the_pressures_converter(quiet, bit, value, seed):
    """S20: what makes 74 to 124 mmHg wrong by 10 or more is told within 5 s, but for a bit that shifts all of it."""
    got = found(sums(quiet.volts, 12, seed=seed, bit=bit, value=value))
    if 7 <= bit <= 10:
        assert got is not None
        assert got[0] <= 5
    assert got is None or got[1] == (0, bit + CODE)
    if bit < 5 or bit == 11:  # 1.3 mmHg; 0 or 165 at every moment
        assert got is None


@pytest.mark.parametrize("value", [0, 1])
@pytest.mark.parametrize("bit", range(18))
def test_each_bit_of_the_lights_converter(quiet, bit, value):
    """S20: what moves within a pulse of 2000 counts is told; the others are under the noise, or shift all of it."""
    numbers = counts(quiet.light, 12)
    stuck = numbers | 1 << bit if value else numbers & ~(1 << bit)
    got = found(stuck, LIGHT_FULL, LIGHT_RATE)
    assert got is None or got[1][1] == bit
    if 9 <= bit <= 12:
        assert got is not None
        assert got[0] <= 5


def square(low, high, period_s):
    t_s = np.arange(0, 60, 1 / RATE)
    return np.where(t_s % period_s < period_s / 2, low, high).astype(np.int64)


def test_noise_steps_spikes_and_flat_lines_are_no_stuck_bit(quiet):
    rng = np.random.default_rng(5)
    clean = sums(quiet.volts, 60)
    n = len(clean)
    spiky = clean.copy()
    spiky[:: RATE // 3] += 7 << 15
    lines = [
        clean,
        spiky,
        np.where(np.arange(n) // 500 % 3 == 0, 0, clean),
        np.where(np.arange(n) // 700 % 3 == 0, FULL, clean),
        rng.integers(0, FULL, n),
        np.cumsum(rng.integers(-900, 901, n)) % FULL,
        np.full(n, 1 << 18) + rng.integers(-3, 4, n),
        *(square(50_000, 50_000 + step, 1.7) for step in (100_000, 200_000, 333_333)),
    ]
    assert [found(line) for line in lines] == [None] * len(lines)
    assert found(clean, gaps=True) is None


def test_a_bit_that_is_right_again_is_believed_again(quiet):
    clean, stuck = sums(quiet.volts, 20), sums(quiet.volts, 20, bit=9)
    judge, seen = StuckBits(FULL, 1, RATE, 7), []
    for k, block in enumerate(np.split(np.concatenate([clean, stuck, clean])[:, None], 60 * RATE // 8)):
        judge.feed(block, is_contiguous=True)
        seen.append((k * 8 / RATE, judge.found is not None))
    assert not any(is_found for t_s, is_found in seen if t_s < 20)
    assert all(is_found for t_s, is_found in seen if 25 < t_s < 40)
    assert not any(is_found for t_s, is_found in seen if t_s > 45)


def test_a_stuck_bit_is_named_and_nothing_of_its_stream_is_used_until_it_is_well():
    board, chair = Board(), Chair()
    chair.play(board, 15)
    assert chair.faults() == []
    well, began_us = board.data, chair.t_us

    def forced(stream, t_us, rows, **options):
        rows = [[v & ~(1 << 13) for v in row] for row in rows] if stream == 2 else rows
        return well(stream, t_us, rows, **options)

    board.data = forced
    chair.play(board, 10)
    assert Fault.STUCK_BIT in chair.faults()
    told = next(s for s in chair.of("status") if "stuck" in str(s["reasons"]))
    assert told["t_us"] - began_us <= 5 * SECOND_US
    assert "pressure: a bit of the converter is stuck (bit 13 of pressure)" in told["reasons"]
    assert chair.live(told["t_us"] + 3 * SECOND_US) == []
    board.data = well
    chair.play(board, 20)
    assert chair.faults() == []
    assert chair.live(chair.t_us - SECOND_US)


@pytest.mark.recordings
@pytest.mark.filterwarnings("ignore:The inplace keyword:DeprecationWarning")  # of wfdb
def test_no_recording_has_a_stuck_bit(recordings):
    """Through the emulated converters, with their noise and without; `all` were tried by hand, 5 min of each."""
    paths = sorted(path.with_suffix("") for path in recordings.rglob("*.hea"))[::20]
    assert paths
    for path in paths:
        try:
            recording = load(path)
        except RecordingError:
            continue
        for seed in (1, None):
            stimulus = Stimulus(RecordedSource(recording), noise_seed=seed)
            seconds = min(60, int(recording.duration_s) - 1)
            assert found(sums(stimulus.volts, seconds, seed=seed)) is None, path
            assert found(counts(stimulus.light, seconds), LIGHT_FULL, LIGHT_RATE) is None, path
