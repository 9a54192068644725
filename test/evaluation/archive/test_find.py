"""Which recordings an archive has, and when a folder is one recording."""

import os
from pathlib import Path

import pytest

from pta_ros.errors import ConfigError
from pta_ros.evaluation.archive.find import Recording, below, is_one, listed

BAG = "rosbag2_bagfile_information:\n  relative_file_paths: [a.mcap]\n"


@pytest.fixture
def touch(tmp_path):
    """Make files of some kind below the test's folder; returns it."""

    def make(*names):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            text = BAG if name.endswith("yaml") else "x"
            (tmp_path / name).write_text(text)
        return tmp_path

    return make


def found(root):
    return {one.name: [p.relative_to(root).as_posix() for p in one.paths] for one in below(root)}


def test_folders_with_metadata_and_loose_files_in_order(touch):
    root = touch("b/rec/metadata.yaml", "b/rec/a.mcap", "b/mon.mcap", "b/tue.db3", "a/z.mcap.zstd")
    assert list(found(root).items()) == [
        ("a/z.mcap.zstd", ["a/z.mcap.zstd"]), ("b/mon.mcap", ["b/mon.mcap"]),
        ("b/rec", ["b/rec"]), ("b/tue.db3", ["b/tue.db3"]),
    ]  # fmt: skip


def test_numbered_parts_of_a_recorder_that_was_killed_are_one(touch):
    root = touch("r/rec/rec_0.mcap", "r/rec/rec_1.mcap", "day/run_0.mcap", "day/run_1.mcap")
    assert found(root) == {
        "r/rec": ["r/rec"],
        "day/run_0.mcap": ["day/run_0.mcap"],
        "day/run_1.mcap": ["day/run_1.mcap"],
    }
    touch("r/rec/other.mcap")
    assert found(root / "r") == {
        "rec/other.mcap": ["rec/other.mcap"],
        "rec/rec_0.mcap": ["rec/rec_0.mcap", "rec/rec_1.mcap"],
    }


def test_a_recording_whose_files_are_gone_is_found_and_other_metadata_is_not(touch):
    root = touch("gone/metadata.yaml", "a/b.mcap", ".trash/c.mcap", "a/.d.mcap")
    (root / "docs").mkdir()
    (root / "docs/metadata.yaml").write_text("title: nothing to play\n")
    assert list(found(root)) == ["a/b.mcap", "gone"]


def test_no_two_recordings_have_one_name(touch):
    root = touch("box/metadata.yaml", "box/a.mcap", "box/box/metadata.yaml", "box/box/a.mcap")
    assert found(root / "box") == {"box": ["box"], "box itself": ["."]}


def test_links_are_followed_once(touch):
    root = touch("a/b.mcap")
    (root / "a/up").symlink_to(root)
    (root / "c").symlink_to(root / "a")
    assert len(found(root)) == 1


def test_a_link_to_a_recording_is_no_other_one(touch):
    root = touch("real.mcap", "run/metadata.yaml", "run/one.mcap")
    (root / "latest.mcap").symlink_to(root / "real.mcap")
    (root / "last_run.mcap").symlink_to(root / "run/one.mcap")
    (root / "again").symlink_to(root / "run")
    assert found(root) == {"real.mcap": ["real.mcap"], "run": ["run"]}


def test_listed_parts_of_a_split_recording_are_one(touch):
    root = touch(
        "split/run_0.mcap", "run/run_0.mcap", "run/run_1.mcap", "x/metadata.yaml", "x/a.mcap",
        "x/b.mcap",
    )  # fmt: skip
    names = sorted(str(p) for p in root.rglob("*.mcap"))
    (root / "list").write_text("\n".join(names))
    (root / "again").write_text("\n".join([str(root / "run"), *names]))
    expected = [["run_0.mcap", "run_1.mcap"], ["run_0.mcap"], ["a.mcap", "b.mcap"]]
    assert [[path.name for path in one.paths] for one in listed(root / "list")] == expected
    assert [one.paths[0].parent.name for one in listed(root / "list")] == ["run", "split", "x"]
    assert listed(root / "again")[0].paths == (root / "run",)
    assert len(listed(root / "again")) == 3


@pytest.mark.parametrize(
    ("names", "one"),
    [
        (["metadata.yaml", "a.mcap"], True),
        (["a.mcap"], True),
        (["box_0.mcap", "box_1.mcap"], True),
        ([], True),  # nothing in it: the one recording that it should be is told
        (["mon.mcap", "tue.mcap"], False),
        (["r/a.mcap"], False),
        (["a.mcap", "r/b.mcap"], False),
    ],
)
def test_when_a_folder_is_one_recording(names, one, tmp_path, touch):
    box = tmp_path / "box"
    box.mkdir()
    touch(*(f"box/{name}" for name in names))
    assert is_one(box, below(box)) == one


def test_a_list_names_recordings_and_folders_of_them(touch, monkeypatch):
    root = touch("a/x.mcap", "a/y.mcap", "b.mcap", "rec/metadata.yaml", "rec/a.mcap")
    text = f"# mine\n{root}/rec\n\na\nb.mcap\n{root}/a/x.mcap\nno/such.mcap\n"
    (root / "list.txt").write_text(text)
    monkeypatch.chdir(root)
    below_root = root.as_posix().lstrip("/")
    assert [one.name.removeprefix(f"{below_root}/") for one in listed(Path("list.txt"))] == [
        "a/x.mcap", "a/y.mcap", "b.mcap", "no/such.mcap", "rec"
    ]  # fmt: skip


def test_a_list_that_is_empty_or_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        listed(tmp_path / "no.txt")
    (tmp_path / "empty.txt").write_text("\n# nothing\n")
    with pytest.raises(ConfigError, match="no path in it"):
        listed(tmp_path / "empty.txt")


def test_a_stamp_changes_with_size_date_and_files(touch):
    root = touch("rec/metadata.yaml", "rec/a.db3", "rec/notes.txt")
    one = Recording("rec", (root / "rec",))
    stamps = [one.stamp()]
    os.utime(root / "rec/a.db3", ns=(1, 1))
    stamps.append(one.stamp())
    (root / "rec/a.db3-wal").write_text("more")
    stamps.append(one.stamp())
    (root / "rec/notes.txt").write_text("longer than before")  # nothing that is read
    assert one.stamp() == stamps[-1]
    assert [len(stamp) for stamp in stamps] == [2, 2, 3]
    assert stamps[0] != stamps[1]
