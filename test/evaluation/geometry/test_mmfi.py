"""A model of people on MM-Fi's layout: readings and truth meet in one frame, figures are right."""

import json

import numpy as np
import pytest

pytest.importorskip("torch")

from pta_ros import checkpoint
from pta_ros.cli import evaluate_pta
from pta_ros.datasets.mmfi import MmfiTree
from pta_ros.errors import DatasetError
from pta_ros.evaluation.geometry.mmfi import evaluate_mmfi, instants
from pta_ros.fusion.people import PeopleEstimator, Person
from pta_ros.people.centred import trunk


def quiet(done, total):
    """No progress."""


def test_every_joint_lies_among_the_points_of_both_sensors(synthetic_tree):
    for readings, truth in instants(MmfiTree(synthetic_tree).clips[0]):
        depth = readings.depth
        hit = depth.depth > 0
        camera = (depth.rays()[:, hit] * depth.depth[hit]).T + depth.place
        for points in (camera, readings.lidar.cloud):
            away = np.linalg.norm(truth[:, None] - points[None], axis=-1).min(axis=1)
            assert np.median(away) < 0.15
            assert away.max() < 0.3
        assert 0.6 < trunk(truth)[2] < 1.5


class Oracle(PeopleEstimator):
    """Says where the person is: 30 mm too far left by the LiDAR alone, nobody by depth alone."""

    def __call__(self, readings):
        if readings.lidar is None:
            return ()
        joints = self.known[readings.lidar.cloud.tobytes()]
        joints = joints + np.array([0.0, 0.0 if readings.depth else 0.03, 0.0])
        ghost = Person(0.9, trunk(joints + 2.0), joints + 2.0, np.full(17, 0.01), {})
        return ghost, Person(0.8, trunk(joints), joints, np.full(17, 0.02), {})


def test_errors_are_of_the_nearest_and_of_who_is_found(synthetic_tree, untrained):
    oracle = Oracle(checkpoint.load(untrained))
    clips = MmfiTree(synthetic_tree).clips
    oracle.known = {r.lidar.cloud.tobytes(): t for clip in clips for r, t in instants(clip)}
    text, report = evaluate_mmfi(synthetic_tree, oracle, None, quiet)
    assert report["frames"] == 20
    assert "100.0%" in text
    found = {r["subset"]: r for r in report["results"]}
    assert set(found) == {"lidar", "depth+lidar"}  # depth alone found nobody
    assert found["lidar"]["mpjpe_mm"] == pytest.approx(30.0)
    assert found["lidar"]["coverage_1std"] == pytest.approx(2 / 3)  # two of three axes are exact
    assert found["depth+lidar"]["mpjpe_mm"] == pytest.approx(0.0)


def test_an_unknown_subject_is_named(synthetic_tree, untrained):
    with pytest.raises(DatasetError, match="S77"):
        evaluate_mmfi(synthetic_tree, PeopleEstimator.load(untrained), ["S77"], quiet)


def test_the_command_takes_a_model_of_people(synthetic_tree, untrained, tmp_path, capsys):
    wanted = tmp_path / "figures.json"
    given = [str(synthetic_tree), "--model", str(untrained), "--json", str(wanted)]
    assert evaluate_pta.main([*given, "--subjects", "S01"]) == 0
    report = json.loads(wanted.read_text())
    assert report["frames"] == 4
    assert report["synthetic"] is True
    assert "found of 4 frames" in capsys.readouterr().out
    assert evaluate_pta.main([*given, "--paper"]) == 1
    assert "--paper" in capsys.readouterr().err
