"""One activity model over all subsets of its sensors, on the splits it was trained with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pta_ros.checkpoint import Checkpoint
from pta_ros.datasets.features import cache_features
from pta_ros.datasets.reduced import ReducedSet
from pta_ros.errors import DatasetError
from pta_ros.evaluation.compare.activity_plot import draw_confusion, write_confusion
from pta_ros.evaluation.compare.activity_table import SPLITS
from pta_ros.evaluation.compare.text import grid, spaced
from pta_ros.metrics.activity import evaluate_activities
from pta_ros.training.config import config_from
from pta_ros.training.prepare import split_rows


def evaluate_model(
    loaded: Checkpoint,
    data: ReducedSet,
    subjects: Sequence[str] | None,
    cache: Path,
    out: Path,
    progress: Callable[[int, int], None],
) -> tuple[str, dict[str, Any]]:
    """Tables as Markdown, and all figures; confusions of all sensors together go to `out`.

    `subjects` None takes the model's own held-out repeats and people, ["all"] everything. Raises
    DatasetError when nothing of that is in `data`.
    """
    config, text, results = loaded.model.config, [], []
    for split, rows in _chosen(loaded, data, subjects).items():
        features = cache_features(
            dict(loaded.model.encoders.items()), config.channels, data, cache / "features", rows,
            progress=progress, position_points=config.tokens,
        )  # fmt: skip
        every, title = torch.arange(len(rows)), SPLITS.get(split, split)
        refined, plain = (
            evaluate_activities(loaded.model, features, every, refine) for refine in (True, False)
        )
        lines = [
            [spaced(r.subset), f"{r.accuracy:.1f}", f"{p.accuracy:.1f}", str(r.samples)]
            for r, p in zip(refined, plain, strict=True)
        ]
        text.append(f"{title}\n\n" + grid(["subset", "accuracy %", "plain %", "samples"], lines))
        draw_confusion(refined[-1], config.classes, title, out / f"confusion_{split}.png")
        write_confusion(refined[-1], config.classes, out / f"confusion_{split}.csv")
        results += [
            {"split": split, "refined": name, **r.figures()}
            for name, part in ((True, refined), (False, plain))
            for r in part
        ]
    return "\n\n".join(text), {"schema": 1, "model": loaded.name, "results": results}


def _chosen(
    loaded: Checkpoint, data: ReducedSet, subjects: Sequence[str] | None
) -> dict[str, Tensor]:
    """Rows by split."""
    if subjects is None:
        rows, _ = split_rows(config_from(loaded.provenance["training"]).split, data)
        found = {name: rows[name] for name in SPLITS if name in rows and len(rows[name])}
    else:
        people = sorted(set(data.subject)) if list(subjects) == ["all"] else subjects
        absent = sorted(set(people) - {*data.subject.tolist(), *data.clips.tolist()})
        if absent:
            raise DatasetError(
                f"subjects {absent} are not in the tree; expected some of "
                f"{np.unique(data.subject).tolist()}, or --subjects all"
            )
        asked = torch.from_numpy(data.rows_of(tuple(people)))
        found = {"asked": asked} if len(asked) else {}
    if not found:
        raise DatasetError(
            f"no held-out sample of {subjects or 'the model'} among subjects "
            f"{np.unique(data.subject).tolist()}; name subjects, or --subjects all"
        )
    return found
