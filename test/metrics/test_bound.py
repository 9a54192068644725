"""One wording and one exit code for every tool's bounds."""

import json

from pta_ros.metrics.bound import Bound, as_records, at_least, at_most, bounds_text, exit_code

KEPT = [at_most("latency", 14.987, 15.0, "ms"), at_least("subsets", 7, 7)]
SLOW = at_most("latency", 15.01, 15.0, "ms", "of depth")
ABSENT = at_least("node: rate", None, 9.5, "1/s")


def test_a_value_on_its_limit_is_kept_and_one_that_was_not_measured_is_missed():
    assert [b.ok for b in (at_most("a", 2, 2), at_least("a", 2, 2))] == [True, True]
    assert [b.ok for b in (at_most("a", 3, 2), at_least("a", 1, 2))] == [False, False]
    assert [b.ok for b in (at_most("a", None, 2), at_least("a", None, 2))] == [False, False]


def test_the_exit_code_is_3_as_soon_as_one_bound_is_missed():
    assert exit_code([]) == exit_code(KEPT) == 0
    assert exit_code([*KEPT, SLOW]) == exit_code([ABSENT]) == 3


def test_bounds_are_one_line_each_and_counted():
    assert bounds_text(KEPT).splitlines() == [
        "  latency  14.99 ms  at most 15 ms  kept",
        "  subsets         7  at least 7     kept",
        "2 of 2 bounds kept",
    ]
    assert bounds_text([SLOW, ABSENT]).splitlines() == [
        "  latency         15.01 ms  at most 15 ms     missed",
        "  node: rate  not measured  at least 9.5 1/s  missed",
        "0 of 2 bounds kept, 2 missed",
    ]


def test_bounds_come_back_from_their_records():
    records = json.loads(json.dumps(as_records([*KEPT, SLOW, ABSENT])))
    assert [Bound(**record) for record in records] == [*KEPT, SLOW, ABSENT]
