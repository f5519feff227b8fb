"""The campaign of the board, short: a minute and a quarter at each end of its rates, once with ticks of 25 bits."""

import pytest

from bench import campaign_board
from tests.hil.link import rig


@rig
@pytest.mark.parametrize(("pleth_hz", "wrap_us", "wraps"), [(400, 1 << 30, 1), (100, 1 << 25, 2)])
def test_nothing_is_lost_wrong_or_mistimed_and_a_run_can_be_repeated(pleth_hz, wrap_us, wraps):
    verdict = campaign_board.run(pleth_hz, 75, wrap_us=wrap_us)
    assert campaign_board.digest(campaign_board.play(pleth_hz, 75, wrap_us=wrap_us)) == verdict.digest
    assert verdict.failures(75) == []
    assert verdict.wraps == wraps
    assert all(audit.timed > 20 for audit in verdict.audits.values()), "told every 3.2 s at least"
