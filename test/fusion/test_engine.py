import numpy as np
import psutil
import pytest

torch = pytest.importorskip("torch")

from pta_ros import checkpoint  # noqa: E402
from pta_ros.errors import CheckpointError, ConfigError  # noqa: E402
from pta_ros.frames import Frame  # noqa: E402
from pta_ros.fusion.engine import Engine, resolve_precision  # noqa: E402  # noqa: E402
from pta_ros.fusion.params import FusionParams, StreamParams, topics_of  # noqa: E402
from pta_ros.model import device as device_module  # noqa: E402
from pta_ros.model.config import PTAConfig  # noqa: E402
from pta_ros.model.device import resolve_device  # noqa: E402
from pta_ros.model.pta import PTA  # noqa: E402
from pta_ros.sensors import SENSORS  # noqa: E402

TOPICS = topics_of("mmfi")

STREAMS = {m: StreamParams(topic=topic, recover_frames=1) for m, topic in TOPICS.items()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    torch.manual_seed(1)
    config = PTAConfig(modalities=("lidar", "csi"), channels=16, tokens=4, dim=16, latent=8)
    path = tmp_path_factory.mktemp("engine") / "small"
    sensors = {m: SENSORS[m]() for m in config.modalities}
    checkpoint.save(path, PTA(config), sensors, {}, {})
    return path


def test_a_folder_becomes_a_pipeline_for_its_own_modalities(folder):
    engine = Engine.load(FusionParams(model=str(folder), device="cpu"), STREAMS)
    assert set(engine.streams) == set(engine.sensors) == {"lidar", "csi"}
    pipeline = engine.start()
    rng = np.random.default_rng(0)
    reading = rng.random(engine.sensors["csi"].shape, dtype=np.float32)
    pipeline.push(Frame("csi", 10**12, reading, 10**12), 10**12)
    estimate = pipeline.step(10**12)
    assert estimate.weights == {"csi": 1.0}
    engine.stop()
    assert engine.estimator is None
    assert engine.start() is not pipeline


def test_fifty_starts_take_no_more_memory(tmp_path):
    """Every tenth with the model loaded anew. Torch keeps every trace until the process ends."""
    config = PTAConfig(modalities=("csi",), channels=16, tokens=4, dim=16, latent=8)
    checkpoint.save(tmp_path, PTA(config), {"csi": SENSORS["csi"]()}, {}, {})
    params, process, taken = FusionParams(model=str(tmp_path), device="cpu"), psutil.Process(), []
    for cycle in range(55):
        if cycle % 10 == 0:
            engine = Engine.load(params, STREAMS)
        engine.start()
        engine.stop()
        taken.append(process.memory_info().rss)
    assert taken[-1] - taken[4] < 5_000_000


def test_what_cannot_work_is_refused(folder, tmp_path):
    with pytest.raises(CheckpointError, match="nowhere"):
        Engine.load(FusionParams(model=str(tmp_path / "nowhere"), device="cpu"), STREAMS)
    with pytest.raises(ConfigError, match="needs \\['csi'\\]"):
        Engine.load(FusionParams(model=str(folder)), {"lidar": STREAMS["lidar"]})


def test_a_model_of_other_joints_is_refused(tmp_path):
    config = PTAConfig(modalities=("csi",), channels=16, tokens=4, dim=16, latent=8, joints=20)
    checkpoint.save(tmp_path / "hands", PTA(config), {"csi": SENSORS["csi"]()}, {}, {})
    with pytest.raises(ConfigError, match="hands has 20 joints; expected 17"):
        Engine.load(FusionParams(model=str(tmp_path / "hands"), device="cpu"), STREAMS)


@pytest.mark.parametrize("asked", ["gpu", "cuda:x", "cuda:99", ""])
def test_a_device_that_is_not_there_is_refused_and_never_replaced(asked):
    with pytest.raises(ConfigError, match="device is"):
        resolve_device(asked)


def test_auto_takes_what_is_usable():
    assert resolve_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")
    assert resolve_device("cpu") == "cpu"


@pytest.mark.parametrize("flags", [(), ("amx_bf16",), ("avx512_bf16",)])
def test_auto_is_bfloat16_for_people_on_a_cpu_that_has_it(flags, monkeypatch, tmp_path):
    cpu = tmp_path / "cpuinfo"
    cpu.write_text("flags : sse2 " + " ".join(flags))
    monkeypatch.setattr(device_module, "_CPU_INFO", cpu)
    device_module.has_bfloat16.cache_clear()
    try:
        assert resolve_precision("auto", "cpu", True) == ("bfloat16" if flags else "float32")
        assert resolve_precision("auto", "cpu", False) == "float32"
        assert resolve_precision("auto", "cuda", True) == "float32"
        assert resolve_precision("bfloat16", "cpu", False) == "bfloat16"
        trained = torch.bfloat16 if flags else torch.float32
        assert device_module.dtype_of(torch.device("cpu"), "auto") == trained
        assert device_module.dtype_of(torch.device("cpu"), "bfloat16") == torch.bfloat16
        cpu.unlink()
        device_module.has_bfloat16.cache_clear()
        assert resolve_precision("auto", "cpu", True) == "float32"
    finally:
        device_module.has_bfloat16.cache_clear()
