"""Device: timed samples, every loss counted, nothing believed that was not described."""

import itertools

import numpy as np
import pytest

from gateway.link.description import Descriptor
from gateway.link.device import AHEAD_US, Device
from gateway.link.events import Connected, Samples
from gateway.link.faults import Fault
from gateway.link.frame import Flag, Frame, FrameParser, FrameType
from gateway.link.stream import LinkStatistics, StreamDecoder
from tests.link_bytes import OPTICAL, PRESSURE, Board, descriptor, frame


def feed(device, data, t_us=0):
    return [event for one in FrameParser().feed(data) for event in device.feed(t_us, one)]


def connected(board, t_us=0):
    device = Device()
    assert isinstance(feed(device, board.hello(t_us), t_us)[-1], Connected)
    return device


def samples_of(events):
    return [event for event in events if isinstance(event, Samples)]


def test_samples_come_in_their_unit_with_their_times():
    board = Board()
    device = connected(board)
    [got] = samples_of(feed(device, board.data(2, 15_000, [[12_000], [8_000], [0], [33_000]]), 15_000))
    np.testing.assert_array_equal(got.values[:, 0], [120.0, 80.0, 0.0, 330.0])
    np.testing.assert_array_equal(got.t_us, [0, 5_000, 10_000, 15_000])
    [got] = samples_of(feed(device, board.data(1, 20_000, [[200_000, 100_000]]), 20_000))
    np.testing.assert_array_equal(got.values, [[200_000.0, 100_000.0]])


def test_data_before_the_description_is_refused_and_counted():
    board, device = Board(), Device()
    board_hello = board.hello(0)
    assert feed(device, board.data(2, 0, [[1]])) == []
    assert device.statistics.refused == 1
    feed(device, board_hello.split(b"\0")[0] + b"\0")  # the board, but none of its streams
    assert feed(device, board.data(2, 0, [[1]])) == []
    assert not device.is_connected


def test_lost_frames_and_samples_are_counted_exactly_and_leave_a_gap():
    board = Board()
    device = connected(board)
    feed(device, board.data(2, 5_000, [[1], [2]]), 5_000)
    for k in range(3):
        board.data(2, 15_000 + k * 10_000, [[3], [4]])  # lost on the way
    [got] = samples_of(feed(device, board.data(2, 45_000, [[5], [6]]), 45_000))
    assert (device.statistics.frames_lost, device.statistics.samples_lost) == (3, 6)
    np.testing.assert_array_equal(got.t_us, [40_000, 45_000])


def test_a_loss_inside_the_board_shows_in_the_index_alone():
    board = Board()
    device = connected(board)
    feed(device, board.data(2, 5_000, [[1], [2]]), 5_000)
    board.index[2] += 10
    feed(device, board.data(2, 65_000, [[1], [2]]), 65_000)
    assert (device.statistics.frames_lost, device.statistics.samples_lost) == (0, 10)


def test_a_new_epoch_is_a_loss_that_nobody_counted():
    board = Board()
    device = connected(board)
    feed(device, board.data(1, 0, [[1, 1]]))
    board.epoch += 1
    board.index[1] = 0
    [got] = samples_of(feed(device, board.data(1, 900_000, [[1, 1]]), 900_000))
    assert device.statistics.losses_unknown == 1
    assert got.t_us[0] == 900_000


def test_a_frame_from_the_past_is_refused():
    board = Board()
    device = connected(board)
    first, second = board.data(2, 0, [[1]]), board.data(2, 5_000, [[2]])
    assert len(feed(device, second)) == 1
    assert feed(device, first) == []
    assert feed(device, second) == []  # a duplicate
    assert device.statistics.refused == 2


def test_a_restarted_board_is_a_new_start_whatever_its_sequence_number():
    old, new = Board(), Board(boot=42)
    device = connected(old)
    for _ in range(100):
        feed(device, old.data(2, 0, [[1]]))
    events = feed(device, new.hello(0))
    assert isinstance(events[-1], Connected)
    assert device.board is not None
    assert (device.board.boot, device.statistics.boots) == (42, 2)
    assert len(samples_of(feed(device, new.data(2, 0, [[1]])))) == 1


UNUSABLE = [
    {**OPTICAL, "format": "i16le"},
    {**OPTICAL, "den": 0},
    {**OPTICAL, "channels": []},
    {**OPTICAL, "unit": "V"},
    {**PRESSURE, "unit": "kPa"},
    {**PRESSURE, "num": -1},
    {**PRESSURE, "num": 10**60},
    {**PRESSURE, "offset": 10**25},
    {**PRESSURE, "full": 10**30},
    descriptor("fast", ["pressure"], rate=5000, full=1),
    {"name": "half", "boot": 0},
]


@pytest.mark.parametrize("bad", UNUSABLE)
def test_a_stream_that_cannot_be_read_is_named_and_the_others_go_on(bad):
    board, device = Board(streams=(bad, PRESSURE)), Device()
    [event] = feed(device, board.hello(0))
    assert [stream.name for stream in event.streams] == ["pressure"]
    assert device.unreadable == {1}
    assert feed(device, board.data(1, 0, [[1, 1]])) == []
    assert len(samples_of(feed(device, board.data(2, 0, [[1]])))) == 1


@pytest.mark.parametrize("bad", [b"", b"null", b"[]", b"{}", b'{"boot": -1}', b"\xff\xfe", b'{"boot": 1e999}'])
def test_a_hello_that_is_nonsense_changes_nothing_but_a_counter(bad):
    board = Board()
    device = connected(board)
    before = device.statistics.refused
    for stream in (0, 1, 7):
        feed(device, frame(1, stream=stream, seq=board.seq, payload=bad))
        board.seq += 1
    assert device.statistics.refused == before + 3
    assert len(samples_of(feed(device, board.data(2, 0, [[1]])))) == 1


def test_a_description_that_changes_while_running_counts_from_then_on():
    board = Board()
    device = connected(board)
    board.streams = (OPTICAL, {**PRESSURE, "num": 2})
    [event] = feed(device, board.hello(0))
    assert isinstance(event, Connected)
    [got] = samples_of(feed(device, board.data(2, 0, [[12_000]])))
    assert got.values[0, 0] == 240.0


def test_a_description_of_another_boot_is_refused():
    device, other = connected(Board()), Board(boot=99)
    other.seq = 10
    other.hello(0)
    assert feed(device, other.hello(0).split(b"\0")[1] + b"\0") == []
    assert device.statistics.refused == 1


def test_after_an_outage_of_any_length_a_board_that_kept_running_is_heard_once_it_has_said_who_it_is():
    for minutes in (1, 12, 17, 40):
        board = Board()
        device = connected(board)
        feed(device, board.data(2, 0, [[1]]))
        away_us = minutes * 60_000_000
        board.seq += minutes * 60 * 50
        board.index[2] += minutes * 60 * 200
        assert feed(device, board.data(2, away_us, [[1]]), away_us) == []
        feed(device, board.hello(away_us), away_us)
        events = feed(device, board.data(2, away_us, [[1]]), away_us)
        assert len(samples_of(events)) == 1, minutes


def test_times_never_run_backwards_after_a_loss_with_a_sensor_clock_that_is_fast():
    board = Board()
    device = connected(board)
    times, at_us = [], 0.0
    for k in range(400):
        if k == 25:
            board.index[1] += 1000  # ten seconds lost, the clock not yet learnt
            at_us += 1000 * 9_700
        at_us += 4 * 9_700
        times += [
            t for s in samples_of(feed(device, board.data(1, round(at_us), [[1, 1]] * 4), round(at_us))) for t in s.t_us
        ]
    assert all(a < b for a, b in itertools.pairwise(times))
    assert abs(times[-1] - at_us) < 20_000


def run(device, board, *, since_us, frames=500, step_us=0, flags=0):
    """Frames each 40 ms, by a board's clock that has leapt by ``step_us``; arrival and newest time of the samples."""
    got = []
    for k in range(frames):
        t_us = since_us + 40_000 * (k + 1)
        data = board.data(2, t_us + step_us, [[k]] * 8, flags=flags)
        got += [(t_us, one.t_us) for one in samples_of(feed(device, data, t_us))]
    return got


@pytest.mark.parametrize("step_us", [-300_000_000, -400_000, 400_000, 300_000_000])
@pytest.mark.parametrize("flags", [0, Flag.TIMED])
def test_no_sample_is_from_the_future_whatever_the_boards_clock_does(step_us, flags):
    board = Board()
    device = connected(board)
    before = run(device, board, since_us=0, flags=flags)
    after = run(device, board, since_us=20_000_000, step_us=step_us, flags=flags)
    assert len(before) == 500
    assert max(times[-1] - t_us for t_us, times in [*before, *after]) <= AHEAD_US
    if step_us > 0:  # one that was set back shows late samples, until an answer proves when they were taken
        assert [abs(times[-1] - t_us) < 5_000 for t_us, times in after[-200:]] == [True] * 200


def test_samples_from_the_future_are_refused_and_told_for_half_a_minute():
    board = Board()
    device = connected(board)
    got = []
    for k in range(4):  # before the rate is known, which would be wrong too
        got += run(device, board, frames=4, since_us=160_000 * k)
        board.index[2] += 48  # counted, but never taken: the sample clock runs ahead
    assert len(got) < 16
    assert device.statistics.refused == 16 - len(got)
    assert all(times[-1] - t_us <= AHEAD_US for t_us, times in got)
    assert [found.fault for found in device.findings(700_000)] == [Fault.AHEAD]
    run(device, board, since_us=700_000)
    assert [found.fault for found in device.findings(30_000_000)] == [Fault.NO_STATUS, Fault.AHEAD]
    assert [found.fault for found in device.findings(60_000_000)] == [Fault.NO_STATUS]


def test_what_the_board_says_of_its_troubles_is_counted():
    board = Board()
    device = connected(board)
    feed(device, board.data(2, 0, [[1]], flags=4))
    feed(device, board.data(2, 5_000, [[1]], flags=32 + 4))
    assert (device.statistics.sensor_errors, device.statistics.host_drops) == (2, 1)


def test_a_payload_that_does_not_fit_its_count_is_refused():
    board = Board()
    device = connected(board)
    bad = frame(2, stream=2, seq=board.seq, n=3, payload=b"\0" * 8, epoch=board.epoch)
    assert feed(device, bad) == []
    assert device.statistics.refused == 1


def test_the_sequence_number_wraps_without_an_event():
    board = Board()
    device = connected(board)
    for k in range(70_000):
        feed(device, board.data(2, k * 5_000, [[1]]), k * 5_000)
    statistics = device.statistics
    assert (statistics.frames_lost, statistics.refused, statistics.samples_lost) == (0, 0, 0)


def test_times_are_right_again_when_a_rate_is_that_was_wrong():
    """S19: stamps of the wrong rate once led a block of the right one 24 s into the past."""
    stream = StreamDecoder(
        Descriptor(**descriptor("optical", ["red", "infrared"], rate=100, full=262143)), LinkStatistics()
    )
    index, t_us = 0, 0
    for block in range(2000):
        period_us = 40_000 if 250 <= block < 500 else 10_000
        index, t_us = index + 4, t_us + 4 * period_us
        one = Frame(
            type=FrameType.DATA, stream=1, seq=block, epoch=7, n=4, index=index - 4, ticks_us=0, payload=bytes(24),
            flags=Flag.TIMED if block % 40 == 0 else Flag(0),
        )  # fmt: skip
        times, _ = stream.feed(one, t_us)
        if not stream.rate.is_wrong and not 240 < block < 600:
            assert abs(int(times[-1]) - t_us) < 6_000, block
