"""Whole runs that start from a model: frozen parts, provenance, going on, mistakes."""

import json
import shutil
from dataclasses import replace

import pytest

from pta_ros import checkpoint
from pta_ros.cli import train_pta
from pta_ros.datasets.mmfi import ACTIVITIES
from pta_ros.model.config import PTAConfig
from pta_ros.training.parts import modules_of, parts_of
from pta_ros.workers.workforce import Hired, Workforce

SMALL = PTAConfig(
    channels=16, tokens=4, dim=16, latent=8, mixers=1, gate=True, tasks=("pose", "activity"),
    classes=("sit", "wave"),
)  # fmt: skip
FROZEN = ("depth", "projectors", "weights", "refinement")
FREEZE = f"freeze: [{', '.join(FROZEN)}]\n"
CONFIG = """
model: {tokens: 4, dim: 16, latent: 8, channels: 16, mixers: 1}
split: {meta_val: 0.2, val: 0.2, test: 0.2}
pretrain: {depth: {epochs: 1, batch: 8}, lidar: {epochs: 1}, csi: {epochs: 1}}
meta: {epochs: 2, batch: 8, outer_every: 1}
"""


def train(tree, folder, text, *options):
    path = folder.with_suffix(".yaml")
    path.write_text(text)
    arguments = [str(tree), "--config", str(path), "--out", str(folder), "--threads", "1"]
    return train_pta.main([*arguments, *map(str, options)])


@pytest.fixture(scope="module")
def source(saved, tmp_path_factory):
    config = replace(SMALL, gate=False, tasks=("pose",), classes=(), pretrained=8)
    return saved(tmp_path_factory.mktemp("models") / "source", config)


@pytest.fixture(scope="module")
def run(synthetic_tree, source, tmp_path_factory):
    """A run from `source` with all frozen but two encoders and the head."""
    folder = tmp_path_factory.mktemp("runs") / "begun"
    assert (
        train(
            synthetic_tree,
            folder,
            CONFIG + FREEZE,
            "--from",
            source,
        )
        == 0
    )
    return folder


def test_frozen_parts_stay_bit_equal_and_others_learn(run, source):
    mine, theirs = (checkpoint.load(folder).model for folder in (run / "model", source))
    parts = parts_of(theirs.config)
    frozen = [name for name in parts if name in FROZEN]
    for part in parts:
        modules = zip(modules_of(mine, (part,)), modules_of(theirs, (part,)), strict=True)
        pairs = [
            (a, b)
            for one, other in modules
            for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True)
        ]
        assert all(a.equal(b) for a, b in pairs) == (part in frozen), part
    assert not (run / "pretrain_depth.state.safetensors").exists()


def test_single_sensors_models_are_those_of_the_start(run, source):
    mine, theirs = (checkpoint.load(folder).model for folder in (run / "model", source))
    for name, value in theirs.pretrained.heads.state_dict().items():
        assert value.equal(mine.pretrained.heads.state_dict()[name])
    for modality, projector in theirs.projectors.items():
        assert projector.kept.token.weight.equal(mine.projectors[modality].kept.token.weight)


def test_the_model_says_where_it_comes_from(run, source):
    told = json.loads((run / "model/config.json").read_text())["provenance"]
    assert told["from"]["model"] == "source"
    assert told["from"]["synthetic"] == {"seed": 0}
    assert told["from"]["anew"] == []
    assert told["training"]["freeze"] == list(FROZEN)
    assert len(told["from"]["sha256"]) == 64


def test_a_run_is_not_continued_from_another_model(
    saved, run, synthetic_tree, source, tmp_path, capsys
):
    other = saved(tmp_path / "other", checkpoint.load(source).model.config, seed=2)
    folder = shutil.copytree(run, tmp_path / "run")
    text = CONFIG + FREEZE
    assert train(synthetic_tree, folder, text, "--from", other) == 1
    assert "choose a new run folder" in capsys.readouterr().err
    assert train(synthetic_tree, folder, CONFIG) == 1
    assert "choose a new run folder" in capsys.readouterr().err
    moved = shutil.copytree(source, tmp_path / "moved")
    assert train(synthetic_tree, folder, text, "--from", moved) == 0
    assert "epoch" not in capsys.readouterr().out  # all of it was there


def test_a_cut_run_goes_on_to_the_same_weights(run, synthetic_tree, source, tmp_path, monkeypatch):
    folder, begun = tmp_path / "cut", []
    text = CONFIG + FREEZE

    def cut(self, stage, number, figures):
        begun.append(stage)
        if len(begun) == 3:  # both encoders, and an epoch of the main stage
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(train_pta.Board, "epoch", cut)
        assert train(synthetic_tree, folder, text, "--from", source) == 130
    assert begun == ["pretrain_lidar", "pretrain_csi", "pta_ungated"]
    assert train(synthetic_tree, folder, text, "--from", source) == 0
    whole, again = (checkpoint.load(f / "model").model.state_dict() for f in (run, folder))
    assert all(tensor.equal(again[name]) for name, tensor in whole.items())


def test_parts_that_were_trained_by_themselves_are_taken_up(
    run, synthetic_tree, source, tmp_path, capsys
):
    options = ["--from", source]
    assert train(synthetic_tree, tmp_path / "run", CONFIG + FREEZE, *options, "--only", "csi") == 0
    capsys.readouterr()
    assert train(synthetic_tree, tmp_path / "run", CONFIG + FREEZE, *options) == 0
    assert "pretrain_csi epoch" not in capsys.readouterr().out
    whole, again = (checkpoint.load(f / "model").model for f in (run, tmp_path / "run"))
    assert all(t.equal(again.state_dict()[n]) for n, t in whole.state_dict().items())


def test_second_head_and_gate_are_taken_too_and_can_be_frozen(saved, synthetic_tree, tmp_path):
    theirs = saved(tmp_path / "m", replace(SMALL, classes=ACTIVITIES))
    text = CONFIG.replace("mixers: 1", "mixers: 1, gate: true, tasks: [pose, activity]")
    text += "freeze: [gate, activity]\n"
    assert train(synthetic_tree, tmp_path / "run", text, "--from", theirs) == 0
    whole, begun = (checkpoint.load(f).model for f in (tmp_path / "run/model", theirs))
    for part in ("gate", "activity"):
        mine = getattr(whole, part).state_dict()
        for name, tensor in getattr(begun, part).state_dict().items():
            assert tensor.equal(mine[name]), name
    assert sorted(p.stem for p in (tmp_path / "run").glob("*.state.safetensors")) == [
        "pretrain_csi.state", "pretrain_depth.state", "pretrain_lidar.state", "pta_ungated.state",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("freeze: [depth]\n", ["--systems", "pta"], "with --systems"),
        ("", ["--from", "nowhere"], "nowhere/config.json: no such file"),
        ("", ["--from", ""], "--from names nothing"),
        ("freeze: [heads]\n", [], "this model's parts are"),
        ("freeze: [depth]\n", ["--only", "depth"], "neither imported nor frozen"),
    ],
)
def test_a_mistake_is_one_line_before_anything_is_trained(
    synthetic_tree, source, tmp_path, capsys, text, options, words
):
    given = options if "--from" in options else ["--from", source, *options]
    assert train(synthetic_tree, tmp_path / "run", CONFIG + text, *given) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert words in error
    assert not (tmp_path / "run").exists()


@pytest.fixture
def reduced_by(monkeypatch):
    """Whom each reduction of a tree was given to."""
    given, in_order = [], Workforce.in_order

    def noted(self, work, tasks):
        given.append(self)
        return in_order(self, work, tasks)

    monkeypatch.setattr(Workforce, "in_order", noted)
    return given


@pytest.mark.parametrize("where", ["jobs", "cluster"])
def test_who_reduces_the_tree_makes_no_difference(
    synthetic_tree, tmp_path, request, reduced_by, where
):
    given = "1" if where == "jobs" else request.getfixturevalue("dask").address
    assert train(synthetic_tree, tmp_path / "a", CONFIG, "--only", "csi") == 0
    assert train(synthetic_tree, tmp_path / "b", CONFIG, "--only", "csi", f"--{where}", given) == 0
    assert reduced_by == [Workforce(), Workforce(**{where: 1 if where == "jobs" else given})]
    (one,), (two,) = (list((tmp_path / run / "cache").glob("reduced-*/")) for run in "ab")
    assert one.name == two.name
    for file in one.iterdir():
        assert file.read_bytes() == (two / file.name).read_bytes()


def test_what_a_model_to_start_from_reads_is_reduced_once(
    synthetic_tree, source, tmp_path, reduced_by
):
    text = CONFIG + FREEZE
    options = ("--only", "csi", "--jobs", "1")
    assert train(synthetic_tree, tmp_path / "run", text, "--from", source, *options) == 0
    assert reduced_by == [Workforce(1)]


def test_a_whole_run_s_frames_are_encoded_by_the_same_workers(
    synthetic_tree, tmp_path, monkeypatch
):
    given, in_order = [], Hired.in_order

    def noted(self, tasks):
        given.append(self)
        return in_order(self, tasks)

    monkeypatch.setattr(Hired, "in_order", noted)
    text = CONFIG.replace("mixers: 1", "mixers: 1, gate: false")
    assert train(synthetic_tree, tmp_path / "run", text, "--jobs", "1") == 0
    reduction, *encoding = given
    assert len(encoding) == 3
    assert len({reduction, *encoding}) == 2


def test_a_wrong_part_is_told_before_a_tree_is_reduced(synthetic_tree, tmp_path, reduced_by):
    assert train(synthetic_tree, tmp_path / "run", CONFIG, "--only", "wind", "--jobs", "1") == 1
    assert reduced_by == []


def test_no_process_to_reduce_the_tree_is_one_line(synthetic_tree, tmp_path, capsys):
    assert train(synthetic_tree, tmp_path / "run", CONFIG, "--jobs", "0") == 1
    assert capsys.readouterr().err == "error: --jobs is 0; expected at least 1\n"


#: Who is tested by these settings was in the training by those.
OTHER = CONFIG.replace("split: {", "split: {seed: 8, ")


def test_a_test_on_whom_the_source_was_trained_on_is_told(synthetic_tree, run, tmp_path, capsys):
    """Or refused, where systems are compared by it; a start of the source counts, too."""
    learned = json.loads((run / "model/config.json").read_text())["provenance"]["splits"]["train"]
    source, known = run / "model", "begun was trained on 1 of the 1 who are tested here"
    assert train(synthetic_tree, tmp_path / "other", OTHER, "--from", source) == 0
    assert known in capsys.readouterr().out
    tested = json.loads((tmp_path / "other/splits.json").read_text())["test"]
    assert set(tested) <= set(learned)
    own = json.loads((tmp_path / "other/model/config.json").read_text())["provenance"]
    assert not set(tested) & set(own["splits"]["train"])
    assert train(synthetic_tree, tmp_path / "next", OTHER, "--from", tmp_path / "other/model") == 0
    assert "begun, from which other began, was trained on 1 of the 1 w" in capsys.readouterr().out
    asked = ("--from", source, "--systems", "pta")
    assert train(synthetic_tree, tmp_path / "compared", OTHER, *asked) != 0
    assert f"{known} ({tested[0]}); expected its own split" in capsys.readouterr().err
    assert train(synthetic_tree, tmp_path / "same", CONFIG, *asked) == 0
    told = capsys.readouterr().out
    assert "tested" not in told
    assert f"begun was trained on 2 of the 2 of train ({', '.join(learned)}): its enc" in told


def test_single_models_that_a_start_does_not_keep_are_told(synthetic_tree, saved, tmp_path, capsys):
    more = CONFIG.replace("dim: 16,", "dim: 16, pretrained: 16,")
    without = saved(tmp_path / "without", replace(SMALL, gate=False, tasks=("pose",), classes=()))
    assert train(synthetic_tree, tmp_path / "more", more, "--from", without) == 0
    assert "model.pretrained is 16, but without keeps no single" in capsys.readouterr().out


def test_an_encoder_of_another_size_cannot_be_compared_behind(
    synthetic_tree, run, tmp_path, capsys
):
    wider = CONFIG.replace("channels: 16", "channels: 24")
    assert train(synthetic_tree, tmp_path / "w", wider, "--from", run / "model", "--systems", "pta")
    told = capsys.readouterr().err
    assert "begun's encoder of depth cannot be taken: encoders.depth." in told
    assert "expected model.channels and sensors.depth as in begun" in told
