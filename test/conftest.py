"""Shared: small synthetic trees, a model that finds people, their messages; two workers."""

import json
import subprocess
import sys
import time
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace

import numpy as np
import pytest

from pta_ros.cli import make_mmfi


@pytest.fixture(scope="session")
def synthetic_tree(tmp_path_factory):
    """Five people in one scene, two actions, two frames each. Read only: copy it to damage it."""
    pytest.importorskip("open3d")
    root = tmp_path_factory.mktemp("synthetic") / "tree"
    options = ["--subjects", "1-5", "--actions", "2,12", "--frames", "2", "--jobs", "1"]
    assert make_mmfi.main([str(root), "--preset", "tiny", "--seed", "3", *options]) == 0
    return root


@pytest.fixture(scope="session")
def wide_tree_of(tmp_path_factory):
    """Writes a wide tree of so many training, validation and test scenes; each once. Read only."""
    pytest.importorskip("open3d")
    kept = {}

    def wide_tree_of(scenes, frames):
        key = (*scenes, frames)
        if key not in kept:
            kept[key] = root = tmp_path_factory.mktemp("wide") / "tree"
            options = ["--scenes", ",".join(map(str, scenes)), "--frames", str(frames)]
            assert make_mmfi.main([str(root), "--preset", "wide", *options, "--jobs", "1"]) == 0
        return kept[key]

    return wide_tree_of


@pytest.fixture(scope="session")
def people_model(tmp_path_factory):
    """A folder: poses are of untrained weights; found is what stands 1 to 1.6 m high, by design."""
    torch = pytest.importorskip("torch")
    from pta_ros import checkpoint
    from pta_ros.model.config import PTAConfig
    from pta_ros.model.finder import Finder
    from pta_ros.model.pta import PTA
    from pta_ros.people import birdseye
    from pta_ros.sensors import SENSORS

    torch.manual_seed(5)
    config = PTAConfig(
        modalities=("depth", "lidar"), encoders="centred", channels=32, tokens=17, dim=32,
        latent=16, gate=False,
    )  # fmt: skip
    finder, model = Finder(birdseye.CHANNELS).eval(), PTA(config)
    with torch.no_grad():
        model.head.position.weight.mul_(0.1)  # poses near the centre
        model.head.position.bias.zero_()
        model.head.presence.bias.fill_(9.0)  # it believes every candidate
        for name, values in finder.named_parameters():
            if name != "out.bias" and ".1." not in name:  # norms stay as they are
                values.zero_()
        # Slabs of 1.0 to 1.6 m; the LiDAR of the hall shows a body with many more counts.
        finder.fine[0].weight[0, 7:10] = 0.3
        finder.fine[0].weight[0, birdseye.SLABS + 7 : birdseye.SLABS + 10] = 0.06
        finder.last[0].weight[0, 0] = 1.0  # the sum over neighbours
        finder.out.weight[0, 0] = 3.2
        finder.out.bias.copy_(torch.tensor([-14.0, 0.0, 0.0, 1.1]))
    folder = tmp_path_factory.mktemp("models") / "people"
    sensors = {m: SENSORS[m]() for m in config.modalities}
    checkpoint.save(folder, model, sensors, {}, {"note": "for tests"}, finder)
    return folder


@pytest.fixture(scope="session")
def hall_readings():
    """What camera (uint16 mm) and LiDAR (N, 3) of simulate.wide.hall see of people at `places`."""
    pytest.importorskip("open3d")
    from pta_ros.simulate.wide.hall import hall

    kept = {}

    def readings(*places):
        if places not in kept:
            seen = hall(places).at(0.0, np.random.default_rng(4))
            kept[places] = {"depth": seen.depth_mm, "lidar": seen.lidar_m}
        return kept[places]

    return readings


@pytest.fixture(scope="session")
def as_message():
    """A message of plain objects from a sensor's fields, as any message class has them."""

    def plain(value):
        if isinstance(value, dict):
            return SimpleNamespace(**{name: plain(one) for name, one in value.items()})
        return [plain(one) for one in value] if isinstance(value, list) else value

    def message(sensor, array, stamp_ns, frame_id):
        sec, nanosec = divmod(stamp_ns, 10**9)
        header = {"stamp": {"sec": sec, "nanosec": nanosec}, "frame_id": frame_id}
        return plain({**sensor.fields(array), "header": header})

    return message


@pytest.fixture
def dask(tmp_path):
    """A Dask scheduler and two workers on this machine: its `address`, and the `workers`."""
    distributed = pytest.importorskip("distributed")
    file, started = tmp_path / "scheduler.json", []

    def start(kind, *options):
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *options]
        log = (tmp_path / f"{kind}-{len(started)}.log").open("w")
        started.append(subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log))
        return started[-1]

    def address():
        end = time.monotonic() + 60.0
        while time.monotonic() < end:
            try:
                return json.loads(file.read_text())["address"]
            except (OSError, ValueError):
                time.sleep(0.1)
        raise AssertionError((tmp_path / "scheduler-0.log").read_text())

    try:
        here = ("--host", "127.0.0.1")
        options = (*here, "--port", "0", "--no-dashboard", "--scheduler-file", str(file))
        scheduler = start("scheduler", *options)
        own = (
            "--no-nanny",
            "--nthreads",
            "1",
            "--no-dashboard",
            "--local-directory",
            str(tmp_path),
        )
        workers = [start("worker", address(), *here, *own) for _ in range(2)]
        with distributed.Client(address(), set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)
        yield SimpleNamespace(address=address(), scheduler=scheduler, workers=workers)
    finally:
        for process in started:
            process.kill()
            process.wait()


@pytest.fixture
def recording():
    """A context in which only tensors of PyTorch's `meta` device may be worked with.

    That device has shapes and no values. What waits for values fails there by itself; here so does
    what reads the host's memory: a tensor there among others, and numbers made into one (but with
    `numbers`).
    """
    torch = pytest.importorskip("torch")
    from torch.overrides import TorchFunctionMode
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    listed = (torch.tensor, torch.as_tensor, torch.from_numpy, torch.Tensor.new_tensor)

    class Unlisted(TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            if function in listed:
                raise RuntimeError(f"{function} reads numbers on the host")
            return function(*args, **(kwargs or {}))

    class Here(TorchDispatchMode):
        def __torch_dispatch__(self, step, types, args=(), kwargs=None):
            out = step(*args, **(kwargs or {}))
            for x in tree_leaves((args, kwargs, out)):
                if isinstance(x, torch.Tensor) and x.device.type != "meta":
                    raise RuntimeError(f"{step} works on the host")
            return out

    @contextmanager
    def only_there(numbers=False):
        with nullcontext() if numbers else Unlisted(), Here():
            yield

    return only_there
