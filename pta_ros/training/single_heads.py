"""Projections and heads of single modalities, behind encoders that nothing trains."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

from torch import Tensor

from pta_ros.datasets.feature_set import Truth
from pta_ros.model.baselines import MeanOfPredictions
from pta_ros.training.fit import Setup, adam, loss_stage
from pta_ros.training.losses import task_loss
from pta_ros.training.makers import (
    Bench,
    make_mean_of_predictions,
    on_frozen,
    run_system,
    setup_of,
    start_head,
)
from pta_ros.training.resume import Stage, seed_everything
from pta_ros.training.single import SingleModality


def with_single_heads(bench: Bench) -> Bench:
    """The bench whose single-modality models have trained projections and heads.

    All are trained together, by the budget that every compared system has.
    """
    config = on_frozen(bench.config)
    seed_everything(config.seed, "own_heads")  # as docs/results_wide.md was made
    model = make_mean_of_predictions(bench)
    for head in model.heads.values():
        start_head(head, bench)
    setup = replace(setup_of("single_heads", bench, model), ranks=bench.ranks.alone())
    with bench.ranks.one_by_one():
        run_system(single_heads_stage(setup, model), "single_heads", config, bench)
    return replace(bench, singles={m: _own(s, m, model) for m, s in bench.singles.items()})


def _own(single: SingleModality, modality: str, trained: MeanOfPredictions) -> SingleModality:
    own = deepcopy(single)
    own.projector.load_state_dict(trained.projectors[modality].state_dict())
    own.head.load_state_dict(trained.heads[modality].state_dict())
    return own.eval()


def single_heads_stage(setup: Setup, model: MeanOfPredictions) -> Stage:
    """The stage that trains every modality's own head, each on all rows in which it sees."""

    def loss_of(part: Tensor) -> Tensor:
        model.train()
        mask = setup.data.seeing(part)
        data, rows = setup.drawn(part, mask)
        features = data.features(model, rows, mask)
        truth = data.truth(rows).to(features.device)
        loss = features.new_zeros(())
        for told, real in zip(model.each(features), mask.to(features.device).T, strict=True):
            if bool(real.any()):
                own = type(told)(*(x[real] for x in told))
                theirs = Truth(*(x[real] if len(x) else x for x in truth))
                loss = loss + task_loss(setup.config.task_loss, own, theirs)
        return loss

    return loss_stage("own", setup, model, adam(setup, model), loss_of)
