"""How the compared systems were trained, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pta_ros.metrics.subsets import listed
from pta_ros.model.config import PTAConfig
from pta_ros.training.makers import Bench


def budget(bench: Bench) -> str:
    """What every system was trained on and how long, and what ours has besides."""
    config, rows = bench.config, f"the same {len(bench.ready.rows['train'])} rows"
    each, start = f"every system {config.meta.epochs} epochs", bench.ready.start
    if start is None:
        told = f"{each} on features of the same encoders, which saw {rows}"
    else:
        loaded = start.source.loaded
        told = (
            f"{each} on {rows}, as features of the encoders of {loaded.name} "
            f"({origin(loaded.provenance)}), "
            "which stay as they are; heads of single sensors before, as long"
        )
    more = {
        f"{config.meta.refine_epochs} epochs of its refinement": config.meta.refine_epochs,
        "what is pooled and settled, fitted on rows that validate": (
            config.model.pretrained or config.model.settle
        ),
        f"a gate of {config.gate.epochs} epochs": config.model.encoders == "lite",
    }
    names = [name for name, value in more.items() if value]
    return f"{told}; ours besides: {listed(names)}" if names else told


def origin(provenance: Mapping[str, Any]) -> str:
    """What a model was trained on, by its provenance."""
    if provenance.get("synthetic"):
        return "trained on synthetic data"
    if provenance.get("from", {}).get("synthetic"):
        return "trained on recordings, begun from a model of synthetic data"
    return "trained on recordings" if "synthetic" in provenance else "of unknown data"


def ours(model: PTAConfig) -> str:
    """What ours has beyond PTA as published."""
    has = {
        "attention in its fusion": model.attention,
        "own heads": model.own_heads,
        "mixing blocks in its head": model.mixers,
        "pre-trained models beside it": model.pretrained,
        "settled subsets": model.settle,
        "a gate": model.encoders == "lite",
    }
    names = [name for name, value in has.items() if value]
    return f"PTA with {listed(names)}" if names else "PTA as published"
