"""Which core a rig stays on, as a process of its own sees it."""

import contextlib
import os
import subprocess
import sys

import pytest

from hil.chair import play
from tests.hil.link import TimeCode, rig

pytestmark = pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="Linux only")

_STAY = """
import os, sys
from hil.chair import stay_on_one_core
if sys.argv[1] == "refused":
    def refuse(*_):
        raise PermissionError(1, "seccomp")
    os.sched_setaffinity = refuse
stay_on_one_core()
print(*sorted(os.sched_getaffinity(0)), flush=True)
sys.stdin.read()
"""


def started(how="allowed"):
    command = [sys.executable, "-c", _STAY, how]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def cores(process):
    return [int(core) for core in process.stdout.readline().split()]


def test_rigs_at_once_have_a_core_each_and_the_next_one_is_free():
    everything = sorted(os.sched_getaffinity(0))
    rigs = []
    try:
        for _ in range(len(everything) + 1):
            rigs.append(started())
            rigs[-1].cores = cores(rigs[-1])
        *pinned, last = [process.cores for process in rigs]
        free = [core for core in everything if [core] not in pinned]  # others may have a rig too
        assert all(len(found) == 1 or found == everything for found in pinned)
        assert len({tuple(found) for found in pinned if len(found) == 1}) == len(everything) - len(free)
        assert last == everything
    finally:
        for process in rigs:
            process.communicate()


def test_refused_core_is_no_failure():
    process = started("refused")
    assert cores(process) == sorted(os.sched_getaffinity(0))
    process.communicate()
    assert process.returncode == 0


@rig
def test_playing_in_this_process_pins_nothing():
    before = os.sched_getaffinity(0)
    with contextlib.closing(play(TimeCode())) as chunks:
        next(chunks)
        assert os.sched_getaffinity(0) == before
