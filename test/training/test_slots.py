"""Training of the fusion with proxies: pairs, regularisation, and what is learned."""

import torch

from pta_ros.datasets.feature_set import FeatureSet
from pta_ros.model.config import PTAConfig
from pta_ros.model.slots import ProxySlots
from pta_ros.training.config import TrainConfig
from pta_ros.training.fit import Setup
from pta_ros.training.slots import both_present, from_all, regularisation, slots_stage
from pta_ros.training.stage_config import MetaConfig

SMALL = PTAConfig(channels=16, tokens=4, dim=16, latent=8)


def test_pairs_are_of_two_that_are_there():
    pairs = both_present(torch.tensor([[True, True, False], [True, False, False]]))
    assert pairs.nonzero().tolist() == [[0, 0, 1], [0, 1, 0]]


def test_the_regularisation_is_least_where_channels_vary_and_modalities_agree():
    generator = torch.Generator().manual_seed(0)
    present = torch.ones(4000, 3, dtype=torch.bool)
    one = 2 * torch.randn(4000, 1, 8, generator=generator)
    good = one.expand(-1, 3, -1)
    apart = good + torch.tensor([0.0, 1.0, 2.0])[:, None]
    silent = 0.1 * good
    same = one[..., :1].expand(-1, 3, 8)
    least = float(regularisation(good, present))
    assert least < 0.01
    assert all(float(regularisation(x, present)) > least + 0.1 for x in (apart, silent, same))


def token_set(count=192):
    """Joints driven by 4 causes that every modality sees."""
    generator = torch.Generator().manual_seed(0)
    causes = torch.randn(count, 4, generator=generator)
    joints = (causes @ torch.randn(4, 51, generator=generator)).view(count, 17, 3)
    model = ProxySlots(SMALL)
    tokens = {}
    for m, projector in model.projectors.items():
        shape = (count, projector.token.in_features, SMALL.channels)
        tokens[m] = 0.1 * torch.randn(shape, generator=generator)
        tokens[m][:, :, :4] += causes[:, None]
    points = {"lidar": torch.randn(count, SMALL.tokens, 3, generator=generator)}
    present = torch.ones(count, 3, dtype=torch.bool)
    present[::4, 2] = False
    return FeatureSet(tokens, points, present, joints, torch.arange(count))


def test_in_training_a_slot_is_filled_as_at_inference():
    """Of a sample that lacks CSI itself and of one whose CSI is left out."""
    torch.manual_seed(0)
    model = ProxySlots(SMALL).eval()
    present = torch.tensor([[True, True, False], [True, True, True]])
    mask = torch.tensor([[True, False, False], [True, True, False]])
    features = torch.randn(2, 3, 4, 16) * present[..., None, None]
    proxies = model.proxies(features, from_all(present))
    trained = model.fuse(features, proxies, mask).joints
    assert torch.allclose(trained, model.complete(features, mask).joints, atol=1e-6)


def test_proxies_come_near_their_targets_and_everything_is_trained():
    torch.manual_seed(0)
    data, model = token_set(), ProxySlots(SMALL)
    settings = MetaConfig(epochs=30, batch=32, learning_rate=3e-3, align_weight=1.0)
    stage = slots_stage(
        Setup(TrainConfig(model=SMALL, meta=settings), data, torch.arange(192)), model
    )
    before = {name: p.clone() for name, p in model.named_parameters()}

    def apart():
        """The proxies' error against that of the mean, where all are there."""
        rows = torch.arange(1, 192, 4)
        with torch.no_grad():
            features = model.eval().features(
                {m: t[rows] for m, t in data.tokens.items()},
                {"lidar": data.points["lidar"][rows]}, data.present[rows],
            )  # fmt: skip
            proxies = model.proxies(features, both_present(data.present[rows]))
        found = (proxies[:, 0, 1] - features[:, 1]).square().mean()
        return float(found / (features[:, 1] - features[:, 1].mean(dim=0)).square().mean())

    first, losses = apart(), [stage.epoch(n)["loss_task"] for n in range(30)]
    assert losses[-1] < 0.7 * losses[0]
    assert apart() < 0.8 < first  # 1 is what the mean would give
    assert [n for n, p in model.named_parameters() if torch.equal(p, before[n])] == []
