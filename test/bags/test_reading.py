import random
import sqlite3

import pytest

from pta_ros.bags.bag import Bag, Topic
from pta_ros.bags.mcap_file import McapRemains
from pta_ros.bags.part import Db3Remains

KINDS = [
    ("mcap", ""),
    ("mcap", "zstd"),
    ("mcap", "file"),
    ("mcap", "message"),
    ("sqlite3", ""),
    ("sqlite3", "file"),
    ("sqlite3", "message"),
]


@pytest.mark.parametrize(("storage", "compression"), KINDS)
def test_what_is_written_is_read(bags, tmp_path, storage, compression):
    raws = bags.sequence(12)
    folder = bags.write(tmp_path / "rec", raws, storage, compression)
    for path in (folder, bags.content(folder)):
        assert bags.read(path) == (raws, [])
    with Bag([folder]) as bag:
        assert bag.topics == {
            bags.A: Topic(bags.A, "sensor_msgs/msg/Image", 12, "reliable", "volatile"),
            bags.B: Topic(bags.B, "pta_msgs/msg/CsiFrame", 12, "reliable", "volatile"),
        }
        assert (bag.begin_ns, bag.end_ns) == (raws[0].time_ns, raws[-1].time_ns)
        assert bag.decode(raws[-1]).amplitude.tolist() == [11] * 9


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_only_the_topics_asked_for_are_read(bags, tmp_path, storage):
    raws = bags.sequence(5)
    folder = bags.write(tmp_path / "rec", raws, storage)
    assert bags.read(folder, topics=[bags.B]) == ([r for r in raws if r.topic == bags.B], [])
    assert bags.read(folder, topics=["/nothing"]) == ([], [])
    assert bags.read(folder, topics=[]) == ([], [])


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_messages_come_in_order_of_time_though_not_recorded_so(bags, tmp_path, storage):
    raws = bags.sequence(30, size=100_000)  # several chunks
    shuffled = random.Random(0).sample(raws, len(raws))
    assert bags.read(bags.write(tmp_path / "rec", shuffled, storage)) == (raws, [])


@pytest.mark.parametrize("chunk", [0, 7])
def test_a_file_without_index_is_read_in_order(bags, tmp_path, chunk):
    raws = bags.sequence(30, size=100_000)
    late = raws[:20] + raws[24:44] + raws[20:24] + raws[44:]
    path = bags.mcap(tmp_path / "rec.mcap", late, chunk)
    assert bags.read(path) == (raws, [])


@pytest.mark.parametrize("compression", ["", "lz4"])
def test_chunks_of_other_recorders_are_read(bags, tmp_path, compression):
    raws = bags.sequence(20)
    path = bags.mcap(tmp_path / "rec.mcap", raws, 8, compression)
    with Bag([path]) as bag:
        assert list(bag.messages([bags.A, bags.B])) == raws
        assert bag.topics[bags.A].type == "sensor_msgs/msg/Image"


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_what_is_salvaged_of_a_whole_file_is_all_of_it(bags, tmp_path, storage):
    raws = bags.sequence(30, size=60_000)
    shuffled = random.Random(1).sample(raws, len(raws))
    path = bags.content(bags.write(tmp_path / "rec", shuffled, storage))
    remains = {"mcap": McapRemains, "sqlite3": Db3Remains}[storage](path)
    assert list(remains.messages([bags.A, bags.B])) == raws
    later = list(remains.messages([bags.B], raws[21].time_ns))
    assert later == [r for r in raws[21:] if r.topic == bags.B]
    assert (remains.begin_ns, remains.end_ns) == (raws[0].time_ns, raws[-1].time_ns)
    assert remains.count == len(raws)
    assert remains.damages == []
    assert {channel.topic.count for channel in remains.channels} == {30}
    remains.close()


def test_a_topic_that_appears_late_is_found(bags, tmp_path):
    raws = [r for r in bags.sequence(30, size=100_000) if r.topic == bags.A]
    late = [r for r in bags.sequence(2, first=40) if r.topic == bags.B]
    folder = bags.write(tmp_path / "rec", raws + late)
    file = bags.content(folder)
    assert bags.read(folder) == (raws + late, [])
    whole = file.read_bytes()
    file.write_bytes(whole[: whole.rindex(b"\x0f" + bytes([4] + [0] * 7)) + 4])  # no summary
    found, losses = bags.read(folder)
    assert found == raws + late
    assert len(losses) == 1


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_the_parts_of_a_split_recording_are_one(bags, tmp_path, storage):
    raws = bags.sequence(30)
    parts = [
        bags.write(tmp_path / f"rec_{i}", raws[20 * i : 20 * i + 20], storage) for i in range(3)
    ]
    for paths in (parts, parts[::-1], [*parts, parts[0]], [bags.content(p) for p in parts]):
        assert bags.read(*paths) == (raws, [])
    assert bags.read(bags.join(tmp_path / "whole", *parts)) == (raws, [])


def test_overlapping_parts_are_merged(bags, tmp_path):
    raws = bags.sequence(30)
    one = bags.write(tmp_path / "one", raws[::2])
    two = bags.write(tmp_path / "two", raws[1::2], "sqlite3", "file")
    with Bag([one, two]) as bag:
        assert list(bag.messages([bags.A, bags.B])) == raws
        assert (bag.begin_ns, bag.end_ns) == (raws[0].time_ns, raws[-1].time_ns)
        assert bag.topics[bags.A].count == 30


def test_messages_of_the_same_time_keep_the_order_of_the_parts(bags, tmp_path):
    raws = [r for r in bags.sequence(6) if r.topic == bags.A]
    same = [type(r)(r.topic, r.type, bags.T0, r.data) for r in raws]
    parts = [bags.write(tmp_path / f"p{i}", same[2 * i : 2 * i + 2]) for i in range(3)]
    assert bags.read(*parts) == (same, [])


def test_metadata_is_not_needed(bags, tmp_path):
    raws = bags.sequence(20)
    parts = [bags.write(tmp_path / f"rec_{i}", raws[20 * i : 20 * i + 20]) for i in range(2)]
    folder = bags.join(tmp_path / "whole", *parts)
    (folder / "metadata.yaml").write_text("rosbag2_bagfile_information: [")
    found, losses = bags.read(folder)
    assert found == raws
    assert len(losses) == 1
    assert losses[0].startswith("metadata.yaml cannot be read (ParserError")
    (folder / "metadata.yaml").unlink()
    (folder / "notes.txt").write_text("mine")
    assert bags.read(folder) == (raws, [])


def test_a_part_that_is_missing_or_not_named_is_told(bags, tmp_path):
    raws = bags.sequence(20)
    parts = [bags.write(tmp_path / f"rec_{i}", raws[20 * i : 20 * i + 20]) for i in range(2)]
    folder = bags.join(tmp_path / "whole", *parts)
    (folder / "rec_1.mcap").rename(folder / "other.mcap")
    assert bags.read(folder) == (
        raws[:20],
        [
            "rec_1.mcap is missing, though metadata.yaml names it",
            "other.mcap is left out, as metadata.yaml does not name it",
        ],
    )


def test_changes_that_sqlite_has_not_merged_yet_are_read(bags, tmp_path):
    raws = bags.sequence(10)
    file = bags.content(bags.write(tmp_path / "rec", raws[:10], "sqlite3"))
    recorder = sqlite3.connect(file)
    recorder.execute("PRAGMA journal_mode=WAL")
    ids = dict(recorder.execute("SELECT name, id FROM topics"))
    rows = [(ids[r.topic], r.time_ns, r.data) for r in raws[10:]]
    recorder.executemany("INSERT INTO messages (topic_id, timestamp, data) VALUES (?, ?, ?)", rows)
    recorder.commit()
    before = {path.name: path.read_bytes() for path in file.parent.iterdir()}
    assert bags.read(file.parent) == (raws, [])
    assert {path.name: path.read_bytes() for path in file.parent.iterdir()} == before
    recorder.close()


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_another_process_reads_what_was_unpacked_here(bags, tmp_path, storage, monkeypatch):
    raws = bags.sequence(10)
    folder, room = bags.write(tmp_path / "rec", raws, storage, "file"), tmp_path / "room"
    room.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(room))
    with Bag([folder]) as bag:
        (unpacked,) = room.iterdir()
        with bag.again() as again:
            assert list(again.messages(list(again.topics))) == raws
            assert list(room.iterdir()) == [unpacked]
        assert list(bag.messages(list(bag.topics))) == raws
    assert not list(room.iterdir())
    with bag:  # and it is unpacked anew
        assert list(bag.messages(list(bag.topics))) == raws
