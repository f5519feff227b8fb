"""The serial port of a real board: unplugged, plugged in under another name, noisy, flooded, cut into pieces."""

import contextlib
import os
import random
import tracemalloc
import tty
from types import SimpleNamespace

import pytest

from gateway.link.device import Device
from gateway.link.downlink import Verb, time_request
from gateway.link.faults import Fault
from gateway.link.frame import Frame, FrameParser, FrameType, LinkFault
from gateway.sources import BySerialNumber, Serial, SourceError
from tests.gateway.test_health import SECOND_US, Chair, block
from tests.link_bytes import Board, cobs, frame


@pytest.fixture
def port():
    """A pseudo terminal: the board's end and the path of the gateway's."""
    board_end, port_end = os.openpty()
    tty.setraw(port_end)
    yield board_end, os.ttyname(port_end)
    for end in (board_end, port_end):
        with contextlib.suppress(OSError):
            os.close(end)


def read(chunks, count):
    """The next ``count`` bytes."""
    got = b""
    while len(got) < count:
        got += next(chunks).data
    return got


def test_a_board_is_found_by_its_serial_number_under_whatever_name_it_comes_back():
    places = {}

    def ports():
        return [SimpleNamespace(device=path, serial_number=number) for number, path in places.items()]

    ends = [os.openpty() for _ in range(3)]
    for _, port_end in ends:
        tty.setraw(port_end)
    (first, first_port), (second, second_port), (other, other_port) = ends
    places |= {"E660": os.ttyname(first_port), None: "/dev/ttyS0", "F771": os.ttyname(other_port)}
    with Serial(BySerialNumber("e660", ports)) as source:
        chunks = iter(source)
        os.write(first, b"one")
        assert read(chunks, 3) == b"one"
        os.close(first)  # pulled out
        del places["E660"]
        os.write(other, b"not ours")
        assert [next(chunks).data for _ in range(3)] == [b""] * 3
        places["E660"] = os.ttyname(second_port)
        got = b""
        for _ in range(100):
            os.write(second, b"two")
            got += next(chunks).data
            if len(got) >= 4:
                break
        assert b"not ours" not in got
        assert got[:3] in b"twotwotwo"
    for end in (first_port, second, second_port, other, other_port):
        os.close(end)


def test_a_port_that_is_not_there_is_an_error_or_waited_for_and_told(tmp_path):
    path, lines = tmp_path / "ttyBOARD", []
    with pytest.raises(SourceError, match="No such file"), Serial(str(path)):
        pass
    with pytest.raises(SourceError, match="serial number E660"), Serial(BySerialNumber("E660", list)):
        pass
    board_end, port_end = os.openpty()
    tty.setraw(port_end)
    with Serial(str(path), report=lines.append) as source:
        chunks = iter(source)
        assert [next(chunks).data for _ in range(3)] == [b""] * 3
        source.send(b"nobody is there")
        assert source.dropped == 1
        path.symlink_to(os.ttyname(port_end))
        got = b""
        for _ in range(100):
            os.write(board_end, b"here")
            got += next(chunks).data
            if len(got) >= 4:
                break
        assert got[:4] in b"herehere"
    assert lines == [
        f"serial port: expected a free one at {path}, but No such file or directory; waiting for it",
        f"serial port: {path} is there",
    ]
    os.close(board_end)
    os.close(port_end)


def test_bytes_come_through_whole_however_the_port_hands_them_over(port):
    board_end, name = port
    board, rng = Board(), random.Random(3)
    sent = board.hello(0) + b"".join(block(board, k * 40_000) for k in range(1, 50))
    with Serial(name) as source:
        chunks, got, at = iter(source), b"", 0
        while len(got) < len(sent):
            at += os.write(board_end, sent[at : at + rng.choice([1, 2, 7, 300])]) if at < len(sent) else 0
            got += next(chunks).data
    assert got == sent
    assert all(isinstance(one, Frame) for one in FrameParser().feed(got))


def test_a_flood_of_garbage_costs_no_memory_is_told_and_is_over_when_it_is(port):
    """A megabyte of noise, and one of a single endless piece, through the port into a chair that was well."""
    board_end, name = port
    board, chair, rng = Board(), Chair(), random.Random(5)
    chair.play(board, 10)
    began_us = chair.t_us
    os.set_blocking(board_end, False)
    with Serial(name) as source:
        chunks, sent = iter(source), 0
        tracemalloc.start()
        for k in range(200):
            piece = rng.randbytes(10_000) if k < 100 else b"\x55" * 10_000
            with contextlib.suppress(BlockingIOError):
                sent += os.write(board_end, piece)
            chair.feed(began_us + (k + 1) * 20_000, next(chunks).data)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert sent > 500_000
    assert peak < 4_000_000
    assert Fault.LINK_NOISE in chair.faults()
    assert chair.live(began_us + 3 * SECOND_US) == []
    chair.play(board, 12)
    assert chair.faults() == []
    assert chair.live(chair.t_us - SECOND_US)


def test_a_port_opened_at_the_wrong_speed_is_noise_by_name_and_never_a_value():
    """60 s of what a UART reads at the wrong baud rate: bytes without meaning, 11.5 kB/s."""
    chair, rng = Chair(), random.Random(6)
    for k in range(1, 1201):
        chair.feed(k * 50_000, rng.randbytes(576))
    assert chair.faults() == [Fault.LINK_NOISE, Fault.NOTHING_HEARD]
    named = next(s["t_us"] for s in chair.of("status") if "link noise" in str(s["reasons"]))
    assert named <= 5 * SECOND_US
    assert chair.live() == []
    assert chair.of("heartbeat")[-1]["link"]["frames"] == 0


def test_a_pulled_cable_is_told_within_two_seconds_and_the_chair_is_live_again_by_itself():
    board, chair = Board(), Chair()
    chair.play(board, 10)
    pulled_us = chair.t_us
    for k in range(1, 101):
        chair.feed(pulled_us + k * 50_000)
    told = next(s["t_us"] for s in chair.of("status") if s["reasons"] == ["link lost"])
    assert told - pulled_us <= 2 * SECOND_US
    assert chair.live(pulled_us + 3 * SECOND_US) == []
    board.seq += 700  # what it sent to nobody
    board.index = [index + 1000 for index in board.index]
    chair.play(board, 12)
    assert chair.faults() == []
    assert chair.live(chair.t_us - SECOND_US)


def test_a_reset_in_the_middle_of_any_frame_costs_that_frame_and_joins_nothing():
    """Every byte of a HELLO and two DATA frames as the last one before the reset, with and without a delimiter."""
    old = Board(boot=1)
    whole = old.hello(0) + block(old, 40_000)
    for at in range(len(whole)):
        new = Board(boot=2)
        for between in (b"\0", b""):
            after = between + new.hello(0) + block(new, 40_000)
            got = [one for one in FrameParser().feed(whole[:at] + after) if isinstance(one, Frame)]
            whole_before = (whole[:at] + between).count(b"\0") - (bool(between) and (at == 0 or whole[at] != 0))
            expected = after.count(b"\0") - len(between)
            at_a_boundary = at == 0 or whole[at - 1] == 0
            lost = 0 if between or at_a_boundary else 1
            assert len(got) == whole_before + expected - lost, at


def test_lengths_that_lie_and_frames_inside_frames_are_never_believed():
    """COBS codes of 1 to 255 over a good frame, and a good frame as the payload of a damaged one."""
    good = frame(2, stream=2, n=1, payload=b"\0\0\1")
    for code in range(1, 256):
        lied = bytes([code]) + good[1:]
        got = FrameParser().feed(lied + good)
        assert [one for one in got if isinstance(one, Frame)] == FrameParser().feed(good) * (2 if lied == good else 1)
    inner = good.strip(b"\0")
    for outer in (inner + good, b"\xff" + inner + inner + b"\0" + good, cobs(inner + inner) + b"\0" + good):
        got = [one for one in FrameParser().feed(outer) if isinstance(one, Frame)]
        assert len(got) <= 1
        assert all(one.payload == b"\0\0\1" for one in got)
    assert [one.payload for one in FrameParser().feed(frame(2, payload=good[:-1] + b"\x01"))] == [good[:-1] + b"\x01"]


def test_one_good_frame_in_garbage_is_found_between_its_delimiters():
    rng = random.Random(8)
    for _ in range(300):
        good = frame(2, seq=rng.randrange(65536), payload=rng.randbytes(rng.randrange(200)))
        noise = rng.randbytes(rng.randrange(500)), rng.randbytes(rng.randrange(500))
        got = FrameParser().feed(noise[0] + b"\0" + good + noise[1] + b"\0")
        assert [one for one in got if isinstance(one, Frame)] == FrameParser().feed(good)


REPL = (
    b'Traceback (most recent call last):\r\n  File "main.py", line 24, in <module>\r\nValueError: one day\r\n'
    b'MicroPython v1.28.0 on 2026-05-01; Raspberry Pi Pico with RP2040\r\nType "help()" for more information.\r\n>>> '
)


def test_what_a_repl_says_is_never_data_wherever_it_breaks_in():
    """M10: a traceback, a prompt, and the echo of what the gateway sends, without and with its zeros."""
    board, said = Board(), Device()
    whole = board.hello(0) + block(board, 40_000)
    frames = [one for one in FrameParser().feed(whole) if isinstance(one, Frame)]
    asked = said.show(0, 3, 3).data + said.command(Verb.START).data + time_request(1)
    for words in (REPL, REPL + asked.replace(b"\0", b""), REPL + asked):
        for at in range(len(whole) + 1):
            got = FrameParser().feed(whole[:at] + words + whole[at:])
            good = [
                one for one in got if isinstance(one, Frame) and one.type not in (FrameType.CMD, FrameType.TIME_REQ)
            ]
            assert len(frames) - 1 <= len(good), at
            assert all(one in frames for one in good), at
            assert any(isinstance(one, LinkFault) for one in got) == (at < len(whole) or b"\0" in words)


def test_a_board_at_its_repl_is_a_lost_link_and_shows_nothing():
    """It answers every order with its echo, without zeros, and a prompt; then it is the program again."""
    board, chair, device = Board(), Chair(), Device()
    chair.play(board, 10)
    began_us = chair.t_us
    for k in range(1, 251):
        echo = device.show(0, 0, 0).data.replace(b"\0", b"") + b"\r\n>>> "
        chair.feed(began_us + k * 40_000, REPL + echo if k == 1 else echo)
    assert Fault.LINK_LOST in chair.faults()
    told = next(s["t_us"] for s in chair.of("status") if "link lost" in s["reasons"])
    assert told - began_us <= 2 * SECOND_US
    assert chair.live(began_us + 3 * SECOND_US) == []
    chair.play(Board(boot=2, start_us=chair.t_us), 12)
    assert chair.faults() == [Fault.RESTARTED]
    assert chair.live(chair.t_us - SECOND_US)
