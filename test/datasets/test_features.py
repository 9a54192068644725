import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pta_ros.datasets.features import cache_features
from pta_ros.datasets.reduced import ReducedSet
from pta_ros.datasets.views import View
from pta_ros.errors import ConfigError, DatasetError
from pta_ros.model.config import PTAConfig
from pta_ros.model.encoders import make_encoder
from pta_ros.model.projector import Projected

CHANNELS = 8
CONFIG = PTAConfig(channels=CHANNELS, tokens=4, dim=16, latent=8)
SHAPES = {"depth": (96, 128), "lidar": (64, 3), "csi": (3, 114, 10)}


def some_encoders(seed=0):
    torch.manual_seed(seed)
    return {m: make_encoder("lite", m, CHANNELS).eval() for m in SHAPES}


def some_frames(count=11):
    rng = np.random.default_rng(0)
    present = {m: rng.random(count) < 0.7 for m in SHAPES}
    inputs = {m: rng.uniform(0.5, 2, (count, *s)).astype(np.float32) for m, s in SHAPES.items()}
    joints = rng.normal(0, 1, (count, 17, 3)).astype(np.float32)
    names, numbers = np.array(["A01"] * count), np.arange(count, dtype=np.int32)
    return ReducedSet(
        inputs, present, joints, names, names, names, numbers, (), "fingerprint of frames"
    )


ENCODERS, DATA = some_encoders(), some_frames()


def cached(folder, encoders=ENCODERS, data=DATA, **options):
    return cache_features(encoders, CHANNELS, data, folder, **options)


@torch.no_grad()
def expected_tokens(modality, row, inputs=None):
    frame = torch.from_numpy(DATA.inputs[modality][row]) if inputs is None else inputs
    return ENCODERS[modality](frame[None])[0]


def noise(modality, inputs, rows):
    """A changed view, seeded by the rows."""
    seeds = [torch.Generator().manual_seed(row) for row in rows.tolist()]
    shape = inputs.shape[1:]
    return inputs + torch.stack([torch.rand(shape, generator=seed) for seed in seeds])


def test_tokens_of_present_frames_are_the_encoders(tmp_path):
    found = cached(tmp_path, batch=4)
    assert torch.equal(found.rows, torch.arange(len(DATA)))
    assert np.array_equal(found.joints, DATA.joints)
    for column, m in enumerate(ENCODERS):
        assert np.array_equal(found.present[:, column], DATA.present[m])
        for row in np.flatnonzero(DATA.present[m]):
            torch.testing.assert_close(found.tokens[m][row], expected_tokens(m, row))
    seen = found.present[:, 1]
    assert list(found.points) == ["lidar"]
    assert np.array_equal(found.points["lidar"][seen], DATA.inputs["lidar"][seen.numpy(), :16])


def test_only_the_rows_asked_for_are_encoded_in_their_order(tmp_path):
    whole, rows = cached(tmp_path), torch.tensor([7, 2, 9])
    seen = []
    part = cached(tmp_path, rows=rows, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(3, 3)] * 3
    assert torch.equal(part.rows, rows)
    assert torch.equal(part.present, whole.present[rows])
    assert torch.equal(part.joints, whole.joints[rows])
    for m in ENCODERS:
        torch.testing.assert_close(part.tokens[m], whole.tokens[m][rows])


def test_who_sees_what_is_there_comes_along(tmp_path):
    blind = dict(DATA.present, depth=DATA.present["depth"] & (np.arange(len(DATA)) % 2 > 0))
    found, rows = cached(tmp_path, data=replace(DATA, sees=blind)), torch.arange(len(DATA))
    assert torch.equal(found.present, cached(tmp_path).present)
    for column, m in enumerate(ENCODERS):
        assert np.array_equal(found.seeing(rows)[:, column], blind[m])
    assert torch.equal(cached(tmp_path).seeing(rows), found.present)


def test_no_rows_give_an_empty_set(tmp_path):
    assert len(cached(tmp_path, rows=torch.arange(0)).tokens["csi"]) == 0


@pytest.mark.parametrize("row", [-1, 11])
def test_rows_that_are_not_there_are_refused(tmp_path, row):
    with pytest.raises(DatasetError, match=rf"{row}.*below 11"):
        cached(tmp_path, rows=torch.tensor([5, row]))


def test_features_are_what_the_model_makes_of_fresh_tokens(tmp_path):
    model = Projected(CONFIG).eval()
    found = cached(tmp_path, position_points=CONFIG.tokens)
    mask = found.present.clone()
    mask[:, 2] = False
    rows = mask.any(dim=1).nonzero()[:, 0].flip(0)
    features = found.features(model, rows, mask[rows])
    for at, row in enumerate(rows.tolist()):
        for i, m in enumerate(SHAPES):
            expected = torch.zeros(CONFIG.tokens, CONFIG.dim)
            if mask[row, i]:
                frame = torch.from_numpy(DATA.inputs[m][row])
                expected = model.project(m, expected_tokens(m, row)[None], frame[None])[0]
            torch.testing.assert_close(features[at, i], expected)


def test_a_changed_view_is_encoded_alike_in_every_batch(tmp_path):
    view = View("noise", noise)
    small = cached(tmp_path / "a", view=view, batch=2)
    large = cached(tmp_path / "b", view=view, batch=100)
    for m in ENCODERS:
        torch.testing.assert_close(small.tokens[m], large.tokens[m])
        for row in np.flatnonzero(DATA.present[m])[:3]:
            inputs = torch.from_numpy(DATA.inputs[m][[row]])
            changed = noise(m, inputs, torch.tensor([row]))[0]
            torch.testing.assert_close(small.tokens[m][row], expected_tokens(m, row, changed))
            if m == "lidar":
                assert torch.equal(small.points[m][row], changed[:16])


def test_a_view_never_sees_a_frame_that_is_absent(tmp_path):
    seen = {m: [] for m in SHAPES}

    def watch(modality, inputs, rows):
        seen[modality] += rows.tolist()
        return inputs

    cached(tmp_path, view=View("watch", watch), batch=3)
    assert seen == {m: np.flatnonzero(flags).tolist() for m, flags in DATA.present.items()}


def encoded(folder, **options):
    """How many modalities were encoded by a call; the others were read."""
    seen = []
    cached(folder, progress=lambda done, total: seen.append(done), **options)
    return len(seen)


def nudged(modality):
    encoders = some_encoders()
    with torch.no_grad():
        next(encoders[modality].parameters()).view(-1)[0] += 1e-6
    return encoders


@pytest.mark.parametrize(
    ("change", "anew"),
    [
        ({}, 0),
        ({"encoders": some_encoders()}, 0),
        ({"batch": 5}, 0),
        ({"encoders": nudged("depth")}, 1),
        ({"encoders": some_encoders(seed=1)}, 3),
        ({"data": replace(DATA, fingerprint="other")}, 3),
        ({"data": replace(DATA, present={**DATA.present, "csi": ~DATA.present["csi"]})}, 1),
        ({"rows": torch.arange(10)}, 3),
        ({"rows": torch.arange(11).flip(0)}, 3),
        ({"view": View("same", lambda m, x, rows: x)}, 3),
        ({"view": View("clean", version="2")}, 3),
        ({"position_points": 8}, 1),
    ],
)
def test_only_what_changed_is_encoded_anew(tmp_path, change, anew):
    assert encoded(tmp_path) == 3
    assert encoded(tmp_path, **change) == anew
    assert encoded(tmp_path) == 0


def test_other_rows_with_the_same_presence_are_encoded_anew(tmp_path):
    data = replace(DATA, present={m: np.ones(len(DATA), bool) for m in SHAPES})
    assert encoded(tmp_path, data=data, rows=torch.tensor([0, 1])) == 3
    assert encoded(tmp_path, data=data, rows=torch.tensor([2, 3])) == 3


def test_a_running_statistic_of_an_encoder_counts_as_a_change(tmp_path):
    encoders = some_encoders()
    encoded(tmp_path, encoders=encoders)
    norm = next(m for m in encoders["depth"].modules() if isinstance(m, torch.nn.BatchNorm2d))
    norm.running_mean += 0.5
    assert encoded(tmp_path, encoders=encoders) == 1


def test_a_truncated_cache_is_computed_again(tmp_path):
    before = cached(tmp_path).tokens["lidar"].clone()
    (path,) = tmp_path.glob("lidar-*/tokens.npy")
    path.write_bytes(path.read_bytes()[:-100])
    assert encoded(tmp_path) == 1
    torch.testing.assert_close(cached(tmp_path).tokens["lidar"], before)


def test_reading_neither_warns_nor_lets_a_write_reach_the_file(tmp_path):
    before = cached(tmp_path).tokens["csi"].clone()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = cached(tmp_path)
    found.tokens["csi"].zero_()
    assert torch.equal(cached(tmp_path).tokens["csi"], before)


def test_an_encoder_in_training_mode_is_refused(tmp_path):
    encoders = some_encoders()
    encoders["depth"].train()
    with pytest.raises(ConfigError, match=r"depth is in training mode; expected eval\(\)"):
        cached(tmp_path, encoders=encoders)


def test_an_encoder_of_another_width_is_refused(tmp_path):
    encoders = {"csi": make_encoder("lite", "csi", 2 * CHANNELS).eval()}
    with pytest.raises(
        ConfigError, match=r"csi: tokens of its encoder have shape .*16\); expected"
    ):
        cached(tmp_path, encoders=encoders)


def test_a_view_that_changes_the_shape_is_refused(tmp_path):
    view = View("cut", lambda modality, inputs, rows: inputs[:, :2])
    with pytest.raises(ConfigError, match=r"depth: inputs in view 'cut' have shape"):
        cached(tmp_path, view=view)


FULL_DISK = """
import resource, sys
from pathlib import Path
import test_features as t

def limit(*progress):
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))

for folder, options in (("a", {"progress": limit}), ("b", {"progress": print})):
    try:
        t.cached(Path(sys.argv[1]) / folder, batch=1, **options)
    except t.DatasetError as error:
        print(error)
"""


def test_a_full_disk_says_how_much_is_needed_and_leaves_nothing(tmp_path):
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path)]
    done = subprocess.run(
        command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True
    )
    while_writing, at_once = done.stdout.splitlines()  # at once: no frame was encoded
    needed = 4 * 11 * 48 * CHANNELS
    for told, folder in ((while_writing, "a"), (at_once, "b")):
        assert told.startswith(f"{tmp_path}/{folder}/depth-")
        assert f"File too large; expected room for {needed} bytes there" in told
        assert [p.suffix for p in (tmp_path / folder).iterdir()] == [".lock"]
