"""import_xfi: both of torch's formats, state dicts and whole modules, and files that mean harm."""

import json
import os
import subprocess
import sys
import zipfile
from collections import OrderedDict

import pytest
import torch
from torch import nn

from pta_ros.cli import import_xfi
from pta_ros.errors import CheckpointError
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


def wrap(state):
    for name in list(state):
        state[f"module.{name}"] = state.pop(name)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.pop("conv1.weight"), "nearest is rfid, but conv1.weight is missing"),
        (lambda s: s.update(extra=torch.zeros(1)), "extra is no tensor of it"),
        (lambda s: s.update({"bn1.weight": torch.zeros(3)}), r"bn1.weight is \(3,\)"),
        (lambda s: s.update(note="text"), "'note' is a str"),
        (lambda s: s.update({"a\nb": torch.zeros(1)}), r"'a\\nb' is a Tensor"),
        (lambda s: s.update({"bn1.bias": s["bn1.bias"].long()}), r"bn1.bias is torch.int64"),
        (lambda s: s["bn1.bias"].fill_(torch.nan), "bn1.bias holds NaN"),
        (wrap, r"begins with 'module\.'.*DataParallel"),
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


def test_only_an_imported_encoder_is_loaded(tmp_path):
    with pytest.raises(CheckpointError, match="import_xfi FILES"):
        load_encoder(tmp_path, "depth")
    (tmp_path / "depth").mkdir()
    (tmp_path / "depth/config.json").write_text('{"format": 1, "encoder": {"family": "lite"}}')
    with pytest.raises(CheckpointError, match="lite"):
        load_encoder(tmp_path, "depth")


def missing(folder):
    return folder / "none.pt"


def empty_folder(folder):
    (folder / "empty").mkdir()
    return folder / "empty"


def device(folder):
    os.mkfifo(folder / "pipe.pt")
    return folder / "pipe.pt"


def made_of(name, data):
    def make(folder):
        (folder / name).write_bytes(data)
        return folder / name

    return make


def other_archive(folder):
    with zipfile.ZipFile(folder / "photos.pt", "w") as out:
        out.writestr("a.txt", "hello")
    return folder / "photos.pt"


def cut(folder):
    path = written(folder / "cut.pth", published("rfid")[1], True)
    path.write_bytes(path.read_bytes()[:-1000])
    return path


def saved(value):
    return lambda folder: written(folder / "a.pt", value, True)


TRIALS = {
    "missing": (missing, "No such file"),
    "no file in the folder": (empty_folder, "no file ends with .pt"),
    "a pipe": (device, "not a regular file"),
    "empty": (made_of("a.pt", b""), "a.pt: empty"),
    "a page": (made_of("a.pt", b"<!DOCTYPE html>"), "begins with b'<!DOCTYP'"),
    "cut off": (cut, "damaged or incomplete archive"),
    "another archive": (other_archive, "0 members data.pkl"),
    "a list": (saved([torch.zeros(1)]), "holds a list"),
    "nested": (saved({"state_dict": {"a": torch.zeros(1)}}), "'state_dict' is a dict"),
    "numpy": (saved({"a": torch.zeros(2).numpy()}), "it names numpy"),
    "another network": (saved(nn.Linear(3, 3)), "none of X-Fi's networks"),
}


@pytest.mark.parametrize(("make", "words"), TRIALS.values(), ids=TRIALS)
def test_whatever_is_given_the_answer_is_one_line(tmp_path, capsys, make, words):
    assert import_xfi.main([str(make(tmp_path)), str(tmp_path / "out")]) == 1
    said = capsys.readouterr()
    assert words in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""
    assert not (tmp_path / "out").exists()


def test_the_same_file_again_changes_nothing_and_another_one_is_refused(tmp_path, capsys):
    state, out = published("rfid")[1], tmp_path / "out"
    first = written(tmp_path / "first.pt", state, True)
    state["bn1.bias"] += 1
    second = written(tmp_path / "second.pt", state, True)
    assert import_xfi.main([str(first), str(out)]) == 0
    before = (out / "rfid/model.safetensors").read_bytes()
    assert import_xfi.main([str(first), str(out)]) == 0
    capsys.readouterr()
    assert import_xfi.main([str(second), str(out)]) == 1
    told = capsys.readouterr().err
    assert "made from another file, 'first.pt'" in told
    assert told.count("\n") == 1
    assert (out / "rfid/model.safetensors").read_bytes() == before


def test_a_place_that_cannot_be_written_is_named(tmp_path, capsys):
    source = written(tmp_path / "a.pt", published("rfid")[1], True)
    (tmp_path / "out").write_text("a file")
    assert import_xfi.main([str(source), str(tmp_path / "out")]) == 1
    assert "expected a folder to write to" in capsys.readouterr().err
    (tmp_path / "there/rfid/model.safetensors.part").mkdir(parents=True)
    assert import_xfi.main([str(source), str(tmp_path / "there")]) == 1
    told = capsys.readouterr().err
    assert "expected a folder to write to" in told
    assert told.count("\n") == 1
