"""The whole chair as a person starts it: `chairside demo`, watched by a subscriber that nobody told anything."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gateway.mqtt.broker import MOSQUITTO, NATS, PrivateBroker
from gateway.mqtt.connection import BrokerUrl
from gateway.mqtt.subscriber import Subscriber
from hil.compare import against_monitor

pytestmark = [pytest.mark.rig, pytest.mark.broker]
LIMITS = {"systolic": 3.0, "diastolic": 2.0, "mean_pressure": 2.0, "pulse_rate": 1.0}  # mmHg, 1/min
PATIENCE_S = 180.0  # for a loaded machine; what counts is asserted in the data's own time
PLAYED_S = 600.0  # for a recording as fast as the machine goes, which may be busy with other tests


class Demo:
    """A running demo and what a subscriber hears of it."""

    def __init__(self, directory, *options):
        self.files = directory
        self._output = (directory / "output.txt").open("w+b")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gateway.cli.main", "demo", *options],
            stdout=self._output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "TMPDIR": str(directory)},
            process_group=0,
        )
        self.url = BrokerUrl.parse(self.wait_printed(r"broker +(mqtt://\S+)"))

    def __enter__(self):
        self._subscriber = Subscriber(self.url, "chairside/#", report=print).__enter__()
        return self

    def __exit__(self, *_):
        self._subscriber.__exit__()
        if self.process.poll() is None:
            self.interrupt()
        self._output.close()

    def printed(self):
        return (self.files / "output.txt").read_text()

    def wait_printed(self, pattern, *, after=0):
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            found = re.compile(pattern).search(self.printed(), after)
            if found:
                return found[1]
            assert self.process.poll() is None, self.printed()
            time.sleep(0.05)
        raise AssertionError(f"{pattern!r} was not printed: {self.printed()}")

    def interrupt(self):
        """Ctrl-C; how long the end took."""
        start = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        self.process.wait(PATIENCE_S)
        return time.monotonic() - start

    def messages(self, patience_s=PATIENCE_S):
        """Each message as (leaf, payload), until the demo ends or patience does."""
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            heard = self._subscriber.wait_message(0.2)
            if heard is not None:
                yield heard.topic.rsplit("/", 1)[-1], json.loads(heard.payload)
            elif self.process.poll() is not None:
                return

    def wait(self, leaf, condition):
        for got, payload in self.messages():
            if got == leaf and condition(payload):
                return payload
        raise AssertionError(f"no such {leaf}: {self.printed()}")

    def pids(self):
        """Every process the demo has started, by parentage."""
        children = {}
        for entry in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                pid, rest = entry.read_text().split(" (", 1)
                children.setdefault(int(rest.rsplit(") ", 1)[1].split()[1]), []).append(int(pid))
        found, todo = [], [self.process.pid]
        while todo:
            for child in children.get(todo.pop(), []):
                found.append(child)
                todo.append(child)
        return found


def is_live(vitals):
    return vitals["quantities"]["systolic"]["value"] is not None


def is_all_null(vitals):
    quantities = vitals["quantities"].values()
    return all(q["value"] is None and q["reasons"] for q in quantities)


@pytest.fixture
def demo(tmp_path):
    @contextlib.contextmanager
    def start(*options, name="demo"):
        directory = tmp_path / name
        directory.mkdir()
        with Demo(directory, *options) as running:
            yield running

    return start


def test_a_newcomer_sees_a_simulated_patient_and_ctrl_c_leaves_nothing(demo):
    with demo() as running:
        assert running.wait("status", lambda s: s["state"] == "online")["origin"] == "simulated"
        vitals = running.wait("vitals", is_live)
        assert vitals["t_us"] <= 20_000_000
        assert 50 < vitals["quantities"]["pulse_rate"]["value"] < 100
        for hint in ("mosquitto_sub -h", "import paho.mqtt.subscribe", "SIMULATED"):
            running.wait_printed(f"({hint})")
        pids = running.pids()
        assert len(pids) == 4  # broker, rig, firmware, gateway
        assert running.interrupt() < 3.0
        assert running.process.returncode == 0
        assert [pid for pid in pids if Path(f"/proc/{pid}").exists()] == []
        assert [path.name for path in running.files.iterdir()] == ["output.txt"]
        with socket.socket() as probe:
            assert probe.connect_ex((running.url.host, running.url.port)) != 0


def test_two_demos_side_by_side_do_not_collide(demo):
    with demo(name="first") as first, demo(name="second") as second:
        assert first.url != second.url
        boots = {running.wait("vitals", is_live)["boot"] for running in (first, second)}
        assert len(boots) == 2


def test_a_killed_firmware_is_told_within_three_seconds_and_comes_back_with_a_new_boot(demo):
    with demo() as running:
        first = running.wait("status", lambda s: s["state"] == "online")
        last_live = running.wait("vitals", is_live)
        os.kill(int(running.wait_printed(r"firmware pid (\d+)")), signal.SIGKILL)
        for leaf, payload in running.messages():
            if leaf == "vitals" and is_live(payload):
                last_live = payload
            if leaf == "vitals" and is_all_null(payload):
                assert payload["t_us"] - last_live["t_us"] <= 3_000_000
                assert payload["quantities"]["systolic"]["reasons"] == ["link lost"]
                break
        again = running.wait("status", lambda s: s["state"] == "online" and s["board_boot"] != first["board_boot"])
        live = running.wait("vitals", is_live)
        assert live["t_us"] - again["t_us"] <= 10_000_000


def test_the_status_is_degraded_while_the_firmware_is_away(demo):
    with demo() as running:
        running.wait("vitals", is_live)
        os.kill(int(running.wait_printed(r"firmware pid (\d+)")), signal.SIGKILL)
        running.wait("status", lambda s: s["state"] == "degraded" and s["reasons"] == ["link lost"])


def test_a_killed_gateway_is_told_by_the_last_will_and_started_again(demo):
    with demo() as running:
        first = running.wait("vitals", is_live)
        os.kill(int(running.wait_printed(r"gateway pid (\d+)")), signal.SIGKILL)
        will = running.wait("status", lambda s: s["state"] == "offline")
        assert (will["reasons"], will["boot"]) == (["connection lost"], first["boot"])
        assert running.wait("vitals", is_live)["boot"] != first["boot"]


def test_a_board_on_a_serial_port_is_measured_the_same_way():
    rig = [sys.executable, "-m", "hil.cli", "board"]
    gateway = [sys.executable, "-m", "gateway.cli.main", "run", "--port"]
    with (
        PrivateBroker(NATS, report=print) as broker,
        Subscriber(broker.url, "chairside/+/+/+/vitals", report=print) as subscriber,
        subprocess.Popen(rig, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as board,
    ):
        port = board.stdout.readline().strip()
        with subprocess.Popen([*gateway, port, "--broker", str(broker.url)], stderr=subprocess.DEVNULL) as device:
            rate, deadline = None, time.monotonic() + PATIENCE_S
            while rate is None and time.monotonic() < deadline:
                heard = subscriber.wait_message(0.5)
                if heard is not None:
                    vitals = json.loads(heard.payload)
                    rate = vitals["quantities"]["pulse_rate"]["value"]
            device.terminate()
        board.terminate()
    assert rate is not None
    assert 50 < rate < 100
    assert vitals["origin"] == "live"


@pytest.mark.parametrize("server", [NATS, MOSQUITTO], ids=lambda server: server.name)
def test_a_killed_broker_is_reported_and_started_again_and_values_flow(demo, server):
    if server.find() is None:
        pytest.skip(f"{server.name} is not installed")
    with demo("--broker", server.name) as running:
        before = running.wait("vitals", is_live)
        os.kill(int(running.wait_printed(r"broker +mqtt://.*pid (\d+)")), signal.SIGKILL)
        running.wait_printed(r"(the broker has died)")
        after = running.wait("vitals", lambda v: is_live(v) and v["t_us"] > before["t_us"] + 1_000_000)
        assert after["t_us"] - before["t_us"] <= 10_000_000
        assert after["boot"] == before["boot"]
        assert "the broker runs again" in running.printed()


def test_without_a_broker_the_demo_says_so_and_keeps_what_it_saw(tmp_path):
    kept = tmp_path / "kept.jsonl"
    command = [sys.executable, "-m", "gateway.cli.main", "demo", "--broker", "none", "--messages", str(kept)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert "no broker" in process.stdout.readline()
        deadline = time.monotonic() + PATIENCE_S
        measured = False
        while not measured and time.monotonic() < deadline:
            time.sleep(0.5)
            lines = kept.read_text().splitlines() if kept.exists() else []
            vitals = [json.loads(line)["payload"] for line in lines[:-1] if '/vitals"' in line]
            measured = any(is_live(one) for one in vitals)
        process.send_signal(signal.SIGINT)
        process.stdout.read()
    assert measured
    assert process.returncode == 0
    assert json.loads(kept.read_text().splitlines()[-1])["payload"]["state"] == "offline"


@pytest.mark.recordings
@pytest.mark.parametrize("record", ["bidmc/bidmc01", "challenge2015/v102s"])
def test_a_recording_without_pressure_plays_and_says_what_is_missing(demo, recordings, record):
    with demo("--record", str(recordings / record), "--speed", "max") as running:
        heard = [payload for leaf, payload in running.messages(PLAYED_S) if leaf == "vitals"]
        assert running.process.wait(PATIENCE_S) == 0
    rates = [v["quantities"]["pulse_rate"]["value"] for v in heard]
    assert sum(rate is not None for rate in rates) > 0.8 * len(rates)
    settled = heard[15:]  # the board takes some seconds to start, and a line is called flat after 1.5 s
    assert {tuple(v["quantities"]["systolic"]["reasons"]) for v in settled} == {("flat line",)}
    assert {v["origin"] for v in heard} == {"recorded"}
    for invented in ("spo2", "perfusion_index", "motion"):  # the sensors show some, but nobody recorded any
        assert {tuple(v["quantities"][invented]["reasons"]) for v in heard} == {("no such sensor",)}


@pytest.mark.recordings
def test_a_real_patient_over_mqtt_agrees_with_the_bedside_monitor(demo, recordings):
    record = recordings / "anaesthesia_enevoldsen" / "or_s26"
    with demo("--record", str(record), "--speed", "max") as running:
        heard = [payload for leaf, payload in running.messages(PLAYED_S) if leaf == "vitals"]
        assert running.process.wait(PATIENCE_S) == 0
    _, agreement = against_monitor(heard, record.with_name("or_s26_numerics.csv"))
    assert {name: one.mae <= LIMITS[name] for name, one in agreement.items()} == dict.fromkeys(LIMITS, True), agreement
    assert all(one.answered >= 0.95 for one in agreement.values()), agreement
    assert len(heard) >= 1248
