"""Training for activities: mutual learning, a whole run on XRF55's layout, a second head."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from pta_ros import checkpoint
from pta_ros.cli import evaluate_pta
from pta_ros.datasets.feature_set import FeatureSet
from pta_ros.errors import ConfigError
from pta_ros.model.baselines import MeanOfPredictions
from pta_ros.model.config import PTAConfig
from pta_ros.model.encoders import token_count
from pta_ros.model.pta import PTA
from pta_ros.simulate.tree import write_tree
from pta_ros.simulate.xrf55_writer import Xrf55Plan
from pta_ros.training import keep, make_pta
from pta_ros.training.activity import activity_stage, begin_as, mutual_loss, with_activity
from pta_ros.training.augment import AUGMENT
from pta_ros.training.config import TrainConfig, config_from
from pta_ros.training.fit import Setup
from pta_ros.training.mixed import Mixed
from pta_ros.training.rehearse import with_own_classes
from pta_ros.training.resume import seed_everything
from pta_ros.training.run import train, train_systems
from pta_ros.training.systems import BY_TASK

NAMES = ("radar", "wifi", "rfid")
CONFIG = config_from(
    {
        "task_loss": "cross_entropy",
        "model": {"modalities": list(NAMES), "tasks": ["activity"], "tokens": 4, "dim": 16,
                  "latent": 8, "channels": 16, "diffusion": {"shared": False},
                  "own_heads": True, "pretrained": 16, "gate": True},
        "gate": {"epochs": 1},
        "split": {"meta_val": 0.3, "val": 0.3, "test": 0.5},
        "pretrain": {m: {"epochs": 1, "batch": 8} for m in NAMES},
        "meta": {"epochs": 1, "batch": 4, "outer_every": 1, "schedule": "polynomial"},
    }
)  # fmt: skip


class Quiet:
    def progress(self, task):
        return lambda done, total: None

    def epoch(self, stage, number, figures):
        assert all(math.isfinite(value) for value in figures.values())

    def note(self, text):
        pass


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("xrf55") / "tree"
    list(write_tree(folder, Xrf55Plan(1, (1, 2), (3, 39), (1, 2, 3, 4, 15))))
    return folder


def test_a_run_leaves_a_model_that_is_evaluated_on_both_splits(root, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(keep, "LEAST", 1)
    few, shown = {"radar": 0.1, "wifi": 0.1, "rfid": 0.1}, []

    def fit(model, draw, rows, loss, draws):
        shown.append((type(draw), draws))
        keep.fit_exponents(model, draw, rows, loss, draws)

    monkeypatch.setattr(make_pta, "fit_exponents", fit)
    train(replace(CONFIG, meta=replace(CONFIG.meta, corrupt=few)), root, tmp_path, Quiet())
    assert shown == [(Mixed, make_pta.DRAWS)]  # exponents are fitted on corrupted windows, too
    loaded = checkpoint.load(tmp_path / "model")
    assert loaded.model.config.classes[38] == "walking"
    assert set(loaded.sensors) == set(NAMES)
    assert loaded.model.config.own_heads
    assert len(loaded.model.pretrained.exponents.unique()) > 2  # fitted
    assert bool(loaded.model.gate.threshold.isfinite().any())
    out = tmp_path / "out"
    arguments = [str(root), "--model", str(tmp_path / "model"), "--out", str(out)]
    assert evaluate_pta.main(arguments) == 0
    said = capsys.readouterr().out
    assert "held-out people" in said
    assert "held-out repeats" in said
    assert {p.name for p in out.iterdir()} >= {"confusion_test.png", "confusion_unseen.png"}


def test_activities_of_ones_own_from_a_recording_to_a_model(tmp_path, capsys):
    pytest.importorskip("rosbags")
    from pta_ros.cli import bag_to_dataset
    from pta_ros.simulate.xrf55_bag import SessionPlan, labels_of, session_to_bag

    plan = SessionPlan(seconds=48.0, activity_s=6.0, actions=(2, 23))
    session_to_bag(plan, tmp_path / "bag")
    names = {"mopping the floor": "cleaning", "body-weight squats": "sport"}
    text = labels_of(plan)
    for name, own in names.items():
        text = text.replace(name, own)
    (tmp_path / "labels.csv").write_text(text)
    given = [str(tmp_path / "bag"), str(tmp_path / "tree"), "--jobs", "1"]
    assert bag_to_dataset.main([*given, "--activities", str(tmp_path / "labels.csv")]) == 0
    config = with_own_classes(CONFIG, tmp_path / "tree")
    assert set(config.model.classes) == {"cleaning", "sport"}
    train(config, tmp_path / "tree", tmp_path / "run", Quiet())
    loaded = checkpoint.load(tmp_path / "run" / "model")
    assert loaded.model.config.classes == config.model.classes
    assert loaded.provenance["splits"]["test"] == ["Scene3"]
    arguments = [str(tmp_path / "tree"), "--model", str(tmp_path / "run" / "model")]
    assert evaluate_pta.main([*arguments, "--out", str(tmp_path / "out")]) == 0
    assert "held-out recordings" in capsys.readouterr().out


def test_a_configuration_that_names_its_activities_keeps_them(root, tmp_path):
    assert with_own_classes(CONFIG, root) == CONFIG  # not of recordings
    (tmp_path / "RECORDED.json").write_text('{"classes": ["a", "b"]}')
    named = replace(CONFIG, model=replace(CONFIG.model, classes=("x", "y")))
    assert with_own_classes(named, tmp_path) == named
    assert with_own_classes(CONFIG, tmp_path).model.classes == ("a", "b")


def test_activities_of_ones_own_start_from_a_model_of_others(root, tmp_path):
    train(CONFIG, root, tmp_path / "first", Quiet())
    names = tuple(f"mine {n}" for n in range(39))  # the tree's actions are 3 and 39
    own = replace(
        CONFIG, model=replace(CONFIG.model, classes=names), start_from=str(tmp_path / "first/model")
    )
    train(own, root, tmp_path / "own", Quiet())
    loaded = checkpoint.load(tmp_path / "own/model")
    assert loaded.model.config.classes == names
    assert loaded.provenance["from"]["anew"] == ["gate", "head"]


def test_the_compared_systems_become_a_table(root, tmp_path, capsys):
    train_systems(CONFIG, root, tmp_path, list(BY_TASK["activity"]), [0], Quiet())
    out = tmp_path / "out"
    arguments = [str(root), "--table", str(tmp_path), "--seeds", "0", "--out", str(out)]
    assert evaluate_pta.main(arguments) == 0
    said = capsys.readouterr().out
    assert "Base. (mutual learning)" in said
    assert "Ours, no gate" in said
    assert "| wifi/dead links | radar + wifi + rfid |" in said
    assert "synthetic data" in said
    assert (out / "activities.json").is_file()


def test_own_heads_begin_as_single_models_that_taught_each_other():
    torch.manual_seed(0)
    taught = MeanOfPredictions(CONFIG.model)
    model = PTA(replace(CONFIG.model, pretrained=0))  # kept models are added later
    begin_as(taught, model)
    features, alone = torch.randn(4, 3, 4, 16), torch.tensor([[False, True, False]] * 4)
    for one in (taught, model):
        one.eval()
    said = model.predict(features, alone).logits.softmax(dim=1)
    torch.testing.assert_close(said, taught.complete(features, alone).logits.exp())
    tokens = torch.randn(2, token_count("lite", "wifi"), 16)
    torch.testing.assert_close(*(m.project("wifi", tokens, tokens) for m in (taught, model)))


def test_a_loss_of_another_task_is_refused():
    with pytest.raises(ConfigError, match="task_loss is 'mse' for activity"):
        replace(CONFIG, task_loss="mse")
    with pytest.raises(ConfigError, match="for pose"):
        TrainConfig(task_loss="cross_entropy")


def test_mutual_loss_is_cross_entropy_alone_when_all_agree():
    logits = torch.randn(5, 1, 4).expand(5, 3, 4)
    labels = torch.tensor([0, 1, 2, 3, 0])
    expected = torch.nn.functional.cross_entropy(logits[:, 0], labels)
    everything = torch.ones(5, 3, dtype=torch.bool)
    torch.testing.assert_close(mutual_loss(logits, everything, labels), expected)
    apart = logits + torch.randn(5, 3, 4)
    assert (
        mutual_loss(apart, everything, labels)
        > torch.stack(
            [torch.nn.functional.cross_entropy(apart[:, m], labels) for m in range(3)]
        ).mean()
    )
    one = torch.tensor([[True, False, False]] * 5)
    torch.testing.assert_close(
        mutual_loss(apart, one, labels), torch.nn.functional.cross_entropy(apart[:, 0], labels)
    )


@pytest.mark.parametrize("modality", NAMES)
def test_augmentation_keeps_shapes_and_seeds(modality):
    shape = {"radar": (17, 32, 64), "wifi": (27, 500), "rfid": (23, 148)}[modality]
    x, joints = torch.randn(4, *shape), torch.zeros(4, 0, 3)
    first, again = [], []
    for made in (first, again):
        seed_everything(1)
        made.append(AUGMENT[modality](x, joints)[0])
    assert first[0].shape == x.shape
    assert torch.equal(first[0], again[0])
    assert not torch.equal(first[0], x)


def test_a_second_head_learns_and_moves_nothing_else():
    torch.manual_seed(0)
    sizes = {"channels": 16, "tokens": 4, "dim": 16, "latent": 8}
    pose = PTA(PTAConfig(**sizes)).eval()
    config = config_from(
        {"model": {**sizes, "tasks": ["pose", "activity"], "classes": ["a", "b"]},
         "meta": {"batch": 16}, "activity": {"epochs": 30, "learning_rate": 3e-2}}
    )  # fmt: skip
    both = with_activity(pose, config)
    labels = torch.arange(48) % 2
    tokens = {m: torch.randn(48, t, 16) for m, t in (("depth", 48), ("lidar", 32), ("csi", 16))}
    for m in tokens:
        tokens[m] += 2.0 * labels[:, None, None]
    points = {"lidar": torch.randn(48, 4, 3)}
    present = torch.ones(48, 3, dtype=torch.bool)
    rows = torch.arange(48)
    data = FeatureSet(tokens, points, present, torch.zeros(48, 17, 3), rows, labels)
    before = {k: v.clone() for k, v in both.state_dict().items()}
    stage = activity_stage(Setup(config, data, rows), both)
    losses = [stage.epoch(n)["loss_activity"] for n in range(stage.epochs)]
    assert losses[-1] < 0.8 * losses[0]
    moved = {k for k, v in both.state_dict().items() if not torch.equal(v, before[k])}
    assert {name.partition(".")[0] for name in moved} == {"activity"}
    assert np.isfinite(losses).all()
