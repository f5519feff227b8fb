"""The reference client: what a subscriber hears of a chair, and how it judges by itself that it hears nothing."""

from __future__ import annotations

import queue
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import msgspec
import paho.mqtt.client as paho

from gateway.chunklog import OriginKind
from gateway.messages import Heartbeat, Status, Vitals, VitalValue
from gateway.mqtt.connection import BrokerUrl, Callbacks, connect

STALE_US = 3_000_000  # nothing older is shown as live; the last will may take 10 s and more


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One message as it came; ``retained`` ones may be of any age."""

    topic: str
    payload: bytes
    retained: bool


class Subscriber:
    """Subscribes to a filter and hands the messages over one by one; subscribes again after every reconnect."""

    def __init__(
        self,
        url: BrokerUrl,
        topic_filter: str,
        *,
        report: Callable[[str], None],
    ) -> None:
        self._url, self._filter, self._report = url, topic_filter, report
        self._heard: queue.Queue[Heard] = queue.Queue()
        self._client: paho.Client | None = None

    def __enter__(self) -> Self:
        calls = Callbacks(
            connected=self._subscribe,
            message=lambda topic, payload, retained: self._heard.put(
                Heard(topic=topic, payload=payload, retained=retained)
            ),
            report=self._report,
        )
        self._client = connect(self._url, f"chairside-watch-{uuid.uuid4().hex[:12]}", calls)
        return self

    def __exit__(self, *_: object) -> None:
        if self._client is not None:
            self._client.disconnect()
            self._client.loop_stop()

    def _subscribe(self, client: paho.Client) -> None:
        client.subscribe(self._filter, qos=1)

    def wait_message(self, timeout_s: float) -> Heard | None:
        """The next message, or None if none came in time."""
        try:
            return self._heard.get(timeout=timeout_s)
        except queue.Empty:
            return None


class ChairView:
    """What may be shown of one chair; time is the reader's own, so a dead gateway cannot look alive."""

    def __init__(self) -> None:
        self.status: Status | None = None
        self._vitals: Vitals | None = None
        self._heartbeat_us: int | None = None
        self._vitals_us: int | None = None

    def feed(self, heard: Heard, now_us: int) -> None:
        """Take a message; one that cannot be read is as good as none."""
        leaf = heard.topic.rsplit("/", 1)[-1]
        try:
            if leaf == "status":
                self.status = msgspec.json.decode(heard.payload, type=Status)
            elif heard.retained:
                return  # nobody may retain live values; one who did does not make them live
            elif leaf == "heartbeat":
                msgspec.json.decode(heard.payload, type=Heartbeat)
                self._heartbeat_us = now_us
            elif leaf == "vitals":
                self._vitals = msgspec.json.decode(heard.payload, type=Vitals)
                self._vitals_us = now_us
        except msgspec.DecodeError:
            return

    def is_live(self, now_us: int) -> bool:
        """Heartbeat and values within the last 3 s, and no last will."""
        if self.status is None or self.status.state == "offline":
            return False
        last = (self._heartbeat_us, self._vitals_us)
        return all(at is not None and now_us - at <= STALE_US for at in last)

    def quantities(self, now_us: int) -> dict[str, VitalValue]:
        """The values that may be shown now: none if the chair is not live."""
        return self._vitals.quantities if self._vitals and self.is_live(now_us) else {}

    def headline(self, now_us: int) -> str:
        """One line: where the signals come from, and whether the chair is heard."""
        if self.status is None:
            return "no status yet: unknown, not normal"
        origin = self.status.origin
        label = self.status.origin_label
        if origin is not OriginKind.LIVE:
            label = f"{origin.value.upper()}: {label}"
        state = self.status.state
        if state != "offline" and not self.is_live(now_us):
            state = "NO DATA for 3 s" if self._heartbeat_us is not None else "NO DATA yet"
        reasons = f" ({'; '.join(self.status.reasons)})" if self.status.reasons else ""
        return f"{state.upper() if state == 'offline' else state}{reasons} | {label}"
