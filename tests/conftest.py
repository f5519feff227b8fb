"""What tests share: where recordings are, and a visible skip where something is not installed."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def recordings():
    """The folder of shared recordings."""
    folder = os.environ.get("CHAIRSIDE_RECORDINGS")
    if not folder or not Path(folder).is_dir():
        pytest.skip("no recordings: set CHAIRSIDE_RECORDINGS to their folder")
    return Path(folder)
