"""A private broker for one chair: the NATS server of the ``embedded`` extra, on loopback, gone without a trace."""

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
from pathlib import Path
from typing import Self

from gateway.mqtt.connection import BrokerError, BrokerUrl

_LOOPBACK = "127.0.0.1"
_START_S = 10.0
_LOOK_S = 0.02
_TRIES = 3  # another process may take the free port between our look and the server's
_PR_SET_PDEATHSIG = 1
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None

_CONFIG = """
server_name: chairside
host: "{host}"
port: -1
jetstream {{ store_dir: "{store}", max_memory_store: 64MB, max_file_store: 256MB }}
mqtt {{ host: "{host}", port: {port} }}
"""


class EmbeddedBroker:
    """A NATS server as a child process that speaks MQTT 3.1.1; ``url`` is valid inside the context.

    Parameters
    ----------
    port : int or None
        The MQTT port; None takes a free one.
    """

    limits = (
        "embedded NATS server, MQTT 3.1.1, loopback only: refused messages and missing subscribers "
        "cannot be detected, retained state ends with it"
    )

    def __init__(self, port: int | None = None) -> None:
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None
        self._directory: tempfile.TemporaryDirectory[str] | None = None
        self._url: BrokerUrl | None = None

    @property
    def url(self) -> BrokerUrl:
        if self._url is None:
            raise RuntimeError("the broker has not been started")
        return self._url

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def __enter__(self) -> Self:
        program = _find_server()
        if self._port is not None and _is_taken(self._port):
            raise BrokerError(f"broker: expected a free port, but {_LOOPBACK}:{self._port} is in use")
        for _ in range(_TRIES):
            if self._start(program, self._port or _free_port()):
                return self
            self.__exit__()
        raise BrokerError(f"broker: {program} did not start within {_START_S:g} s")

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(1.0)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._directory is not None:
            self._directory.cleanup()
            self._directory = None

    def _start(self, program: str, port: int) -> bool:
        self._directory = tempfile.TemporaryDirectory(prefix="chairside-broker-")
        root = Path(self._directory.name)
        config = root / "nats.conf"
        config.write_text(_CONFIG.format(host=_LOOPBACK, port=port, store=root / "store"))
        self._process = subprocess.Popen(
            [program, "-c", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,  # Ctrl-C is for us; the broker outlives the gateway's last message
            preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call, looked up before the fork
        )
        self._url = BrokerUrl(host=_LOOPBACK, port=port)
        for _ in range(round(_START_S / _LOOK_S)):
            if _is_taken(port):
                return True
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_LOOK_S)
                return False
        return False


def die_with_parent() -> None:
    """Run in a child between fork and exec: it shall not outlive a killed parent (prctl(2), Linux only)."""
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _find_server() -> str:
    """The wheel's program lies beside the interpreter; a system's own may be outside a user's PATH."""
    places = os.pathsep.join([str(Path(sys.executable).parent), os.defpath, "/usr/sbin"])
    found = shutil.which("nats-server", path=places) or shutil.which("nats-server")
    if found is None:
        raise BrokerError(
            "broker: none configured and none to start; expected --broker mqtt://host[:port] "
            "or pip install 'chairside[embedded]'"
        )
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((_LOOPBACK, port)) == 0
