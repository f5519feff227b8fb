"""A sheet in, its picture out: the vitals over the whole recording and the waveform close up, as PNG."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dsp import Beat, Channel, Measured, Quantity, Reason, Vital
from gateway import chart
from gateway.errors import UserError
from gateway.recordings import Signal
from gateway.sheet import (
    Floats,
    Sheet,
    Span,
    Window,
    caption,
    clock,
    quality,
    reasons,
    rejected,
    shaded,
    stepped,
    waveform,
    windows,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE_PX = {Quantity.PULSE_RATE: ("Pulse rate", 118, chart.RATE), Quantity.SYSTOLIC: ("Pressure", 150, chart.PRESSURE)}
SHOWN_MMHG = (-30.0, 300.0)  # a spike of the line beyond it would flatten every pulse of the close-up
CHARACTER_PX = 6.6  # of text of size 9.5, generously
LETTERS = "ABC"


def require() -> None:
    """Refuse at once, before a long analysis, if drawing is not installed."""
    try:
        import matplotlib.figure  # noqa: F401  # only whether it is there
    except ImportError:
        raise UserError("--plot: drawing needs the extra: pip install 'chairside[plot]'") from None


def save(sheet: Sheet, path: Path, window: Window | None = None) -> None:
    """Draw the sheet and write it; a ``window`` is the only close-up."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()  # a person's own style must not push things into each other
        figure = draw(sheet, [window] if window else windows(sheet))
        try:
            figure.savefig(path, format="png", dpi=chart.DPI, metadata={"Software": "chairside"})
        except OSError as error:
            raise UserError(f"--plot: cannot write {path}: {error.strerror or error}") from None


def draw(sheet: Sheet, close_ups: list[Window]) -> Figure:
    """The whole sheet."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(chart.WIDTH_PX / chart.DPI, chart.HEIGHT_PX / chart.DPI), dpi=chart.DPI, facecolor="white")
    FigureCanvasAgg(figure)
    _header(figure, sheet)
    y = 84.0
    for row in sheet.rows():
        title, height, colour = TITLE_PX[row]
        chart.write(figure, chart.LEFT_PX, y + 9, title, size=10, weight="bold", color=colour)
        chart.write(figure, chart.LEFT_PX + 86, y + 9, caption(sheet, row))
        axes = chart.add_axes(figure, row.value, y + 20, height)
        _overview(axes, sheet, row)
        _frame_close_ups(axes, close_ups, has_letters=row is Quantity.PULSE_RATE)
        y += height + 30
    _rejections(chart.add_axes(figure, "rejected", y, 16), sheet)
    _quality(chart.add_axes(figure, "sqi", y + 22, 38), sheet)
    y = _legend(figure, y + 96, sheet)
    _close_ups(figure, y + 22, sheet, close_ups)
    _footer(figure)
    return figure


def _header(figure: Figure, sheet: Sheet) -> None:
    recording = sheet.recording
    chart.write(figure, 24, 28, recording.name, size=18, weight="bold")
    length_s = recording.duration_s
    parts = [f"{clock(length_s)} min" if length_s >= 60 else f"{length_s:.1f} s"]
    for channel in chart.CHANNELS:
        signal = recording.signals.get(channel)
        if signal is None:
            parts.append(f"no {channel.value} channel")
            continue
        accepted = sum(b.accepted for b in sheet.beats[channel])
        beats = f"{accepted} beats, {len(sheet.beats[channel]) - accepted} rejected"
        parts.append(f"{channel.value}: {_label(signal)} at {signal.rate_hz:.4g} Hz, {beats}")
    chart.write(figure, 24, 58, "     ".join(parts), size=10.5, color=chart.FAINT)


def _label(signal: Signal) -> str:
    return f"{signal.name} ({signal.unit})" if signal.unit else signal.name


def _overview(axes: Axes, sheet: Sheet, row: Quantity) -> None:
    """One row of vitals: lines where there are values, the colour of the reason where there is none."""
    vitals = sheet.vitals[row]
    chart.shade(axes, shaded(vitals), 0.5)
    x, y = stepped(vitals)
    if row is Quantity.PULSE_RATE:
        axes.plot(x, y, color=chart.RATE, linewidth=1.6, label="pulse rate")
        axes.set_ylim(*_limits(y, 40.0))
    else:
        mean, diastolic = (stepped(sheet.vitals[q])[1] for q in (Quantity.MEAN_PRESSURE, Quantity.DIASTOLIC))
        axes.fill_between(x, diastolic, y, color=chart.PRESSURE, alpha=0.16, linewidth=0)
        for values, width, name in ((y, 0.9, "systolic"), (diastolic, 0.9, "diastolic"), (mean, 1.8, "mean")):
            axes.plot(x, values, color=chart.PRESSURE, linewidth=width, label=name)
        axes.set_ylim(*_limits(np.concatenate([y, diastolic]), 60.0))
    _underline(axes, vitals)
    axes.locator_params(axis="y", nbins=4)
    chart.time_axis(axes, 0, sheet.recording.duration_s, count=16, has_labels=False)


def _underline(axes: Axes, vitals: list[Vital]) -> None:
    """Mark the seconds whose value is questionable."""
    doubtful = [v.t_us / 1e6 for v in vitals if isinstance(v.reading, Measured) and v.reading.reasons]
    look: dict[str, Any] = {"color": chart.DOUBT, "linewidth": 3, "transform": axes.get_xaxis_transform()}
    axes.hlines([0.02] * len(doubtful), [t - 1 for t in doubtful], doubtful, label="questionable", **look)


def _limits(values: Floats, least: float) -> tuple[float, float]:
    """Axis limits around the values, at least so far apart, with room for the letters of the close-ups above."""
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (60.0, 100.0)
    spare = max(0.0, least - (high - low)) / 2
    span = high - low + 2 * spare
    return low - spare - 0.08 * span, high + spare + 0.25 * span


def _frame_close_ups(axes: Axes, close_ups: list[Window], *, has_letters: bool) -> None:
    if len(close_ups) == 1 and close_ups[0].is_whole:
        return
    for letter, window in zip(LETTERS, close_ups, strict=False):
        axes.axvspan(window.start_s, window.end_s, fill=False, edgecolor=chart.INK, linewidth=1.0, zorder=3)
        if has_letters:
            box = {"facecolor": chart.INK, "edgecolor": "none", "pad": 2}
            look: dict[str, Any] = {"fontsize": 8, "weight": "bold", "color": "white", "bbox": box, "zorder": 4}
            middle = (window.start_s + window.end_s) / 2
            axes.text(middle, 0.88, letter, transform=axes.get_xaxis_transform(), ha="center", va="center", **look)


def _rejections(axes: Axes, sheet: Sheet) -> None:
    """Every rejected beat of the whole recording as a tick in the colour of its reason."""
    for beats in sheet.beats.values():
        for reason in Reason:
            times = [b.t_us / 1e6 for b in beats if not b.accepted and b.reasons[0] is reason]
            axes.vlines(times, 0.12, 0.88, color=chart.colour_of(reason), linewidth=1.3, label=reason.value)
    axes.set_ylim(0, 1)
    axes.set_yticks([0.5], ["rejected"])
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.set_xlim(0, sheet.recording.duration_s)


def _quality(axes: Axes, sheet: Sheet) -> None:
    for row in sheet.rows():
        x, sqi = quality(sheet.vitals[row])
        axes.plot(x, sqi, color=TITLE_PX[row][2], linewidth=1.2, label=row.value)
        if row is Quantity.PULSE_RATE:
            axes.fill_between(x, 0, sqi, color=TITLE_PX[row][2], alpha=0.12, linewidth=0)
    axes.set_ylim(0, 1.12)
    axes.set_yticks([0, 1], ["0", "sqi 1"])
    chart.time_axis(axes, 0, sheet.recording.duration_s, count=16)


def _legend(figure: Figure, y: float, sheet: Sheet) -> float:
    """Why seconds are empty and beats rejected, in as many lines as it takes; returns where it ends."""
    from matplotlib.patches import Rectangle

    begin = chart.LEFT_PX + 78
    chart.write(figure, chart.LEFT_PX, y, "No value:", weight="bold")
    x: float = begin
    for reason, text in reasons(sheet):
        width = 46 + CHARACTER_PX * len(text)
        if x + width > chart.WIDTH_PX - chart.RIGHT_PX and x > begin:
            x, y = begin, y + 20
        corner, size = (chart.left(x), chart.top(y + 6)), (18 / chart.WIDTH_PX, 12 / chart.HEIGHT_PX)
        colour = chart.colour_of(reason)
        figure.add_artist(Rectangle(corner, *size, facecolor=colour, alpha=0.75, transform=figure.transFigure))
        chart.write(figure, x + 24, y, text)
        x += width
    if x == begin:
        chart.write(figure, begin, y, "never; and no beat was rejected")
    return y


def _close_ups(figure: Figure, y: float, sheet: Sheet, close_ups: list[Window]) -> None:
    """One channel: strips of the whole width, below each other. Two channels: the parts side by side."""
    channels = [c for c in (Channel.PRESSURE, Channel.PLETH) if c in sheet.recording.signals]
    columns = len(close_ups) if len(channels) > 1 else 1
    gap_x, gap_y = 62, 50
    pitch_x = (chart.WIDTH_PX - chart.LEFT_PX - chart.RIGHT_PX + gap_x) / columns
    pitch_y = (chart.HEIGHT_PX - 34 - y) / (len(close_ups) * len(channels) / columns)
    for k, window in enumerate(close_ups):
        for j, channel in enumerate(channels):
            column, row = (k, j) if columns > 1 else (0, k * len(channels) + j)
            x0, y0 = chart.LEFT_PX + column * pitch_x, y + row * pitch_y
            if j == 0:
                _heading(figure, x0, y0 + 11, "" if window.is_whole else LETTERS[k], window)
            name = f"{channel.value} {k}"
            axes = chart.add_axes(figure, name, y0 + 22, pitch_y - gap_y, x=x0, width=pitch_x - gap_x)
            _close_up(axes, sheet, channel, window)


def _heading(figure: Figure, x: float, y: float, letter: str, window: Window) -> None:
    step = 0.1 if window.end_s - window.start_s < 6 else 1.0
    title = f"{letter}   {window.title}" if letter else window.title
    chart.write(figure, x, y, title, size=10, weight="bold")
    times = f"{clock(window.start_s, step)} to {clock(window.end_s, step)}"
    chart.write(figure, x + 24 + 8.2 * len(title), y, times, color=chart.FAINT)


def _close_up(axes: Axes, sheet: Sheet, channel: Channel, window: Window) -> None:
    signal = sheet.recording.signals[channel]
    colour, row = chart.CHANNELS[channel]
    chart.shade(axes, [s for s in shaded(sheet.vitals[row]) if window.overlaps(s)], 0.22)
    x, y = waveform(signal, window.start_s, window.end_s)
    axes.plot(x, y, color=colour, linewidth=1.1, label=signal.name)
    _set_levels(axes, y, channel)
    beats = [b for b in sheet.beats[channel] if window.start_s <= b.t_us / 1e6 < window.end_s]
    _mark_beats(axes, signal, beats)
    width_px = axes.get_position().width * chart.WIDTH_PX
    for span in rejected(beats):
        _bar(axes, span, width_px / (window.end_s - window.start_s))
    axes.set_ylabel(_label(signal), fontsize=9, color=colour, labelpad=3)
    chart.time_axis(axes, window.start_s, window.end_s, count=int(width_px / 70))


def _set_levels(axes: Axes, y: Floats, channel: Channel) -> None:
    """Limits with room above the waveform for the bars of rejected beats; a lone spike may leave the strip."""
    known = y[np.isfinite(y)]
    low, usual_low, usual_high, high = np.percentile(known, [0, 2, 98, 100]) if len(known) else (0.0, 0.0, 1.0, 1.0)
    usual = usual_high - usual_low
    low, high = max(low, usual_low - usual), min(high, usual_high + usual)
    if channel is Channel.PRESSURE:
        low, high = max(low, SHOWN_MMHG[0]), min(high, SHOWN_MMHG[1])
        spare = max(0.0, 10 - (high - low)) / 2  # a line without a pulse must look flat
        low, high = low - spare, high + spare
        axes.locator_params(axis="y", nbins=5)
    else:
        axes.set_yticks([])  # the unit means nothing
    span = (high - low) or 1.0
    axes.set_ylim(low - 0.08 * span, high + 0.24 * span)


def _mark_beats(axes: Axes, signal: Signal, beats: list[Beat]) -> None:
    t_s = signal.t_us / 1e6

    def at(times_us: list[int]) -> tuple[Floats, Floats]:
        x = np.array(times_us) / 1e6
        return x, np.interp(x, t_s, signal.samples)

    accepted = [b for b in beats if b.accepted]
    for name, times_us in (("onset", [b.onset_us for b in accepted]), ("peak", [b.peak_us for b in accepted])):
        axes.plot(*at(times_us), label=name, **chart.MARKS[name])
    for beat in beats:
        if not beat.accepted:
            fill = chart.colour_of(beat.reasons[0])
            axes.plot(*at([beat.peak_us]), label="rejected", **(chart.MARKS["rejected"] | {"mfc": fill}))


def _bar(axes: Axes, span: Span, pixels_per_s: float) -> None:
    """A run of rejected beats as a bar along the top, named where the name fits into it."""
    lift = axes.get_xaxis_transform()
    begin, end = span.start_s - 0.2, span.end_s + 0.2
    colour = chart.colour_of(span.reason)
    axes.fill_between([begin, end], 0.89, 0.985, color=colour, alpha=0.6, linewidth=0, transform=lift, label="run")
    visible = max(begin, axes.get_xlim()[0]), min(end, axes.get_xlim()[1])
    for text in (f"{span.reason.value}, {span.count} beats", span.reason.value):
        if CHARACTER_PX * len(text) < (visible[1] - visible[0]) * pixels_per_s:
            look: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 8, "color": chart.INK}
            axes.text(sum(visible) / 2, 0.935, text, transform=lift, **look)
            return


def _footer(figure: Figure) -> None:
    """How beats are marked."""
    from matplotlib.lines import Line2D

    names = {
        "onset": "onset",
        "peak": "peak of an accepted beat",
        "rejected": "rejected beat, in the colour of its reason, as is the bar above it",
    }
    handles = [Line2D([], [], label=text, **chart.MARKS[name]) for name, text in names.items()]
    handles.append(Line2D([], [], color=chart.DOUBT, linewidth=3, label="the value is questionable"))
    look: dict[str, Any] = {"frameon": False, "fontsize": 9, "labelcolor": chart.FAINT, "borderpad": 0, "ncols": 4}
    anchor = (chart.left(chart.LEFT_PX - 14), chart.top(chart.HEIGHT_PX - 5))
    figure.legend(handles=handles, loc="lower left", bbox_to_anchor=anchor, handletextpad=0.4, **look)
    x, y = chart.WIDTH_PX - chart.RIGHT_PX, chart.HEIGHT_PX - 13
    chart.write(figure, x, y, "chairside analyze. Not a medical device.", color=chart.FAINT, ha="right")
