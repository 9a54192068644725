"""Which sensor contradicts: each fault of one sensor beside each other one, and who is blamed."""

import numpy as np
import pytest

from pta_ros.bench import tracks as bench
from pta_ros.clock import NS, to_ns
from pta_ros.errors import ConfigError
from pta_ros.frames import Person
from pta_ros.people.centred import trunk
from pta_ros.simulate.estimates import everybody, fused, mirrored, together
from pta_ros.tracks.consistency import Consistency
from pta_ros.tracks.tracker import Tracker

FIRST_S, LAST_S, END_S = 2.0, 4.0, 5.5
FAULTS = bench.faults(FIRST_S, LAST_S)
POSE = bench.draw_cast(1).truth(np.zeros(1))[0, 0]


def streams_of(cast, modalities):
    return {m: cast.stream(m, 10.0, END_S) for m in modalities}


def judged(streams):
    """At each stamp (s) the reasons of those that are left out."""
    tracks, consistency, found = Tracker(None, bench.MODALITIES), Consistency(bench.MODALITIES), {}
    for _, stamp_ns, told in together(list(streams.values()), 0.0):
        alone = {m: one.people for m, one in told.items()}
        trusted = consistency.judge(stamp_ns, alone, dict.fromkeys(alone, tracks.at(stamp_ns)))
        found[stamp_ns / NS] = {
            m: v.reason for m, v in consistency.verdicts().items() if not v.trusted
        }
        tracks.update(stamp_ns, everybody({m: one for m, one in told.items() if m in trusted}))
    return found


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(("sick", "other"), [("depth", "lidar"), ("depth", "csi")])
def test_a_broken_sensor_costs_no_more_than_doing_without(fault, sick, other):
    """Of six people who stand, for most: somebody who stands alike left and right looks mirrored as
    they do anyway, and some are missed (bench_over_time says what a model's estimates give)."""
    costs = [cost_of(bench.draw_cast(seed, walks=False), fault, sick, other) for seed in range(6)]
    assert np.median(costs) <= 1.02
    assert sum(cost <= 1.05 for cost in costs) >= 4


def cost_of(cast, fault, sick, other):
    """The mean error while a sensor is broken, over that of doing without it."""
    streams = streams_of(cast, (sick, other))
    broken = bench.broken(cast, streams[sick], FAULTS[fault])
    dropped = [one for one in streams[sick] if not FIRST_S <= one.stamp_ns / NS < LAST_S]
    used = bench.track(cast, [broken, streams[other]], judged=True)
    without = bench.track(cast, [dropped, streams[other]], judged=True)
    error, best = (f.between(FIRST_S, LAST_S).errors_m.mean() for f in (used, without))
    return float(error / best)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_poor_sensor_never_gets_a_good_one_thrown_out(fault):
    cast = bench.draw_cast(2, walks=True)
    streams = streams_of(cast, ("depth", "csi"))
    streams["csi"] = bench.broken(cast, streams["csi"], FAULTS[fault])
    assert not any("depth" in reasons for reasons in judged(streams).values())


@pytest.mark.parametrize("sick", ["depth", "lidar"])
def test_of_two_the_late_one_is_named_once_the_person_moves(sick):
    """Whichever the track follows; it began while nobody moved, so that nothing jumped."""
    blamed, reasons = left_out(
        8.0, lambda now_s, m, rng: swaying(now_s - (0.3 if m == sick else 0.0), m, rng)
    )
    assert not any(blamed[:30])
    assert all(out == {sick} for out in blamed[45:])
    assert reasons[sick].startswith("is late, 0.")


def left_out(end_s, shown):
    """Who is left out of depth and LiDAR frame by frame, at 10 Hz, and the last reasons.

    `shown(now_s, modality, rng)` is whom one of them shows.
    """
    tracks, consistency = Tracker(None, bench.MODALITIES), Consistency(bench.MODALITIES)
    rng, found = np.random.default_rng(3), []
    for stamp_ns in range(0, to_ns(end_s), to_ns(0.1)):
        alone = {m: (shown(stamp_ns / NS, m, rng),) for m in ("depth", "lidar")}
        trusted = consistency.judge(stamp_ns, alone, dict.fromkeys(alone, tracks.at(stamp_ns)))
        found.append(set(alone) - trusted)
        tracks.update(stamp_ns, [fused({m: alone[m][0] for m in alone if m in trusted})])
    return found, {m: verdict.reason for m, verdict in consistency.verdicts().items()}


def swaying(time_s, modality, rng):
    """Somebody who sways 0.3 m from 3 s on, as one modality shows them."""
    away = 0.3 * (1.0 - np.cos(3.0 * max(0.0, time_s - 3.0)))
    joints = POSE + np.array([0.0, away, 0.0]) + rng.normal(0.0, 0.01, POSE.shape)
    return Person(1.0, trunk(joints), joints, np.full(17, 0.03), {modality: 1.0})


@pytest.mark.parametrize("sick", ["depth", "lidar"])
@pytest.mark.parametrize("first_s", np.arange(4.0, 6.1, 0.3).round(1).tolist())
def test_a_jump_of_one_does_not_make_the_other_late(sick, first_s):
    """However fast somebody moves meanwhile: what has nothing to do with motion is no lag."""

    def shown(now_s, modality, rng):
        person = swaying(now_s, modality, rng)
        return turned(person) if modality == sick and now_s >= first_s else person

    blamed, _ = left_out(first_s + 2.0, shown)
    number = round(10 * first_s)
    assert not any(blamed[:number])
    assert all(out == {sick} for out in blamed[number:])


@pytest.mark.parametrize(("first", "then"), [("depth", "lidar"), ("lidar", "depth")])
def test_a_late_one_changes_places_when_the_other_one_begins_to_move_late(first, then):
    """Within half a second of a motion, not only once it has gone on for long."""

    def shown(now_s, modality, rng):
        late = first if now_s < 6.5 else then
        return swaying(resting(now_s - (0.3 if modality == late else 0.0)), modality, rng)

    blamed, _ = left_out(9.0, shown)
    assert all(out == {first} for out in blamed[40:70])
    assert all(out == {then} for out in blamed[75:])


@pytest.mark.parametrize("sick", ["depth", "lidar"])
def test_one_that_is_late_by_more_than_half_a_sway_stays_left_out(sick):
    """What it shows then goes with the motion as if it were ahead."""

    def shown(now_s, modality, rng):
        fast_s = 3.0 + 5.0 / 3.0 * (now_s - 3.0 - (0.9 if modality == sick else 0.0))
        return swaying(fast_s, modality, rng)

    blamed, _ = left_out(9.0, shown)
    assert not any(blamed[:30])
    assert all(out == {sick} for out in blamed[45:])


def resting(time_s):
    """Time that stands still from the end of one sway, at 5.1 s, to 7 s."""
    if time_s < 3.0 + 2.0 * np.pi / 3.0:
        return time_s
    return 3.0 if time_s < 7.0 else time_s - 4.0


@pytest.mark.parametrize("sick", ["depth", "lidar"])
def test_who_jumped_as_nobody_can_does_not_make_the_other_late(sick):
    """However it agrees later: here it is ahead of everybody, which no sensor can be."""

    def shown(now_s, modality, rng):
        if modality != sick or now_s < 4.0:
            return swaying(now_s, modality, rng)
        ahead = swaying(now_s + 0.25, modality, rng)
        return turned(ahead) if now_s < 5.0 else ahead

    blamed, _ = left_out(9.0, shown)
    assert not any(blamed[:40])
    assert all(out == {sick} for out in blamed[40:])


def turned(person):
    """Somebody as a sensor shows them whose left is right."""
    joints = mirrored(person.joints)
    return Person(1.0, trunk(joints), joints, person.deviation_m, person.weights)


@pytest.mark.parametrize("sick", ["depth", "lidar"])
def test_the_one_that_jumped_is_named_at_once_and_let_in_again(sick):
    cast = bench.draw_cast(1)
    streams = streams_of(cast, ("depth", "lidar"))
    streams[sick] = bench.broken(cast, streams[sick], FAULTS["displaced 0.3 m"])
    found = judged(streams)
    assert not any(reasons for now_s, reasons in found.items() if now_s < FIRST_S)
    during = [reasons for now_s, reasons in found.items() if FIRST_S <= now_s < LAST_S]
    assert all(set(reasons) == {sick} for reasons in during)
    assert during[10][sick].startswith("contradicts the track by 0.")
    assert during[10][sick].endswith(" m since 1.0 s")
    assert not any(reasons for now_s, reasons in found.items() if now_s > LAST_S + 0.8)


def test_frozen_is_seen_before_the_person_moves():
    cast = bench.draw_cast(1)
    streams = streams_of(cast, ("depth", "lidar"))
    streams["lidar"] = bench.broken(cast, streams["lidar"], FAULTS["frozen"])
    reasons = judged(streams)[FIRST_S + 0.2]
    assert reasons == {"lidar": "repeats the same pose since 0.1 s"}


def test_an_unsure_sensor_that_hardly_moves_is_not_frozen():
    """As of a model that was never trained: its noise is a small share of what it says itself."""
    tracks, consistency = Tracker(None, bench.MODALITIES), Consistency(bench.MODALITIES)
    rng = np.random.default_rng(6)
    for stamp_ns in range(0, to_ns(6.0), to_ns(0.1)):
        noise_m = {"depth": 5e-6, "lidar": 0.03}
        shown = {m: POSE + rng.normal(0.0, noise, POSE.shape) for m, noise in noise_m.items()}
        alone = {
            m: (Person(1.0, trunk(joints), joints, np.full(17, 0.9), {m: 1.0}),)
            for m, joints in shown.items()
        }
        silent = to_ns(2.0) <= stamp_ns < to_ns(4.0)
        told = {m: one for m, one in alone.items() if m == "lidar" or not silent}
        consistency.judge(stamp_ns, told, dict.fromkeys(told, tracks.at(stamp_ns)))
        assert all(verdict.trusted for verdict in consistency.verdicts().values())
        tracks.update(stamp_ns, [fused({m: one[0] for m, one in told.items()})])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("pair", [("depth", "lidar"), ("lidar", "csi")])
def test_nobody_is_blamed_without_a_fault(seed, pair):
    cast = bench.draw_cast(seed)
    found = judged(streams_of(cast, pair))
    assert not any(found.values())


def test_when_all_jump_alike_the_people_did():
    """As when the robot is pushed: nobody is left out."""
    cast = bench.draw_cast(1)
    streams = streams_of(cast, ("depth", "lidar"))
    for name in streams:
        streams[name] = bench.broken(cast, streams[name], FAULTS["displaced 0.3 m"])
    found = judged(streams)
    assert not found[FIRST_S]


def test_the_last_sensor_is_never_left_out():
    cast = bench.draw_cast(1)
    streams = streams_of(cast, ("depth",))
    streams["depth"] = bench.broken(cast, streams["depth"], FAULTS["frozen"])
    assert not any(judged(streams).values())


def test_nobody_to_compare_with_is_no_contradiction():
    consistency = Consistency(("depth", "lidar"))
    assert consistency.judge(0, *2 * [{"depth": (), "lidar": ()}]) == {"depth", "lidar"}
    assert all(verdict.trusted for verdict in consistency.verdicts().values())


def test_an_unknown_modality_is_named():
    with pytest.raises(ConfigError, match="radar"):
        Consistency(("depth",)).judge(to_ns(1.0), {"radar": ()}, {})


def test_reset_trusts_again():
    cast = bench.draw_cast(1)
    streams = streams_of(cast, ("depth", "lidar"))
    consistency, tracks = Consistency(bench.MODALITIES), Tracker(None, bench.MODALITIES)
    bad = bench.broken(cast, streams["lidar"], lambda t, j: j + 1.0 * (t > 1.0)[:, None, None])
    for depth, lidar in zip(streams["depth"][:15], bad, strict=False):
        told = {"depth": depth.people, "lidar": lidar.people}
        consistency.judge(depth.stamp_ns, told, dict.fromkeys(told, tracks.at(depth.stamp_ns)))
        tracks.update(depth.stamp_ns, depth.people)
    assert not consistency.verdicts()["lidar"].trusted
    consistency.reset()
    assert consistency.verdicts()["lidar"].trusted


@pytest.mark.parametrize("gap_s", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("seed", range(3))
def test_who_comes_back_after_a_silence_has_not_jumped(seed, gap_s):
    streams = streams_of(bench.draw_cast(seed, walks=True), ("depth", "csi"))
    streams["depth"] = [
        one for one in streams["depth"] if not 2.0 <= one.stamp_ns / NS < 2.0 + gap_s
    ]
    assert not any(judged(streams).values())
