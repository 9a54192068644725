"""Windows of packets out of recordings: what the live node sees, labelled, in XRF55's layout."""

import json
import resource
import shutil
import signal
from types import SimpleNamespace

import numpy as np
import pytest

from pta_ros.bags.bag import Bag, BagWriter
from pta_ros.bags.messages import reading
from pta_ros.datasets.clips import made_with
from pta_ros.datasets.mmfi_bag import START_NS
from pta_ros.datasets.reduced import reduce_tree
from pta_ros.datasets.splits import wide_splits
from pta_ros.datasets.xrf55 import ACTIVITIES, Xrf55Tree
from pta_ros.errors import ConfigError, DatasetError
from pta_ros.evaluation.faults.injector import FaultPlan, Injector
from pta_ros.evaluation.replay.decode import Decoder
from pta_ros.evaluation.replay.people import people_of
from pta_ros.fusion.activity_filter import ActivityFilter
from pta_ros.fusion.intake import Intake
from pta_ros.fusion.params import read_params
from pta_ros.fusion.prediction import Prediction
from pta_ros.fusion.streams import Stream
from pta_ros.fusion.transforms import Transforms
from pta_ros.fusion.windows import WindowedPipeline
from pta_ros.recordings.annotations import read_annotations
from pta_ros.recordings.convert import convert
from pta_ros.recordings.setup import Setup, default_set
from pta_ros.recordings.told import Wishes
from pta_ros.sensors import SENSORS, sensors_of
from pta_ros.simulate.xrf55_bag import SessionPlan, labels_of, session_to_bag
from pta_ros.workers.workforce import Workforce

S = 10**9
PLAN = SessionPlan(seconds=36.0, activity_s=6.0, actions=(2, 23, 28), loss=0.0, jitter_s=0.0)
SENSOR = {m: SENSORS[m]() for m in ("radar", "wifi", "rfid")}


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """A session of three activities, each twice; its bag and labels."""
    folder = tmp_path_factory.mktemp("windows")
    session_to_bag(PLAN, folder / "bag")
    (folder / "labels.csv").write_text(labels_of(PLAN))
    return SimpleNamespace(bag=folder / "bag", labels=folder / "labels.csv")


@pytest.fixture
def make(tmp_path):
    """Convert a bag into tmp_path/tree; gives its root, the marker and the first report."""

    def make(bag, labels, out="tree", config=None, left_out=(), params=None, **wishes):
        setup = Setup.read(params, config, left_out, "xrf55")
        asked = Wishes(annotations=read_annotations(labels), **wishes)
        root = tmp_path / out
        marker = convert([(bag,)], root, setup, asked, lambda *each: None)
        return SimpleNamespace(root=root, marker=marker, report=marker.recordings[0]["report"])

    return make


def notes(tmp_path, *lines):
    """A file of annotations in seconds from the session's begin."""
    path = tmp_path / "notes.csv"
    rows = [(START_NS / S + begin, START_NS / S + end, label) for begin, end, label in lines]
    path.write_text("".join(f"{a},{b},{label}\n" for a, b, label in rows))
    return path


def files(root):
    return {path.relative_to(root): path.read_bytes() for path in root.rglob("*.npy")}


def live_windows(bag):
    """{(modality, end ns): the model's input} of every window that the live node would use."""
    found = {}

    def note(sample):
        found.update({(m, f.stamp_ns): f.array for m, f in sample.frames.items()})
        shares = dict.fromkeys(sample.frames, 1 / len(sample.frames))
        return Prediction(np.zeros((0, 3)), np.zeros(0), shares, probabilities=np.ones(2) / 2)

    own, streams = read_params(None, "xrf55")
    intakes = {m: Intake(sensor, streams[m]) for m, sensor in SENSOR.items()}
    topics = {f"/{sensor.topic}": m for m, sensor in SENSOR.items()}
    pipeline = WindowedPipeline(
        {m: Stream(m, streams[m]) for m in SENSOR}, note, SENSOR, own.windows(), ActivityFilter()
    )
    with Bag([bag]) as opened:
        plan = Injector(FaultPlan("none"), opened.begin_ns)
        decoder = Decoder(opened, intakes, topics, plan, Transforms(), people_of)
        for arrival in decoder.arrivals():
            while pipeline.ready(arrival.time_ns):
                pipeline.step(arrival.time_ns)
            pipeline.push(arrival.content, arrival.time_ns)
    return found


def test_windows_are_those_of_the_live_node(session, make):
    made = make(session.bag, session.labels, hop_s=0.5, part="train")
    live, compared = live_windows(session.bag), 0
    stretches = read_annotations(session.labels)
    for clip in Xrf55Tree(made.root).clips:
        begin_ns = round(stretches[int(clip.subject[1:]) - 1].begin_s * S)
        for number in clip.frame_numbers:
            end_ns = begin_ns + 5 * S + (number - 1) * S // 2
            for modality, sensor in SENSOR.items():
                seen = live.get((modality, end_ns))
                if seen is not None and begin_ns > START_NS:
                    kept = sensor.prepare(clip.read(modality, number), "file")
                    np.testing.assert_allclose(kept, seen, rtol=1e-5, atol=1e-5)
                    compared += 1
    assert compared > 3 * 10


def test_packets_are_kept_as_they_came(session, make):
    made = make(session.bag, session.labels, part="train")
    clip = next(c for c in Xrf55Tree(made.root).clips if c.subject == "S02")
    sent = PLAN.session()
    packets = list(sent.between(6.0, 11.0))
    sent.close()
    for modality in ("radar", "rfid"):
        content = [p.content for p in packets if p.modality == modality]
        np.testing.assert_array_equal(clip.read(modality, 1), np.stack(content))
    wifi = np.concatenate([p.content for p in packets if p.modality == "wifi"])
    np.testing.assert_array_equal(clip.read("wifi", 1), wifi)


def test_labels_classes_and_parts_come_back(session, make):
    made = make(session.bag, session.labels)
    spoken = [line.rsplit(",", 1)[1] for line in session.labels.read_text().splitlines()[1:]]
    assert made.marker.classes == list(dict.fromkeys(spoken))
    assert set(spoken) == {ACTIVITIES[n - 1] for n in PLAN.actions}
    clips = {int(c.subject[1:]): c for c in Xrf55Tree(made.root).clips}
    told = [made.marker.classes[int(clips[n].action[1:]) - 1] for n in sorted(clips)]
    assert told == spoken
    assert {c.scene for c in clips.values()} == {"Scene1"}  # two of each: none is held out
    assert made.report["frames"] == sum(len(c.frame_numbers) for c in clips.values()) >= 11
    assert made_with(made.root) == {"synthetic": True, "recorded": True}


def test_the_last_of_three_or_more_stretches_are_held_out_and_share_no_packet(
    session, make, tmp_path
):
    path = notes(tmp_path, *((6 * k + 0.1, 6 * k + 5.9, "tea") for k in range(6)))
    made = make(session.bag, path, hop_s=0.5)
    data = reduce_tree(
        Xrf55Tree(made.root), {"rfid": SENSOR["rfid"]}, tmp_path / "cache", Workforce(1)
    )
    rows, members = wide_splits(data, 0, 0.2)
    assert members["test"] == ("Scene3",)
    of = {name: set(data.subject[rows[name]]) for name in ("train", "meta_val", "val", "test")}
    assert (of["val"], of["test"]) == ({"S05"}, {"S06"})
    assert len(of["train"] | of["meta_val"]) == 4
    assert not of["train"] & of["meta_val"]


def test_a_sensor_that_is_silent_is_absent_and_said(session, make, tmp_path):
    bag = copied(session.bag, tmp_path / "copied", lambda topic, s: "rfid" in topic and 12 < s < 24)
    made = make(bag, session.labels, part="train")
    assert made.report["with"]["radar"] == made.report["frames"] > made.report["with"]["rfid"]
    assert any("of the window is missing" in why for why in made.report["absent"]["rfid"])
    clip = next(c for c in Xrf55Tree(made.root).clips if c.subject == "S04")
    assert not clip.files["rfid"]
    assert clip.files["radar"]


def test_lost_packets_are_filled_as_live_and_few_are_forgiven(session, make, tmp_path):
    rng = np.random.default_rng(0)
    bag = copied(session.bag, tmp_path / "copied", lambda topic, s: rng.random() < 0.05)
    made = make(bag, session.labels, part="train")
    assert made.report["with"]["wifi"] == made.report["frames"]


def copied(bag, path, skip):
    """A bag at `path` without the messages of which `skip(topic, seconds)` says so."""
    with Bag([bag]) as source, BagWriter(path) as out:
        for raw in source.messages(source.topics):
            if not skip(raw.topic, (raw.time_ns - START_NS) / S):
                out.write(raw.topic, raw.time_ns, source.decode(raw))
    return path


def test_what_is_too_short_is_left_out_and_said(session, make, tmp_path):
    path = notes(tmp_path, (0, 6, "tea"), (7, 10, "tea"), (12, 18, "mail"))
    made = make(session.bag, path, part="train")
    assert made.report["left_out"] == {"the activity is shorter than a window": 1}
    assert made.report["clips_without_frames"] == 1


def test_what_is_missing_is_added_and_the_same(session, make, tmp_path):
    made = make(session.bag, session.labels)
    whole = files(made.root)
    for number in (2, 3):  # as a kill leaves it: no report, and files that may be cut off
        (made.root / "reports" / f"S{number:05d}.json").unlink()
    next(made.root.glob("Scene*/WiFi/02_*_01.npy")).write_bytes(b"cut off")
    next(made.root.glob("Scene*/RFID/03_*_01.npy")).unlink()
    marker = json.loads((made.root / "RECORDED.json").read_text())
    make(session.bag, session.labels)
    assert files(made.root) == whole
    assert json.loads((made.root / "RECORDED.json").read_text()) == marker
    with pytest.raises(DatasetError, match=r"was made with hop_s 1\.0"):
        make(session.bag, session.labels, hop_s=2.0)


def test_how_much_may_be_missing_is_the_same_for_all_of_a_tree(session, make, tmp_path):
    make(session.bag, session.labels)
    more = tmp_path / "more.yaml"
    more.write_text("fusion: {ros__parameters: {sensor_set: xrf55, window_max_missing: 0.9}}\n")
    with pytest.raises(DatasetError, match="bag is in it with other activities, parts, par"):
        make(session.bag, session.labels, params=more)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_label_may_have_its_windows_in_another_recording(session, tmp_path, order):
    """`mail` is long enough in the first half alone; the order of the recordings does not count."""
    halves = [
        copied(session.bag, tmp_path / f"half{k}", lambda topic, s, k=k: s // 18 != k)
        for k in (0, 1)
    ]
    labels = notes(tmp_path, (0, 6, "tea"), (7, 14, "mail"), (19, 26, "tea"), (28, 30, "mail"))
    setup = Setup.read(None, None, (), "xrf55")
    asked = Wishes(annotations=read_annotations(labels), part="train")
    bags = [(halves[k],) for k in order]
    marker = convert(bags, tmp_path / "tree", setup, asked, lambda *each: None)
    assert sorted(marker.classes) == ["mail", "tea"]
    with pytest.raises(DatasetError, match="half1: label 'mail' is in no window"):
        convert([(halves[1],)], tmp_path / "other", setup, asked, lambda *each: None)
    assert not (tmp_path / "other").exists()


def test_a_receiver_of_ones_own_has_windows_of_its_own_size(make, tmp_path):
    """Three links at 20 packets a second, alone."""
    config = tmp_path / "mine.yaml"
    config.write_text("sensors: {wifi: {links: 3, packets: 100, steps: 100}}\n")
    sensor = SENSORS["wifi"](links=3, packets=100, steps=100)
    rng = np.random.default_rng(1)
    with BagWriter(tmp_path / "bag") as bag:
        for k in range(1, 201):
            fading = 20 + 5 * np.sin(np.arange(90) / 9 + k / 30)
            packet = (fading + rng.normal(0, 0.1, 90)).astype(np.float32)[None]
            stamp = START_NS + k * S // 20
            bag.write("/wifi/csi", stamp, reading(sensor, packet, stamp))
    made = make(
        tmp_path / "bag", notes(tmp_path, (0, 10, "x")), config=config, part="train", hop_s=2.5
    )
    assert "no topic radar/heatmap" in made.report["no_topic"]["radar"]
    (clip,) = Xrf55Tree(made.root).clips
    assert clip.read("wifi", 1).shape == (100, 90)
    data = reduce_tree(Xrf55Tree(made.root), {"wifi": sensor}, tmp_path / "cache", Workforce(1))
    assert data.present["wifi"].all()
    assert default_set([tmp_path / "bag"]) == "mmfi"  # a Wi-Fi receiver alone may be either


def test_which_sensors_a_recording_is_of_is_seen(session):
    assert default_set([session.bag]) == "xrf55"
    assert {kind.sensor_set for kind in sensors_of("xrf55").values()} == {"xrf55"}


@pytest.mark.parametrize(
    ("lines", "wishes", "error", "told"),
    [
        ([(0, 6, "tea"), (7, 10, "wave")], {}, DatasetError, "label 'wave' is in no window: its"),
        ([(50, 60, "tea")], {}, DatasetError, "no annotation lies in the recording"),
        ([(33, 60, "tea")], {}, DatasetError, "no activity in it is as long as a window, 5 s"),
        ([(0, 6, "tea"), (33, 60, "wave")], {}, DatasetError, "bag: label 'wave' is in no window:"),
        ([(0, 6, "tea")], {"clip_s": 3.0}, ConfigError, "expected clips that hold a window"),
        ([(0, 6, "tea")], {"hop_s": 0.0}, ConfigError, "a window every 0 s; expected 0.05"),
        ([(0, 6, "tea")], {"truth": "/x"}, ConfigError, "expected --activities alone"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(
    session, make, tmp_path, lines, wishes, error, told
):
    with pytest.raises(error, match=told):
        make(session.bag, notes(tmp_path, *lines), **wishes)
    assert not (tmp_path / "tree").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "windows of packets without activities; expected --activities"),
        (["--activities", "{empty}"], "no annotation in it; expected lines of"),
        (["--activities", "{labels}", "--topic", "radar=/nowhere"], "topic /nowhere is not in the"),
        (["--activities", "{labels}", "--topic", "depth=/x"], "--topic depth=: sensor set xrf55"),
        (["--activities", "{labels}", "--topic", "wifi=/rfid/phase"], "is of type pta_msgs/msg/R"),
    ],
)
def test_a_wrong_command_is_one_line_and_leaves_nothing(session, tmp_path, capsys, arguments, told):
    from pta_ros.cli.bag_to_dataset import main

    (tmp_path / "empty.csv").write_text("start,end,label\n")
    given = [a.format(labels=session.labels, empty=tmp_path / "empty.csv") for a in arguments]
    assert main([str(session.bag), str(tmp_path / "tree"), *given, "--jobs", "1"]) == 1
    said = capsys.readouterr().err
    assert told in said
    assert said.count("\n") == 1
    assert not (tmp_path / "tree").exists()


def test_a_full_disk_is_one_line_and_the_same_call_goes_on(session, make, tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))  # less than a window of radar
    try:
        with pytest.raises(DatasetError, match="run the same command again, which goes on"):
            make(session.bag, session.labels)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert not files(tmp_path / "tree")
    assert make(session.bag, session.labels).report["frames"] >= 11


def test_a_folder_of_others_is_left_alone(session, make, tmp_path):
    shutil.copytree(session.bag, tmp_path / "tree")
    with pytest.raises(DatasetError, match="not empty and not made here"):
        make(session.bag, session.labels)
    assert not list((tmp_path / "tree").glob("Scene*"))
