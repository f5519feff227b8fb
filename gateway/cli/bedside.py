"""What a screen says of a chair's alarms and of its treatment session: lines of text, plain or coloured."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Group, RenderableType
from rich.text import Text

from gateway.alarms import Presence, Priority
from gateway.mqtt.subscriber import ChairView, printable
from gateway.payloads import AlarmDocument, SessionMessage
from gateway.sources import clock_text
from gateway.treatment.records import Discharge, GateState

# Marks and colours are the usual practice after IEC 60601-1-8 (clinical.md 3.1): the words always stand beside them.
_MARKS = {Priority.HIGH: "!!!", Priority.MEDIUM: "!!", Priority.LOW: "!"}
_STYLES = {Priority.HIGH: "bold white on red", Priority.MEDIUM: "bold black on yellow", Priority.LOW: "bold cyan"}
_WORDS = {Presence.ON: "on", Presence.LATCHED: "latched, nobody has seen it", Presence.ACK: "acknowledged"}
_EVENTS = 3


def alarm_text(document: AlarmDocument, *, is_live: bool, number: int | None = None) -> str:
    """An alarm in one line; the number is the key that acknowledges it. Of a chair that is not live without values."""
    alarm = document.alarm
    key = "" if number is None else f"{number} "
    who = f" by {alarm.acknowledged_by}" if alarm.acknowledged_by and alarm.presence is Presence.ACK else ""
    escalation = f", nobody has answered ({alarm.escalation})" if alarm.escalation else ""
    words = f"[{alarm.priority.value}, {_WORDS.get(alarm.presence, '')}{who}{escalation}]"
    said = alarm.text if is_live else f"{last_known(document.utc_ms)} {alarm.title}"
    return printable(f"{key}{_MARKS[alarm.priority]} {said} {words}")


def last_known(utc_ms: int) -> str:
    """What stands before all that a chair has said that is not heard any more."""
    return f"LAST KNOWN {clock_text(utc_ms)}:"


def system_text(view: ChairView, now_us: int) -> str:
    """The state of the alarm system, empty if there is nothing to say of it."""
    system = view.system(now_us)
    if system is None:
        how = "understood" if "alarm-system" in view.unread else "heard"
        is_expected = how == "understood" or view.session or view.alarms()
        return f"alarm system not {how}: whether there are alarms is unknown" if is_expected else ""
    parts = []
    if system.paused_s:
        parts.append(f"SOUND PAUSED {system.paused_s // 60}:{system.paused_s % 60:02d} by {system.paused_by}")
    if system.standby_by is not None:
        parts.append(f"STANDBY by {system.standby_by}: alarms of the patient are off")
    if system.inactive:
        parts.append(f"SWITCHED OFF: {', '.join(system.inactive)}")
    return printable(" | ".join(parts))


def session_text(view: ChairView, now_us: int) -> str:
    """The session in one line, empty without one; of a chair that is not live only which phase was the last known."""
    session = view.session
    if session is None or session.route is None:
        return ""
    if not view.is_live(now_us):
        return printable(f"{last_known(session.utc_ms)} session {session.route.value}: {session.phase.value.upper()}")
    now_utc_ms = view.utc_ms
    since = ""
    if session.phase_since_utc_ms is not None and now_utc_ms is not None:
        seconds = max(0, now_utc_ms - session.phase_since_utc_ms) // 1000
        since = f" for {seconds // 60}:{seconds % 60:02d}"
    parts = [f"session {session.route.value}: {session.phase.value.upper()}{since}", *_numbers(session)]
    return printable(" | ".join([*parts, *(f"{one.name}: {one.text}" for one in session.advisories)]))


def _numbers(session: SessionMessage) -> list[str]:
    parts = []
    if session.baseline:
        words = {"systolic": "", "diastolic": "/", "pulse_rate": " pulse ", "spo2": " SpO2 "}
        known = [
            f"{mark}{session.baseline[name].value:.0f}" for name, mark in words.items() if name in session.baseline
        ]
        parts.append(f"baseline {''.join(known)}")
    if (rise := session.peak_rise.get("systolic")) is not None:
        parts.append(f"largest rise {rise:+.0f} mmHg")
    if session.discharge is not None:
        parts.append(_readiness(session.discharge))
    return parts


def _readiness(discharge: Discharge) -> str:
    """What is met is said, and no more: a score that nobody has entered holds nobody back, and is none."""
    if not discharge.is_fit:
        return f"discharge waits: {_few([gate.name for gate in discharge.gates if gate.state is GateState.NOT_MET])}"
    unknown = [gate.name for gate in discharge.gates if gate.state is GateState.UNKNOWN]
    return f"measured criteria met, {' and '.join(unknown)} not entered" if unknown else "criteria of discharge met"


def _few(names: list[str]) -> str:
    return ", ".join(names) if names else "something is not known"


def bedside(view: ChairView, now_us: int, numbers: Mapping[str | None, int]) -> list[RenderableType]:
    """Alarms with the numbers of their occurrences, then the state of their system, then the session."""
    parts: list[RenderableType] = []
    is_live = view.is_live(now_us)
    for document in view.alarm_documents():
        alarm = document.alarm
        style = _STYLES[alarm.priority] if alarm.presence is not Presence.ACK else "yellow"
        parts.append(Text(alarm_text(document, is_live=is_live, number=numbers.get(alarm.id)), style=style))
    if system := system_text(view, now_us):
        parts.append(Text(system, style="bold magenta"))
    if session := session_text(view, now_us):
        parts.append(Text(session, style="bold"))
        events = view.session.events[-_EVENTS:] if view.session and is_live else []
        lines = [printable(f"  {event.who or '-'} {event.kind.value}: {event.text}") for event in events]
        parts.append(Text("\n".join(lines), style="dim"))
    return [Group(*parts)] if parts else []
