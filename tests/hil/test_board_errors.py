"""Errors that nobody foresaw, anywhere in the firmware: caught, told, survived, or ended by a reset; never silence."""

import contextlib
import itertools
import json

import numpy as np
import pytest

import hil.board.unix
from gateway.chunklog import Origin, OriginKind
from gateway.link.downlink import EventCode, ToBoard, Verb, annunciate, command, configure, identify, time_request
from gateway.link.frame import Flag, FrameType
from gateway.messages import Composer, Message
from gateway.pipeline import Pipeline
from hil.board.unix import RigError, UnixBoard
from hil.chair import OPTICAL_ADDRESS, play, wire
from hil.patient import Patient
from hil.stimulus import Stimulus
from tests.firmware.stand_in import FIRMWARE
from tests.hil.link import (
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

MAIN = (FIRMWARE / "main.py").read_text()


@pytest.fixture
def runs(monkeypatch, tmp_path):
    """Let the rig run a program instead of the firmware's main.py."""

    def program(text):
        path = tmp_path / "main.py"
        path.write_text(text)
        monkeypatch.setattr(UnixBoard.__init__, "__kwdefaults__", {"link": None, "program": path})

    return program


# What follows finds every method of the firmware and of the machine below it: (class, name, function).
SITES = """
import sys
from time import ticks_diff, ticks_us
import machine
import _rig
from node import board, sampler  # first, as in main.py: in another order the compiler may find no room in one piece

owners = [machine.I2C, machine.Pin, machine.PWM, machine.WDT, type(_rig.usb)]
for name in sorted(sys.modules):
    if name.split(".")[0] == "node":
        for one in dir(sys.modules[name]):
            owner = getattr(sys.modules[name], one)
            if isinstance(owner, type) and owner.__name__ != "array" and owner not in owners:
                owners.append(owner)

def sites():
    found = []
    for owner in owners:
        for name, member in owner.__dict__.items():
            if callable(member) and not isinstance(member, staticmethod):
                found.append((owner, name, member))
    return found
"""

# At the next call of each method there is, one after the other, something is raised that nobody expects; its name,
# which the board tells in LOG, is that of the method. One that is not called within 2.2 s is passed over.
EACH_METHOD = (
    SITES
    + """
armed = []  # site, since when, whether it has fired
Step = sampler.Sampler.step
def step(self, missed):
    now = ticks_us()
    if armed:
        site, since, has_fired = armed
        if ticks_diff(now, since) > (1_100_000 if has_fired else 2_200_000):
            setattr(*site)
            self._exceptions = 0  # as if 10 s had passed
            armed.clear()
    if not armed and left and now > 3_000_000:
        site = left.pop()
        armed.extend([site, now, False])
        def broken(*args, **options):
            setattr(*site)
            armed[1:] = [ticks_us(), True]
            _rig.stretch(100_000)  # it has taken a while
            raise type(site[0].__name__ + "." + site[1], (ValueError,), {})()
        setattr(site[0], site[1], broken)
    return Step(self, missed)
sampler.Sampler.step = step
left = [site for site in sites() if not site[1].startswith("__")]
"""
    + MAIN
)

# At each start but the first the n-th call of any method before the first tick raises, and the next n is kept on the
# flash; once all calls have had their turn the board runs on. A start that lives through it ends by itself.
EVERY = 3  # of about 112; with 1, all of them, it takes a quarter of a minute
EACH_CALL_OF_THE_BOOT = (
    SITES
    + f"EVERY = {EVERY}"
    + """
try:
    with open("calls") as file:
        n = int(file.read())
except OSError:
    n = 0
with open("calls", "w") as file:
    file.write(str(n + EVERY))
calls = [0]
fired = []
def counted(name, real):
    def call(*args, **options):
        calls[0] += 1
        if calls[0] == n and not running:
            fired.append(name)
            print("fault", n, name, file=sys.stderr)
            raise (ValueError, OSError, MemoryError, KeyboardInterrupt)[n % 4]("one day")
        return real(*args, **options)
    return call
running = []
for owner, name, member in sites():
    setattr(owner, name, counted(owner.__name__ + "." + name, member))
Step = sampler.Sampler.step
def step(self, missed):
    if not running:
        running.append(ticks_us())
    if (fired or not n) and ticks_diff(ticks_us(), running[0]) > 400_000:
        machine.reset()
    return Step(self, missed)
sampler.Sampler.step = step
"""
    + MAIN
)


@pytest.fixture
def on_a_large_heap(monkeypatch):
    """For a program that wraps every method: the heap of a Pico has no room for that."""
    monkeypatch.setattr(hil.board.unix, "_HEAP", "600k")


def busy(seconds):
    """A gateway that has all of the firmware work."""
    rates = configure(pleth_rate_hz=100, pressure_rate_hz=200)
    others = [(Verb.START, b""), (Verb.IDENTIFY, identify(300)), (Verb.CONFIGURE, rates), (Verb.SELF_TEST, b"")]
    said = []
    for k in range(4, 2 * seconds):
        order = annunciate(k % 4, sound=k % 4, expiry_ms=300)
        verb, arguments = others[k % 4]
        said.append((k / 2 + 0.1, time_request(k)))
        said.append((k / 2 + 0.3, command(Verb.ANNUNCIATE, order, index=k)))
        said.append((k / 2 + 0.45, command(verb, arguments, index=k)))
    return said


# Those whose error once would have been the end of a stream, or of the board
NAMED = {
    *("PressureAdc.read", "Max30102.read", "Max30102.look", "Max30102.changed_register", "Lis3dh.read", "Lis3dh.look"),
    *("BoardAdc.read", "I2C.readfrom_mem_into", "Pin.value", "PWM.freq", "WDT.feed", "Cdc.write", "Cdc.readinto"),
    *("Stream.send", "FifoSource.poll", "PressureSource.take", "PressureSource.flush", "Link.send", "Link.flush"),
    *("Annunciator.step", "Annunciator.command", "Lamp.show", "Sounder.sound", "Button.is_pressed", "Inbox.receive"),
    *("Commands.receive", "Status.send", "Sampler.step", "Sampler.configure", "Pace.wait", "Watchdog.feed"),
}


@rig
@pytest.mark.usefixtures("on_a_large_heap")
def test_an_error_in_any_method_is_caught_counted_told_and_survived(runs):
    """M10: all streams start anew, at once and without a count of what was missed, and everything goes on."""
    runs(EACH_METHOD)
    found = converse(265, busy(265))
    fired = [f.payload.decode() for _, f in found if f.type is FrameType.LOG]
    assert len(fired) == len(set(fired)) > 65
    assert NAMED - set(fired) == set()
    assert [event for event in events(found) if event[1] is EventCode.EXCEPTION] == [(0, EventCode.EXCEPTION, 1)] * len(
        fired
    )
    assert statuses(found)[-1].exceptions == len(fired)
    assert statuses(found)[-1].uptime_s > 250, "no reset"
    for stream in STREAMS:
        received = [(t_us, f) for t_us, f in found if f.type is FrameType.DATA and f.stream == stream]
        assert max(b - a for (a, _), (b, _) in itertools.pairwise(received)) < 0.5 * S
        assert received[-1][0] > 264 * S
        assert wrong_samples([f for _, f in received]) == 0
        firsts = [b for (_, a), (_, b) in itertools.pairwise(received) if a.epoch != b.epoch]
        assert len(firsts) == len(fired)
        if stream == PRESSURE:
            assert {(f.index, f.flags & Flag.OVERFLOW_COUNTED) for f in firsts} == {(0, 0)}


def starts(notes):
    """From when to when each start of the board lasted, in seconds, as the rig has noted."""
    ends = [float(line.split(" at ")[1].split(" s;")[0]) for line in notes.splitlines() if "has reset itself" in line]
    return list(itertools.pairwise([-0.2, *ends]))


@rig
@pytest.mark.usefixtures("on_a_large_heap")
def test_an_error_at_any_call_of_the_start_is_cried_out_or_lived_through_until_no_call_is_left(runs, capsys):
    """M10: by ValueError, OSError, MemoryError and KeyboardInterrupt in turn."""
    runs(EACH_CALL_OF_THE_BOOT)
    bus = wire(TimeCode())
    found = converse(180, bus=bus)
    spans = starts(capsys.readouterr().err)
    assert len(spans) > 100 / EVERY
    cried = 0
    for since_s, until_s in spans:
        sounds, lights = cries(bus, (since_s + 0.1) * S, until_s * S)
        has_cried = (len(sounds), len(lights)) == (8, 8)
        samples = [f for t_us, f in found if f.type is FrameType.DATA and since_s < t_us / S - 0.1 < until_s]
        assert has_cried or samples, f"silent from {since_s} s to {until_s} s"
        assert until_s - since_s < 5
        cried += has_cried
    assert cried > 0.8 * len(spans)
    for stream in STREAMS:
        received = [(t_us, f) for t_us, f in found if f.type is FrameType.DATA and f.stream == stream]
        assert received[-1][0] > 179 * S
        received = [f for t_us, f in received if t_us > spans[-1][1] * S]
        assert wrong_samples(received) == 0


def raising(module, owner, method, error, *, for_ever=False):
    """The firmware's own main.py, with one call that after 3 s raises what nobody expects: once, or each time."""
    return (
        f"""
import time
from node import board, sampler  # first, as in main.py: in another order the compiler may find no room in one piece
from {module} import {owner}
real = {owner}.{method}
left = [None]
def broken(self, *args):
    if time.ticks_us() > 3_000_000 and left:
        {"pass" if for_ever else "left.clear()"}
        raise {error}("one day")
    return real(self, *args)
{owner}.{method} = broken
"""
        + MAIN
    )


@rig
def test_error_that_stays_is_told_and_ends_in_a_reset(runs):
    """M10: after three in a row the board starts again."""
    runs(raising("node.sources", "PressureSource", "take", "ValueError", for_ever=True))
    found = converse(5)
    assert [f.payload for _, f in found if f.type is FrameType.LOG][:3] == [b"ValueError"] * 3
    assert [event for event in events(found) if event[1] is EventCode.EXCEPTION][:3] == [
        (0, EventCode.EXCEPTION, k) for k in (1, 2, 3)
    ]
    causes = [json.loads(f.payload)["reset"] for _, f in found if f.type is FrameType.HELLO and f.stream == 0]
    assert causes[0] == 1
    assert causes[-1] == 3


def told_then_reset(found, notes, error):
    """One exception was told, by event and by LOG, and the board has started again at once, once."""
    assert [f.payload for _, f in found if f.type is FrameType.LOG] == [error]
    (told_us, event), *more = [(t_us, f) for t_us, f in found if f.type is FrameType.EVENT]
    assert (tuple(event.payload), more) == ((EventCode.EXCEPTION, 1), [])
    assert notes.count("has reset itself") == 1
    hellos = [(t_us, json.loads(f.payload)) for t_us, f in found if f.type is FrameType.HELLO and f.stream == 0]
    again_us, again = next((t_us, hello) for t_us, hello in hellos if hello["boot"] != hellos[0][1]["boot"])
    assert again["reset"] == 3
    assert again_us - told_us < 0.5 * S
    for stream in STREAMS:
        after = [(t_us, f) for t_us, f in found if t_us > again_us and f.type is FrameType.DATA and f.stream == stream]
        assert after[0][0] - told_us < 0.8 * S
        assert after[-1][0] > 6.7 * S
        assert wrong_samples([f for _, f in after]) == 0


# From 3 s on the first start keeps 150 bytes more each tick; it says on the flash that it has.
LEAK = (
    """
import os
from time import ticks_us
from node import board, sampler
kept = []
try:
    os.stat("leaked")
    Step = None
except OSError:
    Step = sampler.Sampler.step
    def step(self, missed):
        if ticks_us() > 3_000_000:
            if not kept:
                open("leaked", "w").close()
            kept.append(bytearray(150))
        return Step(self, missed)
    sampler.Sampler.step = step
"""
    + MAIN
)


@rig
def test_a_heap_that_is_full_is_told_and_ends_in_a_reset_at_once(runs, capsys):
    """M8: of what is kept by mistake only a reset is rid."""
    runs(LEAK)
    found = converse(7)
    told_then_reset(found, capsys.readouterr().err, b"MemoryError")
    left = [status.free_heap_bytes for status in statuses(found)]
    assert min(left) < 50_000 < left[-1]


@rig
def test_an_error_while_an_error_is_handled_is_a_reset_and_the_first_is_told(runs, capsys):
    text = raising("node.sources", "PressureSource", "take", "ValueError")
    broken = (
        "from node.sources import PressureSource as Broken\ndef again(_):\n    raise KeyError\nBroken.forget = again\n"
    )
    runs(text.replace("from node import board", broken + "from node import board"))
    found = converse(2.99 + 4)
    assert [f.payload for _, f in found if f.type is FrameType.LOG][:1] == [b"ValueError"]
    assert events(found)[:1] == [(0, EventCode.EXCEPTION, 1)]
    assert "has reset itself at 3.0 s" in capsys.readouterr().err


# From 3 s to an end each tick takes longer, by 5 ms up to the worst, in an order of its own.
COLLECTING = (
    """
from time import ticks_us
import _rig
from node import board, sampler
Step = sampler.Sampler.step
ticks = [0]
def step(self, missed):
    Step(self, missed)
    if 3_000_000 < ticks_us() < END_US:
        ticks[0] += 1
        _rig.stretch(5_000 + ticks[0] * 37_000 % (WORST_US - 4_000))
        _rig.usb.drain()  # for which USB needs no processor
sampler.Sampler.step = step
"""
    + MAIN
)


@rig
@pytest.mark.parametrize(("pleth", "worst_ms", "is_absorbed"), [(100, 200, True), (400, 35, True), (400, 130, False)])
def test_collection_of_garbage_at_each_tick_costs_the_fifos_nothing_or_is_counted(runs, pleth, worst_ms, is_absorbed):
    """M5: at every tick from 3 s to 6 s nothing else is done for 5 ms to this; what pressure misses is counted."""
    runs(COLLECTING.replace("WORST_US", str(worst_ms * 1000)).replace("END_US", "6_000_000"))
    order = command(Verb.CONFIGURE, configure(pleth_rate_hz=pleth, pressure_rate_hz=200), index=1)
    bus = wire(TimeCode())
    found = converse(9, [(0.5, order)], bus=bus)
    for stream in STREAMS if pleth == 100 else (MOTION,):
        assert wrong_samples(data(found, stream)) == 0
    for stream in (OPTICAL, MOTION):
        received = [f for f in data(found, stream) if f.ticks_us > 1 * S]
        if is_absorbed or stream == MOTION:
            assert lost_samples(received) == 0
            assert len({f.epoch for f in received}) == 1
        else:  # a FIFO of 80 ms
            unknown = [b for a, b in itertools.pairwise(received) if a.epoch != b.epoch]
            assert 0 < lost_samples(received) <= bus.i2c[OPTICAL_ADDRESS].dropped
            assert (lost_samples(received) == bus.i2c[OPTICAL_ADDRESS].dropped) == (not unknown)
            assert all(f.flags & Flag.LOSS_UNKNOWN for f in unknown)
        assert max(b.ticks_us - a.ticks_us for a, b in itertools.pairwise(received)) < 0.7 * S
    pressure = [f for f in data(found, PRESSURE) if f.ticks_us > 1 * S]
    assert len({f.epoch for f in pressure}) == 1
    assert lost_samples(pressure) > 400
    for a, b in itertools.pairwise(pressure):
        steps = b.index + b.n - a.index - a.n
        assert b.ticks_us - a.ticks_us == pytest.approx(5_000 * steps, abs=1_100), "its place is its time"
    told = [t for t, f in found if f.type is FrameType.STATUS]
    assert max(b - a for a, b in itertools.pairwise(told)) < 3 * S, "each second is closed in time"
    assert statuses(found)[-1].reset_cause == 1


def pulses(seconds):
    """Messages of the pleth's beats and of the vitals, of a quiet patient."""
    origin = Origin(kind=OriginKind.SIMULATED, label="a test")
    pipeline = Pipeline(Composer("s", "c", boot="b", version="0", origin=origin, started_utc_ms=0))
    found, waiting = {"beats": [], "vitals": [], "status": []}, bytearray()

    def host():
        said = bytes(waiting)
        waiting.clear()
        return said

    with contextlib.closing(play(Stimulus(Patient(1), noise_seed=1), host=host)) as chunks:
        for chunk in itertools.takewhile(lambda chunk: chunk.t_us < seconds * S, chunks):
            for message in pipeline.feed(chunk):
                if isinstance(message, ToBoard):
                    waiting += message.data
                if isinstance(message, Message) and (leaf := message.topic.rsplit("/", 1)[-1]) in found:
                    found[leaf].append(json.loads(message.payload))
    return [beat for beat in found["beats"] if beat["channel"] != "pressure"], found["vitals"], found["status"]


@rig
def test_jitter_of_the_board_is_not_read_as_an_irregular_pulse(runs):
    """M5: with stalls of up to 200 ms at each tick the pulses stay where they were, and so do rate and variability."""
    calm, calm_vitals, _ = pulses(40)
    runs(COLLECTING.replace("WORST_US", "200_000").replace("END_US", "40_000_000"))
    stalled, vitals, statuses_told = pulses(40)
    at = np.array([[beat["t_us"], beat["interval_us"] or 0] for beat in calm if beat["accepted"]])
    seen = np.array([[beat["t_us"], beat["interval_us"] or 0] for beat in stalled if beat["accepted"]])
    assert len(seen) > 20
    for t_us, interval_us in seen:
        nearest = at[np.abs(at[:, 0] - t_us).argmin()]
        assert abs(nearest[0] - t_us) < 15_000
        assert not interval_us or abs(nearest[1] - interval_us) < 15_000
    assert {reason for beat in stalled for reason in beat["reasons"]} <= {r for beat in calm for r in beat["reasons"]}
    last, calm_last = vitals[-1]["quantities"], calm_vitals[-1]["quantities"]
    for name, within in (("pulse_rate", 1), ("pulse_rate_variability", 3)):
        assert last[name]["value"] == pytest.approx(calm_last[name]["value"], abs=within)
    assert "rate mismatch" not in str([one["reasons"] for one in statuses_told])


@rig
@pytest.mark.parametrize("heap_kb", [110, 132, 135, 138, 145])
def test_no_size_of_the_heap_ends_in_silence(monkeypatch, heap_kb):
    """M8: with too little the board does not start, and cries; with what it takes to start it runs on."""
    monkeypatch.setattr(hil.board.unix, "_HEAP", f"{heap_kb}k")
    bus = wire(TimeCode())
    rates = configure(pleth_rate_hz=400, pressure_rate_hz=250)
    try:
        found = converse(20, [(4, command(Verb.CONFIGURE, rates, index=1))], bus=bus)
    except RigError:
        assert [len(one) for one in cries(bus, 0)] == [8, 8]
    else:
        assert heap_kb > 130
        assert events(found) == []
        assert data(found, PRESSURE)[-1].ticks_us > 19.9 * S
        assert statuses(found)[-1].free_heap_bytes == statuses(found)[10].free_heap_bytes


@rig
def test_loop_that_spins_without_progress_is_ended_by_the_watchdog(runs):
    """M2: it still asks the time and sleeps, but no samples come of it."""
    text = raising("node.sources", "PressureSource", "take", "ValueError").replace(
        'raise ValueError("one day")', "return None"
    )
    runs(text.replace("left.clear()", "pass"))
    found = converse(14)
    hellos = [json.loads(f.payload) for _, f in found if f.type is FrameType.HELLO and f.stream == 0]
    assert {hello["reset"] for hello in hellos} == {1, 3}


def broken_at(module, error):
    """The firmware's own main.py on a board whose import of a module raises at each start but the first, of 3 s."""
    return (
        f"""
import os
import sys
import time
class Broken:
    def __getattr__(self, name):
        raise {error}
try:
    os.stat("broken")
    sys.modules["{module}"] = Broken()
except OSError:
    from node.sources import PressureSource
    real = PressureSource.take
    def take(self, missed):
        if time.ticks_us() > 3_000_000:
            open("broken", "w").close()
            raise KeyboardInterrupt
        real(self, missed)
    PressureSource.take = take
"""
        + MAIN
    )


def cries(bus, since_us, until_us=1 << 62):
    """When the sounder began to sound, and when the red light came on."""
    found = [e for e in bus.outputs if since_us <= e.now_ns / 1000 < until_us]
    return [e.now_ns for e in found if e.pin == 15 and e.level], [e.now_ns for e in found if e.pin == 16 and e.level]


@rig
@pytest.mark.parametrize("error", ["KeyboardInterrupt", "MemoryError", "OSError(5)", "SystemExit"])
@pytest.mark.parametrize("module", ["node.maintenance", "node.board"])
def test_board_whose_program_does_not_start_cries_and_starts_again(runs, capsys, module, error):
    """M10, M11: no REPL for ever, no dark and silent loop."""
    bus = wire(TimeCode())
    runs(broken_at(module, error))
    converse(16, bus=bus)
    assert capsys.readouterr().err.count("has reset itself") == 4
    sounds, lights = cries(bus, 3.1 * S)
    assert len(sounds) >= 16
    assert len(lights) >= 16
    assert max(b - a for a, b in itertools.pairwise(sounds)) < 2_000_000_000


@rig
def test_half_a_program_cries_and_leaves_the_port_to_whoever_installs_it_anew(runs, capsys):
    bus = wire(TimeCode())
    runs(broken_at("node.board", "ImportError"))
    converse(320, bus=bus)
    notes = capsys.readouterr().err
    assert notes.count("has reset itself") == 2
    assert "has reset itself at 307." in notes, "five minutes after the cry it tries again"
    assert len(cries(bus, 3.1 * S)[0]) == 16


@rig
def test_board_whose_sensor_driver_cannot_be_made_cries_and_starts_again(runs):
    bus = wire(TimeCode())
    broken = "import node.board\ndef boom(_):\n    raise OSError(5)\nnode.board.PressureAdc = boom\n"
    runs(broken + MAIN)
    with pytest.raises(RigError, match="does not start"):
        converse(16, bus=bus)
    assert len(cries(bus, 0)[0]) == 8
