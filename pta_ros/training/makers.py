"""How each compared system is trained, or read again: from one bench, one stage each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from pta_ros.datasets.features import FeatureSet
from pta_ros.metrics.evaluate import evaluate_activities, evaluate_subsets
from pta_ros.model.baselines import ConcatenateMlp, MeanOfPredictions, XFi
from pta_ros.model.heads import PoseHead
from pta_ros.model.projector import Projected
from pta_ros.model.pta import PTA
from pta_ros.model.slots import ProxySlots
from pta_ros.training.activity import begin_as, mutual_stage
from pta_ros.training.augment_centred import together
from pta_ros.training.config import TrainConfig
from pta_ros.training.corrupt import FROZEN
from pta_ros.training.distributed import ALONE, Ranks
from pta_ros.training.fit import Setup, supervised_stage
from pta_ros.training.fresh import Draw, Fresh
from pta_ros.training.gate import Corrupted, calibrate_gate, gate_stage
from pta_ros.training.meta import meta_stage
from pta_ros.training.parts import parts_of
from pta_ros.training.prepare import Prepared, Watcher, identity_of
from pta_ros.training.refine import leave_plain_what_suffers
from pta_ros.training.resume import Figures, Stage, read_stage, run_stage, seed_everything
from pta_ros.training.single import SingleModality, mean_pose
from pta_ros.training.slots import slots_stage


@dataclass(frozen=True, eq=False)
class Bench:
    """All that the systems of one seed share; `folder` is the seed's run folder.

    `histories` collects each system's figures per epoch. Without `train` a system that is not
    trained to its end raises CheckpointError. `ranks` are the processes that train together.
    """

    config: TrainConfig
    ready: Prepared
    singles: Mapping[str, SingleModality]
    clean: FeatureSet
    corrupted: Corrupted
    folder: Path
    watcher: Watcher
    train: bool = True
    histories: dict[str, list[Figures]] = field(default_factory=dict)
    ranks: Ranks = ALONE


#: PTA as configured, before its gate.
UNGATED = "pta_ungated"


def supervised_system(
    name: str, bench: Bench, make: Callable[[], ConcatenateMlp | XFi]
) -> Projected:
    """A system that the task loss alone trains."""
    seed_everything(bench.config.seed, name)
    model = make()
    _start_head(model.head, bench)
    _take_projections(model, bench)
    run_system(supervised_stage(setup_of(name, bench, model), model), name, bench.config, bench)
    return model


def make_mean_of_predictions(bench: Bench) -> MeanOfPredictions:
    """The encoders' own heads, averaged; nothing is trained."""
    model = MeanOfPredictions(bench.config.sized("single"))
    _take_projections(model, bench)
    for modality, single in bench.singles.items():
        model.heads[modality].load_state_dict(single.head.state_dict())
    return model


def make_pta(name: str, change: Callable[[TrainConfig], TrainConfig], bench: Bench) -> PTA:
    """PTA of the bench's configuration, changed: trained under `name`."""
    config = change(bench.config)
    if config.meta.refine_epochs:
        return _refined_later(name, config, bench)
    taught = make_mutual(bench) if config.model.own_heads and bench.ready.start is None else None
    seed_everything(config.seed, "model")
    model = PTA(config.model)
    start = bench.ready.start
    if start is None or not start.has("head"):
        _start_head(model.head, bench)
    if start:
        start.fill(model)
    _take_projections(model, bench)
    for modality, single in bench.singles.items():
        model.encoders[modality].load_state_dict(single.encoder.state_dict())
    if taught is not None:
        begin_as(taught, model)
    _run_meta(name, model, config, bench)
    return model


def _refined_later(name: str, config: TrainConfig, bench: Bench) -> PTA:
    """PTA whose refinement is trained by itself, after all else, which it leaves as it is.

    Beyond the paper: trained together, three quarters of the task loss come through the reverse
    process and its noise, and the fusion is worse for it (docs/fusion.md).
    """
    before = replace(
        config,
        model=replace(config.model, refine=False),
        meta=replace(config.meta, align_weight=0.0, refine_epochs=0),
    )
    trained = make_pta(f"{name}_plain", lambda _: before, bench)
    seed_everything(config.seed, "refinement")
    model = PTA(config.model)
    model.load_state_dict(trained.state_dict())
    if "refinement" not in config.freeze:
        held = [part for part in parts_of(config.model) if part != "refinement"]
        meta = replace(config.meta, epochs=config.meta.refine_epochs, plain_share=0.0)
        _run_meta(name, model, replace(config, freeze=tuple(held), meta=meta), bench)
    leave_plain_what_suffers(model, bench.clean, bench.ready.rows["meta_val"], config.task_loss)
    return model


def _run_meta(name: str, model: PTA, config: TrainConfig, bench: Bench) -> None:
    setup = replace(setup_of(name, bench, model), config=config, draw=_fresh(model, bench))
    run_system(meta_stage(setup, model, bench.ready.rows["meta_val"]), name, config, bench)


def _fresh(model: PTA, bench: Bench) -> Draw | None:
    """Of people, whose encoders see changed frames in training, the meta stage does, too."""
    if not model.config.joint_tokens:
        return None
    return Fresh(dict(model.encoders.items()), bench.ready.data, together)


def make_gated(bench: Bench) -> PTA:
    """PTA as configured with a gate, which is trained after everything else."""
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
    trained = make_pta(UNGATED, lambda config: config, bench)
    model.load_state_dict({**model.state_dict(), **trained.state_dict()})
    model.leave_plain(trained.config.unrefined)
    if "gate" in bench.config.freeze:
        return model
    setup = replace(setup_of("gate", bench, model), config=config, ranks=bench.ranks.alone())
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


def make_mutual(bench: Bench) -> MeanOfPredictions:
    """The heads, each taught by the others (mutual learning)."""
    model = make_mean_of_predictions(bench)
    seed_everything(bench.config.seed, "mutual")
    setup = replace(setup_of("mutual", bench, model), ranks=bench.ranks.alone())
    with bench.ranks.one_by_one():
        run_system(mutual_stage(setup, model), "mutual", bench.config, bench)
    return model


def make_slots(bench: Bench) -> ProxySlots:
    """The fusion with proxies for absent modalities; as wide as X-Fi's, whose cost it shares."""
    config = bench.config.sized("xfi")
    seed_everything(bench.config.seed, "slots")
    model = ProxySlots(config)
    _start_head(model.head, bench)
    _take_projections(model, bench)
    setup = replace(setup_of("slots", bench, model), ranks=ALONE)
    with bench.ranks.one_by_one():
        run_system(slots_stage(setup, model), "slots", bench.config, bench)
    return model


def _start_head(head: nn.Module, bench: Bench) -> None:
    """A pose head begins at the mean pose."""
    if isinstance(head, PoseHead):
        joints = bench.clean.joints[bench.ready.rows["train"]]
        head.start_at(torch.from_numpy(mean_pose(joints.numpy())))


def _take_projections(model: Projected, bench: Bench) -> None:
    """A system as wide as the single-modality models begins with their projections."""
    if model.config.dim != bench.config.sized("single").dim:
        return
    for modality, single in bench.singles.items():
        model.projectors[modality].load_state_dict(single.projector.state_dict())


def _unseen(bench: Bench) -> Tensor:
    """Frames of people whom neither the encoders nor the gate was trained on."""
    rows = bench.ready.rows
    return torch.cat([rows["meta_val"], rows["val"]])


def run_system(stage: Stage, name: str, config: TrainConfig, bench: Bench) -> None:
    """Train a system's stage, or read it from the bench's folder; keeps its history."""
    stage = replace(stage, name=name)
    settings = config.to_dict()
    if not config.model.gate:
        del settings["gate"]  # the gate is trained after PTA, which does not depend on it
    if not config.split.published:
        del settings["split"]["published"], settings["split"]["protocol"]
    for place in ("imported", "start_from"):  # folders; what counts is what lies in them
        del settings[place]
    if not config.freeze:
        del settings["freeze"]
    if bench.ready.imported:
        settings["imported"] = bench.ready.imported
    identity = identity_of(bench.ready, settings)
    if bench.train:
        run_stage(stage, bench.folder, identity, bench.watcher.epoch)
    else:
        read_stage(stage, bench.folder, identity)
    bench.histories[name] = stage.history


def setup_of(name: str, bench: Bench, model: Projected) -> Setup:
    """The bench's training rows, validated on its validation rows."""

    def validate() -> Figures:
        rows = bench.ready.rows["val"]
        if bench.config.model.has("pose"):
            poses = evaluate_subsets(model, bench.clean, rows)
            return {f"val_{r.subset}_mm": r.mpjpe_mm for r in poses}
        activities = evaluate_activities(model, bench.clean, rows)
        return {f"val_{r.subset}_%": r.accuracy for r in activities}

    return Setup(
        bench.config, bench.clean, bench.ready.rows["train"], validate,
        bench.watcher.progress(name), bench.ranks,
    )  # fmt: skip
