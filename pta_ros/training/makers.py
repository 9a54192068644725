"""How compared systems are trained, or read again: from one bench, one stage each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import nn

from pta_ros.datasets.feature_set import FeatureSet
from pta_ros.metrics.evaluate import evaluate_activities, evaluate_subsets
from pta_ros.model.baselines import ConcatenateMlp, MeanOfPredictions, XFi
from pta_ros.model.heads import PoseHead
from pta_ros.model.projector import Projected
from pta_ros.model.pta import PTA
from pta_ros.model.slots import ProxySlots
from pta_ros.training.activity import mutual_stage
from pta_ros.training.augment_centred import together
from pta_ros.training.config import TrainConfig
from pta_ros.training.distributed import ALONE, Ranks
from pta_ros.training.encoders import features_of
from pta_ros.training.fit import Setup, supervised_stage
from pta_ros.training.fresh import Fresh
from pta_ros.training.mixed import Corrupted
from pta_ros.training.prepare import Prepared, Watcher, identity_of, shown_sha256
from pta_ros.training.resume import Figures, Stage, read_stage, run_stage, seed_everything
from pta_ros.training.single import SingleModality, mean_pose
from pta_ros.training.slots import slots_stage
from pta_ros.training.stage_config import DistilConfig
from pta_ros.workers.workforce import EVERY_CORE, Workforce


@dataclass(frozen=True, eq=False)
class Bench:
    """All that the systems of one seed share; `folder` is the seed's run folder.

    `histories` collects each system's figures per epoch. Without `train` a system that is not
    trained to its end raises CheckpointError. `ranks` are the processes that train together;
    `workforce` encodes frames, where somebody asked for it.
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
    workforce: Workforce = EVERY_CORE


def supervised_system(
    name: str, bench: Bench, make: Callable[[], ConcatenateMlp | XFi]
) -> Projected:
    """A system that the task loss alone trains."""
    config = on_frozen(bench.config)
    seed_everything(config.seed, name)
    model = make()
    start_head(model.head, bench)
    take_projections(model, bench)
    run_system(supervised_stage(setup_of(name, bench, model), model), name, config, bench)
    return model


def make_mean_of_predictions(bench: Bench) -> MeanOfPredictions:
    """The encoders' own heads, averaged; nothing is trained."""
    model = MeanOfPredictions(bench.config.sized("single"))
    take_projections(model, bench)
    for modality, single in bench.singles.items():
        model.heads[modality].load_state_dict(single.head.state_dict())
    return model


def make_mutual(bench: Bench) -> MeanOfPredictions:
    """The heads, each taught by the others (mutual learning)."""
    model = make_mean_of_predictions(bench)
    seed_everything(bench.config.seed, "mutual")
    setup = replace(setup_of("mutual", bench, model), ranks=bench.ranks.alone())
    with bench.ranks.one_by_one():
        run_system(mutual_stage(setup, model), "mutual", on_frozen(bench.config), bench)
    return model


def make_slots(bench: Bench) -> ProxySlots:
    """The fusion with proxies for absent modalities; as wide as X-Fi's, whose cost it shares."""
    config = bench.config.sized("xfi")
    seed_everything(bench.config.seed, "slots")
    model = ProxySlots(config)
    start_head(model.head, bench)
    take_projections(model, bench)
    setup = replace(setup_of("slots", bench, model), ranks=ALONE)
    with bench.ranks.one_by_one():
        run_system(slots_stage(setup, model), "slots", on_frozen(bench.config), bench)
    return model


def on_frozen(config: TrainConfig) -> TrainConfig:
    """The configuration of what is trained on encoders as they were pre-trained."""
    return replace(config, distil=DistilConfig())


def start_head(head: nn.Module, bench: Bench) -> None:
    """A pose head begins at the mean pose."""
    if isinstance(head, PoseHead):
        joints = bench.clean.joints[bench.ready.rows["train"]]
        head.start_at(torch.from_numpy(mean_pose(joints.numpy())))


def seen_by(model: nn.Module, bench: Bench) -> Bench:
    """The bench with features of the model's own encoders, where those were trained on."""
    if not isinstance(model, PTA) or _as_pretrained(model, bench):
        return bench
    own = dict(model.eval().encoders.items())
    with bench.ranks.one_by_one():
        clean, corrupted = features_of(
            bench.config, bench.ready, own, bench.folder, bench.watcher, bool(bench.corrupted),
            bench.ranks, bench.workforce,
        )  # fmt: skip
    return replace(bench, clean=clean, corrupted=corrupted)


def _as_pretrained(model: PTA, bench: Bench) -> bool:
    return all(
        torch.equal(value, model.encoders[modality].state_dict()[name])
        for modality, single in bench.singles.items()
        for name, value in single.encoder.state_dict().items()
    )


def take_projections(model: Projected, bench: Bench) -> None:
    """A system as wide as the single-modality models begins with their projections."""
    if model.config.dim != bench.config.sized("single").dim:
        return
    for modality, single in bench.singles.items():
        model.projectors[modality].load_state_dict(single.projector.state_dict())


def run_system(stage: Stage, name: str, config: TrainConfig, bench: Bench) -> None:
    """Train a system's stage, or read it from the bench's folder; keeps its history."""
    stage = replace(stage, name=name)
    settings = config.to_dict()
    if not config.model.gate:
        del settings["gate"]  # the gate is trained after PTA, which does not depend on it
    if not config.distil.epochs:
        del settings["distil"]
    if not config.split.published:
        del settings["split"]["published"], settings["split"]["protocol"]
    if not config.meta.corrupt:
        del settings["meta"]["corrupt"]
    for place in ("imported", "start_from", "take"):  # what counts is what lies in the folders
        del settings[place]
    if bench.ready.given:
        del settings["pretrain"], settings["find"]
    if not config.freeze:
        del settings["freeze"]
    if bench.ready.imported:
        settings["imported"] = bench.ready.imported
    if bench.ready.data.sees:
        settings["shown"] = shown_sha256(bench.ready.data)
    identity = identity_of(bench.ready, settings)
    if bench.train:
        run_stage(stage, bench.folder, identity, bench.watcher.epoch)
    else:
        read_stage(stage, bench.folder, identity)
    bench.histories[name] = stage.history


def setup_of(name: str, bench: Bench, model: Projected) -> Setup:
    """The bench's training rows, validated on its validation rows.

    Of people, whose encoders see changed frames in training, every system does, too; not behind a
    model's encoders, which the run did not train on these frames.
    """

    def validate() -> Figures:
        rows = bench.ready.rows["val"]
        if bench.config.model.has("pose"):
            poses = evaluate_subsets(model, bench.clean.without_blind(), rows)
            return {f"val_{r.subset}_mm": r.mpjpe_mm for r in poses}
        activities = evaluate_activities(model, bench.clean, rows)
        return {f"val_{r.subset}_%": r.accuracy for r in activities}

    draw = None
    if bench.config.model.joint_tokens and not bench.ready.given:
        device = bench.ranks.device  # a copy: stages leave what they trained on the CPU
        encoders = {m: deepcopy(s.encoder).to(device) for m, s in bench.singles.items()}
        draw = Fresh(encoders, bench.ready.data, together)
    return Setup(
        bench.config, bench.clean, bench.ready.rows["train"], validate,
        bench.watcher.progress(name), bench.ranks, draw,
    )  # fmt: skip
