"""What is wrong with a board becomes a technical alarm, or is left out on purpose."""

from gateway.alarm_facts import CONDITIONS, AlarmFacts
from gateway.alarm_profiles import load_profile
from gateway.link.faults import Fault, Finding


def present(facts):
    return {fact.condition.value: fact.detail for fact in facts if fact.is_present}


def test_every_fault_has_its_condition_or_none():
    assert set(CONDITIONS) == set(Fault)


def test_all_that_is_found_of_a_condition_is_said():
    found = [Finding(fault=Fault.BUS, subject="optical"), Finding(fault=Fault.REFERENCE)]
    found += [Finding(fault=Fault.WRONG_SENSOR, subject="pressure"), Finding(fault=Fault.REPAIRED, subject="optical")]
    assert present(AlarmFacts().at(0, found)) == {
        "board-fault": "optical: bus error; pressure: wrong sensor",
        "board-doubtful": "the reference of the board's ADC is off",
        "board-recovered": "optical: lost its configuration, which was written anew",
    }


def test_a_motion_sensor_that_fails_takes_no_number_away():
    found = [Finding(fault=Fault.BUS, subject="motion")]
    assert present(AlarmFacts().at(0, found)) == {"board-doubtful": "motion: bus error"}


def test_priorities_are_those_that_the_faults_ask_for():
    """S12, S19, B2, M3, U8, M13, M14 high; B7, M12, U4 medium; B6, M1 low."""
    tiers = load_profile("adult").conditions
    priorities = {fault: tiers[condition][0].priority.value for fault, condition in CONDITIONS.items() if condition}
    high = (Fault.WRONG_SENSOR, Fault.RATE_MISMATCH, Fault.BUS, Fault.UNSTABLE, Fault.OTHER_BOARD, Fault.LINK_LOST)
    high += (Fault.VERSION, Fault.UNKNOWN_FIRMWARE, Fault.UNHEARD, Fault.SELF_TEST)
    assert {priorities[fault] for fault in high} == {"high"}
    assert {priorities[fault] for fault in (Fault.REFERENCE, Fault.SETTINGS, Fault.NO_STATUS, Fault.LINK_NOISE)} == {
        "medium"
    }
    assert {priorities[fault] for fault in (Fault.REPAIRED, Fault.RESTARTED)} == {"low"}


def test_what_is_over_is_told_too():
    facts = AlarmFacts()
    facts.at(0, [Finding(fault=Fault.BUS)])
    assert present(facts.at(1_000_000, [])) == {}
    assert len(facts.at(2_000_000, [])) == len({c for c in CONDITIONS.values() if c})


def test_a_board_may_take_ten_seconds_to_start_each_time():
    facts, silent = AlarmFacts(), [Finding(fault=Fault.NOTHING_HEARD)]
    assert present(facts.at(1_000_000, silent)) == {}
    assert present(facts.at(10_999_999, silent)) == {}
    assert present(facts.at(11_000_000, silent)) == {"link-lost": "nothing heard from the board"}
    facts.at(12_000_000, [])
    noise = [*silent, Finding(fault=Fault.LINK_NOISE)]
    assert present(facts.at(12_500_000, noise)).keys() == {"link-lost", "link-noise"}, "noise is no board that starts"
    facts.at(12_600_000, [])
    assert present(facts.at(13_000_000, [Finding(fault=Fault.NOT_DESCRIBED)])) == {}
    assert present(facts.at(22_999_999, [Finding(fault=Fault.LINK_LOST)])) == {"link-lost": "link lost"}
