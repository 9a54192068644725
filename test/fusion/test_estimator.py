"""Estimator: a Sample through a small real model and back."""

from itertools import combinations

import numpy as np
import pytest
import torch

from pta_ros.errors import ConfigError
from pta_ros.frames import Frame, Sample
from pta_ros.fusion.estimator import Estimator
from pta_ros.fusion.pipeline import FusionPipeline
from pta_ros.fusion.streams import Stream, StreamConfig
from pta_ros.model.config import DiffusionConfig, PTAConfig
from pta_ros.model.pta import PTA

SHAPES = {"depth": (96, 128), "lidar": (512, 3), "csi": (3, 114, 10)}
SUBSETS = [s for n in (1, 2, 3) for s in combinations(SHAPES, n)]


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    tiny = PTA(PTAConfig(channels=16, tokens=4, dim=16, latent=8))
    with torch.no_grad():
        tiny.purify.logits.copy_(torch.tensor([0.5, 0.0, -1.0]))
    return tiny.eval()


def sample_of(names, seed=0):
    rng = np.random.default_rng(seed)
    arrays = {name: rng.random(SHAPES[name], np.float32) + 1 for name in names}
    return Sample(1, {name: Frame(name, 1, array) for name, array in arrays.items()})


@pytest.mark.parametrize("names", SUBSETS, ids="+".join)
def test_every_subset_gives_what_the_model_gives(model, names):
    sample = sample_of(names)
    prediction = Estimator(model)(sample)
    inputs = {n: torch.from_numpy(f.array)[None] for n, f in sample.frames.items()}
    with torch.no_grad():
        output = model(inputs)
    assert prediction.is_sound()
    assert prediction.joints_m.dtype == np.float32
    assert prediction.joints_m == pytest.approx(output.joints[0].numpy(), rel=1e-4, abs=1e-5)
    assert prediction.std_m == pytest.approx(np.exp(output.log_std[0].numpy()), rel=1e-4)
    assert set(prediction.weights) == set(names)
    assert sum(prediction.weights.values()) == pytest.approx(1)


def test_weights_belong_to_their_modality_whatever_the_order(model):
    prediction = Estimator(model)(sample_of(("csi", "depth")))
    assert prediction.weights["depth"] > prediction.weights["csi"]


def test_same_sample_same_answer(model):
    estimator, sample = Estimator(model), sample_of(SHAPES)
    assert np.array_equal(estimator(sample).joints_m, estimator(sample).joints_m)


def test_a_model_in_training_is_run_in_evaluation_mode_and_left_as_it_was(model):
    sample = sample_of(SHAPES)
    before = Estimator(model)(sample).joints_m
    model.train()
    during = Estimator(model)(sample).joints_m
    assert model.training
    model.eval()
    assert np.array_equal(before, during)


def test_refine_is_handed_on(model):
    sample = sample_of(("depth",))
    answers = {r: Estimator(model, refine=r)(sample).joints_m for r in (True, False, None)}
    assert not np.allclose(answers[True], answers[False])
    assert np.array_equal(answers[None], answers[True])  # as configured


def test_frames_may_be_read_only_or_strided(model):
    array = sample_of(("depth",)).frames["depth"].array
    strided = np.asfortranarray(array)
    strided.flags.writeable = False
    plain = Estimator(model)(Sample(1, {"depth": Frame("depth", 1, array)}))
    odd = Estimator(model)(Sample(1, {"depth": Frame("depth", 1, strided)}))
    assert np.array_equal(plain.joints_m, odd.joints_m)


def test_timings_name_the_stages(model):
    assert set(Estimator(model)(sample_of(("csi",))).timings_ms) == {"encode", "model"}


def test_warm_up_leaves_the_answer_alone(model):
    estimator, sample = Estimator(model), sample_of(SHAPES)
    before = estimator(sample).joints_m
    estimator.warm_up(SHAPES)
    assert np.array_equal(estimator(sample).joints_m, before)


@pytest.mark.parametrize("alone", [False, True])
def test_what_runs_by_graphs_on_a_gpu_says_the_same(model, alone):
    """On the CPU: the same buffers and steps, without CUDA graphs."""
    plain, replayed = Estimator(model), Estimator(model)
    replayed.replay(SHAPES)
    plain.alone = replayed.alone = alone
    for names in SUBSETS:
        sample = sample_of(names)
        expected, found = plain(sample), replayed(sample)
        assert found.joints_m == pytest.approx(expected.joints_m, rel=1e-4, abs=1e-5)
        assert found.std_m == pytest.approx(expected.std_m, rel=1e-4)
        assert found.weights == pytest.approx(expected.weights)
        assert set(found.alone) == set(expected.alone) == (set(names) if alone else set())
        for name, people in expected.alone.items():
            assert found.alone[name][0].joints == pytest.approx(
                people[0].joints, rel=1e-4, abs=1e-5
            )
    replayed.refine = False
    plain.refine = False
    sample = sample_of(SHAPES)
    assert replayed(sample).joints_m == pytest.approx(plain(sample).joints_m, rel=1e-4, abs=1e-5)


def test_a_frame_that_was_encoded_is_not_changed_by_a_later_one(model):
    estimator, sample = Estimator(model), sample_of(SHAPES)
    estimator.replay(SHAPES)
    expected = estimator(sample).joints_m
    other = sample_of(("depth",), seed=5)
    estimator.encode(other.frames["depth"])
    mixed = Sample(1, {**sample.frames, **other.frames})
    assert not np.array_equal(estimator(mixed).joints_m, expected)
    assert np.array_equal(estimator(sample).joints_m, expected)


def test_unknown_modality_and_empty_sample_are_named(model):
    estimator = Estimator(model)
    with pytest.raises(ConfigError, match="radar"):
        estimator(Sample(1, {"radar": Frame("radar", 1, np.zeros((2, 2), np.float32))}))
    with pytest.raises(ConfigError, match="without a frame"):
        estimator(Sample(1, {}))


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_missing_device_is_named(model):
    with pytest.raises(ConfigError, match="cuda"):
        Estimator(model, "cuda")


def test_unknown_device_is_named(model):
    with pytest.raises(ConfigError, match="abacus"):
        Estimator(model, "abacus")


def test_a_frame_is_encoded_once_and_ahead_of_its_sample_to_the_same_effect(model):
    sample = sample_of(SHAPES)
    expected = Estimator(model)(sample).joints_m
    ahead = Estimator(model)
    assert [ahead.encode(f) for f in sample.frames.values()] == [True] * 3
    assert [ahead.encode(f) for f in sample.frames.values()] == [False] * 3
    assert np.array_equal(ahead(sample).joints_m, expected)
    other = sample_of(SHAPES, seed=9)
    assert not any(ahead.has(f) for f in other.frames.values())
    assert not np.array_equal(ahead(other).joints_m, expected)
    assert np.array_equal(ahead(sample).joints_m, expected)


def test_drives_the_pipeline(model):
    streams = {name: Stream(name, StreamConfig()) for name in SHAPES}
    pipeline = FusionPipeline(streams, Estimator(model))
    for frame in sample_of(("depth", "csi")).frames.values():
        pipeline.push(frame, 1)
    estimate = pipeline.step(1)
    assert set(estimate.weights) == {"depth", "csi"}
    stages = {"sample", "encode", "model", "infer", "judge", "finish"}
    assert set(estimate.timings_ms) == stages


@pytest.mark.parametrize("names", [("depth",), ("depth", "csi"), tuple(SHAPES)])
def test_each_modality_alone_is_as_if_it_were_the_only_one(model, names):
    estimator, sample = Estimator(model), sample_of(names)
    together = estimator(sample)
    assert together.alone == {}
    estimator.alone = True
    asked = estimator(sample)
    np.testing.assert_allclose(asked.joints_m, together.joints_m, atol=1e-5)
    np.testing.assert_allclose(asked.std_m, together.std_m, rtol=1e-5)
    assert asked.weights == pytest.approx(together.weights)
    assert set(asked.alone) == set(names)
    for name, (person,) in asked.alone.items():
        one = estimator(Sample(1, {name: sample.frames[name]}))
        np.testing.assert_allclose(person.joints, one.joints_m, atol=1e-5)
        np.testing.assert_allclose(person.deviation_m, one.std_m, rtol=1e-5)
        assert person.weights == {name: 1.0}


def elaborate(**changes):
    """A model with all that is beyond the paper, each with something to say."""
    torch.manual_seed(1)
    sizes = {"channels": 16, "tokens": 4, "dim": 16, "latent": 8, "attention": 1, "mixers": 1}
    config = PTAConfig(
        **sizes, gate=True, settle=True, refined={"depth": 0.5, "csi": 0.0}, **changes
    )
    made = PTA(config)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        made.gate.threshold.zero_()
        made.settled.heard[0b101, 2] = False
        made.settled.kept[0b100] = torch.tensor([0.9, 0.5])
    return made.eval()


@pytest.mark.parametrize("names", SUBSETS, ids="+".join)
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("refine", [None, False])
def test_what_is_computed_frame_by_frame_is_what_the_model_gives(shared, refine, names):
    made, sample = elaborate(diffusion=DiffusionConfig(shared=shared)), sample_of(names)
    estimator = Estimator(made, refine=refine)
    estimator.alone = True
    prediction = estimator(sample)
    inputs = {n: torch.from_numpy(f.array)[None] for n, f in sample.frames.items()}
    with torch.no_grad():
        mask = made.mask(inputs, None)
        features = made.features(made.encode(inputs, mask), inputs, mask)
        whole, each, places = made.complete_each(features, mask, refine)
    assert prediction.joints_m == pytest.approx(whole.joints[0].numpy(), rel=1e-4, abs=1e-5)
    assert prediction.std_m == pytest.approx(np.exp(whole.log_std[0].numpy()), rel=1e-4)
    weights = dict(zip(SHAPES, whole.weights[0].tolist(), strict=True))
    assert prediction.weights == pytest.approx({m: weights[m] for m in names})
    for joints, (_, number) in zip(each.joints, places.tolist(), strict=True):
        alone = prediction.alone[list(SHAPES)[number]][0].joints
        assert alone == pytest.approx(joints.numpy(), rel=1e-4, abs=1e-5)
