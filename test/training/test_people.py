"""The wide tree reduced, and its augmentations."""

import numpy as np
import pytest
import torch

from pta_ros.datasets.empty import empty_places
from pta_ros.datasets.mmfi import MmfiTree
from pta_ros.datasets.people import NOBODY, people_set, visible
from pta_ros.datasets.wide import Clip, clips_of
from pta_ros.errors import DatasetError
from pta_ros.model.finder import Found
from pta_ros.people import birdseye
from pta_ros.people.centred import NOTHING, OUTSIDE, PATCH, RETURN, trunk
from pta_ros.people.readings import LidarReading, Readings
from pta_ros.training import augment_centred, find
from pta_ros.training.find import find_loss
from pta_ros.training.find import load as load_frames
from pta_ros.workers.workforce import Workforce


@pytest.fixture(scope="module")
def data(wide_tree, tmp_path_factory):
    return people_set(wide_tree, tmp_path_factory.mktemp("cache"), workforce=Workforce(1))


def test_everybody_in_sight_has_a_row(wide_tree, data):
    clips = [Clip.open(f) for split in ("train", "val", "test") for f in clips_of(wide_tree, split)]
    seen = sum(int(visible(clip).any(axis=2).sum()) for clip in clips)
    somebody = data.who != NOBODY
    assert somebody.sum() == seen > 0
    assert np.abs(trunk(data.people.joints[somebody])).max() <= 0.151  # the search may miss by it
    assert (data.sight[somebody].sum(axis=2).max(axis=1) >= 4).all()


def test_every_frame_has_two_places_with_nobody(data):
    nobody = data.who == NOBODY
    assert nobody.sum() == 2 * len(data.voxels)
    assert np.isnan(data.people.joints[nobody]).all()
    assert data.people.usable[nobody].mean() > 0.5


def test_a_sensor_is_present_wherever_it_shows_something_as_on_a_robot(wide_tree, data):
    """Behind a wall or at the edge of the image a person is there and not seen."""
    clips = [Clip.open(f) for split in ("train", "val", "test") for f in clips_of(wide_tree, split)]
    seen = np.concatenate([visible(clip)[visible(clip).any(axis=2)] for clip in clips])
    present, sees = (
        np.stack([told[m] for m in ("depth", "lidar")], axis=1)
        for told in (data.people.present, data.people.sees)
    )
    somebody = data.who != NOBODY
    np.testing.assert_array_equal(sees[somebody], present[somebody] & seen)
    np.testing.assert_array_equal(sees[~somebody], present[~somebody])
    shown_only = somebody & (present & ~sees).any(axis=1) & sees.any(axis=1)
    assert shown_only.any()
    patches = data.people.inputs["depth"][np.flatnonzero(somebody & present[:, 0] & ~sees[:, 0])]
    assert len(patches)
    assert ((patches[:, 1] == RETURN).sum(axis=(1, 2)) > 0).all()
    assert (data.people.usable == sees.any(axis=1)).all()


def test_a_frame_s_people_lie_on_filled_voxels(data):
    rows = np.arange(len(data.voxels))
    frames = load_frames(data, rows)
    flat = frames.grid().sum(dim=1)
    for own, people, seen in zip(flat, frames.centres, frames.visible, strict=True):
        for person in people[seen.any(dim=1)].numpy():
            cell = birdseye.cell_of(person[:2].astype(np.float64)).astype(int)
            if (cell >= 6).all() and (cell < birdseye.SIZE - 6).all():
                around = own[cell[0] - 6 : cell[0] + 7, cell[1] - 6 : cell[1] + 7]
                assert float(around.sum()) > 0


def test_changed_frames_keep_their_people_on_their_voxels(data):
    torch.manual_seed(0)
    frames = load_frames(data, np.repeat(np.arange(len(data.voxels)), 3))
    other = find.changed(frames)
    assert (other.grid() != frames.grid()).any()
    checked = 0
    flat = other.grid().sum(dim=1)
    for own, people, seen in zip(flat, other.centres, other.visible, strict=True):
        for person in people[seen.any(dim=1)].numpy():
            cell = birdseye.cell_of(person[:2].astype(np.float64)).astype(int)
            if (cell >= 6).all() and (cell < birdseye.SIZE - 6).all():
                checked += 1
                around = own[cell[0] - 6 : cell[0] + 7, cell[1] - 6 : cell[1] + 7]
                assert float(around.sum()) > 0
    assert checked


def patch_at(row, column, depth=0.2):
    patch = torch.zeros(1, 2, PATCH, PATCH)
    patch[:, 1] = NOTHING
    patch[0, 1, row - 1 : row + 2, column - 1 : column + 2] = RETURN
    patch[0, 0, row - 1 : row + 2, column - 1 : column + 2] = depth
    return patch


def test_a_patch_and_its_joints_are_moved_alike():
    torch.manual_seed(0)
    followed = 0
    for _ in range(40):
        joint = torch.tensor([0.2, 0.3, -0.2])
        row, column = (round(float((1.1 - v) / 2.2 * PATCH - 0.5)) for v in (joint[2], joint[1]))
        moved, joints = augment_centred.depth(patch_at(row, column), joint.expand(1, 17, 3))
        z, state = moved[0]
        hit = (state == RETURN).nonzero()
        assert set(state.unique().tolist()) <= {OUTSIDE, NOTHING, RETURN}
        assert not z[state != RETURN].any()
        if len(hit) >= 7:  # neither hidden nor cut off
            followed += 1
            place = 1.1 - (hit.float().mean(dim=0) + 0.5) / PATCH * 2.2
            assert float(place[0]) == pytest.approx(float(joints[0, 0, 2]), abs=0.03)
            assert float(place[1]) == pytest.approx(float(joints[0, 0, 1]), abs=0.03)
            seen = float(z[state == RETURN].mean())
            assert seen == pytest.approx(float(joints[0, 0, 0]), abs=0.02)
    assert followed > 15


def test_a_cloud_and_its_joints_are_moved_alike():
    torch.manual_seed(0)
    joints = torch.randn(6, 17, 3) * 0.3
    clouds = joints[:, :1].expand(6, 1024, 3)
    moved, after = augment_centred.lidar(clouds, joints)
    kept = (moved < 5).all(dim=2, keepdim=True)
    mean = (moved * kept).sum(dim=1) / kept.sum(dim=1)
    torch.testing.assert_close(mean, after[:, 0], atol=0.02, rtol=0)


def test_two_modalities_are_moved_alike():
    torch.manual_seed(1)
    joint = torch.tensor([0.2, 0.3, -0.2])
    row, column = (round(float((1.1 - v) / 2.2 * PATCH - 0.5)) for v in (joint[2], joint[1]))
    agreed = 0
    for _ in range(40):
        given = {"depth": patch_at(row, column), "lidar": joint.expand(1, 1024, 3)}
        moved, joints = augment_centred.together(given, joint.expand(1, 17, 3))
        points = moved["lidar"][(moved["lidar"] < 5).all(dim=2)]
        torch.testing.assert_close(points.mean(dim=0), joints[0, 0], atol=0.02, rtol=0)
        z, state = moved["depth"][0]
        hit = (state == RETURN).nonzero().float()
        if len(hit) >= 7:  # neither hidden nor cut off
            agreed += 1
            up, left = (1.1 - (hit.mean(dim=0) + 0.5) / PATCH * 2.2).tolist()
            place = [float(z[state == RETURN].mean()), left, up]
            np.testing.assert_allclose(place, joints[0, 0].numpy(), atol=0.03)
    assert agreed > 15


def test_a_lone_thing_of_a_person_s_size_is_a_place_with_nobody():
    """A wall and a pole stand before the LiDAR; a person is where the pole is, or is not."""
    rng = np.random.default_rng(0)
    wall = np.column_stack(
        [np.full(4000, 5.0), rng.uniform(-3, 3, 4000), rng.uniform(0, 2.2, 4000)]
    )
    pole = np.column_stack(
        [rng.uniform([2.9, 0.9], [3.1, 1.1], (900, 2)), rng.uniform(0, 1.7, 900)]
    )
    cloud = np.concatenate([wall, pole]).astype(np.float32)
    readings = Readings(lidar=LidarReading(cloud, np.zeros(3)))
    index, _ = birdseye.fill(readings)
    for _ in range(5):
        anything, lone = empty_places(readings, index, np.zeros((0, 2)), rng)
        assert np.hypot(*(lone[:2] - (3.0, 1.0))) < 0.3
        assert min(abs(anything[0] - 5.0), np.hypot(*(anything[:2] - (3.0, 1.0)))) < 0.3
    anything, lone = empty_places(readings, index, np.array([[3.0, 1.0]]), rng)
    assert anything[0] == pytest.approx(5.0)
    assert lone is None or np.hypot(*(lone[:2] - (3.0, 1.0))) > 0.45


def test_the_search_s_loss_is_least_at_the_truth():
    centres = torch.full((1, 4, 3), torch.nan)
    centres[0, 0] = torch.tensor([2.03, -0.52, 1.2])
    visible = torch.zeros(1, 4, 2, dtype=torch.bool)
    visible[0, 0, 0] = True
    size = birdseye.SIZE // 2
    row, column = (int(v // 2) for v in birdseye.cell_of(centres[0, 0, :2].double().numpy()))

    def loss(at=(row, column), height=1.2):
        logit = torch.full((1, size, size), -8.0)
        logit[0, at[0], at[1]] = 8.0
        middle = (torch.arange(size) + 0.5) * 2
        cell = birdseye.cell_of(centres[0, 0, :2].double().numpy())
        offset = torch.stack(torch.broadcast_tensors(
            float(cell[0]) - middle[:, None], float(cell[1]) - middle[None]
        ))[None]  # fmt: skip
        return float(
            find_loss(Found(logit, offset, torch.full_like(logit, height)), centres, visible)
        )

    best = loss()
    assert best < 0.1
    assert loss(at=(row + 6, column)) > best + 1
    assert loss(height=1.5) > best + 0.2


def test_a_tree_of_another_kind_is_named(synthetic_tree, tmp_path):
    with pytest.raises(DatasetError, match="make_mmfi --preset wide"):
        people_set(synthetic_tree, tmp_path)


def test_a_wide_tree_is_no_mmfi_tree(wide_tree):
    with pytest.raises(DatasetError, match=r"wide world.*people_lite"):
        MmfiTree(wide_tree)
