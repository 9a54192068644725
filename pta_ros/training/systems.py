"""The systems that are compared: the same encoders, data, budget and seed; one stage each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from pta_ros.datasets.features import FeatureSet
from pta_ros.errors import ConfigError
from pta_ros.metrics.evaluate import evaluate_activities, evaluate_subsets
from pta_ros.model.baselines import ConcatenateMlp, MeanOfPredictions, XFi
from pta_ros.model.heads import PoseHead
from pta_ros.model.projector import Projected
from pta_ros.model.pta import PTA
from pta_ros.training.activity import activity_stage, mutual_stage, with_activity
from pta_ros.training.augment_centred import together
from pta_ros.training.config import TrainConfig
from pta_ros.training.corrupt import FROZEN
from pta_ros.training.distributed import ALONE, Ranks
from pta_ros.training.fit import Setup, calibrate, supervised_stage
from pta_ros.training.fresh import Draw, Fresh
from pta_ros.training.gate import Corrupted, calibrate_gate, gate_stage
from pta_ros.training.meta import meta_stage
from pta_ros.training.prepare import Prepared, Watcher, identity_of
from pta_ros.training.pretrain import SingleModality, mean_pose
from pta_ros.training.resume import Figures, Stage, read_stage, run_stage, seed_everything


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


@dataclass(frozen=True)
class System:
    """A system that is compared, or trained on the way: its names, its colour, how it is made.

    `title` heads its column, `short` stands beside its bar. `make` trains it, or reads it from the
    run folder. One that is not `compared` has no column and no bar.
    """

    name: str
    title: str
    short: str
    colour: str
    make: Callable[[Bench], Projected]
    tasks: tuple[str, ...] = ("pose",)
    compared: bool = True


#: PTA as configured, before its gate.
UNGATED = "pta_ungated"
_BOTH = ("pose", "activity")
#: Okabe and Ito's colours and greys; the two systems of interest are the strongest.
_ALL = (
    System("base1", "Base.1 (concatenate + MLP)", "Base.1", "#C4C4C4",
           lambda bench: _supervised("base1", bench, lambda: ConcatenateMlp(bench.config.model))),
    System("base2", "Base.2 (mean of predictions)", "Base.2", "#8C8C8C",
           lambda bench: _mean_of_predictions(bench)),
    System("mutual", "Base. (mutual learning)", "mutual", "#8C8C8C",
           lambda bench: _mutual(bench), ("activity",)),
    System("xfi", "X-Fi fusion", "X-Fi", "#E69F00",
           lambda bench: _supervised("xfi", bench, lambda: XFi(bench.config.sized("xfi"))), _BOTH),
    System("pta_no_diffusion", "PTA without diffusion", "no diffusion", "#56B4E9",
           lambda bench: _pta("pta_no_diffusion", without_diffusion, bench), _BOTH),
    System("pta_no_meta", "PTA without meta weights", "no meta weights", "#CC79A7",
           lambda bench: _pta("pta_no_meta", without_meta_weights, bench), _BOTH),
    System("pta", "PTA", "PTA", "#0072B2",
           lambda bench: _pta("pta", with_paper_head, bench), _BOTH),
    System(UNGATED, "PTA + mixers, no gate", "no gate", "#999999",
           lambda bench: _pta(UNGATED, lambda config: config, bench), compared=False),
    System("pta_gate", "PTA + mixers + gate (ours)", "ours", "#D55E00",
           lambda bench: _gated(bench)),
)  # fmt: skip
#: Task -> name -> system, in the order of the tables.
BY_TASK: dict[str, dict[str, System]] = {
    task: {s.name: s for s in _ALL if task in s.tasks} for task in _BOTH
}
SYSTEMS = BY_TASK["pose"]


def with_paper_head(config: TrainConfig) -> TrainConfig:
    """PTA as published: the head is linear on pooled tokens."""
    return replace(config, model=replace(config.model, mixers=0))


def without_diffusion(config: TrainConfig) -> TrainConfig:
    """The ablation that fuses plain features; no alignment loss."""
    paper = with_paper_head(config)
    return replace(
        paper, model=replace(paper.model, refine=False), meta=replace(paper.meta, align_weight=0.0)
    )


def without_meta_weights(config: TrainConfig) -> TrainConfig:
    """The ablation whose weights stay uniform."""
    paper = with_paper_head(config)
    return replace(paper, meta=replace(paper.meta, outer="none"))


def make_system(name: str, bench: Bench) -> Projected:
    """Train a system, or read it from `bench.folder`; calibrated on validation subjects.

    Raises ConfigError for an unknown name.
    """
    known = BY_TASK[bench.config.model.tasks[0]]
    if name not in {*known, UNGATED}:  # the model that a single run trains, of any task
        raise ConfigError(f"system {name!r} is unknown; expected some of {list(known)}")
    system = {**SYSTEMS, **known}[name].make(bench)
    calibrate(system, bench.clean, bench.ready.rows["val"])
    return system.eval()


def add_activity(model: PTA, config: TrainConfig, bench: Bench) -> PTA:
    """`model` with a second head, trained or read from `bench.folder`; the rest stays as it is."""
    seed_everything(config.seed, "activity")
    both, rows = with_activity(model, config), bench.ready.rows

    def validate() -> Figures:
        found = evaluate_activities(both, bench.clean, rows["val"])
        return {f"val_{r.subset}_%": r.accuracy for r in found}

    trained = torch.cat([rows["train"], rows["meta_val"]])
    setup = Setup(config, bench.clean, trained, validate, bench.watcher.progress("activity"))
    with bench.ranks.one_by_one():
        _run(activity_stage(setup, both), "activity", config, bench)
    return both.eval()


def _supervised(name: str, bench: Bench, make: Callable[[], ConcatenateMlp | XFi]) -> Projected:
    seed_everything(bench.config.seed, name)
    model = make()
    _start_head(model.head, bench)
    _take_projections(model, bench)
    _run(supervised_stage(_setup(name, bench, model), model), name, bench.config, bench)
    return model


def _mean_of_predictions(bench: Bench) -> MeanOfPredictions:
    model = MeanOfPredictions(bench.config.sized("single"))
    _take_projections(model, bench)
    for modality, single in bench.singles.items():
        model.heads[modality].load_state_dict(single.head.state_dict())
    return model


def _pta(name: str, change: Callable[[TrainConfig], TrainConfig], bench: Bench) -> PTA:
    config = change(bench.config)
    seed_everything(config.seed, "model")
    model = PTA(config.model)
    _start_head(model.head, bench)
    _take_projections(model, bench)
    for modality, single in bench.singles.items():
        model.encoders[modality].load_state_dict(single.encoder.state_dict())
    setup = replace(_setup(name, bench, model), config=config, draw=_fresh(model, bench))
    _run(meta_stage(setup, model, bench.ready.rows["meta_val"]), name, config, bench)
    return model


def _fresh(model: PTA, bench: Bench) -> Draw | None:
    """Of people, whose encoders see changed frames in training, the meta stage does, too."""
    if not model.config.joint_tokens:
        return None
    return Fresh(dict(model.encoders.items()), bench.ready.data, together)


def _gated(bench: Bench) -> PTA:
    gate = bench.config.gate
    config = replace(
        bench.config,
        model=replace(bench.config.model, gate=True),
        meta=replace(bench.config.meta, epochs=gate.epochs, learning_rate=gate.learning_rate),
    )
    seed_everything(config.seed, "gate")
    model = PTA(config.model)
    trained = SYSTEMS[UNGATED].make(bench).state_dict()
    model.load_state_dict({**model.state_dict(), **trained})
    setup = replace(_setup("gate", bench, model), config=config, ranks=ALONE)
    stage = gate_stage(setup, model, _one_frame(bench.corrupted))
    with bench.ranks.one_by_one():  # the gate is small: sharing it would cost more than it saves
        _run(stage, "pta_gate", config, bench)
    rows = _unseen(bench)
    calibrate_gate(model, bench.clean, rows, bench.ready.data.subject[rows.numpy()])
    return model


def _one_frame(corrupted: Corrupted) -> Corrupted:
    """The kinds that a single frame can show; the streams notice a frozen sensor."""
    return {
        m: {kind: view for kind, view in kinds.items() if kind != FROZEN}
        for m, kinds in corrupted.items()
    }


def _mutual(bench: Bench) -> MeanOfPredictions:
    model = _mean_of_predictions(bench)
    seed_everything(bench.config.seed, "mutual")
    setup = replace(_setup("mutual", bench, model), ranks=ALONE)
    with bench.ranks.one_by_one():
        _run(mutual_stage(setup, model), "mutual", bench.config, bench)
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


def _run(stage: Stage, name: str, config: TrainConfig, bench: Bench) -> None:
    stage = replace(stage, name=name)
    settings = config.to_dict()
    if not config.model.gate:
        del settings["gate"]  # the gate is trained after PTA, which does not depend on it
    if not config.split.published:
        del settings["split"]["published"], settings["split"]["protocol"]
    del settings["imported"]  # a folder; what counts is what lies in it
    if bench.ready.imported:
        settings["imported"] = bench.ready.imported
    identity = identity_of(bench.ready, settings)
    if bench.train:
        run_stage(stage, bench.folder, identity, bench.watcher.epoch)
    else:
        read_stage(stage, bench.folder, identity)
    bench.histories[name] = stage.history


def _setup(name: str, bench: Bench, model: Projected) -> Setup:
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
