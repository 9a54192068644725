"""One model over all subsets of its modalities: tables for people and figures for programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from pta_ros.checkpoint import Checkpoint
from pta_ros.datasets.feature_set import FeatureSet
from pta_ros.datasets.features import cache_features
from pta_ros.datasets.reduced import ReducedSet
from pta_ros.errors import ConfigError, DatasetError
from pta_ros.evaluation.compare import paper
from pta_ros.evaluation.compare.bounds import SPLITS
from pta_ros.evaluation.compare.plot import draw_confusion, write_confusion
from pta_ros.metrics.evaluate import (
    ActivityResult,
    SubsetResult,
    evaluate_activities,
    evaluate_subsets,
    mean_pose_error_mm,
)
from pta_ros.metrics.markdown import grid
from pta_ros.metrics.subsets import spaced
from pta_ros.sensors import SENSORS
from pta_ros.training.config import config_from
from pta_ros.training.deal import split_rows

SCHEMA = 1
Progress = Callable[[int, int], None]


def evaluate_poses(
    loaded: Checkpoint,
    data: ReducedSet,
    subjects: Sequence[str],
    cache: Path,
    progress: Progress,
    beside_paper: str | None = None,
) -> tuple[str, dict[str, Any]]:
    """Tables as Markdown, and all figures, of subjects (S01), clips (S01/A02) or scenes (E03).

    `beside_paper` adds the paper's table 1; it is the title of our own columns there.
    """
    model, config = loaded.model, loaded.model.config
    rows = torch.from_numpy(data.rows_of(tuple(subjects)))
    features, every = _features(loaded, data, rows, cache, progress)
    refined, plain = (evaluate_subsets(model, features, every, choice) for choice in (True, False))
    mean_pose = np.asarray(loaded.statistics["mean_pose_m"], np.float32)
    mean_mm = mean_pose_error_mm(mean_pose, data.joints[rows.numpy()])
    parts = [pose_table(refined, plain)]
    if beside_paper is not None:
        parts.append(paper_table(refined if config.refine else plain, beside_paper))
    parts.append(f"mean-pose predictor: {mean_mm:.1f} mm; on {' '.join(subjects)}")
    report = {
        "schema": SCHEMA,
        "model": loaded.name,
        "subjects": subjects,
        "mean_pose_mpjpe_mm": mean_mm,
        "results": [
            *({"refined": True, **asdict(result)} for result in refined),
            *({"refined": False, **asdict(result)} for result in plain),
        ],
    }
    if config.has("activity"):
        results = evaluate_activities(model, features, every)
        report["activities"] = [result.figures() for result in results]
        lines = [[spaced(r.subset), f"{r.accuracy:.1f}", str(r.samples)] for r in results]
        parts.append(grid(["subset", "activity, accuracy %", "frames"], lines))
    return "\n\n".join(parts), report


def evaluate_activity_model(
    loaded: Checkpoint,
    data: ReducedSet,
    subjects: Sequence[str] | None,
    cache: Path,
    progress: Progress,
    out: Path,
    recorded: bool = False,
    beside_paper: str | None = None,
) -> tuple[str, dict[str, Any]]:
    """Tables as Markdown, and all figures; confusions of all sensors together go to `out`.

    `subjects` None takes the model's own held-out repeats and people, ["all"] everything;
    `recorded`: `data` is of a tree of recordings. `beside_paper` adds the paper's table 2 to each
    split; it is the title of our own column there. Raises DatasetError when nothing of that is in
    `data`.
    """
    parts, found = [], []
    for split, rows in _rows_of_splits(loaded, data, subjects, recorded).items():
        features, every = _features(loaded, data, rows, cache, progress)
        refined, plain = (
            evaluate_activities(loaded.model, features, every, choice) for choice in (True, False)
        )
        title = "held-out recordings" if recorded else SPLITS.get(split, split)
        classes = loaded.model.config.classes
        lines = [
            [spaced(r.subset), f"{r.accuracy:.1f}", f"{p.accuracy:.1f}", str(r.samples)]
            for r, p in zip(refined, plain, strict=True)
        ]
        parts += [title, grid(["subset", "accuracy %", "plain %", "samples"], lines)]
        if beside_paper is not None:
            shown = refined if loaded.model.config.refine else plain
            parts.append(paper_activity_table(shown, beside_paper))
        draw_confusion(refined[-1], classes, title, out / f"confusion_{split}.png")
        write_confusion(refined[-1], classes, out / f"confusion_{split}.csv")
        found += [{"split": split, "refined": True, **result.figures()} for result in refined]
        found += [{"split": split, "refined": False, **result.figures()} for result in plain]
    return "\n\n".join(parts), {"schema": SCHEMA, "model": loaded.name, "results": found}


def _features(
    loaded: Checkpoint, data: ReducedSet, rows: Tensor, cache: Path, progress: Progress
) -> tuple[FeatureSet, Tensor]:
    """Features of these rows of `data`, and the numbers of all of them within."""
    config = loaded.model.config
    features = cache_features(
        dict(loaded.model.encoders.items()), config.channels, data, cache / "features", rows,
        progress=progress, position_points=config.tokens,
    )  # fmt: skip
    return features, torch.arange(len(rows))


def choose_subjects(
    asked: Sequence[str] | None, provenance: Mapping[str, Any], data: ReducedSet
) -> tuple[str, ...]:
    """Subjects (S01), clips (S01/A02), scenes (E03) to evaluate poses on, or the model's test ones.

    Raises DatasetError when one of them is not in the tree.
    """
    people = sorted(set(data.subject.tolist()))
    wanted = asked or provenance.get("splits", {}).get("test", [])
    if wanted == ["all"]:
        return tuple(people)
    missing = sorted({*wanted} - {*people, *data.clips.tolist(), *data.scene.tolist()})
    if missing or not wanted:
        raise DatasetError(
            f"subjects {missing or 'none given'} are not in the tree; expected some of {people}, "
            "or --subjects all"
        )
    return tuple(sorted(set(wanted)))


def _rows_of_splits(
    loaded: Checkpoint, data: ReducedSet, subjects: Sequence[str] | None, recorded: bool
) -> dict[str, Tensor]:
    """Rows to evaluate activities on, by split; "asked" for subjects that were asked for."""
    if subjects is None:
        rows, _ = split_rows(config_from(loaded.provenance["training"]).split, data, recorded)
    else:
        rows = {"asked": torch.from_numpy(data.rows_of(choose_subjects(subjects, {}, data)))}
    found = {name: rows[name] for name in (*SPLITS, "asked") if name in rows and len(rows[name])}
    if not found:
        raise DatasetError(
            f"no held-out sample of {subjects or 'the model'} among subjects "
            f"{np.unique(data.subject).tolist()}; name subjects, or --subjects all"
        )
    return found


def pose_table(refined: Sequence[SubsetResult], plain: Sequence[SubsetResult]) -> str:
    """One row per subset: errors with refined and with plain student features, and coverage."""
    rows = [
        [
            spaced(r.subset), f"{r.mpjpe_mm:.1f}", f"{r.pa_mpjpe_mm:.1f}", f"{p.mpjpe_mm:.1f}",
            f"{p.pa_mpjpe_mm:.1f}", f"{r.coverage_1std:.0%}", f"{r.coverage_2std:.0%}",
            str(r.frames),
        ]
        for r, p in zip(refined, plain, strict=True)
    ]  # fmt: skip
    errors = ["MPJPE mm", "PA-MPJPE mm", "MPJPE mm, plain", "PA-MPJPE mm, plain"]
    return grid(["subset", *errors, "within 1 std", "within 2 std", "frames"], rows)


def paper_table(results: Sequence[SubsetResult], here: str) -> str:
    """A row for each subset: here, the paper's PTA and its X-Fi; MPJPE and PA-MPJPE.

    Raises ConfigError for a model of other modalities than the paper's.
    """
    found = _of_paper({r.subset: r for r in results}, paper.TABLE_1_MPJPE_MM)
    rows = []
    for name, result in found.items():
        row = [_lettered(name)]
        for own, theirs in (
            (result.mpjpe_mm, paper.TABLE_1_MPJPE_MM),
            (result.pa_mpjpe_mm, paper.TABLE_1_PA_MPJPE_MM),
        ):
            row += [f"{value:.2f}" for value in (own, theirs["pta"][name], theirs["xfi"][name])]
        rows.append(row)
    titles = [f"{metric} mm, {who}" for metric in ("MPJPE", "PA-MPJPE")
              for who in (here, "paper's PTA", "paper's X-Fi")]  # fmt: skip
    return grid(["modality", *titles], rows)


def paper_activity_table(results: Sequence[ActivityResult], here: str) -> str:
    """A row for each subset of XRF55's sensors: accuracy here, the paper's PTA, X-Fi and Base.

    Raises ConfigError for a model of other modalities than the paper's.
    """
    systems = {"pta": "paper's PTA", "xfi": "paper's X-Fi", "mutual": "paper's Base."}
    found = _of_paper({r.subset: r for r in results}, paper.ACCURACIES)
    rows = [
        [_lettered(name), f"{result.accuracy:.2f}"]
        + [f"{paper.ACCURACIES[system][name]:.2f}" for system in systems]
        for name, result in found.items()
    ]
    return grid(["modality", *(f"accuracy %, {who}" for who in (here, *systems.values()))], rows)


_Result = TypeVar("_Result")


def _of_paper(results: dict[str, _Result], theirs: paper.Figures) -> dict[str, _Result]:
    """Results by subset, in the order of the paper's table; ConfigError for other subsets."""
    names = list(theirs["pta"])
    if set(results) != set(names):
        raise ConfigError(f"subsets are {sorted(results)}; the paper's are {names}")
    return {name: results[name] for name in names}


def _lettered(subset: str) -> str:
    """As the paper names a subset: D+L+W."""
    return "+".join(SENSORS[m].letter for m in subset.split("+"))
