"""Models of single sensors that are kept beside the fusion: what they say, and what it counts."""

from dataclasses import replace

import pytest
import torch

from pta_ros.errors import ConfigError
from pta_ros.model.config import DiffusionConfig, PTAConfig
from pta_ros.model.finder import Finder
from pta_ros.model.inference import fold_norms, trace_parts, trace_people
from pta_ros.model.pta import PTA
from pta_ros.model.purify import subset_number
from pta_ros.model.replayed import whole_and_each
from pta_ros.people import birdseye
from pta_ros.people.centred import CLOUD_SHAPE, PATCH_SHAPE
from pta_ros.sensors import SENSORS

POSE = PTAConfig(channels=16, tokens=4, dim=16, latent=8, pretrained=8, gate=True, settle=True)
ACTIVITY = PTAConfig(
    modalities=("radar", "wifi", "rfid"), tasks=("activity",), classes=("a", "b", "c"),
    channels=16, tokens=4, dim=16, latent=8, pretrained=16, gate=True, own_heads=True,
    diffusion=DiffusionConfig(shared=False),
)  # fmt: skip
SHAPES = {
    "pose": {"depth": (96, 128), "lidar": (512, 3), "csi": (3, 114, 10)},
    "activity": {m: SENSORS[m]().shape for m in ACTIVITY.modalities},
}
PEOPLE = PTAConfig(
    modalities=("depth", "lidar"), encoders="centred", channels=16, tokens=17, dim=16, latent=8,
    mixers=1, pretrained=8,
)  # fmt: skip
CENTRED = {"depth": PATCH_SHAPE, "lidar": CLOUD_SHAPE}
PAIRS = torch.tensor([[1, 1], [1, 0], [0, 1]]).bool()
MASK = torch.tensor([[1, 1, 1], [1, 0, 0], [0, 1, 1], [0, 0, 1]]).bool()


def model_of(config):
    torch.manual_seed(0)
    model = PTA(config).eval()
    for name, parameter in model.named_parameters():
        if name.endswith(("position.weight", "score.weight")):
            torch.nn.init.normal_(parameter)
    return model


def features_of(model, mask=MASK):
    torch.manual_seed(1)
    tokens = {
        m: torch.randn(int(mask[:, i].sum()), model.projectors[m].kept.token.in_features, 16)
        for i, m in enumerate(model.config.modalities)
    }
    points = {"lidar": torch.randn(len(mask), 4, 3)} if "lidar" in tokens else {}
    return model.features(tokens, points, mask)


def hear(model, fusion, single):
    model.pretrained.exponents[:] = torch.tensor([fusion, single])


@pytest.mark.parametrize("config", [POSE, ACTIVITY], ids=["pose", "activity"])
@torch.no_grad()
def test_before_they_are_heard_the_model_says_what_it_says_without_them(config):
    model, plain = model_of(config), PTA(replace(config, pretrained=0)).eval()
    features = features_of(model)
    assert features.shape == (4, 3, 5, 16)
    state = model.state_dict()
    plain.load_state_dict({name: state[name] for name in plain.state_dict()})
    for refine in (True, False):
        one = model.complete(features, MASK, refine)
        other = plain.complete(features[:, :, :4], MASK, refine)
        torch.testing.assert_close(one.joints, other.joints)
        torch.testing.assert_close(one.logits.softmax(dim=1), other.logits.softmax(dim=1))
        torch.testing.assert_close(one.weights, other.weights)


@torch.no_grad()
def test_heard_alone_they_say_the_weighted_mean_of_what_each_says():
    pose, activity = model_of(POSE), model_of(ACTIVITY)
    for model in (pose, activity):
        hear(model, 0.0, 1.0)
        means = features_of(model)[:, :, -1, : model.config.pretrained]
        each = [head(means[:, i, None]) for i, head in enumerate(model.pretrained.heads.values())]
        weights = model.purify(MASK)
        told = model.predict(features_of(model), MASK)
        if model is pose:
            joints = torch.stack([joints for joints, _ in each], dim=1)
            expected = (weights[..., None, None] * joints).sum(dim=1)
            torch.testing.assert_close(told.joints, expected)
        else:
            logs = torch.stack([x.log_softmax(dim=1) for x in each], dim=1)
            expected = (weights[..., None] * logs).sum(dim=1)
            torch.testing.assert_close(told.logits, expected)


@torch.no_grad()
def test_each_subset_has_exponents_of_its_own():
    model, features = model_of(ACTIVITY), features_of(model_of(ACTIVITY))
    before = model.predict(features, MASK).logits.softmax(dim=1)
    model.pretrained.exponents[subset_number(MASK[2:3])] = torch.tensor([0.5, 2.0])
    after = model.predict(features, MASK).logits.softmax(dim=1)
    assert not torch.allclose(before[2], after[2], atol=1e-3)
    others = [0, 1, 3]
    torch.testing.assert_close(before[others], after[others])


@torch.no_grad()
def test_a_pose_is_the_mean_of_both_as_their_exponents_say():
    model = model_of(POSE)
    features, found = features_of(model), []
    for exponents in ((1.0, 0.0), (0.0, 1.0), (0.75, 0.25)):
        hear(model, *exponents)
        found.append(model.predict(features, MASK))
    for name in ("joints", "log_std"):
        fusion, single, both = (getattr(out, name) for out in found)
        assert not torch.allclose(fusion, single)
        torch.testing.assert_close(both, 0.75 * fusion + 0.25 * single)


@pytest.mark.parametrize("config", [POSE, ACTIVITY], ids=["pose", "activity"])
@torch.inference_mode()
def test_the_gate_and_graphs_hear_the_same(config):
    """What a sensor says alone is told with its kept model, by every way there is."""
    model = model_of(config)
    hear(model, 0.5, 0.5)
    features = features_of(model, MASK[:1])
    out, each, _ = model.complete_each(features, MASK[:1])
    packed = whole_and_each(model, features, MASK[:1], config.refine)
    for row, told in ((packed[:, 0], out), (packed[0, 1:], each)):
        told = torch.cat([part.flatten(1) for part in told], dim=1)
        torch.testing.assert_close(row, told, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("config", [POSE, ACTIVITY], ids=["pose", "activity"])
@torch.inference_mode()
def test_the_traced_model_says_the_same(config):
    model = model_of(config)
    hear(model, 0.5, 0.5)
    torch.manual_seed(0)
    inputs = {m: torch.rand(1, *shape) for m, shape in SHAPES[config.tasks[0]].items()}
    fast = fold_norms(model)
    trace_parts(fast, SHAPES[config.tasks[0]])
    for subset in (config.modalities, config.modalities[:1], config.modalities[1:]):
        given = {m: inputs[m] for m in subset}
        one, other = fast(given), model(given)
        torch.testing.assert_close(one.joints, other.joints, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(one.logits, other.logits, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_a_traced_model_of_people_says_the_same_of_any_number():
    model = model_of(replace(PEOPLE, attention=1, settle=True))
    hear(model, 0.5, 0.5)
    fast = fold_norms(model)
    trace_people(fast, Finder(birdseye.CHANNELS).eval(), CENTRED)
    assert all(isinstance(h, torch.jit.ScriptModule) for h in fast.pretrained.heads.values())
    for count in (1, 3, 6):
        mask = torch.ones(count, 2, dtype=torch.bool)
        mask[0, 0] = count == 1
        inputs = {m: torch.rand(count, *CENTRED[m]) for m in PEOPLE.modalities}
        told = []
        for each in (fast, model):
            tokens = {m: each.encoders[m](inputs[m][mask[:, i]]) for i, m in enumerate(inputs)}
            told.append(each.complete(each.features(tokens, {}, mask), mask, True))
        torch.testing.assert_close(told[0].joints, told[1].joints, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(told[0].logits, told[1].logits, rtol=1e-4, atol=1e-4)


def test_wider_models_are_refused():
    with pytest.raises(ConfigError, match="pretrained is"):
        replace(POSE, pretrained=32)


@torch.no_grad()
def test_models_of_people_keep_a_token_for_each_joint():
    model = model_of(PEOPLE)
    features = features_of(model, PAIRS)
    assert features.shape == (3, 2, 2 * 17, 16)
    found = []
    for exponents in ((1.0, 0.0), (0.0, 1.0), (0.75, 0.25)):
        hear(model, *exponents)
        found.append(model.complete(features, PAIRS))
    kept = features[:, :, 17:, :8]
    heads = enumerate(model.pretrained.heads.values())
    each = [torch.cat([x.flatten(1) for x in head(kept[:, i])], dim=1) for i, head in heads]
    expected = (model.purify(PAIRS)[..., None] * torch.stack(each, dim=1)).sum(dim=1)
    fusion, single, both = (
        torch.cat([out.joints.flatten(1), out.log_std, out.logits], dim=1) for out in found
    )
    torch.testing.assert_close(single, expected)
    torch.testing.assert_close(both, 0.75 * fusion + 0.25 * single)  # of presence the log odds
