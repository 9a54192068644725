"""The bench of other depth cameras, small: what it measures, and that bounds judge it."""

import json

import pytest

from pta_ros.cli import bench_cameras

pytest.importorskip("torch")
pytest.importorskip("open3d")


def test_two_cameras_in_four_mounts_see_what_the_models_own_sees(tmp_path):
    options = ["--few", "--people", "8", "--json", str(tmp_path / "seen.json")]
    assert bench_cameras.main(options) in (0, 3)  # 3: a bound of time, on a busy machine
    found = json.loads((tmp_path / "seen.json").read_text())
    assert len(found["seen"]) == 8
    assert {one["name"].split(", ")[2] for one in found["seen"]} == {
        "0 deg", "90 deg", "180 deg", "270 deg"
    }  # fmt: skip
    ms, *kept = found["bounds"]
    assert ms["value"] > 0
    assert [bound["ok"] for bound in kept] == [True, True, True]
    assert all(one["judged"] >= 4 for one in found["seen"])


def test_too_few_people_are_refused():
    assert bench_cameras.main(["--people", "3"]) == 1
