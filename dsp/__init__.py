"""Streaming signal processing: samples in, beats and vital signs out; no clock, no input or output."""

from __future__ import annotations

from dsp.config import MonitorConfig, Rails
from dsp.curve import OximeterCurve
from dsp.latency import TIMINGS, Timing
from dsp.monitor import VitalsMonitor
from dsp.rules import Finding, Rule
from dsp.types import (
    Beat,
    Cause,
    Channel,
    Interruption,
    Measured,
    Quantity,
    Reading,
    Reason,
    SampleBlock,
    Tick,
    Unavailable,
    Validity,
    Vital,
)

__all__ = [
    "TIMINGS",
    "Beat",
    "Cause",
    "Channel",
    "Finding",
    "Interruption",
    "Measured",
    "MonitorConfig",
    "OximeterCurve",
    "Quantity",
    "Rails",
    "Reading",
    "Reason",
    "Rule",
    "SampleBlock",
    "Tick",
    "Timing",
    "Unavailable",
    "Validity",
    "Vital",
    "VitalsMonitor",
]
