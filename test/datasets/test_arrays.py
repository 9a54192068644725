import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pta_ros.datasets.arrays import array_writer, copy_on_write, read_arrays, read_or_make
from pta_ros.errors import DatasetError

LAYOUT = {"values": ("<f4", (5, 3)), "flags": ("|b1", (5,)), "names": ("<U3", (5,))}
CONTENT = {
    "values": np.arange(15, dtype="<f4").reshape(5, 3),
    "flags": np.array([True, False, True, True, False]),
    "names": np.array(["S01", "S02", "A", "", "xyz"], "<U3"),
}


def write(folder):
    with array_writer(folder, LAYOUT) as append:
        for rows in (slice(0, 2), slice(2, 5)):
            for name, array in CONTENT.items():
                append(name, array[rows])


def read(folder):
    return read_arrays(folder, LAYOUT)


def make(folder):
    return read_or_make(folder, LAYOUT, read, write)


def test_rows_written_in_parts_are_the_file_that_numpy_reads(tmp_path):
    write(tmp_path)
    for name, expected in CONTENT.items():
        found = np.load(tmp_path / f"{name}.npy", allow_pickle=False)
        assert found.dtype == expected.dtype
        assert np.array_equal(found, expected)
        assert np.array_equal(read(tmp_path)[name], expected)


def test_an_array_without_rows_is_read_back(tmp_path):
    layout = {"none": ("<f4", (0, 3))}
    with array_writer(tmp_path, layout) as append:
        append("none", np.zeros((0, 3), "<f4"))
    array = read_arrays(tmp_path, layout)["none"]
    assert array.shape == copy_on_write(array).shape == (0, 3)


def test_rows_that_were_forgotten_are_an_error(tmp_path):
    told = pytest.raises(ValueError, match="values: 152 bytes written of 188")
    with told, array_writer(tmp_path, LAYOUT) as append:
        append("values", CONTENT["values"][:2])


def truncate(path):
    os.truncate(path, path.stat().st_size - 1)


def lengthen(path):
    path.write_bytes(path.read_bytes() + b"\0")


def break_header(path):
    path.write_bytes(b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'shape': (5" + b" " * 160)


DAMAGE = {
    "truncated": truncate,
    "too long": lengthen,
    "empty": lambda path: path.write_bytes(b""),
    "gone": Path.unlink,
    "header": break_header,
    "shape": lambda path: np.save(path, CONTENT["values"].T),
    "dtype": lambda path: np.save(path, CONTENT["values"].astype("<i4")),
    "order": lambda path: np.save(path, np.asfortranarray(CONTENT["values"])),
    "pickle": lambda path: np.save(path, np.array([{}], object), allow_pickle=True),
    "archive": lambda path: path.write_bytes(b"PK\x03\x04 and no more"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_array_is_noticed_told_and_made_again(tmp_path, caplog, damage):
    make(tmp_path / "cache")
    assert not caplog.messages
    DAMAGE[damage](tmp_path / "cache/values.npy")
    assert np.array_equal(make(tmp_path / "cache")["values"], CONTENT["values"])
    assert len(caplog.messages) == 1
    assert "cache/values.npy" in caplog.messages[0]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cache", "cache.lock"]


def test_what_is_there_is_not_made_again(tmp_path):
    make(tmp_path / "cache")
    read_or_make(tmp_path / "cache", LAYOUT, read, lambda folder: pytest.fail("made again"))


def test_the_remains_of_a_killed_process_are_replaced(tmp_path):
    (tmp_path / "cache.part").mkdir()
    (tmp_path / "cache.part/values.npy").write_bytes(b"half")
    (tmp_path / "cache.part/other.npy").write_bytes(b"half")
    make(tmp_path / "cache")
    assert sorted(p.stem for p in (tmp_path / "cache").iterdir()) == sorted(LAYOUT)
    assert not (tmp_path / "cache.part").exists()


def test_a_failure_leaves_no_part_behind(tmp_path):
    def fail(folder):
        with array_writer(folder, LAYOUT) as append:
            append("values", CONTENT["values"])
            raise DatasetError("a corrupt source")

    with pytest.raises(DatasetError, match="a corrupt source"):
        read_or_make(tmp_path / "cache", LAYOUT, read, fail)
    assert [p.name for p in tmp_path.iterdir()] == ["cache.lock"]


RACE = """
import sys, time
from pathlib import Path
import test_arrays as t
me, folder = sys.argv[1], Path(sys.argv[2])
def write(part):
    with (folder / "log").open("a") as log:
        log.write(me)
    time.sleep(0.5)
    t.write(part)
(folder / f"ready{me}").touch()
while len(list(folder.glob("ready*"))) < 3:
    time.sleep(0.01)
found = t.read_or_make(folder / "cache", t.LAYOUT, t.read, write)
assert all(t.np.array_equal(found[name], t.CONTENT[name]) for name in t.LAYOUT)
"""


def test_of_processes_that_want_the_same_one_makes_it_and_the_others_wait(tmp_path):
    here = {
        **os.environ,
        "PYTHONPATH": f"{Path(__file__).parent}:{os.environ.get('PYTHONPATH', '')}",
    }
    command = [sys.executable, "-c", RACE]
    racers = [subprocess.Popen([*command, str(i), str(tmp_path)], env=here) for i in range(3)]
    assert [racer.wait() for racer in racers] == [0, 0, 0]
    assert len((tmp_path / "log").read_text()) == 1


def test_a_copy_on_write_map_takes_writes_and_the_file_does_not(tmp_path):
    write(tmp_path)
    array = copy_on_write(read(tmp_path)["values"])
    assert np.array_equal(array, CONTENT["values"])
    array[:] = -1
    assert np.array_equal(read(tmp_path)["values"], CONTENT["values"])


def test_an_array_larger_than_the_memory_is_mapped(tmp_path):
    if Path("/proc/sys/vm/overcommit_memory").read_text().strip() == "2":
        pytest.skip("this machine grants no address space beyond its memory")
    sizes = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    memory = 1024 * sum(int(sizes[k].split()[0]) for k in ("MemTotal", "SwapTotal"))
    path, rows = tmp_path / "large.npy", memory // 512
    with path.open("wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (rows, 256)}
        np.lib.format.write_array_header_1_0(file, header)
        end = file.tell() + rows * 1024
        file.truncate(end)  # sparse: it takes no room on the disk
        file.seek(end - 4)
        file.write(np.float32(7).tobytes())
    array = copy_on_write(read_arrays(tmp_path, {"large": ("<f4", (rows, 256))})["large"])
    assert array[-1, -2:].tolist() == [0, 7]
