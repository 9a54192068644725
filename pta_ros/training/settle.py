"""What each subset is settled to say, decided on people whom the model was not trained on."""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor

from pta_ros.datasets.feature_set import FeatureSet
from pta_ros.metrics.evaluate import outputs_of
from pta_ros.metrics.subsets import subsets
from pta_ros.model.heads import PTAOutput
from pta_ros.model.pta import PTA
from pta_ros.model.purify import subset_number
from pta_ros.model.settle import drawn
from pta_ros.training.losses import task_error

#: Of a pose's deviation from the mean pose; the first of equals is taken.
SHARES = tuple(round(1 - 0.05 * step, 2) for step in range(15))


@torch.inference_mode()
def settle(model: PTA, data: FeatureSet, rows: Tensor, loss: str) -> None:
    """Choose what `model.settled` keeps and hears of every subset, by the task error `loss`.

    First the shares of each subset's poses that are kept, then the part of each subset that has the
    least error with them, on the rows that have all of it; of equals the largest. `rows` of `data`
    must show people whom the model was not trained on. A subset that no row has stays as it is.
    """
    settled, names = model.eval().settled, model.config.modalities
    assert settled is not None, "a model with config.settle"
    settled.reset()
    said: dict[tuple[str, ...], tuple[PTAOutput, Tensor]] = {}

    def error(part: tuple[str, ...], whole: Tensor) -> float:
        out, found = said[part]
        common = torch.isin(found, whole)
        out = PTAOutput(*(values[common] for values in out))
        return float(task_error(loss, out, data.truth(found[common])))

    for subset in subsets(names):  # parts before the whole
        out, found = outputs_of(model, data, rows, subset)
        if not len(found):
            continue
        number = _number(names, subset)
        if model.config.has("pose"):
            shares = _best_shares(out, data, found, settled.mean_pose.cpu(), loss)
            settled.kept[number] = settled.kept.new_tensor(shares)
            out = out._replace(joints=drawn(out.joints, settled.mean_pose.cpu(), *shares))
        said[subset] = out, found
        errors = {part: error(part, found) for part in reversed(subsets(subset))}
        best = min(errors, key=errors.__getitem__)
        settled.heard[number] = torch.tensor([m in best for m in names]).to(settled.heard.device)


def _best_shares(
    out: PTAOutput, data: FeatureSet, rows: Tensor, mean: Tensor, loss: str
) -> tuple[float, float]:
    """The shares of centre and posture that poses keep with the least error."""
    truth, errors = data.truth(rows), {}
    for shares in product(SHARES, SHARES):
        result = out._replace(joints=drawn(out.joints, mean, *shares))
        errors[shares] = float(task_error(loss, result, truth))
    return min(errors, key=errors.__getitem__)


def _number(names: tuple[str, ...], subset: tuple[str, ...]) -> int:
    return int(subset_number(torch.tensor([[m in subset for m in names]]))[0])
