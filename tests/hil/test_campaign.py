"""Every kind of artifact of the fault catalogue, at random places of simulated patients: null or right, never wrong."""

import pytest

from dsp import Measured, Quantity
from hil.artifact_kinds import FIBRILLATION, KINDS, Kind, Sensors
from hil.campaign import SHORT, Campaign, Row, allowed, known
from hil.patient_artifacts import Drift

SEEDS = 20  # 500 in make campaign-artifacts


@pytest.fixture(scope="module")
def campaign():
    return Campaign(length=SHORT)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.row} {kind.name}")
def test_nothing_wrong_is_said_with_good_quality(campaign, kind):
    row = Row(kind=kind)
    for seed in range(SEEDS):
        row.add(seed, campaign.run(kind, seed))
    assert not row.wrong, row.examples
    assert not row.late_seeds, row.examples
    assert row.changed, "the artifact changed nothing: it was not seen to fire"


def drift(_random, start_s, _end_s):
    """A pressure that wanders off like a patient's: nobody can doubt it, and it is wrong."""
    return [Drift(start_s=start_s, end_s=1e9, mmhg=40.0, within_s=12.0)]


def test_a_wrong_value_that_looks_good_is_counted(campaign):
    kind = Kind(row="-", name="drift", sensors=Sensors.PRESSURE, make=drift)
    outcome = campaign.run(kind, 1)
    assert {w.quantity for w in outcome.wrong} >= {Quantity.SYSTOLIC, Quantity.MEAN_PRESSURE}
    assert all(w.value > w.truth + 10 and w.sqi >= 0.5 for w in outcome.wrong)


def test_a_patient_is_never_late_and_the_undisturbed_program_may_be():
    values = {second: Measured(value=60.0 + second, sqi=1.0, newest_us=0) for second in range(5)}
    truth = {(Quantity.PULSE_RATE, second): value for second, value in values.items()}
    assert allowed([truth], (-1, 0))[Quantity.PULSE_RATE, 3] == [62.0, 63.0]
    assert allowed([truth], (-1, 0, 1))[Quantity.PULSE_RATE, 4] == [63.0, 64.0]


def test_a_beat_that_may_have_no_pulse_is_one_of_two_truths():
    """At 120/min and a jitter of 0.15 an early beat comes 0.25 to 0.3 s after another now and then."""
    few, many = (known(57, FIBRILLATION, Sensors.LIGHT, 60, after_s) for after_s in (0.3, 0.25))
    rates = [(few[key].value, many[key].value) for key in few if isinstance(few[key], Measured)]
    assert all(a <= b for a, b in rates)
    assert any(a < b for a, b in rates)
