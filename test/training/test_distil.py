"""The last blocks learn with the fusion; what was made of frozen encoders stays usable."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from pta_ros.datasets.reduced import ReducedSet
from pta_ros.errors import CheckpointError, ConfigError
from pta_ros.model.encoders import ENCODERS, make_encoder
from pta_ros.model.encoders.last import last_parameters
from pta_ros.model.heads import PTAOutput
from pta_ros.model.pta import PTA
from pta_ros.sensors import SENSORS
from pta_ros.tensors import load_tensors
from pta_ros.training.augment import at_once, mirror_joints
from pta_ros.training.config import config_from
from pta_ros.training.distil import Encoded, apart, distil_stage
from pta_ros.training.fit import Setup
from pta_ros.training.make_bench import make_bench
from pta_ros.training.make_pta import UNGATED, make_gated, make_pta
from pta_ros.training.makers import seen_by, setup_of
from pta_ros.training.prepare import Silent
from pta_ros.training.run import read_bench, train_systems
from pta_ros.training.stage_config import DistilConfig
from pta_ros.training.systems import as_published, make_system
from pta_ros.workers.workforce import Hired, Workforce

NAMES = ("depth", "lidar", "csi")
CONFIG = config_from(
    {
        "model": {"tokens": 4, "dim": 16, "latent": 8, "channels": 16, "settle": True},
        "split": {"meta_val": 0.2, "val": 0.2, "test": 0.2},
        "pretrain": {m: {"epochs": 1, "batch": 8} for m in NAMES},
        "meta": {"epochs": 1, "batch": 4, "refine_epochs": 1},
        "gate": {"epochs": 1},
        "widths": {"single": 16},
    }
)
DISTIL = replace(CONFIG, distil=DistilConfig(2, 4, 1e-3, 1e-4, 0.5, True))
SYSTEMS = ("base1", "pta", "pta_ungated", "pta_gate")


@pytest.fixture(scope="module")
def frozen(synthetic_tree, tmp_path_factory):
    """Systems of frozen encoders."""
    folder = tmp_path_factory.mktemp("frozen")
    train_systems(CONFIG, synthetic_tree, folder, SYSTEMS, [0], Silent())
    return folder


@pytest.fixture(scope="module")
def run(frozen, synthetic_tree, tmp_path_factory):
    """The same run, gone on with by a configuration that distils."""
    folder = tmp_path_factory.mktemp("distilled") / "run"
    shutil.copytree(frozen, folder)
    for name in ("pta_ungated", "pta_gate"):  # what comes after distilling is another model's
        (folder / f"seed0/{name}.state.safetensors").unlink()
    train_systems(DISTIL, synthetic_tree, folder, SYSTEMS, [0], Silent())
    return folder


@pytest.fixture
def bench(run, synthetic_tree):
    return read_bench(synthetic_tree, run, 0, Silent())


def changed(before, after):
    return {n for n, value in before.items() if not torch.equal(value, after[n])}


def test_every_small_encoder_has_last_blocks_and_others_before_them():
    for modality in ENCODERS["lite"]:
        encoder = make_encoder("lite", modality, 16)
        names, last = [n for n, _ in encoder.named_parameters()], last_parameters(modality, encoder)
        assert 0 < len(last) < len(names)
        kept = [n for n in names if n not in last]
        assert all(names.index(a) < names.index(b) for a in kept for b in last if b != "queries")


def test_encoders_without_known_last_blocks_are_refused():
    with pytest.raises(ConfigError, match=r"'sonar'.*expected one of .*'csi'"):
        last_parameters("sonar", torch.nn.Linear(1, 1))
    with pytest.raises(ConfigError, match=r"distil\.epochs is 1.*'xfi'; expected 'lite'"):
        config_from({"model": {"encoders": "xfi"}, "distil": {"epochs": 1}})


def test_instants_are_mirrored_for_all_sensors_or_without_them():
    torch.manual_seed(0)
    count = 60
    depth = torch.zeros(count, 8, 8)
    depth[:, :, 0] = 2.0
    cloud = torch.tensor([3.0, 1.0, 0.0]).expand(count, 64, 3)
    joints = torch.randn(count, 17, 3)
    there = {m: torch.ones(count, dtype=torch.bool) for m in NAMES}
    given = {"depth": depth, "lidar": cloud, "csi": torch.zeros(count, 3, 4, 2)}
    inputs, moved, kept = at_once(given, joints, there)
    flipped = ~kept["csi"]
    assert 5 < int(flipped.sum()) < 40
    assert kept["depth"].all()
    assert kept["lidar"].all()
    assert torch.equal(inputs["lidar"][:, :, 1].mean(dim=1) < 0, flipped)
    left, right = (inputs["depth"][:, :, side].mean(dim=1) for side in (0, 7))
    assert bool((right > left)[flipped & (right + left > 0)].all())
    assert bool((left > right)[~flipped & (right + left > 0)].all())
    assert torch.equal(moved, torch.where(flipped[:, None, None], mirror_joints(joints), joints))
    there["depth"][:], there["lidar"][:] = False, False
    assert at_once(given, joints, there)[2]["csi"].all()  # nothing to mirror


def test_a_teacher_is_what_answers_are_drawn_to():
    def told(logits, joints):
        return PTAOutput(joints, joints.new_zeros(2, 17), logits.new_ones(2, 1), logits)

    same = told(torch.eye(2), torch.zeros(2, 17, 3))
    far = told(torch.eye(2).flip(0) * 4, torch.full((2, 17, 3), 1.0))
    assert apart("cross_entropy", same, same) == pytest.approx(0.0, abs=1e-6)
    assert apart("cross_entropy", far, same) > 0.5
    assert apart("mpjpe", same, same) == 0.0
    assert apart("mpjpe", far, same) == pytest.approx(3**0.5)


def windows():
    """Windows of XRF55's sensors, each a class's pattern in noise."""
    drawn, count = np.random.default_rng(0), 24
    labels, inputs = np.arange(count) % 3, {}
    for m in ("radar", "wifi", "rfid"):
        shape = SENSORS[m]().shape
        patterns = drawn.normal(size=(3, *shape))
        noise = drawn.normal(size=(count, *shape))
        inputs[m] = (patterns[labels] + noise).astype(np.float32)
    there = {m: np.ones(count, bool) for m in inputs}
    names = [np.array([f"{letter}{n + 1:02d}" for n in labels]) for letter in "ESA"]
    return ReducedSet(
        inputs, there, np.zeros((count, 0, 3), np.float32), *names, labels.astype(np.int32), (), "x"
    )


@pytest.mark.parametrize("refine", [False, True])
def test_each_sensor_alone_comes_nearer_to_what_all_say(refine):
    data, model = windows(), {"modalities": ["radar", "wifi", "rfid"], "tasks": ["activity"]}
    small = {"classes": ["a", "b", "c"], "tokens": 4, "dim": 16, "latent": 8, "channels": 16}
    distances = {}
    for weight in (0.0, 20.0):
        config = config_from({
            "task_loss": "cross_entropy",
            "model": {**model, **small, "refine": refine, "own_heads": True},
            "distil": {"epochs": 8, "batch": 12, "learning_rate": 2e-3, "teacher": weight},
        })  # fmt: skip
        torch.manual_seed(0)
        pta = PTA(config.model).eval()
        draw = Encoded(dict(pta.encoders.items()), data, config.model.tokens, False)
        stage = distil_stage(Setup(config, None, torch.arange(len(data))), pta, draw)
        losses = [stage.epoch(n)["loss_distil"] for n in range(8)]
        assert weight or losses[-1] < losses[0]
        given = {m: torch.from_numpy(x) for m, x in data.inputs.items()}
        with torch.no_grad():
            every = pta.eval()(given)
            alone = [pta({m: x}) for m, x in given.items()]
        distances[weight] = sum(float(apart("cross_entropy", one, every)) for one in alone)
    assert distances[20.0] < 0.7 * distances[0.0]


def test_the_last_blocks_and_what_is_behind_them_learn_and_nothing_else(bench):
    model = make_system("pta_ungated", bench)
    encoders = dict(model.encoders.items())
    draw = Encoded(encoders, bench.ready.data, bench.config.model.tokens, True)
    before = {n: v.clone() for n, v in model.state_dict().items()}
    distil_stage(setup_of("t", bench, model), model, draw).epoch(0)
    found = changed(before, model.state_dict())
    last = {f"encoders.{m}.{n}" for m, e in encoders.items() for n in last_parameters(m, e)}
    weights = {n for n in last if "bias" not in n}  # attention's keys have one that does nothing
    assert weights <= found
    assert {n.split(".")[0] for n in found - last} <= {"projectors", "position", "aligner", "head"}
    assert "head.position.weight" in found
    assert not [n for n in found if "running" in n or "num_batches" in n]


def test_frozen_parts_stay_as_they_are(bench):
    model = make_system("pta_ungated", bench)
    bench = replace(bench, config=replace(bench.config, freeze=("depth", "head")))
    draw = Encoded(dict(model.encoders.items()), bench.ready.data, 4, False)
    before = {n: v.clone() for n, v in model.state_dict().items()}
    distil_stage(setup_of("t", bench, model), model, draw).epoch(0)
    found = changed(before, model.state_dict())
    assert found
    assert not [n for n in found if n.startswith(("encoders.depth", "head"))]


def test_rivals_and_the_paper_s_own_are_those_of_frozen_encoders(frozen, run):
    for name in (*(f"pretrain_{m}" for m in NAMES), "base1", "pta", "pta_ungated_plain"):
        a, b = (f / f"seed0/{name}.state.safetensors" for f in (frozen, run))
        assert a.read_bytes() == b.read_bytes(), name
    assert (run / "seed0/pta_ungated_plain_distilled.state.safetensors").exists()


def test_what_follows_sees_the_frames_through_the_new_encoders(bench, synthetic_tree):
    gated = make_system("pta_gate", bench)
    seen = seen_by(gated, bench)
    assert changed(bench.clean.tokens, seen.clean.tokens) == set(NAMES)
    assert seen_by(make_system("pta", bench), bench) is bench
    rows = torch.arange(3)
    for m in NAMES:
        frames = torch.from_numpy(bench.ready.data.inputs[m][rows.numpy()])
        with torch.no_grad():
            expected = gated.encoders[m](frames)
        torch.testing.assert_close(seen.clean.tokens[m][rows], expected, rtol=1e-4, atol=1e-5)
        assert seen.corrupted[m].keys() == bench.corrupted[m].keys()
        some = next(iter(seen.corrupted[m]))
        a, b = (x.corrupted[m][some].tokens[m] for x in (bench, seen))
        assert not torch.equal(a, b)


def test_the_new_encoders_are_the_workforce_s_too(bench, tmp_path, monkeypatch):
    given, in_order = [], Hired.in_order

    def noted(self, tasks):
        given.append(self)
        return in_order(self, tasks)

    monkeypatch.setattr(Hired, "in_order", noted)
    gated, without = make_system("pta_gate", bench), replace(bench, corrupted={})
    elsewhere = replace(without, folder=tmp_path, workforce=Workforce(1))
    here, there = seen_by(gated, without), seen_by(gated, elsewhere)
    assert len(given) == len(NAMES)
    for m in NAMES:
        torch.testing.assert_close(
            here.clean.tokens[m], there.clean.tokens[m], rtol=1e-5, atol=1e-5
        )


def test_a_run_that_distils_otherwise_is_refused_after_the_first_stage(run, synthetic_tree):
    other = replace(DISTIL, distil=replace(DISTIL.distil, learning_rate=2e-3))
    with pytest.raises(CheckpointError, match=r"_plain_distilled.*another configuration"):
        train_systems(other, synthetic_tree, run, ["pta_ungated"], [0], Silent())


def test_what_is_published_does_not_distil():
    assert as_published(DISTIL).distil == DistilConfig()


def test_a_gate_learns_from_frames_as_its_own_encoders_see_them(run, synthetic_tree, tmp_path):
    copy, gate = shutil.copytree(run, tmp_path / "run"), "pta_gate.state.safetensors"
    (copy / "seed0" / gate).unlink()
    folder, cache = copy / "seed0", copy / "cache"
    bench = make_bench(DISTIL, synthetic_tree, folder, cache, Silent(), True)
    wrong = {m: -9 * x.flip(0) for m, x in bench.clean.tokens.items()}
    views = {m: dict.fromkeys(kinds, bench.clean) for m, kinds in bench.corrupted.items()}
    make_gated(replace(bench, clean=replace(bench.clean, tokens=wrong), corrupted=views))
    again, before = (load_tensors(f / "seed0" / gate) for f in (copy, run))
    weights = [name for name in before if name.startswith("module.gate.")]
    assert weights
    assert all(torch.equal(again[name], before[name]) for name in weights)


def test_what_comes_after_reads_no_feature_of_the_encoders_as_they_were(run, synthetic_tree):
    bench = make_bench(
        DISTIL, synthetic_tree, run / "seed0", run / "cache", Silent(), True, train=False
    )
    wrong = {m: -9 * x.flip(0) for m, x in bench.clean.tokens.items()}
    blind = replace(bench, clean=replace(bench.clean, tokens=wrong))
    for make in (lambda b: make_pta(UNGATED, lambda config: config, b), make_gated):
        gated, same = make(bench), make(blind)
        assert gated.config.refined == same.config.refined
        for name, value in gated.state_dict().items():
            assert torch.equal(value, same.state_dict()[name]), name
    for m, single in bench.singles.items():
        last = set(last_parameters(m, single.encoder))
        found = changed(single.encoder.state_dict(), gated.encoders[m].state_dict())
        assert found
        assert found <= last
