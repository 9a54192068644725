"""Graphs: buffers, parts of batches and fallback on the CPU, and what a GPU could not record.

A CUDA graph holds no step that waits for the device or reads the host's memory. PyTorch's `meta`
device, which holds shapes and no values, refuses the first kind; `recording` refuses the second.
"""

import copy
from contextlib import nullcontext
from itertools import combinations

import pytest
import torch

from pta_ros import checkpoint
from pta_ros.bench.inputs import model_of, rooms
from pta_ros.fusion.looks import SHAPES as CENTRED
from pta_ros.home import model_folder
from pta_ros.model import graphs as graphs_module
from pta_ros.model.config import DiffusionConfig, PTAConfig
from pta_ros.model.encoders import xfi_lidar, xfi_static
from pta_ros.model.graphs import Graphs
from pta_ros.model.inference import fold_norms, quick_encoders
from pta_ros.model.pta import PTA
from pta_ros.model.replayed import ReplayedPTA, whole_and_each
from pta_ros.people import birdseye

CPU = torch.device("cpu")
SHAPES = {"depth": (96, 128), "lidar": (512, 3), "csi": (3, 114, 10)}
SUBSETS = [s for n in (1, 2, 3) for s in combinations(SHAPES, n)]


def pta(**changed):
    torch.manual_seed(0)
    model = PTA(PTAConfig(channels=32, tokens=8, dim=32, latent=16, **changed))
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            buffer.uniform_(-0.2, 0.2)
        if name.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)
    with torch.no_grad():
        model.purify.logits.copy_(torch.tensor([0.5, 0.0, -1.0]))
        for name, parameter in model.named_parameters():
            if name.startswith("attention."):
                parameter.add_(0.2 * torch.randn_like(parameter))  # its last layers begin at zero
        if model.gate is not None:
            for layer in model.gate.odds:
                layer.weight.normal_(0, 3)
            model.gate.threshold.fill_(0.0)
    return model.eval()


@pytest.fixture(
    scope="module",
    params=[
        {},
        {"diffusion": DiffusionConfig(shared=False, residual=False)},
        {"gate": True},
        {"gate": True, "attention": 2},
        {"gate": True, "attention": 2, "settle": True},
    ],
    ids=["shared", "per modality", "gate", "attention", "settled"],
)
def model(request):
    made = pta(**request.param)
    if made.settled is not None:
        made.settled.heard[0b111, 2] = False
        made.settled.kept[0b100] = torch.tensor([0.9, 0.5])
    return made


def inputs_of(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {m: torch.rand(count, *s, generator=generator) + 1 for m, s in SHAPES.items()}


def assert_same(found, expected):
    for part, wanted in zip(found, expected, strict=True):
        torch.testing.assert_close(part, wanted, rtol=1e-4, atol=1e-5)


# -- buffers ------------------------------------------------------------------------------------


@torch.inference_mode()
def test_any_number_of_rows_goes_through_the_smallest_buffers_that_hold_it():
    seen = []

    def double(x, y):
        seen.append(len(x))
        return 2 * x + y

    run = Graphs(CPU).of("double", double, [torch.zeros(1, 3), torch.zeros(1, 1)], (1, 2, 4))
    seen.clear()
    for count, used in ((1, [1]), (2, [2]), (3, [4]), (4, [4]), (7, [4, 4]), (9, [4, 4, 1])):
        x, y = torch.rand(count, 3), torch.rand(count, 1)
        assert run(x, y).equal(2 * x + y)
        assert seen == used
        seen.clear()


@torch.inference_mode()
def test_a_result_is_the_callers_own_and_inputs_stay_as_they_are():
    run = Graphs(CPU).of("increase", lambda x: x.add_(1), [torch.zeros(1, 2)], (1,))
    given = torch.tensor([[1.0, 2.0]])
    first = run(given)
    run(torch.zeros(1, 2))
    assert first.tolist() == [[2.0, 3.0]]
    assert given.tolist() == [[1.0, 2.0]]


@torch.inference_mode()
def test_buffers_are_laid_out_as_the_example():
    example, seen = torch.zeros(1, 2, 3, 4).permute(0, 3, 1, 2), []

    def look(x):
        seen.append(x.stride())
        return x

    Graphs(CPU).of("look", look, [example], (2,))
    assert seen[0] == example.expand(2, -1, -1, -1).clone().stride()


def test_what_the_device_refuses_runs_step_by_step_and_is_told(monkeypatch, caplog):
    """The capture alone is replaced: without a GPU there is none to refuse."""

    def capture(run, pool):
        if not made.refused:
            raise RuntimeError("operation not permitted\nwhen stream is capturing")
        return graphs_module.step_by_step(run)

    monkeypatch.setattr(graphs_module, "_capture", capture)
    monkeypatch.setattr(graphs_module, "_buffer", lambda x, n, _: x.repeat(n, 1))
    monkeypatch.setattr("torch.cuda.graph_pool_handle", lambda: None)
    monkeypatch.setattr("torch.cuda.device", lambda _: nullcontext())
    made = Graphs(torch.device("cuda"))
    for name in ("bad", "good"):
        run = made.of(name, lambda x: x + 1, [torch.zeros(1, 2)], (1,))
        assert run(torch.ones(1, 2)).tolist() == [[2.0, 2.0]]
    why = "operation not permitted when stream is capturing"
    assert made.refused == {"bad 1": why}
    assert made.captured == 1
    assert made.told() == {"cuda_graphs": "1", "cuda_graphs_refused": f"bad 1: {why}"}
    assert [r.getMessage() for r in caplog.records] == [f"bad 1 runs without a CUDA graph: {why}"]


# -- the model ----------------------------------------------------------------------------------


@torch.inference_mode()
@pytest.mark.parametrize("names", SUBSETS, ids="+".join)
def test_the_replayed_model_says_the_same_for_every_subset(model, names):
    replayed = ReplayedPTA(fold_norms(model), SHAPES, Graphs(CPU))
    for seed in (1, 2):
        inputs = {m: x for m, x in inputs_of(1, seed).items() if m in names}
        mask = torch.tensor([[m in names for m in SHAPES]])
        tokens = {m: replayed.encode_one(m, x) for m, x in inputs.items()}
        features = replayed.features(tokens, {}, mask)
        plain = model.features(model.encode(inputs, mask), inputs, mask)
        for refine in (True, False, None):
            expected = model.complete_each(plain, mask, refine)
            found = replayed.complete_each(features, mask, refine)
            assert_same(found[0], expected[0])
            assert_same(found[1], expected[1])
            assert found[2].equal(expected[2])
            assert_same(replayed.complete(features, mask, refine), expected[0])


@torch.inference_mode()
def test_features_are_refined_as_far_in_graphs(model):
    partly = copy.deepcopy(model)
    partly.refine_by({"csi": 0.25})
    replayed = ReplayedPTA(fold_norms(partly), SHAPES, Graphs(CPU))
    mask, inputs = torch.tensor([[False, False, True]]), inputs_of(1)
    features = partly.features(partly.encode(inputs, mask), inputs, mask)
    for refiner, same in ((partly, True), (model, False)):
        found, expected = replayed.complete(features, mask), refiner.complete(features, mask)
        assert torch.allclose(found.joints, expected.joints, atol=1e-5) == same


@torch.inference_mode()
def test_a_batch_of_people_of_whom_sensors_show_some(model):
    replayed = ReplayedPTA(fold_norms(model), SHAPES, Graphs(CPU), sizes=(1, 2))
    mask = torch.tensor([[1, 1, 1], [0, 1, 0], [1, 0, 1], [0, 1, 1], [1, 0, 0]], dtype=torch.bool)
    inputs = {m: x[mask[:, i]] for i, (m, x) in enumerate(inputs_of(5).items())}
    tokens = {m: replayed.encoders[m](x) for m, x in inputs.items()}
    found = replayed.complete_each(replayed.features(tokens, {}, mask), mask)
    whole = inputs_of(5)
    features = model.features(model.encode(whole, mask), whole, mask)
    expected = model.complete_each(features, mask)
    assert_same(found[0], expected[0])
    assert_same(found[1], expected[1])
    assert found[2].equal(expected[2])


def test_the_gate_of_these_tests_leaves_something_out():
    gated, mask = pta(gate=True), torch.ones(8, 3, dtype=torch.bool)
    inputs = inputs_of(8)
    with torch.inference_mode():
        features = gated.features(gated.encode(inputs, mask), inputs, mask)
        told = gated.alone(gated.finish(features, mask))
        assert not gated.trusted(features, mask, told).all()


# -- X-Fi's LiDAR encoder -----------------------------------------------------------------------


def cloud(count=600, batch=2):
    points = torch.randn(batch, count, 3, generator=torch.Generator().manual_seed(0))
    points[0, 400:] = torch.nan
    return points


def test_points_far_apart_and_near_are_those_of_the_plain_encoder_and_of_fpsample():
    import fpsample

    points = cloud()
    valid = points.isfinite().all(dim=2)
    points = points.nan_to_num(0.0)
    far = xfi_static.farthest_of(points, 200, valid)
    assert far.equal(xfi_lidar.farthest(points, 200, valid))
    alone = fpsample.fps_sampling(points[1].numpy(), 200, start_idx=0)
    assert far[1].tolist() == alone.tolist()
    near, plain = (
        f(points[:, :50], points, valid) for f in (xfi_static.nearest_of, xfi_lidar.nearest)
    )
    assert near.sort().values.equal(plain.sort().values)


@torch.inference_mode()
def test_the_static_lidar_encoder_is_the_plain_one():
    torch.manual_seed(0)
    plain = xfi_lidar.LidarEncoder(512).eval()
    points = cloud()
    tokens, static = plain(points), xfi_static.StaticLidarEncoder(plain, torch.float32)(points)
    torch.testing.assert_close(static, tokens, rtol=1e-4, atol=1e-4)
    low = xfi_static.StaticLidarEncoder(plain, torch.bfloat16)(points)
    assert 0 < (low - tokens).abs().max() < 0.05 * tokens.abs().max()


# -- what a GPU could record --------------------------------------------------------------------


def record(recording, model, shapes, counts=(1, 3)):
    quick_encoders(model)
    model, config = model.to("meta"), model.config
    for count in counts:
        for modality, shape in shapes.items():
            with recording():
                out = model.encode_one(modality, torch.empty(count, *shape, device="meta"))
            assert out.shape == (count, config.feature_tokens, config.dim)
        features = torch.empty(count, len(shapes), config.feature_tokens, config.dim, device="meta")
        mask = torch.empty(count, len(shapes), dtype=torch.bool, device="meta")
        for refine in (True, False):
            with recording():
                out = whole_and_each(model, features, mask, refine)
            assert out.shape[:2] == (count, 1 + len(shapes))


@torch.inference_mode()
@pytest.mark.parametrize("name", ["mmfi_lite", "xrf55_lite", "people_lite"])
def test_a_shipped_model_has_nothing_that_a_gpu_could_not_record(name, recording):
    loaded = checkpoint.load(model_folder(f"models/{name}", ""))
    shapes = {m: CENTRED[m] if loaded.finder else s.shape for m, s in loaded.sensors.items()}
    record(recording, fold_norms(loaded.model), shapes)
    if loaded.finder is not None:
        finder = fold_norms(loaded.finder).to("meta")
        with recording():
            finder(torch.empty(1, *birdseye.empty().shape, device="meta"))


@torch.inference_mode()
def test_nor_has_the_papers_graph(recording):
    shapes = {m: tuple(x.shape[1:]) for m, x in rooms("xfi", 1)[0].items()}
    record(recording, fold_norms(model_of("xfi")), shapes)


@torch.inference_mode()
def test_what_it_could_not_record_is_seen(recording):
    x = torch.empty(4, 3, device="meta")
    with recording(), pytest.raises(RuntimeError, match="on the host"):
        x.new_tensor([1.0, 2.0, 3.0])
    with recording(), pytest.raises(RuntimeError, match="on the host"):
        torch.tensor([1], device=x.device)
    with recording(), pytest.raises(RuntimeError, match="on the host"):
        x + torch.ones(3)
    with recording(), pytest.raises((RuntimeError, NotImplementedError)):
        x[x[:, 0] > 0]
    with recording(), pytest.raises((RuntimeError, NotImplementedError)):
        bool((x > 0).any())
