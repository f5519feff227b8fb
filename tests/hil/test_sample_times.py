"""From the sensor to the gateway's sample times: right to 1 ms over a link that delays, with crystals that disagree."""

import contextlib
import random
from collections import deque

import numpy as np
import pytest

from gateway.link.device import Device
from gateway.link.downlink import Verb, command, configure
from gateway.link.events import Samples
from gateway.link.frame import Frame, FrameParser, FrameType
from hil import chair
from hil.board.bus import Span
from tests.hil.link import MOTION, OPTICAL, PRESSURE, TimeCode, rig, times, wrap

SECOND_US = 1_000_000
SETTLED_US = 15 * SECOND_US
WORST_US = 1_000


class Between:
    """Delays both ways at random, in order; the gateway's crystal is off by ``ppm`` against the board's.

    The rig hands bytes to the board when it asks for something, which is every 20 or 40 ms: what is not handed over at
    once waits for the next time.
    """

    def __init__(self, ppm, seed):
        self._scale, self._rng = 1 + ppm * 1e-6, random.Random(seed)
        self._up, self._down = deque(), b""
        self._last_us = self._now_us = 0

    def gateway_us(self, board_us):
        return np.rint(np.asarray(board_us) * self._scale).astype(int)

    def _arrival_us(self):
        delay_us = 300 + (self._rng.uniform(0, 80_000) if self._rng.random() < 0.2 else self._rng.expovariate(1 / 3000))
        self._last_us = max(self._last_us, self._now_us + round(delay_us))
        return self._last_us

    def sent(self, chunk):
        """The board's bytes leave; return those that arrive until then, with the gateway's time."""
        self._now_us = chunk.t_us
        if chunk.data:
            self._up.append((self._arrival_us(), chunk.data))
        while self._up and self._up[0][0] <= self._now_us:
            at_us, data = self._up.popleft()
            yield int(self.gateway_us(at_us)), data
        yield int(self.gateway_us(self._now_us)), b""

    def to_board(self, data):
        self._down += data

    def host(self):
        if self._rng.random() < 0.5:
            return b""
        data, self._down = self._down, b""
        return data


def play(link, device, seconds, **options):
    """Errors by stream, each with its arrival: (gateway time, worst error of the frame in microseconds)."""
    parser = FrameParser()
    errors = {OPTICAL: [], PRESSURE: [], MOTION: []}
    with contextlib.closing(chair.play(TimeCode(seconds), host=link.host, **options)) as chunks:
        for chunk in chunks:
            for t_us, data in link.sent(chunk):
                for request in device.poll(t_us):
                    link.to_board(request.data)
                for frame in parser.feed(data):
                    assert isinstance(frame, Frame), frame
                    events = device.feed(t_us, frame)
                    if frame.type is FrameType.DATA and events and isinstance(events[0], Samples) and t_us > SETTLED_US:
                        errors[frame.stream].append((t_us, max(abs(off(link, frame, events[0].t_us)))))
    return errors


@rig
@pytest.mark.parametrize(("ppm", "settled_s"), [(-500, 15), (500, 15), (-5000, 25), (5000, 25)])
def test_every_sample_is_where_it_was_taken_to_a_millisecond(ppm, settled_s):
    """M4."""
    link, device = Between(ppm, 2), Device()
    errors = play(link, device, 17 + settled_s)
    errors = {stream: [e for e in found if e[0] > settled_s * SECOND_US] for stream, found in errors.items()}
    statistics = device.statistics
    assert statistics.replies > 200
    assert (statistics.frames_lost, statistics.samples_lost, statistics.clock_steps) == (0, 0, 0)
    assert {stream: len(found) > 50 for stream, found in errors.items()} == dict.fromkeys(errors, True)
    assert max(worst(errors).values()) <= WORST_US, worst(errors)


@rig
@pytest.mark.parametrize(("ppm", "sensor_error"), [(-500, -0.03), (500, 0.013)])
def test_every_sample_behind_a_stall_of_the_host_is_right_to_a_millisecond(ppm, sensor_error):
    """8 s at 400 Hz, with three clocks that disagree: what they were known to do leads over the gap."""
    link, device = Between(ppm, 2), Device()
    link.to_board(command(Verb.CONFIGURE, configure(pleth_rate_hz=400, pressure_rate_hz=250), index=1))
    bus = chair.wire(TimeCode())
    for address in (chair.OPTICAL_ADDRESS, chair.MOTION_ADDRESS):
        bus.i2c[address]._rate_error = sensor_error
    bus.deaf.append(Span(from_us=20 * SECOND_US, to_us=28 * SECOND_US))
    errors = play(link, device, 32, bus=bus)
    statistics = device.statistics
    assert statistics.samples_lost > 5000
    assert (statistics.losses_unknown, statistics.clock_steps) == (0, 0)
    behind = {stream: [e for e in found if e[0] > 28 * SECOND_US] for stream, found in errors.items()}
    assert min(len(found) for found in behind.values()) > 10
    assert max(worst(errors).values()) <= WORST_US, (worst(errors), worst(behind))


def worst(errors):
    return {stream: max(error for _, error in found) for stream, found in errors.items()}


def off(link, frame, t_us):
    """How far each time is from when the sample was taken, in microseconds."""
    period_us = wrap(frame)
    board_us = times(frame)
    turns = np.rint((t_us / (link.gateway_us(SECOND_US) / SECOND_US) - board_us) / period_us)
    return t_us - link.gateway_us(board_us + turns * period_us)
