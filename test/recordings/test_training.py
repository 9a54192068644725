"""Models are trained on what bag_to_dataset writes: of one person, and of people anywhere."""

import json

import pytest

pytest.importorskip("torch")

from pta_ros import checkpoint
from pta_ros.cli import evaluate_pta, train_pta

ONE = """
model: {modalities: [depth, csi], tasks: [pose, activity], classes: [sit, wave], tokens: 4, dim: 16,
  latent: 8, channels: 16}
split: {meta_val: 0.2}
pretrain: {depth: {epochs: 1, batch: 8}, csi: {epochs: 1}}
meta: {epochs: 1, batch: 8}
"""
PEOPLE = """
model: {modalities: [depth, lidar], encoders: centred, tokens: 17, dim: 32, latent: 16, mixers: 1}
split: {meta_val: 0.4}
find: {epochs: 1, batch: 4}
pretrain: {depth: {epochs: 1, batch: 8}, lidar: {epochs: 1, batch: 8}}
meta: {epochs: 1, batch: 8}
"""


def train(root, text, tmp_path):
    (tmp_path / "small.yaml").write_text(text)
    arguments = [
        str(root),
        "--config",
        str(tmp_path / "small.yaml"),
        "--out",
        str(tmp_path / "run"),
    ]
    assert train_pta.main([*arguments, "--threads", "1"]) == 0
    splits = json.loads((tmp_path / "run/splits.json").read_text())
    return checkpoint.load(tmp_path / "run/model"), splits


def test_one_person_without_lidar_with_activities_of_ones_own(write, tree, tmp_path, capsys):
    from pta_ros.recordings.annotations import Annotation

    bag = write(count=60, skip=lambda topic, n: topic == "/lidar/points")
    known = tuple(Annotation(s, s + 1.0, ("sit", "wave")[s % 2], s) for s in range(6))
    made = tree(bag, annotations=known)
    loaded, splits = train(made.root, ONE, tmp_path)
    assert loaded.model.config.classes == ("sit", "wave")
    assert (splits["train"], splits["val"], splits["test"]) == (["E01"], ["E02"], ["E03"])
    assert loaded.provenance["synthetic"] == {"synthetic": True, "recorded": True}
    assert "missing clip" not in capsys.readouterr().out
    out = tmp_path / "figures.json"
    given = [str(made.root), "--model", str(tmp_path / "run/model"), "--json", str(out)]
    assert evaluate_pta.main([*given, "--cache", str(tmp_path / "cache")]) == 0
    report = json.loads(out.read_text())
    assert report["subjects"] == ["E03"]
    held_out = sum(len(list(clip.glob("depth/*"))) for clip in made.root.glob("E03/S*/A*"))
    assert report["results"][0]["frames"] == held_out


@pytest.mark.parametrize("activities", [True, False])
def test_activities_must_be_those_of_the_tree(write, tree, tmp_path, capsys, activities):
    from pta_ros.recordings.annotations import Annotation

    known = (Annotation(0, 1, "wave", 1), Annotation(1, 2, "sit", 2)) if activities else ()
    made = tree(write(), annotations=known)
    (tmp_path / "small.yaml").write_text(ONE)
    arguments = [str(made.root), "--config", str(tmp_path / "small.yaml"), "--out"]
    assert train_pta.main([*arguments, str(tmp_path / "run")]) == 1
    expected = "model.classes: [wave, sit]" if activities else "its activities are none"
    assert expected in capsys.readouterr().err


def test_people_anywhere(write, tree, tmp_path):
    made = tree(write(count=60), clip_s=1.0)
    loaded, splits = train(made.root, PEOPLE, tmp_path)
    assert loaded.finder is not None
    assert splits["test"] == ["E03"]
