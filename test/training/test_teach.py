"""A room is learned by CSI alone: nothing else of the model moves, and bad lessons are refused."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pta_ros.checkpoint import Checkpoint
from pta_ros.datasets.reduced import ReducedSet
from pta_ros.errors import ConfigError, DatasetError, TrainingError
from pta_ros.metrics.subsets import subsets
from pta_ros.model.config import PTAConfig
from pta_ros.model.pta import PTA
from pta_ros.model.purify import subset_number
from pta_ros.sensors import SENSORS
from pta_ros.training import teach as teaching
from pta_ros.training.lesson import Lesson, divide
from pta_ros.training.prepare import Silent
from pta_ros.training.teach import check_model, provenance, teach

COUNT = 160
SHAPES = {"depth": (96, 128), "lidar": (512, 3), "csi": (3, 114, 10)}
CONFIG = PTAConfig(channels=16, tokens=4, dim=16, latent=8, gate=True, mixers=1)
BODY = np.random.default_rng(0).normal(0, 0.3, (17, 3)).astype(np.float32)


def walk():
    """Joints (COUNT, 17, 3) of somebody who walks to and fro."""
    t = np.arange(COUNT) / 9
    places = np.stack([1.0 * np.sin(t), np.zeros(COUNT), 3 + 0.6 * np.sin(1.7 * t)], axis=1)
    return (BODY + places[:, None]).astype(np.float32)


def lesson(joints=None, present=(), **changed):
    """Instants a second apart; CSI tells where the person is, in a way of this room."""
    joints, rng = walk() if joints is None else joints, np.random.default_rng(1)
    inputs = {m: rng.normal(0, 0.1, (COUNT, *s)).astype(np.float32) for m, s in SHAPES.items()}
    inputs["lidar"] += np.float32([3, 0, 0])
    wave = np.arange(114) / 20
    for n, place in enumerate(walk().mean(axis=1)):
        inputs["csi"][n] += np.float32(np.sin(wave * (2 + place[0])) + place[2] - 3)[:, None]
    there = {m: np.ones(COUNT, bool) for m in SHAPES}
    there.update(present)
    names = {
        k: np.full(COUNT, v) for k, v in (("scene", "E01"), ("subject", "S1"), ("action", "A1"))
    }
    data = ReducedSet(
        inputs, there, joints, **names, number=np.arange(COUNT, dtype=np.int32), problems=(),
        fingerprint="room",
    )  # fmt: skip
    given = {"times_s": np.arange(COUNT) * 1.0, "deviation_m": np.full(COUNT, 0.03, np.float32)}
    return Lesson(data, **{**given, **changed})


@pytest.fixture
def loaded():
    torch.manual_seed(0)
    model = PTA(CONFIG).eval()
    with torch.no_grad():
        model.head.start_at(torch.from_numpy(walk().mean(axis=0)))
        model.head.position.weight.copy_((0.3 * torch.randn(3, CONFIG.dim)).repeat(17, 1))
        model.calibration.log_factor.normal_()
        model.gate.threshold.normal_()
    sensors = {m: SENSORS[m]() for m in SHAPES}
    return Checkpoint(model, sensors, {}, {"synthetic": True}, "small")


class Killed(Silent):
    """Dies after the second epoch."""

    def epoch(self, stage, number, figures):
        if number == 1:
            raise KeyboardInterrupt


def test_answers_without_csi_stay_to_the_bit_and_csi_learns(loaded, tmp_path, monkeypatch):
    monkeypatch.setattr(teaching, "BATCH", 16)
    monkeypatch.setattr(teaching, "RATE", 1e-2)
    given, torch_rows = lesson(), torch.arange(20)
    taught = teach(loaded, given, tmp_path, Silent())
    inputs = {m: torch.from_numpy(a[torch_rows.numpy()]) for m, a in given.data.inputs.items()}
    numbers = []
    for subset in subsets(CONFIG.modalities):
        some = {m: inputs[m] for m in subset}
        with torch.inference_mode():
            old, new = loaded.model(some), taught.model(some)
        same = [torch.equal(a, b) for a, b in zip(old, new, strict=True)]
        assert all(same) == ("csi" not in subset), subset
        if "csi" not in subset:
            member = torch.tensor([[m in subset for m in CONFIG.modalities]])
            numbers.append(int(subset_number(member)[0]))
    for before, after in (
        (loaded.model.calibration.log_factor, taught.model.calibration.log_factor),
        (loaded.model.gate.threshold, taught.model.gate.threshold),
    ):
        assert torch.equal(before[numbers], after[numbers])
    assert torch.equal(loaded.model.purify.logits, taught.model.purify.logits)
    assert (taught.model.gate.threshold >= loaded.model.gate.threshold).all()
    moved = {n for n, p in taught.model.state_dict().items()
             if not torch.equal(p, loaded.model.state_dict()[n])}  # fmt: skip
    own = ("encoders.csi", "projectors.csi", "calibration.log_factor", "gate.threshold")
    assert all(name.startswith(own) for name in moved)
    assert taught.after["csi"].pose.mpjpe_mm < 0.9 * taught.before["csi"].pose.mpjpe_mm
    assert set(taught.after) == {"csi", "depth+csi", "lidar+csi", "depth+lidar+csi"}
    about = provenance(taught, loaded, recordings=["bag"])["taught"]
    assert (about["from"], about["recordings"]) == ("small", ["bag"])
    assert about["instants"]["train"] == len(taught.parts.train)


def test_a_killed_run_goes_on_and_comes_to_the_same(loaded, tmp_path):
    whole = teach(loaded, lesson(), tmp_path / "whole", Silent(), epochs=3)
    with pytest.raises(KeyboardInterrupt):
        teach(loaded, lesson(), tmp_path / "killed", Killed(), epochs=3)
    again = teach(loaded, lesson(), tmp_path / "killed", Silent(), epochs=3)
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, again.model.state_dict()[name]), name


def test_the_parts_follow_in_time_with_gaps_between():
    shuffled = np.random.default_rng(2).permutation(COUNT) * 1.0
    parts = divide(lesson(times_s=shuffled))
    spans = [shuffled[rows] for rows in (parts.train, parts.calibrate, parts.judge)]
    assert spans[0].max() + 2 < spans[1].min()
    assert spans[1].max() + 2 < spans[2].min()
    assert len(parts.judge) == pytest.approx(0.2 * COUNT, abs=1)
    assert all((np.diff(span) > 0).all() for span in spans)


def test_unsure_instants_are_left_out():
    deviation = np.full(COUNT, 0.03, np.float32)
    deviation[5:25] = 0.2
    parts = divide(lesson(deviation_m=deviation))
    assert parts.left_out["teacher unsure"] == 20
    assert not set(range(5, 25)) & set(parts.train.tolist())


SHORT = {"csi": np.arange(COUNT) < 50}
STILL = np.repeat(walk()[:1], COUNT, axis=0)
WAVING = STILL + np.random.default_rng(0).normal(0, 0.04, STILL.shape).astype(np.float32)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (lambda: lesson(present=SHORT), "50 s of instants with the teacher and CSI; expected 60 s"),
        (lambda: lesson(deviation_m=np.full(COUNT, 0.2)), "the teacher is unsure in 100 %"),
        (lambda: lesson(STILL), "the person never moved: joints spread by 0.000 m"),
        (lambda: lesson(WAVING), "one spot: 100 % of the time within 0.3 m"),
        (lambda: lesson(repeats=300), "CSI is frozen: 300 of 460 frames"),
    ],
)
def test_a_recording_that_cannot_teach_is_refused_in_one_line(given, said):
    with pytest.raises(DatasetError, match=said) as told:
        divide(given())
    assert "\n" not in str(told.value)


def test_frozen_frames_in_the_lesson_itself_are_seen():
    given = lesson()
    given.data.inputs["csi"][20:130] = given.data.inputs["csi"][20]
    with pytest.raises(DatasetError, match="CSI is frozen: 109 of 160 frames"):
        divide(given)


def test_a_model_that_is_not_better_is_refused(loaded, tmp_path, monkeypatch):
    monkeypatch.setattr(teaching, "RATE", 1e-9)
    with pytest.raises(TrainingError, match="no model is written"):
        teach(loaded, lesson(), tmp_path, Silent(), epochs=1).check()


@pytest.mark.parametrize("names", [("depth", "lidar"), ("csi",)])
def test_a_model_that_cannot_be_taught_is_refused(loaded, names):
    model = PTA(replace(CONFIG, modalities=names))
    with pytest.raises(ConfigError, match="expected csi, and depth or lidar"):
        check_model(replace(loaded, model=model))


def test_a_model_of_people_is_refused(loaded):
    with pytest.raises(ConfigError, match="finds people; expected one of one person"):
        check_model(replace(loaded, finder=torch.nn.Identity()))


def test_what_a_weak_csi_kept_elsewhere_is_forgotten_and_whom_it_is_heard_beside_is_not(
    loaded, tmp_path, monkeypatch
):
    monkeypatch.setattr(teaching, "BATCH", 16)
    settled = PTA(replace(CONFIG, settle=True)).eval()
    settled.load_state_dict({**settled.state_dict(), **loaded.model.state_dict()})
    settled.settled.heard[0b101, 2] = False
    settled.settled.kept[0b100] = torch.tensor([0.9, 0.5])
    settled.settled.kept[0b001] = torch.tensor([0.8, 0.7])
    taught = teach(replace(loaded, model=settled), lesson(), tmp_path, Silent(), epochs=1).model
    assert taught.settled.kept[0b100].tolist() == [1.0, 1.0]
    assert torch.equal(taught.settled.kept[0b001], settled.settled.kept[0b001])
    assert torch.equal(taught.settled.heard, settled.settled.heard)
    assert settled.settled.kept[0b100].tolist() == pytest.approx([0.9, 0.5])  # of the given model
