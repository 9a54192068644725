"""The compared systems as they are trained: alike but for what is compared, and never twice."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open

from pta_ros.errors import CheckpointError, ConfigError
from pta_ros.tensors import load_tensors
from pta_ros.training.config import TrainConfig, config_from
from pta_ros.training.prepare import identity_of
from pta_ros.training.run import read_bench, train_systems
from pta_ros.training.systems import (
    SYSTEMS,
    as_published,
    make_system,
    systems_of,
    without_diffusion,
    without_meta_weights,
)

NAMES = ("depth", "lidar", "csi")
CONFIG = config_from(
    {
        "model": {
            "tokens": 4,
            "dim": 16,
            "latent": 8,
            "channels": 16,
            "mixers": 1,
            "settle": True,
            "pretrained": 8,
        },
        "split": {"meta_val": 0.2, "val": 0.2, "test": 0.2},
        "pretrain": {m: {"epochs": 1, "batch": 8} for m in NAMES},
        "widths": {"single": 8},
        "meta": {"epochs": 2, "batch": 2, "outer_every": 1},
        "gate": {"epochs": 3},
    }
)
EPOCHS = {**dict.fromkeys(["base1", "xfi", "slots", "pta_no_diffusion", "pta_no_meta", "pta",
                          "pta_ungated"], 2),
          "pta_gate": 3}  # fmt: skip


class Killed(Exception):
    pass


class Witness:
    """Notes the epochs of every stage; ends the run in the middle of the epoch `dies_in`."""

    def __init__(self, dies_in=None):
        self.dies_in, self.seen = dies_in, []

    def progress(self, task):
        def update(done, total):
            name = {"gate": "pta_gate"}.get(task, task)
            if (name, len([s for s, _ in self.seen if s == name])) == self.dies_in and done == 2:
                raise Killed

        return update

    def epoch(self, stage, number, figures):
        self.seen.append((stage, number))

    def note(self, text):
        pass


@pytest.fixture(scope="module")
def run(synthetic_tree, tmp_path_factory):
    """All systems of seed 0, trained without an interruption."""
    folder = tmp_path_factory.mktemp("systems")
    witness = Witness()
    train_systems(CONFIG, synthetic_tree, folder, SYSTEMS, [0], witness)
    stages = [f"pretrain_{m}" for m in NAMES]
    expected = [(s, n) for s, count in {**dict.fromkeys(stages, 1), **EPOCHS}.items()
                for n in range(count)]  # fmt: skip
    assert witness.seen == expected
    return folder


@pytest.fixture
def bench(synthetic_tree, run):
    return read_bench(synthetic_tree, run, 0, Witness())


def only_encoders(run, folder):
    """A copy of a run that was ended before its first system."""
    kept = shutil.ignore_patterns(*(f"{name}.state.safetensors" for name in SYSTEMS))
    return shutil.copytree(run, folder, ignore=kept)


def test_a_run_killed_again_and_again_ends_with_the_same_weights(run, synthetic_tree, tmp_path):
    cut = only_encoders(run, tmp_path / "cut")
    for dies_in in [("base1", 0), ("xfi", 1), ("pta", 1), ("pta_gate", 0), ("pta_gate", 1)]:
        with pytest.raises(Killed):
            train_systems(CONFIG, synthetic_tree, cut, SYSTEMS, [0], Witness(dies_in))
    last = Witness()
    train_systems(CONFIG, synthetic_tree, cut, SYSTEMS, [0], last)
    assert last.seen == [("pta_gate", 1), ("pta_gate", 2)]
    states = sorted((run / "seed0").glob("*.state.safetensors"))
    assert len(states) == len(NAMES) + len(EPOCHS)
    for path in states:
        again = load_tensors(cut / "seed0" / path.name)
        for name, value in load_tensors(path).items():
            assert torch.equal(value, again[name]), (path.name, name)
    for name in SYSTEMS:
        benches = (read_bench(synthetic_tree, f, 0, Witness()) for f in (run, cut))
        whole, resumed = (make_system(name, b).state_dict() for b in benches)
        assert all(torch.equal(v, resumed[k]) for k, v in whole.items()), name


def test_a_finished_run_is_read_and_nothing_is_trained(run, synthetic_tree):
    witness = Witness()
    train_systems(CONFIG, synthetic_tree, run, SYSTEMS, [0], witness)
    assert witness.seen == []


def test_one_system_by_itself_is_what_it_is_among_the_others(run, synthetic_tree, tmp_path):
    alone = only_encoders(run, tmp_path / "alone")
    train_systems(CONFIG, synthetic_tree, alone, ["pta"], [0], Witness())
    names = {p.name for p in (alone / "seed0").glob("*.state.safetensors")}
    assert names == {f"pretrain_{m}.state.safetensors" for m in NAMES} | {"pta.state.safetensors"}
    found = load_tensors(alone / "seed0/pta.state.safetensors")
    expected = load_tensors(run / "seed0/pta.state.safetensors")
    assert all(torch.equal(value, found[name]) for name, value in expected.items())


def test_a_system_that_is_not_trained_to_its_end_is_refused_when_it_is_read(
    run, synthetic_tree, tmp_path
):
    cut = only_encoders(run, tmp_path / "cut")
    with pytest.raises(Killed):
        train_systems(CONFIG, synthetic_tree, cut, SYSTEMS, [0], Witness(("pta_no_meta", 1)))
    bench = read_bench(synthetic_tree, cut, 0, Witness())
    make_system("pta_no_diffusion", bench)
    with pytest.raises(CheckpointError, match=r"pta_no_meta.*1 of 2 epochs .* train_pta"):
        make_system("pta_no_meta", bench)
    with pytest.raises(CheckpointError, match=r"pta\.state\.safetensors: no such file"):
        make_system("pta", bench)


def test_a_run_of_another_configuration_is_refused_and_left_as_it_was(run, synthetic_tree):
    def contents():
        return {p: p.read_bytes() for p in (run / "seed0").iterdir() if p.is_file()}

    before = contents()
    other = replace(CONFIG, meta=replace(CONFIG.meta, learning_rate=0.5))
    with pytest.raises(CheckpointError, match="another configuration"):
        train_systems(other, synthetic_tree, run, SYSTEMS, [0], Witness())
    assert contents() == before


def test_a_run_without_imported_encoders_is_known_by_what_it_always_was(run, bench):
    settings = as_published(bench.config).to_dict()
    for name in ("distil", "gate", "imported", "start_from", "take", "freeze"):
        del settings[name]
    for name in ("published", "protocol"):
        del settings["split"][name]
    del settings["meta"]["corrupt"]
    with safe_open(run / "seed0/pta.state.safetensors", "pt") as file:
        note = json.loads(file.metadata()["state"])
    assert note["identity"] == identity_of(bench.ready, settings)


def test_a_seed_that_was_never_trained_is_named_with_the_remedy(run, synthetic_tree):
    with pytest.raises(CheckpointError, match=r"seed5.*train seed 5 first.*train_pta --systems"):
        read_bench(synthetic_tree, run, 5, Witness())
    assert not (run / "seed5").exists()


def test_an_unknown_system_is_named(bench):
    with pytest.raises(ConfigError, match=r"'pta_gte' is unknown; expected some of \['base1'"):
        make_system("pta_gte", bench)


def test_the_ablations_differ_from_pta_in_what_they_are_named_for_alone():
    config = TrainConfig()
    plain, uniform = without_diffusion(config), without_meta_weights(config)
    assert (plain.model.refine, plain.meta.align_weight) == (False, 0.0)
    assert uniform.meta.outer == "none"
    model, meta = replace(plain.model, refine=True), replace(plain.meta, align_weight=0.1)
    assert replace(plain, model=model, meta=meta) == config
    assert replace(uniform, meta=replace(uniform.meta, outer="first_order")) == config


def test_pta_as_published_has_nothing_that_is_ours():
    ours = replace(CONFIG.model, attention=2, mixers=2, settle=True)
    config = replace(
        CONFIG, model=ours, meta=replace(CONFIG.meta, refine_epochs=4, corrupt={"csi": 0.2})
    )
    for change in (as_published, without_diffusion, without_meta_weights):
        changed = change(config)
        assert (changed.model.attention, changed.model.mixers) == (0, 0)
        assert (changed.meta.refine_epochs, changed.meta.corrupt) == (0, {})
        assert not changed.model.settle


def test_the_systems_are_calibrated_and_in_evaluation_mode(bench):
    for name in SYSTEMS:
        model = make_system(name, bench)
        assert not model.training
        assert bool(model.calibration.log_factor[1:].any(dim=1).all()), name


def test_ours_is_settled_on_people_not_trained_on_and_others_are_not(bench):
    ours = make_system("pta_ungated", bench)
    settled = ours.settled
    mean = bench.clean.joints[bench.ready.rows["train"]].mean(dim=0)
    torch.testing.assert_close(settled.mean_pose, mean)
    for modality, single in bench.singles.items():
        kept = ours.pretrained.heads[modality].position.weight
        assert torch.equal(kept, single.head.position.weight)
    for part in ("heard", "kept", "mean_pose"):  # the gate's training leaves it as it is
        gated = getattr(make_system("pta_gate", bench).settled, part)
        assert torch.equal(gated, getattr(settled, part))
    assert make_system("pta", bench).settled is None
    assert make_system("pta", bench).pretrained is None


def test_pta_and_its_ablations_start_alike_on_the_same_encoders(bench):
    names = ("pta", "pta_no_meta", "pta_no_diffusion", "pta_gate")
    systems = {name: make_system(name, bench) for name in names}
    for modality, single in bench.singles.items():
        for name, value in single.encoder.state_dict().items():
            for system in systems.values():
                assert torch.equal(system.encoders[modality].state_dict()[name], value)
    torch.testing.assert_close(systems["pta_no_meta"].purify.logits, torch.zeros(3))
    assert bool((systems["pta"].purify.logits != 0).all())
    assert not systems["pta_no_diffusion"].config.refine
    # The aligner that took no part is where all aligners began, away from where PTA's is now.
    idle, used = (systems[n].aligner.student.weight for n in ("pta_no_diffusion", "pta"))
    torch.testing.assert_close(idle @ idle.T, torch.eye(8), rtol=0, atol=1e-5)
    assert not torch.allclose(used, idle, atol=1e-4)


def test_the_gate_sits_on_pta_which_stays_as_it_is(bench):
    gated, pta = make_system("pta_gate", bench), make_system("pta_ungated", bench)
    assert gated.config == replace(pta.config, gate=True)
    values = gated.state_dict()
    for name, value in pta.state_dict().items():
        if not name.startswith("calibration."):
            assert torch.equal(values[name], value), name
    assert all(bool(layer.weight.any()) for layer in gated.gate.odds)


@torch.inference_mode()
def test_base_2_is_the_mean_of_the_single_modality_models_on_the_raw_frames(bench):
    model, rows = make_system("base2", bench), bench.ready.rows["test"]
    full = torch.ones(len(rows), 3, dtype=torch.bool)
    found = model.complete(bench.clean.features(model, rows, full), full).joints
    each = [
        single(torch.from_numpy(bench.ready.data.inputs[m][rows.numpy()]))[0]
        for m, single in bench.singles.items()
    ]
    torch.testing.assert_close(found, torch.stack(each).mean(dim=0), rtol=1e-4, atol=1e-5)


def test_every_epoch_leaves_its_figures(bench):
    for name, epochs in EPOCHS.items():
        make_system(name, bench)
        assert len(bench.histories[name]) == epochs
        for figures in bench.histories[name]:
            if name == "pta_gate":
                assert set(figures) == {"loss_gate"}
            else:
                assert {"val_depth_mm", "val_depth+lidar+csi_mm"} < set(figures)
    assert all(f["weight_csi"] == pytest.approx(1 / 3) for f in bench.histories["pta_no_meta"])
    assert all(f["loss_align"] == 0 for f in bench.histories["pta_no_diffusion"])
    assert all(f["loss_align"] > 0 for f in bench.histories["pta"])


def test_another_seed_is_another_run(run, synthetic_tree, tmp_path):
    both = tmp_path / "both"
    shutil.copytree(run, both)
    train_systems(CONFIG, synthetic_tree, both, ["pta_no_diffusion"], [0, 1], Witness())
    states = [load_tensors(both / f"seed{n}/pta_no_diffusion.state.safetensors") for n in (0, 1)]
    assert any(not torch.equal(value, states[1][name]) for name, value in states[0].items())
    bench = read_bench(synthetic_tree, both, 1, Witness())
    assert bench.config == replace(CONFIG, seed=1)


def test_a_refinement_trained_later_leaves_everything_else_as_it_was(run, synthetic_tree, tmp_path):
    folder, witness = only_encoders(run, tmp_path / "later"), Witness()
    later = replace(CONFIG, model=replace(CONFIG.model, attention=1))
    later = replace(later, meta=replace(later.meta, refine_epochs=1))
    train_systems(later, synthetic_tree, folder, ["pta_gate"], [0], witness)
    plain = "pta_ungated_plain"
    gate = [("pta_gate", number) for number in range(3)]
    assert witness.seen == [(plain, 0), (plain, 1), ("pta_ungated", 0), *gate]
    before = load_tensors(folder / f"seed0/{plain}.state.safetensors")
    after = load_tensors(folder / "seed0/pta_ungated.state.safetensors")
    moved = {n.split(".")[1] for n, v in before.items()
             if n.startswith("module.") and not torch.equal(v, after[n])}  # fmt: skip
    assert moved == {"aligner"}


def test_ours_alone_sees_corrupted_frames_in_training(run, synthetic_tree, tmp_path):
    folder = only_encoders(run, tmp_path / "corrupt")
    corrupt = replace(CONFIG, meta=replace(CONFIG.meta, corrupt={"csi": 0.5}))
    train_systems(corrupt, synthetic_tree, folder, ["pta", "pta_ungated"], [0], Witness())
    for name, same in (("pta", True), ("pta_ungated", False)):
        states = [load_tensors(f / f"seed0/{name}.state.safetensors") for f in (run, folder)]
        assert all(torch.equal(v, states[1][k]) for k, v in states[0].items()) == same, name


def test_ours_is_compared_with_a_gate_where_there_can_be_one():
    small = {"tokens": 17, "dim": 16, "latent": 8, "modalities": ["depth", "lidar"]}
    people = config_from({"model": {**small, "encoders": "centred"}})
    papers = config_from({"model": {"encoders": "xfi"}})
    assert set(systems_of(CONFIG)) - set(systems_of(people)) == {"pta_ungated"}
    assert set(systems_of(CONFIG)) - set(systems_of(papers)) == {"pta_ungated", "pta_gate"}
