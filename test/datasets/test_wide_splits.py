"""The splits of a wide tree: its scenes, and a share of the training clips."""

from types import SimpleNamespace

import numpy as np

from pta_ros.datasets.splits import wide_splits


def test_scenes_are_splits_and_clips_are_held_back_whole():
    clips = [("E01", f"S{n:05d}") for n in range(1, 11)] + [("E02", "S00001"), ("E03", "S00001")]
    rows = [clip for clip in clips for _ in range(3)]
    joints = np.zeros((len(rows), 17, 3), np.float32)
    joints[2::3] = np.nan  # the last row of each clip is a place with nobody
    scene, subject = (np.array(column) for column in zip(*rows, strict=True))
    usable = np.ones(len(rows), bool)
    people = SimpleNamespace(scene=scene, subject=subject, joints=joints, usable=usable)
    found, members = wide_splits(people, seed=0, meta_val=0.2)
    held = {name.partition("/")[2] for name in members["meta_val"]}
    assert len(held) == 2
    assert set(subject[found["meta_val"]]) == held
    assert not held & set(subject[found["train"]])
    assert len(found["train"]) == 8 * 3  # places with nobody are taught
    assert (len(found["val"]), len(found["test"])) == (2, 2)
    assert len(np.unique(np.concatenate(list(found.values())))) == sum(map(len, found.values()))
    assert {name: members[name] for name in ("train", "val", "test")} == {
        "train": ("E01",), "val": ("E02",), "test": ("E03",)
    }  # fmt: skip
    again = wide_splits(people, seed=0, meta_val=0.2)[1]
    assert again == members
