"""The activity head, alone and as a second one, and the encoders of XRF55's sensors."""

from dataclasses import replace

import pytest
import torch

from pta_ros.errors import ConfigError
from pta_ros.model.baselines import ConcatenateMlp, MeanOfPredictions, XFi
from pta_ros.model.config import DiffusionConfig, PTAConfig
from pta_ros.model.encoders import make_encoder, token_count
from pta_ros.model.inference import trace_parts
from pta_ros.model.pta import PTA
from pta_ros.sensors import SENSORS

NAMES = ("radar", "wifi", "rfid")
CONFIG = PTAConfig(
    modalities=NAMES, tasks=("activity",), classes=("a", "b", "c"), channels=16, tokens=4, dim=16,
    latent=8, diffusion=DiffusionConfig(shared=False),
)  # fmt: skip
BOTH = PTAConfig(tasks=("pose", "activity"), classes=("a", "b", "c"), channels=16, tokens=4,
                 dim=16, latent=8)  # fmt: skip
OWN = replace(CONFIG, own_heads=True)
FEATURES, MASK = torch.randn(6, 3, 4, 16), torch.tensor([[1, 1, 1], [1, 0, 0]] * 3).bool()


@pytest.mark.parametrize("modality", NAMES)
def test_encoders_take_what_the_sensors_give(modality):
    x = torch.randn(2, *SENSORS[modality]().shape)
    tokens = make_encoder("lite", modality, 24).eval()(x)
    assert tokens.shape == (2, token_count("lite", modality), 24)


@pytest.mark.parametrize("system", [ConcatenateMlp, MeanOfPredictions, XFi, PTA])
def test_every_system_tells_classes_and_no_joints(system):
    torch.manual_seed(0)
    out = system(CONFIG).eval().complete(FEATURES, MASK)
    assert out.logits.shape == (6, 3)
    assert out.joints.shape == (6, 0, 3)
    assert out.log_std.shape == (6, 0)
    torch.testing.assert_close(out.weights.sum(dim=1), torch.ones(6))


def test_the_mean_of_predictions_is_of_probabilities():
    model = MeanOfPredictions(CONFIG).eval()
    out = model.complete(FEATURES, MASK)
    each = torch.stack([said.logits.softmax(dim=1) for said in model.each(FEATURES)])
    torch.testing.assert_close(out.logits[0].exp(), each[:, 0].mean(dim=0))
    torch.testing.assert_close(out.logits[1].exp(), each[0, 1])


def own_model():
    torch.manual_seed(0)
    model = PTA(OWN).eval()
    with torch.no_grad():
        model.purify.logits.copy_(torch.tensor([1.0, 0.0, -1.0]))
    return model


@torch.inference_mode()
def test_with_own_heads_the_answer_begins_as_the_weighted_mean_of_what_they_say():
    model = own_model()
    out = model.complete(FEATURES, MASK, refine=False)
    each = torch.stack([head(FEATURES[:, i]) for i, head in enumerate(model.own.values())], dim=1)
    torch.testing.assert_close(out.logits, (model.purify(MASK)[..., None] * each).sum(dim=1))
    torch.testing.assert_close(out.logits[1], each[1, 0])  # one sensor alone


@torch.inference_mode()
def test_what_the_gate_hears_of_a_sensor_is_what_the_model_says_of_it_alone():
    model = own_model()
    torch.nn.init.normal_(model.head.score.weight)  # as after some training
    _, roots = model.shown(model.alone(FEATURES), (6, 3))
    for i, place in enumerate(torch.eye(3, dtype=torch.bool)):
        said = model.predict(FEATURES, place.expand(6, 3)).logits.softmax(dim=1)
        torch.testing.assert_close(roots[:, i].square(), said)


@torch.inference_mode()
def test_an_absent_sensor_s_own_head_has_no_say():
    model = own_model()
    other = torch.where(MASK[..., None, None], FEATURES, FEATURES + 9.0)
    for refine in (True, False):
        answers = [model.complete(f, MASK, refine).logits for f in (FEATURES, other)]
        torch.testing.assert_close(*answers)


def test_a_second_head_leaves_the_pose_as_it_is():
    torch.manual_seed(0)
    both = PTA(BOTH).eval()
    pose = PTA(replace(BOTH, tasks=("pose",))).eval()
    pose.load_state_dict({k: v for k, v in both.state_dict().items() if "activity" not in k})
    one, two = pose.complete(FEATURES, MASK), both.complete(FEATURES, MASK)
    torch.testing.assert_close(one.joints, two.joints, rtol=0, atol=0)
    assert one.logits.shape == (6, 0)
    assert two.logits.shape == (6, 3)


@pytest.mark.parametrize("config", [CONFIG, OWN, BOTH])
def test_a_traced_model_says_the_same(config):
    torch.manual_seed(0)
    model = PTA(config).eval()
    inputs = {m: torch.rand(1, *SENSORS[m]().shape) + 1 for m in config.modalities}
    with torch.inference_mode():
        expected = model(inputs)
        trace_parts(model, {m: SENSORS[m]().shape for m in config.modalities})
        features = torch.stack([model.encode_one(m, x) for m, x in inputs.items()], dim=1)
        traced = model.complete(features, torch.ones(1, 3, dtype=torch.bool))
    for one, other in zip(expected, traced, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


def test_what_cannot_be_is_named():
    with pytest.raises(ConfigError, match="names of 2 or more"):
        PTA(replace(CONFIG, classes=()))
    with pytest.raises(ConfigError, match="own_heads is true with the task pose"):
        replace(BOTH, own_heads=True)
    with pytest.raises(ConfigError, match="tasks"):
        replace(CONFIG, tasks=("activity", "pose"))
    assert PTAConfig.from_dict(BOTH.to_dict()) == BOTH
