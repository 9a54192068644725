"""Shared: model folders of random weights, for runs that start from a model; a small wide tree."""

import pytest
import torch

from pta_ros import checkpoint
from pta_ros.model.pta import PTA
from pta_ros.sensors import SENSORS


@pytest.fixture(scope="session")
def saved():
    """Writes a model of a configuration; none of its weights are what an untrained model has."""

    def saved(folder, config, seed=1, **sensors):
        torch.manual_seed(seed)
        model = PTA(config)
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor.uniform_(0.1, 0.9)
        known = {m: sensors.get(m, SENSORS[m]()) for m in config.modalities}
        checkpoint.save(folder, model, known, {}, {"synthetic": {"seed": 0}})
        return folder

    return saved


@pytest.fixture(scope="session")
def wide_tree(wide_tree_of):
    return wide_tree_of((5, 4, 4), frames=2)
