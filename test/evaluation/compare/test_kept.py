"""Records that are kept: taken up where the system is the same, measured anew where it is not."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from pta_ros.errors import TrainingError
from pta_ros.evaluation.compare import kept
from pta_ros.evaluation.compare.kept import kept_or_tested
from pta_ros.evaluation.compare.records import ActivityRecord, PoseRecord
from pta_ros.model.baselines import ConcatenateMlp
from pta_ros.model.config import PTAConfig
from pta_ros.training.config import TrainConfig

CONFIG = PTAConfig(channels=16, tokens=4, dim=16, latent=8)
PEOPLE = {"S01": {"count": 3.0, "mpjpe_mm": 40.5}}
POSE = PoseRecord(
    subset="depth", frames=3, mpjpe_mm=40.5, pa_mpjpe_mm=30.25, per_joint_mm=(1.0, 2.0),
    coverage_1std=0.5, coverage_2std=0.9, people=PEOPLE, system="base1", seed=0,
)  # fmt: skip
ACTIVITY = ActivityRecord(
    system="base1", seed=0, split="test", subset="radar", samples=3, accuracy=66.7,
    corruption="radar/noise", people=PEOPLE,
)  # fmt: skip


class Counted:
    """Counts how often a system is tested."""

    def __init__(self, *records):
        self.records, self.count = records, 0

    def __call__(self, bench):
        self.count += 1
        return iter(self.records)


@pytest.fixture
def bench(tmp_path):
    """What the digest is of; notes are collected."""
    notes = []
    data = SimpleNamespace(
        joints=np.zeros((4, 17, 3), np.float32), estimated=False, fingerprint="a"
    )
    return SimpleNamespace(
        folder=tmp_path, config=TrainConfig(model=CONFIG), notes=notes,
        singles={"depth": SimpleNamespace(encoder=nn.Linear(2, 2))},
        ready=SimpleNamespace(data=data, splits={"test": ["S01"]}, start=None),
        watcher=SimpleNamespace(note=notes.append),
    )  # fmt: skip


@pytest.mark.parametrize("record", [POSE, ACTIVITY], ids=["pose", "activity"])
def test_the_same_system_is_tested_once(bench, record):
    test, system = Counted(record), ConcatenateMlp(CONFIG)
    for _ in range(2):
        assert kept_or_tested(bench, "base1", system, type(record), test).records == [record]
    assert test.count == 1
    assert bench.notes == [f"{bench.folder / 'base1.tested.json'}: tested before"]


def test_the_time_that_tests_took_is_kept(bench, monkeypatch):
    clock = iter((10.0, 35.5))
    monkeypatch.setattr(kept.time, "monotonic", lambda: next(clock))
    system = ConcatenateMlp(CONFIG)
    for _ in range(2):
        tested = kept_or_tested(bench, "base1", system, PoseRecord, Counted(POSE))
        assert tested.wall_s == 25.5


def weights(bench, system):
    with torch.no_grad():
        next(system.parameters()).view(-1)[0] += 1e-6


def encoder(bench, system):
    with torch.no_grad():
        bench.singles["depth"].encoder.bias += 1e-6


def truth(bench, system):
    bench.ready.data.joints[0, 0, 0] = 1e-6


def people(bench, system):
    bench.ready.splits["test"].append("S02")


def frames(bench, system):
    bench.ready.data.fingerprint = "b"


def settings(bench, system):
    system.config = replace(system.config, refined={"depth": 0.5})


def damage(bench, system):
    path = bench.folder / "base1.tested.json"
    path.write_text(path.read_text()[:-20])


def figure(bench, system):
    path = bench.folder / "base1.tested.json"
    path.write_text(path.read_text().replace('"mpjpe_mm": 40.5', '"mpjpe_mm": 10.5'))


def no_records(bench, system):
    path = bench.folder / "base1.tested.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "tested": {"records": [1]}}))


CHANGES = (weights, encoder, truth, people, frames, settings, damage, figure, no_records)


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_not_the_same_is_tested_again(bench, change):
    test, system = Counted(POSE), ConcatenateMlp(CONFIG)
    kept_or_tested(bench, "base1", system, PoseRecord, test)
    change(bench, system)
    assert kept_or_tested(bench, "base1", system, PoseRecord, test).records == [POSE]
    assert test.count == 2
    kept_or_tested(bench, "base1", system, PoseRecord, test)
    assert test.count == 2


def test_a_test_that_fails_keeps_nothing(bench):
    def failing(bench):
        yield POSE
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError):
        kept_or_tested(bench, "base1", ConcatenateMlp(CONFIG), PoseRecord, failing)
    assert list(bench.folder.iterdir()) == []


def test_a_system_that_diverged_is_named(bench):
    diverged = replace(POSE, mpjpe_mm=float("nan"))
    with pytest.raises(TrainingError, match="base1: some of its errors are no numbers"):
        kept_or_tested(bench, "base1", ConcatenateMlp(CONFIG), PoseRecord, lambda _: [diverged])
    assert not (bench.folder / "base1.tested.json").exists()
