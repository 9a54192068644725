"""Files of torch.save as they are read: whole, damaged, and made to mislead their reader."""

import io
import pickle
import zipfile
from collections import OrderedDict

import pytest
import torch
from torch import nn

from pta_ros.errors import CheckpointError
from pta_ros.imported.archive import read_state

FORMATS = {"zip": True, "old": False}


def written(path, value, new):
    torch.save(value, path, _use_new_zipfile_serialization=new)
    return path


def archive(path, pickled, values=b""):
    with zipfile.ZipFile(path, "w") as out:
        out.writestr("a/data.pkl", pickled)
        out.writestr("a/data/0", values)
    return path


@pytest.mark.parametrize(
    "name", [("builtins", "eval"), ("builtins", "getattr"), ("torch", "load"), ("torch.nn", "x.y")]
)
def test_every_other_name_is_refused_by_name(tmp_path, name):
    code = b"\x80\x02c" + "\n".join(name).encode() + b"\n."
    with pytest.raises(CheckpointError, match=r"\.".join(name)):
        read_state(archive(tmp_path / "a.pt", code))


class Tensors(pickle.Pickler):
    """Writes one tensor of the zip format with sizes of our choice."""

    def __init__(self, file, count):
        super().__init__(file, 2)
        self.count = count

    def persistent_id(self, value):
        if isinstance(value, bytes):
            return ("storage", torch.FloatStorage, "0", "cpu", self.count)
        return None


class Lie:
    def __init__(self, *sizes):
        self.sizes = sizes

    def __reduce__(self):
        from torch._utils import _rebuild_tensor_v2

        return _rebuild_tensor_v2, (b"", *self.sizes, False, OrderedDict())


@pytest.mark.parametrize(
    ("sizes", "count", "words"),
    [
        ((0, (5,), (1,)), 4, "of 5 values, of 4 that are stored"),
        ((2, (3,), (1,)), 4, "of 5 values, of 4"),
        ((0, (2,), (-1,)), 4, r"stride \(-1,\)"),
        ((0, (2,), (1,)), 400, "16 bytes stored of 400 values"),
        ((0, (2**40,), (0,)), 4, "of 1099511627776 values, of 4"),
        ((0, (2**70,), (0,)), 4, "of size"),
        ((0, (0, 2**70), (1, 1)), 4, "of size"),
        ((0, (2,), (1,)), 2**40, "16 bytes stored of 1099511627776 values"),
    ],
)
def test_sizes_that_lie_are_refused(tmp_path, sizes, count, words):
    data = io.BytesIO()
    Tensors(data, count).dump({"x": Lie(*sizes)})
    with pytest.raises(CheckpointError, match=words):
        read_state(archive(tmp_path / "a.pt", data.getvalue(), bytes(16)))


@pytest.mark.parametrize("new", FORMATS.values(), ids=FORMATS)
def test_damaged_files_are_named(tmp_path, new):
    whole = written(tmp_path / "a.pt", {"a": torch.rand(60, 60)}, new).read_bytes()
    for length in (0, 1, 30, len(whole) // 2, len(whole) - 9):
        (tmp_path / "cut.pt").write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match=r"cut\.pt"):
            read_state(tmp_path / "cut.pt")


def test_values_arrive_unchanged_views_included(tmp_path):
    whole = torch.arange(12.0).reshape(3, 4)
    state = {"t": whole.T, "part": whole[1:, ::2], "half": whole.half(), "n": torch.tensor(3)}
    for new in FORMATS.values():
        found = read_state(written(tmp_path / "a.pt", state, new))
        assert all(found[n].equal(t) and found[n].dtype == t.dtype for n, t in state.items())


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (b"Np999999999\n.", "PUT of place 999999999 in 15 bytes"),  # would fill 15 GB
        (b"Nr\xff\xff\xff\x3f.", "LONG_BINPUT of place"),
        (b"B\xff\xff\xff\x7fab.", "expected 2147483647 bytes"),
        (b"\x8c\x02o\n\x8c\x01x\x93.", r"'o\\n\.x'"),
    ],
)
def test_a_pickle_that_wants_memory_or_lines_gets_one_line(tmp_path, code, words):
    with pytest.raises(CheckpointError, match=words) as caught:
        read_state(archive(tmp_path / "a.pt", b"\x80\x02" + code))
    assert "\n" not in str(caught.value)


def test_modules_that_hold_each_other_end(tmp_path):
    """Twenty levels of ten times the same module would be 10**20 modules."""
    inner = nn.Linear(1, 1)
    for _ in range(20):
        outer = nn.Module()
        for name in range(10):
            outer.add_module(f"m{name}", inner)
        outer.__class__ = nn.Sequential
        inner = outer
    with pytest.raises(CheckpointError, match="without end"):
        read_state(written(tmp_path / "a.pt", inner, True))


def test_an_old_file_whose_list_of_values_is_none_is_refused(tmp_path):
    data = io.BytesIO()
    for value in (0x1950A86A20F9469CFC6C, 1001, {}):
        pickle.dump(value, data, 2)
    Tensors(data, 4).dump({"x": Lie(0, (2,), (1,))})
    pickle.dump([["0"]], data, 2)
    (tmp_path / "a.pt").write_bytes(data.getvalue())
    with pytest.raises(CheckpointError, match="values of other tensors"):
        read_state(tmp_path / "a.pt")


def test_values_are_read_once_however_many_tensors_refer_to_them(tmp_path):
    whole = torch.arange(1000.0)
    state = {f"t{i}": whole[i:] for i in range(50)}
    found = read_state(written(tmp_path / "a.pt", state, True))
    assert len({t.untyped_storage().data_ptr() for t in found.values()}) == 1
