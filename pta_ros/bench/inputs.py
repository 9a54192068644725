"""Inputs and models for speed measurements: synthetic rooms, random weights, a fitted head."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pta_ros.model.config import DiffusionConfig, PTAConfig
from pta_ros.model.heads import PoseHead
from pta_ros.model.pta import PTA
from pta_ros.people import birdseye, centred
from pta_ros.people.readings import OPTICAL, DepthReading, Float32, LidarReading, Readings
from pta_ros.sensors.camera import Intrinsics

MODALITIES = ("depth", "lidar", "csi")
CONFIGS = {
    "xfi": PTAConfig(
        encoders="xfi", channels=512, tokens=32, dim=512, latent=256,
        diffusion=DiffusionConfig(residual=False),
    ),
    "lite": PTAConfig(tokens=16, dim=512, latent=64),
}  # fmt: skip
#: Points of a cloud: 400 of a person, 350 of a wall, 274 of the floor.
_PARTS = (400, 350, 274)


def model_of(family: str) -> PTA:
    """A model with random weights and batch statistics, in eval mode: time depends on neither.

    But for the LiDAR's fast path, which saves what layers of fc_delta do not switch: published
    weights may save more or less than random ones.
    """
    torch.manual_seed(0)
    model = PTA(CONFIGS[family]).eval()
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_(0, 0.05)
        if name.endswith("running_var"):
            buffer.uniform_(0.8, 1.2)
    return model


def rooms(family: str, count: int, seed: int = 0) -> tuple[dict[str, Tensor], Tensor]:
    """`count` synthetic frames of a person in a room, and poses (count, 17, 3) that move along."""
    rng = np.random.default_rng(seed)
    places = _places(rng, count)
    large = family == "xfi"
    inputs = {
        "depth": torch.stack([_image(p, (480, 640) if large else (96, 128)) for p in places]),
        "lidar": torch.from_numpy(np.stack([_cloud(p, rng) for p in places])),
        "csi": torch.stack([_channel(p) for p in places]),
    }
    if not large:
        inputs["lidar"] = inputs["lidar"][:, :512]
    body = torch.from_numpy(rng.normal(0, 0.4, (17, 3)).astype(np.float32))
    moved = torch.from_numpy(np.stack([-places[:, 1], 0 * places[:, 0], places[:, 0]], axis=1))
    return inputs, body + moved.float()[:, None]


def people(count: int, seed: int = 0) -> tuple[dict[str, Tensor], Float32]:
    """`count` synthetic people as a model that finds people is shown them, and a whole grid."""
    inputs, _ = rooms("xfi", count, seed)
    lens, up_m = Intrinsics(640, 480, 570.0, 570.0, 319.5, 239.5), np.array([0.0, 0.0, 1.0])
    places = _places(np.random.default_rng(seed), count)
    patches, clouds, grid = [], [], birdseye.empty()
    for place, image, points in zip(places, inputs["depth"], inputs["lidar"], strict=True):
        depth = DepthReading(image.numpy(), lens, OPTICAL, up_m)
        lidar = LidarReading(points.numpy() + up_m.astype(np.float32), up_m)
        readings = Readings(depth, lidar)
        centre = centred.centre_at(np.array([*place, 1.0]), readings)
        patches.append(_seen(centred.depth_patch(depth, centre)))
        clouds.append(_seen(centred.lidar_cloud(lidar, centre)))
        grid = birdseye.grid(readings)
    return {"depth": torch.stack(patches), "lidar": torch.stack(clouds)}, grid


def _seen(part: Float32 | None) -> Tensor:
    assert part is not None, "somebody stands there"
    return torch.from_numpy(part)


def _places(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Where people stand, (count, 2): ahead and left of the sensors, metres."""
    return np.stack([rng.uniform(2.5, 3.5, count), rng.uniform(-0.8, 0.8, count)], axis=1)


def _image(place: NDArray[np.float64], shape: tuple[int, int]) -> Tensor:
    """A wall at 4.2 m, the floor, and a person in front of them, in metres."""
    height, width = shape
    v, u = np.mgrid[0:height, 0:width] / np.array([[[height]], [[width]]])
    image = np.minimum(4.2, 1.2 / np.maximum(v - 0.5, 1e-3))
    person = (np.abs(u - 0.5 + 0.9 * place[1] / place[0]) < 0.08) & (np.abs(v - 0.5) < 0.35)
    return torch.from_numpy(np.where(person, place[0], image).astype(np.float32))


def _cloud(place: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float32]:
    """1,024 points on the surfaces of a person, a wall and the floor, shuffled."""
    person, wall, floor = _PARTS
    angle = rng.uniform(0, 2 * math.pi, person)
    around = place[:, None] + 0.2 * np.stack([np.cos(angle), np.sin(angle)])
    points = np.concatenate(
        [
            np.stack([*around, rng.uniform(-1, 0.8, person)], axis=1),
            np.stack([np.full(wall, 4.4), *rng.uniform(-1.2, 1.2, (2, wall))], axis=1),
            np.stack([rng.uniform(1.5, 4.4, floor), rng.uniform(-1.2, 1.2, floor),
                      np.full(floor, -1.0)], axis=1),
        ]
    )  # fmt: skip
    return rng.permutation(points + rng.normal(0, 0.01, points.shape)).astype(np.float32)


def _channel(place: NDArray[np.float64]) -> Tensor:
    """An amplitude that depends smoothly on the place, scaled to 0..1."""
    a, f, t = np.mgrid[0:3, 0:114, 0:10]
    wave = np.sin(0.1 * f * place[0] + a + place[1]) + 0.1 * np.sin(t + f * place[1])
    scaled = (wave - wave.min()) / (wave.max() - wave.min())
    return torch.from_numpy(scaled.astype(np.float32))


@torch.inference_mode()
def fit_head(model: PTA, inputs: dict[str, Tensor], joints: Tensor) -> float:
    """Train the head's positions by ridge regression on refined features; returns its error, mm."""
    model.requires_grad_(False)
    mask = model.mask(inputs, None)
    features = model.align(model.features(model.encode(inputs, mask), inputs, mask), mask)
    head = model.head
    assert isinstance(head, PoseHead)
    pooled = head.norm(model.fuse(features, mask).mean(dim=1))
    middle, target = pooled.mean(dim=0), joints.flatten(1)
    centred = (pooled - middle).double()
    gram = centred.T @ centred
    ridge = 1e-3 * gram.diagonal().mean() * torch.eye(len(gram)).to(gram)
    moved = (target - target.mean(dim=0)).double()
    weight = torch.linalg.solve(gram + ridge, centred.T @ moved).T.float()
    layer = head.position
    layer.weight.data.copy_(weight)
    layer.bias.data.copy_(target.mean(dim=0) - weight @ middle)
    error = (layer(pooled).view_as(joints) - joints).norm(dim=-1).mean()
    return 1000 * float(error)
