import sqlite3
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pta_ros.bags.bag import Bag, BagWriter, Raw, header, message
from pta_ros.bags.types import known_types
from pta_ros.errors import DatasetError, DecodeError
from pta_ros.home import shipped

#: As CsiFrame, with another order and a field more.
OTHER_CSI = """std_msgs/Header header
float32[] amplitude
uint16 antennas
string vendor
================================================================================
MSG: std_msgs/Header
builtin_interfaces/Time stamp
string frame_id
================================================================================
MSG: builtin_interfaces/Time
int32 sec
uint32 nanosec
"""


def other_csi(amplitude, antennas, vendor):
    """The bytes of one message by that definition."""
    parts = [b"\x00\x01\x00\x00", bytes(12), b"\0" * 4, np.uint32(len(amplitude)).tobytes()]
    parts[2] = np.uint32(1).tobytes() + b"\0" + bytes(3)  # frame_id ""
    parts += [np.float32(amplitude).tobytes(), np.uint16(antennas).tobytes(), bytes(2)]
    parts += [np.uint32(len(vendor) + 1).tobytes(), vendor.encode() + b"\0"]
    parts[1] = bytes(8)
    return b"".join(parts)


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
@pytest.mark.parametrize("kept", [1.0, 0.98])
def test_a_definition_in_the_bag_wins_over_ours(bags, tmp_path, storage, kept):
    csi_type = "pta_msgs/msg/CsiFrame"
    with BagWriter(tmp_path / "rec", storage) as bag:
        bag.topic("/wifi/csi", csi_type, definition=OTHER_CSI)
        for i in range(200):
            bag.write_raw("/wifi/csi", csi_type, bags.T0 + i, other_csi([1, 2, i], 3, "acme"))
    path = bags.content(tmp_path / "rec")
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    with Bag([path]) as bag:
        msg = bag.decode(next(bag.messages(["/wifi/csi"])))
    assert (msg.antennas, msg.vendor, msg.amplitude.tolist()) == (3, "acme", [1, 2, 0])


def test_types_without_definitions_are_taken_from_ours(bags, tmp_path):
    raws = bags.sequence(3)
    path = bags.mcap(tmp_path / "rec.mcap", raws, schemas=False)
    with Bag([path]) as bag:
        found = [bag.decode(raw) for raw in bag.messages([bags.A, bags.B])]
    assert found[0].data.size == 2000
    assert found[1].amplitude.tolist() == [0] * 9


def test_a_database_of_an_old_recorder_has_no_definitions(bags, tmp_path):
    raws = bags.sequence(3)
    file = bags.content(bags.write(tmp_path / "rec", raws, "sqlite3"))
    with sqlite3.connect(file) as database:
        for table in ("schema", "metadata", "message_definitions"):
            database.execute(f"DROP TABLE {table}")
        for column in ("offered_qos_profiles", "type_description_hash"):
            database.execute(f"ALTER TABLE topics DROP COLUMN {column}")
    database.close()
    with Bag([file]) as bag:
        assert [raw.data for raw in bag.messages([bags.A, bags.B])] == [raw.data for raw in raws]
        assert bag.decode(raws[1]).amplitude.size == 9
        assert bag.topics[bags.A].reliability == ""
        assert bag.losses == []


def test_a_definition_that_cannot_be_read_gives_way_to_ours(bags, tmp_path):
    with BagWriter(tmp_path / "rec") as bag:
        bag.topic("/depth/image", "sensor_msgs/msg/Image", definition="uint8 [[ nonsense")
        bag.write("/depth/image", bags.T0, bags.image(7))
    with Bag([tmp_path / "rec"]) as bag:
        (raw,) = bag.messages(["/depth/image"])
        assert bag.decode(raw).data.size == 2000
        (loss,) = bag.losses
    assert loss.startswith("the bag's definition of sensor_msgs/msg/Image cannot be read (")


def test_an_unknown_type_is_recorded_and_cannot_be_decoded(bags, tmp_path):
    with BagWriter(tmp_path / "rec") as bag:
        bag.topic("/own", "my_msgs/msg/Own", definition="")
        bag.write_raw("/own", "my_msgs/msg/Own", bags.T0, b"\0\1\0\0\5")
    with Bag([tmp_path / "rec"]) as bag:
        (raw,) = bag.messages(["/own"])
        with pytest.raises(DecodeError, match="/own: no definition of my_msgs/msg/Own; expected"):
            bag.decode(raw)


@pytest.fixture(scope="module")
def opened(bags, tmp_path_factory):
    raws = bags.sequence(2, size=64)
    with Bag([bags.write(tmp_path_factory.mktemp("types") / "rec", raws)]) as bag:
        yield bag, raws


@given(data=st.data())
def test_a_message_that_is_cut_is_a_decode_error(opened, data):
    bag, raws = opened
    raw = raws[data.draw(st.integers(0, 3))]
    size = data.draw(st.integers(0, len(raw.data) - 4))
    with pytest.raises(DecodeError, match=f"^{raw.topic}: {size} bytes cannot be decoded"):
        bag.decode(Raw(raw.topic, raw.type, raw.time_ns, raw.data[:size]))


@given(data=st.data())
def test_changed_bytes_decode_or_are_a_decode_error(opened, data):
    bag, raws = opened
    raw = raws[data.draw(st.integers(0, 3))]
    changed = bytearray(raw.data)
    for at in data.draw(st.lists(st.integers(0, len(changed) - 1), max_size=5)):
        changed[at] = data.draw(st.integers(0, 255))
    assert outcome(bag, raw, bytes(changed)) in (raw.type, raw.topic)


@given(data=st.binary(max_size=200))
def test_any_bytes_decode_or_are_a_decode_error(opened, data):
    bag, raws = opened
    for raw in raws[:2]:
        assert outcome(bag, raw, data) in (raw.type, raw.topic)


def outcome(bag, raw, data):
    """The type of the message that the bytes are, or the topic that the error names."""
    try:
        return bag.decode(Raw(raw.topic, raw.type, raw.time_ns, data)).__msgtype__
    except DecodeError as error:
        return error.source


def test_a_compressed_message_that_is_damaged_is_a_decode_error(bags, tmp_path):
    raws = bags.sequence(2)
    path = bags.content(bags.write(tmp_path / "rec", raws, "mcap", "message"))
    data = bytearray(path.read_bytes())
    at = data.index(b"\x28\xb5\x2f\xfd")
    data[at + 4 : at + 12] = b"\xff" * 8
    path.write_bytes(data)
    with Bag([path]) as bag:
        first, *rest = bag.messages([bags.A, bags.B])
        assert rest == raws[1:]
        with pytest.raises(DecodeError, match=r"^/depth/image: .* cannot be decoded"):
            bag.decode(first)


def test_every_message_of_ours_is_known():
    names = {f"pta_msgs/msg/{path.stem}" for path in shipped("pta_msgs/msg").glob("*.msg")}
    assert len(names) >= 4
    assert names <= known_types().types.keys()


@pytest.mark.parametrize("name", ["pta_msgs/msg/Skeleton", "sensor_msgs/msg/CameraInfo"])
def test_a_message_without_fields_given_is_empty(name):
    msg = message(name)
    data = known_types().serialize_cdr(msg, name)
    assert known_types().deserialize_cdr(data, name).header.stamp.sec == 0


def test_fields_are_taken_and_numbers_in_a_row_become_arrays():
    msg = message("sensor_msgs/msg/CameraInfo", header=header(1_500_000_000, "cam"), k=range(9))
    assert (msg.header.stamp.sec, msg.header.stamp.nanosec) == (1, 500_000_000)
    assert msg.k.dtype == np.float64
    assert msg.header.frame_id == "cam"


def test_a_wrong_message_or_field_is_named():
    with pytest.raises(DatasetError, match="my_msgs/msg/Own: no such message"):
        message("my_msgs/msg/Own")
    with pytest.raises(DatasetError, match=r"no field \['colour'\]; expected some of \['header'"):
        message("sensor_msgs/msg/Image", colour=3)


@pytest.mark.parametrize("whole", [True, False])
def test_reading_takes_no_more_memory_for_a_longer_bag(bags, tmp_path, whole):
    raws = bags.sequence(64, size=500_000)
    path = bags.content(bags.write(tmp_path / "rec", raws))  # 32 MB in chunks of 1 MB
    if not whole:
        path.write_bytes(path.read_bytes()[:-1])
    del raws
    tracemalloc.start()
    with Bag([path]) as bag:
        count = sum(1 for _ in bag.messages([bags.A, bags.B]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 128
    assert peak < 12e6
