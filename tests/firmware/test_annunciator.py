"""Light and sound over time, as a person at the chair sees and hears them."""

import itertools

import pytest

from tests.firmware.stand_in import imported

STEP_MS = 20
CYAN, YELLOW, RED = 0b110, 0b011, 0b001
BUTTON, OWN_ALARM, OWN_ALARM_END = 1, 5, 6


@pytest.fixture(scope="module")
def module():
    with imported("node.annunciator") as (_, module):
        yield module


class Room:
    """What is seen and heard, and a finger on the button."""

    def __init__(self, module, is_power_on=True):
        self.t_ms = 0
        self.is_down = False
        self.light, self.hz = 0, 0
        self.events = []
        self.log = []  # (t_ms, light, hz), each step
        self.board = module.Annunciator(self, self, self, self, is_power_on)

    def show(self, bits):
        self.light = bits

    def sound(self, hz):
        self.hz = hz

    def is_pressed(self):
        return self.is_down

    def put(self, *event):
        self.events.append(event)

    def run(self, seconds, *command):
        """Pass time; ``command`` is given each second, as a gateway does."""
        self.log = []
        for k in range(round(seconds * 1000 / STEP_MS)):
            if command and k % 50 == 0:
                self.board.command(*command)
            self.t_ms += STEP_MS
            self.board.step(STEP_MS)
            self.log.append((self.t_ms, self.light, self.hz))
        return self

    def press(self):
        self.is_down = True
        self.run(0.1)
        self.is_down = False
        self.run(0.1)

    def starts(self, is_on):
        """When something begins, ms since the beginning of the log."""
        on = [is_on(light, hz) for _, light, hz in self.log]
        return [k * STEP_MS for k, (before, now) in enumerate(itertools.pairwise([False, *on])) if now and not before]

    def pulses_ms(self):
        return self.starts(lambda _, hz: hz > 0)


def quiet(module):
    """A board whose gateway has nothing to say and whose self test is over."""
    return Room(module).run(5, 0, 0, 3000)


@pytest.mark.parametrize(
    ("priority", "colour", "flashes_hz", "pulses"),
    [(3, RED, (1.4, 2.8), 10), (2, YELLOW, (0.4, 0.8), 3), (1, CYAN, None, 1)],
)
def test_priority_is_seen_and_heard_as_iec_60601_1_8_wants(module, priority, colour, flashes_hz, pulses):
    room = quiet(module).run(120, priority, priority, 3000)
    assert {light for _, light, _ in room.log} == ({colour, 0} if flashes_hz else {colour})
    if flashes_hz:
        lit = room.starts(lambda light, _: light == colour)
        assert flashes_hz[0] <= len(lit) / 120 <= flashes_hz[1]
        assert len(set(b - a for a, b in itertools.pairwise(lit))) == 1, "the light never stumbles"
        duty = sum(light == colour for _, light, _ in room.log) / len(room.log)
        assert 0.2 <= duty <= 0.6
    heard = room.pulses_ms()
    repeat_ms = {3: 10_000, 2: 25_000, 1: 30_000}[priority]
    first = [t for t in heard if t < repeat_ms]
    assert len(first) == pulses
    assert [t for t in heard if repeat_ms <= t < 2 * repeat_ms] == [t + repeat_ms for t in first]
    assert {hz for _, _, hz in room.log if hz} == {{3: 880, 2: 659, 1: 523}[priority]}


def test_high_has_the_rhythm_3_2_twice(module):
    heard = quiet(module).run(10, 3, 3, 3000).pulses_ms()
    gaps = [b - a for a, b in itertools.pairwise(heard)]
    assert gaps[:4] == gaps[5:]
    assert gaps[2] > gaps[0] == gaps[1] == gaps[3]
    assert gaps[4] > gaps[2]


def test_light_and_sound_may_be_of_two_priorities(module):
    room = quiet(module).run(50, 3, 1, 3000)
    assert room.pulses_ms() == [0, 30_000]
    assert {hz for _, _, hz in room.log} == {0, 523}
    assert len(room.starts(lambda light, _: light == RED)) == pytest.approx(100, abs=1)
    high = room.run(9, 3, 3, 3000)
    assert (high.pulses_ms()[0], len(high.pulses_ms())) == (0, 10), "from the beginning of its pattern"
    low = room.run(20, 1, 2, 3000)
    assert (len(low.pulses_ms()), {light for _, light, _ in low.log}) == (3, {CYAN})


def test_one_self_test_after_the_other_hides_no_alarm(module):
    room = quiet(module)
    for _ in range(20):
        if not room.board.is_alarming():
            room.board.test(True)
        room.run(2)
    assert (room.board.why, room.board.priority, room.board.is_sounding) == (module.OWN, 3, True)
    assert len(room.run(10).pulses_ms()) == 10


def test_alarm_without_sound_is_seen_only(module):
    room = quiet(module).run(60, 3, 0, 3000)
    assert room.pulses_ms() == []
    assert RED in {light for _, light, _ in room.log}


@pytest.mark.parametrize("expiry_ms", [1, 3000, 4900])
def test_command_ends_with_its_time(module, expiry_ms):
    room = quiet(module)
    room.board.command(2, 2, expiry_ms)
    room.run(4.98)
    last = max((t for t, light, _ in room.log if light), default=room.log[0][0] - STEP_MS)
    assert last - room.log[0][0] <= expiry_ms
    assert room.events == []


def test_silent_gateway_is_an_alarm_of_the_board_after_five_seconds(module):
    room = quiet(module)
    room.board.command(0, 0, 10_000)
    room.run(30)
    assert room.starts(lambda light, _: light == RED)[0] == 5_000 - STEP_MS
    assert room.pulses_ms()[0] == 5_000 - STEP_MS
    assert room.events == [(0, OWN_ALARM, 1)]
    assert (room.board.why, room.board.priority) == (module.OWN, 3)
    room.run(2, 0, 0, 3000)
    assert room.light == room.hz == 0
    assert room.events == [(0, OWN_ALARM, 1), (0, OWN_ALARM_END, 0)]


@pytest.mark.parametrize(("is_power_on", "after_s"), [(True, 60), (False, 5)])
def test_gateway_that_is_never_heard_has_a_minute_after_power_on_only(module, is_power_on, after_s):
    room = Room(module, is_power_on).run(70)
    alarm = [t for t, _, hz in room.log if hz == 880 and t > 2500]
    assert alarm[0] == after_s * 1000


def test_own_alarm_sounds_as_long_as_nobody_comes(module):
    room = Room(module, False).run(3600)
    heard = [t for t in room.pulses_ms() if t > 5_000]
    assert len(heard) == pytest.approx(10 * 3595 / 10, abs=10)


def test_button_pauses_the_sound_of_the_own_alarm_for_two_minutes(module):
    room = Room(module, False).run(20)
    room.press()
    assert (0, BUTTON, module.OWN) in room.events
    assert room.board.is_paused()
    room.run(119)
    assert room.pulses_ms() == []
    assert RED in {light for _, light, _ in room.log}, "what is seen stays"
    room.run(15)
    assert room.pulses_ms()


def test_pause_ends_with_the_alarm_it_was_for(module):
    room = Room(module, False).run(20)
    room.press()
    room.run(2, 0, 0, 3000)
    room.run(20)
    assert room.pulses_ms()


def test_button_during_an_alarm_of_the_gateway_is_told_and_no_more(module):
    room = quiet(module).run(3, 3, 3, 3000)
    room.press()
    assert room.events == [(0, BUTTON, module.GATEWAY)]
    assert room.run(10, 3, 3, 3000).pulses_ms()


def test_bouncing_button_is_one_press(module):
    room = quiet(module)
    for room.is_down in (True, False, True, True, False, True, True, False, False, True, False, False):
        room.run(0.02)
    assert room.board.presses == 1
    room.press()
    assert room.board.presses == 2


def test_self_test_shows_each_colour_with_its_tone(module):
    room = Room(module)
    room.board.test(True)
    room.run(3)
    shown = [light for light, _ in itertools.groupby(light for _, light, _ in room.log)]
    assert shown == [RED, YELLOW, CYAN, 0]
    assert [hz for hz, _ in itertools.groupby(hz for _, _, hz in room.log) if hz] == [880, 659, 523]


def test_failed_self_test_is_an_alarm(module):
    room = Room(module)
    room.board.test(False)
    room.run(10, 0, 0, 3000)
    assert (0, OWN_ALARM, 2) in room.events
    assert room.board.is_alarming()
    room.board.test(True)
    room.run(5, 0, 0, 3000)
    assert not room.board.is_alarming()


def test_alarm_of_the_gateway_ends_self_test_and_identify(module):
    for start in (lambda board: board.test(True), lambda board: board.identify(30_000)):
        room = quiet(module)
        start(room.board)
        room.run(0.5)
        assert room.light
        room.run(1, 3, 3, 3000)
        assert (room.board.why, room.board.priority) == (module.GATEWAY, 3)


def test_identify_runs_through_the_colours_silently(module):
    room = quiet(module)
    room.board.identify(4_000)
    room.run(4.5, 0, 0, 3000)
    assert {light for _, light, _ in room.log} == {RED, YELLOW, CYAN, 0}
    assert room.pulses_ms() == []
    assert room.light == 0


def test_same_alarm_commanded_each_second_does_not_begin_anew(module):
    whole = quiet(module)
    whole.board.command(3, 3, 10_000)
    once = whole.run(4.9).log
    again = quiet(module).run(4.9, 3, 3, 3000).log
    assert [entry[1:] for entry in once] == [entry[1:] for entry in again]


def test_outputs_are_written_when_they_change(module):
    written = []
    pins = [type("Pin", (), {"value": lambda _, level, k=k: written.append((k, level))})() for k in range(3)]
    lamp = module.Lamp(*pins)
    for bits in (0, 0, RED, RED, YELLOW):
        lamp.show(bits)
    assert written == [(0, 0), (1, 0), (2, 0), (0, 1), (1, 0), (2, 0), (0, 1), (1, 1), (2, 0)]
    pwm = type(
        "Pwm", (), {"freq": lambda _, hz: written.append(hz), "duty_u16": lambda _, duty: written.append(duty)}
    )()
    sounder = module.Sounder(pwm)
    del written[:]
    for hz in (0, 880, 880, 523, 0, 0):
        sounder.sound(hz)
    assert written == [0, 880, 32768, 523, 32768, 0]
