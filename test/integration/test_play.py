"""Player and recorder as processes: a bag goes out on topics and comes back the same."""

import os
import signal
import time
from itertools import pairwise

import pytest

pytestmark = pytest.mark.ros
NS = 1_000_000_000
BEGIN_NS = 1_700_000_000 * NS
TYPES = {
    "/depth/image": "sensor_msgs/msg/Image",
    "/lidar/points": "sensor_msgs/msg/PointCloud2",
    "/wifi/csi": "pta_msgs/msg/CsiFrame",
}
MODALITY = {"/depth/image": "depth", "/lidar/points": "lidar", "/wifi/csi": "csi"}


def write_bag(bench, path, count, rate_hz=10.0):
    """`count` plausible readings of each sensor; gives their filled bytes by topic."""
    pytest.importorskip("rosbags")
    from rclpy.serialization import serialize_message

    from pta_ros.bags.writer import BagWriter

    sent = {topic: [] for topic in TYPES}
    with BagWriter(path) as writer:
        for topic, kind in TYPES.items():
            writer.topic(topic, kind, reliable=False)
        for number in range(count):
            stamp_ns = BEGIN_NS + round(number * NS / rate_hz)
            for shift, (topic, kind) in enumerate(TYPES.items()):
                data = serialize_message(bench.message(MODALITY[topic], stamp_ns))
                sent[topic].append(filled(data))
                writer.write_raw(topic, kind, stamp_ns + 1_000_000 * (shift + 1), data)
    return sent


def filled(data):
    """Serialized bytes, whose length a middleware may round up to a multiple of four."""
    return data + bytes(-len(data) % 4)


def read_bag(path):
    """The filled bytes of a bag by topic, and its losses."""
    from pta_ros.bags.bag import Bag

    with Bag([path]) as bag:
        found = {name: [] for name in bag.topics}
        for raw in bag.messages(list(found)):
            found[raw.topic].append(filled(raw.data))
        return found, list(bag.losses)


def parameters(**values):
    return [part for name, value in values.items() for part in ("-p", f"{name}:={value}")]


def said(process):
    return process.log.read_text(errors="replace")


def interrupt(process, number=signal.SIGINT):
    """Send a signal; gives the seconds until the process ended, which it must with success."""
    begin = time.monotonic()
    process.send_signal(number)
    assert process.wait(20) == 0, said(process)
    return time.monotonic() - begin


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_bag_played_and_recorded_is_the_same(bench, tmp_path, number):
    sent = write_bag(bench, tmp_path / "in", 12)
    topics = ",".join(TYPES)
    recorder = bench.start("recorder_node", *parameters(bag=tmp_path / "out", topics=topics))
    bench.until(lambda: "recording" in said(recorder), process=recorder)
    options = parameters(bag=tmp_path / "in", min_subscribers=1, rate=2.0)
    player = bench.start("player_node", *options)
    bench.until(lambda: player.poll() is not None, 40.0)
    assert player.returncode == 0
    assert "played 36 messages" in said(player)
    interrupt(recorder, number)
    assert "recorded 36 messages" in said(recorder)
    assert read_bag(tmp_path / "out") == (sent, [])


def test_a_signal_ends_the_wait_for_the_next_message(bench, tmp_path):
    write_bag(bench, tmp_path / "in", 2, rate_hz=0.1)
    player = bench.start("player_node", *parameters(bag=tmp_path / "in", rate=0.01, delay_s=0.0))
    bench.until(lambda: "10.0 s of" in said(player), process=player)
    bench.listen(0.5)
    assert interrupt(player) < 5.0  # and not the 1000 s that it waits for; the machine may be busy


def test_a_player_that_was_held_up_hurries_and_says_so(bench, tmp_path):
    from pta_msgs.msg import CsiFrame
    from rclpy.qos import QoSProfile, ReliabilityPolicy

    write_bag(bench, tmp_path / "in", 20)
    heard = []
    deep = QoSProfile(depth=50, reliability=ReliabilityPolicy.BEST_EFFORT)
    bench.node.create_subscription(CsiFrame, "/wifi/csi", heard.append, deep)
    player = bench.start("player_node", *parameters(bag=tmp_path / "in", topics="wifi/csi"))
    bench.until(lambda: heard, process=player)
    os.kill(player.pid, signal.SIGSTOP)
    time.sleep(0.7)
    os.kill(player.pid, signal.SIGCONT)
    bench.until(lambda: player.poll() is not None)
    stamps = [msg.header.stamp.sec * NS + msg.header.stamp.nanosec for msg in heard]
    first = (stamps[0] - BEGIN_NS) * 10 // NS
    assert stamps == [BEGIN_NS + number * NS // 10 for number in range(first, 20)]
    assert "behind the schedule" in said(player)


def test_what_is_left_of_a_cut_bag_is_played_and_the_loss_told(bench, tmp_path):
    write_bag(bench, tmp_path / "in", 12)
    recording = next((tmp_path / "in").glob("*.mcap"))
    whole = recording.read_bytes()
    recording.write_bytes(whole[: len(whole) // 2])
    player = bench.start("player_node", *parameters(bag=tmp_path / "in", delay_s=0.0, rate=10.0))
    bench.until(lambda: player.poll() is not None)
    assert player.returncode == 0, said(player)
    assert "the bag is not whole" in said(player)
    assert "played" in said(player)
    assert "Traceback" not in said(player)


def test_an_error_is_one_line(bench, tmp_path):
    pytest.importorskip("rosbags")
    player = bench.start("player_node", *parameters(bag=tmp_path / "nothing"))
    recorder = bench.start("recorder_node", *parameters(bag=tmp_path))
    for process, reason in ((player, "no such file or folder"), (recorder, "cannot write a bag")):
        bench.until(lambda p=process: p.poll() is not None)
        assert process.returncode == 1
        assert reason in said(process)
        assert len(said(process).splitlines()) == 1


def test_the_fusion_survives_the_jump_of_a_looped_bag(bench, tmp_path, untrained_model):
    write_bag(bench, tmp_path / "in", 20)
    options = parameters(model=untrained_model, use_sim_time="true")
    fusion = bench.start("fusion_node", *options)
    player = bench.start("player_node", *parameters(bag=tmp_path / "in", loop="true"))

    def stamps():
        stamp = [msg.header.stamp for _, msg in bench.skeletons]
        return [s.sec * NS + s.nanosec for s in stamp]

    def jumps():
        return [i for i, (a, b) in enumerate(pairwise(stamps())) if b < a]

    bench.until(lambda: len(jumps()) >= 2 and len(stamps()) > jumps()[1] + 6, 60.0, process=fusion)
    assert player.poll() is None
    first, second = jumps()[:2]
    whole = stamps()[first + 1 : second + 1]
    assert whole == sorted(whole)
    assert whole[0] < BEGIN_NS + NS  # soon after the bag began again
    outside = [s for s in stamps() if not BEGIN_NS <= s <= BEGIN_NS + 2 * NS]
    assert outside == []
    newest = bench.skeletons[-1][1]
    assert sum(m.weight > 0 for m in newest.modalities) == 3
    assert "Traceback" not in said(fusion)
    interrupt(player)
