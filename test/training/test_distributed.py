"""Training by two real processes (torchrun, gloo) beside training by one, on the same batches.

This file is also what torchrun starts. The sums are in double precision: Adam divides gradients
that are zero but for rounding by themselves, so single precision shows rounding and nothing else.
"""

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning_fabric")

from safetensors import safe_open  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

from pta_ros.cli import train_pta  # noqa: E402
from pta_ros.datasets.feature_set import FeatureSet  # noqa: E402
from pta_ros.model.baselines import ConcatenateMlp, XFi  # noqa: E402
from pta_ros.model.config import DiffusionConfig, PTAConfig  # noqa: E402
from pta_ros.model.layers import TokenNorm  # noqa: E402
from pta_ros.model.pta import PTA  # noqa: E402
from pta_ros.training.config import TrainConfig  # noqa: E402
from pta_ros.training.distributed import ALONE, launch_ranks  # noqa: E402
from pta_ros.training.fit import Setup, supervised_stage  # noqa: E402
from pta_ros.training.meta import MetaTrainer, meta_stage  # noqa: E402
from pta_ros.training.resume import run_stage  # noqa: E402
from pta_ros.training.stage_config import MetaConfig  # noqa: E402

pytestmark = pytest.mark.slow

SMALL = PTAConfig(channels=16, tokens=4, dim=16, latent=8)
SEPARATE = DiffusionConfig(shared=False, distillation="dist")


def features(count=48):
    """Random tokens; the last rows have one modality each, and LiDAR is rare."""
    generator = torch.Generator().manual_seed(0)
    model = PTA(SMALL)

    def normal(*shape):
        return torch.randn(shape, generator=generator)

    tokens = {m: normal(count, int(model.encoders[m].tokens), 16) for m in SMALL.modalities}
    present = torch.ones(count, 3, dtype=torch.bool)
    present[6:, 1] = False
    present[-4:, :2] = False
    points = {"lidar": normal(count, 4, 3)}
    return FeatureSet(tokens, points, present, normal(count, 17, 3), torch.arange(count))


def meta_steps(ranks, outer, diffusion):
    """Inner and outer steps on batches of several sizes: their losses, and all that was learned."""
    torch.manual_seed(0)
    settings = MetaConfig(learning_rate=3e-3, align_weight=0.5, outer=outer)
    model = PTA(replace(SMALL, diffusion=diffusion))
    trainer = MetaTrainer(TrainConfig(model=model.config, meta=settings), model, features(), ranks)
    losses = []
    for rows in (torch.arange(16), torch.arange(3, 14), torch.tensor([5, 4]), torch.arange(30, 48)):
        losses += trainer.inner(rows).values()
        trainer.outer(rows[len(rows) // 2 :])  # one row for two processes, too
    return {"losses": torch.tensor(losses), **model.state_dict()}


def supervised_epoch(ranks, kind):
    """One epoch with a last batch of 3 rows."""
    torch.manual_seed(0)
    model = kind(SMALL)
    config = TrainConfig(model=SMALL, meta=MetaConfig(batch=15, learning_rate=3e-3))
    stage = supervised_stage(Setup(config, features(), torch.arange(48), ranks=ranks), model)
    loss = stage.epoch(0)["loss_task"]
    return {"losses": torch.tensor([loss]), **model.state_dict()}


def alike_normed(ranks):
    """A batch norm's output, gradients and running statistics over rows of one of the ranks."""
    torch.manual_seed(0)
    norm = TokenNorm(4)
    ranks.join_norms(norm)
    rows = (3 * torch.randn(1, 5, 4) + 100).requires_grad_()
    (out,) = ranks.share(lambda x: (norm(x),), rows)
    gradient = torch.autograd.grad((out * torch.arange(4)).square().sum(), rows)
    return {"out": out.detach(), "gradient": ranks.mean(gradient)[0], **norm.state_dict()}


@contextmanager
def double_precision():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


CONFIG = """
model: {channels: 16, tokens: 4, dim: 16, latent: 8}
split: {meta_val: 0.2, val: 0.2, test: 0.2}
pretrain: {depth: {epochs: 1, batch: 8}, lidar: {epochs: 1}, csi: {epochs: 1}}
meta: {epochs: 2, batch: 5, outer_every: 1}
gate: {epochs: 1}
"""

CASES = {
    "shared": lambda ranks: meta_steps(ranks, "first_order", DiffusionConfig()),
    "paper": lambda ranks: meta_steps(ranks, "first_order", replace(SEPARATE, residual=False)),
    "unrolled": lambda ranks: meta_steps(ranks, "unrolled", SEPARATE),
    "base1": lambda ranks: supervised_epoch(ranks, ConcatenateMlp),
    "xfi": lambda ranks: supervised_epoch(ranks, XFi),
    "norm": alike_normed,
}


def long_run(ranks, folder, dies=False):
    """Three epochs of what a run keeps; with `dies` one rank is killed in the second."""
    torch.manual_seed(0)
    config = TrainConfig(model=SMALL, meta=MetaConfig(epochs=3, batch=8, outer_every=2))
    steps = []

    def progress(step, count):
        steps.append(step)
        if dies and len(steps) == count + 2 and not ranks.first:
            os.kill(os.getpid(), signal.SIGKILL)

    model = PTA(SMALL)
    setup = Setup(config, features(), torch.arange(32), progress=progress, ranks=ranks)
    stage = meta_stage(setup, model, torch.arange(32, 48))
    folder.mkdir(exist_ok=True)
    run_stage(stage, folder, "id", lambda *_: None)
    return len(steps)


def main(folder, *arguments):
    """What each of two processes does, to its end; begun again it goes on where it was killed."""
    torch.set_num_threads(1)
    if arguments:
        assert train_pta.main([*arguments, "--out", str(folder / "tool")]) == 0
    torch.set_default_dtype(torch.float64)
    ranks = launch_ranks()
    if arguments:
        for name, case in CASES.items():
            found = {k: v.clone().contiguous() for k, v in case(ranks).items()}
            save_file(found, folder / f"{name}.{ranks.rank}.safetensors")
        long_run(ranks, folder / "whole")
    steps = long_run(ranks, folder / "cut", dies=bool(arguments))
    (folder / f"steps.{ranks.rank}").write_text(str(steps))


def torchrun(*arguments):
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command = [*launcher, "--nproc-per-node", "2", __file__, *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture(scope="module")
def training(synthetic_tree, tmp_path_factory):
    """Arguments of train_pta but for --out."""
    config = tmp_path_factory.mktemp("config") / "small.yaml"
    config.write_text(CONFIG)
    which = ["--systems", "xfi", "pta_gate", "--seeds", "0"]
    return [str(synthetic_tree), "--config", str(config), "--threads", "1", *which]


@pytest.fixture(scope="module")
def together(training, tmp_path_factory):
    """What both ranks found, train_pta's run, a whole run's state and that of a killed one."""
    folder = tmp_path_factory.mktemp("together")
    done = torchrun(folder, *training)
    assert (folder / "cut").exists(), done.stderr
    assert "SIGKILL" in done.stderr
    (folder / "printed").write_text(done.stdout)
    return folder


@pytest.mark.parametrize("name", CASES)
def test_two_processes_train_as_one_does(together, name):
    with double_precision():
        expected = CASES[name](ALONE)
    for rank in (0, 1):
        found = load_file(together / f"{name}.{rank}.safetensors")
        assert found.keys() == expected.keys()
        for key, value in expected.items():
            torch.testing.assert_close(found[key], value, rtol=1e-6, atol=1e-9, msg=key)


def test_both_processes_hold_the_same_bits(together):
    for name in CASES:
        first, second = (load_file(together / f"{name}.{r}.safetensors") for r in (0, 1))
        assert all(value.equal(second[key]) for key, value in first.items()), name


def test_a_killed_run_of_two_processes_resumes_to_the_same_bits(together):
    whole, cut = (together / run / "meta.state.safetensors" for run in ("whole", "cut"))
    assert len(history(cut)) == 1
    done = torchrun(together)
    assert done.returncode == 0, done.stderr
    assert cut.read_bytes() == whole.read_bytes()
    assert [(together / f"steps.{r}").read_text() for r in (0, 1)] == ["8", "8"]  # of 12


def test_the_tool_trains_by_two_processes_as_by_one(together, training, tmp_path):
    """In single precision, so nearly; systems and gate."""
    assert train_pta.main([*training, "--out", str(tmp_path)]) == 0
    for name in ("xfi", "pta_ungated", "pta_gate"):
        state = f"seed0/{name}.state.safetensors"
        one, two = history(tmp_path / state), history(together / "tool" / state)
        for a, b in zip(one, two, strict=True):
            assert a == pytest.approx(b, rel=1e-3)


def test_the_first_process_alone_speaks_and_writes(together):
    lines = (together / "printed").read_text().splitlines()
    epochs = [line.split(":")[0] for line in lines if line.startswith(("xfi", "pta"))]
    assert epochs == [
        "xfi epoch 1", "xfi epoch 2", "pta_ungated epoch 1", "pta_ungated epoch 2",
        "pta_gate epoch 1",
    ]  # fmt: skip
    assert len(list((together / "tool/tensorboard").iterdir())) == 1


def history(path):
    with safe_open(path, "pt") as file:
        return json.loads(file.metadata()["state"])["history"]


def test_without_torchrun_a_process_is_alone():
    assert launch_ranks() is ALONE


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
