"""What every part of a sheet is drawn with: sizes, colours, an axes box in pixels, text, shading, a time axis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dsp import Channel, Quantity, Reason
from gateway.sheet import Span, clock, tick_step

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH_PX, HEIGHT_PX, DPI = 1600, 1100, 100
LEFT_PX, RIGHT_PX = 78, 24  # margins

INK, FAINT, GRID, FRAME = "#20262e", "#69737f", "#e6e9ed", "#c9ced5"
RATE, PRESSURE, PLETH = "#15803d", "#c2182b", "#0087b0"  # the colours of the field
# How a channel is drawn, and the quantity whose empty seconds its close-up shades.
CHANNELS = {Channel.PLETH: (PLETH, Quantity.PULSE_RATE), Channel.PRESSURE: (PRESSURE, Quantity.SYSTOLIC)}
DOUBT = "#dba80a"
REASON_COLOURS = {
    Reason.LEARNING: "#a9b8cc",
    Reason.NO_PULSE: "#4a5568",
    Reason.IRREGULAR: "#dba80a",
    Reason.ARTIFACT: "#f0731a",
    Reason.SATURATED: "#9b5de5",
    Reason.FLAT: "#8d6e56",
    Reason.IMPLAUSIBLE: "#e0479e",
    Reason.GAP: "#7c8fa6",
    Reason.MOTION: "#3f8f6b",
    Reason.PROBE_OFF: "#b5657a",
}
OTHER_COLOUR = "#8a929c"  # about the source, not about the signal
_DOT = {"linestyle": "", "marker": "o", "mew": 0.9}
MARKS: dict[str, dict[str, Any]] = {
    "onset": {**_DOT, "ms": 4.2, "mfc": "white", "mec": INK},
    "peak": {**_DOT, "ms": 4.8, "mfc": INK, "mec": INK, "mew": 0},
    "rejected": {**_DOT, "marker": "X", "ms": 8, "mfc": "#f0731a", "mec": INK, "mew": 0.7, "zorder": 4},
}


def colour_of(reason: Reason) -> str:
    return REASON_COLOURS.get(reason, OTHER_COLOUR)


def left(x_px: float) -> float:
    """Pixels from the left as a share of the sheet."""
    return x_px / WIDTH_PX


def top(y_px: float) -> float:
    """Pixels from the top as a share of the sheet."""
    return 1 - y_px / HEIGHT_PX


def add_axes(
    figure: Figure,
    name: str,
    y: float,
    height: float,
    *,
    x: float = LEFT_PX,
    width: float = WIDTH_PX - LEFT_PX - RIGHT_PX,
) -> Axes:
    """An axes box, in pixels from the top left."""
    axes = figure.add_axes((left(x), top(y + height), width / WIDTH_PX, height / HEIGHT_PX), label=name)
    axes.tick_params(length=0, labelsize=8.5, labelcolor=FAINT, pad=5)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set(color=FRAME, linewidth=0.8)
    return axes


def write(figure: Figure, x: float, y: float, text: str, *, size: float = 9.5, color: str = INK, **more: Any) -> None:
    """A line of text, its middle ``y`` pixels from the top."""
    figure.text(left(x), top(y), text, fontsize=size, color=color, va="center", **more)


def shade(axes: Axes, spans: list[Span], alpha: float) -> None:
    """Colour the background where there is no value, by the reason."""
    for span in spans:
        look: dict[str, Any] = {"facecolor": colour_of(span.reason), "alpha": alpha, "linewidth": 0, "zorder": 0.6}
        axes.axvspan(span.start_s, span.end_s, label=span.reason.value, **look)


def time_axis(axes: Axes, start_s: float, end_s: float, *, count: int, has_labels: bool = True) -> None:
    """Round times as minutes and seconds, at most ``count`` of them."""
    step = tick_step(end_s - start_s, count)
    ticks = np.arange(np.ceil(start_s / step - 1e-9), np.floor(end_s / step + 1e-9) + 1) * step
    axes.set_xticks(ticks, [clock(t, step) for t in ticks] if has_labels else [""] * len(ticks))
    axes.set_xlim(start_s, end_s)
