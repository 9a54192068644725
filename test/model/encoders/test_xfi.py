"""The xfi encoders against a float64 evaluation of the published graphs, written out here."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from pta_ros.errors import ConfigError
from pta_ros.model.encoders import ENCODERS, make_encoder, token_count

SHAPES = {
    "depth": (480, 640),
    "lidar": (700, 3),
    "csi": (3, 114, 10),
    "radar": (17, 256, 128),
    "wifi": (270, 1000),
    "rfid": (23, 148),
}


@pytest.fixture(scope="module")
def encoders(random_statistics):
    """One encoder of each kind with random weights and statistics, in eval mode."""
    made = {}
    for modality in ENCODERS["xfi"]:
        torch.manual_seed(len(made))
        made[modality] = encoder = make_encoder("xfi", modality, 512).eval()
        random_statistics(encoder, 0.2, 0.5, 2)
    return made


def frames(modality, count=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(count, *SHAPES[modality], generator=generator)
    if modality == "depth":
        return (x * 9.0).mul(1000).round().div(1000)
    return x * 3.0 + torch.tensor([20.0, -3.0, 0.0]) if modality == "lidar" else x


# The published graphs: plain functions of a state dict `w` in float64.


def conv(w, name, x, stride=1, padding=0):
    f = F.conv1d if x.dim() == 3 else F.conv2d
    return f(x, w[f"{name}.weight"], w.get(f"{name}.bias"), stride, padding)


def norm(w, name, x):
    mean, var = w[f"{name}.running_mean"], w[f"{name}.running_var"]
    return F.batch_norm(x, mean, var, w[f"{name}.weight"], w[f"{name}.bias"], eps=1e-5)


def block(w, at, x, stride, second=False, bn="bn", down="downsample"):
    """`second`: the second convolution strides."""
    y = F.relu(norm(w, f"{at}.{bn}1", conv(w, f"{at}.conv1", x, 1 if second else stride, 1)))
    y = norm(w, f"{at}.{bn}2", conv(w, f"{at}.conv2", y, stride if second else 1, 1))
    if f"{at}.{down}.0.weight" in w:
        x = norm(w, f"{at}.{down}.1", conv(w, f"{at}.{down}.0", x, stride))
    return F.relu(y + x)


def layers(w, x, counts, prefix="layer", **options):
    for i, count in enumerate(counts):
        for j in range(count):
            x = block(w, f"{prefix}{i + 1}.{j}", x, 2 if i and not j else 1, **options)
    return x


def flat(x):
    return x.reshape(x.shape[0], 512, -1).permute(0, 2, 1)


def depth_graph(w, x):
    x = torch.floor(torch.round(x * 1000) / 256)[:, None].repeat(1, 3, 1, 1)
    x = F.relu(conv(w, "reshape.0", x, 2))
    x = conv(w, "reshape.6", F.relu(conv(w, "reshape.4", F.relu(conv(w, "reshape.2", x)))))
    x = F.relu(norm(w, "batch_norm1", conv(w, "conv1", x, 2, 3)))
    x = F.max_pool2d(x, 3, 2, 1)
    options = {"second": True, "bn": "batch_norm", "down": "i_downsample"}
    return flat(layers(w, x, (2, 2, 2, 2), **options))


def csi_graph(w, x):
    x = torch.flatten(torch.transpose(x[:, None], 2, 3), 3, 4)
    x = F.interpolate(x, (136, 32), mode="bilinear")
    x = F.relu(norm(w, "encoder_bn1", conv(w, "encoder_conv1", x, 1, 1)))
    return flat(layers(w, x, (3, 4, 6, 3), "encoder_layer"))


def radar_graph(w, x):
    x = F.max_pool2d(F.relu(norm(w, "bn1", conv(w, "conv1", x, 2, 3))), 3, 2, 1)
    return flat(torch.softmax(layers(w, x, (2, 2, 2, 2)), 1))


def wifi_graph(w, x):
    for i in (1, 2, 3):
        x = norm(w, f"bn{i}", conv(w, f"conv{i}", x, 2, 3))
    x = layers(w, F.max_pool1d(F.relu(x), 3, 2, 1), (2, 2, 2, 2))
    return flat(conv(w, "conv4", x, 2, 1))


def rfid_graph(w, x):
    x = F.relu(norm(w, "bn1", conv(w, "conv1", x, 2, 3)))
    return flat(layers(w, F.max_pool1d(x, 3, 2, 1), (2, 2, 2, 2)))


def dense(w, name, x):
    return F.linear(x, w[f"{name}.weight"], w.get(f"{name}.bias"))


def attention(w, at, xyz, features):
    """One cloud: (N, 3), (N, C) -> (N, C), point by point."""
    x = dense(w, f"{at}.fc1", features)
    q, k, v = (dense(w, f"{at}.w_{n}s", x) for n in "qkv")
    rows = []
    for i, own in enumerate(xyz):
        near = ((own - xyz) ** 2).sum(-1).argsort()[:16]
        p = dense(w, f"{at}.fc_delta.2", F.relu(dense(w, f"{at}.fc_delta.0", own - xyz[near])))
        g = F.relu(dense(w, f"{at}.fc_gamma.0", q[i] - k[near] + p))
        a = torch.softmax(dense(w, f"{at}.fc_gamma.2", g) / math.sqrt(512), 0)
        rows.append((a * (v[near] + p)).sum(0))
    return dense(w, f"{at}.fc2", torch.stack(rows)) + features


def lidar_graph(w, clouds):
    return torch.stack([one_cloud(w, xyz) for xyz in clouds])


def one_cloud(w, xyz):
    w = {name.removeprefix("backbone."): value for name, value in w.items()}
    x = dense(w, "fc1.2", F.relu(dense(w, "fc1.0", xyz)))
    x = attention(w, "transformer1", xyz, x)
    chosen, distance = [0], torch.full((len(xyz),), 1e10, dtype=xyz.dtype)
    while len(chosen) < 256:
        distance = torch.minimum(distance, ((xyz - xyz[chosen[-1]]) ** 2).sum(-1))
        chosen.append(int(distance.argmax()))
    centres, groups = xyz[chosen], []
    for own in centres:
        near = ((own - xyz) ** 2).sum(-1).argsort()[:16]
        groups.append(torch.cat([xyz[near] - own, x[near]], -1))
    y = torch.stack(groups).permute(2, 1, 0)[None]
    for i in (0, 1):
        at = "transition_downs.0.sa.mlp"
        y = F.relu(norm(w, f"{at}_bns.{i}", conv(w, f"{at}_convs.{i}", y)))
    return attention(w, "transformers.0", centres, y.amax(2)[0].T).reshape(-1, 512)


GRAPHS = {
    "depth": depth_graph,
    "lidar": lidar_graph,
    "csi": csi_graph,
    "radar": radar_graph,
    "wifi": wifi_graph,
    "rfid": rfid_graph,
}


def relative_error(found, expected):
    return float((found.double() - expected).norm() / expected.norm())


@pytest.mark.parametrize("modality", GRAPHS)
@torch.no_grad()
def test_features_are_those_of_the_published_graph(encoders, modality):
    x = frames(modality)
    weights = {n: t.double() for n, t in encoders[modality].state_dict().items()}
    found, expected = encoders[modality](x), GRAPHS[modality](weights, x.double())
    assert found.shape == (2, token_count("xfi", modality), 512) == expected.shape
    assert relative_error(found, expected) <= 1e-5


@torch.no_grad()
def test_padding_does_not_change_a_clouds_features(encoders):
    small, large = frames("lidar", seed=3)[0, :300], frames("lidar", seed=4)[1]
    padded = torch.full((3, 900, 3), math.nan)
    padded[0, :300], padded[1, :700], padded[2, :300] = small, large, small
    together = encoders["lidar"](padded)
    assert relative_error(together[0], encoders["lidar"](small[None])[0].double()) <= 1e-6
    assert relative_error(together[1], encoders["lidar"](large[None])[0].double()) <= 1e-6
    assert torch.equal(together[0], together[2])


@pytest.mark.parametrize("modality", ENCODERS["xfi"])
@torch.no_grad()
def test_the_same_input_gives_the_same_bits(encoders, modality):
    x = frames(modality, count=1)
    assert torch.equal(encoders[modality](x), encoders[modality](x.clone()))


@pytest.mark.parametrize("modality", ENCODERS["xfi"])
def test_another_width_is_refused(modality):
    with pytest.raises(ConfigError, match=r"channels is 128.*512"):
        make_encoder("xfi", modality, 128)


@torch.no_grad()
def test_depth_levels_are_opencvs_read_of_the_file(tmp_path):
    cv2 = pytest.importorskip("cv2")
    from pta_ros.model.encoders.xfi import depth_levels
    from pta_ros.sensors.depth_map import to_metres

    millimetres = np.arange(480 * 640, dtype=np.uint32).reshape(480, 640).astype(np.uint16)
    cv2.imwrite(str(tmp_path / "frame001.png"), millimetres)
    read = cv2.imread(str(tmp_path / "frame001.png"))
    levels = depth_levels(torch.from_numpy(to_metres(millimetres)))
    assert all(np.array_equal(levels.numpy(), read[..., channel]) for channel in range(3))
