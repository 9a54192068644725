"""bench_pta's figures: what is compared with what, and how they are told. Never measured times."""

import pytest

torch = pytest.importorskip("torch")

from pta_ros.bench.inputs import CONFIGS, fit_head, model_of, rooms  # noqa: E402
from pta_ros.bench.page import page  # noqa: E402
from pta_ros.bench.runs import Measured  # noqa: E402
from pta_ros.bench.speed import STAGES, Series, Speed  # noqa: E402

END = "end to end"
MS = {
    ("xfi", "plain"): (100.0, 120.0, 300.0),
    ("xfi", "fast"): (50.0, 40.0, 50.0),
    ("xfi", "bf16"): (20.0, 20.0, 20.0),
    ("lite", "plain"): (9.0, 9.0, 9.0),
    ("lite", "fast"): (4.0, 5.0, 6.0),
}


def speed_of(ms=MS, change=None, device="cpu", batch=1, stage=END):
    series = tuple(Series(f, v, device, batch, stage, t) for (f, v), t in ms.items())
    return Speed(series, change or {"fast": 0.001, "bf16": 1.5}, 3.0)


def test_a_ratio_is_that_of_the_same_repeat_and_its_median_counts():
    speed = speed_of()
    assert speed.ratio(("xfi", "plain"), ("xfi", "fast")) == 3.0  # of 2, 3 and 6
    assert speed.ratio(("xfi", "plain"), ("lite", "fast")) == 25.0  # of 25, 24 and 50
    assert speed.find("lite", "fast", END).median == 5.0


def test_only_one_batch_on_the_cpu_end_to_end_is_compared():
    for other in ({"device": "cuda"}, {"batch": 16}, {"stage": "head"}):
        speed = speed_of(**other)
        assert speed.find("xfi", "plain", END) is None
        assert speed.ratio(("xfi", "plain"), ("xfi", "fast")) is None


def test_bounds_hold_and_each_is_missed_by_what_it_is_about():
    bounds = speed_of().bounds()
    assert [b.value for b in bounds] == [3.0, 6.0, 1.5, 5.0, 25.0]
    assert all(b.ok for b in bounds)
    for number, key, factor in ((0, "fast", 2), (1, "bf16", 2), (3, "fast", 4), (4, "fast", 2)):
        family = "xfi" if number < 2 else "lite"
        slower = {**MS, (family, key): tuple(factor * t for t in MS[family, key])}
        assert not speed_of(slower).bounds()[number].ok, number
    assert not speed_of(change={"bf16": 2.1}).bounds()[2].ok


def test_what_was_not_measured_misses_its_bound():
    assert [b.ok for b in speed_of(batch=16).bounds()] == [False, False, True, False, False]


def test_a_series_is_its_spread_in_json():
    (first, *_) = speed_of().series
    assert first.to_dict() == {
        "family": "xfi", "variant": "plain", "device": "cpu", "batch": 1, "stage": END,
        "ms": {"p10": 104.0, "median": 120.0, "p90": pytest.approx(264.0)},
    }  # fmt: skip


STEP = {
    "batch": 16,
    "step_ms": {
        "cached": {"p10": 41.0, "median": 42.0, "p90": 43.0},
        "encoding": {"p10": 2001.0, "median": 2002.0, "p90": 2003.0},
    },
    "ratio": {"median": 29.0},
}
NODE = {
    "estimates": 100,
    "latency_ms": {"p10": 5.1, "median": 5.2, "p90": 5.3},
    "model_ms": {"p10": 3.1, "median": 3.2, "p90": 3.3},
    "overhead_ms": {"p10": 0.7, "median": 0.8, "p90": 0.9, "least": 0.6},
}


def test_the_page_tells_every_figure_and_every_bound():
    text = page(Measured("a machine", {"cpu": speed_of()}, STEP, NODE, ["a note"]))
    for line in (
        "| xfi, fast float32 / plain | at least 3 x | 3.00 x | kept |",
        "| training step, cached / encoding, batch 16 | at least 30 x | 29.00 x | **missed** |",
        "| node: overhead p50 | at most 1 ms | 0.80 ms | kept |",
        "| from cached features | 42.0 [41.0 43.0] |",
        "| encoding its frames | 2002.0 [2001.0 2003.0] |",
        "| message to skeleton | 5.2 [5.1 5.3] |",
        "| the rest | 0.8 [0.7 0.9] |",
        "a machine",
        "- a note",
    ):
        assert line in text.splitlines(), line
    cells = next(row for row in text.splitlines() if row.startswith(f"| {END} |"))
    assert cells.split("|")[2].strip() == "120.0 [104.0 264.0]"
    assert sum(row.startswith(f"| {stage} |") for stage in STAGES for row in text.splitlines()) == 6


def test_the_page_leaves_out_what_was_not_measured():
    whole, none = (
        {line for line in page(Measured("", {"cpu": speed_of()}, step, node, [])).splitlines()
         if line.startswith("## ")}
        for step, node in ((STEP, NODE), (None, None))
    )  # fmt: skip
    assert whole - none == {
        "## Training step, batch 16, on the CPU",
        "## Live node, 100 estimates from CSI alone",
    }


def test_a_node_that_could_not_be_run_misses_its_bound_and_what_was_left_out_has_none():
    tried = Measured("", {"cpu": speed_of()}, None, {}, []).bounds()
    assert [b.name for b in tried if not b.ok] == ["node: overhead p50"]
    assert Measured("", {"cpu": speed_of()}, None, None, []).bounds() == speed_of().bounds()


@torch.inference_mode()
def test_a_fitted_head_follows_the_person_and_keeps_the_rest(monkeypatch):
    from pta_ros.model.config import PTAConfig

    monkeypatch.setitem(CONFIGS, "lite", PTAConfig(channels=32, tokens=8, dim=64, latent=16))
    model = model_of("lite")
    frames, joints = rooms("lite", 16)
    before = {n: t.clone() for n, t in model.state_dict().items()}
    untrained = 1000 * float((model(frames).joints - joints).norm(dim=-1).mean())
    error = fit_head(model, frames, joints)
    found = 1000 * float((model(frames, refine=True).joints - joints).norm(dim=-1).mean())
    assert found == pytest.approx(error, rel=1e-3)
    assert error < 0.2 * untrained
    changed = {n for n, t in model.state_dict().items() if not t.equal(before[n])}
    assert changed == {"head.position.weight", "head.position.bias"}


def test_everything_is_measured_in_every_variant(monkeypatch):
    """A small model stands for both families: what is measured does not depend on its size."""
    from pta_ros.bench import speed
    from pta_ros.model.config import PTAConfig

    small = PTAConfig(channels=32, tokens=8, dim=64, latent=16)
    monkeypatch.setattr(speed, "rooms", lambda _, *given, **named: rooms("lite", *given, **named))
    for family in CONFIGS:
        monkeypatch.setitem(CONFIGS, family, small)
    notes = []
    found = speed.measure("cpu", 7, [1, 2], notes.append)
    measured = {(s.family, s.variant, s.batch, s.stage): len(s.ms) for s in found.series}
    assert measured == {
        (*variant, batch, stage): repeats
        for variant in MS for batch, repeats in ((1, 7), (2, 1)) for stage in STAGES
    }  # fmt: skip
    assert all(t > 0 for s in found.series for t in s.ms)
    assert set(found.change_mm) == {"fast", "bf16"}
    assert max(found.change_mm.values()) < 0.1  # a small model has no layer of less precision
    assert found.head_error_mm > 0
    assert len(notes) == 3


def test_rooms_are_the_same_again_and_another_seed_is_another_room():
    first, again, other = (rooms("lite", 2, seed=s) for s in (0, 0, 1))
    assert all(first[0][m].equal(again[0][m]) for m in first[0])
    assert first[1].equal(again[1])
    assert not any(first[0][m].equal(other[0][m]) for m in first[0])
    assert all(x.isfinite().all() for x in first[0].values())


def test_models_of_a_family_are_the_same_again():
    first, again = model_of("lite").state_dict(), model_of("lite").state_dict()
    assert all(t.equal(again[n]) for n, t in first.items())
