"""The beats of a window and a number in, a reading out: its quality, its reasons, or why there is none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from dsp.channel import Summary
from dsp.rules import Finding, Rule, found
from dsp.types import Measured, Reading, Reason, Unavailable

QUESTIONABLE_SQI = 0.6
DOUBTED_SQI = 0.45  # the most where something about the whole window is not as it should be
UNUSABLE_SQI = 0.3
_WITHOUT_SIGNAL = (Reason.NO_CHANNEL, Reason.NO_DATA, Reason.STALE)


def measured(value: float, summary: Summary, trust: float = 1.0) -> Reading:
    """A value made of the window's accepted beats, as far as their quality allows."""
    sqi = summary.pulses.sqi * trust
    if sqi < UNUSABLE_SQI:
        return Unavailable(reason=main_fault(summary), finding=found(Rule.BEAT_QUALITY, sqi=sqi, least=UNUSABLE_SQI))
    own = low_quality(summary, sqi)
    reasons = (*(reason for reason, _ in own), *summary.doubts) if own else summary.doubts
    return Measured(
        value=value,
        sqi=min(sqi, DOUBTED_SQI) if summary.doubts else sqi,
        newest_us=summary.pulses.newest_us,
        reasons=tuple(dict.fromkeys(reasons)) if reasons else (),
        findings=(*own, *summary.findings) if own else summary.findings,
    )


def low_quality(summary: Summary, sqi: float) -> tuple[tuple[Reason, Finding], ...]:
    """The doubt about a value of so little quality, if it is little."""
    if sqi >= QUESTIONABLE_SQI:
        return ()
    return ((main_fault(summary), found(Rule.BEAT_QUALITY, sqi=sqi, least=QUESTIONABLE_SQI)),)


def questioned(reading: Reading, reason: Reason, finding: Finding | None = None) -> Reading:
    """The same value, of a quality that nobody should rely on."""
    if not isinstance(reading, Measured):
        return reading
    reasons = (reason, *(r for r in reading.reasons if r is not reason))
    findings = ((reason, finding), *reading.findings) if finding else reading.findings
    return replace(reading, sqi=min(reading.sqi, DOUBTED_SQI), reasons=reasons, findings=findings)


def better(readings: Iterable[Reading]) -> Reading:
    """The measured value of the best quality; else the reason of the channel that at least has a signal."""
    best: Measured | None = None
    none: list[Unavailable] = []
    for reading in readings:
        if isinstance(reading, Unavailable):
            none.append(reading)
        elif best is None or reading.sqi > best.sqi:
            best = reading
    if best is not None:
        return best
    if not none:
        return Unavailable(reason=Reason.NO_CHANNEL, finding=found(Rule.NO_CHANNEL))
    return min(none, key=lambda reading: _rank(reading.reason))


def main_fault(summary: Summary) -> Reason:
    """Why the quality is low: movement, rejected pulses, or pulses that do not agree."""
    reasons = summary.pulses.reasons
    if Reason.MOTION in reasons:
        return Reason.MOTION
    return Reason.ARTIFACT if Reason.ARTIFACT in reasons else Reason.IRREGULAR


def too_few(summary: Summary, count: int, least: int) -> Unavailable:
    """No value of a channel with a pulse, for want of beats."""
    finding = found(Rule.BEAT_COUNT, beats=count, least=least, rejected=summary.pulses.rejected)
    return Unavailable(reason=shortage(summary), finding=finding)


def shortage(summary: Summary) -> Reason:
    """Why a channel with a pulse has too few beats for a value."""
    for reason in (Reason.SATURATED, Reason.MOTION, Reason.ARTIFACT):
        if any(reason in p.reasons for p in summary.pulses if not p.accepted):
            return reason
    return Reason.LEARNING


def _rank(reason: Reason) -> int:
    """Reasons about the pulse say more than reasons about the signal, and those more than an absent one."""
    if reason is Reason.NO_CHANNEL:
        return 2
    return 1 if reason in _WITHOUT_SIGNAL else 0
