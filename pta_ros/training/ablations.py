"""Configurations of PTA as published, and without one of its parts."""

from __future__ import annotations

from dataclasses import replace

from pta_ros.training.config import TrainConfig


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
