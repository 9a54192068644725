"""train_pta and evaluate_pta as a user calls them, on a synthetic tree."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from torch.nn.modules.module import register_module_forward_hook

from pta_ros import checkpoint, tensors
from pta_ros.cli import evaluate_pta, train_pta
from pta_ros.model.encoders.lite import ENCODERS
from pta_ros.training import pretrain

CONFIG = """
model: {tokens: 4, dim: 16, latent: 8, channels: 16}
split: {meta_val: 0.2, val: 0.2, test: 0.2}
pretrain: {depth: {epochs: 1, batch: 8}, lidar: {epochs: 1}, csi: {epochs: 2}}
meta: {epochs: 3, batch: 8, outer_every: 1, schedule: one_cycle}
gate: {epochs: 2}
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    path = tmp_path_factory.mktemp("config") / "small.yaml"
    path.write_text(CONFIG)
    return path


@pytest.fixture(scope="module")
def run(synthetic_tree, config, tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "whole"
    arguments = [str(synthetic_tree), "--config", str(config), "--out", str(out)]
    assert train_pta.main([*arguments, "--threads", "1"]) == 0
    return out


def test_a_run_leaves_a_model_its_splits_and_its_log(run):
    loaded = checkpoint.load(run / "model")
    splits = json.loads((run / "splits.json").read_text())
    members = [s for group in splits.values() for s in group]
    assert sorted(members) == ["S01", "S02", "S03", "S04", "S05"]
    assert loaded.provenance["splits"] == splits
    assert loaded.provenance["synthetic"]["seed"] == 3
    assert len(loaded.statistics["mean_pose_m"]) == 17
    assert list((run / "tensorboard").iterdir())


def test_a_killed_run_resumes_to_the_same_weights(run, synthetic_tree, config, tmp_path):
    arguments = [str(synthetic_tree), "--config", str(config), "--out", str(tmp_path / "cut")]
    command = [sys.executable, "-m", "pta_ros.cli.train_pta", *arguments, "--threads", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line.startswith("pta_ungated epoch 1"):
                process.send_signal(signal.SIGKILL)
    assert not (tmp_path / "cut/model").exists()
    assert subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode == 0
    whole, cut = (checkpoint.load(p / "model").model for p in (run, tmp_path / "cut"))
    for name, value in whole.state_dict().items():
        assert value.equal(cut.state_dict()[name]), name


def test_a_gate_is_trained_on_top_where_the_configuration_asks_for_one(
    run, synthetic_tree, config, tmp_path, capsys
):
    out, gated = tmp_path / "gated", tmp_path / "gated.yaml"
    shutil.copytree(run, out)  # a run without the gate: all of it is kept
    gated.write_text(config.read_text().replace("model: {", "model: {gate: true, "))
    arguments = [str(synthetic_tree), "--config", str(gated), "--out", str(out)]
    assert train_pta.main([*arguments, "--threads", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    epochs = [line.split(":")[0] for line in lines if " epoch " in line]
    assert epochs == ["pta_gate epoch 1", "pta_gate epoch 2"]
    before, after = (checkpoint.load(p / "model").model for p in (run, out))
    assert before.gate is None
    assert after.config == replace(before.config, gate=True)
    assert bool(after.gate.odds[0].weight.any())
    for name, value in before.state_dict().items():
        if not name.startswith("calibration."):
            assert value.equal(after.state_dict()[name]), name


def test_ctrl_c_ends_a_run_quietly(synthetic_tree, config, tmp_path):
    arguments = [str(synthetic_tree), "--config", str(config), "--out", str(tmp_path / "c")]
    command = [sys.executable, "-m", "pta_ros.cli.train_pta", *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdout.readline()  # the first epoch is done
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in error


def test_evaluation_covers_all_seven_subsets_plain_and_refined(
    run, synthetic_tree, tmp_path, capsys
):
    out = tmp_path / "deep/figures.json"
    arguments = [str(synthetic_tree), "--model", str(run / "model"), "--json", str(out)]
    assert evaluate_pta.main([*arguments, "--cache", str(tmp_path / "c")]) == 0
    report = json.loads(out.read_text())
    assert report["synthetic"] is True
    assert report["subjects"] == json.loads((run / "splits.json").read_text())["test"]
    assert len(report["results"]) == 14
    assert {r["frames"] for r in report["results"]} == {4}
    assert "| depth + lidar + csi |" in capsys.readouterr().out


def test_an_evaluation_encodes_every_frame_once_and_a_second_one_none(
    run, synthetic_tree, tmp_path
):
    kinds, counts = {ENCODERS[m] for m in ("depth", "lidar", "csi")}, Counter()

    def count(module, inputs, output):
        if type(module) in kinds:
            counts[type(module)] += len(inputs[0])

    arguments = [str(synthetic_tree), "--model", str(run / "model"), "--cache", str(tmp_path)]
    with register_module_forward_hook(count):
        assert evaluate_pta.main(arguments) == 0
        assert counts == dict.fromkeys(kinds, 4)  # for seven subsets, plain and refined
        assert evaluate_pta.main(arguments) == 0
    assert counts == dict.fromkeys(kinds, 4)


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        (train_pta, ["absent", "--config", "c", "--out", "o"], "absent: no such folder"),
        (train_pta, ["{tree}", "--config", "none.yaml", "--out", "o"], "none.yaml: No such file"),
        (evaluate_pta, ["absent", "--model", "m"], "absent: no such folder"),
        (evaluate_pta, ["{tree}", "--model", "nowhere"], "nowhere/config.json: no such file"),
        (evaluate_pta, ["{tree}", "--model", "{model}", "--subjects", "S40"], "['S40']"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_1(
    run, synthetic_tree, tool, arguments, words, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    places = {"tree": synthetic_tree, "model": run / "model"}
    assert tool.main([a.format(**places) for a in arguments]) == 1
    error = capsys.readouterr().err
    assert words in error.splitlines()[-1]


def test_a_cache_that_cannot_be_written_names_its_option(run, synthetic_tree, tmp_path, capsys):
    """As on a read-only tree, whose .cache cannot be made."""
    taken = tmp_path / "file"
    taken.write_text("")
    given = [str(synthetic_tree), "--model", str(run / "model"), "--cache", str(taken / "c")]
    assert evaluate_pta.main(given) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {taken / 'c'}")
    assert line.endswith("choose another folder, with --cache FOLDER")


def one_line(capsys):
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_a_run_that_diverges_ends_with_one_line_and_keeps_what_was_finished(
    run, synthetic_tree, config, tmp_path, capsys, monkeypatch
):
    out = tmp_path / "run"
    shutil.copytree(run, out)
    (out / "pretrain_csi.state.safetensors").unlink()

    def diverged(*_):
        return torch.tensor(float("nan"), requires_grad=True)

    monkeypatch.setattr(pretrain, "task_loss", diverged)
    arguments = [str(synthetic_tree), "--config", str(config), "--out", str(out), "--threads", "1"]
    assert train_pta.main(arguments) == 1
    error = one_line(capsys)
    assert "pretrain_csi, epoch 1: diverged at a learning rate of 0.0002 (loss is nan)" in error
    assert "lower pretrain.csi.learning_rate" in error
    monkeypatch.undo()
    assert train_pta.main(arguments) == 0
    epochs = [line.split(":")[0] for line in capsys.readouterr().out.splitlines() if ":" in line]
    assert [e for e in epochs if "epoch" in e] == ["pretrain_csi epoch 1", "pretrain_csi epoch 2"]


def test_a_full_disk_is_one_line_and_the_run_goes_on_where_it_was(
    run, synthetic_tree, config, tmp_path, capsys, monkeypatch
):
    out, save, saved = tmp_path / "run", tensors.save_file, []
    shutil.copytree(run, out)
    (out / "pta_ungated.state.safetensors").unlink()
    shutil.rmtree(out / "model")

    def limited(tensors, path, note):
        saved.append(path)
        if len(saved) == 2:
            Path(path).write_bytes(b"half")
            raise OSError(28, "No space left on device")
        save(tensors, path, note)

    monkeypatch.setattr(tensors, "save_file", limited)
    arguments = [str(synthetic_tree), "--config", str(config), "--out", str(out), "--threads", "1"]
    assert train_pta.main(arguments) == 1
    assert f"{out}/pta_ungated.state.safetensors: No space left on device" in one_line(capsys)
    assert not list(out.rglob("*.part"))
    monkeypatch.undo()
    assert train_pta.main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines if " epoch " in line] == [
        "pta_ungated epoch 2", "pta_ungated epoch 3",
    ]  # fmt: skip
    whole, again = (checkpoint.load(p / "model").model.state_dict() for p in (run, out))
    assert all(value.equal(again[name]) for name, value in whole.items())


def no_csi(tree):
    for folder in tree.glob("E*/S*/A*/wifi-csi"):
        shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("settings", "options", "damage", "words"),
    [
        ("", [], no_csi, "csi: 0 usable training and 0 validation frames"),
        ("tasks: [pose, activity], classes: [a, b], ", [], None, "A12, but model.classes names 2"),
        ("tasks: [pose, activity], classes: [a], ", [], None, "the names of 2 or more"),
        ("dim: 18, ", ["--systems", "xfi"], None, "a multiple of its 4 heads"),
        ("channels: 18, ", [], None, "must be divisible by num_heads"),
    ],
)
def test_what_cannot_be_trained_to_the_end_is_told_before_anything_is(
    synthetic_tree, config, tmp_path, capsys, settings, options, damage, words
):
    tree, own, out = synthetic_tree, tmp_path / "own.yaml", tmp_path / "out"
    if damage:
        tree = shutil.copytree(tree, tmp_path / "tree")
        damage(tree)
    model = {**yaml.safe_load(CONFIG)["model"], **yaml.safe_load(f"{{{settings}}}")}
    own.write_text(yaml.safe_dump({**yaml.safe_load(CONFIG), "model": model}))
    assert train_pta.main([str(tree), "--config", str(own), "--out", str(out), *options]) == 1
    assert words in capsys.readouterr().err.splitlines()[-1]
    assert not list(out.rglob("*.state.safetensors"))


def test_a_run_folder_of_another_configuration_is_refused(
    run, synthetic_tree, config, tmp_path, capsys
):
    other = tmp_path / "other.yaml"
    other.write_text(config.read_text() + "seed: 4\n")
    arguments = [str(synthetic_tree), "--config", str(other), "--out", str(run)]
    before = (run / "config.json").read_bytes()
    assert train_pta.main(arguments) == 1
    assert "another configuration" in capsys.readouterr().err
    assert (run / "config.json").read_bytes() == before
