"""What tests share: where recordings are, and a visible skip where something is not installed."""

import os
import signal
from pathlib import Path

import pytest

# A shell starts a job in the background with the interrupt ignored, and every process below it inherits that: the demos
# that tests end by it would never end.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def recordings():
    """The folder of shared recordings."""
    folder = os.environ.get("CHAIRSIDE_RECORDINGS")
    if not folder or not Path(folder).is_dir():
        pytest.skip("no recordings: set CHAIRSIDE_RECORDINGS to their folder")
    return Path(folder)


def pytest_collection_modifyitems(config, items):
    """Tell several workers what to leave together.

    A file shares what it made once. What starts a broker, and mostly a whole chair in real time, runs one after the
    other on one worker.
    """
    if config.pluginmanager.hasplugin("xdist"):
        for item in items:
            group = "real time" if item.get_closest_marker("broker") else item.path.stem
            item.add_marker(pytest.mark.xdist_group(group))
