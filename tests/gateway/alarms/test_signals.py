"""The table of signals: total, and what every pair of a state and an event leads to."""

import pytest

from gateway.alarms.signals import PRESENCE, SHOWN, SOUNDING, TABLE, Event, Signal
from gateway.alarms.types import Presence

# Written a second time, by hand, so that neither can be changed alone.
EXPECTED = {
    "off": {"onset": "on", "risen": "on", "inactivate": "inactive"},
    "on": {
        "ended": "off",
        "ended, latching": "latched",
        "lost": "on, unknown",
        "acknowledge": "acknowledged",
        "inactivate": "inactive",
    },
    "latched": {"onset": "on", "risen": "on", "acknowledge": "off", "inactivate": "inactive"},
    "acknowledged": {
        "risen": "on",
        "ended": "off",
        "ended, latching": "off",
        "lost": "acknowledged, unknown",
        "inactivate": "inactive",
    },
    "on, unknown": {
        "onset": "on",
        "risen": "on",
        "fallen": "on",
        "ended": "off",
        "ended, latching": "latched",
        "acknowledge": "acknowledged, unknown",
        "inactivate": "inactive",
    },
    "acknowledged, unknown": {
        "onset": "acknowledged",
        "risen": "on",
        "fallen": "acknowledged",
        "ended": "off",
        "ended, latching": "off",
        "forgotten": "off",
        "inactivate": "inactive",
    },
    "inactive": {"reactivate": "off"},
}


@pytest.mark.parametrize("state", Signal, ids=lambda state: state.value)
@pytest.mark.parametrize("event", Event, ids=lambda event: event.value)
def test_every_pair_leads_where_it_should(state, event):
    after = EXPECTED[state.value].get(event.value, state.value)  # not named: nothing happens
    assert TABLE[state, event].value == after


def test_the_table_is_total():
    assert set(TABLE) == {(state, event) for state in Signal for event in Event}
    assert set(PRESENCE) == set(Signal)


def test_presence_says_whether_there_is_a_signal_and_whether_somebody_has_answered():
    assert {state for state in Signal if PRESENCE[state] in (Presence.ON, Presence.LATCHED)} == set(SOUNDING)
    assert {state for state in Signal if PRESENCE[state] is not Presence.OFF} == set(SHOWN)


def test_only_a_measured_onset_or_rise_leads_to_on():
    raising = {event for (state, event), after in TABLE.items() if after is Signal.ON and state is not Signal.ON}
    assert raising == {Event.ONSET, Event.RISEN, Event.FALLEN}
    assert {s for (s, e), after in TABLE.items() if e is Event.FALLEN and after is Signal.ON} == {
        Signal.ON,
        Signal.ON_UNKNOWN,  # on already
    }


def test_lost_data_never_end_a_signal():
    for state in SHOWN:
        assert TABLE[state, Event.LOST] in SHOWN
