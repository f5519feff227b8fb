"""The reference client: what a subscriber hears of a chair, and how it judges by itself that it hears nothing."""

from __future__ import annotations

import queue
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import msgspec
import paho.mqtt.client as paho
from paho.mqtt.enums import MQTTErrorCode

from gateway.alarms import Presence, Priority
from gateway.chunklog import OriginKind
from gateway.decoding import decoded
from gateway.messages import tail_of
from gateway.mqtt.connection import BrokerUrl, Callbacks, Connection, connect
from gateway.payloads import (
    AlarmDocument,
    AlarmState,
    AlarmSystem,
    Heartbeat,
    SessionMessage,
    Stamp,
    Status,
    Vitals,
    VitalValue,
)

_DRIFT = 1e-4  # of the two clocks against each other; without it a long session would end in NO DATA
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
        self._connection: Connection | None = None

    def __enter__(self) -> Self:
        calls = Callbacks(
            connected=self._subscribe,
            message=lambda topic, payload, retained: self._heard.put(
                Heard(topic=topic, payload=payload, retained=retained)
            ),
            report=self._report,
            acknowledged=self._acknowledged,
        )
        self._connection = connect(self._url, f"chairside-watch-{uuid.uuid4().hex[:12]}", calls)
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.close()

    def _subscribe(self, client: paho.Client) -> None:
        client.subscribe(self._filter, qos=1)

    def _acknowledged(self, _number: int, refusal: str) -> None:
        if refusal:
            self._report(f"{self._url} refused a message: {refusal}")

    def send(self, topic: str, payload: bytes) -> bool:
        """Publish a request or a receipt, never retained. False if the broker is away: then nothing is kept for it."""
        if self._connection is None or not self._connection.client.is_connected():
            return False
        answer = self._connection.client.publish(topic, payload, qos=1, retain=False)
        return answer.rc is not MQTTErrorCode.MQTT_ERR_QUEUE_SIZE

    def wait_message(self, timeout_s: float) -> Heard | None:
        """The next message, or None if none came in time."""
        if self._connection is not None:
            self._connection.check()
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
        self._vitals_late_us = 0  # how much longer than the quickest they were on their way
        self._heard: dict[str, tuple[str, int, float, int]] = {}  # by tail: boot, newest seq, least delay, when
        self.session: SessionMessage | None = None
        self.utc_ms: int | None = None  # the chair's own time of day, by its newest heartbeat
        self._alarms: dict[str, AlarmDocument] = {}
        self._system: AlarmSystem | None = None
        self._system_us: int | None = None
        self._unread: set[str] = set()

    def feed(self, heard: Heard, now_us: int) -> None:
        """Take a message; one that cannot be read changes nothing, and is told until one like it can."""
        tail = tail_of(heard.topic)
        try:
            self._take(tail, heard, now_us)
        except msgspec.DecodeError:
            self._unread.add(tail)
        else:
            self._unread.discard(tail)

    @property
    def unread(self) -> list[str]:
        """What was said last of these cannot be read: what is shown of them may be old."""
        return sorted(self._unread)

    def _take(self, tail: str, heard: Heard, now_us: int) -> None:
        if self._take_state(tail, heard) or heard.retained:
            return  # nobody may retain live values; one who did does not make them live
        match tail:
            case "heartbeat":
                heartbeat = decoded(heard.payload, Heartbeat)
                if self._is_fresh(tail, heartbeat, heartbeat.seq, now_us):
                    self._heartbeat_us, self.utc_ms = now_us, heartbeat.utc_ms
            case "vitals":
                vitals = decoded(heard.payload, Vitals)
                if self._is_fresh(tail, vitals, vitals.seq, now_us):
                    self._vitals, self._vitals_us = vitals, now_us
                    self._vitals_late_us = self._late_us(tail, vitals, now_us)
            case "alarm-system":
                system = decoded(heard.payload, AlarmSystem)
                if self._is_fresh(tail, system, system.t_us, now_us):
                    self._system, self._system_us = system, now_us
            case _:
                pass  # nothing a screen shows

    def _take_state(self, tail: str, heard: Heard) -> bool:
        """Take what is retained, of any age: it is the newest there is."""
        if tail == "status":
            self.status = decoded(heard.payload, Status)
        elif tail == "session":
            self.session = decoded(heard.payload, SessionMessage)
        elif tail.startswith("alarms/"):
            self._take_alarm(tail, decoded(heard.payload, AlarmDocument))
        else:
            return False
        return True

    def _take_alarm(self, tail: str, document: AlarmDocument) -> None:
        """Within a start of the gateway an older document can come behind a newer one, after an outage."""
        known = self._alarms.get(tail)
        if known is None or known.boot != document.boot or document.alarm.rev >= known.alarm.rev:
            self._alarms[tail] = document

    def _is_fresh(self, tail: str, stamp: Stamp, seq: int, now_us: int) -> bool:
        """Whether a message is the next of its start of the gateway, and has not been held back on its way.

        Lateness is judged against the quickest message so far, so that no clock need agree. A rig may run slower than
        time, so only a live chair is held to it.
        """
        boot, last_seq, least_us, heard_us = self._heard.get(tail, ("", -1, 0.0, now_us))
        delay_us = now_us - stamp.t_us
        if boot != stamp.boot:
            last_seq, least_us = -1, float(delay_us)
        least_us = min(least_us + (now_us - heard_us) * _DRIFT, delay_us)
        self._heard[tail] = (stamp.boot, max(seq, last_seq), least_us, now_us)
        return seq > last_seq and self._late_us(tail, stamp, now_us) <= STALE_US

    def _late_us(self, tail: str, stamp: Stamp, now_us: int) -> int:
        """How much longer a message that comes now was on its way than the quickest of its kind."""
        least_us = self._heard[tail][2]
        return round(now_us - stamp.t_us - least_us) if stamp.origin is OriginKind.LIVE else 0

    def is_live(self, now_us: int) -> bool:
        """Heartbeat and values within the last 3 s, and no last will."""
        if self.status is None or self.status.state == "offline":
            return False
        last = (self._heartbeat_us, self._vitals_us)
        return all(at is not None and now_us - at <= STALE_US for at in last)

    def quantities(self, now_us: int) -> dict[str, VitalValue]:
        """The values that may be shown now: none if the chair is not live, no number that is over 3 s old by now."""
        if self._vitals is None or self._vitals_us is None or not self.is_live(now_us):
            return {}
        message_us = self._vitals_late_us + now_us - self._vitals_us
        return {name: _as_old_as(value, message_us) for name, value in self._vitals.quantities.items()}

    def alarms(self) -> list[AlarmState]:
        """The alarms with a signal, the most urgent first; of a chair that is not live the last ones known."""
        return [document.alarm for document in self.alarm_documents()]

    def alarm_documents(self) -> list[AlarmDocument]:
        """The same with their stamps."""
        shown = [one for one in self._alarms.values() if one.alarm.presence is not Presence.OFF]
        return sorted(shown, key=lambda one: (-list(Priority).index(one.alarm.priority), one.alarm.condition))

    def system(self, now_us: int) -> AlarmSystem | None:
        """The state of the alarm system, None if it has not been heard for 3 s: then nobody knows of any alarm."""
        is_fresh = self._system_us is not None and now_us - self._system_us <= STALE_US
        return self._system if is_fresh else None

    def headline(self, now_us: int) -> str:
        """One line: where the signals come from, and whether the chair is heard."""
        if self.status is None:
            missing = "status cannot be read" if "status" in self._unread else "no status yet"
            return f"{missing}: unknown, not normal"
        origin = self.status.origin
        label = self.status.origin_label
        if origin is not OriginKind.LIVE:
            label = f"{origin.value.upper()}: {label}"
        state = self.status.state
        if state != "offline" and not self.is_live(now_us):
            state = "NO DATA for 3 s" if self._heartbeat_us is not None else "NO DATA yet"
        reasons = f" ({'; '.join(self.status.reasons)})" if self.status.reasons else ""
        unread = f" | CANNOT BE READ, maybe old: {', '.join(self.unread)}" if self._unread else ""
        return printable(f"{state.upper() if state == 'offline' else state}{reasons} | {label}{unread}")


def _as_old_as(value: VitalValue, message_us: int) -> VitalValue:
    """A value whose message is so old; what is over 3 s old altogether is no number any more."""
    if value.value is None or (value.age_ms or 0) * 1000 + message_us <= STALE_US:
        return value
    return VitalValue(value=None, unit=value.unit, validity="stale", reasons=["stale"], sqi=0.0, age_ms=None)


def printable(text: str) -> str:
    """Text from the network as a terminal may be given it: without control characters."""
    return "".join(c if c.isprintable() else "?" for c in text)
