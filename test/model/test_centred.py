"""A token for each joint: encoders of centred readings, their head, and the search's peaks."""

import pytest
import torch

from pta_ros.errors import ConfigError
from pta_ros.model.config import PTAConfig
from pta_ros.model.encoders.centred import _pixels
from pta_ros.model.finder import Finder, Found, peaks
from pta_ros.model.heads import JointHead
from pta_ros.model.pta import PTA
from pta_ros.people import birdseye
from pta_ros.people.centred import CLOUD_SHAPE, HALF_M, PATCH_SHAPE

SIZES = {"modalities": ("depth", "lidar"), "encoders": "centred", "tokens": 17, "dim": 32}


def inputs(count=3):
    torch.manual_seed(0)
    state = torch.randint(0, 3, (count, 1, *PATCH_SHAPE[1:])).float()
    patch = torch.cat([torch.rand(count, 1, *PATCH_SHAPE[1:]), state], dim=1)
    return {"depth": patch, "lidar": torch.randn(count, *CLOUD_SHAPE)}


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return PTA(PTAConfig(**SIZES, mixers=1)).eval()


def test_there_is_a_token_for_each_joint(model):
    for modality, x in inputs().items():
        assert model.encoders[modality](x).shape == (3, 17, model.config.channels)
    with pytest.raises(ConfigError, match=r"tokens is 16.*expected 17, one for each joint"):
        PTAConfig(**{**SIZES, "tokens": 16})


def test_depth_where_nothing_returned_means_nothing(model):
    x = inputs()["depth"]
    other = x.clone()
    other[:, 0][x[:, 1] != 2] = 7.0
    torch.testing.assert_close(model.encoders["depth"](x), model.encoders["depth"](other))


def test_the_order_of_points_and_what_lies_far_mean_nothing(model):
    encoder, x = model.encoders["lidar"], inputs()["lidar"]
    torch.testing.assert_close(encoder(x), encoder(x.flip(1)))
    far, farther = x.clone(), x.clone()
    far[:, :100, 2], farther[:, :100, 2] = 1.2, -5.0  # above and below the picture
    torch.testing.assert_close(encoder(far), encoder(farther))


def test_a_pixel_s_points_have_a_mean_place():
    """Two points of one pixel and slice, a third elsewhere: sums of ones, x, left and up."""
    side = 2 * HALF_M / 48
    middle = torch.tensor([0.1, HALF_M - 10.5 * side, HALF_M - 20.5 * side])
    cloud = torch.stack([middle, middle + torch.tensor([0.02, 0.25 * side, 0.0]), -middle])[None]
    sums = _pixels(cloud)[0, :, :, 20, 10]
    slice_ = int((HALF_M + 0.1) * 8 / (2 * HALF_M))
    torch.testing.assert_close(sums[:, slice_], torch.tensor([2.0, 0.22, 0.25, 0.0]))
    assert not sums[:, [i for i in range(8) if i != slice_]].any()
    assert float(_pixels(cloud)[0, 0].sum()) == 3


def test_a_batch_gives_what_its_rows_give(model):
    x = inputs()
    mask = {"depth": torch.tensor([True, False, True]), "lidar": torch.tensor([True, True, False])}
    with torch.inference_mode():
        whole = model(x, mask)
        for row in range(3):
            own = {m: v[row : row + 1] for m, v in x.items() if bool(mask[m][row])}
            one = model(own)
            torch.testing.assert_close(whole.joints[row], one.joints[0], atol=1e-5, rtol=1e-4)
            torch.testing.assert_close(whole.weights[row], one.weights[0])


def test_each_joint_is_read_from_its_own_token():
    torch.manual_seed(1)
    head = JointHead(8, 17).eval()
    fused = torch.randn(2, 17, 8)
    joints, log_std, presence = head(fused)
    assert presence.shape == (2, 1)
    tokens = head.norm(fused)
    for joint in (0, 5, 16):
        weight, bias = (p[3 * joint : 3 * joint + 3] for p in head.position.parameters())
        torch.testing.assert_close(joints[:, joint], tokens[:, joint] @ weight.T + bias)
        spread = tokens[:, joint] @ head.spread.weight[joint] + head.spread.bias[joint]
        torch.testing.assert_close(log_std[:, joint], spread)


def test_a_head_starts_at_the_mean_pose():
    head, pose = JointHead(8, 17).eval(), torch.randn(17, 3)
    head.start_at(pose)
    torch.testing.assert_close(head(torch.randn(1, 17, 8))[0][0], pose)


def test_the_search_gives_maps_of_half_the_grid():
    grid = torch.zeros(2, birdseye.CHANNELS, birdseye.SIZE, birdseye.SIZE)
    found = Finder(birdseye.CHANNELS).eval()(grid)
    half = birdseye.SIZE // 2
    assert found.logit.shape == found.height.shape == (2, half, half)
    assert found.offset.shape == (2, 2, half, half)


def test_peaks_are_best_first_apart_and_at_their_offset():
    logit = torch.full((1, 40, 40), -9.0)
    logit[0, 10, 10], logit[0, 10, 12], logit[0, 30, 5], logit[0, 20, 20] = 3.0, 2.0, 4.0, -1.0
    offset = torch.zeros(1, 2, 40, 40)
    offset[0, :, 30, 5] = torch.tensor([0.5, -0.5])
    found = Found(logit, offset, torch.arange(1600.0).view(1, 40, 40))
    (near,) = peaks(found, 0.5, 8, apart=6.0)
    torch.testing.assert_close(near.cell, torch.tensor([[61.5, 10.5], [21.0, 21.0]]))
    torch.testing.assert_close(near.height, torch.tensor([1205.0, 410.0]))
    assert near.probability.tolist() == sorted(near.probability.tolist(), reverse=True)
    assert len(peaks(found, 0.5, 8, apart=3.0)[0].cell) == 3
    assert len(peaks(found, 0.5, 1, apart=3.0)[0].cell) == 1
    assert len(peaks(found, 0.999, 8, apart=3.0)[0].cell) == 0
