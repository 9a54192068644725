"""A refinement that serves some modalities and harms others is used for the first alone."""

import torch

from pta_ros.datasets.features import FeatureSet
from pta_ros.metrics.evaluate import outputs_of
from pta_ros.model.config import DiffusionConfig, PTAConfig
from pta_ros.model.encoders import token_count
from pta_ros.model.pta import PTA
from pta_ros.training.refine import leave_plain_what_suffers

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
    """The truth of the last rows is what refined LiDAR says; of others what plain features say."""
    torch.manual_seed(0)
    model, data = PTA(CONFIG).eval(), features()
    torch.nn.init.normal_(model.head.position.weight)
    for modality, refine, rows in (("depth", False, ROWS[:10]), ("lidar", True, ROWS[10:])):
        data.joints[rows] = outputs_of(model, data, rows, (modality,), refine)[0].joints
    data.present[:10, 1:], data.present[10:, :1] = False, False
    data.present[:, 2] = False
    return model, data


def test_a_modality_stays_plain_where_refinement_gives_the_larger_error_alone():
    model, data = model_and_truth()
    leave_plain_what_suffers(model, data, ROWS, "mpjpe")
    assert model.config.unrefined == ("depth",)  # of CSI no row says anything
    for modality, rows in (("depth", ROWS[:10]), ("lidar", ROWS[10:])):
        joints = outputs_of(model, data, rows, (modality,))[0].joints
        torch.testing.assert_close(joints, data.joints[rows])


def test_what_was_left_plain_before_is_judged_anew():
    model, data = model_and_truth()
    model.leave_plain(("lidar", "csi"))
    leave_plain_what_suffers(model, data, ROWS, "mpjpe")
    assert model.config.unrefined == ("depth",)
