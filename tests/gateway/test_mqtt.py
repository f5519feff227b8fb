"""Publisher, subscriber and embedded broker against real brokers: NATS (MQTT 3.1.1) and mosquitto (MQTT 5)."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.chunklog import Origin, OriginKind
from gateway.messages import Composer, Message
from gateway.mqtt.broker import MOSQUITTO, NATS, PrivateBroker, Server, open_broker
from gateway.mqtt.connection import BrokerError, BrokerUrl, expiry_properties
from gateway.mqtt.publisher import MqttSink
from gateway.mqtt.subscriber import Subscriber

pytestmark = pytest.mark.broker
ORIGIN = Origin(kind=OriginKind.SIMULATED, label="a test")
COMPOSER = Composer("s", "c", boot="b1", version="1", origin=ORIGIN, started_utc_ms=0)
WILL = COMPOSER.status(0, "offline", ["connection lost"])


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def private(server=NATS, port=None, reports=None):
    return PrivateBroker(server, port=port, report=(reports if reports is not None else []).append)


@pytest.fixture(params=[NATS, MOSQUITTO], ids=lambda server: server.name)
def broker(request):
    if request.param.find() is None:
        pytest.skip(f"{request.param.name} is not installed")
    with private(request.param) as running:
        yield running


@pytest.fixture
def url(broker):
    return broker.url


def sink(url, reports=None, client_id="chair"):
    return MqttSink(url, client_id, will=WILL, report=(reports if reports is not None else []).append)


def wait_status(subscriber, state, timeout_s=10.0):
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        heard = subscriber.wait_message(0.1)
        if heard is not None and heard.topic.endswith("/status"):
            payload = json.loads(heard.payload)
            if payload["state"] == state:
                return payload, heard.retained
    raise AssertionError(f"no status {state} within {timeout_s} s")


def test_live_messages_arrive_and_only_the_status_is_kept_for_those_who_come_late(url):
    with Subscriber(url, "chairside/#", report=print) as early, sink(url) as publisher:
        time.sleep(0.3)
        publisher.publish(COMPOSER.status(1, "online", []))
        publisher.publish(COMPOSER.vitals(1, 1, {}))
        publisher.publish(COMPOSER.heartbeat(1, 1, {}, {}))
        leaves = {early.wait_message(5).topic.rsplit("/")[-1] for _ in range(3)}
        assert leaves == {"status", "vitals", "heartbeat"}
        with Subscriber(url, "chairside/#", report=print) as late:
            heard = late.wait_message(5)
            assert heard.retained
            assert json.loads(heard.payload)["state"] == "online"
            assert late.wait_message(0.3) is None


def test_the_protocol_is_5_where_the_broker_speaks_it(url, request):
    with sink(url) as publisher:
        expected = "MQTT 5" if "mosquitto" in request.node.name else "MQTT 3.1.1"
        assert publisher.protocol == expected


_DYING_GATEWAY = """
import os, signal, sys, time
from tests.gateway.test_mqtt import COMPOSER, sink
from gateway.mqtt.connection import BrokerUrl
with sink(BrokerUrl.parse(sys.argv[1]), client_id="dying") as publisher:
    publisher.publish(COMPOSER.status(1, "online", []))
    time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_gateway_is_announced_by_its_last_will(url):
    with Subscriber(url, "chairside/#", report=print) as subscriber:
        subprocess.run([sys.executable, "-c", _DYING_GATEWAY, str(url)], check=False, timeout=30)
        wait_status(subscriber, "online")
        payload, _ = wait_status(subscriber, "offline", 5)
        assert payload["reasons"] == ["connection lost"]


def test_an_orderly_end_leaves_the_last_status_not_the_will(url):
    with Subscriber(url, "chairside/#", report=print) as subscriber:
        with sink(url) as publisher:
            publisher.publish(COMPOSER.status(1, "offline", ["ended"]))
        payload, _ = wait_status(subscriber, "offline", 5)
        assert payload["reasons"] == ["ended"]


def test_a_killed_broker_is_started_again_and_the_status_comes_back(broker):
    reports = []
    with sink(broker.url, reports) as publisher:
        publisher.publish(COMPOSER.status(1, "online", []))
        time.sleep(0.3)
        os.kill(broker.pid, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while not any("lost" in line for line in reports) and time.monotonic() < deadline:
            time.sleep(0.05)
        publisher.publish(COMPOSER.status(2, "degraded", ["link lost"]))  # while nobody listens
        publisher.publish(COMPOSER.vitals(2, 1, {}))
        wait_connected(publisher)
        with Subscriber(broker.url, "chairside/#", report=print) as subscriber:
            payload, _ = wait_status(subscriber, "degraded")
            assert payload["reasons"] == ["link lost"]
            assert subscriber.wait_message(0.3) is None  # the old vitals were not queued


def told(tail, text, *, retain=True):
    return Message(topic=f"chairside/v1/s/c/{tail}", payload=text, qos=1, retain=retain)


def wait_until(condition, timeout_s=10.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


def test_the_state_of_before_an_outage_never_follows_that_of_after_it(broker):
    """The library sends what the last connection left behind what its callback says at the start of the next."""
    with sink(broker.url) as publisher:
        os.kill(broker.pid, signal.SIGSTOP)
        publisher.publish(told("alarms/spo2-low", b"on"))  # is never acknowledged
        os.kill(broker.pid, signal.SIGKILL)
        wait_until(lambda: not publisher.is_reachable)
        assert publisher.fault == "not connected"
        publisher.publish(told("alarms/spo2-low", b"off"))
        wait_connected(publisher)
        time.sleep(0.3)
        with Subscriber(broker.url, "chairside/#", report=print) as late:
            assert late.wait_message(5).payload == b"off"
            assert late.wait_message(0.3) is None


def test_alerts_of_an_outage_come_in_order_when_it_ends(broker):
    with Subscriber(broker.url, "chairside/v1/+/+/alerts/#", report=print) as subscriber, sink(broker.url) as publisher:
        publisher.publish(told("alerts/high", b"0", retain=False))
        assert subscriber.wait_message(5).payload == b"0"
        wait_until(lambda: publisher.fault == "" and not publisher._outbox.alerts())
        publisher._connection.client.socket().shutdown(socket.SHUT_RDWR)
        wait_until(lambda: not publisher.is_reachable)
        for text in (b"1", b"2", b"3"):
            publisher.publish(told("alerts/high", text, retain=False))
        assert [subscriber.wait_message(10).payload for _ in range(3)] == [b"1", b"2", b"3"]
        assert subscriber.wait_message(0.3) is None  # nor is the one that had been accepted said again


def test_what_was_said_while_a_broker_was_looked_for_is_said_when_it_is_found(monkeypatch):
    """Also what was said between the connection's first word and the sink's knowledge of it."""
    port = free_port()
    url = BrokerUrl(host="127.0.0.1", port=port)
    publisher = MqttSink(url, "chair", will=WILL, report=print, is_patient=True)
    found = publisher._connect

    def connect():
        found()
        late, publisher._connection = publisher._connection, None
        publisher.publish(told("alarms/spo2-low", b"off"))
        publisher._connection = late

    with publisher:
        publisher.publish(told("alarms/spo2-low", b"on"))
        monkeypatch.setattr(publisher, "_connect", connect)
        with private(port=port), Subscriber(url, "chairside/v1/+/+/alarms/#", report=print) as subscriber:
            heard = subscriber.wait_message(10)
            while heard is not None and heard.payload != b"off":
                heard = subscriber.wait_message(10)
            assert heard is not None


def test_the_last_will_of_a_connection_that_has_gone_is_answered(url):
    with Subscriber(url, "chairside/#", report=print) as subscriber, sink(url) as publisher:
        publisher.publish(COMPOSER.status(1, "online", []))
        wait_status(subscriber, "online")
        subscriber.send(WILL.topic, WILL.payload)
        wait_status(subscriber, "offline")
        wait_status(subscriber, "online")


def test_a_broker_that_refuses_what_is_published_is_told_with_the_topic_and_the_reason(tmp_path):
    """faults.md D4; the rules let the status through, so the connection looks whole."""
    if MOSQUITTO.find() is None:
        pytest.skip("mosquitto is not installed")
    access = tmp_path / "access"
    access.write_text("topic readwrite chairside/v1/s/c/status\n")
    access.chmod(0o644)
    tmp_path.chmod(0o755)
    reports = []
    guarded = replace(MOSQUITTO, config=f"{MOSQUITTO.config}\nacl_file {access}\n")
    with private(guarded) as broker, sink(broker.url, reports) as publisher:
        publisher.publish(COMPOSER.status(1, "online", []))
        for number in range(5):
            publisher.publish(told("alerts/high", b"%d" % number, retain=False))
        wait_until(lambda: publisher.fault == "alerts/high refused (Not authorized)")
        time.sleep(0.3)
        assert publisher.fault
        assert len(publisher._outbox.alerts()) == 5
    assert [line for line in reports if "refused" in line] == [f"{broker.url}: alerts/high refused (Not authorized)"]


def wait_connected(publisher, timeout_s=10.0):
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if publisher._connection.client.is_connected():
            return
        time.sleep(0.05)
    raise AssertionError(f"not connected within {timeout_s} s")


def test_nobody_there_and_a_bad_address_are_said_in_one_line():
    url = BrokerUrl(host="127.0.0.1", port=free_port())
    with pytest.raises(BrokerError, match=f"expected one at {url}, but nobody answers there"), sink(url):
        pass
    for bad in ("127.0.0.1", "http://host", "mqtt://", "mqtt://host:99999"):
        with pytest.raises(BrokerError, match=r"or mqtt://host\[:port\], got"):
            BrokerUrl.parse(bad)


def test_a_broker_address_keeps_its_user_password_and_ipv6_host_and_never_shows_a_password():
    url = BrokerUrl.parse("mqtt://nurse:p%40ss@[::1]:1884")
    assert (url.host, url.port, url.user, url.password) == ("::1", 1884, "nurse", "p@ss")
    assert str(url) == "mqtt://[::1]:1884"
    assert BrokerUrl.parse("mqtt://host").port == 1883
    for bad in ("mqtt://u:secret@host:99999", "mqtt://u:secret@host:0", "mqtt://u:secret@[::1", "http://u:secret@h"):
        with pytest.raises(BrokerError) as caught:
            BrokerUrl.parse(bad)
        assert "secret" not in str(caught.value)


def test_a_password_is_used(tmp_path):
    program = MOSQUITTO.find()
    if program is None or shutil.which("mosquitto_passwd") is None:
        pytest.skip("mosquitto is not installed")
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "nurse", "p@ss"], check=True, capture_output=True)
    passwords.chmod(0o644)
    tmp_path.chmod(0o755)
    guarded = replace(MOSQUITTO, config=MOSQUITTO.config.replace("allow_anonymous true", f"password_file {passwords}"))
    with private(guarded) as broker:
        with pytest.raises(BrokerError, match="Not authorized"), sink(broker.url):
            pass
        with sink(BrokerUrl.parse(f"mqtt://nurse:p%40ss@127.0.0.1:{broker.url.port}")) as publisher:
            publisher.publish(COMPOSER.status(1, "online", []))


def test_live_values_expire_at_the_broker_where_it_speaks_mqtt_5(broker):
    with sink(broker.url) as publisher:
        properties = expiry_properties(publisher._connection.client, COMPOSER.vitals(1, 1, {}).expiry_s)
    if broker._server is NATS:
        assert properties is None
    else:
        assert properties.MessageExpiryInterval == 5


def publish_until_it_fails(publisher):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        publisher.publish(COMPOSER.heartbeat(1, 1, {}, {}))
        time.sleep(0.05)


def test_of_two_gateways_of_one_chair_the_older_ends_and_the_newer_stays(url):
    newer_boot = Composer("s", "c", boot="b2", version="1", origin=ORIGIN, started_utc_ms=0)
    will = newer_boot.status(0, "offline", ["connection lost"])
    with Subscriber(url, "chairside/#", report=print) as subscriber, contextlib.ExitStack() as stack:
        with sink(url, client_id="older") as older:
            older.publish(COMPOSER.status(1, "online", []))
            wait_status(subscriber, "online")  # it was there first
            newer = stack.enter_context(MqttSink(url, "newer", will=will, report=print))
            newer.publish(newer_boot.status(1, "online", []))
            with pytest.raises(BrokerError, match="another gateway publishes chairside/v1/s/c/status"):
                publish_until_it_fails(older)
        time.sleep(0.5)  # the older one has gone, and has left nothing behind
        newer.publish(newer_boot.heartbeat(1, 1, {}, {}))
        with Subscriber(url, "chairside/+/+/+/status", report=print) as late:
            payload, is_retained = wait_status(late, "online")
            assert (payload["boot"], is_retained) == ("b2", True)


def test_a_late_last_will_of_an_earlier_start_is_answered(url):
    earlier = Composer("s", "c", boot="b0", version="1", origin=ORIGIN, started_utc_ms=0)
    with Subscriber(url, "chairside/#", report=print) as subscriber, sink(url) as publisher:
        publisher.publish(COMPOSER.status(1, "online", []))
        wait_status(subscriber, "online")
        stale_will = earlier.status(0, "offline", ["connection lost"])
        publisher._send(publisher._connection.client, stale_will)
        payload, _ = wait_status(subscriber, "offline")
        assert payload["boot"] == "b0"
        payload, _ = wait_status(subscriber, "online")
        assert payload["boot"] == "b1"


@pytest.mark.parametrize("payload", [b"", b"{}", b'{"boot": "\xff"}'])
def test_what_is_no_status_on_the_chairs_own_topic_is_reported_and_answered_with_its_status(url, payload):
    reports = []
    with Subscriber(url, "chairside/#", report=print) as subscriber, sink(url, reports) as publisher:
        publisher.publish(COMPOSER.status(1, "online", []))
        wait_status(subscriber, "online")
        subscriber.send(WILL.topic, payload)
        heard = subscriber.wait_message(5)
        assert heard.payload == payload
        wait_status(subscriber, "online")
        publisher.publish(COMPOSER.status(2, "online", []))  # and it goes on
    assert [report for report in reports if "no status of this version" in report]


def test_a_callback_that_fails_ends_the_program_instead_of_silencing_it(broker):
    def fail(_line):
        raise OSError("the terminal has gone")

    with MqttSink(broker.url, "chair", will=WILL, report=fail) as publisher:
        os.kill(broker.pid, signal.SIGKILL)
        with pytest.raises(OSError, match="the terminal has gone"):
            publish_until_it_fails(publisher)


def test_a_subscriber_hears_again_after_the_broker_was_restarted(broker):
    with Subscriber(broker.url, "chairside/#", report=print) as subscriber, sink(broker.url) as publisher:
        os.kill(broker.pid, signal.SIGKILL)
        deadline = time.monotonic() + 15
        heard = None
        while heard is None and time.monotonic() < deadline:
            publisher.publish(COMPOSER.heartbeat(1, 1, {}, {}))
            heard = subscriber.wait_message(0.2)
        assert heard is not None


def test_something_that_is_no_broker_is_given_up_with_a_reason():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up():
            server.accept()[0].close()

        threading.Thread(target=hang_up, daemon=True).start()
        url = BrokerUrl(host="127.0.0.1", port=server.getsockname()[1])
        with pytest.raises(BrokerError, match="expected one at"), sink(url):
            pass


def test_a_private_broker_leaves_no_process_port_or_file():
    with private() as broker:
        pid, port = broker.pid, broker.url.port
        directory = Path(broker._directory.name)
        assert directory.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
    assert not directory.exists()


def test_a_port_in_use_is_refused_and_two_brokers_do_not_collide():
    with private() as first, private() as second:
        assert first.url != second.url
        with pytest.raises(BrokerError, match=f"127.0.0.1:{first.url.port} is in use"), private(port=first.url.port):
            pass


def test_auto_takes_mosquitto_then_nats_then_none_and_says_which(monkeypatch):
    def opened(choice="auto"):
        with open_broker(choice, port=None, report=print) as broker:
            return broker

    if MOSQUITTO.find():
        assert "mosquitto, MQTT 5" in opened().limits
    monkeypatch.setattr(Server, "find", lambda server: None if server is MOSQUITTO else find(server))
    assert "NATS server, MQTT 3.1.1" in opened().limits
    monkeypatch.setattr(Server, "find", lambda _: None)
    assert opened().url is None
    with pytest.raises(BrokerError, match="expected nats-server to be installed"):
        opened("nats")


find = Server.find


_PARENT = """
import time
from gateway.mqtt.broker import MOSQUITTO, NATS, PrivateBroker, Server, open_broker
broker = PrivateBroker(NATS, report=print)
broker.__enter__()
print(broker.pid, flush=True)
time.sleep(60)
"""


def test_a_private_broker_dies_with_a_killed_parent(tmp_path):
    environment = {**os.environ, "TMPDIR": str(tmp_path)}  # nobody is left to remove its files
    with subprocess.Popen([sys.executable, "-c", _PARENT], stdout=subprocess.PIPE, env=environment) as parent:
        pid = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and Path(f"/proc/{pid}").exists():
        if "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text():
            return  # dead; its new parent has not asked yet
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()
