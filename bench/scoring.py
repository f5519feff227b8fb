"""Accepted beats and vitals of one recording in, their agreement with a reference out.

The figures are those of the scoring program beside the recordings, defined in its docstring; here they come from the
library's own events, without a process for each record. A reference is a JSON document: true beats, intervals where
it is not sure itself (``masked_s``), intervals without a pulse (``absent_s``), pressures, breaths.
"""

from dataclasses import dataclass, field

import numpy as np

from dsp import Beat, Channel, Measured, Quantity

TOLERANCE_S = 0.15
LEARNING_S = 9.0  # not counted
CELL_S = 0.1  # resolution of masks
END_CELLS = 20  # at the end of a record: its last pulse may not be whole
ABSENT_EDGE_S = 2.0
RATE_WINDOW_S, RATE_STEP_S = 8.0, 2.0
BREATH_WINDOW_S, BREATH_STEP_S = 64.0, 32.0
MOST_MASKED = 0.25  # of a window
LEAST_BEATS = 10  # of a record
DELAYS_S = np.arange(-0.5, 1.2, 0.02)  # between the reference's signal and ours


@dataclass
class Found:
    """What an analysis yielded: accepted beats of each channel, and a value or None of each quantity and second."""

    beats: dict = field(default_factory=lambda: {channel: [] for channel in Channel})
    vitals: dict = field(default_factory=lambda: {quantity: [] for quantity in Quantity})

    @classmethod
    def of(cls, events):
        found = cls()
        for event in events:
            if isinstance(event, Beat):
                if event.accepted:
                    found.beats[event.channel].append(event)
            else:
                value = event.reading.value if isinstance(event.reading, Measured) else None
                found.vitals[event.quantity].append((event.t_us / 1e6, value))
        for beats in found.beats.values():
            beats.sort(key=lambda beat: beat.t_us)
        return found

    def value(self, quantity, at_s, within_s=1.0):
        """The value nearest to a time; None where none is near or it is unavailable."""
        series = self.vitals[quantity]
        if not series:
            return None
        times = np.array([t for t, _ in series])
        k = int(np.argmin(abs(times - at_s)))
        return series[k][1] if abs(times[k] - at_s) <= within_s else None


@dataclass
class Score:
    """One record: counts, residual delays (s), errors of rate, pressure and breathing."""

    name: str
    beats: np.ndarray | None = None  # true, false, missed; None where there is nothing to count
    residuals_s: np.ndarray = field(default_factory=lambda: np.zeros(0))
    rate_errors: list = field(default_factory=list)  # start of the window, signed error or None
    beat_rate_errors: list = field(default_factory=list)
    pressure_errors: dict = field(default_factory=dict)
    breath_errors: list = field(default_factory=list)
    false_without_pulse: int = 0
    minutes_without_pulse: float = 0.0

    @property
    def f1(self):
        true, false, missed = self.beats
        return 200 * true / max(1, 2 * true + false + missed)


def score(reference, found):
    """The ``Score`` of one record against its reference."""
    result = Score(reference["id"])
    duration_s = reference["duration_s"]
    beats = found.beats[Channel(reference["channel"])]
    times = np.array([beat.t_us / 1e6 for beat in beats])
    if reference.get("no_pulse"):
        result.false_without_pulse, result.minutes_without_pulse = len(times), duration_s / 60
        return result
    absent = reference.get("absent_s", [])
    inner = [(a + ABSENT_EDGE_S, b - ABSENT_EDGE_S) for a, b in absent]
    result.false_without_pulse = sum(int(np.sum((times >= a) & (times < b))) for a, b in inner)
    result.minutes_without_pulse = sum(max(0.0, b - a) for a, b in inner) / 60
    mask = mask_of(reference, duration_s)
    all_true = np.array(reference["beats_s"])
    true = outside(all_true, mask)
    if mask.mean() > 0.5 or len(true) < LEAST_BEATS:
        return result
    moved = times - (delay_of(true, times) if len(times) else 0.0)
    kept = outside(moved[moved > 0], mask)
    pairs = matched(true, kept)
    result.beats = np.array([len(pairs), len(kept) - len(pairs), len(true) - len(pairs)])
    result.residuals_s = np.array([kept[j] - true[i] for i, j in pairs])
    starts = [
        float(start)
        for start in np.arange(0, duration_s - RATE_WINDOW_S, RATE_STEP_S)
        if mask[int(start * 10) : int((start + RATE_WINDOW_S) * 10)].mean() <= MOST_MASKED
    ]
    _score_rate(result, found, starts, all_true, moved)
    if reference.get("pressure"):
        _score_pressure(result, reference["pressure"], beats, mask)
    if "breaths_s" in reference:
        _score_breaths(result, found, [np.array(b) for b in reference["breaths_s"]], duration_s)
    return result


def mask_of(reference, duration_s):
    """Cells of 0.1 s that are not counted."""
    mask = np.zeros(int(np.ceil(duration_s / CELL_S)) + 1, bool)
    edges = [(a - ABSENT_EDGE_S, b + ABSENT_EDGE_S) for a, b in reference.get("absent_s", [])]
    for start, end in [*reference["masked_s"], *edges, (0.0, LEARNING_S - CELL_S)]:
        mask[max(0, int(start * 10)) : int(end * 10) + 1] = True
    mask[-END_CELLS:] = True
    return mask


def outside(times, mask):
    return times[~mask[np.clip((times * 10).astype(int), 0, len(mask) - 1)]]


def matched(true, found):
    """Pairs of indices, one to one, within the tolerance; the closer of two successive candidates wins."""
    i = j = 0
    pairs = []
    while i < len(true) and j < len(found):
        gap = found[j] - true[i]
        if abs(gap) > TOLERANCE_S:
            i, j = (i, j + 1) if gap < 0 else (i + 1, j)
        elif j + 1 < len(found) and abs(found[j + 1] - true[i]) < abs(gap):
            j += 1
        else:
            pairs.append((i, j))
            i, j = i + 1, j + 1
    return pairs


def delay_of(true, found):
    """The constant delay that matches most, s, refined by the median residual."""
    true = true.tolist()  # plain numbers: this is most of the time a record takes
    best = max(DELAYS_S, key=lambda delay: len(matched(true, (found - delay).tolist())))
    pairs = matched(true, found - best)
    return best + (float(np.median([found[j] - best - true[i] for i, j in pairs])) if pairs else 0.0)


def _rate_of(times, start):
    inside = times[(times >= start) & (times < start + RATE_WINDOW_S)]
    return 60 / np.mean(np.diff(inside)) if len(inside) >= 3 else None


def _score_rate(result, found, starts, true, moved):
    for start in starts:
        want = _rate_of(true, start)
        if want is None:
            continue
        published = found.value(Quantity.PULSE_RATE, start + RATE_WINDOW_S)
        counted = _rate_of(moved, start)
        result.rate_errors.append((start, None if published is None else published - want))
        result.beat_rate_errors.append((start, None if counted is None else counted - want))


def _score_pressure(result, reference, beats, mask):
    peaks = np.array(reference["peak_s"])
    use = ~mask[np.clip((peaks * 10).astype(int), 0, len(mask) - 1)]
    pairs = matched(peaks[use], np.array([beat.peak_us / 1e6 for beat in beats]))
    for side in ("systolic", "diastolic"):
        true = np.array(reference[f"{side}_mmhg"])[use]
        result.pressure_errors[side] = np.array([getattr(beats[j], f"{side}_mmhg") - true[i] for i, j in pairs])


def _score_breaths(result, found, annotators, duration_s):
    for start in np.arange(0, duration_s - BREATH_WINDOW_S + 1, BREATH_STEP_S):
        inside = [b[(b >= start) & (b < start + BREATH_WINDOW_S)] for b in annotators]
        rates = [60 / np.mean(np.diff(b)) if len(b) > 2 else np.nan for b in inside]
        if not (np.isfinite(rates).all() and abs(rates[0] - rates[1]) <= 2):
            continue
        published = found.value(Quantity.RESPIRATION_RATE, start + BREATH_WINDOW_S)
        result.breath_errors.append((float(start), None if published is None else published - sum(rates) / 2))


def pooled(scores):
    """Figures over the records of one set and channel, by the names of the scoring program."""
    figures = {"records": len(scores)}
    counted = [s for s in scores if s.beats is not None]
    if counted:
        true, false, missed = sum(s.beats for s in counted)
        jitters = [1000 * s.residuals_s.std() for s in counted if len(s.residuals_s) > 5]
        ones = [s.f1 for s in counted]
        figures |= {
            "scored": len(counted),
            "se": 100 * true / max(1, true + missed),
            "ppv": 100 * true / max(1, true + false),
            "f1": 200 * true / max(1, 2 * true + false + missed),
            "f1_median": float(np.median(ones)),
            "f1_min": min(ones),
            "jitter_ms": float(np.median(jitters)) if jitters else np.nan,
        }
        figures |= _answered("rate", [s.rate_errors for s in counted])
        figures |= _answered("beat_rate", [s.beat_rate_errors for s in counted])
        figures |= _pressures(counted)
        if any(s.breath_errors for s in counted):
            figures |= _answered("resp", [s.breath_errors for s in counted])
    silent = sum(s.minutes_without_pulse for s in scores)
    if silent > 0.5:
        figures["silent_minutes"] = silent
        figures["false_beats_per_min"] = sum(s.false_without_pulse for s in scores) / silent
    return {name: float(value) for name, value in figures.items()}


def _answered(name, errors):
    every = [error for one in errors for _, error in one]
    known = np.abs([error for error in every if error is not None])
    figures = {f"{name}_share": 100 * len(known) / max(1, len(every))}
    if len(known):
        figures |= {f"{name}_mae": known.mean(), f"{name}_p95": np.percentile(known, 95)}
    return figures


def _pressures(counted):
    figures = {}
    for side in ("systolic", "diastolic"):
        errors = [s.pressure_errors[side] for s in counted if len(s.pressure_errors.get(side, ()))]
        if errors:
            e = np.concatenate(errors)
            figures |= {f"{side}_bias": e.mean(), f"{side}_sd": e.std(), f"{side}_mae": abs(e).mean()}
    return figures
