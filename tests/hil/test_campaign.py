"""Every kind of artifact of the fault catalogue, at random places of simulated patients: null or right, never wrong."""

import pytest

from hil.artifact_kinds import KINDS
from hil.campaign import SHORT, Campaign, Row

SEEDS = 20  # 500 in make campaign-artifacts


@pytest.fixture(scope="module")
def campaign():
    return Campaign(length=SHORT)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.row} {kind.name}")
def test_nothing_wrong_is_said_with_good_quality(campaign, kind):
    row = Row(kind=kind)
    for seed in range(SEEDS):
        row.add(seed, campaign.run(kind, seed))
    assert not row.wrong, row.examples
    assert not row.late_seeds, row.examples
    assert row.changed, "the artifact changed nothing: it was not seen to fire"
