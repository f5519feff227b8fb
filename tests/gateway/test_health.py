"""What is wrong with a board and its link, told by name within its time, and over when it is over."""

import json
import struct

import pytest

import dsp
from gateway.chunklog import Chunk, Origin, OriginKind
from gateway.link.device import Device
from gateway.link.downlink import ToBoard, Verb
from gateway.link.events import Acknowledged, BoardEvent
from gateway.link.faults import Fault
from gateway.link.frame import FrameParser, FrameType, LinkFault
from gateway.link.program import KnownFirmware
from gateway.messages import Composer, Message
from gateway.pipeline import Pipeline
from tests.gateway.test_pipeline import pulse
from tests.link_bytes import OPTICAL, Board, descriptor, frame, status_payload

SECOND_US = 1_000_000
STEP_US = 40_000


class Chair:
    """A pipeline and what it said: messages by leaf, frames for the board."""

    def __init__(self, **options):
        origin = Origin(kind=OriginKind.LIVE, label="")
        composer = Composer("s", "c", boot="b", version="0", origin=origin, started_utc_ms=0)
        self.pipeline = Pipeline(composer, **options)
        self.t_us = 0
        self.messages, self.frames = [], []
        self.is_well = True  # says each STATUS, unless what is played has some of its own

    def feed(self, t_us, data=b""):
        self.t_us = t_us
        for output in self.pipeline.feed(Chunk(t_us=t_us, data=data)):
            if isinstance(output, Message):
                self.messages.append((output.topic.rsplit("/", 1)[-1], json.loads(output.payload)))
            else:
                self.frames += FrameParser().feed(output.data)

    def play(self, board, seconds, *, also=None, garble=None):
        """Let a healthy board send for so long; ``also`` sends more, ``garble`` damages what is sent."""
        for k in range(int(seconds * 25)):
            t_us = self.t_us + STEP_US
            data = board.hello(t_us) if k % 125 == 0 else b""
            data += block(board, t_us)
            more = also(k, t_us) if also else b""
            self.is_well = self.is_well and not any(one.type is FrameType.STATUS for one in FrameParser().feed(more))
            data += more + (board.status(t_us) if self.is_well and k % 25 == 1 else b"")
            self.feed(t_us, garble(k, data) if garble else data)
        return self

    def only_say_hello(self, board, seconds):
        for _ in range(seconds):
            self.feed(self.t_us + SECOND_US, board.hello(self.t_us + SECOND_US))

    def faults(self):
        return [finding.fault for finding in self.pipeline.findings(self.t_us)]

    def reasons(self):
        return [payload["reasons"] for leaf, payload in self.messages if leaf == "status"][-1]

    def of(self, leaf):
        return [payload for kind, payload in self.messages if kind == leaf]

    def live(self, since_us=0):
        """Seconds at which a systolic pressure was published."""
        return [v["t_us"] for v in self.of("vitals") if v["t_us"] >= since_us and systolic(v) is not None]


def systolic(vitals):
    return vitals["quantities"]["systolic"]["value"]


def block(board, t_us):
    optical = [[150_000, round(110_000 - 2_000 * pulse(t_us / 1e6 - 0.01 * (3 - i)))] for i in range(4)]
    pressure = [[round(8_000 + 4_000 * pulse(t_us / 1e6 - 0.005 * (7 - i)))] for i in range(8)]
    return board.data(1, t_us, optical) + board.data(2, t_us, pressure)


def event(board, t_us, code, *, stream=0, detail=0):
    return board._frame(4, t_us, stream=stream, payload=bytes([code, detail]))


def test_a_healthy_board_has_no_fault_and_its_status_is_in_the_heartbeat():
    board, chair = Board(), Chair()
    chair.play(board, 10, also=lambda k, t: b"" if k % 25 else board._frame(3, t, payload=status_payload()))
    assert chair.faults() == []
    told = chair.of("heartbeat")[-1]["board"]
    assert (told["uptime_s"], told["temperature_c"], told["led_red_ma"]) == (60, 25.0, 5.0)
    chair = Chair()
    chair.is_well = False
    assert chair.play(Board(), 2).of("heartbeat")[-1]["board"] is None


@pytest.mark.parametrize(
    ("detail", "fault"),
    [
        (1, Fault.BUS),
        (2, Fault.WRONG_SENSOR),
        (3, Fault.SENSOR_SILENT),
        (4, Fault.SENSOR_CONFIGURATION),
        (5, Fault.RATE_MISMATCH),
    ],
)
def test_a_sensor_error_is_named_until_the_board_says_it_is_over(detail, fault):
    board, chair = Board(), Chair()
    chair.play(board, 2, also=lambda k, t: event(board, t, 2, stream=1, detail=detail) if k == 40 else b"")
    assert chair.faults() == [fault]
    assert chair.pipeline.findings(chair.t_us)[0].subject == "optical"
    chair.play(board, 1, also=lambda k, t: event(board, t, 3, stream=1) if k == 20 else b"")
    assert chair.faults() == []


SENSOR_FAULTS = (Fault.BUS, Fault.WRONG_SENSOR, Fault.SENSOR_SILENT, Fault.SENSOR_CONFIGURATION, Fault.RATE_MISMATCH)


@pytest.mark.parametrize(("detail", "fault"), list(enumerate(SENSOR_FAULTS, start=1)))
def test_the_status_ends_a_sensor_error_whose_end_was_lost(detail, fault):
    board, chair = Board(), Chair()

    def told(k, t_us):
        begins = event(board, t_us, 2, stream=2, detail=detail) if t_us == 2 * STEP_US else b""
        return begins + (b"" if k % 25 else board._frame(3, t_us, payload=status_payload()))

    chair.play(board, 0.8, also=told)
    assert chair.faults() == [fault]
    refused = chair.play(board, 1, also=told).of("heartbeat")[-1]["link"]["refused"]
    assert chair.faults() == []
    assert (refused > 0) == (fault in (Fault.WRONG_SENSOR, Fault.RATE_MISMATCH))
    chair.play(board, 15)
    assert len(chair.live(chair.t_us - 4 * SECOND_US)) >= 4


@pytest.mark.parametrize(("detail", "fault"), list(enumerate(SENSOR_FAULTS, start=1)))
def test_the_status_tells_a_sensor_error_whose_beginning_was_lost(detail, fault):
    board, chair = Board(), Chair()
    lasts = status_payload(errors=(0, detail, 0))
    chair.play(board, 15, also=lambda k, t: b"" if k % 25 else board._frame(3, t, payload=lasts))
    assert (chair.faults()[0], chair.pipeline.findings(chair.t_us)[0].subject) == (fault, "pressure")
    is_refused = fault in (Fault.WRONG_SENSOR, Fault.RATE_MISMATCH)
    assert (chair.live() == []) == is_refused


@pytest.mark.parametrize("is_event_lost", [False, True])
def test_a_repaired_configuration_is_told_for_half_a_minute_even_if_its_event_was_lost(is_event_lost):
    board, chair = Board(), Chair()

    def told(k, t_us):
        happens = event(board, t_us, 4, stream=1, detail=9) if k == 60 and not is_event_lost else b""
        repairs = (255, 0) if k < 60 else (0, 0)
        return happens + (b"" if k % 25 else board._frame(3, t_us, payload=status_payload(repairs=repairs)))

    chair.play(board, 2, also=told)
    assert chair.faults() == []
    chair.play(board, 4, also=told)
    assert "optical: lost its configuration, which was written anew" in chair.reasons()
    chair.play(board, 31, also=lambda k, t: told(99 + k, t))
    assert chair.faults() == []


def test_samples_of_a_wrong_sensor_are_never_used():
    board, chair, wrong = Board(), Chair(), status_payload(errors=(0, 2, 0))
    chair.play(board, 15, also=lambda k, t: b"" if k % 25 else board._frame(3, t, payload=wrong))
    assert chair.live() == []
    assert "pressure: wrong sensor" in chair.reasons()


def test_self_test_settings_and_reference_are_read_from_the_status():
    for bits, fault in ((0, Fault.SELF_TEST), (2 | 8, Fault.SETTINGS), (2 | 16, Fault.REFERENCE)):
        board, chair = Board(), Chair()
        chair.play(
            board,
            2,
            also=lambda k, t, b=board, bits=bits: b"" if k % 25 else b._frame(3, t, payload=status_payload(bits=bits)),
        )
        silent = {Fault.NO_SAMPLES} if fault is Fault.SELF_TEST else set()  # they are not used
        assert (chair.faults()[0], set(chair.faults()[1:])) == (fault, silent)


def test_settings_that_were_bad_are_given_once_more_until_the_board_answers_and_are_told_for_half_a_minute():
    board, chair, bad, asked = Board(), Chair(), status_payload(bits=2 | 8), []

    def told(k, t_us):
        asked[:] = [one for one in chair.frames if (one.type, one.stream) == (FrameType.CMD, Verb.CONFIGURE)]
        done = board._frame(8, t_us, stream=2, index=asked[-1].index, payload=b"\0") if k == 70 else b""
        return done + (b"" if k % 25 else board._frame(3, t_us, payload=bad if k < 75 else status_payload()))

    chair.play(board, 10, also=told)
    assert 2 <= len(asked) <= 3
    assert {one.payload for one in asked} == {struct.pack("<HHBB", 100, 200, 0, 0)}
    assert chair.faults() == [Fault.SETTINGS]
    chair.play(board, 24, also=lambda k, t: told(k + 100, t))
    assert chair.faults() == []
    assert len(asked) <= 3


def test_a_flash_that_cannot_be_written_is_told_as_long_as_it_lasts_and_asked_once():
    board, chair = Board(), Chair()

    def told(k, t_us):
        done = board._frame(8, t_us, stream=2, payload=b"\0") if k == 30 else b""
        return done + (b"" if k % 25 else board._frame(3, t_us, payload=status_payload(bits=2 | 8)))

    chair.play(board, 40, also=told)
    assert chair.faults() == [Fault.SETTINGS]
    assert len([one for one in chair.frames if one.stream == Verb.CONFIGURE and one.type is FrameType.CMD]) <= 2


def answered(board, t_us, result=0):
    return board._frame(8, t_us, stream=Verb.ANNUNCIATE, payload=bytes([result]))


@pytest.mark.parametrize("result", [None, 2])
def test_a_board_that_does_not_take_what_it_is_to_show_nor_answers_for_three_seconds_does_not_hear(result):
    board, device = Board(), Device()
    take(device, board.hello(0), 0)
    for k in range(8):
        t_us = k * SECOND_US
        device.show(t_us, 0, 0)
        now = 0 if k < 5 else result
        said = board.status(t_us) + (b"" if now is None else answered(board, t_us, now))
        take(device, said, t_us + 20_000)
        assert device.findings(t_us + 20_000) == []
    assert [finding.fault for finding in device.findings(8 * SECOND_US)] == [Fault.UNHEARD]
    take(device, answered(board, 8 * SECOND_US), 8 * SECOND_US + 20_000)
    assert device.findings(8 * SECOND_US + 20_000) == []


def test_a_board_that_tells_its_time_hears_though_its_acknowledgements_are_lost():
    board, device = Board(), Device()
    take(device, board.hello(0), 0)
    for k in range(10):
        t_us = k * SECOND_US
        device.show(t_us, 0, 0)
        for request in device.poll(t_us):
            [asked] = FrameParser().feed(request.data)
            reply = board._frame(6, t_us, index=asked.index, payload=struct.pack("<II", t_us, t_us))
            take(device, reply + board.status(t_us), t_us + 1000)
        assert device.findings(t_us + 2000) == []


def test_a_board_that_was_silent_has_three_seconds_to_answer_again():
    board, device = Board(), Device()
    take(device, board.hello(0) + answered(board, 0), 0)
    for k in range(1, 20):
        device.show(k * SECOND_US, 0, 0)
        device.poll(k * SECOND_US)
    take(device, block(board, STEP_US), 19 * SECOND_US)
    assert Fault.UNHEARD not in [finding.fault for finding in device.findings(19 * SECOND_US)]


def test_a_board_that_alarms_by_itself_does_not_hear_unless_it_has_failed_its_self_test():
    for bits, fault in ((3, Fault.UNHEARD), (1, Fault.SELF_TEST)):
        board, device = Board(), Device()
        alarm = bytearray(status_payload(bits=bits))
        alarm[1:3] = 3, 2
        take(device, board.hello(0) + board._frame(3, 0, payload=bytes(alarm)), 0)
        assert Fault.UNHEARD not in [finding.fault for finding in device.findings(0)], "it may be about to end"
        take(device, board._frame(3, 0, payload=bytes(alarm)), SECOND_US)
        assert [finding.fault for finding in device.findings(SECOND_US)] == [fault]
        take(device, board._frame(3, 0, payload=status_payload()), 2 * SECOND_US)
        assert device.findings(2 * SECOND_US) == []


def test_a_board_that_does_not_say_how_it_is_is_doubtful_within_five_seconds_until_it_does():
    board, chair = Board(), Chair()
    chair.play(board, 6)
    assert chair.faults() == []
    last_us, chair.is_well = 127 * STEP_US, False
    chair.play(board, 6)
    told = next(s["t_us"] for s in chair.of("status") if s["reasons"] == ["the board does not say how it is"])
    assert 3 * SECOND_US < told - last_us < 4 * SECOND_US
    assert chair.live(chair.t_us - SECOND_US), "what it sends can be used"
    chair.is_well = True
    chair.play(board, 1)
    assert chair.faults() == []
    chair.is_well = False
    mute = Chair()
    mute.is_well = False
    mute.play(Board(), 4.5)
    assert mute.faults() == [Fault.NO_STATUS], "from the first on"


def test_a_silence_is_none_of_the_status_and_it_has_its_time_again_afterwards():
    board, chair = Board(), Chair()
    chair.play(board, 6)
    for _ in range(100):
        chair.feed(chair.t_us + STEP_US)
    chair.is_well = False
    chair.play(board, 3)
    assert Fault.NO_STATUS not in chair.faults()
    chair.play(board, 1.5)
    assert Fault.NO_STATUS in chair.faults()


def test_a_board_of_which_nothing_is_taken_yet_is_not_said_to_be_mute():
    """After a silence it may be another one: what it says counts from its next HELLO on."""
    board, chair = Board(), Chair()
    chair.play(board, 10)
    for _ in range(48):
        block(board, chair.t_us + STEP_US)  # nobody hears it
        chair.feed(chair.t_us + STEP_US)
    for k in range(112):
        t_us = chair.t_us + STEP_US
        chair.feed(t_us, block(board, t_us) + (board.status(t_us) if k % 25 == 1 else b""))
        assert Fault.NO_STATUS not in chair.faults(), k


def test_a_board_whose_statuses_are_lost_with_other_frames_is_not_said_to_be_mute():
    board, chair = Board(), Chair()
    chair.play(board, 5)
    chair.is_well = False
    for k in range(8 * 25):
        t_us = chair.t_us + STEP_US
        said = block(board, t_us)
        chair.feed(t_us, b"" if k == 3 else said)
        assert Fault.NO_STATUS not in chair.faults(), k
    for _ in range(2 * 25):
        t_us = chair.t_us + STEP_US
        chair.feed(t_us, block(board, t_us))
    assert Fault.NO_STATUS in chair.faults(), "of so many in a row one would have come"


def test_an_exception_is_told_for_half_a_minute_by_event_or_by_count():
    def by_event(board, k, t_us):
        return event(board, t_us, 7, detail=1) if k == 10 else b""

    def by_count(board, k, t_us):
        return b"" if k % 25 else board._frame(3, t_us, payload=status_payload(exceptions=k // 25))

    for also in (by_event, by_count):
        board, chair = Board(), Chair()
        chair.play(board, 2, also=lambda k, t, b=board, also=also: also(b, k, t))
        assert chair.faults() == [Fault.EXCEPTION]
        chair.only_say_hello(board, 31)
        assert Fault.EXCEPTION not in chair.faults()


def test_a_reset_is_told_with_its_cause_and_three_in_a_minute_are_a_board_that_is_unstable():
    chair = Chair()
    chair.play(Board(boot=1), 5)
    for boot in (2, 3):
        chair.play(Board(boot=boot, start_us=chair.t_us), 10)
        assert chair.faults() == [Fault.RESTARTED]
        assert "power-on" in chair.reasons()[0]
    last = Board(boot=4, start_us=chair.t_us)
    chair.play(last, 2)
    assert chair.faults() == [Fault.UNSTABLE]
    chair.only_say_hello(last, 60)
    assert {Fault.UNSTABLE, Fault.RESTARTED}.isdisjoint(chair.faults())
    assert chair.of("heartbeat")[-1]["link"]["boots"] == 4


@pytest.mark.parametrize("version", [0, 2])
def test_a_board_of_another_version_is_named_within_two_seconds_and_nothing_of_it_is_used(version):
    chair, newer = Chair(), Board()
    for k in range(50):
        chair.feed(k * STEP_US, frame(2, stream=2, seq=k, n=1, payload=b"\0\0\1", version=version))
    assert chair.faults()[0] is Fault.VERSION
    assert f"version {version}" in chair.reasons()[0]
    assert chair.of("heartbeat")[-1]["link"]["frames"] == 0
    chair.play(newer, 5)  # the firmware was mended
    assert chair.faults() == []


def test_firmware_that_is_in_no_release_is_named_and_one_that_is_is_not():
    known = KnownFirmware({"0.1.0"}, {"main": {"aa" * 8, "ab" * 8}, "node.link": {"bb" * 8}})
    whole = {"main": "aa" * 8, "node.link": "bb" * 8}
    good = [whole, whole | {"main": "ab" * 8}]
    bad = [whole | one for one in ({"node.link": "bc" * 8}, {"node.link": "frozen"}, {"node.evil": "bb" * 8})]
    bad += [{"main": "aa" * 8}, {}]
    for modules in (*good, *bad):
        board, chair = Board(), Chair(firmware=known)
        chair.play(board, 2, also=lambda k, t, b=board, m=modules: program(b, t, m) if k == 1 else b"")
        assert chair.faults() == ([] if modules in good else [Fault.UNKNOWN_FIRMWARE]), modules
        assert len(chair.live()) == len(Chair().play(Board(), 2).live())  # told, not hidden


def test_what_an_unknown_firmware_sends_is_questionable_and_says_why():
    chair = Chair(firmware=KnownFirmware({"9"}, {})).play(Board(), 15)
    well = Chair().play(Board(), 15)
    assert chair.live() == well.live() != []
    for theirs, ours in zip(chair.of("vitals"), well.of("vitals"), strict=True):
        for name, quantity in theirs["quantities"].items():
            if quantity["value"] is not None:
                assert quantity["validity"] == "questionable", name
                assert quantity["reasons"][-1] == "firmware not known", name
            else:
                assert quantity["reasons"] == ours["quantities"][name]["reasons"]


def test_what_is_made_of_the_pressure_is_questionable_while_the_converter_is_off_and_nothing_else_is():
    """B7: 5 % wrong by a drifting reference, and its signal is as good as ever."""
    board, chair, bits = Board(), Chair(), [2]

    def status(k, t_us):
        return b"" if k % 25 else board._frame(3, t_us, payload=status_payload(bits=bits[0]))

    def doubted():
        vitals = chair.of("vitals")[-1]["quantities"].items()
        found = {name for name, quantity in vitals if "converter not trusted" in quantity["reasons"]}
        assert all(quantity["validity"] == "questionable" for name, quantity in vitals if name in found)
        return found

    chair.play(board, 15, also=status)
    assert doubted() == set()
    bits[0] = 2 | 16
    chair.play(board, 2, also=status)
    assert doubted() == {"systolic", "diastolic", "mean_pressure"}
    beats = {b["channel"]: b for b in chair.of("beats") if b["accepted"] and b["t_us"] > 15.5 * SECOND_US}
    assert {name: beat["reasons"] for name, beat in beats.items()} == {
        "pressure": ["converter not trusted"],
        "pleth": [],
    }
    assert chair.of("vitals")[-1]["quantities"]["pulse_rate"]["validity"] == "measured"
    measured = dsp.Measured(value=1.0, sqi=1.0, newest_us=0)
    marked = [chair.pipeline._marked(dsp.Vital(t_us=0, quantity=q, reading=measured)) for q in dsp.Quantity]
    of_pressure = [
        "systolic",
        "diastolic",
        "mean_pressure",
        "stroke_volume",
        "cardiac_output",
        "systemic_vascular_resistance",
    ]
    assert [vital.quantity.value for vital in marked if vital.reading.reasons] == of_pressure
    bits[0] = 2
    chair.play(board, 2, also=status)
    assert doubted() == set()


def test_alarms_are_judged_without_delay_by_what_an_unknown_firmware_sends(monkeypatch):
    chair, judged = Chair(firmware=KnownFirmware({"9"}, {})), []
    monkeypatch.setattr(chair.pipeline, "_alarms", lambda _t_us, readings: judged.append(readings) or [])
    chair.play(Board(), 15)
    measured = [r for r in judged[-1].values() if isinstance(r, dsp.Measured)]
    assert len(measured) > 3
    assert all(dsp.Reason.FIRMWARE not in reading.reasons for reading in measured)


@pytest.mark.parametrize("how", ["hello", "status"])
def test_samples_of_a_board_that_fails_its_self_test_are_not_used(how):
    bad = status_payload(bits=0)
    board, chair = Board(), Chair()
    board.is_well = how != "hello"
    chair.play(board, 15, also=lambda k, t: board._frame(3, t, payload=bad) if how == "status" and k == 1 else b"")
    assert chair.faults()[0] is Fault.SELF_TEST
    assert chair.live() == []


@pytest.mark.parametrize("order", [(2, 1, 0), (1, 0, 2), (2, 0, 1), (1, 2, 0)])
def test_bytes_in_another_order_are_noticed_and_not_believed(order):
    """S21: what is beyond full scale tells it.

    The two low bytes exchanged would not be seen here: the board's self test has an answer for that.
    """
    for stream in (1, 2):
        board, chair = Board(), Chair()
        true = board._frame

        def swapped(kind, t_us, *, payload=b"", _true=true, _stream=stream, **fields):
            if kind == 2 and fields.get("stream") == _stream:
                payload = b"".join(bytes(payload[at + k] for k in order) for at in range(0, len(payload), 3))
            return _true(kind, t_us, payload=payload, **fields)

        board._frame = swapped
        chair.play(board, 15)
        assert Fault.OUT_OF_RANGE in chair.faults(), stream
        quantity = "systolic" if stream == 2 else "perfusion_index"
        assert [v for v in chair.of("vitals") if v["quantities"][quantity]["value"] is not None] == []


def test_firmware_that_does_not_say_what_runs_or_is_of_no_release_is_named():
    board, silent = Board(), Chair(firmware=KnownFirmware({"0.1.0"}, {}))
    silent.play(board, 14)
    assert silent.faults() == []
    assert silent.play(board, 2).faults() == [Fault.UNKNOWN_FIRMWARE]
    assert Chair(firmware=KnownFirmware({"9"}, {})).play(Board(), 1).faults() == [Fault.UNKNOWN_FIRMWARE]


def program(board, t_us, modules):
    parts = [(name, {name: digest}) for name, digest in modules.items()] or [("", {})]
    return b"".join(
        board._frame(
            1,
            t_us,
            stream=255,
            payload=json.dumps({"boot": board.boot, "part": k + 1, "parts": len(parts), "modules": one}).encode(),
        )
        for k, (_, one) in enumerate(parts)
    )


def test_another_board_than_the_chairs_is_refused_whether_the_chair_was_told_which_or_has_heard_one():
    for chair in (Chair(board="e660"), Chair()):
        chair.play(Board(), 10)
        assert chair.faults() == []
        swapped = chair.t_us
        stranger = Stranger(boot=5, start_us=swapped)
        stranger.seq = 1000
        chair.play(stranger, 10)
        assert chair.faults() == [Fault.OTHER_BOARD]
        assert "f771" in chair.reasons()[0]
        assert chair.live(swapped + 3 * SECOND_US) == []
        own = Board(boot=6, start_us=chair.t_us)
        chair.play(own, 12)
        assert Fault.OTHER_BOARD not in chair.faults()
        assert chair.live(chair.t_us - SECOND_US)


def test_not_one_sample_of_a_swapped_board_is_taken_before_it_has_said_who_it_is():
    device = Device()
    own, stranger = Board(), Stranger(boot=5)
    take(device, own.hello(0) + block(own, STEP_US), 0)
    stranger.seq = own.seq + 300  # any number: what was on the way when the cable was changed
    for k in range(1, 100):
        assert take(device, block(stranger, k * STEP_US), 2 * SECOND_US + k * STEP_US) == []
    assert take(device, stranger.hello(0), 7 * SECOND_US) == []
    assert [finding.fault for finding in device.findings(7 * SECOND_US)] == [Fault.OTHER_BOARD]


class Stranger(Board):
    def hello(self, t_us):
        self.uid = "f771"
        return super().hello(t_us)


def take(device, data, t_us):
    return [got for one in FrameParser().feed(data) for got in device.feed(t_us, one)]


def test_noise_on_more_than_one_frame_in_twenty_is_named_after_three_seconds_and_nothing_is_shown_meanwhile():
    board, chair = Board(), Chair()
    chair.play(board, 10)
    began = chair.t_us
    chair.play(board, 10, garble=lambda k, data: data if k % 5 else data[:20] + b"\xaa" + data[21:])
    assert chair.faults() == [Fault.LINK_NOISE]
    named = next(s["t_us"] for s in chair.of("status") if "link noise" in str(s["reasons"]))
    assert named - began <= 4 * SECOND_US
    assert chair.live(began + 4 * SECOND_US) == []
    chair.play(board, 12)
    assert chair.faults() == []
    assert chair.live(chair.t_us - 2 * SECOND_US)


@pytest.mark.parametrize(("each", "is_noise"), [(25, False), (12, False), (6, True)])
def test_more_than_one_frame_in_ten_that_never_came_is_noise_too(each, is_noise):
    board, chair = Board(), Chair()
    chair.play(board, 10)
    chair.play(board, 10, garble=lambda k, data: b"" if k % each == 0 else data)
    assert (Fault.LINK_NOISE in chair.faults()) == is_noise
    if is_noise:
        assert chair.live(chair.t_us - 5 * SECOND_US) == []
        assert any("% of the frames damaged or lost)" in reason for reason in chair.reasons())


def test_a_sensor_that_sends_four_times_as_often_as_declared_is_a_rate_mismatch_and_its_rate_is_never_shown():
    slow = descriptor("pressure", ["pressure"], rate=50, full=33000, num=1, den=100, unit="mm[Hg]")
    board, chair = Board(streams=(OPTICAL, slow)), Chair()
    chair.play(board, 15)
    assert chair.faults() == [Fault.RATE_MISMATCH, Fault.NO_SAMPLES]
    assert "pressure: rate mismatch (declared 50 Hz, measured 200 Hz)" in chair.reasons()
    named = next(s["t_us"] for s in chair.of("status") if "rate mismatch" in str(s["reasons"]))
    assert named <= 3 * SECOND_US
    assert chair.live() == []
    rates = [v["quantities"]["pulse_rate"]["value"] for v in chair.of("vitals")]
    assert all(rate is None or abs(rate - 72) < 2 for rate in rates)


def test_a_rate_that_is_right_again_is_measured_again():
    board, chair = Board(), Chair()
    chair.play(board, 5)
    fast = board.index[2]
    for _ in range(50):
        board.index[2] += 8  # as if every other sample were dropped and counted: twice as many in the same time
        chair.play(board, STEP_US / 1e6)
    assert board.index[2] > fast
    assert Fault.RATE_MISMATCH in chair.faults()
    chair.play(board, 15)
    assert Fault.RATE_MISMATCH not in chair.faults()
    assert chair.live(chair.t_us - SECOND_US)


def test_a_board_that_was_on_before_the_gateway_is_asked_at_once_to_describe_itself():
    board, chair = Board(), Chair()
    board.hello(0)
    for k in range(1, 10):
        chair.feed(k * STEP_US, block(board, k * STEP_US))
    [start] = chair.frames
    assert (start.type, start.stream) == (FrameType.CMD, Verb.START)
    chair.feed(11 * STEP_US, board.hello(0))
    chair.feed(20 * STEP_US, block(board, 20 * STEP_US))
    assert {one.type for one in chair.frames} == {FrameType.CMD, FrameType.TIME_REQ}


def test_commands_are_numbered_and_their_answers_counted():
    board, device = Board(), Device()
    take(device, board.hello(0), 0)
    for index, result in enumerate((0, 2, 3)):
        sent = device.command(Verb.IDENTIFY, b"\x10\x00")
        assert isinstance(sent, ToBoard)
        [one] = FrameParser().feed(sent.data)
        assert (one.type, one.stream, one.index) == (FrameType.CMD, Verb.IDENTIFY, index)
        [got] = take(device, board._frame(8, 0, stream=4, index=index, payload=bytes([result])), 0)
        assert got == Acknowledged(verb=Verb.IDENTIFY, index=index, result=result)
    statistics = device.statistics
    assert (statistics.commands, statistics.commands_done, statistics.commands_refused) == (3, 1, 2)


def test_the_button_is_told_with_the_time_it_was_pressed_at():
    board, device = Board(), Device()
    take(device, board.hello(5_000_000), 5_000_000)
    [got] = take(device, event(board, 5_100_000, 1), 5_300_000)
    assert isinstance(got, BoardEvent)
    assert (got.code.name, got.t_us, got.stream) == ("BUTTON", 5_100_000, 0)


@pytest.mark.parametrize(
    ("kind", "payload"),
    [(4, b"\1"), (4, b"\xff\0"), (3, bytes(50)), (8, b""), (8, b"\x09"), (6, b""), (5, b""), (7, b""), (6, bytes(8))],
)
def test_what_makes_no_sense_is_refused_and_counted(kind, payload):
    board, device = Board(), Device()
    take(device, board.hello(0), 0)
    assert take(device, board._frame(kind, 0, stream=1, payload=payload), 0) == []
    assert device.statistics.refused == 1


def test_the_parser_tells_the_version_of_a_whole_frame_only():
    assert FrameParser().feed(frame(1, version=3)) == [LinkFault(cause="version 3, expected 1", version=3)]
