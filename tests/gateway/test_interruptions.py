"""A cuff on the arm, announced by a client: values go with its reason and come back, and no pulse is no arrest."""

import random

import msgspec
import pytest

import dsp
from dsp.interruption import LONGEST_US, RECOVERY_US
from gateway.cli import cuff
from gateway.cli.main import main
from gateway.interruptions import Interruptions
from gateway.requests import InterruptionRequest, read
from gateway.treatment.records import MAX_EVENTS
from tests.gateway.test_desk import Chair
from tests.gateway.test_pipeline import chunks
from tests.link_bytes import Board

S = 1_000_000
A_BEGIN, AN_END = (
    InterruptionRequest(id="request-0", boot="b1", t_us=0, cause=dsp.Cause.CUFF, is_on=is_on) for is_on in (True, False)
)


class Arm(Chair):
    """A chair whose board goes on, with a pulse or with none."""

    def __init__(self):
        super().__init__()
        self.board = Board(start_us=-S)

    def beats(self, seconds):
        return self.play(chunks(seconds, board=self.board, start_s=self.t_us / 1e6))

    def no_beats(self, seconds):
        noise = random.Random(seconds)
        wave = lambda _: noise.uniform(0.0, 0.01)  # noqa: E731 - a function of the time, as the pulse is one
        return self.play(chunks(seconds, board=self.board, start_s=self.t_us / 1e6, wave=wave))

    def cuff(self, *, is_on, cause="cuff", **options):
        return self.send("interruption", cause=cause, is_on=is_on, **options)

    def pulse_lost(self):
        return [one["change"] for one in self.alerts() if one["alarm"]["condition"] == "pulse-lost"]

    def reasons(self, quantity):
        """By second, None where there is a value."""
        entries = {v["t_us"] // S: v["quantities"][quantity] for v in self.of("vitals")}
        return {at_s: one["reasons"] if one["value"] is None else None for at_s, one in entries.items()}


def test_values_go_with_the_cuffs_reason_and_come_back_and_no_pulse_is_lost():
    arm = Arm().beats(1).order("start", route="iv").beats(16)
    assert arm.cuff(is_on=True)["accepted"]
    arm.no_beats(7)
    assert arm.cuff(is_on=False)["accepted"]
    arm.beats(10)
    recovered_s = 24 + RECOVERY_US[dsp.Cause.CUFF] // S
    for quantity in ("pulse_rate", "systolic", "diastolic", "mean_pressure"):
        reasons = arm.reasons(quantity)
        assert reasons[17] is None
        assert all(reasons[second] == ["cuff on this arm"] for second in range(18, recovered_s + 1))
        assert reasons[34] is None
    assert arm.pulse_lost() == []
    events = arm.session()["events"][-2:]
    assert [(one["kind"], one["who"], one["text"]) for one in events] == [
        ("interruption", "nurse-1", "cuff on this arm: begins"),
        ("interruption", "nurse-1", "cuff on this arm: over"),
    ]


def test_a_pulse_that_does_not_come_back_with_the_arm_alarms_as_ever():
    arm = Arm().beats(16)
    arm.cuff(is_on=True)
    arm.no_beats(7)
    assert arm.pulse_lost() == []
    arm.cuff(is_on=False)
    arm.no_beats(6)
    assert arm.pulse_lost() == ["raised"]
    assert arm.alarms("pulse-lost")["presence"] == "on"


def test_a_cuff_that_nobody_has_announced_looks_like_an_arrest_and_announcing_it_later_ends_no_alarm():
    arm = Arm().beats(16).no_beats(5)
    assert arm.pulse_lost() == ["raised"]
    arm.cuff(is_on=True)
    arm.no_beats(6)
    assert arm.alarms("pulse-lost")["presence"] == "on"
    assert arm.pulse_lost() == ["raised", "unknown"]


def test_a_calibration_pause_takes_the_pressures_alone():
    arm = Arm().beats(8)
    assert arm.cuff(is_on=True, cause="calibration")["accepted"]
    arm.beats(3)
    newest = arm.of("vitals")[-1]["quantities"]
    assert (newest["systolic"]["validity"], newest["systolic"]["reasons"]) == ("calibrating", ["calibration pause"])
    assert newest["pulse_rate"]["value"] is not None
    assert arm.cuff(is_on=False, cause="calibration")["accepted"]
    assert arm.beats(5).reasons("systolic")[16] is None


def test_a_board_that_restarts_and_a_session_that_begins_leave_the_cuff_where_it_is():
    arm = Arm().beats(4)
    arm.cuff(is_on=True)
    arm.beats(1)
    arm.board = Board(boot=77, start_us=arm.t_us)
    arm.beats(2)
    assert arm.reasons("systolic")[7] == ["cuff on this arm"]
    arm.order("start", route="iv").beats(2)
    assert arm.reasons("systolic")[9] == ["cuff on this arm"]
    texts = [(one["who"], one["text"]) for one in arm.session()["events"]]
    assert texts == [("nurse-1", "route iv"), ("nurse-1", "cuff on this arm: began 3 s before")]


def test_what_nobody_ends_is_over_by_itself_and_the_record_says_so():
    cause, longest_s = dsp.Cause.CALIBRATION, LONGEST_US[dsp.Cause.CALIBRATION] // S
    chair = Chair().seconds(3).order("start", route="iv")
    assert chair.send("interruption", cause=cause.value, is_on=True)["accepted"]
    chair.seconds(longest_s)
    assert chair.session()["events"][-1]["text"].endswith(": begins")
    chair.seconds(1)
    event = chair.session()["events"][-1]
    assert (event["kind"], event["who"]) == ("interruption", None)
    assert event["text"].endswith(f": over by itself after {longest_s} s")
    refused = chair.send("interruption", cause=cause.value, is_on=False)
    assert refused["reason"].endswith(f": none is known; one that nobody ends is over after {longest_s} s")
    assert chair.send("interruption", cause=cause.value, is_on=True)["accepted"]


@pytest.mark.parametrize("cause", list(dsp.Cause))
@pytest.mark.parametrize("late_us", [0, 1])
def test_the_desk_and_the_monitor_have_it_over_at_the_same_second(cause, late_us):
    """Else a second `begin` would be refused while nothing stands, or change nothing while it is accepted."""
    known, monitor = Interruptions(), dsp.VitalsMonitor(dsp.MonitorConfig(pressure_rate_hz=200.0))
    monitor.feed(dsp.Tick(t_us=S))
    known.begin(S - late_us, "nurse-1", cause)
    for event in known.news():
        monitor.feed(event)
    held = monitor._interruptions._since_us
    for second in range(2, LONGEST_US[cause] // S + 4):
        monitor.feed(dsp.Tick(t_us=second * S))
        known.second(second * S)
        assert [one.cause for one in known.standing] == list(held), second
    assert not held


def test_beginning_twice_and_ending_nothing_are_refused_and_change_nothing():
    chair = Chair().seconds(3)
    assert not chair.send("interruption", cause="cuff", is_on=False)["accepted"]
    assert chair.send("interruption", cause="cuff", is_on=True)["accepted"]
    chair.seconds(5)
    again = chair.send("interruption", client="nurse-2", cause="cuff", is_on=True)
    assert again["reason"] == "cuff on this arm: nurse-1 has said so 5 s ago, and it is not over"
    assert not chair.send("interruption", cause="calibration", is_on=False)["accepted"]
    assert chair.send("interruption", client="nurse-2", cause="cuff", is_on=False)["accepted"]
    assert not chair.send("interruption", cause="cuff", is_on=False)["accepted"]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"cause": "cuff"},
        {"cause": "tourniquet", "is_on": True},
        {"cause": "cuff", "is_on": 1},
        {"cause": "cuff", "is_on": True, "for_s": 3600},
        {"cause": "cuff", "is_on": True, "boot": "b0"},
    ],
)
def test_an_announcement_that_is_none_is_refused(fields):
    chair = Chair().seconds(3)
    assert not chair.send("interruption", **fields)["accepted"]
    assert not chair.send("interruption", cause="cuff", is_on=False)["accepted"]


def test_a_machine_that_announces_each_of_its_readings_leaves_room_in_the_record():
    chair = Chair().seconds(3).order("start", route="iv")
    chair.send("mark", mark={"kind": "note", "text": "first"})
    for k in range(MAX_EVENTS):
        chair.desk._interrupt(3 * S, "cuff-1", AN_END if k % 2 else A_BEGIN)
    assert chair.send("mark", mark={"kind": "note", "text": "last"})["accepted"]
    texts = [one["text"] for one in chair.session()["events"]]
    assert texts[:2] == ["route iv", "first"]
    assert (len(texts), texts[-1]) == (MAX_EVENTS, "last")


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        (["begin"], (dsp.Cause.CUFF, True)),
        (["end"], (dsp.Cause.CUFF, False)),
        (["begin", "--calibration"], (dsp.Cause.CALIBRATION, True)),
        (["end", "--calibration"], (dsp.Cause.CALIBRATION, False)),
    ],
)
def test_the_command_asks_what_it_says(arguments, asked, monkeypatch):
    seen = []

    def ask_once(args, verb, **fields):
        payload = msgspec.json.encode({"id": "request-1", "boot": "b1", "t_us": 0, **fields})
        seen.append((args.chair, read(verb.value, payload)))
        return 1

    monkeypatch.setattr(cuff, "ask_once", ask_once)
    assert main(["cuff", *arguments, "--chair", "chair-7"]) == 1
    [(chair, request)] = seen
    assert isinstance(request, InterruptionRequest)
    assert (chair, (request.cause, request.is_on)) == ("chair-7", asked)


@pytest.mark.parametrize("arguments", [[], ["pump"], ["begin", "now"], ["end", "--until", "5"]])
def test_wrong_use_is_one_line_and_exit_code_2(arguments, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["cuff", *arguments])
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("chairside")
    assert line.endswith("--help says more")
