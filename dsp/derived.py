"""Summaries of both channels in, the quantities that look back on many beats out."""

from __future__ import annotations

from dataclasses import replace

from dsp.channel import SECOND_US, Summary
from dsp.ejection import EjectionTime
from dsp.hemodynamics import Hemodynamics
from dsp.pulse_log import PulseLog
from dsp.readings import DOUBTED_SQI, better, measured, too_few
from dsp.respiration import Respiration
from dsp.types import Measured, OutputReference, Quantity, Reading
from dsp.variability import PressureVariation, RateVariability

RESTART_US = 300 * SECOND_US  # without a pulse: the sensor may be on another finger, or another person


class Derived:
    """Second by second, in order; what was told takes effect with the first second that is not before it."""

    def __init__(self) -> None:
        self._pressure, self._pleth = PulseLog(), PulseLog()
        self._pressure_respiration, self._pleth_respiration = Respiration(), Respiration()
        self._rate_variability = RateVariability()
        self._pressure_variation = PressureVariation()
        self._ejection_time = EjectionTime()
        self._hemodynamics = Hemodynamics()
        self._references: list[OutputReference] = []

    def calibrate(self, reference: OutputReference) -> None:
        self._references.append(reference)

    def readings(self, pressure: Summary, pleth: Summary, *, is_moving: bool) -> dict[Quantity, Reading]:
        """All of them at the end of a second; ``is_moving`` says that the pleth's sensor moves."""
        before_us = self._pressure.newest_us
        self._pressure.take(pressure)
        self._pleth.take(pleth)
        self._hear(pressure.t_us, before_us)
        quality = _quality(pressure)
        breathing = _doubted(self._pressure_respiration.reading(pressure, self._pressure, is_moving=False), pressure)
        at_finger = _doubted(self._pleth_respiration.reading(pleth, self._pleth, is_moving=is_moving), pleth)
        respiration = better((breathing, at_finger))
        variability = _doubted(self._rate_variability.reading(pressure, self._pressure), pressure)
        if not isinstance(variability, Measured):  # the upslope of a pressure is steeper: its intervals are sharper
            variability = better((variability, _doubted(self._rate_variability.reading(pleth, self._pleth), pleth)))
        variation = self._pressure_variation.reading(pressure, self._pressure, respiration)
        return {
            Quantity.RESPIRATION_RATE: respiration,
            Quantity.PULSE_PRESSURE_VARIATION: _doubted(variation, pressure),
            Quantity.PULSE_RATE_VARIABILITY: variability,
            Quantity.EJECTION_TIME: self._ejection_time.reading(pressure, quality),
            **self._hemodynamics.readings(pressure, self._pressure, quality),
        }

    def _hear(self, t_us: int, before_us: int | None) -> None:
        """Start anew after a long time without a pulse; take references."""
        newest_us = self._pressure.newest_us
        if before_us is not None and newest_us is not None and newest_us - before_us > RESTART_US:
            self._hemodynamics = Hemodynamics(has_lost=self._hemodynamics.has_reference)
        while self._references and self._references[0].t_us <= t_us:
            self._hemodynamics.calibrate(self._references.pop(0))


def _quality(summary: Summary) -> Reading:
    """What the quality of the window's beats allows, for a value of 1."""
    if summary.unavailable is not None:
        return summary.none
    return measured(1.0, summary) if summary.pulses.accepted else too_few(summary, 0, 1)


def _doubted(reading: Reading, summary: Summary) -> Reading:
    """The reading with what is doubtful about the window of its channel."""
    if not summary.doubts or not isinstance(reading, Measured):
        return reading
    reasons = tuple(dict.fromkeys((*reading.reasons, *summary.doubts)))
    findings = (*reading.findings, *summary.findings)
    return replace(reading, sqi=min(reading.sqi, DOUBTED_SQI), reasons=reasons, findings=findings)
