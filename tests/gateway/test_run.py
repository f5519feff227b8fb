"""``chairside run`` as a device that nobody watches: it starts with nothing there and comes alive by itself."""

import json
import os
import socket
import subprocess
import sys
import threading
import time

import pytest

from gateway.mqtt.broker import NATS, PrivateBroker
from gateway.mqtt.subscriber import Subscriber

PATIENCE_S = 60.0  # for a loaded machine
CONFIG = """
format = 1
[chair]
site = "clinic"
name = "chair-1"
[source]
port = "{port}"
[broker]
url = "mqtt://127.0.0.1:{broker}"
"""


class Lines:
    """What a process says on stderr, as it says it."""

    def __init__(self, process):
        self._lines, self._said = [], threading.Condition()
        threading.Thread(target=self._read, args=(process.stderr,), daemon=True).start()

    def _read(self, stderr):
        for line in stderr:
            with self._said:
                self._lines.append(line.rstrip())
                self._said.notify_all()

    def wait(self, words):
        with self._said:
            found = self._said.wait_for(lambda: any(words in line for line in self._lines), PATIENCE_S)
        assert found, (words, self._lines)


@pytest.mark.rig
@pytest.mark.broker
def test_a_device_starts_without_port_and_broker_names_both_and_comes_alive_when_they_do(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        broker_port = probe.getsockname()[1]
    port, config = tmp_path / "ttyBOARD", tmp_path / "chair.toml"
    config.write_text(CONFIG.format(port=port, broker=broker_port))
    command = [sys.executable, "-m", "gateway.cli.main", "run", "--config", str(config)]
    rig = [sys.executable, "-m", "hil.cli", "board"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as device:
        lines = Lines(device)
        lines.wait(f"serial port: expected a free one at {port}, but No such file or directory; waiting for it")
        lines.wait(f"broker: expected one at mqtt://127.0.0.1:{broker_port}, but nobody answers there; waiting for it")
        with (
            PrivateBroker(NATS, port=broker_port, report=print) as broker,
            subprocess.Popen(rig, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as board,
            Subscriber(broker.url, "chairside/v1/clinic/chair-1/#", report=print) as subscriber,
        ):
            lines.wait(f"connected to mqtt://127.0.0.1:{broker_port} over MQTT 3.1.1")
            reasons, rate = first(subscriber, "status", lambda s: s["reasons"]), None
            assert reasons == ["nothing heard from the board"]
            os.symlink(board.stdout.readline().strip(), port)
            lines.wait(f"serial port: {port} is there")
            rate = first(subscriber, "vitals", lambda v: v["quantities"]["pulse_rate"]["value"])
            device.terminate()
            board.terminate()
        assert device.wait(PATIENCE_S) == 0
    assert 50 < rate < 100


def first(subscriber, leaf, of):
    """The first truthy value of such messages."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        heard = subscriber.wait_message(0.5)
        if heard is not None and heard.topic.endswith(f"/{leaf}") and (found := of(json.loads(heard.payload))):
            return found
    raise AssertionError(f"no such {leaf}")
