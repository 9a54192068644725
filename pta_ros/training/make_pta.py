"""How PTA is trained, or read again, stage by stage: fusion, refinement, what is settled, gate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from pta_ros.model.pta import PTA
from pta_ros.training.activity import begin_as
from pta_ros.training.config import TrainConfig
from pta_ros.training.corrupt import FROZEN
from pta_ros.training.distil import Encoded, distil_stage
from pta_ros.training.fresh import Draw
from pta_ros.training.gate import calibrate_gate, gate_stage
from pta_ros.training.keep import fit_exponents, keep
from pta_ros.training.makers import (
    Bench,
    make_mutual,
    on_frozen,
    run_system,
    seen_by,
    setup_of,
    start_head,
    take_projections,
)
from pta_ros.training.meta import meta_stage
from pta_ros.training.mixed import Corrupted, Mixed
from pta_ros.training.parts import parts_of
from pta_ros.training.refine import choose_shares
from pta_ros.training.resume import seed_everything
from pta_ros.training.settle import settle
from pta_ros.training.single import mean_pose

#: PTA as configured, before its gate.
UNGATED = "pta_ungated"
#: How often samples are shown, each time others of them corrupted, where some are at all.
DRAWS = 6


def make_pta(name: str, change: Callable[[TrainConfig], TrainConfig], bench: Bench) -> PTA:
    """PTA of the bench's configuration, changed: trained under `name`, then settled."""
    config = change(bench.config)
    plain = replace(config.model, settle=False, pretrained=0)
    model = _trained(name, replace(config, model=plain), bench)
    bench = seen_by(model, bench)
    if config.model.pretrained:
        model = _with_pretrained(model, config, bench)
    return _settled(model, bench) if config.model.settle else model


def _trained(name: str, config: TrainConfig, bench: Bench) -> PTA:
    if config.meta.refine_epochs:
        return _refined_later(name, config, bench)
    start = bench.ready.start
    goes_on = start is not None and not bench.ready.given
    taught = make_mutual(bench) if config.model.own_heads and not goes_on else None
    seed_everything(config.seed, "model")
    model = PTA(config.model)
    if start is None or not start.has("head"):
        start_head(model.head, bench)
    if start:
        start.fill(model)
    take_projections(model, bench)
    for modality, single in bench.singles.items():
        model.encoders[modality].load_state_dict(single.encoder.state_dict())
    if taught is not None:
        begin_as(taught, model)
    _run_meta(name, model, on_frozen(config), bench)
    if config.distil.epochs:
        _distil(f"{name}_distilled", model, config, bench)
    return model


def _distil(name: str, model: PTA, config: TrainConfig, bench: Bench) -> None:
    """Train the last blocks of the encoders on, together with all that is behind them."""
    seed_everything(config.seed, "distil")
    known = setup_of(name, bench, model)  # whose validation is of frames as encoded before
    setup = replace(known, config=config, ranks=bench.ranks.alone(), validate=dict)
    encoders, augment = dict(model.encoders.items()), config.distil.augment
    draw = Encoded(encoders, bench.ready.data, config.model.tokens, augment)
    with bench.ranks.one_by_one():
        run_system(distil_stage(setup, model, draw), name, config, bench)
    model.requires_grad_(True)


def _with_pretrained(trained: PTA, config: TrainConfig, bench: Bench) -> PTA:
    """The model with single-modality models beside it: this run's, or those of its start."""
    own = replace(trained.config, pretrained=config.model.pretrained)
    start = bench.ready.start
    if start and not bench.ready.given:
        model = PTA(own)
        start.fill(model)
    else:
        model = keep(own, bench.singles)
    model.load_state_dict({**model.state_dict(), **trained.state_dict()})
    seed_everything(config.seed, "keep")
    corrupted = bool(config.meta.corrupt)
    draw: Draw = _mixed(config, bench) if corrupted else lambda rows, _: (bench.clean, rows)
    fit_exponents(model, draw, _unseen(bench), config.task_loss, DRAWS if corrupted else 1)
    return model


def _settled(trained: PTA, bench: Bench) -> PTA:
    """The model with what each of its subsets says settled."""
    model = PTA(replace(trained.config, settle=True))
    model.load_state_dict({**model.state_dict(), **trained.state_dict()})
    assert model.settled is not None
    if model.config.has("pose"):
        joints = bench.clean.joints[bench.ready.rows["train"]]
        model.settled.mean_pose.copy_(torch.from_numpy(mean_pose(joints.numpy())))
    settle(model, bench.clean, _unseen(bench), bench.config.task_loss)
    return model


def _refined_later(name: str, config: TrainConfig, bench: Bench) -> PTA:
    """PTA whose refinement is trained by itself, after all else (beyond the paper; docs/fusion.md).

    Trained together, most of the task loss comes through its noise, and the fusion is worse for it.
    """
    before = replace(
        config,
        model=replace(config.model, refine=False),
        meta=replace(config.meta, align_weight=0.0, refine_epochs=0),
    )
    trained = _trained(f"{name}_plain", before, bench)
    bench = seen_by(trained, bench)
    seed_everything(config.seed, "refinement")
    model = PTA(config.model)
    model.load_state_dict(trained.state_dict())
    if "refinement" not in config.freeze:
        held = [part for part in parts_of(config.model) if part != "refinement"]
        meta = replace(config.meta, epochs=config.meta.refine_epochs, plain_share=0.0)
        _run_meta(name, model, replace(config, freeze=tuple(held), meta=meta), bench)
    choose_shares(model, bench.clean, bench.ready.rows["meta_val"], config.task_loss)
    return model


def _run_meta(name: str, model: PTA, config: TrainConfig, bench: Bench) -> None:
    setup = replace(setup_of(name, bench, model), config=config)
    if config.meta.corrupt:
        setup = replace(setup, draw=_mixed(config, bench))
    run_system(meta_stage(setup, model, bench.ready.rows["meta_val"]), name, config, bench)


def _mixed(config: TrainConfig, bench: Bench) -> Mixed:
    """Rows of which some show corrupted frames, as the main stage and the pool are shown them."""
    return Mixed(bench.clean, _one_frame(bench.corrupted), config.meta.corrupt)


def make_ungated(bench: Bench) -> PTA:
    """PTA as configured, without a gate."""
    return make_pta(UNGATED, lambda config: config, bench)


def make_gated(bench: Bench) -> PTA:
    """PTA as configured with a gate, which is trained after everything else; of people none is."""
    if bench.config.model.joint_tokens:
        return make_ungated(bench)
    gate = bench.config.gate
    config = replace(
        bench.config,
        model=replace(bench.config.model, gate=True),
        meta=replace(bench.config.meta, epochs=gate.epochs, learning_rate=gate.learning_rate),
    )
    seed_everything(config.seed, "gate")
    model = PTA(config.model)
    if bench.ready.start:
        bench.ready.start.fill(model)
    trained = make_ungated(bench)
    model.load_state_dict({**model.state_dict(), **trained.state_dict()})
    model.refine_by(trained.config.refined)
    if "gate" in bench.config.freeze:
        return model
    bench = seen_by(model, bench)
    setup = setup_of("gate", bench, model)  # poses of an epoch say little before its thresholds
    setup = replace(setup, config=config, ranks=bench.ranks.alone(), validate=dict)
    stage = gate_stage(setup, model, _one_frame(bench.corrupted))
    with bench.ranks.one_by_one():  # the gate is small: sharing it would cost more than it saves
        run_system(stage, "pta_gate", config, bench)
    rows = _unseen(bench)
    calibrate_gate(model, bench.clean, rows, bench.ready.data.subject[rows.numpy()])
    return model


def _one_frame(corrupted: Corrupted) -> Corrupted:
    """The kinds that a single frame can show; the streams notice a frozen sensor."""
    return {
        m: {kind: view for kind, view in kinds.items() if kind != FROZEN}
        for m, kinds in corrupted.items()
    }


def _unseen(bench: Bench) -> Tensor:
    """Frames of people whom neither encoders nor fusion nor gate were trained on."""
    rows = bench.ready.rows
    return torch.cat([rows["meta_val"], rows["val"]])
