"""Systems compared in the wide world: people whom all sensors see, the same for every subset."""

import pytest

from pta_ros.errors import DatasetError
from pta_ros.evaluation.compare.run import compare_poses
from pta_ros.training.config import config_from
from pta_ros.training.prepare import Silent
from pta_ros.training.run import read_bench, train_systems


@pytest.fixture(scope="module")
def tree(wide_tree_of):
    return wide_tree_of((5, 4, 8), frames=2)


@pytest.fixture(scope="module")
def run(tree, people_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    model = {"modalities": ["depth", "lidar"], "encoders": "centred", "tokens": 17}
    sizes = {"dim": 16, "latent": 8, "channels": 32, "pretrained": 8, "settle": True}
    config = config_from(
        {
            "start_from": str(people_model),
            "take": "encoders",
            "model": {**model, **sizes},
            "split": {"meta_val": 0.4},
            "widths": {"single": 8, "xfi": 8},
            "meta": {"epochs": 1, "batch": 8},
        }
    )
    train_systems(config, tree, folder, ["pta", "pta_ungated"], [0], Silent())
    return folder


def test_every_subset_is_of_the_people_whom_all_sensors_see(tree, run):
    records, context = compare_poses(tree, run, [0], "", Silent())
    ready = read_bench(tree, run, 0, Silent()).ready
    data, rows = ready.data, ready.rows["test"].numpy()
    both = sum(data.seeing("depth")[rows] & data.seeing("lidar")[rows])
    assert 0 < both < len(rows)
    assert {record.frames for record in records} == {context.frames} == {both}
    assert {record.subset for record in records} == {"depth", "lidar", "depth+lidar"}


def test_scenes_in_which_nobody_is_seen_by_all_are_told(tree, run, monkeypatch):
    bench = read_bench(tree, run, 0, Silent())
    bench.clean.sees[:, 0] = False
    monkeypatch.setattr("pta_ros.evaluation.compare.run.read_bench", lambda *_: bench)
    with pytest.raises(DatasetError, match="nobody whom all of depth, lidar see"):
        compare_poses(tree, run, [0], "", Silent())
