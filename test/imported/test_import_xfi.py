"""import_xfi: both of torch's formats, state dicts and whole modules, and files that mean harm."""

import io
import json
import os
import pickle
import subprocess
import sys
import zipfile
from collections import OrderedDict

import pytest
import torch
from torch import nn

from pta_ros.cli import import_xfi
from pta_ros.errors import CheckpointError
from pta_ros.imported.archive import read_state
from pta_ros.imported.xfi import load_encoder
from pta_ros.model.encoders import make_encoder

FORMATS = {"zip": True, "old": False}


class posenet(nn.Module):
    """Stands for the published CSI network: the encoder's children, and a head."""

    def __init__(self, encoder):
        super().__init__()
        for name, child in encoder.named_children():
            self.add_module(name, child)
        self.decode = nn.Sequential(nn.Conv2d(512, 32, 3, bias=False), nn.BatchNorm2d(32))
        self.bn1, self.bn2, self.rl = nn.BatchNorm2d(3), nn.BatchNorm2d(512), nn.ReLU(inplace=True)


def published(modality, **more):
    """An encoder with random weights, and its state dict with the tensors of a head."""
    torch.manual_seed(1)
    encoder = make_encoder("xfi", modality, 512)
    return encoder, OrderedDict({**encoder.state_dict(), **more})


def written(path, value, new):
    torch.save(value, path, _use_new_zipfile_serialization=new)
    return path


@pytest.mark.parametrize("new", FORMATS.values(), ids=FORMATS)
def test_a_state_dict_becomes_the_encoder_it_is_of(tmp_path, new, capsys):
    head = {"fc.weight": torch.zeros(55, 512), "fc.bias": torch.zeros(55)}
    encoder, state = published("rfid", **head)
    source = written(tmp_path / "rfid_ResNet18.pt", state, new)
    assert import_xfi.main([str(source), str(tmp_path / "out")]) == 0
    assert "rfid from rfid_ResNet18.pt" in capsys.readouterr().out
    loaded = load_encoder(tmp_path / "out", "rfid")
    assert all(t.equal(loaded.state_dict()[n]) for n, t in encoder.state_dict().items())
    about = json.loads((tmp_path / "out/rfid/config.json").read_text())
    assert about["provenance"]["unused"] == ["fc.bias", "fc.weight"]


@pytest.mark.parametrize("new", FORMATS.values(), ids=FORMATS)
def test_a_whole_module_becomes_a_state_dict_without_its_code(tmp_path, new):
    encoder, _ = published("csi")
    plain = {n: t.clone() for n, t in encoder.state_dict().items()}
    for name, child in list(encoder.named_children()):
        if name.startswith("encoder_layer"):
            setattr(encoder, name, nn.Sequential(*map(as_published, child)))
    source = written(tmp_path / "protocol3_random_1.pkl", posenet(encoder), new)
    assert import_xfi.main([str(source), str(tmp_path / "out")]) == 0
    loaded = load_encoder(tmp_path / "out", "csi").state_dict()
    assert all(t.equal(loaded[n]) for n, t in plain.items())


def as_published(block):
    """A block as a module of torchvision's class name."""
    return BasicBlock(dict(block.named_children()))


class BasicBlock(nn.Module):
    """Stands for torchvision's."""

    def __init__(self, children):
        super().__init__()
        for name, child in children.items():
            self.add_module(name, child)


def test_a_folder_of_files_is_converted_at_once(tmp_path):
    for modality in ("rfid", "wifi"):
        written(tmp_path / f"{modality}.pt", published(modality)[1], True)
    assert import_xfi.main([str(tmp_path), str(tmp_path / "out")]) == 0
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["rfid", "wifi"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.pop("conv1.weight"), "nearest is rfid, but conv1.weight is missing"),
        (lambda s: s.update(extra=torch.zeros(1)), "extra is not of it"),
        (lambda s: s.update({"bn1.weight": torch.zeros(3)}), r"bn1.weight is \(3,\)"),
        (lambda s: s.update(note="text"), "'note' is a str"),
    ],
)
def test_another_network_is_refused(tmp_path, change, words):
    from pta_ros.imported.xfi import import_file

    _, state = published("rfid")
    change(state)
    with pytest.raises(CheckpointError, match=words):
        import_file(written(tmp_path / "a.pt", state, True), tmp_path / "out")
    assert not (tmp_path / "out").exists()


class Harm:
    """What a pickle can do: call anything while it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("new", FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize("place", ["alone", "beside the tensors"])
def test_a_malicious_file_is_one_line_and_nothing_happens(tmp_path, new, place):
    mark = tmp_path / "harmed"
    state = published("rfid")[1]
    state["fc.bias"] = Harm(mark)
    source = written(tmp_path / "evil.pt", Harm(mark) if place == "alone" else state, new)
    with source.open("rb") as file:  # the file is dangerous: torch's own loader would run it
        torch.load(file, weights_only=False)
    assert mark.exists()
    mark.unlink()
    command = [sys.executable, "-m", "pta_ros.cli.import_xfi", str(source), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "posix.system" in done.stderr
    assert not mark.exists()
    assert not (tmp_path / "out").exists()


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
    ],
)
def test_sizes_that_lie_are_refused(tmp_path, sizes, count, words):
    data = io.BytesIO()
    Tensors(data, count).dump({"x": Lie(*sizes)})
    with pytest.raises(CheckpointError, match=words):
        read_state(archive(tmp_path / "a.pt", data.getvalue(), bytes(16)))


@pytest.mark.parametrize("new", FORMATS.values(), ids=FORMATS)
def test_damaged_files_are_named(tmp_path, new):
    whole = written(tmp_path / "a.pt", published("rfid")[1], new).read_bytes()
    for length in (0, 1, 30, len(whole) // 2, len(whole) - 9):
        (tmp_path / "cut.pt").write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match=r"cut\.pt"):
            read_state(tmp_path / "cut.pt")


def test_only_an_imported_encoder_is_loaded(tmp_path):
    with pytest.raises(CheckpointError, match="import_xfi FILES"):
        load_encoder(tmp_path, "depth")
    (tmp_path / "depth").mkdir()
    (tmp_path / "depth/config.json").write_text('{"format": 1, "encoder": {"family": "lite"}}')
    with pytest.raises(CheckpointError, match="lite"):
        load_encoder(tmp_path, "depth")


def test_values_arrive_unchanged_views_included(tmp_path):
    whole = torch.arange(12.0).reshape(3, 4)
    state = {"t": whole.T, "part": whole[1:, ::2], "half": whole.half(), "n": torch.tensor(3)}
    for new in FORMATS.values():
        found = read_state(written(tmp_path / "a.pt", state, new))
        assert all(found[n].equal(t) and found[n].dtype == t.dtype for n, t in state.items())
