"""Commands and receipts: who may do what and when, what becomes of it, and what is kept of it."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

import dsp
from gateway.alarm_profiles import load_for_routes, load_profile
from gateway.alarms import Condition, Presence, Priority
from gateway.announcer import Announcer
from gateway.chunklog import Chunk, Origin, OriginKind
from gateway.desk import MAX_AGE_US, Desk
from gateway.errors import UserError
from gateway.kept import Ended, Snapshot, last_good, resume
from gateway.link.downlink import EventCode, ToBoard
from gateway.link.frame import FrameParser, FrameType
from gateway.link.status import Shown
from gateway.messages import Composer, Message, Topics, chair_of
from gateway.pipeline import Pipeline
from gateway.requests import MAX_BYTES, Incoming, Verb, read
from tests.gateway.test_pipeline import chunks, silence
from tests.link_bytes import Board

ROOT = "chairside/v1/clinic/chair-7"
S = 1_000_000
ADULT = load_profile("adult")
PROFILES, _ = load_for_routes("adult", {})
STARTED_MS = 1_700_000_000_000


class Chair:
    """A gateway in virtual time, from nothing or from what an earlier one kept."""

    def __init__(self, kept=None, *, boot="b1", started_ms=STARTED_MS, lost="", earlier=()):
        origin = Origin(kind=OriginKind.SIMULATED, label="a test")
        composer = Composer("clinic", "chair-7", boot=boot, version="1", origin=origin, started_utc_ms=started_ms)
        resumed = resume(
            kept,
            profile=ADULT,
            profiles=PROFILES,
            series=boot,
            started_utc_ms=started_ms,
            earlier=earlier,
            lost=lost,
        )
        self.boot, self.t_us, self.number = boot, 0, 0
        self.announcer = Announcer(composer, resumed.engine)
        self.treatment = resumed.treatment
        self.desk = Desk(
            composer,
            self.announcer,
            self.treatment,
            profile=ADULT,
            profiles=PROFILES,
            lost=resumed.lost,
            starts=resumed.starts,
        )
        self.pipeline = Pipeline(composer, announcer=self.announcer, desk=self.desk)
        self.outputs = []
        self.kept = None
        self.ended = []

    def take(self, outputs):
        for output in outputs:
            if isinstance(output, Snapshot):
                self.kept = output.payload
            elif isinstance(output, Ended):
                self.ended.append(output.payload)
        self.outputs += outputs
        return outputs

    def play(self, chunk_list):
        for chunk in chunk_list:
            self.t_us = chunk.t_us
            self.take(self.pipeline.feed(chunk))
        return self

    def seconds(self, count):
        """Nothing comes for a while."""
        return self.play([Chunk(t_us=self.t_us + k * S, data=b"") for k in range(1, count + 1)])

    def request(self, **fields):
        self.number += 1
        return {"id": f"request-{self.number:04d}", "boot": self.boot, "t_us": self.t_us, **fields}

    def send(self, verb, *, client="nurse-1", is_retained=False, **fields):
        return self.deliver(f"{ROOT}/cmd/{client}/{verb}", self.request(**fields), is_retained=is_retained)

    def deliver(self, topic, payload, *, is_retained=False):
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        incoming = Incoming(topic=topic, payload=data, is_retained=is_retained)
        outputs = self.take(self.pipeline.commands(self.t_us, [incoming]))
        replies = [m for m in outputs if isinstance(m, Message) and "/reply/" in m.topic]
        assert len(replies) <= 1
        return json.loads(replies[0].payload) if replies else None

    def order(self, action, **fields):
        reply = self.send("session", order={"action": action, **fields})
        assert reply["accepted"], reply["reason"]
        return self

    def receipt(self, alert=None, client="tablet"):
        return self.deliver(f"{ROOT}/receipt/{client}", {"alert": alert, "is_shown": True})

    def again(self):
        """The link comes back for long enough, and is lost again."""
        self.play(chunks(12, start_s=self.t_us / 1e6))
        return self.play(silence(self.t_us / 1e6, 8))

    def of(self, leaf):
        wanted = f"{ROOT}/{leaf}"
        return [json.loads(m.payload) for m in self.outputs if isinstance(m, Message) and m.topic == wanted]

    def alarms(self, leaf):
        return self.of(f"alarms/{leaf}")[-1]["alarm"]

    def session(self):
        return self.of("session")[-1]

    def alerts(self):
        prefix = f"{ROOT}/alerts/"
        return [json.loads(m.payload) for m in self.outputs if isinstance(m, Message) and m.topic.startswith(prefix)]


def lost(**options):
    """A chair whose cable has been pulled: link-lost alarms."""
    return Chair(**options).play(chunks(10) + silence(10, 8))


def acknowledge(chair, condition="link-lost", *, client="nurse-1", **fields):
    alarm = fields.pop("alarm", None) or chair.alarms(condition)["id"]
    return chair.send("acknowledge", client=client, condition=condition, alarm=alarm, **fields)


def test_an_acknowledgement_takes_effect_for_the_one_who_gave_it_and_for_everybody_to_see():
    chair = lost()
    reply = acknowledge(chair)
    assert (reply["accepted"], reply["client"], reply["verb"], reply["reason"]) == (True, "nurse-1", "acknowledge", "")
    assert (chair.alarms("link-lost")["presence"], chair.alarms("link-lost")["acknowledged_by"]) == ("ack", "nurse-1")
    event = chair.session()["events"][-1]
    assert (event["who"], event["kind"]) == ("nurse-1", "alarm")
    assert event["text"].startswith("acknowledged link-lost ")


def test_who_asks_is_the_topic_never_the_payload():
    """X3: the broker lets nobody write under another's name, and the gateway believes nothing else."""
    chair = lost()
    refused = acknowledge(chair, who="chief")
    assert "unknown field" in refused["reason"]
    assert chair.alarms("link-lost")["presence"] == "on"
    acknowledge(chair, client="intern")
    assert chair.alarms("link-lost")["acknowledged_by"] == "intern"


@pytest.mark.parametrize("client", ["+", "#", "$SYS", "a/b", "Nurse", "x" * 33, "nul\0", "", "né"])
def test_a_name_that_is_none_is_not_heard(client):
    """C7 at the entrance of commands and receipts."""
    chair = lost()
    assert chair.deliver(f"{ROOT}/cmd/{client}/acknowledge", chair.request(condition="link-lost", alarm="b1-1")) is None
    assert chair.deliver(f"{ROOT}/receipt/{client}", {"alert": None}) is None
    assert chair.desk.counts["unreadable"] == 2
    assert chair.alarms("link-lost")["presence"] == "on"


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(max_size=40))
def test_an_id_is_taken_or_refused_the_same_way_everywhere(name):
    """C7: property over all Unicode."""
    is_id = bool(name) and len(name) <= 32 and set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert (chair_of(f"chairside/v1/site/{name}/vitals") is not None) == is_id
    if is_id or name == "+":
        Topics("site", name)
    else:
        with pytest.raises(UserError, match=r"expected 1\.\.32"):
            Topics("site", name)


def test_a_replayed_command_is_refused_and_silences_nothing_later():
    """X4."""
    chair = lost()
    payload = chair.request(condition="link-lost", alarm=chair.alarms("link-lost")["id"])
    topic = f"{ROOT}/cmd/nurse-1/acknowledge"
    assert chair.deliver(topic, payload)["accepted"]
    assert chair.deliver(topic, payload)["reason"] == "id: used before"
    chair.again()
    assert chair.alarms("link-lost")["presence"] == "on"
    assert "s by the chair's clock" in chair.deliver(topic, payload)["reason"]
    assert chair.alarms("link-lost")["presence"] == "on"


@pytest.mark.parametrize(("age_us", "is_taken"), [(0, True), (MAX_AGE_US, True), (MAX_AGE_US + 1, False), (-1, False)])
def test_a_command_is_as_old_as_the_heartbeat_its_author_had_seen(age_us, is_taken):
    chair = lost()
    reply = acknowledge(chair, t_us=chair.t_us - age_us)
    assert reply["accepted"] == is_taken


def test_a_command_of_before_a_restart_is_refused_by_the_gateway_after_it():
    chair = lost()
    assert acknowledge(chair, boot="b0")["reason"] == "of another start of the gateway: look at the chair again"
    assert chair.alarms("link-lost")["presence"] == "on"


def test_an_acknowledgement_of_another_or_an_earlier_occurrence_hides_nothing():
    """X5: what was seen is what is acknowledged, in any order of arrival."""
    chair = lost()
    first = chair.alarms("link-lost")["id"]
    chair.again()
    second = chair.alarms("link-lost")["id"]
    assert first != second
    assert acknowledge(chair, alarm=first)["reason"] == f"link-lost is {second} now, not {first}"
    assert chair.alarms("link-lost")["presence"] == "on"
    assert not acknowledge(chair, "broker-lost", alarm=second)["accepted"]
    assert acknowledge(chair)["accepted"]


def test_a_retained_command_is_never_done():
    """X6: it would come again at every connection."""
    chair = lost()
    request = chair.request(condition="link-lost", alarm=chair.alarms("link-lost")["id"])
    assert chair.deliver(f"{ROOT}/cmd/nurse-1/acknowledge", request, is_retained=True) is None
    assert chair.alarms("link-lost")["presence"] == "on"
    chair.seconds(1)
    assert chair.of("heartbeat")[-1]["requests"]["retained"] == 1


def test_nobody_can_silence_everything_or_for_long():
    """X20."""
    chair = lost()
    assert "Expected `int` <= 120" in chair.send("audio-pause", seconds=121)["reason"]
    assert "not a command" in chair.send("silence-all")["reason"]
    assert chair.send("audio-pause", seconds=120)["accepted"]
    chair.seconds(1)
    assert (chair.of("alarm-system")[-1]["sound"], chair.of("alarm-system")[-1]["light"]) == (None, "high")
    assert chair.of("alarm-system")[-1]["paused_by"] == "nurse-1"
    for _ in range(13):  # asked for again and again: it never covers what comes new, and detection goes on
        chair.seconds(10)
    assert chair.of("alarm-system")[-1]["paused_s"] == 0
    assert chair.of("alarm-system")[-1]["sound"] == "high"


def test_changed_limits_stand_in_the_record_and_in_what_everybody_sees_within_two_seconds():
    """C5."""
    chair = Chair().play(chunks(5))
    reply = chair.send("limits", condition="systolic-high", limits={"high": 170.0, "medium": 150.0})
    assert reply["accepted"]
    event = chair.session()["events"][-1]
    assert (event["who"], event["text"]) == ("nurse-1", "limits of systolic-high: high 170, medium 150")
    assert event["utc_ms"] == STARTED_MS + chair.t_us // 1000
    chair.play(chunks(2, start_s=5))
    limits = " ".join(chair.of("alarm-system")[-1]["limits"]["systolic-high"])
    assert "170" in limits
    assert "150" in limits


@pytest.mark.parametrize(
    "limits", [{"high": 900.0}, {"high": 150.0, "medium": 170.0}, {"low": 150.0}, {}, {"high": 1e400}]
)
def test_limits_that_cannot_be_are_refused_and_the_old_ones_stay(limits):
    """C3, C4."""
    chair = Chair().play(chunks(2))
    before = chair.announcer.engine.profile
    payload = json.dumps(chair.request(condition="systolic-high", limits=limits)).replace("Infinity", "NaN").encode()
    reply = chair.deliver(f"{ROOT}/cmd/nurse-1/limits", payload)
    assert reply is None or not reply["accepted"]
    assert chair.announcer.engine.profile == before


def test_a_signal_that_is_switched_off_says_who_did_it_and_comes_back():
    chair = lost()
    assert chair.send("limits", condition="link-lost", is_off=True)["accepted"]
    chair.seconds(1)
    assert chair.of("alarm-system")[-1]["inactive"] == ["link-lost"]
    assert chair.alarms("link-lost")["inactivated_by"] == "nurse-1"
    assert chair.send("limits", condition="link-lost")["reason"] == "limits: expected limits or is_off"
    assert chair.send("limits", condition="link-lost", is_off=False)["accepted"]
    assert chair.alarms("link-lost")["presence"] == "on"


HUGE = [
    b"[" * 4000,
    b'{"id":"request-0001","boot":"b1","t_us":' + b"9" * 3000 + b"}",
    b"x" * (MAX_BYTES + 1),
    json.dumps({"id": "a" * 3000}).encode(),
    b"\xff\xfe",
    b"",
    b"null",
    b'{"id":"request-0001","t_us":NaN}',
    b'{"id":"request-0001","boot":"b1","t_us":1,"seconds":5,"alarm":"\xff"}',
    b'{"alert":"\xff"}',
]


@pytest.mark.parametrize("payload", HUGE, ids=range(len(HUGE)))
@pytest.mark.parametrize("verb", [*(verb.value for verb in Verb), "nonsense"])
def test_what_is_huge_deep_or_garbage_is_refused_or_counted_and_changes_nothing(verb, payload):
    """C9."""
    chair = Chair().play(chunks(1))
    before = chair.announcer.engine.changes
    reply = chair.deliver(f"{ROOT}/cmd/nurse-1/{verb}", payload)
    assert reply is None or not reply["accepted"]
    assert chair.deliver(f"{ROOT}/receipt/nurse-1", payload) is None
    assert chair.announcer.engine.changes == before
    assert chair.treatment.state.events == []


@settings(max_examples=300, deadline=None, derandomize=True)
@given(verb=st.sampled_from([verb.value for verb in Verb]), payload=st.binary(max_size=200) | st.text(max_size=200))
def test_any_bytes_are_a_request_or_a_refusal(verb, payload):
    read(verb, payload if isinstance(payload, bytes) else payload.encode("utf-8", "replace"))


def test_a_request_that_is_wrong_is_answered_under_its_id_with_what_was_expected():
    chair = Chair().play(chunks(1))
    assert chair.send("acknowledge", condition="no-such", alarm="b1-1")["reason"].startswith(
        "acknowledge: Invalid enum"
    )
    assert chair.send("levitate")["reason"].startswith("levitate: not a command, expected one of acknowledge")
    assert "seconds" in chair.send("audio-pause")["reason"]
    assert chair.send("session", order={"action": "dose", "amount_mg": -1})["reason"].endswith("`$.order.amount_mg`")
    assert chair.send("session", order={"action": "dose"})["reason"] == "dose: not in phase idle"


def test_an_id_with_a_newline_at_its_end_is_none_and_gets_no_reply():
    """It would be a level of the reply's topic."""
    chair = lost()
    assert chair.send("audio-pause", seconds=5, id="request-0001\n") is None
    assert chair.desk.counts["unreadable"] == 1


@pytest.mark.parametrize("t_us", [10**400, 2**53 + 1, -1])
def test_a_request_at_a_time_that_cannot_be_is_refused(t_us):
    reply = Chair().play(chunks(1)).send("audio-pause", seconds=5, t_us=t_us)
    assert not reply["accepted"]
    assert reply["reason"].startswith("audio-pause: ")


def test_too_many_requests_within_ten_seconds_are_refused():
    chair = lost()
    answers = [acknowledge(chair, client="robot") for _ in range(260)]
    assert "too many requests" in answers[-1]["reason"]
    assert acknowledge(chair, client="nurse-1")["accepted"]  # whom no other client shuts out
    chair.seconds(11)
    assert "too many" not in acknowledge(chair, client="robot")["reason"]


def test_a_method_that_could_change_how_the_record_reads_is_refused():
    chair = Chair().play(chunks(1))
    chair.order("start", route="im")
    fields = {"cardiac_output_l_min": 5.0, "seconds_ago": 0, "valid_min": 60}
    assert chair.send("calibrate", method="echo\x1b[2J", **fields)["reason"] == "method: expected printable text"
    assert chair.desk.references() == []
    assert chair.send("calibrate", method="echo", **fields)["accepted"]


def test_the_session_selects_profile_and_baseline_and_another_patient_has_neither_of_the_one_before():
    """C13."""
    recording = chunks(76)
    chair = Chair().play(recording[:50])
    chair.order("start", route="oral", series="one").order("baseline")
    assert chair.session()["profile"] == "oral"
    chair.play(recording[50:])
    assert chair.session()["baseline"]["pulse_rate"]["value"] == pytest.approx(72, abs=1)
    assert chair.announcer.engine.snapshot().baseline[dsp.Quantity.SYSTOLIC] == pytest.approx(120, abs=2)
    assert chair.of("status")[-1]["session"] == chair.session()["session"] is not None
    chair.send("limits", condition="systolic-high", limits={"high": 200.0})
    assert chair.send("session", order={"action": "start", "route": "iv"})["reason"] == "start: not in phase baseline"
    chair.order("end")
    assert chair.session()["profile"] == "adult"
    assert chair.of("status")[-1]["session"] is None
    assert chair.announcer.engine.standby_by == "nurse-1"
    chair.order("start", route="oral", series="two")
    assert chair.session()["baseline"] == {}
    assert chair.announcer.engine.snapshot().baseline == {}
    assert chair.announcer.engine.profile == PROFILES[chair.treatment.state.route]
    assert chair.announcer.engine.standby_by is None
    before = len(chair.alerts())
    chair.play(chunks(77)[-25:])
    first = chair.of("vitals")[-1]["quantities"]["systolic"]
    assert (first["value"], first["reasons"]) == (None, ["learning"])  # nor a number of the one before
    told = [(alert["change"], alert["alarm"]["condition"]) for alert in chair.alerts()[before:]]
    assert not [one for one in told if one[0] == "raised"], told


def test_a_burst_of_requests_is_stored_once_before_anybody_hears_of_it_and_ends_no_session_unseen():
    """A permitted client may send 256 in ten seconds: a save for each would stop the monitoring for as long."""
    chair = Chair().play(chunks(12)).order("start", route="im", series="a").order("dose", amount_mg=40)
    orders = [
        {"action": "end"},
        {"action": "start", "route": "im", "series": "b"},
        {"action": "dose"},
        {"action": "end"},
    ]
    asked = [("session", {"order": order}) for order in orders] + [("audio-pause", {"seconds": 0})] * 200
    burst = [
        Incoming(
            topic=f"{ROOT}/cmd/nurse-1/{verb}", payload=json.dumps(chair.request(**body)).encode(), is_retained=False
        )
        for verb, body in asked
    ]
    outputs = chair.take(chair.pipeline.commands(chair.t_us, burst))
    assert [type(one) for one in outputs[:3]] == [Ended, Ended, Snapshot]
    assert [json.loads(payload)["series"] for payload in chair.ended] == ["a", "b"]
    replies = [json.loads(one.payload) for one in outputs[3:] if isinstance(one, Message) and "/reply/" in one.topic]
    assert [reply["accepted"] for reply in replies] == [True] * 204
    assert not [one for one in outputs[3:] if not isinstance(one, Message)]


def test_a_gateway_that_is_killed_after_standby_was_left_does_not_go_back_to_it():
    """What is monitored changes without a transition: it is on the disk in the same second all the same."""
    chair = Chair().play(chunks(12))
    chair.order("start", route="im").order("end")
    assert msgspec.json.decode(chair.kept)["alarms"]["standby_by"] == "nurse-1"
    chair.play(silence(12, 14))
    assert chair.announcer.engine.standby_by is None
    assert chair.t_us < 12 * S + 60 * S
    killed = Chair(chair.kept, boot="b2", started_ms=STARTED_MS + 30_000)
    assert killed.announcer.engine.standby_by is None


def test_an_alert_that_nobody_receipts_is_an_alarm_once_somebody_has_said_that_they_receive():
    quiet = lost()
    quiet.seconds(10)
    assert quiet.alarms("alert-not-received")["presence"] == "off"  # nobody ever said they would
    chair = Chair().play(chunks(10))
    chair.receipt()
    chair.play(silence(10, 5))
    assert chair.alarms("alert-not-received")["presence"] == "off"
    chair.play(silence(15, 6))
    assert chair.alarms("alert-not-received")["presence"] == "on"
    for alert in chair.alerts():
        chair.receipt(alert["id"])
    chair.seconds(8)
    assert chair.alarms("alert-not-received")["presence"] == "off"


def test_an_alert_that_is_receipted_in_time_raises_nothing():
    chair = Chair().play(chunks(10))
    chair.receipt()
    chair.play(silence(10, 3))
    for alert in chair.alerts():
        chair.receipt(alert["id"])
    chair.seconds(20)
    assert chair.alarms("alert-not-received")["presence"] == "off"


def answered(chair, board, result, *, verb=4, index=None):
    """The board answers the newest command of this verb; return the replies."""
    sent = [f for one in chair.outputs if isinstance(one, ToBoard) for f in FrameParser().feed(one.data)]
    newest = [f.index for f in sent if (f.type, f.stream) == (FrameType.CMD, verb)][-1] if index is None else index
    chair.t_us += 40_000
    data = board._frame(8, chair.t_us, stream=verb, index=newest, payload=bytes([result]))
    outputs = chair.take(chair.pipeline.feed(Chunk(t_us=chair.t_us, data=data)))
    return [json.loads(m.payload) for m in outputs if isinstance(m, Message) and "/reply/" in m.topic]


@pytest.mark.parametrize(("action", "verb"), [("identify", 4), ("self-test", 5)])
def test_the_reply_to_what_is_asked_of_the_board_is_the_boards(action, verb):
    board = Board(start_us=-1_000_000)
    chair = Chair().play(chunks(10, board=board))
    assert chair.send("board", action=action) is None
    assert answered(chair, board, 0, verb=verb, index=5) == [], "of another command"
    [reply] = answered(chair, board, 0, verb=verb)
    assert (reply["accepted"], reply["id"], reply["client"]) == (True, "request-0001", "nurse-1")
    assert answered(chair, board, 0, verb=verb) == [], "once"
    chair.send("board", action=action)
    [reply] = answered(chair, board, 3, verb=verb)
    assert (reply["accepted"], reply["reason"]) == (False, "board: busy, an alarm is due")
    chair.send("board", action=action)
    chair.play(chunks(4, board=board, start_s=chair.t_us / 1e6))
    [reply] = [json.loads(m.payload) for m in chair.outputs if isinstance(m, Message) and "request-0003" in m.topic]
    assert (reply["accepted"], reply["reason"]) == (False, "board: does not answer")
    assert not chair.send("board", action="explode")["accepted"]


def test_a_board_that_is_not_there_cannot_be_asked():
    assert lost().send("board", action="identify")["reason"] == "board: none that is known as this chair's is heard"
    assert (
        Chair().seconds(3).send("board", action="self-test")["reason"]
        == "board: none that is known as this chair's is heard"
    )


# What a restart keeps


def test_what_has_changed_is_stored_before_anybody_hears_of_it():
    """N1."""
    chair = lost()
    before = len(chair.outputs)
    acknowledge(chair)
    new = chair.outputs[before:]
    stored = [i for i, one in enumerate(new) if isinstance(one, Snapshot)]
    told = [i for i, one in enumerate(new) if isinstance(one, Message)]
    assert stored == [0]
    assert told
    raised = next(i for i, one in enumerate(chair.outputs) if isinstance(one, Message) and "/alerts/" in one.topic)
    kept = [one for one in chair.outputs[:raised] if isinstance(one, Snapshot)]
    assert b'"link-lost":{"signal":"on"' in kept[-1].payload


def test_alarms_acknowledgements_and_session_come_back_with_the_same_ids_after_kill_minus_nine():
    """N1: whatever was told is known again, 30 s later."""
    chair = Chair().play(chunks(10)).order("start", route="iv", series="s").order("baseline")
    chair.play(silence(10, 8))
    acknowledge(chair)
    chair.send("mark", mark={"kind": "note", "text": "cable"})
    again = Chair(chair.kept, boot="b2", started_ms=STARTED_MS + chair.t_us // 1000 + 30_000)
    again.seconds(2)
    before, after = chair.alarms("link-lost"), again.of("alarms/link-lost")[0]["alarm"]
    for field in ("id", "presence", "acknowledged_by", "priority"):
        assert after[field] == before[field]
    assert again.of("session")[0]["phase"] == "baseline"
    texts = [event["text"] for event in again.session()["events"]]
    assert texts[-2:] == ["cable", "the gateway was started again after 30 s, which are not counted"]
    assert again.announcer.engine.profile.name == "iv"
    chair_ids = {alert["id"] for alert in chair.alerts()}
    again.seconds(60)
    assert again.alerts()
    assert not chair_ids & {alert["id"] for alert in again.alerts()}  # the ids of later alerts are new ones


def test_the_profiles_that_were_set_are_kept_beside_the_one_in_force():
    """Where a file is faulty at the next start they stay: also that of after a session which runs at the restart."""
    chair = Chair().seconds(2).order("start", route="oral")
    assert last_good(chair.kept) == (ADULT, PROFILES)
    for nothing in (None, b"{", b'{"format": 2}'):
        assert last_good(nothing) == (None, {})


def test_what_else_was_lost_is_told_where_the_state_itself_goes_on():
    kept = Chair().seconds(2).order("start", route="oral").kept
    chair = Chair(kept, boot="b2", lost="1 of 2 earlier sessions cannot be read").seconds(3)
    assert chair.alarms("state-lost")["text"].endswith("1 of 2 earlier sessions cannot be read")
    assert chair.session()["phase"] == "screening"


@pytest.mark.parametrize(("kept", "is_unusable"), [(None, False), (b"{", True), (b'{"format": 2}', True)])
def test_only_a_state_that_does_not_go_on_is_unusable(kept, is_unusable):
    resumed = resume(kept, profile=ADULT, profiles={}, series="b", started_utc_ms=STARTED_MS, lost="sessions")
    assert resumed.is_unusable == is_unusable
    assert resumed.lost.endswith("sessions")


def test_a_state_that_cannot_be_read_is_an_alarm_until_somebody_has_seen_it():
    """N4 and the corrupt file: a safe start, never silently forgotten."""
    for kept, reason in ((b"{", ""), (None, "damaged"), (b'{"format": 9}', "")):
        chair = Chair(kept, lost=reason).seconds(15)
        alarm = chair.alarms("state-lost")
        assert (alarm["presence"], alarm["latching"]) == ("latched", True)
        assert chair.session()["phase"] == "idle"
        assert acknowledge(chair, "state-lost")["accepted"]
        assert chair.alarms("state-lost")["presence"] == "off"


def test_the_loss_of_the_state_is_told_from_the_first_second_however_late_that_comes():
    chair = Chair(lost="damaged")
    chair.t_us = 60 * S
    assert chair.seconds(15).alarms("state-lost")["presence"] == "latched"


def test_starts_in_the_future_do_not_count():
    """The clock was set back."""
    kept = None
    for number in range(3):
        kept = Chair(kept, started_ms=STARTED_MS + number * 1000).seconds(5).kept
    chair = Chair(kept, started_ms=STARTED_MS - 3_600_000).seconds(5)
    assert chair.alarms("gateway-unstable")["presence"] == "off"


def test_a_gateway_that_starts_again_and_again_is_an_alarm_until_it_has_not_for_a_while():
    """N4."""
    kept, presences = None, []
    for number in range(5):
        chair = Chair(kept, boot=f"b{number}", started_ms=STARTED_MS + number * 60_000).seconds(5)
        presences.append(chair.alarms("gateway-unstable")["presence"])
        kept = chair.kept
    assert presences == ["off", "off", "off", "on", "on"]
    assert chair.alarms("gateway-unstable")["priority"] == "high"
    assert chair.alarms("gateway-unstable")["text"].endswith("5 starts in 10 min")
    later = Chair(kept, boot="b9", started_ms=STARTED_MS + 1_000_000).seconds(15)
    assert later.alarms("gateway-unstable")["presence"] == "off"


def test_a_first_start_is_no_loss():
    chair = Chair().seconds(15)
    assert chair.alarms("state-lost")["presence"] == "off"


def test_an_ended_session_of_a_series_is_handed_out_once_to_be_kept():
    chair = Chair().play(chunks(3)).order("start", route="im", series="s-1").order("dose", amount_mg=40).order("end")
    chair.seconds(3)
    [ended] = [msgspec.json.decode(payload) for payload in chair.ended]
    assert (ended["series"], ended["dose_mg"]) == ("s-1", 40)


def test_no_command_is_needed_for_values_to_be_null_with_a_reason_after_the_link_is_lost():
    """N2, N3: nothing a client sends makes a value live or good."""
    chair = lost()
    for verb in Verb:
        chair.send(verb.value)
    chair.receipt("nothing")
    chair.seconds(3)
    quantities = chair.of("vitals")[-1]["quantities"]
    assert {name for name, one in quantities.items() if one["value"] is not None} == set()
    assert all(one["reasons"] for one in quantities.values())


class Clients(RuleBasedStateMachine):
    """Any clients, good and bad, on a chair whose broker comes and goes; N1, X3-X6 and X20 have to hold always."""

    def __init__(self):
        super().__init__()
        self.chair = Chair().seconds(2)
        self.sent = []
        self.acknowledged = set()
        self.pause_asked_us = None
        self.restarts = 1

    @rule(seconds=st.integers(1, 40))
    def silence(self, seconds):
        self.chair.seconds(seconds)

    @rule(is_gone=st.booleans())
    def broker(self, is_gone):
        self.chair.take(self.chair.pipeline.fact(self.chair.t_us, Condition.BROKER_LOST, is_present=is_gone))

    @rule(client=st.sampled_from(["nurse-1", "nurse-2"]), condition=st.sampled_from(["link-lost", "broker-lost"]))
    def acknowledge_what_is_seen(self, client, condition):
        alarm = self.chair.alarms(condition)
        if alarm["id"] is None:
            return
        payload = self.chair.request(condition=condition, alarm=alarm["id"])
        topic = f"{ROOT}/cmd/{client}/acknowledge"
        self.sent.append((topic, payload))
        if self.chair.deliver(topic, payload)["accepted"]:
            self.acknowledged.add((condition, alarm["id"], client))

    @rule(data=st.data())
    def replay(self, data):
        if self.sent:
            topic, payload = data.draw(st.sampled_from(self.sent))
            is_retained = data.draw(st.booleans())
            reply = self.chair.deliver(topic, payload, is_retained=is_retained)
            assert reply is None or not reply["accepted"]

    @rule(number=st.integers(0, 9), condition=st.sampled_from([c.value for c in Condition]))
    def acknowledge_something_unknown(self, number, condition):
        reply = self.chair.send("acknowledge", condition=condition, alarm=f"zz-{number}")
        assert not reply["accepted"]

    @rule(seconds=st.sampled_from([0, 5, 120]))
    def pause(self, seconds):
        if self.chair.send("audio-pause", seconds=seconds)["accepted"]:
            self.pause_asked_us = self.chair.t_us if seconds else None

    @rule(action=st.sampled_from(["start", "baseline", "dose", "end"]))
    def session(self, action):
        order = {"action": action, **({"route": "iv"} if action == "start" else {})}
        self.chair.send("session", order=order)

    @rule(away_s=st.sampled_from([0, 20]))
    def restart(self, away_s):
        old = self.chair
        self.restarts += 1
        started = old.desk._utc_ms(old.t_us) + away_s * 1000
        self.chair = Chair(old.kept, boot=f"b{self.restarts}", started_ms=started)
        self.pause_asked_us = None if self.pause_asked_us is None else -1
        before = {a.condition: (a.id, a.acknowledged_by) for a in old.announcer.engine.alarms()}
        after = {a.condition: (a.id, a.acknowledged_by) for a in self.chair.announcer.engine.alarms()}
        assert after == before
        assert self.chair.treatment.state.phase is old.treatment.state.phase
        self.chair.seconds(2)

    @invariant()
    def nothing_is_acknowledged_that_nobody_named(self):
        for alarm in self.chair.announcer.engine.alarms():
            if alarm.acknowledged_by is not None:
                assert (alarm.condition.value, alarm.id, alarm.acknowledged_by) in self.acknowledged

    @invariant()
    def a_pause_ends(self):
        now = self.chair.announcer.annunciation
        if now.paused_s:
            assert now.paused_s <= 120
            assert self.pause_asked_us is not None
            assert self.pause_asked_us < 0 or self.chair.t_us - self.pause_asked_us <= 120 * S

    @invariant()
    def an_alarm_that_is_on_is_lit(self):
        engine = self.chair.announcer.engine
        highest = max((a.priority for a in engine.alarms() if a.presence.value != "off"), default=None)
        assert engine.annunciation().light == highest


TestClients = Clients.TestCase
TestClients.settings = settings(max_examples=12, stateful_step_count=12, deadline=None, derandomize=True)


def test_the_priorities_of_alerts_are_topics():
    assert {Topics("s", "c").alert(priority.value).rsplit("/", 1)[1] for priority in Priority} == {
        "low",
        "medium",
        "high",
    }


# The chair's own button


def pressed(shown, *, age_s=0.0):
    """A chair whose finger sensor is faulty, and what becomes of that alarm when the button is pressed."""
    board = Board(start_us=-S)
    chair = Chair().play(chunks(40, board=board))
    before = chair.announcer.engine.alarm(Condition.SENSOR_FAULT)
    assert before.presence is Presence.ON
    press = board._frame(FrameType.EVENT, chair.t_us - round(age_s * S), payload=bytes([EventCode.BUTTON, shown]))
    chair.play([Chunk(t_us=chair.t_us + 20_000, data=press)])
    return chair, chair.announcer.engine.alarm(Condition.SENSOR_FAULT)


def test_the_button_acknowledges_what_the_chair_shows_and_the_record_says_so():
    chair, alarm = pressed(Shown.GATEWAY)
    assert (alarm.presence, alarm.acknowledged_by) == (Presence.ACK, "chair button")
    assert chair.of("alerts/medium")[-1]["change"] == "acknowledged"
    notes = [(event["who"], event["text"]) for event in chair.of("session")[-1]["events"]]
    assert ("chair button", f"acknowledged sensor-fault {alarm.id}") in notes


@pytest.mark.parametrize("shown", [Shown.NOTHING, Shown.OWN_ALARM, Shown.SELF_TEST])
def test_the_button_acknowledges_nothing_that_the_chair_did_not_show(shown):
    assert pressed(shown)[1].presence is Presence.ON


def test_a_press_that_comes_late_acknowledges_nothing():
    assert pressed(Shown.GATEWAY, age_s=11)[1].presence is Presence.ON


def test_a_press_before_an_alarm_does_not_acknowledge_it():
    chair = Chair().play(chunks(40, board=Board(start_us=-S)))
    since_us = chair.announcer.engine.alarm(Condition.SENSOR_FAULT).since_us
    chair.desk.press(chair.t_us, since_us - 1)
    assert chair.announcer.engine.alarm(Condition.SENSOR_FAULT).presence is Presence.ON
