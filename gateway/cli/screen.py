"""What is heard of chairs in, a terminal's picture of it out, or a line a second where there is no terminal."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from types import MappingProxyType
from typing import Self

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from gateway.chunklog import OriginKind
from gateway.cli.bedside import alarm_text, bedside, session_text, system_text
from gateway.cli.digits import big
from gateway.cli.numbers import Drawn, Numbers
from gateway.messages import chair_of
from gateway.mqtt.subscriber import ChairView, Heard, printable
from gateway.payloads import VitalValue

_NOTES = 12
_SMALL, _LITTLE = 10, 1  # below it the whole number says too little, as of perfusion index, and of motion one decimal
_NONE = VitalValue(value=None, unit="", validity="stale", reasons=["no data"], sqi=0.0, age_ms=None)
# The common habit, no standard: pulse green, pressure red, saturation cyan. The label always stands beside the colour.
_COLOURS = {"pulse_rate": "green", "systolic": "red", "spo2": "cyan"}
_TILES = ("pulse_rate", "systolic", "spo2")
_IN_TILES = {"diastolic", "mean_pressure", *_TILES}


class Screen:
    """Notes, and all chairs heard.

    Attributes
    ----------
    drawn : what was drawn last: what a key acknowledges is what was seen
    """

    def __init__(self, keys: str = "") -> None:
        self._keys = keys
        self.drawn = Drawn()
        self._numbers = Numbers()
        self._notes: deque[str] = deque(maxlen=_NOTES)
        self._chairs: dict[tuple[str, str], ChairView] = {}
        console = Console()
        self._live = Live(console=console, screen=True, auto_refresh=False) if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the terminal as it was, with the notes, which hold the last reason, below."""
        if self._live is not None:
            self._live.stop()
            print("\n".join(self._notes))

    def note(self, line: str) -> None:
        """A line that stays on the screen; may come from any thread."""
        self._notes.append(printable(line))
        if self._live is None:
            print(printable(line), flush=True)

    def feed(self, heard: Heard, now_us: int) -> None:
        chair = chair_of(heard.topic)
        if chair is not None:
            self._chairs.setdefault(chair, ChairView()).feed(heard, now_us)

    def draw(self, now_us: int) -> None:
        chairs = sorted(self._chairs.items())
        if self._live is None:
            for chair, view in chairs:
                print(line(chair, view, now_us), flush=True)
            return
        numbered = self._numbers.of((chair, alarm) for chair, view in chairs for alarm in view.alarms())
        sounding = {chair: system.sound for chair, view in chairs if (system := view.system(now_us)) and system.sound}
        pages = [
            page(chair, view, now_us, {alarm.id: key for key, (whose, alarm) in numbered.items() if whose == chair})
            for chair, view in chairs
        ]
        waiting = Text("waiting for a chair ...", style="dim")
        below = [Text(self._keys, style="dim"), Text("\n".join(self._notes), style="dim")]
        self._live.update(Group(*(pages or [waiting]), *below), refresh=True)
        self.drawn = Drawn(numbered=numbered, sounding=sounding)


def line(chair: tuple[str, str], view: ChairView, now_us: int) -> str:
    """A chair in one line of plain text."""
    values = view.quantities(now_us)
    shown = [f"{name} {_number(value)}{_doubt(value)}" for name, value in values.items() if value.value is not None]
    missing: dict[str, list[str]] = {}
    for name, value in values.items():
        if value.value is None:
            missing.setdefault(", ".join(value.reasons), []).append(name)
    absent = [f"{', '.join(names)}: {reason}" for reason, names in missing.items()]
    parts = [f"{chair[0]}/{chair[1]} {view.headline(now_us)}", ", ".join(shown) or "no value", *absent]
    parts += [alarm_text(document, is_live=view.is_live(now_us)) for document in view.alarm_documents()]
    parts += [one for one in (system_text(view, now_us), session_text(view, now_us)) if one]
    return printable(" | ".join(parts))


def page(
    chair: tuple[str, str], view: ChairView, now_us: int, numbers: Mapping[str | None, int] = MappingProxyType({})
) -> RenderableType:
    """A chair as a panel: alarms, big numbers, the rest; nothing that is not live is shown as a number."""
    is_live = view.is_live(now_us)
    values = view.quantities(now_us)
    tiles = Columns([_tile(name, values) for name in _TILES], padding=(0, 1))
    body: list[RenderableType] = [_banner(view, now_us), *bedside(view, now_us, numbers), tiles]
    body.append(_table([(name, value) for name, value in values.items() if name not in _IN_TILES]))
    border = "green" if is_live and view.status is not None and not view.status.reasons else "yellow"
    title = f"[bold]{chair[1]}[/] at {chair[0]}"
    return Panel(Group(*body), title=title, border_style=border if is_live else "red", width=100)


def _banner(view: ChairView, now_us: int) -> Text:
    text = Text()
    if view.status is not None and view.status.origin is not OriginKind.LIVE:
        text.append(f" {view.status.origin.value.upper()} ", style="bold white on magenta")
        text.append(" ")
    style = "" if view.is_live(now_us) else "bold red"
    return text.append(view.headline(now_us), style=style)


def _tile(name: str, values: dict[str, VitalValue]) -> RenderableType:
    value = values.get(name, _NONE)
    number, label = _number(value), name.replace("_", " ")
    if name == "systolic":
        label = "pressure"
        number = f"{number}/{_number(values.get('diastolic', _NONE))}"
        if (mean := values.get("mean_pressure", _NONE)).value is not None:
            label = f"pressure, mean {mean.value:.0f}"
    colour = _COLOURS[name] if value.value is not None else "bright_black"
    text = Text(big(number), style=f"bold {colour}", no_wrap=True)
    text.append(f"\n{value.unit or ' '}\n", style="dim")
    text.append_text(_quality(value))
    text.append(f"\n{', '.join(value.reasons) or ' '}", style="yellow")
    return Panel(text, title=label, border_style=colour, width=36 if name == "systolic" else 29)


def _quality(value: VitalValue) -> Text:
    """Quality as a bar, then the age."""
    if value.value is None:
        return Text(" ")
    filled = round(value.sqi * 10)
    text = Text("━" * filled, style="green" if not value.reasons else "yellow")
    text.append("━" * (10 - filled), style="bright_black")
    return text if value.age_ms is None else text.append(f" {value.age_ms / 1000:.1f} s", style="dim")


def _table(values: list[tuple[str, VitalValue]]) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, value in values:
        reasons = Text(", ".join(value.reasons), style="yellow")
        number = Text(_number(value), justify="right")
        table.add_row(name.replace("_", " "), number, value.unit, _quality(value), reasons)
    return table


def _number(value: VitalValue) -> str:
    if value.value is None:
        return "--"
    size = abs(value.value)
    return f"{value.value:.{0 if size >= _SMALL else 1 if size >= _LITTLE else 2}f}"


def _doubt(value: VitalValue) -> str:
    return f" ({', '.join(value.reasons)})" if value.reasons else ""
