"""A person's keys and receipts: what is named is what was seen, and what was not sent or answered is told."""

import io
from functools import cache

import msgspec
import pytest

from gateway.alarms import Priority
from gateway.chunklog import Origin, OriginKind
from gateway.cli.ask import Chair as AskedChair
from gateway.cli.ask import told
from gateway.cli.hand import Hand
from gateway.cli.numbers import Drawn, Numbers
from gateway.cli.nurse import Nurse, Step
from gateway.cli.watch import show
from gateway.messages import Composer, Message, Topics
from gateway.mqtt.requester import Requester
from gateway.mqtt.subscriber import Heard
from gateway.payloads import AlarmDocument
from gateway.requests import Verb
from tests.gateway.test_desk import Chair

S = 1_000_000


class Line:
    """A broker that takes what is sent, or is away."""

    def __init__(self):
        self.is_there, self.sent = True, []

    def send(self, topic, payload):
        if self.is_there:
            self.sent.append((topic, msgspec.json.decode(payload)))
        return self.is_there


def composer(chair="a", boot="b1"):
    origin = Origin(kind=OriginKind.LIVE, label="")
    return Composer("s", chair, boot=boot, version="1", origin=origin, started_utc_ms=0)


def heard(message, *, retained=False):
    return Heard(topic=message.topic, payload=message.payload, retained=retained)


def heartbeat(chair="a", boot="b1"):
    return heard(composer(chair, boot).heartbeat(S, 1, {}, {}))


@cache
def said(leaf):
    """The newest of a chair whose board does not answer."""
    chair = Chair().seconds(14)
    return [m for m in chair.outputs if isinstance(m, Message) and f"/{leaf}" in m.topic][-1]


def an_alarm(**changes):
    alarm = msgspec.json.decode(said("alarms/link-lost").payload, type=AlarmDocument).alarm
    return msgspec.structs.replace(alarm, **changes)


def alert():
    return heard(said("alerts/high"))


@pytest.fixture
def line():
    return Line()


@pytest.fixture
def notes():
    return []


@pytest.fixture
def hand(line, notes):
    """At two chairs, announced to both."""
    one = Hand(line, "nurse", notes.append)
    for chair in ("a", "b"):
        one.feed(heartbeat(chair))
    line.sent.clear()
    return one


def test_every_start_of_a_gateway_is_told_once_that_somebody_receives_its_alerts(line, notes):
    hand = Hand(line, "nurse", notes.append)
    hand.feed(heard(composer().status(0, "offline", ["connection lost"]), retained=True))  # nobody is there
    assert line.sent == []
    line.is_there = False
    hand.feed(heartbeat())
    line.is_there = True
    for _ in range(3):
        hand.feed(heartbeat())
    announced = ("chairside/v1/s/a/receipt/nurse", {"alert": None, "is_shown": False})
    assert line.sent == [announced]
    hand.feed(heartbeat(boot="b2"))
    assert line.sent == [announced, announced]


def test_an_alert_is_receipted_as_shown_once_when_it_has_been_drawn_and_not_before(hand, line):
    hand.feed(alert())
    assert line.sent == []
    hand.note_drawn()
    hand.note_drawn()
    [(topic, receipt)] = line.sent
    assert topic == "chairside/v1/clinic/chair-7/receipt/nurse"
    assert receipt["is_shown"]
    assert receipt["alert"] == msgspec.json.decode(alert().payload)["id"]


def test_a_watch_sends_its_receipts_after_the_picture(hand, line, monkeypatch):
    coming, done = [alert()], []

    class Hearing:
        def wait_message(self, _):
            return coming.pop() if coming else None

    class Picture:
        drawn = Drawn()

        def feed(self, *_):
            assert not done

        def draw(self, _):
            assert line.sent == []
            done.append(True)

    monkeypatch.setattr("gateway.cli.keys.sys.stdin", io.StringIO())
    show(Hearing(), Picture(), hand, until=lambda: bool(done))
    assert len(line.sent) == 1


def test_who_only_looks_sends_no_receipt(line, notes):
    hand = Hand(line, "nurse", notes.append, sends_receipts=False)
    for one in (heartbeat(), alert()):
        hand.feed(one)
    hand.note_drawn()
    assert line.sent == []


def test_a_retained_alert_is_none(hand, line):
    retained = alert()
    hand.feed(Heard(topic=retained.topic, payload=retained.payload, retained=True))
    hand.note_drawn()
    requester = Requester(line, Topics("clinic", "chair-7"), "nurse")
    requester.receive(Heard(topic=retained.topic, payload=retained.payload, retained=True), is_shown=True)
    assert line.sent == []


def test_the_first_reply_counts():
    out = composer()
    requester = Requester(Line(), out.topics, "nurse")
    for refusal in ("", "its id has been used"):
        requester.feed(heard(out.reply(S, "request-0001", client="nurse", verb="mark", refusal=refusal)))
    assert requester.reply("request-0001").accepted


def test_a_key_acknowledges_the_occurrence_that_was_drawn_with_it(hand, line):
    alarm = an_alarm()
    assert hand.press("2", Drawn(numbered={2: (("s", "a"), alarm)}), 0)
    [(topic, request)] = line.sent
    assert topic == "chairside/v1/s/a/cmd/nurse/acknowledge"
    assert (request["condition"], request["alarm"]) == ("link-lost", alarm.id)


def test_a_number_that_no_alarm_has_asks_for_nothing_and_says_so(hand, line, notes):
    hand.press("3", Drawn(numbered={2: (("s", "a"), an_alarm())}), 0)
    assert line.sent == []
    assert notes == ["3: no alarm has this number"]


def test_p_pauses_the_chair_with_the_most_urgent_sound_not_that_with_the_most_urgent_alarm(hand, line, notes):
    acknowledged, low = an_alarm(), an_alarm(priority=Priority.LOW)
    numbered = {1: (("s", "a"), acknowledged), 2: (("s", "b"), low)}
    hand.press("p", Drawn(numbered=numbered, sounding={("s", "b"): Priority.LOW}), 0)
    assert [(topic, one["seconds"]) for topic, one in line.sent] == [("chairside/v1/s/b/cmd/nurse/audio-pause", 120)]
    line.sent.clear()
    hand.press("p", Drawn(sounding={("s", "a"): Priority.LOW, ("s", "b"): Priority.HIGH}), 0)
    assert [topic for topic, _ in line.sent] == ["chairside/v1/s/b/cmd/nurse/audio-pause"]
    line.sent.clear()
    hand.press("p", Drawn(numbered=numbered), 0)
    assert line.sent == []
    assert notes == ["pause: no chair sounds"]


def test_o_ends_the_pause_of_every_chair(hand, line):
    hand.press("o", Drawn(), 0)
    expected = [(f"chairside/v1/s/{chair}/cmd/nurse/audio-pause", 0) for chair in ("a", "b")]
    assert [(topic, one["seconds"]) for topic, one in line.sent] == expected


def test_a_key_while_the_broker_is_away_says_that_nothing_was_sent(hand, line, notes):
    line.is_there = False
    hand.press("1", Drawn(numbered={1: (("s", "a"), an_alarm())}), 0)
    assert notes == ["acknowledge link-lost of a: NOT SENT, the broker is away"]
    hand.press("", Drawn(), 60 * S)
    assert len(notes) == 1  # nor is a reply missed


def test_a_command_that_could_not_be_sent_says_so(line, capsys):
    chair = AskedChair(line, Topics("s", "a"), "nurse")
    chair.feed(heartbeat())
    line.is_there = False
    assert told(chair, Verb.AUDIO_PAUSE, seconds=5) == 1
    assert capsys.readouterr().err == "chairside: not sent: the broker is away\n"


def test_the_nurse_of_the_demo_does_what_is_due_when_the_broker_is_back(line, notes):
    nurse = Nurse(line, Topics("s", "a"), (Step(minute=0, verb=Verb.MARK, fields={"mark": {}}),), notes.append)
    line.is_there = False
    nurse.feed(heartbeat())
    line.is_there = True
    for _ in range(2):
        nurse.feed(heartbeat())
    assert [topic for topic, _ in line.sent] == ["chairside/v1/s/a/cmd/demo-nurse/mark"]


def test_a_missing_reply_is_told_once_and_one_that_comes_later_too(hand, line, notes):
    hand.press("p", Drawn(sounding={("s", "a"): Priority.HIGH}), 0)
    hand.press("", Drawn(), 5 * S - 1)
    assert notes == []
    for k in range(5, 9):
        hand.press("", Drawn(), k * S)
    words = "pause the sound of a for 120 s"
    assert notes == [f"{words}: NO REPLY within 5 s, look whether it was done"]
    request = line.sent[0][1]["id"]
    hand.feed(heard(composer().reply(S, request, client="nurse", verb="audio-pause", refusal="")))
    hand.press("", Drawn(), 9 * S)
    assert notes[1:] == [f"{words}: done"]


def shown(*ids):
    return [(("s", "a"), an_alarm(id=one)) for one in ids]


def numbers_of(numbers, *ids):
    return {alarm.id: number for number, (_, alarm) in numbers.of(shown(*ids)).items()}


def test_a_number_stays_with_its_occurrence_when_a_more_urgent_one_comes():
    numbers = Numbers()
    assert numbers_of(numbers, "low") == {"low": 1}
    assert numbers_of(numbers, "high", "low") == {"high": 2, "low": 1}


def test_a_free_number_is_given_again_as_late_as_possible():
    numbers = Numbers()
    numbers_of(numbers, "x", "y")
    assert numbers_of(numbers, "z", "y") == {"z": 3, "y": 2}
    for k in range(6):
        numbers_of(numbers, "y", f"k{k}")
    assert numbers_of(numbers, "y", "last") == {"y": 2, "last": 1}


def test_the_tenth_alarm_has_no_number_until_one_is_free():
    numbers = Numbers()
    ids = [f"k{k}" for k in range(10)]
    assert numbers_of(numbers, *ids) == {f"k{k}": k + 1 for k in range(9)}
    assert numbers_of(numbers, *ids[1:])["k9"] == 1
