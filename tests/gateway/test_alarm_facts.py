"""What is wrong with a board becomes a technical alarm, or is left out on purpose."""

from gateway.alarm_facts import CONDITIONS, AlarmFacts
from gateway.link.faults import Fault, Finding


def present(facts):
    return {fact.condition.value: fact.detail for fact in facts if fact.is_present}


def test_every_fault_has_its_condition_or_none():
    assert set(CONDITIONS) == set(Fault)


def test_all_that_is_found_of_a_condition_is_said():
    found = [Finding(fault=Fault.BUS, subject="optical"), Finding(fault=Fault.REFERENCE)]
    assert present(AlarmFacts().at(0, found)) == {
        "board-fault": "optical: bus error; the reference of the board's ADC is off"
    }


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
    assert present(facts.at(13_000_000, [Finding(fault=Fault.NOT_DESCRIBED)])) == {}
    assert present(facts.at(22_999_999, [Finding(fault=Fault.LINK_LOST)])) == {"link-lost": "link lost"}
