"""The real server of the page: what it serves, to whom, in how much memory, and how it ends."""

import http.client
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from pta_ros.errors import ConfigError
from pta_ros.view.page import EVERYWHERE, Page, PageServer, answers, free_port

pytest.importorskip("rerun")
from pta_ros.view.live import LiveScene

ROOT = Path(__file__).resolve().parents[2]


def page(**changes):
    return Page(web_port=free_port(), data_port=free_port(), **changes)


@pytest.fixture(scope="module")
def served():
    server = PageServer(page(memory_mb=30))
    server.start()
    yield server
    server.stop()


def get(page, path, **headers):
    connection = http.client.HTTPConnection(page.near, page.web_port, timeout=60)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


def test_the_plain_address_leads_to_the_data_under_the_name_that_was_used(served):
    for name in ("127.0.0.1", "robot.local"):
        answer, _ = get(served.page, "/", Host=f"{name}:{served.page.web_port}")
        assert answer.status == 302
        given = parse_qs(urlsplit(answer.headers["Location"]).query)["url"]
        assert given == [f"rerun+http://{name}:{served.page.data_port}/proxy"]


def test_viewer_and_program_come_from_this_machine(served):
    answer, body = get(served.page, "/?url=x")
    assert (answer.status, b"re_viewer.js" in body) == (200, True)
    answer, body = get(served.page, "/re_viewer_bg.wasm")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/wasm"
    assert body.startswith(b"\x00asm")
    assert len(body) == int(answer.headers["rerun-final-length"]) > 1_000_000
    assert get(served.page, "/no/such/thing")[0].status == 404


def test_the_page_may_talk_to_nobody_else(served):
    answer, _ = get(served.page, "/?url=x")
    rules = dict(
        rule.split(" ", 1) for rule in answer.headers["Content-Security-Policy"].split("; ")
    )
    assert rules["default-src"] == "'self'"
    assert rules["connect-src"] == f"'self' http://127.0.0.1:{served.page.data_port}"
    bad = get(served.page, "/?url=x", Host="a; script-src *")[0]
    assert (bad.status, bad.headers["Content-Security-Policy"]) == (400, None)


def test_memory_is_bounded_and_nothing_is_sent_to_its_makers(served):
    about = Path(f"/proc/{served._process.pid}")
    if not about.is_dir():
        pytest.skip("needs /proc")
    assert b"--server-memory-limit=30MB" in about.joinpath("cmdline").read_bytes().split(b"\0")
    assert b"CI=true" in about.joinpath("environ").read_bytes().split(b"\0")


def test_only_this_machine_is_served_unless_asked(served):
    own = page(address=EVERYWHERE).url.removeprefix("http://").partition(":")[0]
    if own.startswith("127.") or not own[0].isdigit():
        pytest.skip("this machine has no address but its own")
    assert not answers((own, served.page.web_port))
    assert not answers((own, served.page.data_port))


def test_what_is_told_arrives_and_a_jump_back_begins_anew(made, tmp_path, read):
    scene = LiveScene(page(), ("depth", "lidar", "csi"), "test")
    now = made.T0
    scene.frame(made.frame("depth"), 0)  # the clock has not begun
    for i in range(3):
        scene.estimate(made.estimate(now + i), now + i)
        scene.frame(made.frame("depth", 5), now + i)  # a stamp of long ago
    scene.estimate(made.estimate(now - 60 * made.S), now - 60 * made.S)
    for _ in range(3):
        scene.truth(now - 60 * made.S, made.joints(0.01), now - 60 * made.S)
    saved = tmp_path / "saved.rrd"
    download(scene.server.page, saved)
    scene.close()
    scene.close()  # twice is once
    assert not scene.server.page.answers()
    recordings, layouts = read(saved)
    before, after = sorted(recordings, key=lambda found: "/world/truth/bones" in found)
    assert before["/world/camera/depth"]["stamp"] == [now, now + 1, now + 2]
    assert len(before["/world/estimate/joints"]["stamp"]) == 3
    assert after["/world/estimate/joints"]["stamp"] == [now - 60 * made.S]
    assert layouts


def download(page, path):
    """What a viewer that connects now would get, as a file."""
    from pta_ros.view.page import _command

    program = _command(page, 1)[0]
    receiver = subprocess.Popen(
        [program, page.data_url(page.near), f"--save={path}"],
        env={**os.environ, "CI": "true"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    end, size = time.monotonic() + 60.0, -1
    while time.monotonic() < end:
        time.sleep(0.5)
        now = path.stat().st_size if path.exists() else 0
        if 0 < now == size:
            break
        size = now
    receiver.send_signal(signal.SIGINT)
    receiver.wait(60)


def test_a_taken_port_is_told(served):
    free = page()
    for both in ((served.page.web_port, free.data_port), (free.web_port, served.page.data_port)):
        with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1:{both[0]}|{both[1]}"):
            PageServer(Page("127.0.0.1", *both)).start()
    with pytest.raises(ConfigError, match=r"cannot listen on 192\.0\.2\.77"):
        PageServer(page(address="192.0.2.77")).start()


def test_a_server_that_was_killed_is_noticed(made):
    scene = LiveScene(page(), ("depth",), "test")
    os.kill(scene.server._process.pid, signal.SIGKILL)
    end = time.monotonic() + 60
    while not scene.server.ended:
        assert time.monotonic() < end
        time.sleep(0.02)
    scene.estimate(made.estimate(), made.T0)  # nobody is there to see it
    scene.close()


PARENT = """
import time
from pta_ros.view.page import Page, PageServer

server = PageServer(Page("127.0.0.1", {web}, {data}))
server.start()
print(server._process.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_it_ends_with_a_parent_that_is_killed():
    given = page()
    code = PARENT.format(web=given.web_port, data=given.data_port)
    env = dict(os.environ, PYTHONPATH=str(ROOT))
    parent = subprocess.Popen(
        [sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, text=True
    )
    assert int(parent.stdout.readline()) > 0
    assert answers((given.near, given.data_port))
    parent.kill()
    parent.wait(60)
    end = time.monotonic() + 60
    while answers((given.near, given.data_port)):
        assert time.monotonic() < end
        time.sleep(0.05)
