"""Runs that start from a model: what is kept, what stays frozen, what is refused."""

import json
import shutil
from dataclasses import replace

import pytest
import torch

from pta_ros import checkpoint
from pta_ros.cli import train_pta
from pta_ros.datasets.mmfi import ACTIVITIES
from pta_ros.errors import ConfigError
from pta_ros.model.config import PTAConfig
from pta_ros.model.pta import PTA
from pta_ros.sensors import SENSORS, CsiSensor
from pta_ros.training.config import TrainConfig, config_from
from pta_ros.training.parts import modules_of, parts_of
from pta_ros.training.pretrain import begun_single
from pta_ros.training.start import begin, matched

SMALL = PTAConfig(
    channels=16, tokens=4, dim=16, latent=8, mixers=1, gate=True, tasks=("pose", "activity"),
    classes=("sit", "wave"),
)  # fmt: skip
FROZEN = ("depth", "projectors", "weights", "refinement")
FREEZE = f"freeze: [{', '.join(FROZEN)}]\n"
CONFIG = """
model: {tokens: 4, dim: 16, latent: 8, channels: 16, mixers: 1}
split: {meta_val: 0.2, val: 0.2, test: 0.2}
pretrain: {depth: {epochs: 1, batch: 8}, lidar: {epochs: 1}, csi: {epochs: 1}}
meta: {epochs: 2, batch: 8, outer_every: 1}
"""


def saved(folder, config=SMALL, seed=1, **sensors):
    """A model folder of random weights, none of them what an untrained model has."""
    torch.manual_seed(seed)
    model = PTA(config)
    for tensor in model.state_dict().values():
        if tensor.is_floating_point():
            tensor.uniform_(0.1, 0.9)
    known = {m: sensors.get(m, SENSORS[m]()) for m in config.modalities}
    checkpoint.save(folder, model, known, {}, {"synthetic": {"seed": 0}})
    return folder


def started(folder, config=SMALL, **changes):
    settled, source = begin(TrainConfig(model=config, start_from=str(folder), **changes))
    start = matched(source, PTA(settled.model))
    model = PTA(settled.model)
    start.fill(model)
    return start, model, source.loaded.model


def test_everything_of_the_same_model_is_kept(tmp_path):
    start, model, theirs = started(saved(tmp_path / "m"))
    assert not start.anew
    assert not start.left
    mine = model.state_dict()
    for name, tensor in theirs.state_dict().items():
        assert tensor.equal(mine[name]) != name.startswith("calibration."), name


@pytest.mark.parametrize("modality", ["depth", "lidar", "csi"])
def test_an_encoder_is_trained_on_behind_all_that_follows_it_in_the_model(tmp_path, modality):
    start, _, theirs = started(saved(tmp_path / "m", config=replace(SMALL, gate=False)))
    x = torch.rand(3, *SENSORS[modality]().shape)
    config = replace(TrainConfig(model=start.source.loaded.model.config), start_from="m")
    single = begun_single(config, modality, start).eval()
    with torch.inference_mode():
        assert single(x).joints.equal(theirs({modality: x}, refine=False).joints)


def test_a_robot_with_fewer_sensors_in_another_order_keeps_theirs_by_name(tmp_path):
    start, model, theirs = started(
        saved(tmp_path / "m"), replace(SMALL, modalities=("csi", "depth"))
    )
    logits = theirs.purify.logits
    assert model.purify.logits.equal(torch.stack([logits[2], logits[0]]))
    for mine, own in ((0, 2), (1, 0)):
        for part in ("own", "odds"):
            ours, other = getattr(model.gate, part)[mine], getattr(theirs.gate, part)[own]
            assert ours.weight.equal(other.weight)
    assert model.encoders["csi"].net[0].weight.equal(theirs.encoders["csi"].net[0].weight)
    assert [name for name in start.anew if not name.startswith("gate.threshold")] == []
    assert {name.split(".")[1] for name in start.left if name.startswith("encoders")} == {"lidar"}
    assert any("left in m: lidar" in line for line in start.lines())


def test_what_does_not_fit_is_told_with_both_shapes(tmp_path):
    start, model, theirs = started(saved(tmp_path / "m"), replace(SMALL, latent=16))
    text = "\n".join(start.lines())
    assert "start_noise: [4, 8] there, [4, 16] here" in text
    assert f"{len(start.kept)} of {len(start.kept) + len(start.anew)} kept" in text
    assert start.has("head")
    assert not start.has("refinement")
    assert model.head.position.weight.equal(theirs.head.position.weight)


def test_a_head_of_other_activities_is_trained_anew_whatever_its_shape(tmp_path):
    same, other = replace(SMALL, classes=("sit", "wave")), replace(SMALL, classes=("run", "sit"))
    folder = saved(tmp_path / "m")
    assert started(folder, same)[0].has("activity")
    start, model, theirs = started(folder, other)
    assert not start.has("activity")
    assert not model.activity.norm.weight.equal(theirs.activity.norm.weight)
    assert any("its activities are others" in line for line in start.lines())


def test_sensors_are_read_as_the_model_reads_them_unless_the_configuration_says_otherwise(tmp_path):
    folder = saved(tmp_path / "m", csi=CsiSensor(unit="db", max_repaired=0.1))
    config = TrainConfig(model=SMALL, start_from=str(folder), sensors={"csi": {"unit": "linear"}})
    settled, _ = begin(config)
    assert settled.sensors["csi"]["max_repaired"] == 0.1
    assert settled.sensors["csi"]["unit"] == "linear"


def people(folder):
    config = PTAConfig(("depth", "lidar"), "centred", channels=16, tokens=17, dim=16, latent=8)
    from pta_ros.model.finder import Finder
    from pta_ros.people import birdseye

    known = {m: SENSORS[m]() for m in config.modalities}
    checkpoint.save(folder, PTA(config), known, {}, {}, Finder(birdseye.CHANNELS))


def of_activities(folder):
    names = ("radar", "wifi", "rfid")
    config = replace(SMALL, modalities=names, tasks=("activity",), gate=False, mixers=0)
    saved(folder, config)


def of_other_sizes(folder):
    saved(folder, replace(SMALL, dim=32, tokens=8, channels=24, latent=16, classes=("a", "b")))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: None, "config.json: no such file"),
        (people, "finds people anywhere.*expected 'lite'"),
        (of_other_sizes, "no part of model m fits; .* channels 24, tokens 8, dim 32, latent 16"),
        (of_activities, "has radar, wifi, rfid; expected some of depth, lidar, csi"),
    ],
)
def test_a_model_that_is_no_start_is_refused(tmp_path, make, words):
    make(tmp_path / "m")
    with pytest.raises((ConfigError, checkpoint.CheckpointError), match=words):
        started(tmp_path / "m")


@pytest.mark.parametrize(
    ("freeze", "words"),
    [
        (["heads"], r"\['heads'\]; this model's parts are \['depth', 'lidar', 'csi', 'projectors'"),
        (["projectors", "refinement", "head"], "expected one of .* to be trained"),
    ],
)
def test_parts_that_cannot_be_frozen_are_named(tmp_path, freeze, words):
    config = TrainConfig(model=SMALL, start_from=str(saved(tmp_path / "m")), freeze=tuple(freeze))
    with pytest.raises(ConfigError, match=words):
        begin(config)


def test_nothing_is_frozen_of_nothing():
    with pytest.raises(ConfigError, match="train_pta --from MODEL"):
        begin(TrainConfig(freeze=("depth",)))


def test_what_is_not_kept_cannot_be_frozen(tmp_path):
    start, _, _ = started(saved(tmp_path / "m"), replace(SMALL, latent=16))
    with pytest.raises(ConfigError, match=r"freeze names refinement, but aligner.*is not kept"):
        start.check(["head", "refinement"])


def test_a_start_and_imported_encoders_contradict_each_other():
    with pytest.raises(ConfigError, match="expected one of them"):
        config_from({"imported": "a", "start_from": "b", "model": {"encoders": "xfi"}})


# -- whole runs -------------------------------------------------------------------------------


def train(tree, folder, text, *options):
    path = folder.with_suffix(".yaml")
    path.write_text(text)
    arguments = [str(tree), "--config", str(path), "--out", str(folder), "--threads", "1"]
    return train_pta.main([*arguments, *map(str, options)])


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    config = replace(SMALL, gate=False, tasks=("pose",), classes=())
    return saved(tmp_path_factory.mktemp("models") / "source", config)


@pytest.fixture(scope="module")
def run(synthetic_tree, source, tmp_path_factory):
    """A run from `source` with all frozen but two encoders and the head."""
    folder = tmp_path_factory.mktemp("runs") / "begun"
    assert (
        train(
            synthetic_tree,
            folder,
            CONFIG + FREEZE,
            "--from",
            source,
        )
        == 0
    )
    return folder


def test_frozen_parts_stay_bit_equal_and_others_learn(run, source):
    mine, theirs = (checkpoint.load(folder).model for folder in (run / "model", source))
    parts = parts_of(theirs.config)
    frozen = [name for name in parts if name in FROZEN]
    for part in parts:
        modules = zip(modules_of(mine, (part,)), modules_of(theirs, (part,)), strict=True)
        pairs = [
            (a, b)
            for one, other in modules
            for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True)
        ]
        assert all(a.equal(b) for a, b in pairs) == (part in frozen), part
    assert not (run / "pretrain_depth.state.safetensors").exists()


def test_the_model_says_where_it_comes_from(run, source):
    told = json.loads((run / "model/config.json").read_text())["provenance"]
    assert told["from"]["model"] == "source"
    assert told["from"]["synthetic"] == {"seed": 0}
    assert told["from"]["anew"] == []
    assert told["training"]["freeze"] == list(FROZEN)
    assert len(told["from"]["sha256"]) == 64


def test_a_run_is_not_continued_from_another_model(run, synthetic_tree, source, tmp_path, capsys):
    other = saved(tmp_path / "other", checkpoint.load(source).model.config, seed=2)
    folder = shutil.copytree(run, tmp_path / "run")
    text = CONFIG + FREEZE
    assert train(synthetic_tree, folder, text, "--from", other) == 1
    assert "choose a new run folder" in capsys.readouterr().err
    assert train(synthetic_tree, folder, CONFIG) == 1
    assert "choose a new run folder" in capsys.readouterr().err
    moved = shutil.copytree(source, tmp_path / "moved")
    assert train(synthetic_tree, folder, text, "--from", moved) == 0
    assert "epoch" not in capsys.readouterr().out  # all of it was there


def test_a_cut_run_goes_on_to_the_same_weights(run, synthetic_tree, source, tmp_path, monkeypatch):
    folder, begun = tmp_path / "cut", []
    text = CONFIG + FREEZE

    def cut(self, stage, number, figures):
        begun.append(stage)
        if len(begun) == 3:  # both encoders, and an epoch of the main stage
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(train_pta.Board, "epoch", cut)
        assert train(synthetic_tree, folder, text, "--from", source) == 130
    assert begun == ["pretrain_lidar", "pretrain_csi", "pta_ungated"]
    assert train(synthetic_tree, folder, text, "--from", source) == 0
    whole, again = (checkpoint.load(f / "model").model.state_dict() for f in (run, folder))
    assert all(tensor.equal(again[name]) for name, tensor in whole.items())


def test_second_head_and_gate_are_taken_too_and_can_be_frozen(synthetic_tree, tmp_path):
    theirs = saved(tmp_path / "m", replace(SMALL, classes=ACTIVITIES))
    text = CONFIG.replace("mixers: 1", "mixers: 1, gate: true, tasks: [pose, activity]")
    text += "freeze: [gate, activity]\n"
    assert train(synthetic_tree, tmp_path / "run", text, "--from", theirs) == 0
    whole, begun = (checkpoint.load(f).model for f in (tmp_path / "run/model", theirs))
    for part in ("gate", "activity"):
        mine = getattr(whole, part).state_dict()
        for name, tensor in getattr(begun, part).state_dict().items():
            assert tensor.equal(mine[name]), name
    assert sorted(p.stem for p in (tmp_path / "run").glob("*.state.safetensors")) == [
        "pretrain_csi.state", "pretrain_depth.state", "pretrain_lidar.state", "pta_ungated.state",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("", ["--systems", "pta"], "with --systems"),
        ("", ["--from", "nowhere"], "nowhere/config.json: no such file"),
        ("", ["--from", ""], "--from names nothing"),
        ("freeze: [heads]\n", [], "this model's parts are"),
        ("freeze: [depth]\n", ["--only", "depth"], "neither imported nor frozen"),
    ],
)
def test_a_mistake_is_one_line_before_anything_is_trained(
    synthetic_tree, source, tmp_path, capsys, text, options, words
):
    given = options if "--from" in options else ["--from", source, *options]
    assert train(synthetic_tree, tmp_path / "run", CONFIG + text, *given) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert words in error
    assert not list((tmp_path / "run").rglob("*.state.safetensors"))
