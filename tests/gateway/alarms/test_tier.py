"""One priority of one condition as it stands in a file and in what is kept."""

import msgspec
import pytest

from gateway.alarms import Tier
from tests.gateway.alarms.chair import tier


@pytest.mark.parametrize(("letters", "is_good"), [(0, False), (1, True), (200, True), (201, False)])
def test_a_source_is_said_and_has_at_most_200_letters(letters, is_good):
    table = {"priority": "high", "source": "x" * letters}
    if is_good:
        assert msgspec.convert(table, Tier).source == "x" * letters
    else:
        with pytest.raises(msgspec.ValidationError, match="source"):
            msgspec.convert(table, Tier)


def test_a_word_that_is_not_known_is_refused():
    with pytest.raises(msgspec.ValidationError, match="limt"):
        msgspec.convert({"priority": "high", "source": "x", "limt": 160}, Tier)


def test_what_is_kept_of_it_is_what_it_sets():
    kept = {"priority": "high", "source": "a test", "limit": 160.0}
    assert msgspec.to_builtins(tier("high", limit=160.0)) == kept
    assert msgspec.convert(kept, Tier) == tier("high", limit=160.0)
