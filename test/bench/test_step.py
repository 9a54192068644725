import json

import pytest

torch = pytest.importorskip("torch")

from pta_ros.bench.step import (  # noqa: E402
    EncodingSet,
    StepBench,
    StepTimes,
    bench_step,
    random_frames,
)
from pta_ros.cli import bench_train  # noqa: E402
from pta_ros.datasets.features import cache_features  # noqa: E402
from pta_ros.errors import ConfigError  # noqa: E402
from pta_ros.model.config import PTAConfig  # noqa: E402
from pta_ros.model.pta import PTA  # noqa: E402
from pta_ros.sensors import sensors_from_config  # noqa: E402
from pta_ros.training.config import TrainConfig  # noqa: E402

CONFIG = TrainConfig(model=PTAConfig(channels=16, tokens=4, dim=16, latent=8))
YAML = "model: {channels: 16, tokens: 4, dim: 16, latent: 8, gate: true}\n"


@pytest.fixture(scope="module")
def frames():
    return random_frames(sensors_from_config({"depth": {}, "lidar": {}, "csi": {}}), 24)


def test_encoding_first_gives_the_features_that_the_cache_gives(frames, tmp_path):
    torch.manual_seed(0)
    model = PTA(CONFIG.model).eval()
    chosen = torch.arange(4, 24)
    clean = cache_features(
        dict(model.encoders.items()), 16, frames, tmp_path, chosen, position_points=4
    )
    encoding = EncodingSet({}, {}, clean.present, clean.joints, clean.rows, data=frames)
    rows, mask = torch.tensor([7, 0, 19]), torch.tensor([[1, 1, 0], [0, 1, 1], [1, 1, 1]]).bool()
    expected = clean.features(model, rows, mask)
    assert expected.abs().max() > 0
    torch.testing.assert_close(encoding.features(model, rows, mask), expected, rtol=1e-4, atol=1e-5)


def test_a_step_from_the_cache_runs_no_encoder_and_the_other_runs_them(frames, tmp_path):
    bench = bench_step(CONFIG, frames, tmp_path, batch=8, repeats=3, warm_up=1)
    assert bench.cached.encoder_calls == 0
    assert 4 <= bench.encoding.encoder_calls <= 12  # four steps, of three encoders at most
    assert len(bench.cached.ms) == len(bench.encoding.ms) == len(bench.ratio) == 3
    assert bench.ratio[1] == pytest.approx(bench.encoding.ms[1] / bench.cached.ms[1])


@pytest.mark.parametrize("batch", [1, 25])
def test_a_batch_that_the_frames_cannot_fill_is_refused(frames, tmp_path, batch):
    with pytest.raises(ConfigError, match=f"batch {batch}.*expected 2 to 24"):
        bench_step(CONFIG, frames, tmp_path, batch=batch)


def bench_of(encoding_ms, encoder_calls=0):
    return StepBench(16, 256, StepTimes((2.0, 2.0, 20.0), encoder_calls), StepTimes(encoding_ms, 9))


def verdicts(bench):
    return [(bound.value, bound.ok) for bound in bench.bounds()]


def test_the_ratio_is_that_of_the_same_batch_and_its_median_counts():
    assert bench_of((12.0, 11.0, 20.0)).ratio == (6.0, 5.5, 1.0)
    assert verdicts(bench_of((12.0, 11.0, 20.0))) == [(0, True), (5.5, True)]
    assert verdicts(bench_of((12.0, 9.8, 20.0))) == [(0, True), (4.9, False)]


def test_a_cached_step_that_runs_an_encoder_misses_a_bound():
    assert verdicts(bench_of((12.0, 11.0, 20.0), encoder_calls=2)) == [(2, False), (5.5, True)]


@pytest.mark.parametrize("source", ["random", "tree"])
def test_the_tool_prints_a_table_writes_json_and_its_exit_code_tells_of_failures(
    source, request, tmp_path, capsys
):
    config, out = tmp_path / "small.yaml", tmp_path / "deep/bench.json"
    config.write_text(YAML)
    arguments = ["--config", str(config), "--batch", "4", "--repeats", "2", "--json", str(out)]
    if source == "tree":
        tree = request.getfixturevalue("synthetic_tree")
        arguments += [str(tree), "--cache", str(tmp_path / "cache")]
    code = bench_train.main(arguments)
    report, printed = json.loads(out.read_text()), capsys.readouterr()
    assert report["encoder_calls"]["cached"] == 0
    assert report["frames"] == (256 if source == "random" else 20)
    assert ("(synthetic)" if source == "tree" else "random inputs") in printed.out
    assert f"{report['step_ms']['cached']['median']:.1f}" in printed.out
    kept = [bound["ok"] for bound in report["bounds"]]
    assert code == (0 if all(kept) else 3)  # the time itself is not a test's to judge
    verdicts = [line.split()[-1] for line in printed.out.splitlines() if line.startswith("  ")]
    assert verdicts == ["kept" if ok else "missed" for ok in kept]


def test_a_tree_that_is_not_there_is_one_line(tmp_path, capsys):
    assert bench_train.main([str(tmp_path / "none"), "--config", "c.yaml"]) == 1
    assert "none: no such folder" in capsys.readouterr().err


def test_a_cache_that_cannot_be_written_names_its_option(synthetic_tree, tmp_path, capsys):
    config, taken = tmp_path / "small.yaml", tmp_path / "file"
    config.write_text(YAML)
    taken.write_text("")
    given = [str(synthetic_tree), "--config", str(config), "--cache", str(taken)]
    assert bench_train.main(given) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {taken}")
    assert line.endswith("with --cache FOLDER")
