"""Features of which some are of corrupted frames: which, how often, and what they teach."""

from dataclasses import replace

import pytest
import torch

from pta_ros.datasets.feature_set import FeatureSet
from pta_ros.metrics.evaluate import outputs_of
from pta_ros.model.config import PTAConfig
from pta_ros.model.encoders import token_count
from pta_ros.model.pta import PTA
from pta_ros.training.config import TrainConfig
from pta_ros.training.meta import MetaTrainer
from pta_ros.training.mixed import Mixed, mix
from pta_ros.training.stage_config import MetaConfig

CONFIG = PTAConfig(channels=16, tokens=4, dim=16, latent=8)
NAMES = CONFIG.modalities
COUNT = 320
MARK = 7.0


def toy():
    """Joints driven by 4 causes that every modality sees, labels, and deviations."""
    generator = torch.Generator().manual_seed(0)
    causes = torch.randn(COUNT, 4, generator=generator)
    joints = (causes @ torch.randn(4, 51, generator=generator)).view(COUNT, 17, 3)
    tokens = {}
    for m in NAMES:
        shape = (COUNT, token_count("lite", m), CONFIG.channels)
        tokens[m] = torch.randn(shape, generator=generator)
        tokens[m][:, :, :4] = causes[:, None]
    points = {"lidar": torch.randn(COUNT, CONFIG.tokens, 3, generator=generator)}
    present = torch.ones(COUNT, 3, dtype=torch.bool)
    deviation = torch.rand(COUNT, 17, generator=generator)
    rows = torch.arange(COUNT)
    return FeatureSet(tokens, points, present, joints, rows, rows % 5, deviation)


def views_of(clean):
    """Two kinds of corruption: the causes of another row, with a mark of the kind."""
    return {
        m: {kind: _view(clean, m, MARK * number) for number, kind in enumerate(("one", "two"), 1)}
        for m in NAMES
    }


def _view(clean, modality, mark):
    tokens = clean.tokens[modality].roll(7, dims=0)
    tokens[:, :, 5] = mark
    points = {"lidar": clean.points["lidar"] + mark} if modality == "lidar" else {}
    return replace(clean, tokens={modality: tokens}, points=points)


CLEAN = toy()
CORRUPTED = views_of(CLEAN)
ROWS = torch.tensor([5, 0, 200, 31, 31, 17, 90, 4])


def all_of(share):
    return dict.fromkeys(NAMES, share)


def kind_of(tokens):
    """0 for clean rows, else the number of the kind, (rows,)."""
    marks = tokens[:, 0, 5]
    return torch.where(marks == MARK, 1, torch.where(marks == 2 * MARK, 2, 0))


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_none_or_all_are_corrupted_at_the_ends_of_the_share(share):
    torch.manual_seed(0)
    mixed, bad = mix(CLEAN, CORRUPTED, ROWS, all_of(share))
    assert bool((bad == (share == 1)).all())
    for m in NAMES:
        assert bool((kind_of(mixed.tokens[m]) > 0).all()) == (share == 1)
        if share == 0:
            assert torch.equal(mixed.tokens[m], CLEAN.tokens[m][ROWS])
    if share == 0:
        assert torch.equal(mixed.points["lidar"], CLEAN.points["lidar"][ROWS])
    assert torch.equal(mixed.joints, CLEAN.joints[ROWS])
    assert torch.equal(mixed.present, CLEAN.present[ROWS])
    assert torch.equal(mixed.rows, ROWS)


def test_the_configured_share_is_corrupted_each_kind_as_often_and_each_modality_by_itself():
    torch.manual_seed(0)
    rows = torch.arange(COUNT).repeat(20)
    mixed, bad = mix(CLEAN, CORRUPTED, rows, all_of(0.3))
    found = torch.stack([kind_of(mixed.tokens[m]) for m in NAMES], dim=1)
    assert torch.equal(bad, found > 0)
    for kind in (1, 2):  # standard error: 0.0045
        share = (found == kind).float().mean(dim=0)
        torch.testing.assert_close(share, torch.full((3,), 0.15), atol=0.018, rtol=0)
    pairs = (found[:, :2] > 0).all(dim=1).float().mean()
    assert float(pairs) == pytest.approx(0.09, abs=0.015)


def test_a_modality_without_a_share_stays_clean():
    mixed, bad = mix(CLEAN, CORRUPTED, ROWS, {"csi": 1.0})
    assert bad.tolist() == [[m == "csi" for m in NAMES]] * len(ROWS)
    for m in NAMES:
        assert bool((kind_of(mixed.tokens[m]) > 0).all()) == (m == "csi")


def test_corrupted_rows_are_those_of_the_view_and_the_lidar_s_points_follow_its_tokens():
    torch.manual_seed(0)
    mixed, _ = mix(CLEAN, CORRUPTED, ROWS.repeat(8), all_of(0.5))
    for m in NAMES:
        kinds = kind_of(mixed.tokens[m])
        assert set(kinds.tolist()) == {0, 1, 2}
        for i, (row, kind) in enumerate(zip(ROWS.repeat(8), kinds.tolist(), strict=True)):
            source = (CLEAN, CORRUPTED[m]["one"], CORRUPTED[m]["two"])[kind]
            assert torch.equal(mixed.tokens[m][i], source.tokens[m][row])
            if m == "lidar":
                assert torch.equal(mixed.points[m][i], source.points[m][row])


def test_the_features_that_are_mixed_from_stay_clean():
    before = {m: t.clone() for m, t in CLEAN.tokens.items()}
    points = CLEAN.points["lidar"].clone()
    mix(CLEAN, CORRUPTED, torch.arange(COUNT), all_of(1.0))
    assert all(torch.equal(before[m], CLEAN.tokens[m]) for m in NAMES)
    assert torch.equal(points, CLEAN.points["lidar"])


def test_a_draw_is_of_its_rows_and_tells_all_their_truth():
    torch.manual_seed(0)
    mask = torch.ones(len(ROWS), 3, dtype=torch.bool)
    drawn, rows = Mixed(CLEAN, CORRUPTED, all_of(0.5))(ROWS, mask)
    assert torch.equal(rows, torch.arange(len(ROWS)))
    for found, expected in zip(drawn.truth(rows), CLEAN.truth(ROWS), strict=True):
        assert len(expected) == len(ROWS)
        assert torch.equal(found, expected)


def test_what_is_used_alone_stays_clean():
    mask = torch.tensor([[True, True, False], [False, True, False]])
    drawn, _ = Mixed(CLEAN, CORRUPTED, all_of(1.0))(ROWS[:2], mask)
    for m in NAMES:
        assert (kind_of(drawn.tokens[m]) > 0).tolist() == [True, False]


def trained(draw):
    torch.manual_seed(0)
    config = TrainConfig(model=CONFIG, meta=MetaConfig(learning_rate=5e-3, align_weight=0.0))
    trainer = MetaTrainer(config, PTA(CONFIG), CLEAN, draw=draw)
    for _ in range(150):
        trainer.inner(torch.randperm(256)[:32])
    return trainer.model.eval()


def error_m(model, data, subset):
    out, rows = outputs_of(model, data, torch.arange(256, COUNT), subset)
    return float((out.joints - data.joints[rows]).norm(dim=-1).mean())


def test_a_fusion_that_has_seen_corrupted_frames_bears_them_better():
    plain, used_to_it = trained(None), trained(Mixed(CLEAN, CORRUPTED, {"csi": 0.3}))
    csi = replace(CLEAN, tokens={**CLEAN.tokens, **CORRUPTED["csi"]["one"].tokens})
    both = ("depth", "csi")
    assert error_m(used_to_it, csi, both) < 0.8 * error_m(plain, csi, both)
