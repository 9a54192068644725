"""Who encodes a run's frames: the process that trains, or the workforce that was asked for."""

from dataclasses import replace

import pytest
import torch

from pta_ros.model.encoders import make_encoder
from pta_ros.training.config import TrainConfig
from pta_ros.training.corrupt import kinds
from pta_ros.training.distributed import ALONE, Ranks
from pta_ros.training.encoders import features_of
from pta_ros.training.prepare import Silent, prepare
from pta_ros.workers.workforce import EVERY_CORE, Hired, Workforce

NAMES = ("depth", "lidar", "csi")
CONFIG = TrainConfig()
CONFIG = replace(
    CONFIG,
    model=replace(CONFIG.model, tokens=4, dim=16, latent=8, channels=16),
    split=replace(CONFIG.split, meta_val=0.2, val=0.2, test=0.2),
)


@pytest.fixture(scope="module")
def ready(synthetic_tree, tmp_path_factory):
    cache = tmp_path_factory.mktemp("cache")
    return prepare(CONFIG, synthetic_tree, cache, Silent(), workforce=Workforce(1))


@pytest.fixture(scope="module")
def encoders():
    torch.manual_seed(1)
    return {m: make_encoder("lite", m, 16).eval() for m in NAMES}


@pytest.fixture
def tasks(monkeypatch):
    """The workforce and the number of tasks of each call that is given to workers."""
    given, in_order = [], Hired.in_order

    def noted(self, tasks):
        given.append(len(tasks))
        return in_order(self, tasks)

    monkeypatch.setattr(Hired, "in_order", noted)
    return given


def test_the_workforce_that_was_asked_for_makes_the_same_features(ready, encoders, tmp_path, tasks):
    clean, views = features_of(CONFIG, ready, encoders, tmp_path / "a", Silent(), True)
    assert tasks == []
    other, others = features_of(
        CONFIG, ready, encoders, tmp_path / "b", Silent(), True, workforce=Workforce(2)
    )
    every = [(m, kind) for m in NAMES for kind in kinds(m)]
    assert tasks == [1] * (len(NAMES) + len(every))
    pairs = [(clean, other)] + [(views[m][kind], others[m][kind]) for m, kind in every]
    for one, two in pairs:
        for m, tokens in one.tokens.items():
            torch.testing.assert_close(tokens, two.tokens[m], rtol=1e-5, atol=1e-5)
        for m, points in one.points.items():
            assert torch.equal(points, two.points[m])
    for folder in (tmp_path / "a").rglob("*"):
        assert (tmp_path / "b" / folder.relative_to(tmp_path / "a")).exists()


def test_frames_are_encoded_by_the_process_that_trains_unless_asked(
    ready, encoders, tmp_path, tasks
):
    features_of(CONFIG, ready, encoders, tmp_path, Silent(), False, ALONE, EVERY_CORE)
    elsewhere = Ranks(torch.device("meta"))  # takes the encoders, and gives no values back
    with pytest.raises(NotImplementedError, match="meta"):
        features_of(
            CONFIG, ready, encoders, tmp_path / "b", Silent(), False, elsewhere, Workforce(1)
        )
    assert tasks == []
