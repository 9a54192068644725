"""The loop that every system is trained with: budget, learning rate, figures."""

import math
from dataclasses import replace

import pytest
import torch

from pta_ros.datasets.feature_set import FeatureSet, Truth
from pta_ros.model.baselines import ConcatenateMlp, XFi
from pta_ros.model.config import PTAConfig
from pta_ros.model.encoders import token_count
from pta_ros.model.heads import PTAOutput
from pta_ros.model.slots import ProxySlots
from pta_ros.training.config import TrainConfig
from pta_ros.training.fit import Setup, endless, fit_stage, supervised_stage, task_loss
from pta_ros.training.losses import mean_joint_distance, spread_loss
from pta_ros.training.pretrain import one_cycle
from pta_ros.training.slots import slots_stage
from pta_ros.training.stage_config import MetaConfig

SMALL = PTAConfig(channels=16, tokens=4, dim=16, latent=8)
COUNT = 96


def toy():
    """Joints driven by 4 causes that depth and LiDAR see, with csi absent in every third row."""
    generator = torch.Generator().manual_seed(0)
    causes = torch.randn(COUNT, 4, generator=generator)
    joints = (causes @ torch.randn(4, 51, generator=generator)).view(COUNT, 17, 3)
    tokens = {}
    for m in SMALL.modalities:
        shape = (COUNT, token_count("lite", m), SMALL.channels)
        tokens[m] = torch.randn(shape, generator=generator)
        if m != "csi":
            tokens[m][:, :, :4] = causes[:, None]
    present = torch.ones(COUNT, 3, dtype=torch.bool)
    present[::3, 2] = False
    tokens["csi"][::3] = torch.nan  # never to be read
    points = {"lidar": torch.zeros(COUNT, SMALL.tokens, 3)}
    return FeatureSet(tokens, points, present, joints, torch.arange(COUNT))


def config_of(**meta):
    return TrainConfig(model=SMALL, meta=MetaConfig(**{"batch": 16, "epochs": 4, **meta}))


def recorded(config, number=None):
    """A stage whose step only notes what it is given, and returns its own number or `number`."""
    module = torch.nn.Linear(1, 1)
    optimizers = {"theta": torch.optim.Adam(module.parameters(), config.meta.learning_rate)}
    steps, told = [], []

    def step(place, count, part):
        steps.append((place, count, part, optimizers["theta"].param_groups[0]["lr"]))
        return {"number": float(place if number is None else number)}

    setup = Setup(
        config, toy(), torch.arange(40), lambda: {"val": 5.0}, lambda *at: told.append(at)
    )
    stage = fit_stage("name", setup, module, optimizers, step)
    return stage, steps, told


def test_an_epoch_visits_every_row_once_and_reports_means_over_its_steps():
    stage, steps, told = recorded(config_of())
    assert (stage.name, stage.epochs) == ("name", 4)
    figures = stage.epoch(0)
    assert sorted(torch.cat([part for _, _, part, _ in steps]).tolist()) == list(range(40))
    assert [(n, count) for n, count, _, _ in steps] == [(1, 3), (2, 3), (3, 3)]
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert figures == {"number": pytest.approx(2.0)}
    assert stage.validate() == {"val": 5.0}


def test_epochs_are_shuffled_by_the_seed_that_is_set_before_them():
    stage, steps, _ = recorded(config_of())
    orders = []
    for seed in (1, 2, 1):
        steps.clear()
        torch.manual_seed(seed)
        stage.epoch(0)
        orders.append(torch.cat([part for _, _, part, _ in steps]).tolist())
    assert orders[0] != orders[1]
    assert orders[0] == orders[2]


def test_a_step_whose_loss_is_not_finite_ends_the_epoch_at_once():
    stage, steps, _ = recorded(config_of(), number=math.nan)
    with pytest.raises(FloatingPointError, match="number is nan"):
        stage.epoch(0)
    assert len(steps) == 1


def test_a_constant_rate_stays_and_one_cycle_goes_through_the_whole_run():
    stage, steps, _ = recorded(config_of(learning_rate=0.5))
    stage.epoch(3)
    assert {rate for *_, rate in steps} == {0.5}
    stage, steps, _ = recorded(config_of(learning_rate=0.5, schedule="one_cycle"))
    for number in range(4):
        stage.epoch(number)
    rates = [rate for *_, rate in steps]
    assert rates == pytest.approx([0.5 * one_cycle((i + 1) / 12) for i in range(12)])
    assert max(rates) > 0.45
    assert rates[-1] == pytest.approx(0, abs=1e-9)


def test_a_resumed_epoch_has_the_rate_that_belongs_to_it():
    """What a killed run continues with: the rate depends on the epoch, not on those before."""
    whole, steps, _ = recorded(config_of(schedule="one_cycle"))
    for number in range(3):
        whole.epoch(number)
    again, resumed, _ = recorded(config_of(schedule="one_cycle"))
    again.epoch(2)
    assert [rate for *_, rate in resumed] == [rate for *_, rate in steps[-3:]]


def test_the_task_loss_is_the_chosen_one_and_a_thousandth_of_the_deviations():
    torch.manual_seed(0)
    joints, truth, log_std = torch.randn(5, 17, 3), torch.randn(5, 17, 3), torch.randn(5, 17)
    out = PTAOutput(joints, log_std, torch.ones(5, 3) / 3, torch.zeros(5, 0))
    asked = Truth(truth, torch.zeros(5, dtype=torch.int64))
    spread = 1e-3 * spread_loss(log_std, joints, truth)
    squares = (joints - truth).square().mean()
    config = config_of()
    torch.testing.assert_close(task_loss(config.task_loss, out, asked), squares + spread)
    config = TrainConfig(model=SMALL, task_loss="mpjpe")
    expected = mean_joint_distance(joints, truth) + spread
    torch.testing.assert_close(task_loss(config.task_loss, out, asked), expected)


@pytest.mark.parametrize("kind", [ConcatenateMlp, XFi])
def test_a_baseline_learns_its_task_with_modality_dropout(kind):
    torch.manual_seed(0)
    model, config = kind(SMALL), config_of(learning_rate=3e-3, epochs=15)
    stage = supervised_stage(Setup(config, toy(), torch.arange(COUNT)), model)
    losses = [stage.epoch(number)["loss_task"] for number in range(15)]
    assert all(torch.isfinite(p).all() for p in model.parameters())
    assert losses[-1] < 0.7 * losses[0]  # a third of the subsets has csi alone, which sees nothing


def test_endless_batches_begin_anew_with_another_order():
    torch.manual_seed(0)
    stream = endless(torch.arange(10), 4)
    first, second = ([int(r) for _ in range(3) for r in next(stream)] for _ in range(2))
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second


def rivals():
    torch.manual_seed(0)
    small = {"X-Fi": (XFi(SMALL), supervised_stage), "slots": (ProxySlots(SMALL), slots_stage)}
    return pytest.mark.parametrize(("model", "stage_of"), small.values(), ids=list(small))


@rivals()
def test_a_rival_trains_on_what_is_drawn_of_its_rows(model, stage_of):
    """As PTA does of people, whose encoders see changed frames."""
    data, asked = toy(), []
    changed = replace(data, joints=data.joints + torch.nan)

    def draw(rows, mask):
        asked.append(rows)
        assert mask.shape == (len(rows), 3)
        assert not bool((mask & ~data.present[rows]).any())
        return changed, rows

    stage = stage_of(Setup(config_of(), data, torch.arange(40), draw=draw), model)
    with pytest.raises(FloatingPointError, match="nan"):
        stage.epoch(0)
    assert len(asked) == 1  # what was drawn, and not the data, gave the loss
