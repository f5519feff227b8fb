"""DATA frames of one stream in, values with even device times out; every loss is counted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gateway.link.description import Descriptor
from gateway.link.frame import Flag, Frame
from gateway.link.stuck import StuckBits
from gateway.link.timeline import RateCheck, SampleTimeline

_DOUBT_US = 2_000_000  # after a number that cannot be
_LEAP_S = 1.0  # a longer loss is not bridged by the sample clock as it was learnt
_STEP_US = 250_000.0  # a stamp so far from where the last one lets expect it: the board's clock has stepped
_JUDGED_BITS = {"mm[Hg]": 7, "count": 9}  # 2.6 of 330 mmHg and more; 512 of 2^18 and more
_U24 = np.array([1 << 16, 1 << 8, 1], dtype=np.int64)


@dataclass(slots=True)
class LinkStatistics:
    """Everything the link lost or refused since the gateway started."""

    frames: int = 0
    faults: int = 0  # bytes that were no frame
    frames_lost: int = 0  # by sequence number
    samples_lost: int = 0  # by sample index, exact
    losses_unknown: int = 0  # the board could not count them
    refused: int = 0  # out of order, or not understood
    sensor_errors: int = 0  # frames in which the board says that a sensor has failed
    host_drops: int = 0  # frames in which the board says that it had to drop, because we did not read
    boots: int = 0
    clock_steps: int = 0  # of the board
    requests: int = 0  # for the board's time
    replies: int = 0
    commands: int = 0
    commands_done: int = 0
    commands_refused: int = 0


class StreamDecoder:
    """One stream of one boot."""

    def __init__(self, descriptor: Descriptor, statistics: LinkStatistics) -> None:
        self.descriptor = descriptor
        self._statistics = statistics
        self._epoch: int | None = None
        self._next_index = 0
        self._stamp: tuple[int, int] | None = None  # sample index and device time of the newest frame
        self.beyond_us: int | None = None  # when a number was beyond full scale
        self.rate: RateCheck
        highest = _JUDGED_BITS.get(descriptor.unit, 0)
        self._stuck = StuckBits(descriptor.full, len(descriptor.channels), round(descriptor.rate_hz), highest)
        self._restart()

    @property
    def stuck_bit(self) -> str:
        """The bit of a channel's numbers that never changes, empty if there is none."""
        if self._stuck.found is None:
            return ""
        channel, bit = self._stuck.found
        return f"bit {bit} of {self.descriptor.channels[channel]}"

    def fits(self, frame: Frame) -> bool:
        """Whether the payload is as long as the frame says."""
        return frame.n > 0 and len(frame.payload) == 3 * frame.n * len(self.descriptor.channels)

    def feed(self, frame: Frame, device_us: int) -> tuple[NDArray[np.int64], NDArray[np.float64]] | None:
        """Device times, shape (n,), and values, shape (n, channels).

        None if the frame is from the past, or if a number is larger than the stream's can be: then its bytes are not
        what they are taken for, and nothing is believed for a while.
        """
        raw = np.frombuffer(frame.payload, dtype=np.uint8).reshape(frame.n, -1, 3).astype(np.int64) @ _U24
        if raw.max() > self.descriptor.full:
            self.beyond_us = device_us
        if self.beyond_us is not None and abs(device_us - self.beyond_us) < _DOUBT_US:
            self._statistics.refused += 1
            return None
        is_contiguous = (frame.epoch, frame.index) == (self._epoch, self._next_index)
        if not self._continues(frame):
            return None
        self._stuck.feed(raw, is_contiguous=is_contiguous)
        self._note_stamp(frame.index + frame.n - 1, device_us)
        self.rate.feed(frame.index + frame.n - 1, device_us)
        if self.rate.is_wrong:  # what is learnt of it would lead astray once it is right again
            self._timeline = SampleTimeline(1e6 / self.descriptor.rate_hz)
        t_us = self._timeline.feed(frame.index, frame.n, device_us, is_timed=Flag.TIMED in frame.flags)
        return t_us, self.descriptor.scale(raw)

    def forget_clock(self) -> None:
        """The board's clock has stepped: learn the sensor's anew."""
        self._restart()

    def _note_stamp(self, last_index: int, device_us: int) -> None:
        """Begin the sample clock anew where the board's leaps: what was learnt would lead into past or future."""
        if self._stamp is not None:
            samples, moved_us = last_index - self._stamp[0], device_us - self._stamp[1]
            if abs(moved_us - samples * 1e6 / self.descriptor.rate_hz) > _STEP_US:
                self._timeline = SampleTimeline(1e6 / self.descriptor.rate_hz)
        self._stamp = last_index, device_us

    def _restart(self) -> None:
        self._stamp = None
        self._timeline = SampleTimeline(1e6 / self.descriptor.rate_hz)
        self.rate = RateCheck(self.descriptor.rate_hz)

    def _continues(self, frame: Frame) -> bool:
        """Place the frame behind the last one: contiguous, after an exact loss, or in a new epoch."""
        if self._epoch != frame.epoch:
            self._statistics.losses_unknown += self._epoch is not None
            self._restart()
        elif frame.index < self._next_index:
            self._statistics.refused += 1
            return False
        else:
            lost = frame.index - self._next_index
            self._statistics.samples_lost += lost
            if lost > _LEAP_S * self.descriptor.rate_hz and not self._timeline.is_learnt:
                self._restart()
        self._epoch = frame.epoch
        self._next_index = frame.index + frame.n
        return True
