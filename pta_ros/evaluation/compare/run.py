"""The compared systems over the test samples: records for the tables, from cached features."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pta_ros.datasets.clips import made_with
from pta_ros.datasets.wide import Clip, clips_of
from pta_ros.errors import CheckpointError, DatasetError
from pta_ros.evaluation.compare.bounds import SPLITS
from pta_ros.evaluation.compare.corrupted import corrupted_sets, unused_frames, wider
from pta_ros.evaluation.compare.kept import Tested, kept_or_tested
from pta_ros.evaluation.compare.plot import draw_confusion
from pta_ros.evaluation.compare.recipe import budget, ours
from pta_ros.evaluation.compare.records import (
    ActivityRecord,
    Context,
    Data,
    Machine,
    PoseRecord,
    R,
    Slices,
)
from pta_ros.evaluation.compare.slices import slices_of
from pta_ros.evaluation.compare.table import PLAIN
from pta_ros.metrics.evaluate import (
    ActivityResult,
    evaluate_activities,
    evaluate_subsets,
    mean_pose_error_mm,
)
from pta_ros.metrics.subsets import listed
from pta_ros.model.projector import Projected
from pta_ros.training.corrupt import FROZEN
from pta_ros.training.make_pta import UNGATED
from pta_ros.training.makers import Bench
from pta_ros.training.prepare import Watcher, provenance_of
from pta_ros.training.run import GATED, read_bench
from pta_ros.training.single import mean_pose
from pta_ros.training.systems import make_system, systems_of

#: Without these there is no comparison.
_NEEDED = {"pose": ("pta", UNGATED, GATED), "activity": ("pta",)}


def compare_poses(
    root: Path, folder: Path, seeds: Sequence[int], command: str, watcher: Watcher
) -> tuple[list[PoseRecord], Context]:
    """Test every system of every seed in `folder` (train_systems); every frame is encoded once.

    A compared system that is not trained to its end is left out and noted, and the tables say so.
    Raises CheckpointError when a seed was not begun, or PTA itself is not there.
    """
    histories = {}
    tested: list[Tested[PoseRecord]] = []
    for seed in seeds:
        bench = read_bench(root, folder, seed, watcher)
        test_rows = tested_rows(bench).numpy()
        tested += _tested(bench, seed, PoseRecord, _pose_records)
        shares = bench.histories["pta"]
        names = bench.config.model.modalities
        histories[seed] = {m: [epoch[f"weight_{m}"] for epoch in shares] for m in names}
    joints = bench.ready.data.joints
    mean = mean_pose(joints[bench.ready.rows["train"].numpy()])
    xfi, single = (bench.config.sized(name).dim for name in ("xfi", "single"))
    width = (
        f"feature width D = {bench.config.model.dim}, X-Fi and proxies {xfi}, mean of predictions "
        f"{single}"
    )
    context = replace(
        _context(root, bench, seeds, command, tested),
        subjects=tuple(np.unique(bench.ready.data.subject[test_rows]).tolist()),
        frames=len(test_rows),
        mean_pose_mm=mean_pose_error_mm(mean, joints[test_rows]),
        histories=histories,
        slices=_slices(root) if bench.config.model.joint_tokens else {},
        training=f"{budget(bench)}; {width}",
    )
    return _records(tested), context


def _slices(root: Path) -> Slices:
    return slices_of([Clip.open(folder) for folder in clips_of(root, "test")])


def compare_activities(
    root: Path, folder: Path, seeds: Sequence[int], command: str, out: Path, watcher: Watcher
) -> tuple[list[ActivityRecord], Context]:
    """The same for activities; confusions of the first seed's PTA are drawn into `out`."""
    tested: list[Tested[ActivityRecord]] = []
    for seed in seeds:
        bench = read_bench(root, folder, seed, watcher)
        tested += _tested(bench, seed, ActivityRecord, _activity_records)
        if seed == seeds[0]:
            _draw_confusions(bench, root, out)
    context = replace(
        _context(root, bench, seeds, command, tested),
        subjects=tuple(bench.ready.splits.get("unseen", ())),
        samples={name: len(rows) for name, rows in bench.ready.rows.items()},
        training=f"{budget(bench)}; feature width D = {bench.config.model.dim}",
    )
    return _records(tested), context


def _tested(
    bench: Bench,
    seed: int,
    kind: type[R],
    test: Callable[[str, int, Projected, Bench], Iterable[R]],
) -> Iterator[Tested[R]]:
    """The records of every system of one seed that is there, system by system."""
    task = bench.config.model.tasks[0]
    for name in systems_of(bench.config):
        try:
            system = make_system(name, bench)
        except CheckpointError as error:
            if name in _NEEDED[task]:
                raise
            bench.watcher.note(f"seed {seed}: {name} left out: {error}")
            continue
        yield kept_or_tested(bench, name, system, kind, partial(test, name, seed, system))
        bench.watcher.note(f"seed {seed}: {name} tested")


def _records(tested: Iterable[Tested[R]]) -> list[R]:
    return [record for one in tested for record in one.records]


def _pose_records(name: str, seed: int, system: Projected, bench: Bench) -> Iterator[PoseRecord]:
    rows, people = tested_rows(bench), bench.ready.data.subject
    for result in evaluate_subsets(system, bench.clean, rows, people=people):
        yield PoseRecord(**asdict(result), system=name, seed=seed)
    if name == "pta":
        for result in evaluate_subsets(system, bench.clean, rows, refine=False):
            yield PoseRecord(**asdict(result), system=PLAIN, seed=seed)
    for modality, kind, data in corrupted_sets(bench):
        unused = unused_frames(bench, modality) if (name, kind) == (GATED, FROZEN) else None
        only = wider(bench, modality)
        for result in evaluate_subsets(system, data, rows, only=only, unused=unused):
            corruption = f"{modality}/{kind}"
            yield PoseRecord(**asdict(result), system=name, seed=seed, corruption=corruption)


def tested_rows(bench: Bench) -> Tensor:
    """Rows of the test; of the wide world those whom all sensors see: all subsets are of the same.

    Raises DatasetError where these are none.
    """
    rows, wide = bench.ready.rows["test"], bench.config.model.joint_tokens
    kept = rows[bench.clean.seeing(rows).all(dim=1)] if wide else rows
    if not len(kept):
        names = listed(bench.config.model.modalities)
        raise DatasetError(f"test scenes: nobody whom all of {names} see; expected more scenes")
    return kept


def _activity_records(
    name: str, seed: int, system: Projected, bench: Bench
) -> Iterator[ActivityRecord]:
    people = bench.ready.data.subject
    for split in (s for s in SPLITS if s in bench.ready.rows):
        rows = bench.ready.rows[split]
        told = partial(_activity_record, name, seed, split)
        yield from map(told, evaluate_activities(system, bench.clean, rows, people=people))
        for modality, kind, data in corrupted_sets(bench):
            found = evaluate_activities(system, data, rows, only=wider(bench, modality))
            yield from (told(result, f"{modality}/{kind}") for result in found)


def _activity_record(
    name: str, seed: int, split: str, r: ActivityResult, corruption: str | None = None
) -> ActivityRecord:
    return ActivityRecord(
        system=name, seed=seed, split=split, subset=r.subset, samples=r.samples,
        accuracy=r.accuracy, corruption=corruption, people=r.people,
    )  # fmt: skip


def _draw_confusions(bench: Bench, root: Path, out: Path) -> None:
    """PTA's confusion with all sensors on each split."""
    out.mkdir(parents=True, exist_ok=True)
    system, classes = make_system("pta", bench), bench.config.model.classes
    origin = ", synthetic data" if made_with(root) else ""
    for split in (s for s in SPLITS if s in bench.ready.rows):
        whole = evaluate_activities(system, bench.clean, bench.ready.rows[split])[-1]
        title = SPLITS[split] + origin
        draw_confusion(whole, classes, title, out / f"confusion_{split}.png")


def _context(
    root: Path, bench: Bench, seeds: Sequence[int], command: str, tested: Iterable[Tested[R]]
) -> Context:
    """What all comparisons have in common."""
    made: Any = provenance_of(bench.config, root, bench.ready, 0)["synthetic"]
    about = made["runs"][0] if isinstance(made, dict) and made.get("runs") else {}
    return Context(
        command=command,
        data=Data(bool(made), about.get("preset"), about.get("seed")),
        machine=Machine(os.cpu_count() or 1, platform.machine(), torch.__version__),
        wall_s=sum(one.wall_s for one in tested),
        seeds=tuple(seeds),
        subjects=(),
        ours=ours(bench.config.model),
        wide=bench.config.model.joint_tokens,
    )
