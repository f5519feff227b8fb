"""A rejected beat or a missing value in, the rule that decided and the numbers it saw out, for programs or people.

Nothing is computed again: the findings are those of the code that decided.
"""

from __future__ import annotations

from typing import Any

from dsp import Beat, Finding, Unavailable, Vital


def explain_lines(event: Beat | Vital) -> list[dict[str, Any]]:
    """One object for each rule that rejected a beat, or the one that withheld a value; none for what was measured."""
    if isinstance(event, Beat):
        subject = {"t_s": event.t_us / 1e6, "about": "beat", "name": event.channel.value}
        return [_line(subject, event.reasons[k].value, finding) for k, finding in enumerate(event.findings)]
    if not isinstance(event.reading, Unavailable):
        return []
    subject = {"t_s": event.t_us / 1e6, "about": "vital", "name": event.quantity.value}
    return [_line(subject, event.reading.reason.value, event.reading.finding)]


def _line(subject: dict[str, Any], reason: str, finding: Finding | None) -> dict[str, Any]:
    numbers = {name: round(float(value), 4) for name, value in finding.numbers} if finding else {}
    rule = finding.rule.value if finding else None
    return {"type": "explain", **subject, "reason": reason, "rule": rule, "numbers": numbers}


class Ledger:
    """The lines for a reader: seconds in a row that one rule withheld are one line, with the numbers of the first."""

    def __init__(self) -> None:
        self._lines: list[tuple[float, str]] = []
        self._open: dict[str, tuple[dict[str, Any], float]] = {}  # by quantity: first line, last second

    def add(self, line: dict[str, Any]) -> None:
        if line["about"] == "beat":
            self._lines.append((line["t_s"], f"{line['t_s']:9.2f} s       {line['name']} beat: {_why(line)}"))
            return
        first, last_s = self._open.get(line["name"], (line, line["t_s"]))
        if (first["rule"], first["reason"]) != (line["rule"], line["reason"]) or line["t_s"] > last_s + 1:
            self._close(line["name"])
            first = line
        self._open[line["name"]] = (first, line["t_s"])

    def text(self) -> str:
        """All lines in order of time."""
        for name in list(self._open):
            self._close(name)
        return "\n".join(text for _, text in sorted(self._lines))

    def _close(self, name: str) -> None:
        first, last_s = self._open.pop(name)
        span = f"{first['t_s']:6.0f} to {last_s:5.0f} s"
        self._lines.append((first["t_s"], f"{span} {name}: {_why(first)}"))


def _why(line: dict[str, Any]) -> str:
    numbers = ", ".join(f"{name} {value:g}" for name, value in line["numbers"].items())
    return f"{line['reason']} [{line['rule']}{': ' if numbers else ''}{numbers}]"
