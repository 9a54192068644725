"""The gate: weights that begin as the meta-learned ones and learn to see what is wrong."""

from itertools import combinations

import numpy as np
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from pta_ros import checkpoint
from pta_ros.frames import Frame, Sample
from pta_ros.fusion.estimator import Estimator
from pta_ros.model.baselines import shares
from pta_ros.model.config import PTAConfig
from pta_ros.model.pta import PTA
from pta_ros.model.purify import ModalityWeights, ReliabilityGate, fuse, pooled, subset_number
from pta_ros.sensors import sensors_from_config
from pta_ros.training.purify import draw_subsets

CONFIG = PTAConfig(channels=16, tokens=4, dim=16, latent=8, gate=True, mixers=1)
SHAPES = {"depth": (96, 128), "lidar": (512, 3), "csi": (3, 114, 10)}
NAMES = list(SHAPES)
SUBSETS = [s for n in (1, 2, 3) for s in combinations(SHAPES, n)]
MASKS = torch.tensor([[m in s for m in SHAPES] for s in SUBSETS])
LOGITS = torch.tensor([0.7, -0.4, 0.1])


def gated(seed=0):
    """A model whose gate has something to say, and whose weights are unequal."""
    torch.manual_seed(seed)
    model = PTA(CONFIG)
    with torch.no_grad():
        model.purify.logits.copy_(LOGITS)
        for number, layer in enumerate(model.gate.odds):
            layer.weight.normal_(std=3.0)
            layer.bias.fill_(2.0 + number)  # around the point where doubt begins
    return model.eval()


def features_of(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, CONFIG.tokens, CONFIG.dim, generator=generator)


def trusted(model, features, masks):
    return model.trusted(features, masks, model.alone(model.finish(features, masks)))


def shown(features, head):
    """What `head` says of each modality's features by themselves."""
    return tuple(x.unflatten(0, features.shape[:2]) for x in head(features.flatten(0, 1)))


def test_it_starts_as_no_gate_at_all():
    torch.manual_seed(0)
    model = PTA(CONFIG).eval()
    assert torch.equal(trusted(model, features_of(len(MASKS)), MASKS), MASKS)


@torch.inference_mode()
def test_what_is_left_out_has_no_weight_and_the_rest_the_meta_learned_ones():
    model, features = gated(), features_of(len(MASKS))
    kept = trusted(model, features, MASKS)
    assert bool((kept <= MASKS).all())
    assert bool(kept.any(dim=1).all())
    assert not torch.equal(kept, MASKS)  # it does something
    gate, model.gate = model.gate, None
    without = model.complete(features, kept)
    model.gate = gate
    for values in zip(model.complete(features, MASKS), without, strict=True):
        assert torch.equal(*values)


def odds_by_subset(gate, by_subset):
    """Let `gate` say what `by_subset` says of each subset: "depth+lidar" -> log odds (M,)."""
    said = torch.zeros(8, 3)
    for name, odds in by_subset.items():
        said[sum(2 ** NAMES.index(m) for m in name.split("+"))] = torch.tensor(odds)
    gate._scores = lambda own, joints, mask: said[subset_number(mask)]
    gate.threshold.zero_()


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ({"depth+lidar+csi": (9.0, 2.0, 1.0)}, (False, True, True)),
        ({"depth+lidar+csi": (9.0, 2.0, 1.0), "lidar+csi": (0.0, 1.0, 2.0)}, (False, True, False)),
        ({"depth+lidar+csi": (-1.0, -2.0, 3.0), "depth+lidar": (5.0, 6.0, 0.0)},
         (True, False, False)),
        ({"depth+lidar+csi": (-1.0, -2.0, -3.0), "depth+lidar": (5.0, 6.0, 0.0)},
         (True, True, True)),
    ],
    ids=["the worst clears the rest", "two in turn", "one is always kept", "none"],
)  # fmt: skip
def test_frames_are_left_out_one_by_one_the_most_doubtful_first(said, kept):
    gate = ReliabilityGate(CONFIG.dim, 17, 3)
    odds_by_subset(gate, said)
    features = features_of(1)
    found = gate(features, torch.ones(1, 3, dtype=torch.bool), *shown(features, head))
    assert found.tolist() == [list(kept)]


def test_each_subset_and_modality_has_a_threshold_of_its_own():
    gate = ReliabilityGate(CONFIG.dim, 17, 3)
    odds_by_subset(gate, {"depth+lidar": (2.0, 3.0, 0.0), "depth+csi": (2.0, 0.0, 3.0)})
    gate.threshold[3] = torch.tensor([1.0, 4.0, 0.0])  # depth and LiDAR
    masks = torch.tensor([[True, True, False], [True, False, True]])
    features = features_of(2)
    found = gate(features, masks, *shown(features, head))
    assert found.tolist() == [[False, True, False], [True, False, False]]


@torch.inference_mode()
def test_who_is_judged_by_itself_has_no_witness_in_that_subset_alone():
    model, features = gated(), features_of(len(MASKS))
    depth, pair = NAMES.index("depth"), torch.tensor([True, False, True])
    model.gate.by_itself[subset_number(pair[None])[0], depth] = True
    said = shown(features, model.head)
    odds = {
        tuple(mask.tolist()): model.gate.log_odds(
            pooled(features), mask.expand(len(MASKS), -1), *said
        )
        for mask in torch.tensor([[1, 0, 1], [1, 0, 0], [0, 0, 1], [1, 1, 1]]).bool()
    }
    beside_csi, alone, csi, of_all = odds.values()
    assert torch.equal(beside_csi[:, depth], alone[:, depth])
    assert not torch.isclose(beside_csi[:, depth], of_all[:, depth]).any()
    assert not torch.isclose(beside_csi[:, 2], csi[:, 2]).any()


@torch.inference_mode()
def test_absent_features_have_no_influence_on_what_is_kept():
    model, features = gated(), features_of(len(MASKS))
    other = torch.where(MASKS[..., None, None], features, 50 * features_of(len(MASKS), seed=1))
    both = [(pooled(f), MASKS, *shown(f, model.head)) for f in (features, other)]
    odds = [model.gate.log_odds(*seen)[MASKS] for seen in both]
    assert torch.equal(*odds)


@torch.inference_mode()
def test_a_sample_s_odds_do_not_depend_on_its_batch():
    model, features = gated(), features_of(len(MASKS))
    said = shown(features, model.head)
    vectors = pooled(features)
    together = model.gate.log_odds(vectors, MASKS, *said)
    for i in range(len(MASKS)):
        one = (x[i : i + 1] for x in (vectors, MASKS, *said))
        alone = model.gate.log_odds(*one)
        torch.testing.assert_close(together[i : i + 1], alone, rtol=1e-4, atol=1e-4)


WORLD = torch.randn(4, 51, generator=torch.Generator().manual_seed(9))


def head(fused):
    """A fixed head: the first four channels are the causes of the pose."""
    joints = (fused.mean(dim=1)[:, :4] @ WORLD).view(-1, 17, 3)
    return joints, joints.new_zeros(len(joints), 17)


def corrupted_world(count, marked):
    """Features that all show the causes, but each modality's are noise in a fifth of the rows.

    `marked`: noise shows in a channel of its own; else only in that it contradicts the others.
    """
    causes = torch.randn(count, 4)
    features = torch.zeros(count, 3, CONFIG.tokens, CONFIG.dim)
    features[..., :4] = causes[:, None, None]
    corrupted = torch.rand(count, 3) < 0.2
    noise = torch.randn(count, 3, 1, 4).expand(-1, -1, CONFIG.tokens, -1)
    features[..., :4] = torch.where(corrupted[..., None, None], noise, features[..., :4])
    if marked:
        features[..., 5] = 2.0 * corrupted[..., None]
    return features, corrupted, (causes @ WORLD).view(-1, 17, 3)


def trained(loss_of, parameters, marked, steps=600):
    optimizer = torch.optim.Adam(parameters, 1e-2)
    for _ in range(steps):
        features, corrupted, joints = corrupted_world(64, marked)
        mask = draw_subsets(torch.ones(64, 3, dtype=torch.bool))
        loss = loss_of(features, mask, corrupted, joints)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def error(weights, features, joints):
    return (head(fuse(features, weights))[0] - joints).square().mean()


@pytest.mark.parametrize(
    ("marked", "left", "share"),
    [(True, 0.01, 0.01), (False, 0.85, 0.31)],  # by chance: 1 and a third
    ids=["by its own features", "by contradiction"],
)
def test_it_learns_to_distrust_a_corrupted_modality_where_fixed_weights_cannot(marked, left, share):
    torch.manual_seed(0)
    gate, fixed = ReliabilityGate(CONFIG.dim, 17, 3, hidden=32, dropout=0.0), ModalityWeights(3)
    gate.threshold.zero_()  # more likely corrupted than not

    def weigh(features, mask):
        return shares(gate(features, mask, *shown(features, head)))

    def odds_loss(features, mask, corrupted, _):
        odds = gate.log_odds(pooled(features), mask, *shown(features, head))
        return binary_cross_entropy_with_logits(odds[mask], corrupted[mask].float())

    trained(odds_loss, gate.parameters(), marked)
    trained(lambda f, mask, _, joints: error(fixed(mask), f, joints), fixed.parameters(), marked)
    features, corrupted, joints = corrupted_world(2000, marked)
    one = corrupted.sum(dim=1) == 1
    features, corrupted, joints = features[one], corrupted[one], joints[one]
    full = torch.ones(len(features), 3, dtype=torch.bool)
    with torch.no_grad():
        weights, plain = weigh(features, full), fixed(full)
        assert float(error(weights, features, joints)) < left * float(
            error(plain, features, joints)
        )
    assert float(weights[corrupted].mean()) < share
    assert float(plain[corrupted].mean()) > 0.32


def test_a_model_with_a_gate_comes_back_from_its_folder(tmp_path):
    model = gated()
    sensors = sensors_from_config({m: {} for m in SHAPES})
    checkpoint.save(tmp_path / "m", model, sensors, {}, {})
    loaded = checkpoint.load(tmp_path / "m").model
    assert loaded.config == CONFIG
    assert loaded.state_dict().keys() == model.state_dict().keys()
    for name, value in model.state_dict().items():
        assert torch.equal(value, loaded.state_dict()[name]), name
    features = features_of(len(MASKS))
    with torch.inference_mode():
        for values in zip(*(m.complete(features, MASKS) for m in (model, loaded)), strict=True):
            assert torch.equal(*values)


@pytest.fixture(scope="module")
def estimators():
    """Untraced, and traced as a live node has it."""
    plain, traced = Estimator(gated()), Estimator(gated())
    traced.warm_up(SHAPES)
    return plain, traced


@pytest.mark.parametrize("names", SUBSETS, ids="+".join)
def test_the_traced_estimator_gives_what_the_untraced_gives(estimators, names):
    rng = np.random.default_rng(0)
    arrays = {name: rng.random(SHAPES[name], np.float32) + 1 for name in names}
    sample = Sample(1, {name: Frame(name, 1, array) for name, array in arrays.items()})
    plain, traced = (estimator(sample) for estimator in estimators)
    assert traced.joints_m == pytest.approx(plain.joints_m, rel=1e-4, abs=1e-5)
    assert traced.std_m == pytest.approx(plain.std_m, rel=1e-4)
    assert traced.weights == pytest.approx(plain.weights, rel=1e-4)


def test_an_estimator_without_the_gate_uses_the_meta_learned_weights_alone():
    model = gated()
    rng = np.random.default_rng(0)
    arrays = {name: rng.random(shape, np.float32) + 1 for name, shape in SHAPES.items()}
    sample = Sample(1, {name: Frame(name, 1, array) for name, array in arrays.items()})
    shares = dict(zip(SHAPES, LOGITS.softmax(dim=0).tolist(), strict=True))
    assert Estimator(model, gate=False)(sample).weights == pytest.approx(shares, rel=1e-5)
    assert Estimator(model)(sample).weights != pytest.approx(shares, rel=1e-2)
    assert model.gate is not None  # the caller's model keeps it
