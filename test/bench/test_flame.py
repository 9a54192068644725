"""The flame graph: which frames are drawn, how wide, and what is no file of folded stacks."""

from collections import Counter

import pytest
from matplotlib.image import imread

from pta_ros.bench.flame import COLOURS, Frame, draw, frames, unfolded
from pta_ros.bench.parts import PARTS, folded
from pta_ros.errors import DecodeError

REPLAY, PREDICT = "evaluation/replay/replay:run", "fusion/estimator:predict"
#: 10 ms: 1 of the replay itself, 6 and 2.9 below it, 0.1 too narrow for a width of 0.2.
TEXT = f"""cli/bench_bag:main;{REPLAY} 1000000
cli/bench_bag:main;{REPLAY};fusion/intake:frame 100000
cli/bench_bag:main;{REPLAY};{PREDICT};model/pta:align 6000000
cli/bench_bag:main;{REPLAY};tracks/filter:update 2900000
"""


def test_a_frame_is_as_wide_as_the_time_of_all_that_it_called():
    found = {frame.name: frame for frame in frames(unfolded(TEXT, "a"), 0.2)}
    keeping, model = "keeping the replay", "gate, refinement, fusion, heads"
    assert found == {  # what measures is left out, and so is the narrow one; its place stays empty
        REPLAY: Frame(REPLAY, keeping, 0, 0.0, pytest.approx(10.0)),
        PREDICT: Frame(PREDICT, model, 1, pytest.approx(1.0), pytest.approx(6.0)),
        "model/pta:align": Frame("model/pta:align", model, 2, pytest.approx(1.0), 6.0),
        "tracks/filter:update": Frame(
            "tracks/filter:update", "following people", 1, pytest.approx(7.1), 2.9
        ),
    }
    assert [frame.name for frame in frames(unfolded(TEXT, "a"), 0.05)].count("fusion/intake:frame")


def test_a_frame_is_named_by_its_function_and_file():
    frame = Frame("evaluation/replay/batches:_encode", "encoders", 0, 0.0, 1.0)
    assert frame.names == ("_encode (batches)", "_encode")
    assert Frame("cli/__init__:run", "other", 0, 0.0, 1.0).names[0] == "run (cli)"


def test_each_part_has_a_colour_of_its_own():
    assert len(set(COLOURS.values())) == len({*PARTS.values(), "other"}) == len(COLOURS)


def test_a_picture_is_drawn_and_fills_so_much_of_its_axis(tmp_path):
    def share(axis_ms):
        """Of the row of the outermost frame, what is in the colour of its part."""
        draw(unfolded(TEXT, "a"), "now", tmp_path / "a.png", axis_ms)
        colour = [int(COLOURS["keeping the replay"][i : i + 2], 16) / 255 for i in (1, 3, 5)]
        image = imread(tmp_path / "a.png")
        return (abs(image[..., :3] - colour).max(-1) < 0.01).mean(1).max()

    assert share(None) == pytest.approx(0.98, abs=0.06)  # its name covers some
    assert share(20.0) == pytest.approx(0.49, abs=0.06)


def test_what_was_folded_is_read_again():
    stacks = Counter({("a:f", "b:g"): 3, (): 1})
    assert unfolded(folded(stacks), "a") == stacks


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no time in it"),
        ("a:f 0\n", "no time in it"),
        ("a:f;b:g 12\na:f\n", "line 2 is 'a:f'"),
        ("a:f -3\n", "line 1 is 'a:f -3'"),
        ("{}", "line 1 is '{}'"),
        ("a:f ²\n", "line 1"),
    ],
)
def test_what_is_no_folded_file_is_told_in_one_line(text, told):
    with pytest.raises(DecodeError, match=r"x\.folded: ") as error:
        unfolded(text, "x.folded")
    assert told in str(error.value)
    assert "\n" not in str(error.value)
