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


def test_a_second_head_leaves_the_pose_as_it_is():
    torch.manual_seed(0)
    both = PTA(BOTH).eval()
    pose = PTA(replace(BOTH, tasks=("pose",))).eval()
    pose.load_state_dict({k: v for k, v in both.state_dict().items() if "activity" not in k})
    one, two = pose.complete(FEATURES, MASK), both.complete(FEATURES, MASK)
    torch.testing.assert_close(one.joints, two.joints, rtol=0, atol=0)
    assert one.logits.shape == (6, 0)
    assert two.logits.shape == (6, 3)


@pytest.mark.parametrize("config", [CONFIG, BOTH])
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
    with pytest.raises(ConfigError, match="tasks"):
        replace(CONFIG, tasks=("activity", "pose"))
    assert PTAConfig.from_dict(BOTH.to_dict()) == BOTH
