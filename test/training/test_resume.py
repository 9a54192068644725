import math

import pytest
import torch

from pta_ros.errors import CheckpointError, TrainingError
from pta_ros.training.resume import Stage, batches, finite, run_stage


def make_stage(epochs, dies_in=None):
    """A network with batch norm, dropout and Adam on random data: everything that has state."""
    torch.manual_seed(3)
    module = torch.nn.Sequential(
        torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 1)
    )
    optimizer = torch.optim.Adam(module.parameters(), 1e-2)
    data = torch.randn(32, 4)

    def epoch(number):
        for i, rows in enumerate(batches(torch.arange(32), 8)):
            if (number, i) == dies_in:
                raise KeyboardInterrupt
            loss = module(data[rows]).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return {"loss": float(loss.detach())}

    return Stage("toy", module, {"theta": optimizer}, epochs, epoch, seed=7)


def test_a_run_that_diverges_ends_before_it_is_validated_and_keeps_no_state(tmp_path):
    stage = make_stage(4)
    train, rates = stage.epoch, [1e-2, 1e30]

    def epoch(number):
        for group in stage.optimizers["theta"].param_groups:
            group["lr"] = rates[number]
        return train(number)

    validated = []
    stage.epoch, stage.validate = epoch, lambda: validated.append(1) or {}
    stage.setting = "toy.learning_rate"
    expected = r"^toy, epoch 2: diverged at a learning rate of 1e\+30 \(.*lower toy.learning_rate"
    with pytest.raises(TrainingError, match=expected):
        run_stage(stage, tmp_path, "id", nothing)
    assert validated == [1]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_is_named(value):
    assert finite({"loss_task": 3.0}) == {"loss_task": 3.0}
    with pytest.raises(FloatingPointError, match=f"loss_align is {value}"):
        finite({"loss_task": 3.0, "loss_align": value})


def nothing(*_):
    pass


def test_a_run_cut_in_the_middle_of_an_epoch_resumes_bit_equal(tmp_path):
    whole = make_stage(4)
    (tmp_path / "whole").mkdir()
    run_stage(whole, tmp_path / "whole", "id", nothing)
    cut = make_stage(4, dies_in=(2, 1))
    with pytest.raises(KeyboardInterrupt):
        run_stage(cut, tmp_path, "id", nothing)
    again, seen = make_stage(4), []
    run_stage(again, tmp_path, "id", lambda name, number, figures: seen.append(number))
    assert seen == [2, 3]
    assert again.history == whole.history
    for name, value in whole.module.state_dict().items():
        assert torch.equal(value, again.module.state_dict()[name]), name


def test_a_finished_stage_is_read_and_not_trained_again(tmp_path):
    run_stage(make_stage(2), tmp_path, "id", nothing)
    again, seen = make_stage(2), []
    run_stage(again, tmp_path, "id", lambda *a: seen.append(a))
    assert seen == []
    assert len(again.history) == 2


def test_a_state_of_another_configuration_is_refused(tmp_path):
    run_stage(make_stage(1), tmp_path, "id", nothing)
    with pytest.raises(CheckpointError, match="another configuration"):
        run_stage(make_stage(1), tmp_path, "other", nothing)


def test_a_damaged_state_is_refused(tmp_path):
    (tmp_path / "toy.state.safetensors").write_bytes(b"nonsense")
    with pytest.raises(CheckpointError, match=r"toy\.state\.safetensors"):
        run_stage(make_stage(1), tmp_path, "id", nothing)


@pytest.mark.parametrize("count", [2, 5, 8, 9, 17])
def test_batches_hold_every_row_once_and_never_one_alone(count):
    split = batches(torch.arange(count), 4)
    assert sorted(torch.cat(split).tolist()) == list(range(count))
    assert min(len(b) for b in split) > 1
