import fcntl
import os
import time

import pytest

from pta_ros.nodes import leftovers

DEAD, LIVING, YOUNG, PORT = (
    "fastrtps_00000000000000aa", "fastrtps_00000000000000bb", "fastrtps_00000000000000cc",
    "fastrtps_port7411",
)  # fmt: skip


@pytest.fixture
def shared(tmp_path):
    for name in (DEAD, LIVING, YOUNG, PORT):
        (tmp_path / name).write_bytes(b"segment")
        lock = tmp_path / f"{name}_el"
        lock.write_bytes(b"")
        if name != YOUNG:
            os.utime(lock, (time.time() - 60,) * 2)
    (tmp_path / "something_else").write_bytes(b"")
    return tmp_path


def test_only_old_segments_that_nobody_holds_are_removed(shared):
    with (shared / f"{LIVING}_el").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert leftovers.clear(shared) == 1
        assert not (shared / DEAD).exists()
        assert not (shared / f"{DEAD}_el").exists()
        assert {p.name for p in shared.iterdir()} == {
            *(n + end for n in (LIVING, YOUNG, PORT) for end in ("", "_el")), "something_else"
        }  # fmt: skip
    assert leftovers.clear(shared) == 1  # its owner is gone now


def test_a_machine_without_such_a_folder_has_none(tmp_path):
    assert leftovers.clear(tmp_path / "none") == 0
