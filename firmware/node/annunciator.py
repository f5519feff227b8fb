"""Commands, silence of the gateway and the button in; light and sound out, by the board alone.

What is shown, the first that applies:

    self test       at power-on or on command, 2.4 s: each colour with its tone; an alarm of the gateway ends it
    own alarm       high: no ANNUNCIATE for 5 s (60 s after a power-on without any), or the self test has failed
    gateway         the priorities it commanded, of light and of sound, until their time has passed
    identify        the colours one after the other, no sound

Light and sound of a priority follow IEC 60601-1-8 as makers of monitors state it: high red at 1.4 to 2.8 Hz and ten
pulses (3-2, twice), medium yellow at 0.4 to 0.8 Hz and three pulses, low cyan without flashing and one pulse.

Time is counted in steps of the loop's own, so that no wrap of a tick counter is ever met.
"""

import micropython
from micropython import const

from node.events import BUTTON, GATEWAY_SILENT, OWN_ALARM, OWN_ALARM_END, SELF_TEST_FAILED

NONE, LOW, MEDIUM, HIGH = const(0), const(1), const(2), const(3)

NOTHING = const(0)
GATEWAY = const(1)
OWN = const(2)
SELF_TEST = const(3)
IDENTIFY = const(4)

_SILENCE_MS = const(5_000)
_FIRST_SILENCE_MS = const(60_000)  # the gateway's computer starts in this time
_PAUSE_MS = const(120_000)  # the sound of the own alarm, by the button
_TEST_STEP_MS = const(800)
_TEST_MS = const(2_400)
_TEST_TONE_MS = const(200)
_IDENTIFY_STEP_MS = const(400)
_COUNT_MAX = const(0x3FFFFFFF)

# Bits of the light
_RED, _GREEN, _BLUE = const(1), const(2), const(4)
_COLOURS = (0, _GREEN | _BLUE, _RED | _GREEN, _RED)  # none, cyan, yellow, red: by priority
_FLASH_MS = (1, 1, 2_000, 500)  # 0.5 Hz, 2 Hz
_LIT_MS = (0, 1, 1_000, 250)
_PULSE_MS = (0, 200, 200, 140)
_REPEAT_MS = (1, 30_000, 25_000, 10_000)
# Multiples of 20 ms, the step.
_PULSES_MS = ((), (0,), (0, 400, 800), (0, 240, 480, 960, 1_200, 1_960, 2_200, 2_440, 2_920, 3_160))
_TONES_HZ = (0, 523, 659, 880)
_DUTY = const(32768)


class Annunciator:
    """Decides what is shown; ``lamp`` and ``sounder`` show it.

    Parameters
    ----------
    lamp : show(bits) of red, green, blue
    sounder : sound(hz), 0 is silence
    button : is_pressed()
    is_power_on : whether the gateway may still be starting
    """

    def __init__(self, lamp, sounder, button, events, is_power_on):
        self._lamp = lamp
        self._sounder = sounder
        self._button = button
        self._events = events
        self._until_silent_ms = _FIRST_SILENCE_MS if is_power_on else _SILENCE_MS
        self._expires_ms = 0  # what is left of the gateway's command
        self._commanded = NONE
        self._commanded_sound = NONE
        self._own = 0  # detail of the own alarm
        self._is_faulty = False  # the self test has failed
        self._paused_ms = 0
        self._test_ms = 0  # what is left of it
        self._identify_ms = 0
        self._phase_ms = 0  # in the pattern of what is shown
        self._flash_ms = 0  # in the flash
        self._was_pressed = False
        self.is_pressed = False
        self.presses = 0
        self.why = NOTHING
        self.priority = NONE
        self.is_sounding = False  # the pattern has sound, also between its pulses
        self._sound = NONE  # of which priority
        self._apply(0, 0)

    def command(self, priority, sound, ms):
        """Take the gateway's order: what is seen may be of another priority than what is still to be heard."""
        self._commanded = priority
        self._commanded_sound = sound
        self._expires_ms = ms
        self._until_silent_ms = _SILENCE_MS
        if priority:
            self._test_ms = 0
            self._identify_ms = 0

    def test(self, is_passed):
        """Show that light and sound work; a board that computes wrongly alarms from then on."""
        self._is_faulty = not is_passed
        self._test_ms = _TEST_MS

    def identify(self, ms):
        self._identify_ms = ms

    def is_alarming(self):
        """An alarm is due: what is shown now may be a self test, and one after the other would hide it for ever."""
        return self._own > 0 or self.is_of_patient()

    def is_of_patient(self):
        """An alarm of the gateway is due."""
        return self._expires_ms > 0 and self._commanded > NONE

    def is_paused(self):
        return self._paused_ms > 0

    @micropython.native
    def step(self, ms):
        """``ms`` have passed since the last step."""
        self._look_at_button()
        self._pass(ms)
        own = SELF_TEST_FAILED if self._is_faulty else 0 if self._until_silent_ms > 0 else GATEWAY_SILENT
        if own != self._own:
            self._tell_own(own)
        self._phase_ms = (self._phase_ms + ms) & _COUNT_MAX
        self._flash_ms = (self._flash_ms + ms) & _COUNT_MAX
        why, priority = self._decide()
        if why != self.why or priority != self.priority:
            self.why = why
            self.priority = priority
            self._phase_ms = 0
            self._flash_ms = 0
        elif why == NOTHING:
            return  # it is dark and silent since this was decided
        sound = self._commanded_sound if why == GATEWAY else NONE if self._paused_ms > 0 else priority
        if sound != self._sound:
            self._sound = sound
            self._phase_ms = 0
        self._show()

    @micropython.native
    def _pass(self, ms):
        """Let time go by; plain subtraction, for this runs at every step."""
        self._until_silent_ms -= ms if self._until_silent_ms > 0 else 0
        self._expires_ms -= ms if self._expires_ms > 0 else 0
        self._paused_ms -= ms if self._paused_ms > 0 else 0
        self._test_ms -= ms if self._test_ms > 0 else 0
        self._identify_ms -= ms if self._identify_ms > 0 else 0

    @micropython.native
    def _look_at_button(self):
        """A press counts when two steps in a row have seen it."""
        is_down = self._button.is_pressed()
        if is_down and self._was_pressed and not self.is_pressed:
            self.is_pressed = True
            self.presses = min(self.presses + 1, _COUNT_MAX)
            self._events.put(0, BUTTON, self.why)
            if self.why == OWN:
                self._paused_ms = _PAUSE_MS
        elif not is_down and not self._was_pressed:
            self.is_pressed = False
        self._was_pressed = is_down

    def _tell_own(self, own):
        if own:
            self._events.put(0, OWN_ALARM, own)
        else:
            self._events.put(0, OWN_ALARM_END, 0)
        self._own = own
        self._paused_ms = 0

    @micropython.native
    def _decide(self):
        if self._test_ms > 0:
            return _SHOWN[SELF_TEST]
        if self._own:
            return _SHOWN[OWN]
        if self._expires_ms > 0 and self._commanded:
            return _GATEWAY[self._commanded]
        if self._identify_ms > 0:
            return _SHOWN[IDENTIFY]
        return _SHOWN[NOTHING]

    def _show(self):
        if self.why == SELF_TEST:
            passed = _TEST_MS - self._test_ms
            priority = HIGH - min(passed // _TEST_STEP_MS, 2)
            self.is_sounding = True
            self._apply(_COLOURS[priority], _TONES_HZ[priority] if passed % _TEST_STEP_MS < _TEST_TONE_MS else 0)
        elif self.why == IDENTIFY:
            self.is_sounding = False
            self._apply(_COLOURS[1 + self._identify_ms // _IDENTIFY_STEP_MS % HIGH], 0)
        else:
            self._show_priority()

    def _show_priority(self):
        priority, sound = self.priority, self._sound
        self.is_sounding = sound > NONE
        if not priority:
            self._apply(0, 0)
            return
        self._phase_ms %= _REPEAT_MS[sound]
        self._flash_ms %= _FLASH_MS[priority]
        is_lit = self._flash_ms < _LIT_MS[priority]
        is_pulse = False
        for start in _PULSES_MS[sound]:
            if start <= self._phase_ms < start + _PULSE_MS[sound]:
                is_pulse = True
                break
        self._apply(
            _COLOURS[priority] if is_lit else 0,
            _TONES_HZ[sound] if is_pulse else 0,
        )

    def _apply(self, light, hz):
        self._lamp.show(light)
        self._sounder.sound(hz)


# Ready-made, for a tuple built in the loop would be garbage.
_SHOWN = ((NOTHING, NONE), (GATEWAY, NONE), (OWN, HIGH), (SELF_TEST, NONE), (IDENTIFY, NONE))
_GATEWAY = ((GATEWAY, NONE), (GATEWAY, LOW), (GATEWAY, MEDIUM), (GATEWAY, HIGH))


class Lamp:
    """A light of three colours; pins are written when they change."""

    def __init__(self, red, green, blue):
        self._pins = (red, green, blue)
        self._bits = -1

    @micropython.native
    def show(self, bits):
        if bits == self._bits:
            return
        self._bits = bits
        for k in range(3):
            self._pins[k].value(bits >> k & 1)


class Sounder:
    """A piezo sounder behind a PWM output."""

    def __init__(self, pwm):
        self._pwm = pwm
        self._hz = -1

    @micropython.native
    def sound(self, hz):
        if hz == self._hz:
            return
        self._hz = hz
        if hz:
            self._pwm.freq(hz)
            self._pwm.duty_u16(_DUTY)
        else:
            self._pwm.duty_u16(0)


class Button:
    """A push button to ground, with the pin's pull-up."""

    def __init__(self, pin):
        self._pin = pin

    @micropython.native
    def is_pressed(self):
        return not self._pin.value()
