import numpy as np
from matplotlib.image import imread

from pta_ros.evaluation.compare import plot
from pta_ros.evaluation.compare.table import COMPARED, tabulate
from pta_ros.training.systems import SYSTEMS


def drawn(path):
    """Pixels of a picture, H x W x 3."""
    return imread(path)[..., :3]


def colour_share(pixels, colour):
    wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return float((np.abs(pixels - wanted).max(axis=-1) < 0.02).mean())


def test_every_system_has_bars_in_its_own_colour(make, tmp_path):
    table = tabulate(make.clean(), make.context().seeds)
    plot.draw(table, make.context(), tmp_path)
    pixels = drawn(tmp_path / "results_subsets.png")
    colours = {SYSTEMS[name].colour for name in COMPARED["pose"]}
    assert len(colours) == len(COMPARED["pose"])
    for colour in colours:
        assert colour_share(pixels, colour) > 0.01


def test_a_system_that_was_not_run_has_no_bar(make, tmp_path):
    records = [r for r in make.clean() if r.system != "base2"]
    plot.draw(tabulate(records, make.context().seeds), make.context(), tmp_path)
    pixels = drawn(tmp_path / "results_subsets.png")
    assert colour_share(pixels, SYSTEMS["base2"].colour) < 0.001
    assert colour_share(pixels, SYSTEMS["base1"].colour) > 0.01


def test_weights_are_drawn_only_when_known(make, tmp_path):
    table = tabulate(make.clean(), make.context().seeds)
    names = [p.name for p in plot.draw(table, make.context(histories={}), tmp_path)]
    assert names == ["results_subsets.png", "results_joints.png"]
    assert not (tmp_path / "results_weights.png").exists()


def test_histories_of_different_lengths_and_many_seeds_can_be_drawn(make, tmp_path):
    seeds = tuple(range(6))
    history = {seed: {m: [1 / 3] * (seed + 1) for m in ("depth", "lidar", "csi")} for seed in seeds}
    records = [r for r in make.clean() if r.seed in seeds]
    context = make.context(seeds=seeds, histories=history)
    plot.draw(tabulate(records, context.seeds), context, tmp_path)
    assert drawn(tmp_path / "results_weights.png").std() > 0.01
