"""A rejected beat, a missing or a doubtful value in, the rules that decided and the numbers they saw out.

Nothing is computed again: the findings are those of the code that decided.
"""

from __future__ import annotations

from typing import Any

from dsp import Beat, Finding, Measured, Vital


def explain_lines(event: Beat | Vital) -> list[dict[str, Any]]:
    """One object for each rule that rejected a beat, withheld a value or doubts one; none for what is good."""
    if isinstance(event, Beat):
        subject = {"t_s": event.t_us / 1e6, "about": "beat", "name": event.channel.value, "effect": "rejected"}
        return [_line(subject, event.reasons[k].value, finding) for k, finding in enumerate(event.findings)]
    subject = {"t_s": event.t_us / 1e6, "about": "vital", "name": event.quantity.value}
    reading = event.reading
    if isinstance(reading, Measured):
        return _doubts({**subject, "effect": "doubted"}, reading)
    return [_line({**subject, "effect": "withheld"}, reading.reason.value, reading.finding)]


def _doubts(subject: dict[str, Any], reading: Measured) -> list[dict[str, Any]]:
    """Each rule behind a questionable value, and each doubt that no rule of the list stands behind."""
    known = {reason for reason, _ in reading.findings}
    bare = [_line(subject, reason.value, None) for reason in reading.doubts if reason not in known]
    return [_line(subject, reason.value, finding) for reason, finding in reading.findings] + bare


def _line(subject: dict[str, Any], reason: str, finding: Finding | None) -> dict[str, Any]:
    numbers = {name: round(float(value), 4) for name, value in finding.numbers} if finding else {}
    rule = finding.rule.value if finding else None
    return {"type": "explain", **subject, "reason": reason, "rule": rule, "numbers": numbers}


class Ledger:
    """The lines for a reader: seconds in a row of one rule and effect are one line, with the numbers of the first."""

    def __init__(self) -> None:
        self._lines: list[tuple[float, str]] = []
        self._open: dict[
            tuple[Any, ...], tuple[dict[str, Any], float]
        ] = {}  # by what is alike: first line, last second

    def add(self, line: dict[str, Any]) -> None:
        if line["about"] == "beat":
            self._lines.append((line["t_s"], f"{line['t_s']:9.2f} s       {line['name']} beat: {_why(line)}"))
            return
        alike = tuple(line[name] for name in ("name", "effect", "reason", "rule"))
        first, last_s = self._open.get(alike, (line, line["t_s"]))
        if line["t_s"] > last_s + 1:
            self._close(alike)
            first = line
        self._open[alike] = (first, line["t_s"])

    def text(self) -> str:
        """All lines in order of time."""
        for alike in list(self._open):
            self._close(alike)
        return "\n".join(text for _, text in sorted(self._lines))

    def _close(self, alike: tuple[Any, ...]) -> None:
        first, last_s = self._open.pop(alike)
        span = f"{first['t_s']:6.0f} to {last_s:5.0f} s"
        doubted = " doubted" if first["effect"] == "doubted" else ""
        self._lines.append((first["t_s"], f"{span} {first['name']}{doubted}: {_why(first)}"))


def _why(line: dict[str, Any]) -> str:
    if line["rule"] is None:
        return str(line["reason"])
    numbers = ", ".join(f"{name} {value:g}" for name, value in line["numbers"].items())
    return f"{line['reason']} [{line['rule']}{': ' if numbers else ''}{numbers}]"
