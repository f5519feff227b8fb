"""What the monitor is told at its start: which waveforms exist, how fast they are sampled, where they clip."""

from __future__ import annotations

from dataclasses import dataclass

from dsp.curve import OximeterCurve

LOWEST_RATE_HZ = 20.0  # an 8 Hz low-pass is the least that keeps an upslope
HIGHEST_RATE_HZ = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rails:
    """Values, in the channel's unit, at and beyond which the sensor or its converter is saturated."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"rails: expected low < high, got {self.low} and {self.high}")


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorConfig:
    """A channel whose rate is None does not exist; unknown rails are None.

    With ``red_rate_hz`` the pleth is the infrared light of the same sensor, in counts; ``-rails.low`` is then its full
    scale. ``oximeter`` None is uncalibrated: saturation is shown by the demonstration curve and marked so.
    """

    pleth_rate_hz: float | None = None
    pressure_rate_hz: float | None = None
    pleth_rails: Rails | None = None
    pressure_rails: Rails | None = None
    red_rate_hz: float | None = None
    red_rails: Rails | None = None
    motion_rate_hz: float | None = None
    oximeter: OximeterCurve | None = None

    def __post_init__(self) -> None:
        for name in ("pleth_rate_hz", "pressure_rate_hz", "red_rate_hz", "motion_rate_hz"):
            rate = getattr(self, name)
            if rate is not None and not LOWEST_RATE_HZ * 0.95 <= rate <= HIGHEST_RATE_HZ * 1.05:
                raise ValueError(f"{name}: expected {LOWEST_RATE_HZ}..{HIGHEST_RATE_HZ}, got {rate}")
        if self.red_rate_hz is not None and self.red_rate_hz != self.pleth_rate_hz:
            raise ValueError(f"red_rate_hz: expected that of the pleth, {self.pleth_rate_hz}, got {self.red_rate_hz}")
