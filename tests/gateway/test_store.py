"""What is kept on disk: whole or not at all, and never lost in silence."""

import errno
import json
import os
import stat
from itertools import pairwise

import msgspec
import pytest

from gateway.chunklog import Chunk, LogHeader, Origin, OriginKind
from gateway.kept import Snapshot
from gateway.requests import Incoming
from gateway.run import run
from gateway.sinks import Collected
from gateway.store import Store
from tests.gateway.test_desk import ROOT, STARTED_MS, Chair, S, acknowledge, lost
from tests.gateway.test_treatment import earlier


def test_what_was_saved_last_is_loaded(tmp_path):
    store = Store(tmp_path / "new" / "directory")
    assert store.load() is None
    store.save(b"one")
    store.save(b"two\nlines")
    again = Store(tmp_path / "new" / "directory")
    assert (again.load(), again.lost) == (b"two\nlines", "")


def test_every_damage_is_found_and_the_damaged_file_is_put_aside(tmp_path):
    store = Store(tmp_path)
    store.save(b'{"a": 1}')
    good = (tmp_path / "state").read_bytes()
    for number in range(len(good)):
        torn = [good[:number], good[:number] + bytes([good[number] ^ 1]) + good[number + 1 :]]
        for bad in torn:
            (tmp_path / "state").write_bytes(bad)
            again = Store(tmp_path)
            assert (again.load(), again.lost) == (None, "damaged")
            assert (tmp_path / "state.damaged").read_bytes() == bad
            assert Store(tmp_path).load() is None


@pytest.mark.parametrize("step", ["open", "fsync", "replace"])
def test_a_crash_at_any_step_of_saving_leaves_the_old_state(tmp_path, monkeypatch, step):
    store = Store(tmp_path)
    store.save(b"old")

    def crash(*_args, **_kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    target = {"open": "pathlib.Path.open", "fsync": "os.fsync", "replace": "pathlib.Path.replace"}[step]
    monkeypatch.setattr(target, crash)
    with pytest.raises(OSError, match="No space"):
        store.save(b"new")
    monkeypatch.undo()
    assert Store(tmp_path).load() == b"old"


def test_sessions_are_read_back_and_a_torn_line_is_said(tmp_path):
    store = Store(tmp_path)
    for started, rise in enumerate((18.0, 22.0)):
        store.append_session(msgspec.json.encode(earlier(rise, started=started)))
    assert [one.peak_rise for one in Store(tmp_path).sessions()] == [earlier(18.0).peak_rise, earlier(22.0).peak_rise]
    with (tmp_path / "sessions.jsonl").open("ab") as file:
        file.write(b'{"series": "\xff"}\n{"series": "s')
    damaged = (tmp_path / "sessions.jsonl").read_bytes()
    again = Store(tmp_path)
    assert len(again.sessions()) == 2
    assert again.lost == "2 of 4 earlier sessions cannot be read"
    once_more = Store(tmp_path)
    assert (len(once_more.sessions()), once_more.lost) == (2, "")  # said once
    assert (tmp_path / "sessions.damaged").read_bytes() == damaged


def test_a_torn_line_swallows_no_session_after_it(tmp_path):
    """The tail of a crash; it is told, and what comes then is whole."""
    store = Store(tmp_path)
    lines = [msgspec.json.encode(earlier(18.0, started=started)) for started in range(3)]
    store.append_session(lines[0])
    with (tmp_path / "sessions.jsonl").open("ab") as file:
        file.write(lines[1][:40])
    store.append_session(lines[1])
    store.append_session(lines[2])
    again = Store(tmp_path)
    assert [one.started_utc_ms for one in again.sessions()] == [0, 1, 2]
    assert again.lost == "1 of 4 earlier sessions cannot be read"


def test_a_session_that_was_ended_twice_is_one(tmp_path):
    """Killed between its line and the state: the next gateway goes on with it, and it is ended again."""
    chair, store = Chair(), Store(tmp_path)
    chair.seconds(2).order("start", route="im", series="p").order("dose", amount_mg=40)
    before = chair.kept
    chair.order("end")
    store.append_session(chair.ended[0])
    again = Chair(before, boot="b2", earlier=store.sessions()).seconds(1).order("end")
    store.append_session(again.ended[0])
    assert len(Store(tmp_path).sessions()) == 1
    assert [one.series for one in again.treatment._earlier] == ["p"]


def test_a_directory_that_cannot_be_written_is_an_alarm_and_monitoring_goes_on(tmp_path):
    (tmp_path / "file").write_text("")
    store, sink = Store(tmp_path / "file"), Collected()
    assert store.sessions() == []
    assert store.load() is None
    assert store.lost
    run(Played(10, lambda _: None), Chair(lost=store.lost).pipeline, sink, store)
    assert presences(sink, "recording-failing")[-1] == (9, "on")
    assert presences(sink, "state-lost")


def test_names_in_the_directory_are_on_the_disk_too(tmp_path, monkeypatch):
    """A file whose name was not written is gone after a loss of power, however well its bytes were."""
    synced = []
    monkeypatch.setattr("os.fsync", lambda descriptor: synced.append(stat.S_ISDIR(os.fstat(descriptor).st_mode)))
    store = Store(tmp_path)
    store.save(b"one")
    assert synced == [False, True]
    for _ in range(2):
        store.append_session(b"{}")
    assert synced == [False, True, False, True, False]  # the second adds no name


def test_the_state_is_saved_each_minute_whatever_happens():
    """Such as which signals have been heard, and how long a session has been observed."""
    chair = lost()
    assert acknowledge(chair)["accepted"]
    chair.seconds(70)  # until nothing changes any more
    saved = []
    for _ in range(180):
        chair.outputs.clear()
        chair.seconds(1)
        saved += [chair.t_us // S for one in chair.outputs if isinstance(one, Snapshot)]
    assert len(saved) == 3
    assert {late - early for early, late in pairwise(saved)} == {60}


@pytest.mark.parametrize(("away_s", "left_s"), [(0, 30), (10, 20), (-3600, 30)])
def test_the_time_away_counts_for_what_is_waited_for(away_s, left_s):
    """Thirty seconds after the start of a session every sensor has to be on: also where the gateway was away."""
    chair = Chair().seconds(5).order("start", route="im")
    started_ms = STARTED_MS + chair.t_us // 1000 + away_s * 1000
    again = Chair(chair.kept, boot="b2", started_ms=started_ms)
    assert again.announcer.engine.snapshot().expected_us == left_s * S


class Played:
    """A source of silence."""

    header = LogHeader(chairside_log=1, origin=Origin(kind=OriginKind.SIMULATED, label="a test"), started_utc_ms=0)

    def __init__(self, seconds, at):
        self._seconds, self._at = seconds, at

    def __iter__(self):
        for second in range(self._seconds):
            self._at(second)
            yield Chunk(t_us=second * S, data=b"")

    def send(self, data):
        pass


class Faulty(Store):
    """A disk that is full for a while."""

    is_full = False

    def save(self, payload):
        if self.is_full:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().save(payload)

    def append_session(self, payload):
        if self.is_full:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().append_session(payload)


def presences(sink, condition):
    leaf = f"{ROOT}/alarms/{condition}"
    documents = [json.loads(m.payload) for m in sink.messages if m.topic == leaf]
    return [(d["t_us"] // S, d["alarm"]["presence"]) for d in documents if d["alarm"]["presence"] != "off"]


def test_a_full_disk_is_an_alarm_until_it_is_over_and_no_session_is_lost_by_it(tmp_path):
    """N1: what was accepted is on the disk, or somebody is told that it is not."""
    chair, sink, store = Chair(), Collected(), Faulty(tmp_path)
    orders = {
        3: {"action": "start", "route": "im", "series": "s-1"},
        5: {"action": "dose", "amount_mg": 40},
        12: {"action": "end"},
        14: {"action": "start", "route": "im", "series": "s-2"},
        15: {"action": "dose", "amount_mg": 40},
        16: {"action": "end"},
    }

    def ask(verb, second, **fields):
        body = {"id": f"request-{second}", "boot": "b1", "t_us": max(0, second - 1) * S, **fields}
        topic = f"{ROOT}/cmd/nurse-1/{verb}"
        sink.waiting.append(Incoming(topic=topic, payload=json.dumps(body).encode(), is_retained=False))

    def at(second):
        store.is_full = 10 <= second < 20
        if second in orders:
            ask("session", second, order=orders[second])
        if second == 25:  # something changes, so that it is tried again
            ask("audio-pause", second, seconds=0)

    run(Played(60, at), chair.pipeline, sink, store)
    failing = [second for second, presence in presences(sink, "recording-failing") if presence == "on"]
    assert failing
    assert 10 <= failing[0] <= 14
    assert failing[-1] < 40
    assert [one.series for one in Store(tmp_path).sessions()] == ["s-1", "s-2"]
    assert Store(tmp_path).load() is not None


def test_a_broker_that_is_gone_is_an_alarm_until_it_is_back():
    class Away(Collected):
        fault = ""

    chair, sink = Chair(), Away()

    def at(second):
        sink.fault = "not connected" if 10 <= second < 20 else ""

    run(Played(40, at), chair.pipeline, sink)
    seconds = [second for second, _ in presences(sink, "broker-lost")]
    assert 13 <= seconds[0] <= 14
    assert 20 <= seconds[-1] <= 32


def test_a_broker_that_refuses_alarms_is_an_alarm_that_says_what_and_why():
    class Refusing(Collected):
        fault = "alarms/link-lost refused (Not authorized)"

    chair, sink = Chair(), Refusing()
    run(Played(6, lambda _: None), chair.pipeline, sink)
    text = json.loads([m for m in sink.messages if m.topic.endswith("alarms/broker-lost")][-1].payload)["alarm"]["text"]
    assert text == f"What the chair says does not reach the broker: {Refusing.fault}"
