"""Faults of the fault catalogue that are the board's: each is injected, seen to fire, and ends as it must."""

import contextlib
import copy
import itertools
import json
from pathlib import Path
from random import Random

import numpy as np
import pytest

import hil.board.unix
from gateway.link.device import Device
from gateway.link.downlink import (
    UPDATE_ARGUMENTS,
    AckResult,
    EventCode,
    Verb,
    annunciate,
    command,
    configure,
    identify,
    time_request,
)
from gateway.link.events import Samples
from gateway.link.frame import Flag, Frame, FrameParser, FrameType
from gateway.link.status import Shown, StatusBit, decode_status
from hil.board.bus import HeldLine, NoAcknowledgeError, Op, Span, Stall
from hil.chair import MOTION_ADDRESS, OPTICAL_ADDRESS, REFERENCE_CHANNEL, TEMPERATURE_CHANNEL, play, wire
from hil.models.max30102 import RateRule
from tests.hil.link import (
    CODES,
    DARK,
    MOTION,
    OPTICAL,
    PRESSURE,
    STREAMS,
    S,
    TimeCode,
    converse,
    data,
    events,
    lost_samples,
    rig,
    statuses,
    wrong_samples,
)

RED, GREEN, BLUE, SOUNDER = 16, 17, 18, 15
ERROR, GOOD = EventCode.SENSOR_ERROR, EventCode.SENSOR_GOOD


def acks(found):
    return [(Verb(f.stream), f.index, AckResult(f.payload[0])) for _, f in found if f.type is FrameType.ACK and f.index]


def sounds(bus):
    """When the sounder was switched on: (s, Hz)."""
    return [(event.now_ns / 1e9, event.hz) for event in bus.outputs if event.pin == SOUNDER and event.hz]


def lit(bus, pin):
    """Spans of a light, s."""
    changes = [(event.now_ns / 1e9, event.level) for event in bus.outputs if event.pin == pin]
    return [(t, after) for (t, level), (after, _) in itertools.pairwise(changes) if level]


def samples_are_right(found, *streams):
    for stream in streams or STREAMS:
        received = data(found, stream)
        assert received
        assert wrong_samples(received) == 0


@rig
def test_power_on_is_seen_and_heard_and_a_quiet_gateway_keeps_it_dark():
    bus = wire(TimeCode())
    converse(8, bus=bus)
    assert [round(hz) for _, hz in sounds(bus)] == [880, 659, 523]
    assert all(t < 3 for t, _ in sounds(bus))
    for pin in (RED, GREEN, BLUE):
        assert all(after < 3 for _, after in lit(bus, pin))
        assert lit(bus, pin)


@rig
@pytest.mark.parametrize(
    ("priority", "pin", "per_minute", "pulses"), [(3, RED, 120, 60), (2, GREEN, 30, 9), (1, BLUE, 0, 2)]
)
def test_alarm_of_the_gateway_is_shown_until_it_expires(priority, pin, per_minute, pulses):
    bus = wire(TimeCode())
    order = annunciate(priority, sound=priority, expiry_ms=3000)
    orders = [(10 + k, command(Verb.ANNUNCIATE, order, index=10 + k)) for k in range(60)]
    found = converse(80, orders, is_attentive=False, bus=bus)
    shown = [(a, b) for a, b in lit(bus, pin) if 10 < a < 70]
    assert len(shown) == pytest.approx(per_minute, abs=1) if per_minute else [round(b - a) for a, b in shown] == [62]
    assert len([t for t, _ in sounds(bus) if 10 < t < 69.5]) == pulses
    assert {result for _, _, result in acks(found)} == {AckResult.DONE}
    during = [status for status in statuses(found) if 12 < status.uptime_s < 69]
    assert {(status.priority, status.shown) for status in during} == {(priority, Shown.GATEWAY)}
    silent = [status for status in statuses(found) if status.uptime_s > 76]
    assert {(status.priority, status.shown) for status in silent} == {(3, Shown.OWN_ALARM)}
    assert (0, EventCode.OWN_ALARM, 1) in events(found)


@rig
def test_host_without_power_is_an_alarm_for_at_least_two_minutes():
    """It neither reads nor writes: the board is on its own supply. Then it is back, and the alarm ends."""
    bus = wire(TimeCode())
    bus.deaf.append(Span(from_us=10 * S, to_us=200 * S))
    found = converse(
        210,
        [(t, command(Verb.ANNUNCIATE, annunciate(0, sound=0, expiry_ms=3000), index=t)) for t in (8, 9, 200, 203, 206)],
        is_attentive=False,
        bus=bus,
    )
    heard = [t for t, hz in sounds(bus) if hz == 880 and t > 5]
    assert heard[0] == pytest.approx(14.1, abs=0.2)
    assert max(b - a for a, b in itertools.pairwise(heard)) < 8
    assert 195 < heard[-1] < 200.2
    assert [event for event in events(found) if event[0] == 0] == [
        (0, EventCode.OWN_ALARM, 1),
        (0, EventCode.OWN_ALARM_END, 0),
    ]
    samples_are_right(found)


@rig
def test_nobody_at_the_port_stops_neither_the_sampling_nor_the_alarm_and_whoever_comes_is_told_all_of_it():
    """As on the board, what it writes then goes nowhere and looks sent; indexes tell exactly how much that was."""
    bus = wire(TimeCode())
    bus.absent.append(Span(from_us=10 * S, to_us=40 * S))
    quiet = command(Verb.ANNUNCIATE, annunciate(0, sound=0, expiry_ms=3000), index=1)
    orders = [(t, quiet) for t in (8, 9, *range(41, 46))] + [(40.5, command(Verb.START, index=2))]
    found = converse(46, orders, is_attentive=False, bus=bus, noise=(0, 1))
    assert not [t for t, _ in found if 10.1 * S < t < 40 * S]
    heard = [t for t, hz in sounds(bus) if hz == 880 and t > 5]
    assert heard[0] == pytest.approx(14.1, abs=0.3)
    assert 35 < heard[-1] < 41.2
    last = statuses(found)[-1]
    assert (last.uptime_s, last.reset_cause, last.frames_dropped, last.near_misses) == (45, 1, 0, 0)
    for stream, a_second in ((OPTICAL, 100), (PRESSURE, 200), (MOTION, 50)):
        received = data(found, stream)
        assert len({f.epoch for f in received}) == 1
        assert wrong_samples(received) == 0
        assert lost_samples(received) == pytest.approx(30 * a_second, abs=20 + a_second / 3)
        assert not [f for f in received if f.flags & Flag.TX_DROPPED], "the board cannot know"
    first = next((t, f) for t, f in found if t >= 40 * S)
    assert first[0] < 40.1 * S, "the newest 256 bytes come at once, from the middle of a frame"
    assert [f.type for t, f in found if 40.5 * S < t < 41 * S].count(FrameType.HELLO) >= 4


@rig
def test_a_board_that_starts_with_nobody_at_the_port_waits_a_minute_then_alarms():
    bus = wire(TimeCode())
    bus.absent.append(Span(from_us=0, to_us=66 * S))
    found = converse(
        70, [(t, command(Verb.START, index=t)) for t in (67, 68)], is_attentive=False, bus=bus, noise=(0, 1)
    )
    assert next(round(t) for t, hz in sounds(bus) if hz == 880 and t > 5) == 60
    assert data(found, OPTICAL)[0].index == pytest.approx(66 * 100, abs=40)
    assert statuses(found)[-1].uptime_s == 69
    samples_are_right(found)


@rig
def test_the_gateway_takes_a_board_up_again_that_nobody_listened_to_and_counts_what_is_missing():
    bus, device, parser, waiting = wire(TimeCode()), Device(), FrameParser(), bytearray()
    bus.absent.append(Span(from_us=10 * S, to_us=18 * S))
    seen = []

    def host():
        said = bytes(waiting)
        waiting.clear()
        return said

    with contextlib.closing(play(TimeCode(), bus=bus, host=host)) as chunks:
        for chunk in itertools.takewhile(lambda chunk: chunk.t_us < 22 * S, chunks):
            for request in device.poll(chunk.t_us):
                waiting.extend(request.data)
            for one in parser.feed(chunk.data):
                if isinstance(one, Frame):
                    seen += [(chunk.t_us, e) for e in device.feed(chunk.t_us, one) if isinstance(e, Samples)]
                else:
                    device.note_fault(chunk.t_us, one)
    assert device.statistics.faults <= 1
    assert (device.statistics.boots, device.statistics.losses_unknown) == (1, 0)
    assert device.statistics.samples_lost == pytest.approx(8 * 350, abs=130)
    assert device.is_connected
    back_us = next(t for t, _ in seen if t > 10.2 * S)
    assert back_us < 18.7 * S, "it had to say who it is"
    assert device.findings(22 * S) == []


@rig
def test_button_is_told_and_pauses_the_boards_own_alarm():
    bus = wire(TimeCode())
    bus.pressed += [Span(from_us=20 * S, to_us=20_200_000)]
    order = command(Verb.ANNUNCIATE, annunciate(0, sound=0, expiry_ms=3000), index=1)
    found = converse(60, [(9, order)], is_attentive=False, bus=bus)
    told = [
        (t_us / S, event)
        for (t_us, _), event in zip([x for x in found if x[1].type is FrameType.EVENT], events(found), strict=True)
    ]
    assert [(round(t), event) for t, event in told] == [
        (14, (0, EventCode.OWN_ALARM, 1)),
        (20, (0, EventCode.BUTTON, Shown.OWN_ALARM)),
    ]
    assert not [t for t, _ in sounds(bus) if t > 20.3]
    assert [a for a, _ in lit(bus, RED) if a > 50], "what is seen stays"
    assert statuses(found)[-1].button_presses == 1
    assert StatusBit.SOUND_PAUSED in statuses(found)[-1].bits


@rig
def test_unknown_corrupt_and_flooding_requests_are_counted_and_cost_no_sample():
    good = command(Verb.IDENTIFY, identify(100), index=5)
    flood = [(6 + k / 10, bytes(range(1, 256)) * 4) for k in range(20)]
    found = converse(
        12,
        [
            (3, command(Verb(5), b"x", index=1)),
            (3.5, good[:10] + b"\x55" + good[11:]),
            (4, good),
            *flood,
            (9, command(Verb.START, index=9)),
        ],
    )
    assert acks(found) == [
        (Verb.SELF_TEST, 1, AckResult.BAD_ARGUMENT),
        (Verb.IDENTIFY, 5, AckResult.DONE),
        (Verb.START, 9, AckResult.DONE),
    ]
    assert statuses(found)[-1].commands_refused == 1
    assert statuses(found)[-1].corrupt_frames >= 2
    samples_are_right(found)
    assert lost_samples(data(found, PRESSURE)) == lost_samples(data(found, OPTICAL)) == 0


@rig
@pytest.mark.parametrize("skew_ppm", [0, 500, -500])
def test_time_is_told_as_it_is(skew_ppm):
    requests = [(1 + k / 7, time_request(k)) for k in range(60)]
    found = converse(11, requests, skew_ppm=skew_ppm, boot_ticks_us=123_456)
    replies = [(t_us, f) for t_us, f in found if f.type is FrameType.TIME_REP]
    answered = [f.index for _, f in replies]
    assert answered == sorted(set(answered))
    assert len(answered) >= 58, "one that would have to wait for the port is not given: it would tell a wrong delay"
    taken_us = []
    for t_us, frame in replies:
        read, queued = np.frombuffer(frame.payload, dtype="<u4").tolist()
        assert 0 < queued - read < 500
        assert queued == frame.ticks_us
        taken_us.append(123_456 + t_us * (1 + skew_ppm / 1e6) - queued)
    assert min(taken_us) >= -20
    assert max(taken_us) < 6_000, "one for which the port had no room follows at the next tick"
    assert np.quantile(taken_us, 0.8) < 1_000, "the host takes the others at once"


@rig
@pytest.mark.parametrize(
    ("rates", "skew_ppm"), [((100, 200), -500), ((200, 250), 500), ((400, 250), -500), ((400, 200), 500)]
)
def test_configured_rates_lose_nothing_and_tell_their_times(rates, skew_ppm):
    """Half a minute at each rate, with a sensor whose clock is 1.3 % fast and a board whose own is off."""
    pleth, pressure = rates
    bus = wire(TimeCode())
    bus.i2c[OPTICAL_ADDRESS]._rate_error = 0.013
    order = command(Verb.CONFIGURE, configure(pleth_rate_hz=pleth, pressure_rate_hz=pressure), index=3)
    found = converse(32, [(2, order)], bus=bus, skew_ppm=skew_ppm)
    assert acks(found) == [(Verb.CONFIGURE, 3, AckResult.DONE)]
    described = [
        json.loads(f.payload) for _, f in found if f.type is FrameType.HELLO and f.stream in (OPTICAL, PRESSURE)
    ]
    assert [d["rate"][0] for d in described[-2:]] == list(rates)
    for stream, rate in ((OPTICAL, pleth * 1.013), (PRESSURE, pressure * (1 + skew_ppm / 1e6))):
        received = [f for f in data(found, stream) if f.epoch == data(found, stream)[-1].epoch]
        assert lost_samples(received) == 0
        first, last = received[0], received[-1]
        elapsed_s = (last.ticks_us - first.ticks_us) / S / (1 + skew_ppm / 1e6)
        assert elapsed_s > 29
        assert last.index + last.n - first.index - first.n == pytest.approx(elapsed_s * rate, abs=1)
    optical = [f for f in data(found, OPTICAL) if f.ticks_us > 2.2 * S]
    board = 1 + skew_ppm / 1e6
    for frame in optical:
        late_us = (frame.ticks_us / board - shown_us(frame) + 100_000) % (CODES * 100) - 100_000
        bound = 600 if frame.flags & Flag.TIMED else 0.6e6 / pleth + 200
        assert abs(late_us) <= bound
    assert sum(bool(f.flags & Flag.TIMED) for f in optical) >= 15
    measured = statuses(found)[-1].streams["optical"].rate_hz
    assert measured == pytest.approx(pleth * 1.013 / board, rel=2e-4)


def shown_us(frame):
    """When its last sample was taken, within 0.1 ms, modulo the code's."""
    raw = np.frombuffer(frame.payload, dtype=np.uint8).reshape(frame.n, -1, 3).astype(int) @ [65536, 256, 1]
    return (raw[-1, 0] - DARK) * 100 + 50


@rig
def test_line_held_down_by_a_sensor_is_clocked_free():
    """B3: as after a reset amid a read; the sensor lets go after a few clocks."""
    bus = wire(TimeCode())
    at_start = HeldLine(7)
    bus.held = at_start
    found = converse(4, bus=bus)
    assert at_start.clocks == 0
    assert events(found) == []
    samples_are_right(found)


@rig
@pytest.mark.parametrize(("clocks", "recovers"), [(5, True), (1_000_000, False)])
def test_line_that_is_held_later_costs_a_second_or_is_told(clocks, recovers):
    """B3, and what no clocks free: it is tried each second, told once, and pressure goes on."""
    bus = wire(TimeCode())

    def then(t_us):
        if t_us > 3 * S and bus.held is None:
            bus.held = HeldLine(clocks)

    found = converse(9, bus=bus, then=then)
    assert set(events(found)[:2]) == {(OPTICAL, ERROR, 1), (MOTION, ERROR, 1)}
    assert (bus.held.clocks == 0) == recovers
    if recovers:
        assert set(events(found)[2:]) == {(OPTICAL, GOOD, 0), (MOTION, GOOD, 0)}
        assert data(found, OPTICAL)[-1].ticks_us > 8.9 * S
    else:
        assert len(events(found)) == 2
        assert [e.now_ns for e in bus.outputs if e.pin == 5][-1] > 8e9 / 1, "still tried"
    samples_are_right(found)
    pressure = data(found, PRESSURE)
    assert len({frame.epoch for frame in pressure}) == 1
    assert lost_samples(pressure) < 40


@rig
@pytest.mark.parametrize("share", [0.002, 0.02])
def test_transfers_that_fail_at_random_invent_no_sample(share):
    """B1: each is counted, what was lost by it is told, and both sensors go on."""
    bus, random, failed = wire(TimeCode()), Random(3), []

    def failing(real):
        def transfer(now_ns, written, wanted):
            if now_ns > 2 * S * 1000 and random.random() < share:
                failed.append(now_ns)
                raise NoAcknowledgeError
            return real(now_ns, written, wanted)

        return transfer

    for device in bus.i2c.values():
        device.transfer = failing(device.transfer)
        device.promise = lambda _: None
    found = converse(12, bus=bus)
    samples_are_right(found)
    last = statuses(found)[-1]
    assert failed
    assert last.streams["optical"].bus_errors + last.streams["motion"].bus_errors == pytest.approx(len(failed), abs=5)
    for stream in (OPTICAL, MOTION):
        received = data(found, stream)
        assert received[-1].ticks_us > 11.5 * S
        assert all(b.flags & Flag.LOSS_UNKNOWN for a, b in itertools.pairwise(received) if a.epoch != b.epoch)
    assert lost_samples(data(found, PRESSURE)) <= len(failed)


@rig
def test_hang_of_the_bus_beyond_the_watchdog_is_a_reset_with_its_cause():
    """B4, M2: a transfer that does not come back for ten seconds."""
    bus = wire(TimeCode())
    bus.stalls.append(Stall(at_us=4 * S, lasts_us=10 * S, ops=(Op.I2C,)))
    found = converse(20, bus=bus)
    hellos = [json.loads(f.payload) for _, f in found if f.type is FrameType.HELLO and f.stream == 0]
    assert next(hello["reset"] for hello in hellos if hello["boot"] != hellos[0]["boot"]) == 3
    assert len({hello["boot"] for hello in hellos}) == 2
    assert statuses(found)[-1].reset_cause == 3
    samples_are_right([x for x in found if x[0] > 15 * S])


@rig
def test_hang_that_nearly_bites_is_counted():
    bus = wire(TimeCode())
    bus.stalls.append(Stall(at_us=4 * S, lasts_us=3 * S, ops=(Op.I2C,)))
    found = converse(12, bus=bus)
    assert statuses(found)[-1].near_misses == 1
    assert statuses(found)[-1].reset_cause == 1
    samples_are_right(found)


@rig
@pytest.mark.parametrize(
    ("address", "register"),
    [(OPTICAL_ADDRESS, r) for r in (0x08, 0x09, 0x0A, 0x0C, 0x0D)]
    + [(MOTION_ADDRESS, r) for r in (0x20, 0x23, 0x24, 0x2E)],
)
def test_changed_register_is_repaired_and_told_before_a_sample_of_it_is_sent(address, register):
    """B6: a brown-out of the sensor flips a bit of its configuration; that of the FIFO is found within a second."""
    bus = wire(TimeCode())
    device, flipped = bus.i2c[address], []

    def then(t_us):
        if t_us > 3 * S and not flipped:
            flipped.append(device._registers[register])
            device._write(register, flipped[0] ^ (0x80 if register == 0x2E else 0x10), t_us * 1000)

    found = converse(8, bus=bus, then=then)
    stream = OPTICAL if address == OPTICAL_ADDRESS else MOTION
    (told_us, event), *_ = [(t, f) for t, f in found if f.type is FrameType.EVENT]
    assert tuple(event.payload) in {(EventCode.REPAIRED, register), (ERROR, 3)}, "silence may be noticed first"
    assert event.stream == stream
    assert told_us < (4.2 if register == 0x2E else 3.2) * S
    last = statuses(found)[-1].streams["optical" if stream == OPTICAL else "motion"]
    assert (last.error, last.repairs) == (0, int(event.payload[0] == EventCode.REPAIRED))
    assert device._registers[register] == flipped[0]
    received = data(found, stream)
    assert received[-1].ticks_us > 7.8 * S
    after = [f for f in received if f.epoch == received[-1].epoch]
    assert after[0].flags & Flag.RECONFIGURED
    assert after[0].ticks_us < 4.5 * S
    assert wrong_samples(received) == 0, "what was taken with another configuration is not sent"
    assert lost_samples(data(found, PRESSURE)) == 0


@rig
@pytest.mark.parametrize(("error", "is_off"), [(0.05, True), (-0.05, True), (0.01, False)])
def test_drift_of_the_reference_is_told(error, is_off):
    """B7: the ADC's reference drifts, and every pressure with it; the calibration input shows it within 5 s."""

    class Steady(TimeCode):
        def volts(self, t_us):
            return np.ones(len(t_us))

    bus = wire(Steady())

    def then(t_us):
        if t_us > 4.1 * S:
            bus.adc[REFERENCE_CHANNEL].reference.error = error

    found = converse(12, bus=bus, then=then)
    told = [t for t, f in found if f.type is FrameType.EVENT and f.payload[0] == EventCode.REFERENCE_OFF]
    assert len(told) == is_off
    said = [(t, decode_status(f.payload)) for t, f in found if f.type is FrameType.STATUS]
    shown = [t for t, status in said if StatusBit.REFERENCE_OFF in status.bits]
    assert bool(shown) == is_off
    assert all(7 * S < t[0] <= 9.1 * S for t in (told, shown) if t), "three readings that agree, one a second"
    assert statuses(found)[-1].reference_mv == pytest.approx(2500 / (1 + error), abs=3)
    first, *_, last = [int.from_bytes(f.payload[-3:], "big") for f in data(found, PRESSURE)]
    assert last / first == pytest.approx(1 / (1 + error), rel=1e-3)


@rig
def test_board_without_a_reference_does_not_invent_one():
    bus = wire(TimeCode())
    bus.adc[REFERENCE_CHANNEL].volts = 0.0
    found = converse(8, bus=bus)
    assert events(found) == []
    assert statuses(found)[-1].reference_mv is None


@rig
def test_reference_whose_wire_breaks_is_off_not_absent():
    """B7: nothing checks the pressures any more, and once something did."""
    bus = wire(TimeCode())

    def then(t_us):
        bus.adc[REFERENCE_CHANNEL].volts = 0.0 if 4 * S < t_us < 9 * S else 2.5

    found = converse(14, bus=bus, then=then)
    assert events(found) == [(PRESSURE, EventCode.REFERENCE_OFF, 0), (PRESSURE, EventCode.REFERENCE_GOOD, 0)]


@rig
@pytest.mark.parametrize("is_lost_at", [4, 1])
def test_reference_that_is_gone_after_a_restart_is_off_not_absent(is_lost_at):
    """B7: its wire breaks while the board is off, or before it starts again."""
    bus = wire(TimeCode())
    bus.stalls.append(Stall(at_us=3 * S, lasts_us=9 * S, ops=(Op.I2C,)))

    def then(t_us):
        bus.adc[REFERENCE_CHANNEL].volts = 2.5 if t_us < is_lost_at * S else 0.0

    found = converse(18, bus=bus, then=then)
    later = [(t, f) for t, f in found if t > 11.5 * S]
    assert len({json.loads(f.payload)["boot"] for _, f in found if f.type is FrameType.HELLO and f.stream == 0}) == 2
    assert [event for event in events(later) if event[0] == PRESSURE] == [(PRESSURE, EventCode.REFERENCE_OFF, 0)]
    told = next(t for t, f in later if f.type is FrameType.EVENT and f.payload[0] == EventCode.REFERENCE_OFF)
    assert told < 16.5 * S
    assert StatusBit.REFERENCE_OFF in statuses(found)[-1].bits


@rig
@pytest.mark.parametrize(("volts", "celsius"), [(0.706, 27.0), (0.6, 88.6), (3.3, None), (0.0, None)])
def test_temperature_no_processor_has_is_not_known(volts, celsius):
    bus = wire(TimeCode())
    bus.adc[TEMPERATURE_CHANNEL].volts = volts
    found = converse(2.5, bus=bus)
    assert statuses(found)[-1].temperature_c == (None if celsius is None else pytest.approx(celsius, abs=0.5))


@rig
@pytest.mark.parametrize("address", [OPTICAL_ADDRESS, MOTION_ADDRESS])
def test_wrong_part_is_refused_and_told(address):
    """S12: its samples are never read."""
    bus = wire(TimeCode())
    device = bus.i2c[address]
    device.part_id = device.identity = 0x77
    stream = OPTICAL if address == OPTICAL_ADDRESS else MOTION
    found = converse(4, bus=bus)
    assert events(found) == [(stream, ERROR, 2)]
    assert data(found, stream) == []
    samples_are_right(found, PRESSURE)


@rig
def test_motion_sensor_that_answers_later_is_declared_then():
    """The bus hangs at power-on; a second after it is well again everything is there."""
    bus = wire(TimeCode())
    bus.hangs.append(Span(from_us=0, to_us=1 * S))
    found = converse(5, bus=bus)
    assert [f.ticks_us < 3.2 * S for f in data(found, MOTION)[:1]] == [True]
    samples_are_right(found, MOTION)
    hellos = [json.loads(f.payload) for _, f in found if f.type is FrameType.HELLO and f.stream == 0]
    assert [hello["streams"] for hello in hellos] == [2, 3]


@rig
def test_motion_sensor_that_was_once_there_is_missed():
    """Its wire breaks between two starts: the board that had it says so."""
    bus = wire(TimeCode())
    bus.stalls.append(Stall(at_us=3 * S, lasts_us=9 * S, ops=(Op.I2C,)))

    def then(t_us):
        bus.i2c[MOTION_ADDRESS].is_present = t_us < 4 * S

    found = converse(15, bus=bus, then=then)
    hellos = [(t, json.loads(f.payload)) for t, f in found if f.type is FrameType.HELLO and f.stream == 0]
    again = [hello["streams"] for t, hello in hellos if t > 11 * S]
    assert again[0] == 3
    assert (MOTION, ERROR, 1) in events([(t, f) for t, f in found if t > 11 * S])


@rig
def test_an_error_that_lasts_is_in_each_status_until_it_is_over():
    """S12: whoever was not there when it began, or lost the one event, is told why there are no samples."""
    bus = wire(TimeCode())
    device = bus.i2c[OPTICAL_ADDRESS]
    right, device.part_id = device.part_id, 0x77

    def then(t_us):
        device.part_id = 0x77 if t_us < 4 * S else right

    found = converse(8, bus=bus, then=then)
    assert events(found) == [(OPTICAL, ERROR, 2), (OPTICAL, GOOD, 0)]
    told = [status.streams["optical"].error for status in statuses(found)]
    assert told[:4] == [2] * 4
    assert told[-2:] == [0, 0]


@rig
def test_rate_that_is_not_the_declared_one_is_told():
    """S19: 100 Hz declared, 25 Hz sent; STATUS shows what comes."""
    bus = wire(TimeCode())
    bus.i2c[OPTICAL_ADDRESS]._rate_error = -0.75
    found = converse(20, bus=bus)
    assert events(found) == [(OPTICAL, ERROR, 5)]
    assert statuses(found)[-1].streams["optical"].rate_hz == pytest.approx(25.0, rel=1e-3)
    assert statuses(found)[-1].streams["optical"].error == 5
    assert data(found, OPTICAL)[-1].flags & Flag.SENSOR_ERROR


@rig
def test_part_that_does_not_reach_its_rate_is_told():
    """400 Hz configured, 100 Hz got, as users of the part have seen."""
    bus = wire(TimeCode())
    bus.i2c[OPTICAL_ADDRESS]._rate_rule = RateRule.AS_SEEN
    order = command(Verb.CONFIGURE, configure(pleth_rate_hz=400, pressure_rate_hz=200), index=1)
    found = converse(18, [(1, order)], bus=bus)
    assert (OPTICAL, ERROR, 5) in events(found)
    assert statuses(found)[-1].streams["optical"].rate_hz == pytest.approx(100.0, rel=1e-3)


class Finger(TimeCode):
    """Light in proportion to the current, of a finger that is ``counts`` bright at 7 mA."""

    def __init__(self, counts):
        super().__init__()
        self.counts = counts

    def light(self, t_us):
        return np.full((len(t_us), 2), float(self.counts))


@rig
@pytest.mark.parametrize(
    ("counts", "changes"), [(110_000, False), (30_000, False), (12_000, True), (400_000, True), (1_000, False)]
)
def test_current_is_chosen_so_that_the_level_stays_in_range(counts, changes):
    """Too dark or too bright is brought back and told; no finger at all is left alone."""
    bus = wire(Finger(counts))
    found = converse(8, bus=bus, stimulus=Finger(counts))
    told = [event for event in events(found) if event[1] is EventCode.LED_CHANGED]
    status = statuses(found)[-1]
    assert bool(told) == changes
    if changes:
        assert 40_000 < status.red_level < 200_000
        assert status.led_red_ma != 7.2
        reconfigured = [f for f in data(found, OPTICAL) if f.flags & Flag.RECONFIGURED]
        assert len(reconfigured) == len(told)
    else:
        assert status.led_red_ma == status.led_infrared_ma == 7.2
    assert lost_samples(data(found, OPTICAL)) == 0
    assert len({f.epoch for f in data(found, OPTICAL)}) == 1


@rig
def test_currents_that_were_commanded_are_kept():
    bus = wire(Finger(400_000))
    order = command(Verb.CONFIGURE, configure(pleth_rate_hz=100, pressure_rate_hz=200, red=10, infrared=20), index=1)
    found = converse(6, [(0.5, order)], bus=bus, stimulus=Finger(400_000))
    status = statuses(found)[-1]
    assert (status.led_red_ma, status.led_infrared_ma) == (2.0, 4.0)
    assert not [event for event in events(found) if event[1] is EventCode.LED_CHANGED]
    assert status.red_level == pytest.approx(400_000 * 10 / 36, rel=0.01)


@rig
def test_settings_survive_a_reset_and_damaged_ones_are_told(monkeypatch):
    """M12: with one bit flipped on the flash the board runs with its defaults and says so."""
    flashes = []
    start = hil.board.unix._start
    monkeypatch.setattr(
        hil.board.unix, "_start", lambda *args, **more: (flashes.append(args[2]), start(*args, **more))[1]
    )
    bus = wire(TimeCode())
    bus.stalls += [Stall(at_us=k * S, lasts_us=9 * S, ops=(Op.I2C,)) for k in (3, 18)]

    def then(t_us):
        if t_us > 17 * S and not damaged:
            file = Path(flashes[0]) / "settings.bin"
            content = bytearray(file.read_bytes())
            content[2] ^= 1
            file.write_bytes(content)
            damaged.append(True)

    damaged = []
    order = command(Verb.CONFIGURE, configure(pleth_rate_hz=400, pressure_rate_hz=250), index=1)
    found = converse(34, [(1, order)], bus=bus, then=then)
    hellos = [(t / S, json.loads(f.payload)) for t, f in found if f.type is FrameType.HELLO and f.stream == OPTICAL]
    assert {h["rate"][0] for t, h in hellos if 12 < t < 17} == {400}
    assert {h["rate"][0] for t, h in hellos if t > 29} == {100}
    assert (0, EventCode.BAD_SETTINGS, 0) in events(found)
    assert StatusBit.SETTINGS_BAD in statuses(found)[-1].bits


@rig
def test_update_leaves_the_port_to_whoever_installs(capsys):
    order = command(Verb.UPDATE, UPDATE_ARGUMENTS, index=1)
    found = converse(308, [(3, order)], noise=(1,))
    notes = capsys.readouterr().err
    assert acks(found) == [(Verb.UPDATE, 1, AckResult.DONE)]
    assert "has reset itself at 3." in notes
    assert not [t for t, _ in found if 3.3 * S < t < 303 * S], "the REPL is there now"
    assert "has reset itself at 303." in notes, "nobody has installed anything"
    assert data(found, OPTICAL)[-1].ticks_us > 3 * S, "and the next start is the program again"


@rig
def test_host_that_stalls_for_eight_seconds_at_400_hz_costs_counted_frames_only():
    bus = wire(TimeCode())
    bus.deaf.append(Span(from_us=4 * S, to_us=12 * S))
    order = command(Verb.CONFIGURE, configure(pleth_rate_hz=400, pressure_rate_hz=250), index=1)
    found = converse(20, [(1, order)], bus=bus)
    optical = [f for f in data(found, OPTICAL) if f.ticks_us > 1.3 * S]
    assert len({f.epoch for f in optical}) == 1
    assert lost_samples(optical) == pytest.approx(8 * 400, abs=200)
    flagged = [f for f in optical if f.flags & Flag.TX_DROPPED]
    jumps = [b for a, b in itertools.pairwise(optical) if b.index != a.index + a.n]
    assert flagged == jumps
    timed = [f for f in optical if f.flags & Flag.TIMED]
    first = timed[0]
    for frame in timed:
        steps = frame.index + frame.n - first.index - first.n
        assert abs(frame.ticks_us - first.ticks_us - 2_500 * steps) < 1_000
    for frame in optical:
        late_us = (frame.ticks_us - shown_us(frame) + 100_000) % (CODES * 100) - 100_000
        assert abs(late_us) < 2_000


@rig
def test_reset_amid_a_frame_costs_that_frame_only():
    """M1: the stream is cut at every byte of four frames, and goes on with that of the next boot."""
    first, second = (b"".join(c.data for c in itertools.islice(play(TimeCode(), seed=seed), 40)) for seed in (1, 2))
    second = second[:1500]  # once a frame of it was good, the others are
    good = [f for f in FrameParser().feed(first) if isinstance(f, Frame)]
    after = [f for f in FrameParser().feed(second) if isinstance(f, Frame)]
    end = [k for k, byte in enumerate(first) if not byte and k > 200][60]
    parser, found = FrameParser(), []
    for cut in range(end):
        if cut >= 200:
            rest = [f for f in copy.deepcopy(parser).feed(second) if isinstance(f, Frame)]
            assert rest[-len(after) :] == after
            assert [*found, *rest[: -len(after)]] == good[: len(found) + len(rest) - len(after)]
        found += [f for f in parser.feed(first[cut : cut + 1]) if isinstance(f, Frame)]
