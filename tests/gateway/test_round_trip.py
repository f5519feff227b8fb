"""A command's way there and back through real brokers, and a gateway that is killed and started again."""

import contextlib
import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest

from gateway.chunklog import Chunk, Origin, OriginKind, write_chunk, write_header
from gateway.cli.hand import Hand
from gateway.cli.main import main
from gateway.cli.numbers import Drawn
from gateway.messages import Topics
from gateway.mqtt.broker import MOSQUITTO, NATS, PrivateBroker
from gateway.mqtt.publisher import _MAX_WAITING, MqttSink
from gateway.mqtt.requester import NotHeardError, Requester
from gateway.mqtt.subscriber import ChairView, Subscriber
from gateway.requests import MAX_BYTES, Verb
from tests.gateway.test_desk import Chair as VirtualChair
from tests.gateway.test_mqtt import wait_connected

pytestmark = pytest.mark.broker
TOPICS = Topics("clinic", "chair-7")
PATIENCE_S = 30.0  # for a loaded machine
S = 1_000_000


@pytest.fixture(params=[NATS, MOSQUITTO], ids=lambda server: server.name)
def broker(request):
    if request.param.find() is None:
        pytest.skip(f"{request.param.name} is not installed")
    with PrivateBroker(request.param, port=None, report=print) as running:
        yield running


@pytest.fixture
def any_broker():
    """One that is there: what starts whole gateways is tested with one of them."""
    with PrivateBroker(MOSQUITTO if MOSQUITTO.find() else NATS, port=None, report=print) as running:
        yield running


def patiently(condition):
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        result = condition()
        if result:
            return result
    raise AssertionError("it did not come about")


class Gateway:
    """`chairside run` on a log that this test writes: its time is the log's, so it stands still unless told."""

    def __init__(self, url, state, *, started_ms=1_700_000_000_000):
        self.process = subprocess.Popen(
            [
                *[sys.executable, "-m", "gateway.cli.main", "run", "--log", "-", "--broker", str(url)],
                *["--site", "clinic", "--chair", "chair-7", "--state", str(state)],
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        self.t_us = 0
        write_header(self.process.stdin, Origin(kind=OriginKind.SIMULATED, label="a test"), started_ms)
        self.write([Chunk(t_us=0, data=b"")])

    def write(self, chunk_list):
        for chunk in chunk_list:
            self.t_us = chunk.t_us
            write_chunk(self.process.stdin, chunk)
        self.process.stdin.flush()

    def seconds(self, count):
        self.write([Chunk(t_us=self.t_us + k * S, data=b"") for k in range(1, count + 1)])

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE_S)
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        self.process.stderr.close()


class Nurse:
    """A client at the gateway's broker."""

    def __init__(self, subscriber, gateway):
        self.subscriber, self.gateway = subscriber, gateway
        self.requester = Requester(subscriber, TOPICS, "nurse-1")
        self.newest = {}

    def listen(self):
        heard = self.subscriber.wait_message(0.1)
        while heard is not None:
            self.requester.feed(heard)
            if heard.topic.startswith(TOPICS.root):
                self.newest[heard.topic.removeprefix(f"{TOPICS.root}/")] = json.loads(heard.payload)
            heard = self.subscriber.wait_message(0)

    def wait(self, leaf, condition):
        def there():
            self.listen()
            return leaf in self.newest and condition(self.newest[leaf]) and self.newest[leaf]

        return patiently(there)

    def ask(self, verb, **fields):
        request = self.requester.ask(verb, **fields)

        def answered():
            self.gateway.write([Chunk(t_us=self.gateway.t_us + 1000, data=b"")])  # commands are taken after a chunk
            self.listen()
            return self.requester.reply(request)

        return patiently(answered)


def test_alarms_acknowledgements_and_session_survive_kill_minus_nine(any_broker, tmp_path):
    broker = any_broker
    with Subscriber(broker.url, "chairside/#", report=print) as subscriber:
        first = Gateway(broker.url, tmp_path)
        nurse = Nurse(subscriber, first)
        first.seconds(14)  # nothing is heard from the board for ten seconds
        alarm = nurse.wait("alarms/link-lost", lambda d: d["alarm"]["presence"] == "on")["alarm"]
        nurse.wait("heartbeat", lambda d: d["t_us"] >= 14 * S)
        assert nurse.ask(Verb.SESSION, order={"action": "start", "route": "iv", "series": "s-1"}).accepted
        assert nurse.ask(Verb.ACKNOWLEDGE, condition="link-lost", alarm=alarm["id"]).accepted
        nurse.wait("alarms/link-lost", lambda d: d["alarm"]["presence"] == "ack")
        boot = nurse.newest["heartbeat"]["boot"]
        first.kill()
        nurse.newest.clear()
        second = Gateway(broker.url, tmp_path, started_ms=1_700_000_060_000)
        nurse.gateway = second
        second.seconds(3)
        again = nurse.wait("alarms/link-lost", lambda d: d["boot"] != boot)["alarm"]
        assert (again["id"], again["presence"]) == (alarm["id"], "ack")
        assert again["acknowledged_by"] == "nurse-1"
        session = nurse.wait("session", lambda d: d["boot"] != boot)
        assert (session["phase"], session["route"], session["profile"]) == ("screening", "iv", "iv")
        assert [event["kind"] for event in session["events"]] == ["start", "alarm", "restart"]
        nurse.wait("heartbeat", lambda d: d["boot"] != boot)
        assert nurse.ask(Verb.SESSION, order={"action": "end"}).accepted
        second.kill()
        assert not list(tmp_path.glob("*.new"))
        # A state that somebody has damaged is told, and put aside.
        (tmp_path / "state").write_bytes((tmp_path / "state").read_bytes()[:-7])
        nurse.newest.clear()
        third = Gateway(broker.url, tmp_path)
        third.seconds(12)
        lost = nurse.wait("alarms/state-lost", lambda d: d["alarm"]["presence"] != "off")
        assert lost["alarm"]["priority"] == "medium"
        assert (tmp_path / "state.damaged").exists()
        third.kill()


def test_the_check_of_the_alarm_system_goes_to_the_broker_and_back(any_broker, tmp_path):
    with Subscriber(any_broker.url, "chairside/#", report=print) as subscriber:
        gateway = Gateway(any_broker.url, tmp_path)
        nurse = Nurse(subscriber, gateway)
        gateway.seconds(3)
        first = nurse.wait("self-check", lambda d: d["check"]["number"] == 1)
        assert first["alert"]["alarm"]["presence"] == "on"
        nurse.wait("heartbeat", lambda d: d["t_us"] >= 3 * S)
        nurse.ask(Verb.AUDIO_PAUSE, seconds=0)  # who has been answered came to the gateway after its own check
        gateway.seconds(62)
        check = nurse.wait("alarm-system", lambda d: d["self_check"]["number"] == 2)["self_check"]
        assert (check["passed"], check["returned"]) == (True, True)
        gateway.kill()


def test_a_clients_commands_reach_a_chair_and_replies_come_back_to_it_alone(broker):
    chair = VirtualChair().seconds(14)
    will = chair.pipeline.close(0)[0]
    listen = TOPICS.heard
    with (
        MqttSink(broker.url, "chair", will=will, report=print, listen=listen) as sink,
        Subscriber(broker.url, "chairside/#", report=print) as subscriber,
    ):
        mine, others = (Requester(subscriber, TOPICS, name) for name in ("nurse-1", "nurse-2"))
        view = ChairView()
        report = []
        hand = Hand(subscriber, "nurse-1", report.append)
        with pytest.raises(NotHeardError):
            mine.ask(Verb.AUDIO_PAUSE, seconds=5)

        def pump():
            for message in [m for m in chair.outputs if hasattr(m, "topic")]:
                sink.publish(message)
            chair.outputs.clear()
            heard = subscriber.wait_message(0.05)
            while heard is not None:
                mine.feed(heard)
                others.feed(heard)
                hand.feed(heard)
                hand.note_drawn()
                view.feed(heard, 0)
                heard = subscriber.wait_message(0)
            chair.take(chair.pipeline.commands(chair.t_us, sink.incoming()))
            return True

        wait_connected(sink)
        chair.seconds(1)
        patiently(lambda: pump() and mine._newest is not None and mine._newest.t_us == chair.t_us)
        request = mine.ask(Verb.AUDIO_PAUSE, seconds=60)
        reply = patiently(lambda: pump() and mine.reply(request))
        assert reply.accepted
        assert others.reply(request) is None
        # Keys at a screen: the first alarm as it was drawn is acknowledged, and receipts were sent for all alerts.
        patiently(lambda: pump() and view.alarms())
        shown = (("clinic", "chair-7"), view.alarms()[0])
        drawn = Drawn(numbered={1: shown})
        assert hand.press("1", drawn, 0)
        patiently(lambda: pump() and hand.press("", drawn, 0) and report)
        assert report == [f"acknowledge {shown[1].condition} of chair-7: done"]
        assert hand.press("x", drawn, 0)
        assert not hand.press("q", drawn, 0)
        assert chair.desk.counts["receipts"] >= 1
        assert chair.announcer.engine.snapshot().receivers == ["nurse-1"]


def test_what_clients_send_is_bounded_and_what_is_dropped_is_counted(broker):
    chair = VirtualChair().seconds(2)
    will = chair.pipeline.close(0)[0]
    with (
        MqttSink(broker.url, "chair", will=will, report=print, listen=TOPICS.heard) as sink,
        Subscriber(broker.url, "chairside/#", report=print) as subscriber,
    ):
        wait_connected(sink)
        time.sleep(0.3)
        topic = TOPICS.command("nurse-1", "mark")
        subscriber.send(topic, b"x" * (MAX_BYTES + 1))
        patiently(lambda: sink.dropped == 1)
        for _ in range(_MAX_WAITING + 10):
            subscriber.send(topic, b"{}")
        patiently(lambda: sink.dropped == 11)
        assert len(sink.incoming()) == _MAX_WAITING


def test_a_retained_command_that_waits_at_the_broker_is_marked_as_such(broker):
    """X6 through a real broker: what it kept for a newcomer is told from what was just said."""
    will = VirtualChair().pipeline.close(0)[0]
    with Subscriber(broker.url, "chairside/#", report=print) as subscriber:
        subscriber._connection.client.publish(TOPICS.command("x", "mark"), b"{}", qos=1, retain=True).wait_for_publish(
            5
        )
        with MqttSink(broker.url, "chair", will=will, report=print, listen=TOPICS.heard) as sink:
            [incoming] = patiently(sink.incoming)
            assert incoming.is_retained


def run_cli(capsys, *arguments):
    code = main([*arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_a_command_line_says_in_one_line_that_no_chair_is_there(any_broker, capsys):
    code, out, err = run_cli(capsys, "session", "start", "--route", "iv", "--broker", str(any_broker.url))
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert "expected one at" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["session", "start", "--route", "rectal"],
        ["session", "cuff", "120-80"],
        ["session", "check", "padss_activity"],
        ["alarm", "acknowledge", "everything"],
        ["alarm", "limits", "spo2-low", "urgent=90"],
    ],
)
def test_wrong_use_is_exit_code_2(arguments):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2


def test_a_person_drives_a_session_from_the_command_line(any_broker, tmp_path, capsys):
    """The CLI against a running gateway: accepted 0, refused 1, wrong use 2."""
    gateway = Gateway(any_broker.url, tmp_path)
    ended = threading.Event()

    def live():  # its time goes on as on a live chair
        while not ended.wait(0.05):
            gateway.write([Chunk(t_us=gateway.t_us + 100_000, data=b"")])

    with Subscriber(any_broker.url, "chairside/#", report=print) as subscriber:
        gateway.seconds(14)
        Nurse(subscriber, gateway).wait("heartbeat", lambda d: d["t_us"] >= 14 * S)
    alive = threading.Thread(target=live)
    alive.start()
    try:
        common = ["--broker", str(any_broker.url), "--client", "nurse-1"]
        assert run_cli(capsys, "session", "dose", "35", *common)[0] == 1
        code, out, _ = run_cli(capsys, "session", "start", "--route", "im", *common)
        assert (code, out) == (0, "clinic/chair-7: done, in the name of nurse-1\n")
        assert run_cli(capsys, "session", "cuff", "132/85", *common)[0] == 0
        code, out, err = run_cli(capsys, "session", "start", "--route", "im", *common)
        assert (code, out) == (1, "")
        assert err == "chairside: refused: start: not in phase screening\n"
        code, out, _ = run_cli(capsys, "alarm", "list", *common)
        [listed] = [one for one in out.splitlines() if "link-lost" in one]
        occurrence = listed.split("link-lost ")[1].split(":")[0]
        code, out, err = run_cli(capsys, "alarm", "acknowledge", "link-lost", "--id", "b0-1", *common)
        assert (code, out) == (1, "")
        assert f"link-lost b0-1: there is no such alarm now; there is link-lost {occurrence}: " in err
        code, out, _ = run_cli(capsys, "alarm", "acknowledge", "link-lost", *common)
        assert code == 0
        assert out.startswith(f"acknowledging link-lost {occurrence}: Board does not answer")
        assert run_cli(capsys, "alarm", "acknowledge", "link-lost", "--id", occurrence, *common)[0] == 0
        assert run_cli(capsys, "alarm", "acknowledge", "spo2-low", *common)[0] == 1
        code, out, _ = run_cli(capsys, "session", "show", *common)
        assert "nurse-1 [screening] cuff: 132/85 mmHg" in out
        assert "acknowledged link-lost" in out
    finally:
        ended.set()
        alive.join()
        gateway.kill()


_ACCESS = """user gateway
topic readwrite #
user nurse-1
topic read #
pattern write chairside/v1/+/+/cmd/%u/#
pattern write chairside/v1/+/+/receipt/%u
"""


def test_a_broker_with_access_rules_lets_nobody_ask_in_anothers_name(tmp_path):
    """X3: the rules that docs/mqtt.md asks for, in mosquitto's own words."""
    if MOSQUITTO.find() is None or shutil.which("mosquitto_passwd") is None:
        pytest.skip("mosquitto is not installed")
    passwords, access = tmp_path / "passwords", tmp_path / "access"
    access.write_text(_ACCESS)
    passwords.touch()
    for name in ("gateway", "nurse-1"):
        subprocess.run(["mosquitto_passwd", "-b", passwords, name, "pw"], check=True, capture_output=True)
    rules = f"password_file {passwords}\nacl_file {access}"
    guarded = replace(MOSQUITTO, config=MOSQUITTO.config.replace("allow_anonymous true", rules))
    will = VirtualChair().pipeline.close(0)[0]
    with PrivateBroker(guarded, port=None, report=print) as broker:
        gateway, nurse = (replace(broker.url, user=name, password="pw") for name in ("gateway", "nurse-1"))
        with (
            MqttSink(gateway, "chair", will=will, report=print, listen=TOPICS.heard) as sink,
            Subscriber(nurse, "chairside/#", report=print) as subscriber,
        ):
            wait_connected(sink)
            time.sleep(0.3)
            forged = (TOPICS.command("nurse-2", "mark"), TOPICS.receipt("nurse-2"), TOPICS.alarm("link-lost"))
            for topic in (*forged, TOPICS.command("nurse-1", "mark")):
                subscriber.send(topic, b"{}")
            [incoming] = patiently(sink.incoming)
            assert incoming.topic == TOPICS.command("nurse-1", "mark")
            assert subscriber.wait_message(0.3).topic == incoming.topic  # nor did anybody hear of a forged alarm
            assert subscriber.wait_message(0.3) is None
