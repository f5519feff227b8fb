"""The campaign of small changes changes what it says, and its list of survivors is of this code."""

import ast

from bench.mutants import Changes
from bench.mutation import listed, modules, source

TEXT = '''"""A module."""

import math


def is_far(value: float, limit: float = 3.0) -> bool:
    """Whether it is."""
    assert limit > 0
    return value >= limit and not math.isnan(value)
'''


def test_every_listed_survivor_is_a_change_of_this_code():
    found = {mutant.name for module in modules() for mutant in Changes(module, source(module)).found}
    assert set(listed()) <= found
    assert all(len(reason) > 10 for reason in listed().values())


def test_each_change_changes_one_place_and_says_which():
    whole = Changes("one", TEXT)
    told = [(mutant.line, mutant.function, mutant.before, mutant.after) for mutant in whole.found]
    line = "value >= limit and (not math.isnan(value))"
    assert told == [
        (6, "", "3.0", "4.0"),
        (9, "is_far", f"return {line}", "return None"),
        (9, "is_far", line, "value >= limit or not math.isnan(value)"),
        (9, "is_far", "value >= limit", "value > limit"),
        (9, "is_far", "value >= limit", "value < limit"),
        (9, "is_far", "not math.isnan(value)", "math.isnan(value)"),
    ]
    plain = ast.unparse(ast.parse(TEXT)).splitlines()
    for mutant in whole.found:
        changed = ast.unparse(Changes("one", TEXT, mutant.number).tree).splitlines()
        assert len([1 for old, new in zip(plain, changed, strict=True) if old != new]) == 1
    assert whole.left_out["assert"] == 1
