"""The check of the alarm system each minute: made, written, sent, and heard again, or told."""

import json
import re
from dataclasses import replace

import pytest

from gateway.alarms import Condition, Fact
from gateway.alarms.selfcheck import Checked
from gateway.messages import Composer, Message
from tests.gateway.test_desk import ROOT, Chair

MINUTE = 60


class Echo(Chair):
    """A chair whose broker gives back what it is told, or not."""

    def __init__(self, *, returns=True):
        super().__init__()
        self.returns = returns
        self.pipeline.expect_return()

    def seconds(self, count):
        for _ in range(count):
            before = len(self.outputs)
            super().seconds(1)
            for message in self.outputs[before:]:
                if self.returns and isinstance(message, Message) and message.topic == f"{ROOT}/self-check":
                    self.deliver(message.topic, message.payload)
        return self

    @property
    def check(self):
        return self.announcer.checks.last

    def broker(self, *, is_lost):
        self.take(self.pipeline.fact(self.t_us, Condition.BROKER_LOST, is_present=is_lost))
        self.returns = not is_lost
        return self


def failed(chair):
    return chair.alarms("self-check-failed")


def test_each_minute_an_alarm_of_a_copy_is_published_and_comes_back():
    chair = Echo().seconds(3 * MINUTE)
    sent = [m for m in chair.outputs if isinstance(m, Message) and m.topic == f"{ROOT}/self-check"]
    documents = [json.loads(m.payload) for m in sent]
    assert [(m.qos, m.retain, m.expiry_s) for m in sent] == [(1, False, 60)] * 3
    assert [d["t_us"] // 1_000_000 for d in documents] == [1, 61, 121]
    assert [d["check"]["returned"] for d in documents] == [None, True, True]
    assert all(d["check"]["passed"] and d["alert"]["alarm"]["presence"] == "on" for d in documents)
    assert len({d["alert"]["alarm"]["condition"] for d in documents}) == 3
    assert failed(chair)["presence"] == "off"
    told = [json.loads(m.payload)["alarm"] for m in chair.outputs if isinstance(m, Message) and "/alerts/" in m.topic]
    assert {alarm["condition"] for alarm in told} <= {"link-lost"}
    assert chair.desk.counts["unreadable"] == 0


def test_what_has_not_come_back_within_a_minute_is_an_alarm_until_the_next_that_does():
    chair = Echo(returns=False).seconds(MINUTE)
    assert failed(chair)["presence"] == "off"
    chair.seconds(1)
    assert failed(chair)["presence"] == "on"
    assert failed(chair)["text"] == "Self-check failed: check 1 has not come back from the broker"
    assert (chair.check.passed, chair.check.returned) == (False, False)
    chair.returns = True
    chair.seconds(MINUTE + 7)
    assert failed(chair)["presence"] == "on"  # the one that was not returned was made a moment before
    chair.seconds(MINUTE)
    assert failed(chair)["presence"] == "off"
    assert (chair.check.passed, chair.check.returned) == (True, True)


def test_only_the_newest_check_word_for_word_counts():
    chair = Echo(returns=False).seconds(2)
    [sent] = [m for m in chair.outputs if isinstance(m, Message) and m.topic == f"{ROOT}/self-check"]
    chair.deliver(sent.topic, sent.payload.replace(b'"number":1', b'"number":2'))
    chair.deliver(sent.topic, sent.payload, is_retained=True)
    chair.deliver(sent.topic, b"")
    chair.seconds(MINUTE)
    assert not chair.check.returned
    chair.deliver(sent.topic, sent.payload)  # late
    chair.seconds(MINUTE)
    assert not chair.check.returned


def test_a_lost_broker_is_told_once_and_as_what_it_is():
    chair = Echo().seconds(30).broker(is_lost=True).seconds(2 * MINUTE)
    assert chair.alarms("broker-lost")["presence"] == "on"
    assert chair.check.number == 3
    chair.broker(is_lost=False).seconds(2 * MINUTE)
    assert failed(chair)["presence"] == "off"
    assert all(check["passed"] for check in (d["self_check"] for d in chair.of("alarm-system")))


def test_a_check_that_was_on_its_way_when_the_broker_was_lost_is_not_missed():
    chair = Echo(returns=False).seconds(5).broker(is_lost=True).seconds(1).broker(is_lost=False).seconds(MINUTE)
    assert (chair.check.number, chair.check.passed) == (2, True)
    assert chair.check.returned is None  # nobody knows whether it would have come back


def test_without_a_broker_nothing_has_to_come_back():
    chair = Chair().seconds(3 * MINUTE)
    assert chair.announcer.checks.last.returned is None
    assert failed(chair)["presence"] == "off"


@pytest.mark.parametrize(
    ("found", "words"),
    [(Checked(fault="mean-low: does not end"), "mean-low: does not end"), (Checked(), "its alert cannot be read")],
)
def test_what_the_check_finds_is_an_alarm(monkeypatch, found, words):
    chair = Echo().seconds(1)
    monkeypatch.setattr("gateway.self_checks.self_check", lambda *_: found)
    chair.seconds(MINUTE)
    assert failed(chair)["presence"] == "on"
    assert failed(chair)["text"] == f"Self-check failed: {words}"


@pytest.mark.parametrize(
    "changed",
    [
        lambda payload: payload.replace(b'"condition":"', b'"condition":"not-'),
        lambda payload: re.sub(rb'"text":"[^"]*"', b'"text":""', payload),
        lambda _: b"{}",
    ],
    ids=["another condition", "no text", "unreadable"],
)
def test_an_alert_that_does_not_say_what_was_raised_fails_the_check(monkeypatch, changed):
    chair = Echo().seconds(1)
    alert = Composer.alert

    def wrong(composer, raised):
        message = alert(composer, raised)
        return replace(message, payload=changed(message.payload))

    monkeypatch.setattr(Composer, "alert", wrong)
    chair.seconds(MINUTE)
    assert failed(chair)["text"] == "Self-check failed: its alert cannot be read"


def test_a_fact_of_something_else_is_none_of_the_broker():
    chair = Echo(returns=False).seconds(2)
    chair.announcer.take(Fact(t_us=chair.t_us, condition=Condition.RECORDING_FAILING, is_present=True))
    chair.seconds(MINUTE)
    assert not chair.check.passed
