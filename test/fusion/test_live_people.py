"""A model that finds people, through the real decode of messages: nobody, one, two, nobody."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pta_ros.errors import ConfigError, DecodeError  # noqa: E402
from pta_ros.frames import StreamState  # noqa: E402
from pta_ros.fusion.config import SearchConfig  # noqa: E402
from pta_ros.fusion.engine import Engine  # noqa: E402
from pta_ros.fusion.level import intake_of  # noqa: E402
from pta_ros.fusion.params import FusionParams, StreamParams  # noqa: E402
from pta_ros.fusion.people import PeopleEstimator  # noqa: E402
from pta_ros.people import birdseye  # noqa: E402
from pta_ros.people.readings import Readings  # noqa: E402

PLACES = ((2.5, 0.4), (3.2, -0.9))
STEP_NS = 100_000_000
POSES = {"depth": "0 0 1.0 0 0 0", "lidar": "0 0 1.3 0 0 0"}
STREAMS = {
    m: StreamParams(topic=f"{m}/t", extrinsic=pose, recover_frames=1) for m, pose in POSES.items()
}


@pytest.fixture(scope="module")
def engine(people_model):
    engine = Engine.load(FusionParams(model=str(people_model), device="cpu"), STREAMS)
    engine.start()
    return engine


class Live:
    """A fresh pipeline of the engine, and time that goes on with what is sent."""

    def __init__(self, engine, as_message):
        self.pipeline, self.as_message = engine.pipeline(), as_message
        self.intakes = {m: intake_of(engine.sensors[m], engine.streams[m]) for m in engine.sensors}
        self.now_ns = 10**12
        self.readings = Readings()
        self.rng = np.random.default_rng(1)

    def see(self, readings):
        """Everything once through decode, check, placing, streams and model; gives the estimate."""
        self.now_ns += STEP_NS
        for modality, array in readings.items():
            intake = self.intakes[modality]
            # A real sensor has noise: the same bits again would be a frozen one.
            noise = self.rng.integers(0, 2, array.shape) if modality == "depth" else (
                self.rng.normal(0, 0.002, array.shape))  # fmt: skip
            changed = (
                np.where(array > 0, array + noise, 0) if modality == "depth" else array + noise
            )
            msg = self.as_message(intake.sensor, changed.astype(array.dtype), self.now_ns, "sensor")
            try:
                frame = intake.frame(msg, self.now_ns)
                self.readings = replace(self.readings, **{modality: frame.reading})
                self.pipeline.push(frame, self.now_ns)
            except DecodeError as error:
                self.pipeline.reject(modality, error, self.now_ns)
        return self.pipeline.step(self.now_ns)

    def states(self):
        return {s.modality: s.state for s in self.pipeline.statuses(self.now_ns)}


@pytest.fixture
def live(engine, as_message):
    return Live(engine, as_message)


def test_the_engine_knows_what_kind_it_is(engine):
    assert engine.finds_people
    assert engine.level_frame == "base_link"
    assert {stream.frame for stream in engine.streams.values()} == {"base_link"}
    named = FusionParams(model=engine.params.model, frame_id="base_footprint")
    engine.configure(named, STREAMS)
    assert {stream.frame for stream in engine.streams.values()} == {"base_footprint"}
    engine.configure(FusionParams(model=engine.params.model), STREAMS)


def test_nobody_somebody_and_nobody_again(live, hall_readings):
    for _ in range(3):
        nobody = live.see(hall_readings())
        assert nobody.people == ()
        assert nobody.joints_m.shape == (0, 3)
        assert nobody.weights == {"depth": 0.5, "lidar": 0.5}
        assert set(live.states().values()) == {StreamState.LIVE}
    assert live.see(hall_readings(*PLACES)).people == ()  # who is new is told from the second on
    both = live.see(hall_readings(*PLACES))
    assert len(both.people) == len(both.tracks) == 2
    assert {track.id for track in both.tracks} == {1, 2}
    found = [person.centre[:2] for person in both.people]
    np.testing.assert_allclose(found, PLACES, atol=0.3)  # the poses are of untrained weights
    np.testing.assert_allclose(both.joints_m, both.people[0].joints, atol=1e-5)
    assert sum(both.weights.values()) == pytest.approx(1.0)
    left = [live.see(hall_readings()) for _ in range(4)]
    assert [len(estimate.people) for estimate in left] == [2, 2, 2, 0]  # hide_after_s is 0.3
    assert all(track.predicted for track in left[0].tracks)
    assert set(live.states().values()) == {StreamState.LIVE}


def test_what_runs_by_graphs_on_a_gpu_finds_the_same_people(engine, live, hall_readings):
    """On the CPU: the same buffers and steps, without CUDA graphs."""
    plain, replayed = (PeopleEstimator(engine.loaded, engine.params.search) for _ in range(2))
    replayed.replay()
    for places in ((), PLACES[:1], PLACES):
        live.see(hall_readings(*places))
        readings = live.readings
        grid = birdseye.grid(readings)
        for seen in (
            [(estimator(readings), {}) for estimator in (plain, replayed)],
            [e.look_each(e.find(grid), readings) for e in (plain, replayed)],
        ):
            (expected, expected_alone), (found, found_alone) = seen
            assert len(found) == len(expected) == len(places)
            assert set(found_alone) == set(expected_alone)
            for a, b in zip(found, expected, strict=True):
                np.testing.assert_allclose(a.joints, b.joints, atol=1e-4)
                assert a.presence == pytest.approx(b.presence, abs=1e-4)
            for name, people in expected_alone.items():
                for a, b in zip(found_alone[name], people, strict=True):
                    np.testing.assert_allclose(a.joints, b.joints, atol=1e-4)


def test_in_silence_everybody_is_predicted_for_a_while(live, hall_readings):
    for _ in range(3):
        last = live.see(hall_readings(*PLACES))
    told = []
    for _ in range(30):
        live.now_ns += STEP_NS
        assert live.pipeline.step(live.now_ns) is None
        told.append(live.pipeline.predict(live.now_ns))
    told = [estimate for estimate in told if estimate is not None]
    assert [len(estimate.people) for estimate in told] == [2] * len(told)
    assert {t.id for t in told[-1].tracks} == {t.id for t in last.tracks}
    assert all(estimate.predicted and not estimate.weights for estimate in told)
    assert told[-1].stamp_ns - last.stamp_ns == pytest.approx(1.5e9, abs=1.1 * STEP_NS)
    grown = [estimate.tracks[0].deviation_m.mean() for estimate in told]
    assert (np.diff(grown) > 0).all()
    assert live.pipeline.next_due_ns() is None


@pytest.mark.parametrize("lost", ["depth", "lidar"])
def test_one_sensor_alone_finds_and_what_the_other_saw_is_forgotten(live, hall_readings, lost):
    live.see(hall_readings(*PLACES))
    assert len(live.see(hall_readings(*PLACES)).people) == 2
    left = {m: array for m, array in hall_readings().items() if m != lost}
    for _ in range(5):
        estimate = live.see(left)
    assert live.states()[lost] is StreamState.STALE
    assert estimate.people == ()
    assert set(estimate.weights) == set(left)
    one = {m: array for m, array in hall_readings(PLACES[0]).items() if m != lost}
    live.see(one)
    found = live.see(one).people
    assert min(np.hypot(*(person.centre[:2] - PLACES[0])) for person in found) < 0.3
    assert {person.weights[lost] for person in found} == {0.0}


def test_a_covered_camera_is_corrupt_and_nobody_is_not(live, hall_readings):
    live.see(hall_readings())
    covered = live.see(hall_readings() | {"depth": np.zeros((480, 640), np.uint16)})
    assert live.states() == {"depth": StreamState.CORRUPT, "lidar": StreamState.LIVE}
    assert covered.people == ()
    assert covered.weights == {"lidar": 1.0}


def test_a_frame_is_put_into_the_grid_once(engine, live, hall_readings):
    estimator = engine.estimator
    live.see(hall_readings(PLACES[0]))
    grid = estimator._grid.copy()
    assert grid.any()
    frames = {m: frame for m, frame in estimator._filled.items()}
    assert set(frames) == {"depth", "lidar"}
    assert all(estimator.has(frame) and not estimator.encode(frame) for frame in frames.values())
    readings = Readings(**{m: frame.reading for m, frame in frames.items()})
    from pta_ros.people import birdseye

    np.testing.assert_array_equal(birdseye.grid(readings), grid)


def test_traced_and_plain_agree_for_any_number(people_model, live, hall_readings, engine):
    from pta_ros.fusion.looks import Candidates
    from pta_ros.fusion.people import PeopleEstimator

    live.see(hall_readings(*PLACES))
    frames = engine.estimator._filled
    readings = Readings(**{m: frame.reading for m, frame in frames.items()})
    plain, traced = PeopleEstimator.load(people_model), engine.estimator.people
    for count in (1, 2, 3, 5):
        places = np.array([(*PLACES[n % 2], 1.0 + 0.01 * n) for n in range(count)])
        candidates = Candidates.found(places, np.zeros(count))
        one, other = (people.examine(candidates, readings) for people in (plain, traced))
        np.testing.assert_allclose(one.joints, other.joints, atol=2e-5, rtol=1e-4)
        np.testing.assert_allclose(one.weights, other.weights, atol=1e-5, rtol=1e-4)


def test_who_is_expected_is_looked_for_there():
    from pta_ros.fusion.looks import Candidates

    found = Candidates.found(np.eye(3), np.array([3.0, 2.0, 1.0]))
    near = np.array([[1.1, 0.1, 0.5], [0.1, 1.1, 0.5], [9.0, 9.0, 0.0]])
    known = found.expecting(near)
    np.testing.assert_array_equal(known.places, [*near[:2], found.places[2]])
    np.testing.assert_array_equal(known.settled, [True, True, False])
    # A place is taken by one, the nearest: two candidates stay two.
    twice = found._replace(places=np.array([[1.0, 0, 0], [1.1, 0, 0], [5, 0, 0]]))
    np.testing.assert_array_equal(twice.expecting(near[:1]).settled, [False, True, False])
    np.testing.assert_array_equal(found.expecting(np.zeros((0, 3))).places, found.places)


@pytest.fixture
def readings(live, hall_readings):
    live.see(hall_readings(*PLACES))
    frames = live.pipeline._estimator._filled
    return Readings(**{m: frame.reading for m, frame in frames.items()})


def test_who_is_new_is_looked_at_again_from_the_trunk(people_model, readings):
    from pta_ros.fusion.looks import Candidates
    from pta_ros.fusion.people import PeopleEstimator
    from pta_ros.people.centred import trunk

    people = PeopleEstimator.load(people_model, SearchConfig(presence=0.01))
    new = Candidates.found(np.array([(*PLACES[0], 1.0)]), np.array([5.0]))
    first = people.examine(new, readings)
    again = people.examine(new._replace(places=trunk(first.joints)), readings)
    (person,) = people.look(new, readings)
    np.testing.assert_allclose(person.joints, again.joints[0], atol=1e-6)
    assert person.presence == people._presence(first)[0]  # the first look says who is there
    known = new._replace(settled=np.array([True]))
    np.testing.assert_allclose(people.look(known, readings)[0].joints, first.joints[0], atol=1e-6)
    for nobody in (new._replace(log_odds=np.array([-20.0])), new._replace(places=new.places * 9)):
        assert people.look(nobody, readings) == ()
        assert people.look_each(nobody, readings)[0] == ()


def test_of_two_the_followed_one_is_looked_at_once(people_model, readings):
    from pta_ros.fusion.looks import Candidates
    from pta_ros.fusion.people import PeopleEstimator

    people = PeopleEstimator.load(people_model, SearchConfig(presence=0.01))
    places = np.array([(*PLACES[0], 1.0), (*PLACES[1], 1.0)])
    both = Candidates.found(places, np.array([4.0, 5.0]))._replace(settled=np.array([True, False]))
    looked = people.examine(both, readings)
    found = {round(person.centre[1]): person for person in people.look(both, readings)}
    assert len(found) == 2
    np.testing.assert_allclose(found[0].joints, looked.joints[0], atol=1e-5)
    assert np.abs(found[-1].joints - looked.joints[1]).max() > 1e-4
    seen, alone = people.look_each(both, readings)
    assert [len(people) for people in (seen, *alone.values())] == [2, 2, 2]
    # What a sensor shows alone is judged by its own look, not by what both say.
    only = Readings(lidar=readings.lidar)
    expected = people._presence(people.examine(both, only))
    np.testing.assert_allclose(sorted(p.presence for p in alone["lidar"]), sorted(expected))


def test_a_model_that_gives_no_numbers_is_not_nobody(people_model, readings):
    from pta_ros.fusion.looks import Candidates
    from pta_ros.fusion.people import PeopleEstimator

    people = PeopleEstimator.load(people_model)
    with torch.no_grad():
        for parameter in people._model.head.parameters():
            parameter.mul_(float("nan"))
    new = Candidates.found(np.array([(*PLACES[0], 1.0)]), np.array([5.0]))
    (person,) = people.look(new, readings)
    assert not person.is_finite()


def test_the_parameters_say_who_counts(people_model, hall_readings, as_message):
    def seen(**search):
        params = FusionParams(model=str(people_model), device="cpu", search=SearchConfig(**search))
        engine = Engine.load(params, STREAMS)
        engine.start()
        live = Live(engine, as_message)
        live.see(hall_readings(*PLACES))
        return live.see(hall_readings(*PLACES)).people

    assert len(seen()) == 2
    assert len(seen(most=1)) == 1
    assert len(seen(apart_m=5.0)) == 1
    assert seen(presence=1.0) == ()


@pytest.mark.parametrize(
    ("params", "streams", "text"),
    [
        ({"composed": False}, STREAMS, "composed is false"),
        ({}, STREAMS | {"lidar": StreamParams(topic="l", frame="map")}, "lidar.frame is 'map'"),
    ],
)
def test_what_cannot_be_is_refused(people_model, params, streams, text):
    with pytest.raises(ConfigError, match=text):
        Engine.load(FusionParams(model=str(people_model), device="cpu", **params), streams)
