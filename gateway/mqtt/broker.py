"""A private broker for one chair, on loopback, started again when it dies, gone without a trace at the end."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from gateway.mqtt.connection import BrokerError, BrokerUrl

_LOOPBACK = "127.0.0.1"
_START_S = 10.0
_LOOK_S = 0.02
_END_S = 1.0
_TRIES = 3  # another process may take the free port between our look and the server's
_BACKOFF_S = (0.2, 1.0, 5.0)  # between restarts that follow each other; the last one repeats
_PR_SET_PDEATHSIG = 1
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None

# Values and their reasons: the queue's default of 1000 drops the newest silently; more than 20 messages in flight lose
# QoS 2; settings by listener break sessions in 2.0.12 to 2.0.18 (Mosquitto issues 3687, 3056, thin-edge 3185).
# Started by root it would change to a user who may not write into our directory; otherwise that line does nothing.
_MOSQUITTO = """
user root
per_listener_settings false
persistence true
persistence_location {directory}/
autosave_interval 5
max_queued_messages 5000
max_inflight_messages 20
persistent_client_expiration 7d
set_tcp_nodelay true
listener {port} {host}
allow_anonymous true
"""

_NATS = """
server_name: chairside
host: "{host}"
port: -1
jetstream {{ store_dir: "{directory}/store", max_memory_store: 64MB, max_file_store: 256MB }}
mqtt {{ host: "{host}", port: {port} }}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A broker program: how it is found and configured, and what it cannot do."""

    name: str
    program: str
    config: str
    limits: str

    def find(self) -> str | None:
        """Its path: a wheel's program lies beside the interpreter, a system's may be outside a user's PATH."""
        places = [str(Path(sys.executable).parent), "/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin", os.defpath]
        return shutil.which(self.program) or shutil.which(self.program, path=os.pathsep.join(places))


MOSQUITTO = Server(
    name="mosquitto",
    program="mosquitto",
    config=_MOSQUITTO,
    limits="private mosquitto, MQTT 5, loopback only: its retained state ends with it",
)
NATS = Server(
    name="nats",
    program="nats-server",
    config=_NATS,
    limits="embedded NATS server, MQTT 3.1.1, loopback only: refused messages and missing subscribers "
    "cannot be detected, its retained state ends with it",
)


class PrivateBroker:
    """A broker as a child process; ``url`` is valid inside the context, also after a restart.

    Parameters
    ----------
    port : int or None
        The MQTT port; None takes a free one.
    report : callable
        Gets one line when the broker has died, and when it runs again; called from another thread.
    """

    def __init__(self, server: Server, *, port: int | None = None, report: Callable[[str], None]) -> None:
        self._server, self._port, self._report = server, port, report
        self._process: subprocess.Popen[bytes] | None = None
        self._directory: tempfile.TemporaryDirectory[str] | None = None
        self._ending = threading.Event()
        self._keeper = threading.Thread(target=self._keep, daemon=True)

    @property
    def url(self) -> BrokerUrl:
        if self._port is None:
            raise RuntimeError("the broker has not been started")
        return BrokerUrl(host=_LOOPBACK, port=self._port)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def __enter__(self) -> Self:
        program = self._server.find()
        if program is None:
            raise BrokerError(f"broker: expected {self._server.program} to be installed, but it is not")
        if self._port is not None and _is_taken(self._port):
            raise BrokerError(f"broker: expected a free port, but {_LOOPBACK}:{self._port} is in use")
        self._directory = tempfile.TemporaryDirectory(prefix="chairside-broker-")
        for port in [self._port] if self._port else [_free_port() for _ in range(_TRIES)]:
            self._port = port
            if self._start(program, port):
                self._keeper.start()
                return self
        self._stop()
        self._directory.cleanup()
        raise BrokerError(f"broker: {program} did not start within {_START_S:g} s")

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._stop()
        self._keeper.join()
        self._stop()  # what the keeper may have been starting
        if self._directory is not None:
            self._directory.cleanup()

    def _stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _start(self, program: str, port: int) -> bool:
        if self._directory is None:
            raise RuntimeError("the broker has no directory")
        config = Path(self._directory.name) / "broker.conf"
        config.write_text(self._server.config.format(host=_LOOPBACK, port=port, directory=self._directory.name))
        self._process = subprocess.Popen(
            [program, "-c", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,  # Ctrl-C is for us; the broker outlives the gateway's last message
            preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call, looked up before the fork
        )
        for _ in range(round(_START_S / _LOOK_S)):
            if _is_taken(port):
                return self._process.poll() is None
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_LOOK_S)
                return False
        return False

    def _keep(self) -> None:
        """Start a dead broker again, on the port that its clients know."""
        deaths = 0
        while self._process is not None:
            code = self._process.wait()
            if self._ending.is_set():
                return
            self._report(f"the broker has died (exit code {code}); it is started again")
            if self._ending.wait(_BACKOFF_S[min(deaths, len(_BACKOFF_S) - 1)]):
                return
            program = self._server.find()
            if program is not None and self._port is not None and self._start(program, self._port):
                deaths = 0
                self._report("the broker runs again")
            else:
                deaths += 1


CHOICES = ("auto", MOSQUITTO.name, NATS.name, "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The broker that is used, None where there is none, and what it cannot do."""

    url: BrokerUrl | None
    limits: str


@contextlib.contextmanager
def open_broker(choice: str, *, port: int | None, report: Callable[[str], None]) -> Iterator[Opened]:
    """Open the broker a person chose: a URL, ``mosquitto``, ``nats``, ``none``, or ``auto``: the first there is."""
    servers = {server.name: server for server in (MOSQUITTO, NATS)}
    if choice == "auto":
        choice = next((name for name, server in servers.items() if server.find()), "none")
    if choice == "none":
        yield Opened(url=None, limits="no broker: nothing leaves this machine")
    elif choice in servers:
        with PrivateBroker(servers[choice], port=port, report=report) as broker:
            yield Opened(url=broker.url, limits=f"{servers[choice].limits}; pid {broker.pid}")
    else:
        yield Opened(url=BrokerUrl.parse(choice), limits="configured")


def die_with_parent() -> None:
    """Run in a child between fork and exec: it shall not outlive a killed parent (prctl(2), Linux only)."""
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((_LOOPBACK, port)) == 0
