import random
import subprocess
import sys

import pytest

from pta_ros.bags.bag import Bag, BagWriter, message
from pta_ros.errors import DatasetError

EXPECTED = "expected a rosbag2 folder, or an .mcap or .db3 file"


def refusal(*paths):
    """The one line that opening these paths is refused with."""
    with pytest.raises(DatasetError) as caught, Bag(paths):
        pass
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_a_missing_path_is_named(tmp_path):
    path = tmp_path / "nowhere"
    assert refusal(path) == f"{path}: no such file or folder; {EXPECTED}"


def test_a_missing_path_among_others_is_named(bags, tmp_path):
    good = bags.write(tmp_path / "rec", bags.sequence(2))
    assert refusal(good, tmp_path / "nowhere").startswith(f"{tmp_path / 'nowhere'}: no such")


def test_nothing_is_no_recording():
    assert refusal() == f"no recording given; {EXPECTED}"


def test_a_folder_with_foreign_files_only_is_named(tmp_path):
    (tmp_path / "photo.jpg").write_bytes(b"x")
    (tmp_path / "deeper").mkdir()
    assert refusal(tmp_path) == f"{tmp_path}: no recording in this folder; {EXPECTED}"


def test_metadata_alone_is_no_recording(bags, tmp_path):
    folder = bags.write(tmp_path / "rec", bags.sequence(2))
    bags.content(folder).unlink()
    told = "(rec.mcap is missing, though metadata.yaml names it)"
    assert refusal(folder) == f"{folder}: no recording in this folder {told}; {EXPECTED}"


@pytest.mark.parametrize("name", ["notes.txt", "metadata.yaml"])
def test_a_file_of_another_kind_is_named(tmp_path, name):
    path = tmp_path / name
    path.write_text("hello")
    assert refusal(path) == f"{path}: not a recording; {EXPECTED}"


@pytest.mark.parametrize("name", ["rec.mcap", "rec.db3", "rec.mcap.zstd"])
def test_a_file_that_only_sounds_like_a_recording_is_named(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"hello, world, this is no recording at all")
    assert refusal(path) == f"{path}: begins with b'hello, w'; {EXPECTED}"
    path.write_bytes(b"")
    assert refusal(path) == f"{path}: nothing to read in it; {EXPECTED}"


def test_a_bag_of_ros_1_is_told_apart(tmp_path):
    path = tmp_path / "old.bag"
    path.write_bytes(b"#ROSBAG V2.0\n" + bytes(100))
    assert refusal(path).startswith(f"{path}: a bag of ROS 1; {EXPECTED}")


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_a_bag_without_messages_is_named(tmp_path, storage):
    with BagWriter(tmp_path / "rec", storage) as bag:
        bag.topic("/depth/image", "sensor_msgs/msg/Image")
    assert refusal(tmp_path / "rec").startswith(f"{tmp_path / 'rec'}: no messages in it; expected")


def test_a_temporary_folder_without_room_is_told(bags, tmp_path, monkeypatch):
    folder = bags.write(tmp_path / "rec", bags.sequence(2), "mcap", "file")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    where = f"{folder / 'rec.mcap.zstd'}: cannot be unpacked in {tmp_path / 'gone'}"
    assert refusal(folder) == f"{where}: No such file or directory; expected room for it there"


def test_a_missing_rosbags_is_one_line(tmp_path):
    """Without the extra its dependencies are missing too, and must not be named in its place."""
    code = (
        "import sys; from pta_ros.cli import run_mmfi_to_bag\n"
        "sys.modules.update(dict.fromkeys(('rosbags', 'backports', 'lz4', 'apsw', 'mcap')))\n"
        f"sys.argv[1:] = {[str(tmp_path), 'E01', 'S01', 'A01', str(tmp_path / 'out')]}\n"
        "raise SystemExit(run_mmfi_to_bag())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    expected = "error: rosbags is not installed; in the repository: pip install '.[bag]'\n"
    assert (done.returncode, done.stderr) == (1, expected)


def test_a_corrupt_part_does_not_cost_the_other(bags, tmp_path):
    raws = bags.sequence(20)
    parts = [bags.write(tmp_path / f"rec_{i}", raws[20 * i : 20 * i + 20]) for i in range(2)]
    folder = bags.join(tmp_path / "whole", *parts)
    (folder / "rec_0.mcap").write_bytes(b"something else")
    found, losses = bags.read(folder)
    assert found == raws[20:]
    assert losses == [f"rec_0.mcap: begins with b'somethin'; {EXPECTED}"]


def test_parts_of_the_same_name_are_told_apart(bags, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        bags.mcap(tmp_path / name / "rec.mcap", bags.sequence(3), end=name == "one")
    _, losses = bags.read(tmp_path / "one" / "rec.mcap", tmp_path / "two" / "rec.mcap")
    assert losses == ["two/rec.mcap ends early after 0.2 s: it has no footer"]


def test_a_topic_that_is_not_cdr_is_told(bags, tmp_path):
    path = bags.mcap(tmp_path / "rec.mcap", bags.sequence(3))
    path.write_bytes(path.read_bytes().replace(bags.string("cdr"), bags.string("xml"), 1))
    found, losses = bags.read(path)
    assert {raw.topic for raw in found} == {bags.B}
    assert losses == ["/depth/image is recorded as 'xml'; expected 'cdr'"]


@pytest.mark.parametrize(
    ("storage", "compression"), [("rosbag", ""), ("mcap", "lz4"), ("sqlite3", "zstd")]
)
def test_a_writer_of_an_unknown_kind_is_refused(tmp_path, storage, compression):
    with pytest.raises(DatasetError, match=r"expected \[|use 'file'"):
        BagWriter(tmp_path / "rec", storage, compression)


def test_a_writer_keeps_what_is_there(bags, tmp_path):
    folder = bags.write(tmp_path / "rec", bags.sequence(1))
    with pytest.raises(DatasetError, match="exists already"), BagWriter(folder):
        pass
    assert len(bags.read(folder)[0]) == 2


def test_a_writer_refuses_a_topic_twice_and_two_types_on_one(tmp_path):
    with BagWriter(tmp_path / "rec") as bag:
        bag.topic("/a", "std_msgs/msg/String")
        with pytest.raises(DatasetError, match="/a is added twice"):
            bag.topic("/a", "std_msgs/msg/String")
        with pytest.raises(DatasetError, match="std_msgs/msg/Empty on a topic of std_msgs/msg/Str"):
            bag.write("/a", 1, message("std_msgs/msg/Empty"))
        with pytest.raises(DatasetError, match="no definition of my_msgs/msg/Own"):
            bag.write_raw("/b", "my_msgs/msg/Own", 1, b"")


@pytest.mark.parametrize("both", [True, False])
def test_times_that_a_damage_has_changed_do_not_disturb_the_order(bags, tmp_path, both):
    raws = bags.sequence(20)
    path = bags.mcap(tmp_path / "rec.mcap", raws, chunk=5)
    data = path.read_bytes()
    at = data.index(raws[10].time_ns.to_bytes(8, "little"))  # the third chunk's own begin
    wrong = raws[30].time_ns.to_bytes(8, "little") * (1 + both)
    path.write_bytes(data[:at] + wrong + data[at + len(wrong) :])
    if both:
        told = ["5 messages came out of order and are left out"]
        assert bags.read(path) == (raws[:10] + raws[15:], told)
    else:  # a chunk that ends before it begins is looked into
        assert bags.read(path) == (raws, [])


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_bytes_changed_anywhere_give_a_part_or_one_line(bags, tmp_path, storage):
    raws = bags.sequence(12, size=9000)
    folder = bags.write(tmp_path / "rec", raws, storage)
    path, rng = bags.content(folder), random.Random(3)
    whole = path.read_bytes()
    for _ in range(60):
        data = bytearray(whole)
        for _ in range(rng.choice((1, 8, 64))):
            data[rng.randrange(len(data))] = rng.randrange(256)
        path.write_bytes(data)
        if bags.refusal(path) is None:
            times = [raw.time_ns for raw in bags.read(path)[0]]
            assert times == sorted(times)
