"""Pressure pulses in, stroke volume, cardiac output and vascular resistance out: trends, absolute only by a reference.

Stroke volume is taken to be proportional to the pulse pressure over the sum of systolic and diastolic (Liljestrand and
Zander 1928, Z ges exp Med 59:105; the best of the simple estimators against thermodilution: Sun et al. 2009, IEEE Trans
Biomed Eng 56:1103). The factor is the patient's and not known. So the values are per cent of the first good minutes,
until a reference output is given: from then on they are absolute, with the age of the reference, until it expires.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from statistics import median
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dsp import pulse_log
from dsp.channel import SECOND_US, Summary
from dsp.kernels import circulation as kernel
from dsp.pulse_log import PulseLog
from dsp.readings import shortage
from dsp.rules import Rule, found
from dsp.types import Detail, Measured, OutputReference, Quantity, Reading, Reason, Unavailable

WINDOW_US = 20 * SECOND_US  # three breaths at 9/min, with which the pulse pressure swings
LEAST_BEATS = 5
MOST_BEATS = 128  # 240/min have 80
BASELINE_SECONDS = 120  # good ones, from which 100 % is taken
MATCH_SECONDS = 60  # good ones nearest to the reference, of which at least half must be there
MATCH_WITHIN_US = 300 * SECOND_US
MATCH_AFTER_US = MATCH_SECONDS // 2 * SECOND_US
# Not measured: what a person lying back has, 3 to 8 mmHg. An error of 5 mmHg is one of 6 % of the resistance at a mean
# of 85 mmHg, and hardly any of its trend.
CENTRAL_VENOUS_MMHG = 5.0
WOOD_TO_DYN = 80.0  # mmHg min/L to dyn s/cm5

QUANTITIES = (Quantity.STROKE_VOLUME, Quantity.CARDIAC_OUTPUT, Quantity.SYSTEMIC_VASCULAR_RESISTANCE)


class Circulation(NamedTuple):
    """The three in units of the patient's unknown factor: L, L/min and dyn s/cm5 where that is 1."""

    stroke_volume: float
    output: float
    resistance: float


class State(Enum):
    """What has become of the reference."""

    NONE = "none"
    PENDING = "pending"
    MATCHED = "matched"
    UNMATCHED = "unmatched"
    EXPIRED = "expired"


_WHY_RELATIVE = {
    State.NONE: (Reason.UNCALIBRATED,),
    State.PENDING: (Reason.UNCALIBRATED, Reason.REFERENCE_PENDING),
    State.UNMATCHED: (Reason.UNCALIBRATED, Reason.REFERENCE_UNMATCHED),
    State.EXPIRED: (Reason.UNCALIBRATED, Reason.REFERENCE_EXPIRED),
}


class Hemodynamics:
    """Keeps the baseline and the factor of one person.

    ``has_lost`` says that there was a reference which this one does not know any more.
    """

    def __init__(self, *, has_lost: bool = False) -> None:
        self._good: deque[tuple[int, float]] = deque()  # second and output, as far as a reference may reach back
        self._first: list[Circulation] = []
        self._baseline: Circulation | None = None
        self._reference: OutputReference | None = None
        self._factor = 1.0
        self._state = State.UNMATCHED if has_lost else State.NONE
        self._scratch = np.zeros((2, MOST_BEATS))
        self._out = np.zeros(kernel.OUTPUTS)

    @property
    def has_reference(self) -> bool:
        return self._state is not State.NONE

    def calibrate(self, reference: OutputReference) -> None:
        """Use a reference from the next second on; it replaces the one before."""
        self._reference = reference
        self._state = State.PENDING

    def readings(self, summary: Summary, log: PulseLog, quality: Reading) -> dict[Quantity, Reading]:
        """The three at the end of a second; ask for each second once, in order. ``quality`` is that of the beats."""
        self._match(summary.t_us)
        if isinstance(quality, Unavailable):
            return dict.fromkeys(QUANTITIES, quality)
        rows = log.rows(summary.t_us - WINDOW_US)
        now = self._circulation(rows)
        if now is None:
            few = found(Rule.BEAT_COUNT, whole=self._out.item(kernel.COUNT), least=LEAST_BEATS, beats=len(rows))
            return dict.fromkeys(QUANTITIES, Unavailable(reason=shortage(summary), finding=few))
        if now.resistance <= 0:
            low = found(Rule.BELOW_ZERO, mean_mmhg=self._out.item(kernel.MEAN_MMHG), above_mmhg=CENTRAL_VENOUS_MMHG)
            return dict.fromkeys(QUANTITIES, Unavailable(reason=Reason.IMPLAUSIBLE, finding=low))
        if not quality.reasons:
            self._learn(summary.t_us, now)
        if self._state is State.MATCHED and self._reference is not None:
            return self._absolute(now, quality, (summary.t_us - self._reference.measured_us) / 1e6)
        return self._relative(now, quality)

    def _absolute(self, now: Circulation, quality: Measured, age_s: float) -> dict[Quantity, Reading]:
        values = (1e3 * now.stroke_volume * self._factor, now.output * self._factor, now.resistance / self._factor)
        details = ((Detail.REFERENCE_AGE_S, age_s),)
        return {
            q: Measured(
                value=v,
                sqi=quality.sqi,
                newest_us=quality.newest_us,
                reasons=quality.reasons,
                details=details,
                findings=quality.findings,
            )
            for q, v in zip(QUANTITIES, values, strict=True)
        }

    def _relative(self, now: Circulation, quality: Measured) -> dict[Quantity, Reading]:
        base = self._baseline
        if base is None:
            seconds = found(Rule.BASELINE_TIME, seconds=len(self._first), least=BASELINE_SECONDS)
            return dict.fromkeys(QUANTITIES, Unavailable(reason=Reason.BASELINE, finding=seconds))
        values = (
            now.stroke_volume / base.stroke_volume,
            now.output / base.output,
            now.resistance / base.resistance,
        )
        reasons = (*quality.reasons, *_WHY_RELATIVE[self._state])
        return {
            q: Measured(
                value=100 * v,
                sqi=quality.sqi,
                newest_us=quality.newest_us,
                reasons=reasons,
                is_relative=True,
                findings=quality.findings,
            )
            for q, v in zip(QUANTITIES, values, strict=True)
        }

    def _learn(self, t_us: int, now: Circulation) -> None:
        """Take a good second for the baseline and for references."""
        self._good.append((t_us, now.output))
        while self._good[0][0] < t_us - 2 * MATCH_WITHIN_US:
            self._good.popleft()
        if self._baseline is None:
            self._first.append(now)
            if len(self._first) == BASELINE_SECONDS:
                self._baseline = Circulation(
                    stroke_volume=median(c.stroke_volume for c in self._first),
                    output=median(c.output for c in self._first),
                    resistance=median(c.resistance for c in self._first),
                )
                self._first.clear()

    def _match(self, t_us: int) -> None:
        """Compare the reference with the good seconds around it; end it when it is too old."""
        reference = self._reference
        if reference is None:
            return
        if t_us - reference.measured_us > reference.valid_us:
            self._state = State.EXPIRED
        elif self._state is State.PENDING and t_us >= reference.measured_us + MATCH_AFTER_US:
            near = [(abs(t - reference.measured_us), output) for t, output in self._good]
            near = sorted(pair for pair in near if pair[0] <= MATCH_WITHIN_US)[:MATCH_SECONDS]
            if len(near) >= MATCH_SECONDS // 2:
                self._factor = reference.output_l_min / median(output for _, output in near)
                self._state = State.MATCHED
            elif t_us > reference.measured_us + MATCH_WITHIN_US:
                self._state = State.UNMATCHED

    def _circulation(self, rows: NDArray[np.float64]) -> Circulation | None:
        """Of the pulses of the window; None if too few are whole and above zero."""
        kernel.circulation(
            rows,
            pulse_log.INTERVAL_US,
            pulse_log.SYSTOLIC,
            pulse_log.DIASTOLIC,
            pulse_log.MEAN,
            self._scratch[0],
            self._scratch[1],
            self._out,
        )
        stroke, interval_us, mean_mmhg, count = self._out.tolist()
        if count < LEAST_BEATS:
            return None
        output = stroke * 60e6 / interval_us
        resistance = WOOD_TO_DYN * (mean_mmhg - CENTRAL_VENOUS_MMHG) / output
        return Circulation(stroke_volume=stroke, output=output, resistance=resistance)
