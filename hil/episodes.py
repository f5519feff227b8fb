"""Something that happens to a patient in, how far it moves each vital sign at each time out."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Seconds = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """What a patient's vital signs vary about; also a change of them."""

    rate_bpm: float = 0.0
    systolic_mmhg: float = 0.0
    diastolic_mmhg: float = 0.0
    spo2_pct: float = 0.0
    breaths_bpm: float = 0.0
    perfusion_pct: float = 0.0

    def moved(self, by: Level, share: float) -> Level:
        return Level(**{f.name: getattr(self, f.name) + share * getattr(by, f.name) for f in fields(self)})


NO_CHANGE = Level()


class Episode(Protocol):
    """A change of the vital signs: ``share`` of ``change`` at each time, nothing before ``start_s``."""

    @property
    def name(self) -> str: ...
    @property
    def start_s(self) -> float: ...
    @property
    def end_s(self) -> float: ...
    @property
    def change(self) -> Level: ...
    def share(self, t_s: Seconds) -> Seconds: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Excursion:
    """Away within ``away_s``, back within the last ``back_s``: both smooth."""

    name: str
    start_s: float
    end_s: float
    away_s: float
    back_s: float
    change: Level

    def share(self, t_s: Seconds) -> Seconds:
        away = _smooth((t_s - self.start_s) / self.away_s)
        back = _smooth((t_s - self.end_s) / self.back_s + 1)
        return np.asarray(away * (1 - back))


def level_at(t_s: float, base: Level, episodes: tuple[Episode, ...]) -> Level:
    """The vital signs at a time."""
    at = np.array([t_s])
    for episode in episodes:
        if t_s >= episode.start_s:
            base = base.moved(episode.change, float(episode.share(at)[0]))
    return base


def course(t_s: Seconds, name: str, base: Level, episodes: tuple[Episode, ...]) -> Seconds:
    """One vital sign at many times: the field of ``Level`` of that name."""
    values = np.full(len(t_s), float(getattr(base, name)))
    for episode in episodes:
        change = getattr(episode.change, name)
        if change and t_s[-1] >= episode.start_s:
            values += change * episode.share(t_s)
    return values


def desaturation(start_s: float) -> tuple[Excursion, ...]:
    """About three minutes: breathing slows, saturation falls from 98 to 86 % half a minute later, and recovers."""
    return (
        Excursion(
            name="slow breathing",
            start_s=start_s - 25,
            end_s=start_s + 95,
            away_s=15,
            back_s=15,
            change=Level(breaths_bpm=-8),
        ),
        Excursion(
            name="desaturation",
            start_s=start_s,
            end_s=start_s + 180,
            away_s=75,
            back_s=80,
            change=Level(spo2_pct=-12, rate_bpm=8, systolic_mmhg=6, diastolic_mmhg=4),
        ),
    )


def vasovagal(start_s: float) -> Excursion:
    """Within a minute to 45/min and 78/45 mmHg, 40 s there, two minutes back (clinical.md 6.3 g)."""
    return Excursion(
        name="vasovagal",
        start_s=start_s,
        end_s=start_s + 220,
        away_s=60,
        back_s=120,
        change=Level(rate_bpm=-25, systolic_mmhg=-44, diastolic_mmhg=-31, breaths_bpm=2, perfusion_pct=-1.2),
    )


def poor_perfusion(start_s: float, end_s: float) -> Excursion:
    """A cold hand: pulses of a twelfth of their size."""
    change = Level(perfusion_pct=-2.75)
    return Excursion(name="poor perfusion", start_s=start_s, end_s=end_s, away_s=8, back_s=8, change=change)


def surge(start_s: float, peak_s: float) -> Excursion:
    """The excursion that one patient in ten has on top of the usual response."""
    return Excursion(
        name="surge",
        start_s=start_s,
        end_s=peak_s + 900,
        away_s=peak_s - start_s,
        back_s=840,
        change=Level(systolic_mmhg=40, diastolic_mmhg=20, rate_bpm=16, perfusion_pct=-0.8),
    )


def _smooth(x: Seconds) -> Seconds:
    x = np.clip(x, 0.0, 1.0)
    return np.asarray(x * x * (3 - 2 * x))
