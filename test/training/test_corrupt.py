"""Corrupted frames: what each kind does, that it is repeatable, and where a frozen sensor looks."""

from multiprocessing.reduction import ForkingPickler

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pta_ros.datasets.encoding import Block
from pta_ros.datasets.reduced import ReducedSet
from pta_ros.training.corrupt import (
    CORRUPTIONS,
    FROZEN,
    corrupted_view,
    frozen_rows,
    kinds,
)

SHAPES = {"depth": (96, 128), "lidar": (512, 3), "csi": (3, 114, 10)}
KINDS = [(m, kind) for m in SHAPES for kind in kinds(m)]
OWN_KINDS = [(m, kind) for m, kind in KINDS if kind != FROZEN]
CLIPS = [("S01", "A01", 7), ("S01", "A02", 4), ("S02", "A02", 6)]


def frames_of(clips, present=1.0, inputs=True):
    """Clips (subject, action, frames) of random reduced frames; `present` is a share."""
    rng = np.random.default_rng(0)
    count = sum(n for *_, n in clips)
    arrays = {}
    if inputs:
        far, near = rng.uniform(1.5, 4, (2, count, *SHAPES["depth"]))
        arrays = {
            "depth": np.where(far < 3.5, near, 0),  # a fifth of the pixels return nothing
            "lidar": rng.normal((3, 0, 0), 0.3, (count, *SHAPES["lidar"])),
            "csi": rng.uniform(0.05, 1, (count, *SHAPES["csi"])),
        }
    names = [(s, a) for s, a, n in clips for _ in range(n)]
    return ReducedSet(
        inputs={m: a.astype(np.float32) for m, a in arrays.items()},
        present={m: rng.random(count) < present for m in SHAPES},
        joints=np.zeros((count, 17, 3), np.float32),
        scene=np.array(["E01"] * count),
        subject=np.array([s for s, _ in names]),
        action=np.array([a for _, a in names]),
        number=np.arange(count, dtype=np.int32),
        problems=(),
        fingerprint="random",
    )


DATA = frames_of(CLIPS)
ROWS = torch.arange(len(DATA))


def frames(modality, rows=ROWS):
    return torch.from_numpy(DATA.inputs[modality][rows.numpy()])


def seen(modality, kind, rows=ROWS, seed=0):
    return Block.of(DATA, modality, rows, corrupted_view(kind, DATA, seed)).inputs()


@pytest.mark.parametrize(("modality", "kind"), KINDS)
def test_every_frame_is_changed_keeps_its_shape_and_stays_finite(modality, kind):
    clean, corrupted = frames(modality), seen(modality, kind)
    assert corrupted.shape == clean.shape
    assert corrupted.dtype == clean.dtype
    assert bool(corrupted.isfinite().all())
    assert bool((corrupted != clean).flatten(1).any(dim=1).all())


@pytest.mark.parametrize(("modality", "kind"), KINDS)
def test_a_frame_is_changed_alike_in_every_batch_and_order(modality, kind):
    whole = seen(modality, kind)
    for rows in (torch.tensor([9]), torch.tensor([3, 16, 0, 9])):
        assert torch.equal(seen(modality, kind, rows), whole[rows])


@pytest.mark.parametrize(("modality", "kind"), KINDS)
def test_a_frame_is_changed_alike_by_another_process(modality, kind):
    rows = torch.tensor([3, 16, 0, 9])
    block = Block.of(DATA, modality, rows, corrupted_view(kind, DATA, 5)).sent()
    there = ForkingPickler.loads(ForkingPickler.dumps(block))
    assert torch.equal(there.inputs(), seen(modality, kind, rows, 5))


@pytest.mark.parametrize(("modality", "kind"), OWN_KINDS)
def test_frames_differ_in_how_they_are_changed_and_so_do_seeds(modality, kind):
    change = CORRUPTIONS[modality][kind]
    one = frames(modality)[0]
    same = [change(one, torch.Generator().manual_seed(s)) for s in range(6)]
    assert len({tuple(f.flatten().tolist()) for f in same}) > 1
    assert not torch.equal(seen(modality, kind, seed=1), seen(modality, kind))


@pytest.mark.parametrize(("modality", "kind"), KINDS)
def test_what_is_changed_is_a_copy(modality, kind):
    view, clean = corrupted_view(kind, DATA), frames(modality)
    if view.change:
        view.change(modality, clean, ROWS)
    assert torch.equal(clean, frames(modality))
    Block.of(DATA, modality, ROWS, view).inputs().zero_()
    assert np.array_equal(DATA.inputs[modality], frames_of(CLIPS).inputs[modality])


def test_a_view_is_named_by_its_kind_and_seed():
    views = [corrupted_view(k, DATA, s) for k, s in (("noise", 0), ("noise", 1), ("shift", 0))]
    assert len({(v.name, v.version) for v in views}) == 3


def test_an_occlusion_is_a_near_block_and_all_else_is_as_it_was():
    hidden, clean = seen("depth", "occlusion"), frames("depth")
    changed = hidden != clean
    for mask, image in zip(changed, hidden, strict=True):
        rows, columns = (mask.any(dim=d).nonzero().flatten() for d in (1, 0))
        height, width = (int(n[-1] - n[0] + 1) for n in (rows, columns))
        assert 0.4 * 96 - 1 <= height <= 0.9 * 96
        assert 0.4 * 128 - 1 <= width <= 0.9 * 128
        block = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        assert len(block.unique()) == 1
        assert 0.6 <= float(block[0, 0]) <= 1.4


def test_depth_noise_moves_every_return_and_invents_none():
    noisy, clean = seen("depth", "noise"), frames("depth")
    assert torch.equal(noisy > 0, clean > 0)
    for image, truth in zip(noisy, clean, strict=True):
        assert 0.09 < float((image - truth)[truth > 0].std()) < 0.51


def test_pixels_that_drop_out_return_nothing_and_the_rest_is_as_it_was():
    corrupted, clean = seen("depth", "dropout"), frames("depth")
    alive = corrupted > 0
    assert torch.equal(corrupted[alive], clean[alive])
    lost = 1 - alive.flatten(1).sum(dim=1) / (clean > 0).flatten(1).sum(dim=1)
    assert 0.18 < float(lost.min()) < float(lost.max()) < 0.97


def test_rows_or_columns_die_as_a_whole():
    corrupted, clean = seen("depth", "dead_rows"), frames("depth")
    axes = set()
    for image, truth in zip(corrupted, clean, strict=True):
        assert torch.equal(image[image > 0], truth[image > 0])
        dead = [(image == 0).all(dim=d) & (truth > 0).any(dim=d) for d in (1, 0)]
        axis = int(dead[1].sum() > dead[0].sum())
        lines = dead[axis] if axis else dead[axis][:, None]
        assert torch.equal(image == 0, (truth == 0) | lines)
        axes.add(axis)
    assert axes == {0, 1}


def test_a_sparse_cloud_repeats_the_few_points_that_are_left():
    for cloud, clean in zip(seen("lidar", "sparse"), frames("lidar"), strict=True):
        left = {tuple(p) for p in cloud.tolist()}
        assert left < {tuple(p) for p in clean.tolist()}
        assert 0.02 * 512 - 1 <= len(left) <= 0.15 * 512


def test_a_knocked_lidar_is_off_by_one_horizontal_step():
    for cloud, clean in zip(seen("lidar", "shift"), frames("lidar"), strict=True):
        offsets = cloud - clean
        torch.testing.assert_close(offsets, offsets[:1].expand_as(offsets), atol=1e-5, rtol=0)
        assert torch.equal(cloud[:, 2], clean[:, 2])
        assert 0.3 - 1e-5 <= float(offsets[0].norm()) <= 1 + 1e-5


@pytest.mark.parametrize(("modality", "low", "high"), [("lidar", 0.1, 0.4), ("csi", 0.1, 0.5)])
def test_noise_has_the_strength_that_is_said(modality, low, high):
    strengths = (seen(modality, "noise") - frames(modality)).flatten(1).std(dim=1)
    assert 0.9 * low < float(strengths.min()) < float(strengths.max()) < 1.1 * high
    assert float(strengths.max()) > 1.5 * float(strengths.min())


def test_dead_antennas_are_one_or_two_and_the_rest_is_as_it_was():
    corrupted, clean = seen("csi", "dead_antenna"), frames("csi")
    dead = (corrupted == 0).flatten(2).all(dim=2)
    assert set(dead.sum(dim=1).tolist()) == {1, 2}
    assert torch.equal(corrupted[~dead], clean[~dead])


def test_a_frozen_sensor_shows_the_frame_of_three_before_in_the_same_clip():
    earlier = frozen_rows(DATA, "depth")
    assert earlier.tolist()[:7] == [4, 5, 6, 0, 1, 2, 3]  # a clip is cyclic
    assert earlier.tolist()[7:11] == [8, 9, 10, 7]
    for modality in SHAPES:
        assert torch.equal(seen(modality, FROZEN), frames(modality, torch.from_numpy(earlier)))


def test_frozen_frames_are_those_of_the_rows_whatever_part_of_them_is_asked_for():
    rows = torch.tensor([12, 3])
    expected = frozen_rows(DATA, "csi")[rows.numpy()]
    found = seen("csi", FROZEN, rows)
    assert torch.equal(found, frames("csi", torch.from_numpy(expected)))


@given(
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=6),
    back=st.integers(1, 12),
    share=st.sampled_from([1.0, 0.5]),
)
def test_a_frozen_frame_is_of_the_same_clip_and_was_there_or_is_the_frame_itself(
    lengths, back, share
):
    clips = [(f"S{i // 2:02d}", f"A{i % 2:02d}", n) for i, n in enumerate(lengths)]
    data = frames_of(clips, present=share, inputs=False)
    clip = np.repeat(np.arange(len(lengths)), lengths)
    place = np.concatenate([np.arange(n) for n in lengths])
    for modality, present in data.present.items():
        earlier = frozen_rows(data, modality, back)
        assert np.array_equal(clip[earlier], clip)
        own = np.arange(len(clip))
        shown = earlier != own
        assert present[earlier[shown]].all()
        periods = (place - place[earlier] - back) % np.array(lengths)[clip]
        assert (periods[shown] == 0).all()
        wanted = own - place + (place - back) % np.array(lengths)[clip]
        assert (present[wanted[~shown]] <= (wanted == own)[~shown]).all()


def test_a_sensor_without_corruptions_of_its_own_can_still_freeze():
    assert kinds("sonar") == [FROZEN]
