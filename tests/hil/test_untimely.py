"""What takes long or comes early on a board: a slow flash, stalls, an update at once."""

import os

import hil.board.unix
from gateway.link.downlink import AckResult, Verb, command, configure
from gateway.link.frame import Flag
from hil.chair import wire
from tests.hil.link import OPTICAL, PRESSURE, S, TimeCode, converse, data, rig, statuses
from tests.hil.test_board_errors import MAIN, runs
from tests.hil.test_board_faults import UPDATE_ARGUMENTS, acks
from tests.hil.test_errands import SOUNDER, ask

__all__ = ["runs"]  # a fixture

SLOW_FLASH = (
    """
import _rig
from node import board, sampler
describe = sampler.describe
def slowly(board):
    _rig.stretch(100_000)  # the modules are hashed
    return describe(board)
sampler.describe = slowly
"""
    + MAIN
)

STALLING = (
    """
import _rig
from time import ticks_us
from node import board, sampler  # first, as in main.py
Step = sampler.Sampler.step
stalls = [0]
def step(self, missed):
    Step(self, missed)
    if ticks_us() > 3_000_000 and stalls[0] < 8:
        stalls[0] += 1
        _rig.stretch(3_500_000)
sampler.Sampler.step = step
"""
    + MAIN
)

FORGETFUL = (
    """
from time import ticks_us
from node import board, sampler, selftest
selftest.is_passed = lambda: ticks_us() < 8_000_000
"""
    + MAIN
)


@rig
def test_a_change_of_rates_loses_nothing_however_long_the_flash_takes(runs):
    runs(SLOW_FLASH)
    order = command(Verb.CONFIGURE, configure(pleth_rate_hz=100, pressure_rate_hz=250), index=1)
    found = converse(6, [(2.5, order)])
    received = data(found, PRESSURE)
    first = next(f for f in received if f.epoch != received[0].epoch)
    assert first.index == 0
    assert not any(f.flags & Flag.OVERFLOW_COUNTED for f in received)
    assert statuses(found)[-1].streams["pressure"].samples_lost == 0


@rig
def test_seconds_since_the_start_are_those_that_have_passed(runs):
    runs(STALLING)
    told = statuses(converse(40))
    assert told[-1].reset_cause == 1
    assert abs(told[-1].uptime_s - 39) <= 1


@rig
def test_an_update_in_the_first_second_is_no_failed_start(capsys):
    bus = wire(TimeCode())
    found = converse(4, [(0.4, command(Verb.UPDATE, UPDATE_ARGUMENTS, index=1))], bus=bus, noise=(0, 1))
    assert acks(found) == [(Verb.UPDATE, 1, AckResult.DONE)]
    assert "has reset itself at 0." in capsys.readouterr().err
    assert not [e for e in bus.outputs if e.pin == SOUNDER and e.hz and e.now_ns > 0.6 * S * 1000]


@rig
def test_a_name_that_is_no_utf_8_stops_no_board(monkeypatch):
    start = hil.board.unix._start

    def with_file(boot, program, flash, **options):
        with open(os.fsencode(flash) + b"/\xff\xfe.py", "wb"):
            pass
        return start(boot, program, flash, **options)

    monkeypatch.setattr(hil.board.unix, "_start", with_file)
    assert data(converse(4), OPTICAL)[-1].ticks_us > 3.8 * S


@rig
def test_a_self_test_that_fails_is_the_reply(runs):
    runs(FORGETFUL)
    [(_, reply)], _ = ask("self-test", at_s=10, seconds=16)
    assert (reply["accepted"], reply["reason"]) == (False, "board: its self test has failed")
