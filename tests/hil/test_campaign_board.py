"""The campaign of the board, short: a minute and a quarter at each end of its rates."""

import pytest

from bench import campaign_board
from tests.hil.link import rig


@rig
@pytest.mark.parametrize("pleth_hz", [100, 400])
def test_nothing_is_lost_wrong_or_mistimed_and_a_run_can_be_repeated(pleth_hz):
    verdict = campaign_board.run(pleth_hz, 75)
    assert verdict.failures(75) == []
    assert verdict.wraps == 1
    assert all(audit.timed > 25 for audit in verdict.audits.values())
