"""The systems that are compared: the same encoders, data, budget and seed; one stage each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from pta_ros.errors import ConfigError
from pta_ros.metrics.evaluate import evaluate_activities
from pta_ros.model.baselines import ConcatenateMlp, XFi
from pta_ros.model.projector import Projected
from pta_ros.model.pta import PTA
from pta_ros.training.activity import activity_stage, with_activity
from pta_ros.training.config import TrainConfig
from pta_ros.training.fit import Setup, calibrate
from pta_ros.training.make_pta import UNGATED, make_gated, make_pta, make_ungated
from pta_ros.training.makers import (
    Bench,
    make_mean_of_predictions,
    make_mutual,
    make_slots,
    on_frozen,
    run_system,
    seen_by,
    supervised_system,
)
from pta_ros.training.resume import Figures, seed_everything


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


_BOTH = ("pose", "activity")
#: Okabe and Ito's colours and greys; the two systems of interest are the strongest.
_ALL = (
    System("base1", "Base.1 (concatenate + MLP)", "Base.1", "#C4C4C4",
           lambda bench: supervised_system(
               "base1", bench, lambda: ConcatenateMlp(bench.config.model))),
    System("base2", "Base.2 (mean of predictions)", "Base.2", "#8C8C8C",
           lambda bench: make_mean_of_predictions(bench)),
    System("mutual", "Base. (mutual learning)", "mutual", "#8C8C8C",
           lambda bench: make_mutual(bench), ("activity",)),
    System("xfi", "X-Fi fusion", "X-Fi", "#E69F00",
           lambda bench: supervised_system(
               "xfi", bench, lambda: XFi(bench.config.sized("xfi"))), _BOTH),
    System("slots", "Proxies in slots", "slots", "#F0E442",
           lambda bench: make_slots(bench), _BOTH),
    System("pta_no_diffusion", "PTA without diffusion", "no diffusion", "#56B4E9",
           lambda bench: make_pta("pta_no_diffusion", without_diffusion, bench), _BOTH),
    System("pta_no_meta", "PTA without meta weights", "no meta weights", "#CC79A7",
           lambda bench: make_pta("pta_no_meta", without_meta_weights, bench), _BOTH),
    System("pta", "PTA", "PTA", "#0072B2",
           lambda bench: make_pta("pta", as_published, bench), _BOTH),
    System(UNGATED, "Ours, no gate", "no gate", "#999999",
           lambda bench: make_ungated(bench), _BOTH, compared=False),
    System("pta_gate", "Ours", "ours", "#D55E00", lambda bench: make_gated(bench), _BOTH),
)  # fmt: skip
#: Task -> name -> system, in the order of the tables.
BY_TASK: dict[str, dict[str, System]] = {
    task: {s.name: s for s in _ALL if task in s.tasks} for task in _BOTH
}
SYSTEMS = BY_TASK["pose"]


def systems_of(config: TrainConfig) -> list[str]:
    """Names of all systems that a configuration allows.

    A gate, and so ours without it, is of encoders `lite`: corrupted frames are made for those. Of
    people ours has none.
    """
    others = {"lite": (), "centred": (UNGATED,)}.get(config.model.encoders, (UNGATED, "pta_gate"))
    return [name for name in BY_TASK[config.model.tasks[0]] if name not in others]


def as_published(config: TrainConfig) -> TrainConfig:
    """PTA as published: fusion, head and refinement's training are the paper's, encoders frozen."""
    model = replace(
        config.model, attention=0, mixers=0, own_heads=False, settle=False, pretrained=0
    )
    meta = replace(config.meta, refine_epochs=0, corrupt={})
    return on_frozen(replace(config, model=model, meta=meta))


def without_diffusion(config: TrainConfig) -> TrainConfig:
    """The ablation that fuses plain features; no alignment loss."""
    paper = as_published(config)
    return replace(
        paper, model=replace(paper.model, refine=False), meta=replace(paper.meta, align_weight=0.0)
    )


def without_meta_weights(config: TrainConfig) -> TrainConfig:
    """The ablation whose weights stay uniform."""
    paper = as_published(config)
    return replace(paper, meta=replace(paper.meta, outer="none"))


def make_system(name: str, bench: Bench) -> Projected:
    """Train a system, or read it from `bench.folder`; calibrated on validation subjects.

    Raises ConfigError for an unknown name.
    """
    known = BY_TASK[bench.config.model.tasks[0]]
    if name not in known:
        raise ConfigError(f"system {name!r} is unknown; expected some of {list(known)}")
    system = known[name].make(bench)
    calibrate(system, seen_by(system, bench).clean, bench.ready.rows["val"])
    return system.eval()


def add_activity(model: PTA, config: TrainConfig, bench: Bench) -> PTA:
    """`model` with a second head, trained or read from `bench.folder`; the rest stays as it is."""
    seed_everything(config.seed, "activity")
    bench = seen_by(model, bench)
    both, rows = with_activity(model, config, bench.ready.start), bench.ready.rows
    if "activity" in config.freeze:
        return both

    def validate() -> Figures:
        found = evaluate_activities(both, bench.clean, rows["val"])
        return {f"val_{r.subset}_%": r.accuracy for r in found}

    trained = torch.cat([rows["train"], rows["meta_val"]])
    shown, alone = bench.watcher.progress("activity"), bench.ranks.alone()
    setup = Setup(config, bench.clean, trained, validate, shown, alone)
    with bench.ranks.one_by_one():
        run_system(activity_stage(setup, both), "activity", config, bench)
    return both.eval()
