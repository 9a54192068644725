"""The comparison from the command line, end to end, on a small synthetic tree."""

import json
import shutil

import pytest
import torch
from torch.nn.modules.module import register_module_forward_hook

from pta_ros.cli import evaluate_pta, train_pta
from pta_ros.datasets.encoding import Block
from pta_ros.evaluation.compare.recipe import origin
from pta_ros.evaluation.compare.run import tested_rows
from pta_ros.evaluation.compare.table import COMPARED, PLAIN
from pta_ros.metrics.subsets import subset_name, subsets
from pta_ros.model.encoders.lite import ENCODERS
from pta_ros.training.config import load_config
from pta_ros.training.corrupt import FROZEN, corrupted_view, kinds
from pta_ros.training.make_pta import UNGATED
from pta_ros.training.mixed import with_view
from pta_ros.training.run import read_bench, train_systems
from pta_ros.training.systems import make_system

NAMES = ("depth", "lidar", "csi")
CONFIG = """
model: {tokens: 4, dim: 16, latent: 8, channels: 16, mixers: 1}
split: {meta_val: 0.2, val: 0.2, test: 0.2}
pretrain: {depth: {epochs: 1, batch: 8}, lidar: {epochs: 1}, csi: {epochs: 1}}
meta: {epochs: 2, batch: 4, outer_every: 1}
gate: {epochs: 1}
"""
FRAMES, TESTED = 20, 4  # of the tree, and of its one test subject


class Nobody:
    """A watcher that looks away."""

    def progress(self, task):
        return lambda done, total: None

    def epoch(self, stage, number, figures):
        pass

    def note(self, text):
        pass


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    path = tmp_path_factory.mktemp("config") / "small.yaml"
    path.write_text(CONFIG)
    return path


@pytest.fixture(scope="module")
def run(synthetic_tree, config, tmp_path_factory):
    """All systems of seed 0, as a user trains them."""
    out = tmp_path_factory.mktemp("run") / "systems"
    arguments = [str(synthetic_tree), "--config", str(config), "--out", str(out), "--threads", "1"]
    assert train_pta.main([*arguments, "--systems", "all", "--seeds", "0"]) == 0
    return out


def compare(tree, run, folder, *more):
    arguments = [str(tree), "--table", str(run), "--seeds", "0", "--out", str(folder), *more]
    return evaluate_pta.main(arguments)


@pytest.fixture(scope="module")
def compared(synthetic_tree, run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("table")
    assert compare(synthetic_tree, run, folder / "table", "--docs", str(folder / "docs")) == 0
    return folder


@pytest.fixture(scope="module")
def records(compared, read_results):
    """(system, subset, corruption) -> record."""
    found, _ = read_results(compared / "table/results.json")
    named = {(r.system, r.subset, r.corruption): r for r in found}
    assert len(named) == len(found)
    return named


def test_all_files_are_written(compared):
    pictures = {f"results_{name}.png" for name in ("subsets", "joints", "weights")}
    texts = {f"results.{ending}" for ending in ("md", "csv", "json")}
    assert {p.name for p in (compared / "table").iterdir()} == texts | pictures
    assert {p.name for p in (compared / "docs").iterdir()} == {"results.md", "images"}
    assert {p.name for p in (compared / "docs/images").iterdir()} == pictures
    assert all(p.stat().st_size > 500 for p in compared.rglob("*.*"))


def test_every_system_is_tested_on_every_subset_and_every_corruption(records):
    every = [subset_name(s) for s in subsets(NAMES)]
    clean = {(system, s, None) for system in [*COMPARED["pose"], PLAIN, UNGATED] for s in every}
    broken = {
        (system, subset_name(s), f"{m}/{kind}")
        for system in [*COMPARED["pose"], UNGATED]
        for m in NAMES
        for kind in kinds(m)
        for s in subsets(NAMES)
        if m in s and len(s) > 1
    }
    assert set(records) == clean | broken
    assert {r.frames for r in records.values()} == {TESTED}


def test_a_frame_that_lacks_a_sensor_is_tested_with_the_others(synthetic_tree, run):
    bench = read_bench(synthetic_tree, run, 0, Nobody())
    rows = bench.ready.rows["test"]
    for told in (bench.clean.present, bench.clean.sees):
        told[rows[0], NAMES.index("csi")] = False
    assert torch.equal(tested_rows(bench), rows)


def test_the_context_says_what_was_measured(compared, run, read_results):
    _, context = read_results(compared / "table/results.json")
    splits = json.loads((run / "seed0/splits.json").read_text())
    assert context.data.synthetic
    assert (context.data.preset, context.data.seed) == ("tiny", 3)
    assert context.seeds == (0,)
    assert list(context.subjects) == splits["test"]
    assert context.frames == TESTED
    history = context.histories[0]
    assert set(history) == set(NAMES)
    assert [sum(shares) for shares in zip(*history.values(), strict=True)] == [pytest.approx(1)] * 2
    assert context.training.startswith("every system 2 epochs on features of the same encoders")
    assert "; ours besides: a gate of 1 epochs; " in context.training
    for page in ("table/results.md", "docs/results.md"):
        assert "synthetic" in (compared / page).read_text()


@pytest.mark.parametrize(
    ("provenance", "told"),
    [
        ({"synthetic": {"seed": 0}}, "trained on synthetic data"),
        ({"synthetic": False}, "trained on recordings"),
        ({"synthetic": False, "from": {"synthetic": {"seed": 0}}}, "begun from a model of synth"),
        ({"synthetic": False, "from": {"synthetic": False}}, "trained on recordings"),
        ({}, "of unknown data"),
    ],
)
def test_what_a_model_was_trained_on_is_told_as_far_as_known(provenance, told):
    assert told in origin(provenance)


@pytest.fixture(scope="module")
def bench(synthetic_tree, run):
    return read_bench(synthetic_tree, run, 0, Nobody())


def mpjpe_mm(model, bench, inputs, refine=None):
    with torch.inference_mode():
        joints = model(inputs, refine=refine).joints
    truth = bench.clean.joints[bench.ready.rows["test"]]
    return 1000 * float((joints - truth).norm(dim=-1).mean())


def raw(bench, modality):
    return torch.from_numpy(bench.ready.data.inputs[modality][bench.ready.rows["test"].numpy()])


@pytest.mark.parametrize("name", ["pta_ungated", "pta_gate"])
def test_a_record_is_what_the_whole_model_gives_on_the_raw_frames(bench, records, name):
    model = make_system(name, bench)
    for subset in subsets(NAMES):
        found = mpjpe_mm(model, bench, {m: raw(bench, m) for m in subset})
        assert records[name, subset_name(subset), None].mpjpe_mm == pytest.approx(found, rel=1e-4)


def test_the_plain_record_is_pta_without_refinement(bench, records):
    model = make_system("pta", bench)
    for subset in subsets(NAMES):
        inputs = {m: raw(bench, m) for m in subset}
        refined, plain = (mpjpe_mm(model, bench, inputs, refine) for refine in (True, False))
        assert refined != pytest.approx(plain, rel=1e-5)
        record = records[PLAIN, subset_name(subset), None]
        assert record.mpjpe_mm == pytest.approx(plain, rel=2e-6)


@pytest.mark.parametrize("modality", NAMES)
def test_a_corrupted_record_is_what_the_whole_model_gives_on_corrupted_frames(
    bench, records, modality
):
    model, rows = make_system("pta_gate", bench), bench.ready.rows["test"]
    for kind in kinds(modality):
        inputs = {m: raw(bench, m) for m in NAMES}
        view = corrupted_view(kind, bench.ready.data)
        inputs[modality] = Block.of(bench.ready.data, modality, rows, view).inputs()
        if kind == FROZEN:  # the streams leave it out
            del inputs[modality]
        record = records["pta_gate", "depth+lidar+csi", f"{modality}/{kind}"]
        assert record.mpjpe_mm == pytest.approx(mpjpe_mm(model, bench, inputs), rel=1e-4)


def test_a_corrupted_view_replaces_one_modality_with_its_points_and_leaves_the_rest(bench):
    clean, view = bench.clean, bench.corrupted["lidar"]["shift"]
    seen = with_view(clean, "lidar", view)
    assert seen.tokens["lidar"] is view.tokens["lidar"]
    assert seen.points["lidar"] is view.points["lidar"]
    assert all(seen.tokens[m] is clean.tokens[m] for m in ("depth", "csi"))
    assert not torch.equal(view.points["lidar"], clean.points["lidar"])
    csi = with_view(clean, "csi", bench.corrupted["csi"]["noise"])
    assert csi.points["lidar"] is clean.points["lidar"]


@pytest.fixture
def encoded():
    """Frames that each kind of encoder has encoded since; the rehearsal's blank one is none."""
    names = {ENCODERS[m]: m for m in ("depth", "lidar", "csi")}
    counts = dict.fromkeys(names.values(), 0)

    def count(module, inputs, output):
        if type(module) in names and inputs[0].any():
            counts[names[type(module)]] += len(inputs[0])

    handle = register_module_forward_hook(count)
    yield counts
    handle.remove()


def test_a_comparison_encodes_nothing_that_training_has_encoded(
    synthetic_tree, run, compared, encoded, tmp_path
):
    assert compare(synthetic_tree, run, tmp_path) == 0
    assert set(encoded.values()) == {0}
    csv = "results.csv"
    assert (tmp_path / csv).read_text() == (compared / "table" / csv).read_text()


def test_a_comparison_without_the_features_encodes_every_frame_of_every_view_once(
    synthetic_tree, run, compared, encoded, tmp_path
):
    copy = tmp_path / "copy"
    shutil.copytree(run, copy, ignore=shutil.ignore_patterns("features"))
    assert compare(synthetic_tree, copy, tmp_path / "table") == 0
    assert encoded == {m: FRAMES * (1 + len(kinds(m))) for m in NAMES}
    csv = "results.csv"
    assert (tmp_path / "table" / csv).read_text() == (compared / "table" / csv).read_text()


def test_a_comparison_leaves_the_run_as_it_was(synthetic_tree, run, compared, tmp_path):
    before = {p: p.stat().st_mtime_ns for p in run.rglob("*") if p.is_file()}
    assert compare(synthetic_tree, run, tmp_path) == 0
    assert {p: p.stat().st_mtime_ns for p in run.rglob("*") if p.is_file()} == before


class Dies(Nobody):
    """Ends the run at the first step of the second epoch of a stage."""

    def __init__(self, stage):
        self.stage, self.epochs = stage, 0

    def progress(self, task):
        def update(done, total):
            if task == self.stage and self.epochs:
                raise KeyboardInterrupt

        return update

    def epoch(self, stage, number, figures):
        self.epochs += stage == self.stage


def test_an_unfinished_run_is_one_line_that_says_what_to_do(
    synthetic_tree, run, config, tmp_path, capsys
):
    cut = tmp_path / "cut"
    shutil.copytree(run, cut, ignore=shutil.ignore_patterns("pta*.state.safetensors"))
    with pytest.raises(KeyboardInterrupt):
        train_systems(load_config(config), synthetic_tree, cut, COMPARED["pose"], [0], Dies("pta"))
    capsys.readouterr()
    assert compare(synthetic_tree, cut, tmp_path / "table") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {cut / 'seed0/pta.state.safetensors'}: 1 of 2 epochs")
    assert "train_pta" in line
    assert not (tmp_path / "table").exists()


def test_a_system_that_is_missing_is_left_out_and_told(synthetic_tree, run, tmp_path, capsys):
    cut = tmp_path / "cut"
    shutil.copytree(run, cut, ignore=shutil.ignore_patterns("xfi.state.safetensors"))
    assert compare(synthetic_tree, cut, tmp_path / "table") == 0
    assert "seed 0: xfi left out: " in capsys.readouterr().out
    assert "Not complete" in (tmp_path / "table/results.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--table", "nowhere"], "nowhere/seed0/config.json: No such file or directory; train"),
        (["--table", "{run}", "--seeds", "7"], "seed7/config.json: No such file or directory"),
    ],
)
def test_a_run_or_seed_that_is_not_there_is_one_line_and_leaves_nothing_behind(
    synthetic_tree, run, arguments, words, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    given = [a.format(run=run) for a in arguments]
    assert evaluate_pta.main([str(synthetic_tree), *given]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert words in line
    assert "train_pta --systems" in line
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_system_is_one_line_and_leaves_nothing_behind(
    synthetic_tree, config, tmp_path, capsys
):
    out = tmp_path / "out"
    arguments = [str(synthetic_tree), "--config", str(config), "--out", str(out)]
    assert train_pta.main([*arguments, "--systems", "base1", "pta_gte"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: systems ['pta_gte'] are unknown; expected some of ['base1'")
    assert not out.exists()


def test_a_run_that_is_refused_leaves_the_finished_one_usable(
    synthetic_tree, run, compared, config, tmp_path, capsys
):
    other = tmp_path / "other.yaml"
    other.write_text(config.read_text().replace("epochs: 2", "epochs: 3"))
    arguments = [str(synthetic_tree), "--config", str(other), "--out", str(run)]
    assert train_pta.main([*arguments, "--systems", "all", "--seeds", "0"]) == 1
    assert "another configuration" in capsys.readouterr().err
    assert compare(synthetic_tree, run, tmp_path / "table") == 0
