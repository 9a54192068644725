import torch
from torch import nn

from pta_ros.model.config import PTAConfig
from pta_ros.model.fold import fold_norms
from pta_ros.model.pta import PTA


def test_the_folded_model_says_the_same_and_has_no_norm_left():
    torch.manual_seed(0)
    model = PTA(PTAConfig(channels=32, tokens=8, dim=32, latent=16))
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            buffer.uniform_(-0.2, 0.2)
        if name.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)
    model.eval()
    inputs = {
        "depth": torch.rand(2, 96, 128) + 1,
        "lidar": torch.rand(2, 512, 3) + 1,
        "csi": torch.rand(2, 3, 114, 10),
    }
    before = {k: v.clone() for k, v in model.state_dict().items()}
    folded = fold_norms(model)
    with torch.no_grad():
        for refine in (True, False):
            plain, fast = model(inputs, refine=refine), folded(inputs, refine=refine)
            torch.testing.assert_close(fast.joints, plain.joints, rtol=1e-4, atol=1e-4)
            torch.testing.assert_close(fast.log_std, plain.log_std, rtol=1e-4, atol=1e-4)
    kinds = (nn.BatchNorm1d, nn.BatchNorm2d)
    assert not [m for m in folded.modules() if isinstance(m, kinds)]
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name
