"""Streaming signal processing: samples in, beats and vital signs out; no clock, no input or output."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from dsp.config import MonitorConfig, Rails
from dsp.curve import OximeterCurve
from dsp.rules import Finding, Rule
from dsp.types import (
    LEAST_OUTPUT_L_MIN,
    MOST_OUTPUT_L_MIN,
    RELATIVE_UNIT,
    Beat,
    Cause,
    Channel,
    Detail,
    Interruption,
    Measured,
    OutputReference,
    Quantity,
    Reading,
    Reason,
    SampleBlock,
    Tick,
    Unavailable,
    Validity,
    Vital,
)

if TYPE_CHECKING:
    from dsp.latency import TIMINGS, Timing
    from dsp.monitor import VitalsMonitor
    from dsp.trend import Forecast, Limits, Trend, Trends

__all__ = [
    "LEAST_OUTPUT_L_MIN",
    "MOST_OUTPUT_L_MIN",
    "RELATIVE_UNIT",
    "TIMINGS",
    "Beat",
    "Cause",
    "Channel",
    "Detail",
    "Finding",
    "Forecast",
    "Interruption",
    "Limits",
    "Measured",
    "MonitorConfig",
    "OutputReference",
    "OximeterCurve",
    "Quantity",
    "Rails",
    "Reading",
    "Reason",
    "Rule",
    "SampleBlock",
    "Tick",
    "Timing",
    "Trend",
    "Trends",
    "Unavailable",
    "Validity",
    "Vital",
    "VitalsMonitor",
]

# What loads the compiled kernels, and with them the compiler: who only reads values starts without.
_COMPILED = {
    "TIMINGS": "dsp.latency",
    "Timing": "dsp.latency",
    "VitalsMonitor": "dsp.monitor",
    **dict.fromkeys(("Forecast", "Limits", "Trend", "Trends"), "dsp.trend"),
}


def __getattr__(name: str) -> object:
    if name not in _COMPILED:
        raise AttributeError(f"module 'dsp' has no attribute {name!r}")
    return getattr(import_module(_COMPILED[name]), name)
