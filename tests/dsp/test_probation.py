"""A signal that was doubtful ever since it began is trusted after as long, a known patient's at once."""

import numpy as np
import pytest

from dsp import Measured, Quantity, Reason, Unavailable
from dsp.probation import FORGOTTEN_US, KNOWN_SECONDS, LEAST_SECONDS, MOST_SECONDS, Probation
from tests.dsp.signals import RATE_HZ, run, wave

SECOND_US = 1_000_000
GOOD = Measured(value=72.0, sqi=0.9, newest_us=0)
DOUBTFUL = Measured(value=72.0, sqi=0.45, newest_us=0, reasons=(Reason.IRREGULAR,))
LEARNING, IRREGULAR, NO_PULSE, PROBE_OFF = (
    Unavailable(reason=r) for r in (Reason.LEARNING, Reason.IRREGULAR, Reason.NO_PULSE, Reason.PROBE_OFF)
)


def served(*runs, begin_s=0, **said):
    """For how many seconds each run of good readings is doubted."""
    probation, second, out = Probation(), begin_s, []
    for reading, seconds in runs:
        judged = []
        for _ in range(seconds):
            second += 1
            judged.append(probation.judged(second * SECOND_US, reading, **said))
        if reading is GOOD:
            is_doubted = [x.sqi < 0.5 for x in judged]
            assert all(isinstance(x, Measured) and x.value == GOOD.value for x in judged)
            assert is_doubted == sorted(is_doubted, reverse=True)
            assert all(Reason.LEARNING in x.reasons for x, bad in zip(judged, is_doubted, strict=True) if bad)
            out.append(sum(is_doubted))
        else:
            assert judged == [reading] * seconds
    return out


@pytest.mark.parametrize("doubt", [DOUBTFUL, IRREGULAR])
def test_a_long_doubt_at_the_beginning_is_served_and_a_short_one_is_not(doubt):
    assert served((doubt, LEAST_SECONDS), (GOOD, 50)) == [LEAST_SECONDS]
    assert served((doubt, LEAST_SECONDS - 1), (GOOD, 50)) == [0]
    assert served((doubt, 100), (GOOD, 50)) == [MOST_SECONDS]


def test_a_search_counts_where_nothing_was_found_and_else_not():
    assert served((LEARNING, 10), (GOOD, 50)) == [0]
    assert served((LEARNING, 10), (IRREGULAR, 10), (GOOD, 50)) == [20]
    assert served((LEARNING, 10), (NO_PULSE, 60), (GOOD, 50)) == [0]


def test_a_known_patient_is_trusted_at_once_until_forgotten():
    known = (GOOD, KNOWN_SECONDS)
    assert served(known, (DOUBTFUL, 60), (GOOD, 50)) == [0, 0]
    assert served((GOOD, KNOWN_SECONDS - 1), (DOUBTFUL, 20), (GOOD, 50)) == [0, 20]
    assert served(known, (NO_PULSE, FORGOTTEN_US // SECOND_US), (DOUBTFUL, 20), (GOOD, 50)) == [0, 20]


def test_what_was_left_of_a_probation_is_not_forgiven_by_another_doubt():
    assert served((DOUBTFUL, 14), (GOOD, 4), (DOUBTFUL, 2), (GOOD, 50)) == [4, 12]


def test_a_sensor_that_was_away_begins_anew():
    assert served((IRREGULAR, 60), (PROBE_OFF, 1), (GOOD, 50)) == [0]


def test_a_doubt_with_a_time_of_its_own_is_not_doubled():
    assert served((DOUBTFUL, 30), (GOOD, 50), is_timed=True) == [0]


def test_a_pulse_found_after_a_long_search_through_humps_is_shown_and_doubted():
    t_us, x = wave(70.0)
    humps = 90 + 25 * np.random.default_rng(2).normal(0, 1, len(x) // 25 + 1).repeat(25)[: len(x)]
    _, vitals = run(t_us, np.where(t_us < 20_000_000, humps, x), RATE_HZ)
    for quantity in (Quantity.PULSE_RATE, Quantity.SYSTOLIC):
        assert all(isinstance(vitals[quantity, second], Measured) for second in range(30, 60))
        assert all(vitals[quantity, second].sqi < 0.5 for second in range(30, 38))
        assert vitals[quantity, 69].sqi >= 0.5
