"""Training where the model is on another device than rows and masks: nothing is mixed up.

No GPU is needed. Tensors of `There` say that they are on a device of their own (PyTorch's name for
one without memory, `meta`), hold the CPU's numbers all the same, and refuse to be worked with
beside tensors of the CPU, as a GPU's do. Losses must be those of the CPU.
"""

import copy
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402
from torch.utils._pytree import tree_leaves, tree_map  # noqa: E402

from pta_ros.bench.device_steps import CONFIG, random_features  # noqa: E402
from pta_ros.bench.inputs import rooms  # noqa: E402
from pta_ros.datasets.feature_set import Truth  # noqa: E402
from pta_ros.metrics.evaluate import outputs_of  # noqa: E402
from pta_ros.model.baselines import ConcatenateMlp, MeanOfPredictions, XFi  # noqa: E402
from pta_ros.model.pta import PTA  # noqa: E402
from pta_ros.training.activity import activity_stage, mutual_stage  # noqa: E402
from pta_ros.training.distributed import ALONE, Ranks  # noqa: E402
from pta_ros.training.evidence import evidence_of, log_odds  # noqa: E402
from pta_ros.training.fit import Setup, supervised_stage  # noqa: E402
from pta_ros.training.gate import gate_stage  # noqa: E402
from pta_ros.training.losses import task_loss  # noqa: E402
from pta_ros.training.meta import MetaTrainer  # noqa: E402
from pta_ros.training.single import learner  # noqa: E402

THERE = torch.device("meta")
#: What may take the CPU's tensors: as row numbers and masks, or to copy them.
_TAKE = ("index", "index_put", "index_put_", "_index_put_impl_", "_to_copy", "copy_")


class There(torch.Tensor):
    """A tensor `held` by the CPU that says it is on the device THERE."""

    @staticmethod
    def __new__(cls, held):
        made = torch.Tensor._make_wrapper_subclass(
            cls, held.size(), strides=held.stride(), storage_offset=held.storage_offset(),
            dtype=held.dtype, device=THERE,
        )  # fmt: skip
        made.held = held
        return made

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, step, types, args=(), kwargs=None):
        return _run(step, args, kwargs or {})


class Device(TorchDispatchMode):
    """While it is on, tensors that are made on THERE are such."""

    def __torch_dispatch__(self, step, types, args=(), kwargs=None):
        return _run(step, args, kwargs or {})


def _run(step, args, kwargs):
    leaves, name = tree_leaves((args, kwargs)), step._schema.name.partition("::")[2]
    there = any(isinstance(x, There) for x in leaves)
    if there:
        _check(step, name, args, leaves)
    asked = kwargs.get("device")
    if asked is not None:
        there = torch.device(asked) == THERE
        kwargs = {**kwargs, "device": torch.device("cpu")}
    out = step(*tree_map(_held, args), **tree_map(_held, kwargs))
    if name.endswith("_") and not name.startswith("_"):
        return args[0]
    return tree_map(lambda x: There(x) if there and isinstance(x, torch.Tensor) else x, out)


def _held(x):
    return x.held if isinstance(x, There) else x


def _check(step, name, args, leaves):
    here = [x for x in leaves if isinstance(x, torch.Tensor) and not isinstance(x, There)]
    if name in _TAKE:
        mixed = name not in ("_to_copy", "copy_") and not isinstance(args[0], There)
        mixed |= "put" in name and not isinstance(args[2], There) and args[2].dim() > 0
    else:
        mixed = any(x.dim() for x in here)
    if mixed:
        raise RuntimeError(f"{step}: tensors of the CPU among the device's")


def moved(module):
    """A copy of a module on THERE."""
    module = copy.deepcopy(module)
    for part in module.modules():
        for name, value in part._parameters.items():
            if value is not None:
                kept = torch.nn.Parameter(There(value.detach().clone()), value.requires_grad)
                part._parameters[name] = kept
        for name, value in part._buffers.items():
            if value is not None:
                part._buffers[name] = There(value.clone())
    return module


@pytest.fixture(scope="module")
def data():
    torch.manual_seed(0)
    return replace(random_features(PTA(CONFIG.model)), labels=torch.arange(512) % 5)


def kept_there(data):
    tokens = {m: There(x) for m, x in data.tokens.items()}
    return replace(data, tokens=tokens, points={m: There(x) for m, x in data.points.items()})


def both(model, data, run):
    """What `run` gives on the CPU, and there with features on the device, and on the CPU."""
    results = [run(copy.deepcopy(model), data, ALONE)]
    for features in (kept_there(data), data):
        with Device():
            results.append(run(moved(model), features, Ranks(THERE)))
    return results


def assert_alike(results):
    first = results[0]
    for other in results[1:]:
        assert other == pytest.approx(first, rel=1e-4)


@pytest.mark.parametrize("outer", ["first_order", "none"])
@pytest.mark.parametrize("shared", [True, False])
def test_steps_of_the_main_stage(data, outer, shared):
    diffusion = replace(CONFIG.model.diffusion, shared=shared, distillation="dist")
    config = replace(CONFIG, meta=replace(CONFIG.meta, outer=outer))
    torch.manual_seed(0)
    model = PTA(replace(CONFIG.model, diffusion=diffusion))

    def run(model, data, ranks):
        torch.manual_seed(1)
        trainer, losses = MetaTrainer(config, model, data, ranks), []
        for begin in (0, 20):
            losses += trainer.inner(torch.arange(begin, begin + 20)).values()
            trainer.outer(torch.arange(begin + 40, begin + 60))
        return [*losses, *model.purify.logits.detach().cpu().tolist()]

    assert_alike(both(model, data, run))


def epoch_of(make):
    def run(model, data, ranks):
        config = replace(CONFIG, meta=replace(CONFIG.meta, batch=16))
        stage = make(Setup(config, data, torch.arange(40), ranks=ranks), model)
        torch.manual_seed(3)
        return stage.epoch(0)

    return run


@pytest.mark.parametrize("kind", [ConcatenateMlp, XFi])
def test_an_epoch_of_a_baseline(data, kind):
    torch.manual_seed(0)
    assert_alike(both(kind(CONFIG.model), data, epoch_of(supervised_stage)))


def test_an_epoch_of_the_gate_and_what_it_says(data):
    torch.manual_seed(0)
    model = PTA(replace(CONFIG.model, gate=True)).eval()
    corrupted = {m: {"x": replace(data, tokens={m: x + 1})} for m, x in data.tokens.items()}
    assert_alike(both(model, data, epoch_of(lambda *given: gate_stage(*given, corrupted))))
    member = torch.tensor([True, False, True])

    @torch.no_grad()
    def odds(model, data, ranks):
        evidence = evidence_of(model, data, torch.arange(9))
        return log_odds(model, evidence, member.expand(9, -1)).cpu().flatten().tolist()

    assert_alike(both(model, data, odds))


def test_an_epoch_of_a_second_head_and_of_mutual_learning(data):
    torch.manual_seed(0)
    classes = tuple("abcde")
    second = replace(CONFIG.model, tasks=("pose", "activity"), classes=classes)
    assert_alike(both(PTA(second), data, epoch_of(activity_stage)))
    alone = replace(CONFIG.model, tasks=("activity",), classes=classes, mixers=0)
    assert_alike(both(MeanOfPredictions(alone), data, epoch_of(mutual_stage)))


def test_what_is_measured_is_the_cpus(data):
    @torch.no_grad()
    def run(model, data, ranks):
        out, kept = outputs_of.__wrapped__(model, data, torch.arange(9), ("depth", "csi"))
        assert not isinstance(out.joints, There)
        assert len(kept) == 9
        return out.joints.flatten().tolist()

    torch.manual_seed(0)
    assert_alike(both(PTA(CONFIG.model), data, run))


@pytest.mark.parametrize("modality", ["depth", "lidar", "csi"])
def test_an_encoders_loss(modality):
    """That frames are changed where they lie is test_feed's."""
    torch.manual_seed(0)
    inputs, joints = rooms("lite", 4)
    module, _ = learner(CONFIG, modality, joints.numpy(), None)
    module.eval()
    truth, x = Truth(joints, torch.zeros(4, dtype=torch.long)), inputs[modality]
    here = task_loss(CONFIG.task_loss, module(x), truth)
    with Device():
        told = Truth(*(There(part) for part in truth))
        there = task_loss(CONFIG.task_loss, moved(module)(There(x)), told)
    assert isinstance(there, There)
    assert float(there.detach()) == pytest.approx(float(here.detach()), rel=1e-4)


def test_mixing_is_refused_as_a_gpu_does():
    there, here = There(torch.ones(3)), torch.ones(3)
    for mix in (
        lambda: there + here,
        lambda: torch.where(here > 0, there, there),
        lambda: here[there > 0],
        lambda: there.index_put((torch.tensor([0]),), torch.ones(1)),
    ):
        with Device(), pytest.raises(RuntimeError, match="of the CPU among"):
            mix()
    with Device():
        assert there[here > 0].cpu().tolist() == [1.0, 1.0, 1.0]
        assert isinstance(torch.zeros(2, device=THERE), There)
        assert not isinstance(there.cpu(), There)
