"""Faults of the sensors themselves: flicker, dead and exchanged lights, stuck samples and bits, clipping, drift."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hil.artifacts import Artifact, Site, Undisturbed, Values
from hil.episodes import Seconds
from hil.finger_artifacts import faded

FULL_COUNTS = 262_143.0  # the MAX30102 at 18 bits
_FULL_VOLTS, _ADC_CODES = 3.3, 4096
RED, INFRARED = 0, 1
_DARK_COUNTS = 40.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Flicker(Artifact):
    """A lamp: a tone on both lights, in counts; beyond half the sampling rate it is seen as its alias."""

    hz: float = 100.4
    counts: float = 2000.0

    name: ClassVar[str] = "flicker"
    site: ClassVar[Site | None] = Site.FINGER

    def on_light(self, t_s: Seconds, counts: Values, clean: Undisturbed) -> Values:  # noqa: ARG002
        tone = self.counts * (1 + np.sin(2 * np.pi * self.hz * t_s))
        return np.asarray(counts + (faded(self, t_s) * tone)[:, None])


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLight(Artifact):
    """A light goes out: its counts are a dark sensor's, still or with noise."""

    column: int = INFRARED
    is_noisy: bool = True

    name: ClassVar[str] = "dead light"
    site: ClassVar[Site | None] = Site.FINGER

    def on_light(self, t_s: Seconds, counts: Values, clean: Undisturbed) -> Values:  # noqa: ARG002
        out = counts.copy()
        active = self.is_active(t_s)
        noise = 5 * np.sin(1e5 * t_s[active] ** 2) if self.is_noisy else 0.0
        out[active, self.column] = _DARK_COUNTS + noise
        return out


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchanged(Artifact):
    """Red and infrared have changed places."""

    name: ClassVar[str] = "red and infrared swapped"
    site: ClassVar[Site | None] = Site.FINGER

    def on_light(self, t_s: Seconds, counts: Values, clean: Undisturbed) -> Values:  # noqa: ARG002
        active = self.is_active(t_s)
        return np.asarray(np.where(active[:, None], counts[:, ::-1], counts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck(Artifact):
    """The sample before it began is repeated."""

    where: Site = Site.PRESSURE

    name: ClassVar[str] = "stuck sample"

    def on_light(self, t_s: Seconds, counts: Values, clean: Undisturbed) -> Values:
        return counts if self.where is not Site.FINGER else self._held(t_s, counts, clean)

    def on_volts(self, t_s: Seconds, volts: Values, clean: Undisturbed) -> Values:
        return volts if self.where is not Site.PRESSURE else self._held(t_s, volts, clean)

    def _held(self, t_s: Seconds, values: Values, clean: Undisturbed) -> Values:
        out = values.copy()
        out[self.is_active(t_s)] = clean(np.array([self.start_s]))[0]
        return out


@dataclass(frozen=True, slots=True, kw_only=True)
class Clipped(Artifact):
    """The upper part of each pulse, ``share`` of its samples, is at full scale: of the light by too much of it."""

    where: Site = Site.PRESSURE
    share: float = 0.3

    name: ClassVar[str] = "clipping"

    def on_light(self, t_s: Seconds, counts: Values, clean: Undisturbed) -> Values:
        if self.where is not Site.FINGER:
            return counts
        top = np.quantile(clean(self._before()), 1 - self.share, axis=0)
        return np.where(self.is_active(t_s)[:, None], counts + FULL_COUNTS - top, counts)

    def on_volts(self, t_s: Seconds, volts: Values, clean: Undisturbed) -> Values:
        if self.where is not Site.PRESSURE:
            return volts
        top = float(np.quantile(clean(self._before()), 1 - self.share))
        return np.where(self.is_active(t_s) & (volts >= top), _FULL_VOLTS, volts)

    def _before(self) -> Seconds:
        return self.start_s - np.arange(0.0, 6.0, 0.02)[::-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class GainDrift(Artifact):
    """The sensor warms up: its gain rises by ``share`` an hour, red and infrared unlike."""

    share: float = 0.2
    red_more: float = 1.5

    name: ClassVar[str] = "gain drift"
    site: ClassVar[Site | None] = None

    def on_light(self, t_s: Seconds, counts: Values, clean: Undisturbed) -> Values:  # noqa: ARG002
        risen = self.share * np.clip(t_s - self.start_s, 0.0, self.end_s - self.start_s) / 3600
        return np.asarray(counts * (1 + risen[:, None] * np.array([self.red_more, 1.0])))


@dataclass(frozen=True, slots=True, kw_only=True)
class StuckBit(Artifact):
    """One bit of the converter is always ``value``."""

    where: Site = Site.PRESSURE
    bit: int = 7
    value: int = 1

    name: ClassVar[str] = "stuck bit"

    def on_light(self, t_s: Seconds, counts: Values, clean: Undisturbed) -> Values:  # noqa: ARG002
        if self.where is not Site.FINGER:
            return counts
        return np.where(self.is_active(t_s)[:, None], self._forced(np.rint(counts)), counts)

    def on_volts(self, t_s: Seconds, volts: Values, clean: Undisturbed) -> Values:  # noqa: ARG002
        if self.where is not Site.PRESSURE:
            return volts
        scale = _FULL_VOLTS / _ADC_CODES
        return np.where(self.is_active(t_s), self._forced(np.rint(volts / scale)) * scale, volts)

    def _forced(self, codes: Values) -> Values:
        mask = 1 << self.bit
        whole = codes.astype(np.int64)
        return np.asarray(whole | mask if self.value else whole & ~mask, dtype=np.float64)
