import numpy as np
import pytest

from pta_ros.errors import DecodeError, NobodySeen
from pta_ros.sensors import SENSORS

FORMS = [
    {"encoding": "16UC1"},
    {"encoding": "mono16", "padding": 6},
    {"encoding": "32FC1", "padding": 8},
    {"encoding": "16UC1", "big": True},
    {"encoding": "32FC1", "big": True, "padding": 4},
]
LAYOUTS = [{}, {"kind": "f8"}, {"big": True}, {"kind": "f8", "big": True}, {"rows": 20}]


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_depth_noise_has_its_sigma_and_leaves_gaps_and_padding(kit, form):
    clean = kit.image(**form)
    noisy = kit.damaged(clean, "noise", "depth", strength=0.1)
    off = kit.decoded("depth", noisy) - kit.decoded("depth", clean)
    assert np.std(off[:, 4:]) == pytest.approx(0.1, rel=0.05)
    assert abs(off[:, 4:].mean()) < 0.01
    assert not off[:, :4].any()
    if padding := form.get("padding"):
        rows = noisy.data.reshape(48, clean.step)
        assert (rows[:, -padding:] == 0xAA).all()
    assert (noisy.encoding, noisy.step, noisy.header) == (clean.encoding, clean.step, clean.header)


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_noise_leaves_a_return_a_return(kit, form):
    metres = kit.decoded("depth", kit.damaged(kit.image(**form), "noise", "depth", strength=20.0))
    assert (metres[:, 4:] > 0).all()
    assert metres.max() <= 65.6 or form["encoding"] == "32FC1"


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_depth_dropout_loses_its_share_of_the_pixels(kit, form):
    clean = kit.image(**form)
    metres = kit.decoded("depth", kit.damaged(clean, "dropout", "depth", strength=0.4))
    lost = metres == 0
    assert lost[:, 4:].mean() == pytest.approx(0.4, abs=0.04)
    assert (metres[~lost] == kit.decoded("depth", clean)[~lost]).all()


@pytest.mark.parametrize("axis", ["rows", "columns"])
@pytest.mark.parametrize("form", FORMS, ids=str)
def test_dead_rows_are_the_same_in_all_images(kit, form, axis):
    dead = []
    for number, time_s in enumerate((1.2, 1.8)):
        msg = kit.damaged(kit.image(number, **form), "dead_rows", "depth", time_s, axis=axis)
        metres = kit.decoded("depth", msg)[:, 4:]
        lines = metres if axis == "rows" else metres.T
        dead.append(np.flatnonzero((lines == 0).all(axis=1)))
        assert (np.delete(lines, dead[-1], axis=0) > 0).all()
    assert (dead[0] == dead[1]).all()
    # the four columns that never return anything may be among those that are lost
    assert len(dead[0]) == 24 if axis == "rows" else 28 <= len(dead[0]) <= 32


def test_a_few_dead_rows_are_at_least_one(kit):
    metres = kit.decoded("depth", kit.damaged(kit.image(), "dead_rows", "depth", strength=1e-4))
    assert np.count_nonzero((metres == 0).all(axis=1)) == 1


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_lidar_noise_moves_points_and_nothing_else(kit, layout):
    clean = kit.cloud(**layout)
    noisy = kit.damaged(clean, "noise", "lidar", strength=0.2)
    off = kit.decoded("lidar", noisy) - kit.decoded("lidar", clean)
    assert off.shape == (400, 3)
    assert np.std(off) == pytest.approx(0.2, rel=0.1)
    assert others(noisy).tolist() == others(clean).tolist()


def others(msg):
    """The bytes before x and behind z of every point."""
    points = msg.data.reshape(-1, msg.point_step)
    return np.hstack([points[:, :4], points[:, -4:]])


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_lidar_dropout_keeps_a_share_as_it_was(kit, layout):
    clean = kit.cloud(**layout)
    found = kit.damaged(clean, "dropout", "lidar", strength=0.7)
    points = {tuple(p) for p in kit.decoded("lidar", found).tolist()}
    assert 80 <= len(points) <= 160
    assert points <= {tuple(p) for p in kit.decoded("lidar", clean).tolist()}
    assert found.data.size == found.row_step * found.height
    if "rows" in layout:
        assert (found.height, found.width) == (20, 20)
        assert not found.is_dense
    else:
        assert len(points) == found.width


def test_in_a_cloud_without_any_point_nobody_is_seen(kit):
    found = kit.decoded("lidar", kit.damaged(kit.cloud(), "dropout", "lidar", strength=1.0))
    with pytest.raises(NobodySeen):
        SENSORS["lidar"]().check(found, "topic")


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_nan_points_have_no_coordinates_and_keep_their_place(kit, layout):
    clean = kit.cloud(**layout)
    found = kit.damaged(clean, "nan", "lidar", strength=0.5)
    assert found.data.size == clean.data.size
    assert not found.is_dense
    assert 150 <= len(kit.decoded("lidar", found)) <= 250
    assert others(found).tolist() == others(clean).tolist()


def test_nothing_but_nan_is_refused(kit):
    with pytest.raises(DecodeError, match="none of 400 points is a return"):
        kit.decoded("lidar", kit.damaged(kit.cloud(), "nan", "lidar", strength=1.0))


def test_csi_noise_is_a_share_of_the_mean_amplitude(kit):
    clean = kit.csi()
    off = kit.decoded("csi", kit.damaged(clean, "noise", "csi", strength=0.1)) - kit.decoded(
        "csi", clean
    )
    assert np.std(off) == pytest.approx(0.1 * clean.amplitude.mean(), rel=0.05)


def test_strong_csi_noise_stays_positive(kit):
    assert kit.damaged(kit.csi(), "noise", "csi", strength=3.0).amplitude.min() >= 0


def test_csi_noise_of_a_frame_without_readings_changes_nothing(kit):
    empty = kit.csi()
    empty.amplitude = np.full_like(empty.amplitude, np.nan)
    assert np.isnan(kit.damaged(empty, "noise", "csi").amplitude).all()


def test_csi_nan_is_repaired_or_refused_by_its_share(kit):
    sensor = SENSORS["csi"]()
    assert sensor.process(kit.damaged(kit.csi(), "nan", "csi", strength=0.1), "t").shape
    with pytest.raises(DecodeError, match="NaN"):
        sensor.process(kit.damaged(kit.csi(), "nan", "csi", strength=0.6), "t")


@pytest.mark.parametrize(("count", "dead"), [(1, 1), (2, 2), (5, 3)])
def test_dead_antennas_are_the_same_in_all_frames(kit, count, dead):
    found = [
        np.flatnonzero(~kit.decoded("csi", kit.damaged(kit.csi(n), "dead_antenna", "csi",
                                             1 + n / 10, strength=count)).any(axis=(1, 2)))
        for n in range(3)
    ]  # fmt: skip
    assert len(found[0]) == dead
    assert all((f == found[0]).all() for f in found)
