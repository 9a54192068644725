import numpy as np
import pytest

from pta_ros.bags.bag import Bag
from pta_ros.bags.messages import TRUE_POSE
from pta_ros.datasets.mmfi import MmfiTree
from pta_ros.datasets.mmfi_bag import START_NS, clip_to_bag, find_clip
from pta_ros.errors import ConfigError, DatasetError
from pta_ros.sensors import SENSORS
from pta_ros.skeleton import JOINT_NAMES

TRUTH_TOPIC = TRUE_POSE[0]
TOPICS = {"depth": "/depth/image", "lidar": "/lidar/points", "csi": "/wifi/csi"}


@pytest.fixture
def clip(root):
    return MmfiTree(root).clips[0]


def messages(folder, topic):
    """[(time of receipt, message)] of one topic."""
    with Bag([folder]) as bag:
        return [(raw.time_ns, bag.decode(raw)) for raw in bag.messages([topic])]


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
@pytest.mark.parametrize("modality", list(TOPICS))
def test_the_sensors_decode_what_the_clip_holds(clip, tmp_path, modality, storage):
    clip_to_bag(clip, tmp_path / "out", storage=storage)
    sensor, topic = SENSORS[modality](), TOPICS[modality]
    found = messages(tmp_path / "out", topic)
    assert len(found) == 3
    for number, (_, msg) in enumerate(found, start=1):
        decoded = sensor.decode(msg, topic)
        sensor.check(decoded, topic)
        np.testing.assert_array_equal(decoded, clip.read(modality, number))


def test_ground_truth_is_the_clips(clip, tmp_path):
    clip_to_bag(clip, tmp_path / "out", label="synthetic")
    for number, (_, msg) in enumerate(messages(tmp_path / "out", TRUTH_TOPIC), start=1):
        joints = [(p.x, p.y, p.z) for p in msg.positions]
        np.testing.assert_array_equal(np.float32(joints), clip.joints(number))
        assert msg.joint_names == list(JOINT_NAMES)
        assert (msg.header.frame_id, msg.convention) == ("depth_optical_frame", "h36m17")
        assert msg.model == "ground truth (synthetic)"


@pytest.mark.parametrize(("rate_hz", "step_ns"), [(10.0, 10**8), (30.0, 33_333_333), (0.5, 2e9)])
def test_frames_are_stamped_by_their_number(clip, tmp_path, rate_hz, step_ns):
    written = clip_to_bag(clip, tmp_path / "out", rate_hz, start_ns=5 * 10**9)
    for topic in (*TOPICS.values(), TRUTH_TOPIC):
        found = messages(tmp_path / "out", topic)
        stamps = [m.header.stamp.sec * 10**9 + m.header.stamp.nanosec for _, m in found]
        assert stamps == [time_ns for time_ns, _ in found]
        np.testing.assert_allclose(stamps, 5e9 + step_ns * np.arange(3), rtol=0, atol=1)
    assert written.seconds == pytest.approx(2 / rate_hz)


def test_sensors_offer_best_effort_and_ground_truth_is_reliable(clip, tmp_path):
    clip_to_bag(clip, tmp_path / "out")
    with Bag([tmp_path / "out"]) as bag:
        offered = {name: topic.reliability for name, topic in bag.topics.items()}
        assert bag.begin_ns == START_NS
    sensors = dict.fromkeys((*TOPICS.values(), "/depth/camera_info"), "best_effort")
    assert offered == {**sensors, TRUTH_TOPIC: "reliable"}


def test_frames_that_are_missing_or_damaged_are_left_out_and_told(clip, tmp_path):
    (clip.path / "lidar/frame002.bin").unlink()
    damaged = clip.path / "depth/frame003.png"
    damaged.write_bytes(damaged.read_bytes()[:1000])
    written = clip_to_bag(clip, tmp_path / "out")
    assert written.messages == {
        "/depth/image": 2,
        "/depth/camera_info": 2,
        "/lidar/points": 2,
        "/wifi/csi": 3,
        TRUTH_TOPIC: 3,
    }
    no_file, broken = written.left_out
    assert no_file == "lidar of frame 2: there is no file"
    assert broken.startswith(f"{damaged}: 1000 bytes without a PNG's end")
    times = [time_ns for time_ns, _ in messages(tmp_path / "out", "/lidar/points")]
    assert times == [START_NS, START_NS + 2 * 10**8]


def test_a_frame_beyond_the_ground_truth_is_kept_without_it(clip, tmp_path):
    np.save(clip.path / "ground_truth.npy", np.zeros((2, 17, 3)))
    written = clip_to_bag(clip, tmp_path / "out")
    assert written.left_out == ("ground truth of frame 3: there is none",)
    assert written.messages[TRUTH_TOPIC] == 2
    assert written.messages["/depth/image"] == 3


def test_the_same_clip_gives_the_same_bag(clip, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        clip_to_bag(clip, tmp_path / name / "out")
    one, two = ((tmp_path / name / "out/out.mcap").read_bytes() for name in ("one", "two"))
    assert one == two


def test_a_clip_that_is_not_there_is_told_with_those_that_are(root):
    assert find_clip(root, "E04", "S31", "A10").path == root / "E04/S31/A10"
    told = "no clip E01/S31/A10; expected one of E01 E04, S01 S31, A02 A10"
    with pytest.raises(DatasetError, match=told):
        find_clip(root, "E01", "S31", "A10")


def test_a_clip_without_frames_leaves_no_bag(clip, tmp_path):
    for path in clip.path.glob("*/frame*"):
        path.unlink()
    with pytest.raises(DatasetError, match="A02: no frames"):
        clip_to_bag(clip, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("rate_hz", [0.0, -1.0, float("nan"), 1e6])
def test_an_impossible_rate_is_named(clip, tmp_path, rate_hz):
    with pytest.raises(ConfigError, match=f"rate {rate_hz} Hz"):
        clip_to_bag(clip, tmp_path / "out", rate_hz)
