"""Pose errors per subset: which frames count, and every figure against its own formula."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pta_ros.datasets.feature_set import FeatureSet
from pta_ros.metrics.evaluate import (
    confusion,
    evaluate_activities,
    evaluate_subsets,
    mean_pose_error_mm,
    predict_subset,
)
from pta_ros.metrics.pose import pa_mpjpe
from pta_ros.metrics.subsets import subset_name, subsets
from pta_ros.model.baselines import ConcatenateMlp
from pta_ros.model.config import PTAConfig
from pta_ros.model.encoders import token_count
from pta_ros.model.pta import PTA

CONFIG = PTAConfig(channels=8, tokens=4, dim=16, latent=8)
NAMES = CONFIG.modalities
COUNT = 14


def some_features():
    """Random tokens; csi is there in every second frame, LiDAR not in the last."""
    generator = torch.Generator().manual_seed(0)
    tokens = {
        m: torch.randn(COUNT, token_count("lite", m), CONFIG.channels, generator=generator)
        for m in NAMES
    }
    present = torch.ones(COUNT, 3, dtype=torch.bool)
    present[1::2, NAMES.index("csi")] = False
    present[-1, NAMES.index("lidar")] = False
    tokens["csi"][~present[:, NAMES.index("csi")]] = torch.nan  # never to be read
    points = {"lidar": torch.randn(COUNT, CONFIG.tokens, 3, generator=generator)}
    joints = torch.randn(COUNT, 17, 3, generator=generator)
    return FeatureSet(tokens, points, present, joints, torch.arange(COUNT))


DATA = some_features()
ROWS = torch.tensor([13, 0, 3, 4, 7, 8, 10, 11])


@pytest.fixture(scope="module", params=[ConcatenateMlp, PTA])
def model(request):
    torch.manual_seed(0)
    made = request.param(CONFIG)
    made.calibration.log_factor.uniform_(-0.3, 0.3)
    return made.eval()


def frames_of(subset):
    columns = [NAMES.index(m) for m in subset]
    return [row for row in ROWS.tolist() if DATA.present[row, columns].all()]


@torch.inference_mode()
def answers(model, subset, **choice):
    """(joints, deviations, truth) of the frames that have all members, one frame at a time."""
    found = []
    for row in frames_of(subset):
        mask = torch.tensor([[m in subset for m in NAMES]])
        out = model.complete(DATA.features(model, torch.tensor([row]), mask), mask, **choice)
        found.append((out.joints[0], out.log_std[0].exp(), DATA.joints[row]))
    return [torch.stack(parts).numpy() for parts in zip(*found, strict=True)]


def test_the_subsets_are_all_seven_and_a_frame_without_a_member_is_left_out(model):
    results = evaluate_subsets(model, DATA, ROWS)
    assert [r.subset for r in results] == [subset_name(s) for s in subsets(NAMES)]
    counts = {r.subset: r.frames for r in results}
    assert counts == {subset_name(s): len(frames_of(s)) for s in subsets(NAMES)}
    assert (counts["depth"], counts["csi"], counts["lidar"]) == (8, 4, 7)


def test_every_figure_is_what_its_formula_gives_frame_by_frame(model):
    for subset, result in zip(subsets(NAMES), evaluate_subsets(model, DATA, ROWS), strict=True):
        joints, deviations, truth = answers(model, subset)
        distance = 1000 * np.sqrt(((joints - truth) ** 2).sum(axis=-1))
        aligned = [1000 * pa_mpjpe(j[None], t[None])[0] for j, t in zip(joints, truth, strict=True)]
        off = np.abs(joints - truth)
        within = [(off <= n * deviations[..., None]).mean() for n in (1, 2)]
        assert result.mpjpe_mm == pytest.approx(distance.mean(), rel=1e-4)
        assert result.per_joint_mm == pytest.approx(distance.mean(axis=0).tolist(), rel=1e-4)
        assert result.pa_mpjpe_mm == pytest.approx(np.mean(aligned), rel=1e-4)
        assert [result.coverage_1std, result.coverage_2std] == pytest.approx(within, abs=1e-6)


def test_the_size_of_the_batch_does_not_matter(model):
    whole, parts = (predict_subset(model, DATA, ROWS, ("lidar", "csi"), batch=n) for n in (99, 3))
    for a, b in zip(whole, parts, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    assert torch.equal(whole[2], DATA.joints[frames_of(("lidar", "csi"))])


def test_only_the_subsets_asked_for_are_evaluated(model):
    asked = [("csi",), ("depth", "csi")]
    results = evaluate_subsets(model, DATA, ROWS, only=asked)
    assert results == [r for r in evaluate_subsets(model, DATA, ROWS) if r.subset in
                       ("csi", "depth+csi")]  # fmt: skip


def test_a_subset_that_no_frame_has_is_left_out(model):
    rows = torch.tensor([1, 3, 5])  # of frames without csi
    results = evaluate_subsets(model, DATA, rows)
    assert [r.subset for r in results] == ["depth", "lidar", "depth+lidar"]


def test_a_frame_counts_where_some_member_sees_who_is_there(model):
    sees = DATA.present.clone()
    sees[ROWS[:3], NAMES.index("depth")] = False  # present and blind: a wall is in its way
    blind = replace(DATA, sees=sees)
    before, after = (
        {r.subset: r for r in evaluate_subsets(model, data, ROWS)} for data in (DATA, blind)
    )
    assert after["depth"].frames == before["depth"].frames - 3
    assert after["lidar"] == before["lidar"]
    assert after["depth+lidar"] == before["depth+lidar"]  # the other one sees


def test_a_model_in_training_is_evaluated_in_evaluation_mode():
    torch.manual_seed(0)
    model = PTA(CONFIG).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    results = evaluate_subsets(model, DATA, ROWS)
    assert results == evaluate_subsets(model.eval(), DATA, ROWS)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name


@pytest.mark.parametrize("configured", [True, False])
def test_refined_or_plain_features_are_chosen_or_as_configured(configured):
    torch.manual_seed(0)
    model = PTA(replace(CONFIG, refine=configured)).eval()
    torch.nn.init.normal_(model.aligner.decoder.bias)  # a new aligner refines next to nothing
    found = {c: evaluate_subsets(model, DATA, ROWS, c, [("depth",)])[0] for c in (True, False)}
    assert found[True].mpjpe_mm != pytest.approx(found[False].mpjpe_mm, rel=1e-4)
    for choice, result in found.items():
        joints, _, truth = answers(model, ("depth",), refine=choice)
        expected = 1000 * np.linalg.norm(joints - truth, axis=-1).mean()
        assert result.mpjpe_mm == pytest.approx(expected, rel=1e-4)
    assert evaluate_subsets(model, DATA, ROWS, None, [("depth",)])[0] == found[configured]


def test_the_mean_pose_predictor_scores_the_mean_distance_from_it():
    truth = np.zeros((2, 17, 3), np.float32)
    truth[0, :, 0], truth[1, :, 1] = 0.3, 0.4
    pose = np.zeros((17, 3), np.float32)
    assert mean_pose_error_mm(pose, truth) == pytest.approx(350)


def test_confusion_counts_truth_by_answer():
    counts = confusion(torch.tensor([0, 0, 1, 2]), torch.tensor([0, 1, 1, 1]), 3)
    assert counts.tolist() == [[1, 1, 0], [0, 1, 0], [0, 1, 0]]


def test_accuracies_are_those_of_the_answers_row_by_row():
    torch.manual_seed(0)
    model = PTA(replace(CONFIG, tasks=("activity",), classes=("a", "b", "c"))).eval()
    data = replace(DATA, labels=torch.arange(COUNT) % 3)
    for subset, result in zip(subsets(NAMES), evaluate_activities(model, data, ROWS), strict=True):
        right = 0
        for row in frames_of(subset):
            mask = torch.tensor([[m in subset for m in NAMES]])
            features = data.features(model, torch.tensor([row]), mask)
            right += int(model.complete(features, mask).logits.argmax()) == row % 3
        assert (result.subset, result.samples) == (subset_name(subset), len(frames_of(subset)))
        assert result.accuracy == pytest.approx(100 * right / result.samples)
        assert sum(result.confusion[k][k] for k in range(3)) == right
