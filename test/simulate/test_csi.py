import numpy as np
import pytest

from pta_ros.simulate.csi import RadioChannel, RadioModel
from pta_ros.simulate.recording import Recording
from pta_ros.simulate.room import ROOM, Arrangement


@pytest.fixture(scope="module")
def radio() -> RadioChannel:
    return RadioChannel(Arrangement.of("E01"))


def packets(radio: RadioChannel, action: int = 6, time_s: float = 2.0) -> np.ndarray:
    return Recording(1, 2, action).joints(time_s + radio.model.packet_times())


def test_amplitudes_have_the_cards_shape_and_level(radio):
    csi = radio.amplitude(packets(radio), [1, 2, 3])
    assert csi.shape == (3, 114, 10)
    assert csi.dtype == np.float64
    finite = csi[np.isfinite(csi)]
    assert (finite >= 0).all()
    assert 20 < finite.mean() < 60
    np.testing.assert_array_equal(csi, radio.amplitude(packets(radio), [1, 2, 3]))


def test_neighbouring_subcarriers_are_alike(radio):
    mean = np.abs(radio.response(packets(radio))).mean(axis=2)
    centred = mean - mean.mean(axis=1, keepdims=True)
    lag = (centred[:, 1:] * centred[:, :-1]).sum() / (centred**2).sum()
    assert lag > 0.9


def test_blocking_the_line_of_sight_takes_power_away(radio):
    model = RadioModel(echo=0.0, mirror=0.0)
    quiet = RadioChannel(Arrangement.of("E01"), model)
    joints = packets(radio)
    line = 0.5 * (np.array([-1.75, 0.05, 1.95]) + np.array([1.80, -0.25, 3.75]))
    on_line = joints + (line - joints[:, 7].mean(axis=0))
    power = [
        np.mean(np.abs(quiet.response(j)) ** 2) for j in (on_line, on_line + np.array([0, 0, 20.0]))
    ]
    assert power[0] < 0.6 * power[1]


def test_the_channel_changes_smoothly_with_the_persons_place(radio):
    joints = packets(radio)
    base = np.abs(radio.response(joints))
    change = [
        np.abs(np.abs(radio.response(joints + np.array([step, 0.0, 0.0]))) - base).mean()
        / base.mean()
        for step in (0.001, 0.01, 0.2)
    ]
    assert change[0] < 0.03
    assert change[0] < change[1] < change[2]


def test_the_body_moves_between_packets_and_noise_is_small(radio):
    model = RadioModel(corrupt_frames=0.0, gain_jitter=0.0)
    quiet = RadioChannel(Arrangement.of("E01"), model)
    joints = packets(radio, action=20, time_s=1.0)
    clean = np.abs(quiet.response(joints))
    assert clean.std(axis=2).mean() > 0.001 * clean.mean()
    noisy = quiet.amplitude(joints, [4])
    still = quiet.amplitude(joints, [5])
    assert 0.005 < np.abs(noisy - still).mean() / noisy.mean() < 0.1


def test_a_small_share_of_frames_has_a_few_infinite_values(radio):
    joints = packets(radio)
    counts = [np.sum(~np.isfinite(radio.amplitude(joints, [7, i]))) for i in range(120)]
    assert 1 <= np.count_nonzero(counts) <= 15
    assert max(counts) <= 40


def test_scenes_differ_moderately(radio):
    joints = packets(radio)
    here, there = (np.abs(RadioChannel(Arrangement.of(s)).response(joints)) for s in ("E01", "E02"))
    assert 0.005 < np.abs(here - there).mean() / here.mean() < 0.6


def test_csi_tells_where_a_person_stands():
    # ridge regression of the pelvis on the amplitudes, people the fit has not seen
    rows, truth, people = [], [], []
    for subject in range(1, 11):
        for action in (1, 2, 6, 12, 14, 22, 27, 9):
            clip = Recording(0, subject, action, scene="E01")
            radio = RadioChannel(Arrangement.of(clip.scene))
            for number in range(3):
                joints = clip.joints(5.0 * number + radio.model.packet_times())
                csi = radio.response(joints)
                rows.append(np.abs(csi).mean(axis=2)[:, ::6].ravel())
                truth.append(joints.mean(axis=0)[0, [0, 2]])
                people.append(subject)
    x, y, who = np.array(rows), np.array(truth), np.array(people)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    seen = who <= 8
    mean = y[seen].mean(axis=0)
    gram = x[seen].T @ x[seen] + 10.0 * np.eye(x.shape[1])
    fit = x @ np.linalg.solve(gram, x[seen].T @ (y[seen] - mean)) + mean
    error = np.linalg.norm((fit - y)[~seen], axis=1).mean()
    assert error < 0.9 * np.linalg.norm((mean - y)[~seen], axis=1).mean()


def test_drawn_arrangements_are_their_seeds_and_lie_in_the_room():
    one, again, other = (Arrangement.draw(seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.reflectors, again.reflectors)
    assert np.linalg.norm(one.transmitter - other.transmitter) > 0.05
    for place in (one.transmitter, one.receiver, *one.reflectors[:, :3]):
        assert (place > ROOM[0]).all()
        assert (place < ROOM[1]).all()
    sight = one.receiver - one.transmitter
    assert abs(sight[0]) > 2.9
    assert abs(one.axis @ sight) < 1e-9
    assert np.linalg.norm(one.axis) == pytest.approx(1)


def test_the_channel_of_a_drawn_arrangement_is_another(radio):
    joints = packets(radio)
    here, there = (np.abs(r.response(joints)) for r in (radio, RadioChannel(Arrangement.draw(1))))
    assert np.abs(here - there).mean() / here.mean() > 0.1


def test_the_lab_is_as_it_was(radio):
    amplitude = radio.amplitude(packets(radio), [1, 2])
    assert amplitude[:, 0, 0] == pytest.approx([44.826242, 17.107103, 11.536253])
