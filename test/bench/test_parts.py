"""Which part of the package takes the processor's time."""

import sys
import time
from pathlib import Path

import numpy as np
import pytest

from pta_ros.bench import parts
from pta_ros.bench.parts import PARTS, folded, part_of, sampled, stack_of, table
from pta_ros.sensors.depth_map import vote


@pytest.mark.parametrize(
    ("stack", "part"),
    [
        (("evaluation/replay/source:replay", "bags/types:decode"), "messages out of their bytes"),
        (("fusion/intake:frame", "sensors/depth:reduce"), "decoding, checking, reducing"),
        (("fusion/estimator:encode", "model/pta:encode_one", "model/lite:forward"), "encoders"),
        (("fusion/estimator:predict", "model/pta:align"), "gate, refinement, fusion, heads"),
        (("fusion/pipeline:judge", "tracks/pairs:update"), "which sensor contradicts"),
        (("fusion/follow:follow", "tracks/filter:update", "people/x:f"), "following people"),
        (("model/pta:align",), "other"),
        ((), "other"),
    ],
)  # fmt: skip
def test_the_innermost_that_is_named_decides(stack, part):
    assert part_of(stack) == part
    assert part in {*PARTS.values(), "other"}


def test_a_stack_names_the_package_s_functions_alone():
    def called(_image):
        return stack_of(sys._getframe())

    assert called(None) == ()  # tests are not of the package


@pytest.mark.parametrize(("place", "stack"), [("bench/a.py", ("bench/a:f",)), ("../b/c.py", ())])
def test_what_lies_beside_the_package_is_not_of_it(place, stack):
    """Whatever the folder around it is called: a clone has the package's own name."""
    made, room = {}, Path(parts.__file__).parents[1]
    where = room.parent / place[3:] if place.startswith("../") else room / place
    exec(compile("def f(look):\n    return look()", where, "exec"), made)
    assert made["f"](lambda: stack_of(sys._getframe())) == stack


def test_time_is_counted_where_it_is_spent():
    image = np.random.default_rng(0).random((480, 640), np.float32) + 1.0
    begun = time.thread_time()
    with sampled() as found:
        while time.thread_time() - begun < 0.3:
            vote(image, 0.5, 4.5)
    used_us = 1e6 * (time.thread_time() - begun)
    within = sum(us for stack, us in found.items() if stack and stack[-1].startswith("sensors/"))
    assert 0.6 * used_us < within <= used_us


def test_parts_are_listed_by_the_first_column_with_their_sum():
    first, other = {"encoders": 1.0, "following people": 2.5}, {"encoders": 4.0, "other": 0.5}
    rows = [line.split("|")[1:-1] for line in table({"live": first, "replay": other}).splitlines()]
    assert [[cell.strip() for cell in row] for row in rows[2:]] == [
        ["following people", "2.50", "0.00"],
        ["encoders", "1.00", "4.00"],
        ["other", "0.00", "0.50"],
        ["all", "3.50", "4.50"],
    ]


def test_folded_stacks_are_lines_with_their_time():
    assert folded({("a:f", "b:g"): 3, (): 1}) == " 1\na:f;b:g 3\n"
