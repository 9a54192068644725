"""view_node as a user runs it: real topics in, a page in a real browser out."""

import base64
import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
import urllib.request

import cv2
import numpy as np
import pytest

pytest.importorskip("rerun")
from pta_ros.frames import Estimate, StreamState, StreamStatus
from pta_ros.view.layout import LIMB_COLOURS, STATE_COLOURS, TRUTH_COLOUR, colour
from pta_ros.view.page import free_port

pytestmark = pytest.mark.ros
NEVER_S = 180  # far more than a start takes, even on a busy machine
NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next((path for path in map(shutil.which, NAMES) if path), None)
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    "--window-size=1000,700", "--remote-debugging-pipe",
)  # fmt: skip
#: A standing person, metres in the camera's frame (x right, y down, z forward).
STANDING = np.array(
    [
        [0.0, 0.1, 3.0], [-0.12, 0.1, 3.0], [-0.13, 0.52, 3.0], [-0.13, 0.95, 3.0],
        [0.12, 0.1, 3.0], [0.13, 0.52, 3.0], [0.13, 0.95, 3.0], [0.0, -0.12, 3.0],
        [0.0, -0.37, 3.0], [0.0, -0.48, 2.97], [0.0, -0.62, 3.0], [0.18, -0.35, 3.0],
        [0.42, -0.35, 3.0], [0.65, -0.4, 2.95], [-0.18, -0.35, 3.0], [-0.42, -0.35, 3.0],
        [-0.65, -0.4, 2.95],
    ],
    np.float32,
)  # fmt: skip


class Live:
    """A bench that plays sensors and fusion node for a view_node."""

    def __init__(self, bench):
        from diagnostic_msgs.msg import DiagnosticArray
        from pta_msgs.msg import Skeleton

        self.bench, self.turn = bench, 0
        self.web_port, self.data_port = free_port(), free_port()
        ports = ("-p", f"web_port:={self.web_port}", "-p", f"data_port:={self.data_port}")
        self.process = bench.start("view_node", *ports, "-p", "memory_mb:=50")
        make = bench.node.create_publisher
        self.skeleton, self.truth = make(Skeleton, "skeleton", 5), make(Skeleton, "ground_truth", 5)
        self.diagnostics = make(DiagnosticArray, "/diagnostics", 5)
        self.url = f"http://127.0.0.1:{self.web_port}"
        bench.until(self.is_served, NEVER_S, (), self.process)
        for publisher in (self.skeleton, self.truth, self.diagnostics):
            bench.until(lambda p=publisher: p.get_subscription_count() > 0)

    def is_served(self):
        return f"live view: {self.url}" in self.process.log.read_text()

    def send(self):
        """One tick: all sensors, the truth, an estimate, and what is known of the streams."""
        from pta_ros.nodes.health import Health, Identity
        from pta_ros.nodes.messages import to_skeleton, true_skeleton

        self.turn += 1
        now = self.bench.node.get_clock().now()
        self.bench.send("depth", "lidar", "csi")
        truth = true_skeleton(STANDING)
        truth.header.stamp = now.to_msg()
        self.truth.publish(truth)
        states = tuple(
            StreamStatus(m, StreamState[s], 0.1, 10.0, w, reason=r)
            for m, s, w, r in (
                ("depth", "LIVE", 0.6, ""),
                ("lidar", "LIVE", 0.4, ""),
                ("csi", "CORRUPT", 0.0, "noise"),
            )
        )
        joints_m = STANDING + np.float32([0.03, 0.0, 0.0])
        std_m = np.full(17, 0.03, np.float32)
        weights = {"depth": 0.6, "lidar": 0.4}
        estimate = Estimate(now.nanoseconds, joints_m, std_m, weights, {}, states)
        self.skeleton.publish(to_skeleton(estimate, "depth_optical_frame", "test"))
        report = Health().report(Identity("fusion", "active"), states, now.nanoseconds)
        self.diagnostics.publish(report)


@pytest.fixture
def live(bench):
    return Live(bench)


class Browser:
    """Chromium without a window, told what to do through a pipe (DevTools protocol)."""

    def __init__(self, profile):
        commands, self._to = os.pipe()
        self._from, answers = os.pipe()
        kept, self._number, self._rest = (3, 4, commands, answers), 0, b""

        def place():
            spare = os.dup(commands), os.dup(answers)  # 3 and 4 may be these themselves
            for number, target in zip(spare, (3, 4), strict=True):
                os.dup2(number, target, inheritable=True)

        self.process = subprocess.Popen(
            [BROWSER, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=kept,
            preexec_fn=place,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(commands)
        os.close(answers)
        self.meanwhile, self._session = lambda: None, {}
        pages = [t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page"]
        attached = self.call("Target.attachToTarget", targetId=pages[0]["targetId"], flatten=True)
        self._session = {"sessionId": attached["sessionId"]}

    def call(self, method, **parameters):
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters, **self._session}
        os.write(self._to, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + 120.0
        while True:
            answer = self._read(end)
            if answer.get("id") == self._number:
                return answer["result"]

    def _read(self, end):
        while b"\0" not in self._rest:
            assert time.monotonic() < end, "the browser does not answer"
            if not select.select([self._from], [], [], 0.0)[0]:
                self.meanwhile()
                select.select([self._from], [], [], 0.05)
                continue
            got = os.read(self._from, 1 << 20)
            assert got, "the browser ended"
            self._rest += got
        first, _, self._rest = self._rest.partition(b"\0")
        return json.loads(first)

    def picture(self):
        """What it shows, (height, width, 3) red, green, blue."""
        data = base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)

    def close(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(20)
        os.close(self._to)
        os.close(self._from)


@pytest.fixture
def browser(tmp_path):
    opened = Browser(tmp_path / "profile")
    yield opened
    opened.close()


def seen(picture, colour, tolerance=45):
    """How many pixels have about this colour."""
    return int((np.abs(picture.astype(int) - colour) <= tolerance).all(axis=2).sum())


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no Chromium here (make test installs it on Debian)")
def test_a_browser_shows_the_person_the_sensors_and_the_states(live, browser, tmp_path):
    # A skeleton that does not come any more is taken away, also while the browser draws.
    browser.meanwhile = lambda: live.bench.listen(0.05, live.send)
    browser.call("Page.navigate", url=live.url)
    wanted = {limb: (LIMB_COLOURS[limb], 40) for limb in LIMB_COLOURS}
    wanted["cloud"] = (colour("lidar"), 40)
    wanted["live"] = (STATE_COLOURS[StreamState.LIVE], 200)
    wanted["corrupt"] = (STATE_COLOURS[StreamState.CORRUPT], 200)
    wanted["truth"] = (TRUTH_COLOUR, 20)
    end = time.monotonic() + 240.0
    missing = wanted
    while missing and time.monotonic() < end:
        live.bench.listen(1.0, live.send)
        picture = browser.picture()
        cv2.imwrite(str(tmp_path / "page.png"), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        missing = {
            name: seen(picture, colour)
            for name, (colour, least) in wanted.items()
            if seen(picture, colour) < least
        }
    assert not missing, f"{missing} in {tmp_path / 'page.png'}"


def test_what_the_topics_say_arrives_and_the_end_is_clean(live, tmp_path):
    chunk = pytest.importorskip("rerun.chunk", reason="needs rerun-sdk 0.39 or newer")
    from importlib.util import find_spec

    live.bench.listen(2.0, live.send)
    assert urllib.request.urlopen(live.url, timeout=60).status == 200
    program = os.path.join(find_spec("rerun_cli").submodule_search_locations[0], "rerun")
    saved = tmp_path / "saved.rrd"
    source = f"rerun+http://127.0.0.1:{live.data_port}/proxy"
    receiver = subprocess.Popen(
        [program, source, f"--save={saved}"],
        env={**os.environ, "CI": "true"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    live.bench.until(lambda: saved.exists() and saved.stat().st_size > 100_000, NEVER_S, live.send)
    live.bench.listen(1.0)
    receiver.send_signal(signal.SIGINT)
    receiver.wait(NEVER_S)
    with pytest.warns(match="no footer"):
        reader = chunk.RrdReader(saved)
    rows = {}
    for piece in reader.stream():
        rows[piece.entity_path] = rows.get(piece.entity_path, 0) + piece.num_rows
    everything = {
        "/world/camera/depth", "/world/lidar", "/world/estimate/joints", "/world/truth/bones",
        "/weights/depth", "/error", "/times/latency", "/states/csi", "/reasons",
    }  # fmt: skip
    assert {entity: rows.get(entity, 0) > 0 for entity in everything} == dict.fromkeys(
        everything, True
    )
    assert "/csi" not in rows or rows["/csi"] <= 5  # CORRUPT: not shown, but for the first moment
    live.process.send_signal(signal.SIGTERM)
    assert live.process.wait(NEVER_S) == 0
    assert "Traceback" not in live.process.log.read_text()


WITHOUT = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name == "rerun":
            raise ModuleNotFoundError("No module named 'rerun'", name="rerun")
sys.meta_path.insert(0, Absent())
from pta_ros.nodes.entry import view_node
view_node()
"""


def test_a_missing_rerun_and_wrong_parameters_are_told_in_one_line(bench):
    env = dict(os.environ, ROS_DOMAIN_ID=str(bench.domain))
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT],
        env=env, cwd=bench.repository, capture_output=True, text=True, timeout=NEVER_S,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "pip install '.[view]'" in done.stderr
    wrong = {
        "lidar_pose:='over there'": "lidar_pose is 'over there'; expected six numbers",
        "params_file:=/no/such.yaml": "/no/such.yaml",
        "web_port:=0": "web_port is 0; expected 1 to 65535",
        "sensors:='depth, lida'": "sensors names 'lida'; did you mean lidar?",
        "address:=192.0.2.77": "cannot listen on 192.0.2.77",
    }
    processes = {bench.start("view_node", "-p", given): text for given, text in wrong.items()}
    for process, text in processes.items():
        assert process.wait(NEVER_S) == 1
        said = process.log.read_text().strip().splitlines()
        assert len(said) == 1, said
        assert text in said[0]
