import numpy as np
import pytest

from pta_ros.bags.bag import Bag
from pta_ros.cli.make_mmfi import main as make_mmfi
from pta_ros.cli.mmfi_to_bag import main


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    pytest.importorskip("open3d")
    root = tmp_path_factory.mktemp("tree") / "mmfi"
    plan = ["--subjects", "1", "--actions", "2", "--frames", "3", "--jobs", "1"]
    assert make_mmfi([str(root), *plan]) == 0
    return root


def test_a_synthetic_clip_becomes_a_bag(tree, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = [str(tree), "E01", "S01", "A02", str(out)]
    assert main([*arguments, "--rate", "5", "--storage", "sqlite3", "--start", "12.5"]) == 0
    said = capsys.readouterr()
    counts = "3 /depth/camera_info, 3 /depth/image, 3 /ground_truth, 3 /lidar/points, 3 /wifi/csi"
    assert said.out == f"{out}: 0.4 s, {counts}; synthetic\n"
    assert said.err == ""
    with Bag([out]) as bag:
        assert (bag.begin_ns, bag.end_ns) == (12_500_000_000, 12_900_000_000)
        (truth, *_) = bag.messages(["/ground_truth"])
        assert bag.decode(truth).model == "ground truth (synthetic)"
    assert (out / "out.db3").exists()


def test_what_is_left_out_is_told_and_counted(tree, tmp_path, capsys):
    clip = tmp_path / "mmfi/E01/S01/A01"
    (clip / "wifi-csi").mkdir(parents=True)
    np.save(clip / "ground_truth.npy", np.zeros((12, 17, 3)))
    for number in range(1, 13):
        (clip / f"wifi-csi/frame{number:03d}.mat").write_bytes(b"nothing")
    arguments = [str(tmp_path / "mmfi"), "E01", "S01", "A01", str(tmp_path / "out")]
    assert main(arguments) == 0
    said = capsys.readouterr()
    lines = said.err.splitlines()
    assert len(lines) == 11
    assert lines[0] == "left out: depth of frame 1: there is no file"
    assert lines[2].startswith(f"left out: {clip}/wifi-csi/frame001.mat: ")
    assert lines[-1] == "left out: 26 more"
    assert said.out == f"{tmp_path / 'out'}: 1.1 s, 12 /ground_truth\n"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({2: "S09"}, "no clip E01/S09/A02; expected one of E01, S01, A02"),
        ({0: "/nowhere/at/all"}, "/nowhere/at/all: No such file or directory"),
        ({5: "--rate=0"}, "rate 0.0 Hz"),
        ({5: "--start=-3"}, "--start -3.0: expected Unix seconds"),
        ({5: "--start=nan"}, "--start nan: expected Unix seconds"),
    ],
)
def test_a_wrong_argument_is_one_line(tree, tmp_path, capsys, change, told):
    arguments = [str(tree), "E01", "S01", "A02", str(tmp_path / "out"), "--rate=10"]
    for index, value in change.items():
        arguments[index] = value
    assert main(arguments) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert told in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_bag_that_is_there_is_kept(tree, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    assert main([str(tree), "E01", "S01", "A02", str(tmp_path / "out")]) == 1
    assert "exists already" in capsys.readouterr().err
