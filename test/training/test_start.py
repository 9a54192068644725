"""Runs that start from a model: what is kept, what stays frozen, what is refused."""

from dataclasses import replace

import pytest
import torch

from pta_ros import checkpoint
from pta_ros.errors import ConfigError
from pta_ros.model.config import PTAConfig
from pta_ros.model.pta import PTA
from pta_ros.sensors import SENSORS, CsiSensor
from pta_ros.training.begin import begin
from pta_ros.training.config import TrainConfig, config_from
from pta_ros.training.single import begun_single
from pta_ros.training.start import matched

SMALL = PTAConfig(
    channels=16, tokens=4, dim=16, latent=8, mixers=1, gate=True, tasks=("pose", "activity"),
    classes=("sit", "wave"),
)  # fmt: skip


def started(folder, config=SMALL, **changes):
    settled, source = begin(TrainConfig(model=config, start_from=str(folder), **changes))
    start = matched(source, PTA(settled.model))
    model = PTA(settled.model)
    start.fill(model)
    return start, model, source.loaded.model


def test_everything_of_the_same_model_is_kept(saved, tmp_path):
    start, model, theirs = started(saved(tmp_path / "m", SMALL))
    assert not start.anew
    assert not start.left
    mine = model.state_dict()
    for name, tensor in theirs.state_dict().items():
        assert tensor.equal(mine[name]) != name.startswith("calibration."), name


@pytest.mark.parametrize("modality", ["depth", "lidar", "csi"])
def test_an_encoder_is_trained_on_behind_all_that_follows_it_in_the_model(
    saved, tmp_path, modality
):
    start, _, theirs = started(saved(tmp_path / "m", replace(SMALL, gate=False)))
    x = torch.rand(3, *SENSORS[modality]().shape)
    config = replace(TrainConfig(model=start.source.loaded.model.config), start_from="m")
    single = begun_single(config, modality, start).eval()
    with torch.inference_mode():
        assert single(x).joints.equal(theirs({modality: x}, refine=False).joints)


#: What the gate is told of subsets, which are others.
SET_ANEW = ("gate.threshold", "gate.by_itself")


def test_a_robot_with_fewer_sensors_in_another_order_keeps_theirs_by_name(saved, tmp_path):
    start, model, theirs = started(
        saved(tmp_path / "m", SMALL), replace(SMALL, modalities=("csi", "depth"))
    )
    logits = theirs.purify.logits
    assert model.purify.logits.equal(torch.stack([logits[2], logits[0]]))
    for mine, own in ((0, 2), (1, 0)):
        for part in ("own", "odds"):
            ours, other = getattr(model.gate, part)[mine], getattr(theirs.gate, part)[own]
            assert ours.weight.equal(other.weight)
    assert model.encoders["csi"].net[0].weight.equal(theirs.encoders["csi"].net[0].weight)
    assert [name for name in start.anew if name.split(" ")[0] not in SET_ANEW] == []
    assert {name.split(".")[1] for name in start.left if name.startswith("encoders")} == {"lidar"}
    assert any("left in m: lidar" in line for line in start.lines())


KEEPING = replace(SMALL, pretrained=8)
TELLING = PTAConfig(modalities=("radar", "wifi", "rfid"), tasks=("activity",), channels=16,
                    tokens=4, dim=16, latent=8, pretrained=16, classes=("a", "b"))  # fmt: skip


def test_single_sensors_models_come_along_with_a_start_that_keeps_them(saved, tmp_path):
    folder = saved(tmp_path / "m", KEEPING)
    one_sensor_less = replace(SMALL, modalities=("csi", "depth"))
    for config in (SMALL, one_sensor_less, replace(SMALL, tasks=("pose",), classes=())):
        start, model, theirs = started(folder, config)
        assert model.config.pretrained == 8
        assert [name for name in start.anew if "kept" in name or "pretrained" in name] == []
        for modality in config.modalities:
            mine, own = (m.pretrained.heads[modality].position for m in (model, theirs))
            assert mine.weight.equal(own.weight)
            mine, own = (m.projectors[modality].kept.token for m in (model, theirs))
            assert mine.weight.equal(own.weight)
        assert model.pretrained.exponents.unique().tolist() == [0.0, 1.0]  # fitted anew


def test_of_other_activities_or_another_start_none_are_kept(saved, tmp_path):
    loss = {"task_loss": "cross_entropy"}
    folder, others = saved(tmp_path / "m", TELLING), replace(TELLING, classes=("a", "c"))
    assert started(folder, TELLING, **loss)[1].config.pretrained == 16
    assert started(folder, others, **loss)[1].config.pretrained == 0
    for size in ({"channels": 8}, {"tokens": 8}, {"dim": 8}):
        other = replace(TELLING, pretrained=0, **size)
        assert started(folder, other, **loss)[1].config.pretrained == 0
    without = saved(tmp_path / "n", SMALL)
    assert started(without, KEEPING)[1].config.pretrained == 0


def test_what_does_not_fit_is_told_with_both_shapes(saved, tmp_path):
    start, model, theirs = started(saved(tmp_path / "m", SMALL), replace(SMALL, latent=16))
    text = "\n".join(start.lines())
    assert "start_noise: [4, 8] there, [4, 16] here" in text
    assert f"{len(start.kept)} of {len(start.kept) + len(start.anew)} kept" in text
    assert start.has("head")
    assert not start.has("refinement")
    assert model.head.position.weight.equal(theirs.head.position.weight)


def test_a_head_of_other_activities_is_trained_anew_whatever_its_shape(saved, tmp_path):
    same, other = replace(SMALL, classes=("sit", "wave")), replace(SMALL, classes=("run", "sit"))
    folder = saved(tmp_path / "m", SMALL)
    assert started(folder, same)[0].has("activity")
    start, model, theirs = started(folder, other)
    assert not start.has("activity")
    assert not model.activity.norm.weight.equal(theirs.activity.norm.weight)
    assert any("its activities are others" in line for line in start.lines())


def test_sensors_are_read_as_the_model_reads_them_unless_the_configuration_says_otherwise(
    saved, tmp_path
):
    folder = saved(tmp_path / "m", SMALL, csi=CsiSensor(unit="db", max_repaired=0.1))
    config = TrainConfig(model=SMALL, start_from=str(folder), sensors={"csi": {"unit": "linear"}})
    settled, _ = begin(config)
    assert settled.sensors["csi"]["max_repaired"] == 0.1
    assert settled.sensors["csi"]["unit"] == "linear"


def people(saved, folder):
    config = PTAConfig(("depth", "lidar"), "centred", channels=16, tokens=17, dim=16, latent=8)
    from pta_ros.model.finder import Finder
    from pta_ros.people import birdseye

    known = {m: SENSORS[m]() for m in config.modalities}
    checkpoint.save(folder, PTA(config), known, {}, {}, Finder(birdseye.CHANNELS))


def of_activities(saved, folder):
    names = ("radar", "wifi", "rfid")
    config = replace(SMALL, modalities=names, tasks=("activity",), gate=False, mixers=0)
    saved(folder, config)


def of_other_sizes(saved, folder):
    saved(folder, replace(SMALL, dim=32, tokens=8, channels=24, latent=16, classes=("a", "b")))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda saved, folder: None, "config.json: no such file"),
        (people, "finds people anywhere.*expected 'lite'"),
        (of_other_sizes, "no part of model m fits; .* channels 24, tokens 8, dim 32, latent 16"),
        (of_activities, "has radar, wifi, rfid; expected some of depth, lidar, csi"),
    ],
)
def test_a_model_that_is_no_start_is_refused(saved, tmp_path, make, words):
    make(saved, tmp_path / "m")
    with pytest.raises((ConfigError, checkpoint.CheckpointError), match=words):
        started(tmp_path / "m")


@pytest.mark.parametrize(
    ("freeze", "words"),
    [
        (["heads"], r"\['heads'\]; this model's parts are \['depth', 'lidar', 'csi', 'projectors'"),
        (["projectors", "refinement", "head"], "expected one of .* to be trained"),
    ],
)
def test_parts_that_cannot_be_frozen_are_named(saved, tmp_path, freeze, words):
    config = TrainConfig(
        model=SMALL, start_from=str(saved(tmp_path / "m", SMALL)), freeze=tuple(freeze)
    )
    with pytest.raises(ConfigError, match=words):
        begin(config)


def test_nothing_is_frozen_of_nothing():
    with pytest.raises(ConfigError, match="train_pta --from MODEL"):
        begin(TrainConfig(freeze=("depth",)))


def test_what_is_not_kept_cannot_be_frozen(saved, tmp_path):
    start, _, _ = started(saved(tmp_path / "m", SMALL), replace(SMALL, latent=16))
    with pytest.raises(ConfigError, match=r"freeze names refinement, but aligner.*is not kept"):
        start.check(["head", "refinement"])


def test_a_start_and_imported_encoders_contradict_each_other():
    for others in ({"start_from": "b"}, {"take": "encoders"}):
        with pytest.raises(ConfigError, match="expected only the first, or the others"):
            config_from({"imported": "a", **others, "model": {"encoders": "xfi"}})
