"""Deviations that are wrong by a known factor become true, subset by subset and joint by joint."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pta_ros.datasets.feature_set import FeatureSet
from pta_ros.metrics.evaluate import evaluate_subsets, predict_subset
from pta_ros.metrics.subsets import subset_name, subsets
from pta_ros.model.baselines import MeanOfPredictions
from pta_ros.model.config import PTAConfig
from pta_ros.model.encoders import token_count
from pta_ros.model.pta import PTA
from pta_ros.model.purify import subset_number
from pta_ros.training.fit import calibrate
from pta_ros.training.gate import (
    FALSE_ALARMS,
    LEAST_ODDS,
    beyond_people,
    calibrate_gate,
    lowest_threshold,
)

CONFIG = PTAConfig(channels=8, tokens=4, dim=16, latent=8)
COUNT = 3000
FITTED, FRESH = torch.arange(COUNT), torch.arange(COUNT, 2 * COUNT)
PEOPLE = np.repeat(["S01", "S02", "S03"], COUNT // 3)
TRUE_STD_M = torch.linspace(0.02, 0.1, 17)
#: What a modality claims of its error, as a multiple of the truth.
CLAIMS = {"depth": 0.5, "lidar": 3.0, "csi": 1.7}


@pytest.fixture
def model():
    """Answers the origin whatever it sees; each modality claims a wrong deviation of its own."""
    made = MeanOfPredictions(CONFIG)
    with torch.no_grad():
        for modality, head in made.heads.items():
            head.start_at(torch.zeros(17, 3))
            head.spread.weight.zero_()
            head.spread.bias.copy_((CLAIMS[modality] * TRUE_STD_M).log())
    return made


def errors(draw):
    """Frames whose joints lie around the origin as `draw` says, (2 COUNT, 17, 3) at TRUE_STD_M."""
    shape = {m: (2 * COUNT, token_count("lite", m), CONFIG.channels) for m in CONFIG.modalities}
    tokens = {m: torch.zeros(s) for m, s in shape.items()}
    points = {"lidar": torch.zeros(2 * COUNT, CONFIG.tokens, 3)}
    generator = torch.Generator().manual_seed(0)
    joints = draw((2 * COUNT, 17, 3), generator) * TRUE_STD_M[:, None]
    present = torch.ones(2 * COUNT, 3, dtype=torch.bool)
    return FeatureSet(tokens, points, present, joints, torch.arange(2 * COUNT))


def normal(shape, generator):
    return torch.randn(shape, generator=generator)


def test_as_many_lie_within_one_and_two_deviations_as_of_a_normal(model):
    data = errors(normal)
    before = {r.subset: r.coverage_1std for r in evaluate_subsets(model, data, FRESH)}
    assert before["depth"] < 0.45  # 0.38 within half a deviation
    assert before["lidar"] > 0.95
    calibrate(model, data, FITTED)
    # Standard error of a joint's quantile from 9000 coordinates, over 17 joints: about 0.002.
    for result in evaluate_subsets(model, data, FRESH):
        assert result.coverage_1std == pytest.approx(0.6827, abs=0.008), result.subset
        assert result.coverage_2std == pytest.approx(0.9545, abs=0.008), result.subset


def test_other_subsets_keep_their_factors(model):
    with torch.no_grad():
        model.calibration.log_factor.normal_()
    kept = model.calibration.log_factor.clone()
    calibrate(model, errors(normal), FITTED, [("csi",)])
    number = int(subset_number(torch.tensor([[m == "csi" for m in CONFIG.modalities]]))[0])
    moved = (model.calibration.log_factor != kept).any(dim=1).nonzero().flatten().tolist()
    assert moved == [number]


def test_the_deviation_of_every_joint_becomes_the_true_one_in_every_subset(model):
    data = errors(normal)
    calibrate(model, data, FITTED)
    for subset in subsets(CONFIG.modalities):
        _, deviations, _ = predict_subset(model, data, FRESH[:1], subset)
        torch.testing.assert_close(deviations[0], TRUE_STD_M, rtol=0.06, atol=0)  # 4 errors


def test_errors_that_are_not_normal_still_have_their_share_within_one_deviation(model):
    data = errors(lambda shape, g: 4 * torch.rand(shape, generator=g) - 2)
    calibrate(model, data, FITTED)
    for result in evaluate_subsets(model, data, FRESH):
        assert result.coverage_1std == pytest.approx(0.6827, abs=0.008), result.subset


def test_joints_stay_what_they_were_to_the_bit(model):
    data = errors(normal)
    with torch.no_grad():
        for head in model.heads.values():
            torch.nn.init.normal_(head.position.weight)
    every = subsets(CONFIG.modalities)
    before = [predict_subset(model, data, FRESH, s)[0] for s in every]
    calibrate(model, data, FITTED)
    for subset, joints in zip(every, before, strict=True):
        assert torch.equal(predict_subset(model, data, FRESH, subset)[0], joints)


def test_a_second_calibration_begins_anew(model):
    data = errors(normal)
    calibrate(model, data, FITTED)
    first = model.calibration.log_factor.clone()
    calibrate(model, data, FITTED)
    assert torch.equal(model.calibration.log_factor, first)


def test_the_rows_that_it_is_told_are_the_only_ones_it_reads(model):
    data = errors(normal)
    calibrate(model, data, FITTED)
    first = model.calibration.log_factor.clone()
    data.joints[FRESH] = torch.nan
    calibrate(model, data, FITTED)
    assert torch.equal(model.calibration.log_factor, first)


def test_a_subset_without_any_frame_keeps_the_deviations_that_are_predicted(model):
    data = errors(normal)
    data = replace(data, present=data.present & torch.tensor([True, True, False]))
    calibrate(model, data, FITTED)
    factors = model.calibration.log_factor
    for subset in subsets(CONFIG.modalities):
        number = subset_number(torch.tensor([[m in subset for m in CONFIG.modalities]]))
        fitted = bool(factors[number].any())
        assert fitted == ("csi" not in subset), subset_name(subset)


@pytest.fixture
def doubtful():
    """A model whose gate says something of its own of every frame."""
    torch.manual_seed(0)
    model = PTA(replace(CONFIG, gate=True)).eval()
    with torch.no_grad():
        for layer in model.gate.odds:
            layer.weight.normal_(std=3.0)
    return model


def noise(seed=1):
    """Frames of random tokens."""
    generator = torch.Generator().manual_seed(seed)
    data = errors(normal)
    tokens = {m: torch.randn(t.shape, generator=generator) for m, t in data.tokens.items()}
    return replace(data, tokens=tokens)


@pytest.mark.parametrize(
    ("budget", "limit"),
    [(0.5, 9.0), (1.5, 8.0), (3.5, 6.0), (5.0, -torch.inf)],
    ids=["no alarm", "one", "three", "all, and there is no limit"],
)
def test_the_threshold_is_the_first_alarm_that_would_cost_too_much(budget, limit):
    odds = torch.tensor([7.0, 9.0, 5.0, 8.0, 6.0])
    assert lowest_threshold(odds, torch.ones(5), budget) == limit


def test_an_alarm_that_saves_something_pays_for_the_next():
    odds, cost = torch.tensor([9.0, 8.0, 7.0]), torch.tensor([-1.0, 1.5, 1.0])
    assert lowest_threshold(odds, cost, 0.6) == 7.0


@torch.inference_mode()
def test_false_alarms_cost_no_more_than_their_share_in_any_subset(doubtful):
    data = noise()
    every = [s for s in subsets(CONFIG.modalities) if len(s) > 1]
    gate, doubtful.gate = doubtful.gate, None
    before = {r.subset: r.mpjpe_mm for r in evaluate_subsets(doubtful, data, FITTED, only=every)}
    doubtful.gate = gate
    calibrate_gate(doubtful, data, FITTED, PEOPLE)
    for result in evaluate_subsets(doubtful, data, FITTED, only=every):
        allowed = 1 + FALSE_ALARMS * (1 + result.subset.count("+"))
        assert result.mpjpe_mm <= allowed * before[result.subset], result.subset


@torch.inference_mode()
def test_where_no_alarm_costs_too_much_what_is_more_likely_corrupted_is_doubted(doubtful):
    for layer in (doubtful.head.position, doubtful.head.spread):
        layer.weight.zero_()  # whatever it sees: nothing is lost with a sensor
    calibrate_gate(doubtful, noise(), FITTED, PEOPLE)
    assert bool((doubtful.gate.threshold == LEAST_ODDS).all())


def test_a_sensor_that_carries_a_subset_is_judged_by_itself_there(doubtful, monkeypatch):
    def errors(model, data, rows, subset):
        return torch.full((len(rows),), 1.0 if "depth" in subset else 3.0)

    monkeypatch.setattr("pta_ros.training.gate._errors", errors)
    calibrate_gate(doubtful, noise(), FITTED, PEOPLE)
    names = CONFIG.modalities
    for subset in (s for s in subsets(names) if len(s) > 1):
        number = subset_number(torch.tensor([[m in subset for m in names]]))[0]
        expected = [m == "depth" and "depth" in subset for m in names]
        assert doubtful.gate.by_itself[number].tolist() == expected


def test_the_gate_is_calibrated_on_the_rows_that_it_is_told_alone(doubtful):
    data = noise()
    calibrate_gate(doubtful, data, FITTED, PEOPLE)
    first = doubtful.gate.threshold.clone()
    for tokens in data.tokens.values():
        tokens[FRESH] = torch.nan
    calibrate_gate(doubtful, data, FITTED, PEOPLE)
    assert torch.equal(doubtful.gate.threshold, first)


def test_a_bound_for_all_people_lies_beyond_those_who_were_seen():
    people = np.repeat(["S01", "S02", "S03", "S04", "S05", "S06"], 2)
    odds = torch.tensor([1.0, -9.0, 2.0, -9.0, 3.0, 0.0, 4.0, 1.0, 5.0, 2.0, 6.0, 3.0])
    # Mean 3.5, deviation 1.8708; factor of six people, 99 % of all with 95 %: 5.062 (tables of one-
    # sided tolerance limits of a normal).
    assert beyond_people(odds, people) == pytest.approx(3.5 + 5.062 * 1.8708, abs=0.005)
    assert beyond_people(odds[:2], people[:2]) == float("inf")
