"""What a window lacks: pulses that were missed, strange ones, poor ones, and which pulse a likeness is about."""

from types import SimpleNamespace

import numpy as np
import pytest

from dsp import Measured, Quantity, Reason
from dsp.channel import Summary
from dsp.cycles import Likeness
from dsp.doubt import Lingering, doubted_pressure, doubted_rate
from dsp.line import Level, compared
from dsp.pulse import Pulse
from dsp.window import Window
from tests.dsp.optics import finger, watch

EVEN = [800, 790, 805, 800, 795, 800, 810, 800, 795]
UNEVEN = [800, 610, 950, 720, 1010, 640, 900, 760, 830]


def pulse(t_us, interval_us, sqi=1.0, strangeness=0.0, systolic=120.0):
    candidate = SimpleNamespace(upslope_us=t_us, foot=80.0, amplitude=40.0, raw_max=systolic, raw_min=80.0)
    return Pulse(
        candidate=candidate,
        accepted=True,
        sqi=sqi,
        reasons=(),
        interval_us=interval_us,
        cycle_mean=93.0 if interval_us else None,
        likeness=Likeness(strangeness=strangeness, jumps=0),
    )


def window(intervals_ms, hole=None, **fields):
    """Pulses up to 10 s; ``hole`` is the interval that nobody knows, ``fields`` are lists of a pulse's own."""
    ends_us = 9_600_000 - 1000 * (sum(intervals_ms) - np.cumsum([0, *intervals_ms]))
    own = [dict(zip(fields, values, strict=True)) for values in zip(*fields.values(), strict=True)] or [{}] * len(
        ends_us
    )
    known = [None if k == hole else 1000 * x for k, x in enumerate(intervals_ms)]
    pulses = [pulse(int(t_us), x, **of) for t_us, x, of in zip(ends_us, [None, *known], own, strict=True)]
    return Window(p for p in pulses if p.candidate.upslope_us > 2_000_000)


def rate_doubts(pulses):
    return doubted_rate(Summary(t_us=10_000_000, pulses=pulses, unavailable=None)).doubts


def pressure_doubts(pulses):
    return doubted_pressure(Summary(t_us=10_000_000, pulses=pulses, unavailable=None), Lingering()).doubts


def test_a_rhythm_without_a_hole_is_no_doubt_however_uneven():
    assert rate_doubts(window(EVEN)) == rate_doubts(window(UNEVEN)) == ()


@pytest.mark.parametrize("missed", [1, 2])
def test_in_an_even_rhythm_the_length_of_a_hole_tells_what_it_held(missed):
    intervals = [*EVEN[:4], 800 * (missed + 1), *EVEN[5 : 9 - missed]]
    assert rate_doubts(window(intervals, hole=4)) == ()


@pytest.mark.parametrize(("intervals", "hole_ms"), [(EVEN, 1200), (UNEVEN, 1450)])
def test_a_hole_that_may_hold_one_pulse_or_two_is_doubted(intervals, hole_ms):
    assert rate_doubts(window([*intervals[:4], hole_ms, *intervals[5:]], hole=4)) == (Reason.IRREGULAR,)


def test_poor_and_strange_beats_of_an_uneven_rhythm_are_as_good_as_missing():
    poor = [*[1.0] * 6, *[0.05] * 4]
    assert rate_doubts(window(UNEVEN, sqi=poor)) == (Reason.IRREGULAR,)
    assert rate_doubts(window(UNEVEN, strangeness=[*[0.0] * 6, *[3.0] * 4])) == (Reason.IRREGULAR,)
    assert rate_doubts(window(EVEN, sqi=poor)) == ()


def test_a_systolic_is_judged_by_the_cycle_that_it_begins():
    """A line that begins to ring lifts the systolic of a pulse whose cycle only the next one ends."""
    systolic = [*[120.0] * 4, *[140.0] * 6]
    strangeness = [*[0.0] * 5, *[2.0] * 5]
    pulses = window(EVEN, systolic=systolic, strangeness=strangeness)
    every, ordinary = pulses.begun
    assert [p.candidate.raw_max for p in every] == systolic[: len(every)]
    assert {p.candidate.raw_max for p in ordinary} == {120.0}
    assert pressure_doubts(pulses) == (Reason.IRREGULAR,)


def test_a_saturation_that_turned_is_doubtful_while_the_window_holds_the_turn():
    truth = np.interp(np.arange(7000) / 100, [30, 31, 70], [98.0, 90.0, 90.0])
    vitals = watch(*finger(truth, 70.0, noise=3.0))[1]
    readings = {second: vitals[Quantity.SPO2, second] for second in range(20, 70)}
    doubtful = [s for s, r in readings.items() if not isinstance(r, Measured) or r.sqi < 0.5]
    assert doubtful == list(range(doubtful[0], doubtful[-1] + 1))
    assert 31 < doubtful[0] <= 35
    assert 8 <= len(doubtful) <= 16
    assert readings[69].value == pytest.approx(90.0, abs=0.5)


def test_a_slow_resonance_is_told_by_its_slope_in_mmhg():
    """At 155/min a line of 5 Hz almost doubles the pulse pressure: in pulse heights its slope is less steep then."""
    before = Level(t_us=0, pulse_mmhg=41.0, mean_mmhg=145.7, steepness=19.9, roughness=0.3)
    rung = Level(t_us=1, pulse_mmhg=72.0, mean_mmhg=144.5, steepness=15.8, roughness=0.2)
    slower = Level(t_us=1, pulse_mmhg=46.0, mean_mmhg=145.7, steepness=15.0, roughness=0.3)
    assert compared(rung, before).reason is Reason.RINGING
    assert compared(slower, before) is None
