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
from dsp.rate import pulse_rate
from dsp.window import Window
from tests.dsp.optics import finger, watch

EVEN = [800, 790, 805, 800, 795, 800, 810, 800, 795]
UNEVEN = [800, 610, 950, 720, 1010, 640, 900, 760, 830]


def pulse(t_us, interval_us, *, sqi=1.0, strangeness=0.0, systolic=120.0, foot=80.0, size=1.0):
    height = systolic - foot
    candidate = SimpleNamespace(
        upslope_us=t_us, foot=foot, amplitude=height, raw_max=systolic, raw_min=foot, slope_sum=size
    )
    return Pulse(
        candidate=candidate,
        accepted=True,
        sqi=sqi,
        reasons=(),
        interval_us=interval_us,
        cycle_mean=93.0 if interval_us else None,
        likeness=Likeness(strangeness=strangeness, jumps=0),
    )


def window(intervals_ms, hole=None, end_us=9_600_000, **fields):
    """Pulses of the last 8 of 10 s; ``hole`` is an interval that nobody knows, ``fields`` are of each pulse."""
    ends_us = end_us - 1000 * (sum(intervals_ms) - np.cumsum([0, *intervals_ms]))
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


@pytest.mark.parametrize(("small", "doubts"), [(0.6, (Reason.IRREGULAR,)), (0.75, ())])
def test_small_beats_between_large_ones_may_be_second_waves(small, doubts):
    alternating = [1.0, small] * (len(EVEN) // 2 + 1)
    assert rate_doubts(window(EVEN, size=alternating[: len(EVEN) + 1])) == doubts


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


@pytest.mark.parametrize(("scatter_ms", "doubts"), [(20, ()), (60, (Reason.IRREGULAR,))])
def test_the_scatter_of_few_beats_may_be_larger_than_it_looks(scatter_ms, doubts):
    intervals = [800 - scatter_ms, 800 + scatter_ms, 800, 800 + scatter_ms, 800 - scatter_ms, 800]
    assert rate_doubts(window(intervals, end_us=8_400_000)) == doubts


def test_a_systolic_is_judged_by_the_cycle_that_it_begins():
    """A line that begins to ring lifts the systolic of a pulse whose cycle only the next one ends."""
    systolic = [*[120.0] * 4, *[140.0] * 6]
    strangeness = [*[0.0] * 5, *[2.0] * 5]
    pulses = window(EVEN, systolic=systolic, strangeness=strangeness)
    assert [p.candidate.raw_max for p in pulses.ordinary_begun] == systolic[:4]
    assert pressure_doubts(pulses) == (Reason.IRREGULAR,)


def test_the_last_systolic_counts_although_its_cycle_is_not_known():
    """Three of six are damped, and of the third nobody knows its cycle: the median lies half way."""
    systolic = [177.0, 177.0, 177.0, 155.0, 147.0, 146.0]
    pulses = window([1160, 1164, 1164, 1106, 1246], systolic=systolic, strangeness=[0.0, 0.1, 0.1, 0.0, 1.8, 10.0])
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


def test_of_a_line_that_is_known_to_ring_the_mean_may_move():
    before = Level(t_us=0, pulse_mmhg=76.9, mean_mmhg=71.1, steepness=12.4, roughness=0.1)
    later = Level(t_us=1, pulse_mmhg=90.0, mean_mmhg=81.0, steepness=14.6, roughness=0.1)
    assert compared(later, before) is None
    assert compared(later, before, is_known=True).reason is Reason.RINGING
    fallen = Level(t_us=1, pulse_mmhg=50.0, mean_mmhg=40.0, steepness=9.0, roughness=0.1)
    assert compared(fallen, before) is None
    assert not compared(fallen, before, is_known=True).is_certain


def of_rate(pulses):
    return pulse_rate(Summary(t_us=10_000_000, pulses=pulses, unavailable=None))


def test_coupled_beats_have_the_rate_of_their_pairs_in_every_second():
    """What is left out is half a pair; with what happens to alternate it would be a beat of its own."""
    coupled = [620, 1010, 600, 1000, 615, 995, 610, 1005, 605]
    for end in range(5, 10):
        reading = of_rate(window(coupled[:end]))
        assert reading.value == pytest.approx(74.5, abs=1.0)
        assert Reason.IRREGULAR not in reading.reasons


def test_intervals_that_happen_to_alternate_are_no_pairs():
    by_chance = [1170, 1560, 1050, 1280, 755, 1080]
    mean_bpm = 60e3 / np.mean(by_chance[1:])
    reading = of_rate(window(by_chance))
    assert abs(reading.value - mean_bpm) < 2.5 or reading.sqi < 0.5


def test_a_pause_that_is_left_out_of_an_uneven_rhythm_is_a_doubt():
    left_out = [1389, 1239, 883, 973, 1002]
    reading = of_rate(window([1325, *left_out], end_us=8_200_000))
    assert reading.value == pytest.approx(60e3 / np.mean(left_out[1:]), abs=0.5)
    assert reading.sqi < 0.5


@pytest.mark.parametrize(("before_ms", "is_doubted"), [(872, True), (560, False)])
def test_a_long_interval_after_one_that_was_not_early_is_no_pause(before_ms, is_doubted):
    reading = of_rate(window([before_ms, 986, 771, 757, 722, 715, 659, 767, 668], end_us=8_500_000))
    assert (Reason.IRREGULAR in reading.reasons) is is_doubted


def test_pressures_whose_beats_scatter_have_no_middle_and_those_that_fall_or_alternate_have():
    scattered = [142.0, 92.0, 155.0, 118.0, 125.0, 150.0, 106.0, 148.0, 114.0, 128.0]
    assert pressure_doubts(window(EVEN, systolic=scattered)) == (Reason.IRREGULAR,)
    assert pressure_doubts(window(EVEN, systolic=[140.0 - 6 * k for k in range(10)])) == ()
    assert pressure_doubts(window(EVEN, systolic=[120.0] * 5 + [90.0] * 5)) == ()
    assert pressure_doubts(window(EVEN, systolic=[120.0, 150.0] * 5)) == ()
    assert (
        pressure_doubts(window(EVEN, systolic=[120.0, 122.0, 90.0, 140.0, 119.0, 121.0, 123.0, 92.0, 138.0, 120.0]))
        == ()
    )


def test_a_foot_that_bounces_is_a_doubt_and_one_that_alternates_with_early_beats_is_none():
    bouncing = [96.0, 22.0, 67.0, 30.0, 29.0, 96.0, 22.0, 70.0, 30.0, 28.0]
    assert pressure_doubts(window(EVEN, foot=bouncing)) == (Reason.IRREGULAR,)
    assert pressure_doubts(window(EVEN, foot=[75.0, 90.0] * 5)) == ()
