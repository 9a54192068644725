from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pta_ros import checkpoint  # noqa: E402
from pta_ros.errors import ConfigError  # noqa: E402
from pta_ros.frames import Frame, StreamState  # noqa: E402
from pta_ros.fusion.engine import Engine  # noqa: E402
from pta_ros.fusion.exchange import check_replaces, take_over  # noqa: E402
from pta_ros.fusion.params import FusionParams, StreamParams, topics_of  # noqa: E402
from pta_ros.model.config import PTAConfig  # noqa: E402
from pta_ros.model.pta import PTA  # noqa: E402
from pta_ros.sensors import SENSORS  # noqa: E402

STREAMS = {m: StreamParams(topic=topic, recover_frames=1) for m, topic in topics_of("mmfi").items()}
T0, MS = 10**12, 10**6


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """An Engine, loaded, of a model with changed settings."""

    def make(seed, sensors=None, **changed):
        torch.manual_seed(seed)
        given = {"modalities": ("lidar", "csi"), "channels": 16, "tokens": 4, "dim": 16}
        config = PTAConfig(**{**given, "latent": 8, **changed})
        own = {m: SENSORS[m]() for m in config.modalities}
        folder = tmp_path_factory.mktemp("exchange") / f"seed{seed}"
        checkpoint.save(folder, PTA(config), own | (sensors or {}), {}, {"note": f"of {seed}"})
        return Engine.load(FusionParams(model=str(folder), device="cpu"), STREAMS)

    return make


def frame(at_ms):
    array = np.random.default_rng(at_ms).random((3, 114, 10), np.float32)
    return Frame("csi", T0 + at_ms * MS, array, T0 + at_ms * MS)


def test_the_other_model_answers_and_tracks_and_streams_go_on(engine):
    old, new = engine(1), engine(2)
    pipeline = old.start()
    steps = []
    for k in range(6):
        if k == 3:
            new.prepare()
            take_over(new, pipeline, old)
            assert old.estimator is None
        pipeline.push(frame(100 * k), T0 + 100 * k * MS)
        steps.append(pipeline.step(T0 + 100 * k * MS))
    assert {step.tracks[0].id for step in steps[1:]} == {1}
    status = next(s for s in pipeline.statuses(T0 + 500 * MS) if s.modality == "csi")
    assert (status.state, status.received, status.used) == (StreamState.LIVE, 6, 6)
    alone = new.pipeline()  # the same model from the beginning
    alone.push(frame(500), T0 + 500 * MS)
    told = alone.step(T0 + 500 * MS)
    followed, measured = steps[-1].joints_m, told.joints_m
    assert np.abs(followed - measured).mean() < np.abs(steps[2].joints_m - measured).mean()


def test_what_was_switched_stays_switched(engine):
    old, new = engine(1), engine(2)
    pipeline = old.start()
    new.prepare()
    old.estimator.refine, old.estimator.alone = False, True
    take_over(new, pipeline, old)
    assert (new.estimator.refine, new.estimator.alone) == (False, True)


def test_activities_start_over_only_with_other_classes(engine):
    tasks = {"tasks": ("activity",)}
    first, same, other = (
        engine(n, classes=classes, **tasks)
        for n, classes in ((1, ("sit", "go")), (2, ("sit", "go")), (3, ("eat", "read")))
    )
    pipeline = first.start()
    old, kept = first, []
    for new in (same, other):
        pipeline.push(frame(len(kept) * 100), T0 + len(kept) * 100 * MS)
        pipeline.step(T0 + len(kept) * 100 * MS)
        new.prepare()
        check_replaces(new, old)
        take_over(new, pipeline, old)
        old = new
        kept.append(pipeline._teller.activities._belief is not None)
    assert kept == [True, False]


def test_what_does_not_fit_is_refused(engine):
    old = engine(1)
    check_replaces(engine(2), old)
    fewer = engine(3, modalities=("csi",))
    with pytest.raises(ConfigError, match="seed3 reads csi; expected csi, lidar, as seed1"):
        check_replaces(fewer, old)
    with pytest.raises(ConfigError, match="tells activity and pose; expected pose"):
        check_replaces(engine(4, tasks=("pose", "activity"), classes=("a", "b")), old)
    receiver = replace(SENSORS["csi"](), antennas=2)
    with pytest.raises(ConfigError, match=r"has csi\.antennas 2; expected 3"):
        check_replaces(engine(5, {"csi": receiver}), old)


def test_an_engine_tells_where_its_model_comes_from(engine):
    about = engine(6).about
    assert about["model_path"].endswith("/seed6")
    assert (about["model_format"], about["trained"], about["taught"]) == ("1", "of 6", "")
