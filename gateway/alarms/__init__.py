"""The alarm system of one chair: timed inputs in, transitions of alarm conditions out; pure, no clock, no I/O."""

from __future__ import annotations

from gateway.alarms.ahead import forecast_limits
from gateway.alarms.engine import AlarmEngine
from gateway.alarms.profile import Profile, faults_of
from gateway.alarms.state import State
from gateway.alarms.tier import Tier
from gateway.alarms.types import (
    Acknowledge,
    Alarm,
    AlarmOff,
    Annunciation,
    Answer,
    Attended,
    AudioPause,
    Baseline,
    Change,
    ChangeLimits,
    Command,
    Condition,
    Fact,
    Kind,
    Output,
    Presence,
    Priority,
    Receipt,
    Second,
    TimedInput,
    Transition,
    Truth,
    UseProfile,
)

__all__ = [
    "Acknowledge",
    "Alarm",
    "AlarmEngine",
    "AlarmOff",
    "Annunciation",
    "Answer",
    "Attended",
    "AudioPause",
    "Baseline",
    "Change",
    "ChangeLimits",
    "Command",
    "Condition",
    "Fact",
    "Kind",
    "Output",
    "Presence",
    "Priority",
    "Profile",
    "Receipt",
    "Second",
    "State",
    "Tier",
    "TimedInput",
    "Transition",
    "Truth",
    "UseProfile",
    "faults_of",
    "forecast_limits",
]
