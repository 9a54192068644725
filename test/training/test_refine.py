"""A refinement moves the features of each modality as far as serves people it has not seen."""

import pytest
import torch

from pta_ros.datasets.feature_set import FeatureSet
from pta_ros.metrics.evaluate import outputs_of
from pta_ros.model.config import DiffusionConfig, PTAConfig
from pta_ros.model.encoders import token_count
from pta_ros.model.pta import PTA
from pta_ros.training.refine import choose_shares

CONFIG = PTAConfig(channels=8, tokens=4, dim=16, latent=8, diffusion=DiffusionConfig(shared=False))
ROWS = torch.arange(20)


def features():
    generator = torch.Generator().manual_seed(0)
    tokens = {
        m: torch.randn(len(ROWS), token_count("lite", m), CONFIG.channels, generator=generator)
        for m in CONFIG.modalities
    }
    present = torch.ones(len(ROWS), 3, dtype=torch.bool)
    return FeatureSet(tokens, {"lidar": torch.zeros(len(ROWS), 4, 3)}, present,
                      torch.zeros(len(ROWS), 17, 3), ROWS)  # fmt: skip


def model_and_truth():
    """The truth of depth is what plain features say, of the LiDAR what half refined ones do."""
    torch.manual_seed(0)
    model, data = PTA(CONFIG).eval(), features()
    torch.nn.init.normal_(model.head.position.weight)
    for modality, share, rows in (("depth", 0.0, ROWS[:10]), ("lidar", 0.5, ROWS[10:])):
        model.refine_by({modality: share})
        data.joints[rows] = outputs_of(model, data, rows, (modality,))[0].joints
    data.present[:10, 1:], data.present[10:, :1] = False, False
    data.present[:, 2] = False
    return model, data


@pytest.mark.parametrize("before", [{}, {"lidar": 0.0, "csi": 0.25}])
def test_each_modality_is_refined_as_far_as_it_alone_is_best(before):
    model, data = model_and_truth()
    model.refine_by(before)
    choose_shares(model, data, ROWS, "mpjpe")
    assert model.config.refined == {"depth": 0.0, "lidar": 0.5, "csi": 1.0}  # CSI: no row has it
    for modality, rows in (("depth", ROWS[:10]), ("lidar", ROWS[10:])):
        joints = outputs_of(model, data, rows, (modality,))[0].joints
        torch.testing.assert_close(joints, data.joints[rows])
