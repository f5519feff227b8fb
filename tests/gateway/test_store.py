"""What is kept on disk: whole or not at all, and never lost in silence."""

import errno
import json

import msgspec
import pytest

from gateway.chunklog import Chunk, LogHeader, Origin, OriginKind
from gateway.errors import UserError
from gateway.requests import Incoming
from gateway.run import run
from gateway.sinks import Collected
from gateway.store import Store
from tests.gateway.test_desk import ROOT, Chair, S
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
    for rise in (18.0, 22.0):
        store.append_session(msgspec.json.encode(earlier(rise)))
    assert [one.peak_rise for one in Store(tmp_path).sessions()] == [earlier(18.0).peak_rise, earlier(22.0).peak_rise]
    with (tmp_path / "sessions.jsonl").open("ab") as file:
        file.write(b'{"series": "\xff"}\n{"series": "s')
    again = Store(tmp_path)
    assert len(again.sessions()) == 2
    assert again.lost == "2 of 4 earlier sessions cannot be read"


def test_a_directory_that_cannot_be_written_is_wrong_use(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="expected a writable directory"):
        Store(tmp_path / "file")


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
    assert [one.series for one in Store(tmp_path).sessions()] == ["s-1"]
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
