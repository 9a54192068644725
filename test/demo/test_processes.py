import os
import signal
import subprocess
import sys
import textwrap
import time

import psutil
import pytest

from pta_ros.demo import processes
from pta_ros.demo.processes import Child, ProcessError, lock, stop_all

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="ends children by prctl")


def start(tmp_path, code, name="child"):
    command = [sys.executable, "-c", textwrap.dedent(code)]
    return Child.start(name, command, os.environ, tmp_path / f"{name}.txt")


def until(done, within_s=20.0):
    end = time.monotonic() + within_s
    while not done():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_child_that_succeeds_has_ended(tmp_path):
    child = start(tmp_path, "pass")
    child.process.wait()
    assert child.ended()
    with pytest.raises(ProcessError, match="ended before the others; it wrote nothing"):
        child.must_run()


def test_a_child_that_fails_is_told_with_its_last_line(tmp_path):
    child = start(tmp_path, "import sys; print('one', flush=True); sys.exit('no such model')")
    child.process.wait()
    with pytest.raises(ProcessError, match="exit code 1; its last line: no such model"):
        child.ended()


def test_a_killed_child_is_told_with_its_signal(tmp_path):
    child = start(tmp_path, "import time; time.sleep(60)")
    os.kill(child.process.pid, signal.SIGKILL)
    child.process.wait()
    with pytest.raises(ProcessError, match="killed by SIGKILL"):
        child.must_run()


def test_a_command_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ProcessError, match="cannot start x"):
        Child.start("x", ["/no/such/program"], os.environ, tmp_path / "x.txt")


def test_stop_asks_first_and_kills_what_does_not_listen(tmp_path):
    wait = "print('up', flush=True); time.sleep(60)"
    deaf = f"import signal, time; signal.signal(2, signal.SIG_IGN); {wait}"
    child = start(tmp_path, deaf)
    until(lambda: "up" in child.log.read_text())
    assert child.stop(within_s=0.2) == -signal.SIGKILL
    polite = f"import time\ntry:\n {wait}\nexcept KeyboardInterrupt: pass"
    child = start(tmp_path, polite)
    until(lambda: "up" in child.log.read_text())
    assert child.stop() == 0


def test_stop_all_leaves_nobody(tmp_path):
    children = [start(tmp_path, "import time; time.sleep(60)", f"c{i}") for i in range(3)]
    stop_all(children)
    assert all(child.process.poll() is not None for child in children)


def test_memory_and_processor_time_of_a_child(tmp_path):
    child = start(
        tmp_path, "x = bytearray(60_000_000); print('up', flush=True); import time; time.sleep(60)"
    )
    until(lambda: "up" in child.log.read_text())
    memory_mb, cpu_s, threads, files = child.usage()
    assert 60 < memory_mb < 500
    assert cpu_s >= 0
    assert threads >= 1
    assert files >= 3
    child.stop()
    assert child.usage() is None


def test_children_end_when_their_parent_is_killed(tmp_path):
    log = tmp_path / "grandchild.txt"
    code = f"""
        import os, sys, time
        from pathlib import Path
        from pta_ros.demo.processes import Child
        child = Child.start("c", [sys.executable, "-c", "import time; time.sleep(60)"], os.environ,
                            Path({str(log)!r}))
        print(child.process.pid, flush=True)
        time.sleep(60)
    """
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True
    )
    grandchild = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    until(lambda: not alive(grandchild))


def alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_lock_is_held_until_it_is_closed(tmp_path):
    for path in (tmp_path, tmp_path / "file.lock"):
        held = lock(path)
        assert held is not None
        assert lock(path) is None
        os.close(held)
        again = lock(path)
        assert again is not None
        os.close(again)


def test_two_demos_get_two_domains():
    first, second = processes.free_domain(), processes.free_domain()
    assert first != second
    assert {first, second} <= set(range(1, 101))
