"""What each subset is settled to say, decided on people whom the model was not trained on."""

from __future__ import annotations

from dataclasses import replace
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
    least error with them, on the rows that have all of it and some of it sees who is there; of
    equals the largest. A part that is blind there has its error counted all the same. `rows` of
    `data` must show people whom the model was not trained on. A subset that no row has stays as it
    is.
    """
    settled, names = model.eval().settled, model.config.modalities
    assert settled is not None, "a model with config.settle"
    settled.reset()
    shown = replace(data, sees=data.present)  # blind or not
    said: dict[tuple[str, ...], tuple[PTAOutput, Tensor]] = {}

    def error(part: tuple[str, ...], whole: Tensor) -> float:
        out, found = _of(*said[part], torch.isin(said[part][1], whole))
        return float(task_error(loss, out, data.truth(found)))

    for subset in subsets(names):  # parts before the whole
        out, found = outputs_of(model, shown, rows, subset)
        member = torch.tensor([m in subset for m in names])
        told = data.seeing(found)[:, member].any(dim=1)
        said[subset] = out, found
        if not bool(told.any()):
            continue
        number = int(subset_number(member[None])[0])
        if model.config.has("pose"):
            shares = _best_shares(*_of(out, found, told), data, settled.mean_pose.cpu(), loss)
            settled.kept[number] = settled.kept.new_tensor(shares)
            joints = drawn(out.joints, settled.mean_pose.cpu(), *shares)
            said[subset] = out._replace(joints=joints), found
        errors = {part: error(part, found[told]) for part in reversed(subsets(subset))}
        best = min(errors, key=errors.__getitem__)
        settled.heard[number] = torch.tensor([m in best for m in names]).to(settled.heard.device)


def _of(out: PTAOutput, rows: Tensor, kept: Tensor) -> tuple[PTAOutput, Tensor]:
    return PTAOutput(*(values[kept] for values in out)), rows[kept]


def _best_shares(
    out: PTAOutput, rows: Tensor, data: FeatureSet, mean: Tensor, loss: str
) -> tuple[float, float]:
    """The shares of centre and posture that poses keep with the least error."""
    truth, errors = data.truth(rows), {}
    for shares in product(SHARES, SHARES):
        result = out._replace(joints=drawn(out.joints, mean, *shares))
        errors[shares] = float(task_error(loss, result, truth))
    return min(errors, key=errors.__getitem__)
