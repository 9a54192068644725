import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pta_ros.bags.bag import Bag, Raw

KINDS = ["mcap", "mcap chunks", "mcap lz4", "mcap zstd", "sqlite3", "sqlite3 file", "mcap message"]
COUNT = 25


class Recordings:
    """The messages, and kind -> (bytes, ending) of a recording of them."""

    def __init__(self, raws, files):
        self.raws = raws
        self.files = files


@pytest.fixture(scope="module")
def recordings(bags, tmp_path_factory):
    folder, raws = tmp_path_factory.mktemp("recordings"), bags.sequence(COUNT, size=9000)
    found = {}
    for kind in KINDS:
        storage, _, compression = kind.partition(" ")
        if compression in ("chunks", "lz4"):
            path = folder / f"{compression}.mcap"
            bags.mcap(path, raws, 12, compression if compression == "lz4" else "")
        else:
            path = bags.content(bags.write(folder / kind, raws, storage, compression))
        found[kind] = (path.read_bytes(), "".join(path.suffixes))
    return Recordings(raws, found)


def cut(tmp_path_factory, data, ending, size):
    path = tmp_path_factory.mktemp("cut") / f"part_0{ending}"
    path.write_bytes(data[:size])
    return path


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25)
@given(share=st.floats(0, 1, exclude_max=True))
def test_what_precedes_a_cut_is_read_and_the_loss_is_told(
    bags, tmp_path_factory, recordings, kind, share
):
    raws, data, ending = recordings.raws, *recordings.files[kind]
    path = cut(tmp_path_factory, data, ending, int(share * len(data)))
    if (refused := bags.refusal(path)) is not None:
        assert str(path) in refused
        assert "\n" not in refused
        assert share < 0.6
        return
    found, losses = bags.read(path)
    assert set(found) <= set(raws)
    assert [raw.time_ns for raw in found] == sorted(raw.time_ns for raw in found)
    if not kind.startswith("sqlite3"):
        assert found == raws[: len(found)]
    if len(found) < len(raws):
        seconds = (found[-1].time_ns - found[0].time_ns) / 1e9
        assert losses[0].startswith(f"part_0{ending} ends early after {seconds:.1f} s: ")


@pytest.mark.parametrize("kind", ["mcap", "mcap chunks", "sqlite3"])
@settings(max_examples=25)
@given(share=st.floats(0.4, 1, exclude_max=True))
def test_every_message_that_is_there_is_read(bags, tmp_path_factory, recordings, kind, share):
    raws, data, ending = recordings.raws, *recordings.files[kind]
    size = int(share * len(data))
    found, _ = bags.read(cut(tmp_path_factory, data, ending, size))
    ends = [data.index(raw.data[-20:]) + 20 for raw in raws if raw.topic == bags.A]
    whole = [raw for raw, end in zip(raws[::2], ends, strict=True) if end <= size]
    images = [raw for raw in found if raw.topic == bags.A]
    # SQLite writes a row's bytes before the page that leads to them, so the last may be lost.
    assert images in ([whole] if kind != "sqlite3" else [whole, whole[:-1]])


def test_the_end_of_a_cut_file_is_where_its_messages_end(bags, tmp_path_factory, recordings):
    raws, data, ending = recordings.raws, *recordings.files["mcap chunks"]
    size = data.index(raws[30].data[-20:])  # in the middle of a chunk and of a message
    with Bag([cut(tmp_path_factory, data, ending, size)]) as bag:
        assert (bag.begin_ns, bag.end_ns) == (raws[0].time_ns, raws[29].time_ns)
        assert bag.topics[bags.A].count + bag.topics[bags.B].count in (30, 6)
        assert bag.losses == ["part_0.mcap ends early after 1.4 s: cut within a chunk"]


RECOVER = "`sqlite3 rec.db3 .recover` may save more"
REFUSED = f"SQLite refuses to go on (database disk image is malformed); {RECOVER}"


@pytest.fixture(scope="module")
def database(bags, tmp_path_factory):
    """The messages and bytes of a database of three levels of pages."""
    raws = [
        Raw(bags.A, "sensor_msgs/msg/Image", bags.T0 + i * bags.STEP, i.to_bytes(450, "big"))
        for i in range(9000)
    ]
    folder = tmp_path_factory.mktemp("database") / "rec"
    return raws, bags.content(bags.write(folder, raws, "sqlite3")).read_bytes()


@pytest.mark.parametrize("share", [0.55, 0.9])
def test_a_cut_database_is_read_until_sqlite_refuses(bags, database, tmp_path, share):
    raws, data = database
    path = tmp_path / "rec.db3"
    path.write_bytes(data[: int(share * len(data))])
    found, losses = bags.read(path)
    assert found == raws[: len(found)]
    # The page that leads to the last of them may lie behind the cut: some 450 pages of eight rows.
    assert len(found) > share * len(raws) - 3600
    assert losses == [f"rec.db3 ends early after {(len(found) - 1) / 10:.1f} s: {REFUSED}"]


def test_a_database_that_sqlite_refuses_at_once_names_the_remedy(bags, database, tmp_path):
    path = tmp_path / "rec.db3"
    path.write_bytes(database[1][: len(database[1]) // 10])  # before the way to any row
    told = f"no messages in it; rec.db3 ends early after 0.0 s: {REFUSED}"
    assert bags.refusal(path) == f"{path}: {told}; expected a recording with messages"
    path.write_bytes(database[1][:5000])
    told = "SQLite refuses to read it (database disk image is malformed)"
    assert bags.refusal(path) == f"{path}: {told}; expected a whole database; {RECOVER}"


def test_a_cut_part_does_not_cost_the_others(bags, tmp_path):
    raws = bags.sequence(30)
    parts = [bags.write(tmp_path / f"rec_{i}", raws[20 * i : 20 * i + 20]) for i in range(3)]
    folder = bags.join(tmp_path / "whole", *parts)
    middle = folder / "rec_1.mcap"
    data = middle.read_bytes()
    middle.write_bytes(data[: data.index(raws[30].data)])
    found, losses = bags.read(folder)
    assert found == raws[:30] + raws[40:]
    assert losses == ["rec_1.mcap ends early after 1.4 s: cut within a chunk"]


@pytest.mark.parametrize("compression", ["", "zstd"])
def test_a_chunk_that_is_damaged_is_left_out(bags, tmp_path, compression):
    raws = bags.sequence(60, size=50_000)
    path = bags.content(bags.write(tmp_path / "rec", raws, "mcap", compression))
    data = bytearray(path.read_bytes())
    if compression:
        magic = b"\x28\xb5\x2f\xfd"
        at = data.index(magic, len(data) // 2)
        data[at : at + 4] = bytes(4)
    else:
        start = data.index(raws[60].data) - 31  # the record's length
        data[start + 1 : start + 9] = b"\xff" * 8
    path.write_bytes(data)
    found, losses = bags.read(path)
    assert len(losses) == 1
    assert losses[0].startswith("rec.mcap is damaged after ")
    missing = [raw for raw in raws if raw not in found]
    assert 0 < len(missing) <= 42  # of a chunk of 1 MiB
    first = raws.index(missing[0])
    assert missing == raws[first : first + len(missing)]
    assert found == [raw for raw in raws if raw not in missing]


def test_a_chunk_that_does_not_match_its_checksum_is_left_out(bags, tmp_path):
    raws = bags.sequence(20)
    path = bags.mcap(tmp_path / "rec.mcap", raws, chunk=10, checksum=True)
    assert bags.read(path) == (raws, [])
    data = bytearray(path.read_bytes())
    data[data.index(raws[10].data) + 1000] ^= 1
    path.write_bytes(data)
    told = "a chunk does not match its checksum; up to 0.4 s of messages are left out"
    assert bags.read(path) == (raws[:10] + raws[20:], [f"rec.mcap is damaged after 0.5 s: {told}"])


def test_a_database_with_a_damaged_page_gives_what_precedes_it(bags, tmp_path):
    raws = bags.sequence(60)
    path = bags.content(bags.write(tmp_path / "rec", raws, "sqlite3"))
    data = bytearray(path.read_bytes())
    at = data.index(raws[60].data[-20:]) // 4096 * 4096
    data[at : at + 4096] = bytes(4096)
    path.write_bytes(data)
    found, losses = bags.read(path)
    assert found == raws[: len(found)]
    assert 55 < len(found) <= 60
    assert losses == [f"rec.db3 ends early after {len(found[::2]) / 10 - 0.1:.1f} s: {REFUSED}"]


def test_a_damaged_compressed_file_is_unpacked_up_to_it(bags, tmp_path):
    raws = bags.sequence(200, size=9000)
    path = bags.content(bags.write(tmp_path / "rec", raws, "mcap", "file"))
    data = bytearray(path.read_bytes())
    at = len(data) // 2
    data[at : at + 300_000] = b"\xff" * 300_000
    path.write_bytes(data)
    found, losses = bags.read(path)
    assert found == raws[: len(found)]
    assert len(found) > 100
    assert losses[0].startswith("rec.mcap.zstd: cannot be decompressed further: ")
    assert losses[1].startswith("rec.mcap.zstd ends early after ")
