"""Ratio of ratios in, oxygen saturation out: the calibration curve of a sensor."""

from __future__ import annotations

import math
from dataclasses import dataclass

_GRID = 400  # steps in which the slope is checked over the range


@dataclass(frozen=True, slots=True, kw_only=True)
class OximeterCurve:
    """Saturation in percent as a polynomial of the ratio, valid from ``r_min`` to ``r_max`` and nowhere else.

    Attributes
    ----------
    coefficients : of R to the power of 0, 1, 2 and so on
    """

    coefficients: tuple[float, ...]
    r_min: float
    r_max: float

    def __post_init__(self) -> None:
        numbers = (*self.coefficients, self.r_min, self.r_max)
        if len(self.coefficients) < 2 or not all(math.isfinite(number) for number in numbers):
            raise ValueError(f"coefficients, r_min, r_max: expected two or more finite numbers, got {numbers}")
        if not 0 < self.r_min < self.r_max:
            raise ValueError(f"r_min, r_max: expected 0 < r_min < r_max, got {self.r_min} and {self.r_max}")
        step = (self.r_max - self.r_min) / _GRID
        for k in range(_GRID + 1):
            ratio = self.r_min + k * step
            if self.slope(ratio) >= 0:
                raise ValueError(f"coefficients: expected a curve that falls with R, it does not at R = {ratio:.3f}")
        highest, lowest = self._at(self.r_min), self._at(self.r_max)
        if highest > 100 + 1e-6 or lowest < 0:
            raise ValueError(
                f"coefficients: expected 0..100 % from r_min to r_max, got {lowest:.2f} at {self.r_max} "
                f"and {highest:.2f} at {self.r_min}"
            )

    def spo2_pct(self, ratio: float) -> float | None:
        """Saturation, %; None where the curve does not hold. Nothing is clipped."""
        return self._at(ratio) if self.r_min <= ratio <= self.r_max else None

    def slope(self, ratio: float) -> float:
        """Change of the saturation with the ratio, %."""
        return sum(k * c * ratio ** (k - 1) for k, c in enumerate(self.coefficients) if k)

    def _at(self, ratio: float) -> float:
        return sum(c * ratio**k for k, c in enumerate(self.coefficients))


# The customary straight line (dsp.md, section 1: a demonstration). It fits no particular sensor.
DEMONSTRATION = OximeterCurve(coefficients=(110.0, -25.0), r_min=0.4, r_max=2.4)
