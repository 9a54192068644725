"""The report in a real browser: Chromium without a window opens it offline, clicks and looks."""

import base64
import json
import os
import shutil
import subprocess
import time

import cv2
import numpy as np
import pytest

from pta_ros.evaluation.faults.injector import Fault
from pta_ros.evaluation.report.files import Case, write_report

NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next((path for path in map(shutil.which, NAMES) if path), None)
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars", "--remote-debugging-pipe",
)  # fmt: skip
#: Ink and ground of the page, as a browser tells them.
INK = {"light": "rgb(27, 31, 36)", "dark": "rgb(232, 235, 238)"}
GROUND = {"light": (255, 255, 255), "dark": (20, 24, 29)}
#: Red, green, blue of what a reader must be able to see in the overview.
COLOURS = {
    "depth LIVE": (0x00, 0x72, 0xB2),
    "lidar LIVE": (0xE6, 0x9F, 0x00),
    "csi LIVE": (0x00, 0x9E, 0x73),
    "STALE": (0xDD, 0xDD, 0xDD),
    "CORRUPT": (0xF4, 0xB6, 0xA6),
    "fault": (0xDE, 0xD5, 0xEE),
}
PLOT = "document.querySelector('#replay-lidar-silent .timeline')"

pytestmark = pytest.mark.skipif(
    BROWSER is None, reason="no Chromium here (make test installs it on Debian, as root)"
)


class Browser:
    """A Chromium that is told what to do over a pipe (the DevTools protocol)."""

    def __init__(self, profile):
        reads, its_writes = os.pipe()
        its_reads, writes = os.pipe()
        command = [BROWSER, *FLAGS, f"--user-data-dir={profile}"]
        self._process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{its_reads} 4>&{its_writes}', "bash", *command],
            pass_fds=(its_reads, its_writes), stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(its_reads)
        os.close(its_writes)
        self._in, self._out = os.fdopen(reads, "rb"), os.fdopen(writes, "wb", buffering=0)
        self._left, self._count, self.events = b"", 0, []
        self.target = None

    def call(self, method, session=None, **params):
        """Send one command; returns its result. Events that come meanwhile are kept."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": params}
        message |= {"sessionId": session} if session else {}
        self._out.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._count:
                assert "error" not in answer, (method, answer)
                return answer["result"]
            self.events.append(answer)

    def _read(self):
        while b"\0" not in self._left:
            chunk = self._in.read1(1 << 20)
            assert chunk, "the browser ended"
            self._left += chunk
        answer, _, self._left = self._left.partition(b"\0")
        return json.loads(answer)

    def close(self):
        self.call("Browser.close")
        self._process.wait(timeout=60)
        self._in.close()
        self._out.close()


class Tab:
    """One page, opened with a colour scheme; `before` runs ahead of the page's own script."""

    def __init__(self, browser, page, scheme="light", scripts=True, before=""):
        self._browser = browser
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        if browser.target is not None:  # one page at a time: each draws its figures
            browser.call("Target.closeTarget", targetId=browser.target)
        browser.target = target
        self._session = browser.call("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.size(1400, 900)
        self.scheme(scheme)
        self.call("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.call("Page.addScriptToEvaluateOnNewDocument", source=before)
        self.call("Page.navigate", url=page.as_uri())
        self.wait("document.readyState === 'complete' && document.querySelector('#made-with')")

    def call(self, method, **params):
        return self._browser.call(method, self._session, **params)

    def events(self, *methods):
        """What the browser told of this page by itself."""
        own = (e for e in self._browser.events if e.get("sessionId") == self._session)
        return [event for event in own if event["method"] in methods]

    def scheme(self, name):
        wanted = [{"name": "prefers-color-scheme", "value": name}]
        self.call("Emulation.setEmulatedMedia", features=wanted)

    def size(self, width, height):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=False)  # fmt: skip

    def value(self, expression):
        """The value of a JavaScript expression in the page."""
        told = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def wait(self, expression):
        """Wait until an expression is true."""
        end = time.monotonic() + 60
        while not self.value(f"Boolean({expression})"):
            assert time.monotonic() < end, expression
            time.sleep(0.05)

    def middle(self, element):
        """Where an element is on the screen; scrolled to it first."""
        self.value(f"{element}.scrollIntoView({{block: 'center'}})")
        found = self.value(f"{element}.getBoundingClientRect().toJSON()")
        return found["x"] + found["width"] / 2, found["y"] + found["height"] / 2

    def mouse(self, kind, x, y):
        pressed = {"button": "left", "clickCount": 1} if kind != "mouseMoved" else {}
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **pressed)

    def click(self, element):
        x, y = self.middle(element)
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.mouse(kind, x, y)

    def picture(self):
        """A picture of what is shown, (height, width, 3) in red, green, blue."""
        data = base64.b64decode(self.call("Page.captureScreenshot")["data"])
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def page(made_up, silent_lidar, context, tmp_path_factory):
    fault, states = silent_lidar
    noise = Fault("nan", "csi", 5.0, 12.0, 0.2)
    corrupt = {"csi": [(5.1, "CORRUPT", "<script>"), (12.2, "LIVE", "")]}
    cases = [
        Case(made_up()),
        Case(made_up("csi NaN", [noise], corrupt)),
        *(Case(made_up(f"as it is {n}")) for n in range(3)),  # so many that details are folded
        Case(made_up("lidar silent", [fault], states), made_up("dropped", [fault], states)),
    ]
    folder = tmp_path_factory.mktemp("report")
    write_report(folder, cases, context)
    return folder / "report.html"


@pytest.fixture(params=["light", "dark"])
def scheme(request):
    return request.param


@pytest.fixture
def tab(browser, page, scheme):
    return Tab(browser, page, scheme)


def near(image, colour, tolerance=10):
    """Where the picture has this colour."""
    return (np.abs(image.astype(int) - colour) <= tolerance).all(axis=2)


def test_states_and_faults_are_seen_in_the_overview(browser, page):
    image = Tab(browser, page).picture()
    for name, colour in COLOURS.items():
        assert near(image, colour).any(), name


def test_the_ground_is_that_of_the_theme(tab, scheme):
    assert near(tab.picture(), GROUND[scheme], 3).mean() > 0.4
    assert tab.value("getComputedStyle(document.querySelector('h1')).color") == INK[scheme]


def test_lidar_is_stale_in_the_strip_when_it_was(browser, page):
    tab, strip = Tab(browser, page), "document.querySelector('#strip-replay-lidar-silent')"
    whole = tab.value(f"{strip}.ownerSVGElement.getBoundingClientRect().toJSON()")
    stale = f"{strip}.querySelector('[fill=\"url(#stale)\"]')"
    box = tab.value(f"{stale}.getBoundingClientRect().toJSON()")
    edges = [(box[side] - whole["left"]) / whole["width"] for side in ("left", "right")]
    assert 30.0 * np.array(edges) == pytest.approx([10.3, 20.4], abs=0.1)


def test_a_plan_is_opened_zoomed_hovered_and_toggled(tab, scheme):
    tab.click("document.querySelector('.overview a[href=\"#replay-lidar-silent\"]')")
    tab.wait(f"{PLOT}.dataset.drawn")
    assert tab.value("location.hash") == "#replay-lidar-silent"
    assert tab.value(f"{PLOT}.layout.font.color") in ("#1b1f24", "#e8ebee")
    assert tab.value(f"getComputedStyle({PLOT}.querySelector('.legendtext')).fill") == INK[scheme]

    x, y = tab.middle(f"{PLOT}.querySelector('.drag')")
    for kind, at in (("mousePressed", x), ("mouseMoved", x + 100), ("mouseReleased", x + 100)):
        tab.mouse(kind, at, y)
    tab.wait(f"{PLOT}.layout.xaxis.range[0] > 14")
    assert tab.value(f"{PLOT}.layout.xaxis.range[1]") < 18

    tab.mouse("mouseMoved", x - 50, y)
    tab.wait(f"{PLOT}.querySelector('.hovertext')")

    name = "error of this replay"
    trace = f"{PLOT}._fullData.find(trace => trace.name === '{name}')"
    assert tab.value(f"{trace}.visible") is True
    toggles = f"[...{PLOT}.querySelectorAll('.traces')].find(e => e.textContent.includes('{name}'))"
    tab.click(f"{toggles}.querySelector('.legendtoggle')")
    tab.wait(f"{trace}.visible === 'legendonly'")


def test_nothing_moves_when_a_figure_is_drawn(browser, page):
    tab, below = Tab(browser, page), "document.querySelector('#made-with').offsetTop"
    before = tab.value(below)
    tab.middle(PLOT)
    tab.wait(f"{PLOT}.dataset.drawn")
    assert tab.value(below) == before


def test_a_folded_part_opens_on_a_click(browser, page):
    tab = Tab(browser, page)
    details = "document.querySelector('#replay-lidar-silent details')"
    assert tab.value(f"{details}.open") is False
    tab.click(f"{details}.querySelector('summary')")
    tab.wait(f"{details}.open && {details}.querySelector('svg').getBoundingClientRect().width > 50")


def test_a_figure_follows_the_theme_and_keeps_its_zoom(browser, page):
    tab = Tab(browser, page)
    tab.middle(PLOT)
    tab.wait(f"{PLOT}.dataset.drawn")
    x, y = tab.middle(f"{PLOT}.querySelector('.drag')")
    for kind, at in (("mousePressed", x), ("mouseMoved", x + 100), ("mouseReleased", x + 100)):
        tab.mouse(kind, at, y)
    tab.wait(f"{PLOT}.layout.xaxis.range[0] > 14")
    zoomed = tab.value(f"{PLOT}._fullLayout.xaxis.range")
    tab.scheme("dark")
    tab.wait(f"{PLOT}.layout.font.color === '#e8ebee'")
    assert tab.value(f"{PLOT}._fullLayout.xaxis.range") == pytest.approx(zoomed)


@pytest.mark.parametrize(
    "without", [{"scripts": False}, {"before": "delete window.DecompressionStream"}]
)
def test_without_the_script_strips_and_texts_are_there(browser, page, without):
    tab = Tab(browser, page, **without)
    tab.middle(PLOT)
    time.sleep(0.3)
    assert tab.value("document.querySelectorAll('[data-drawn]').length") == 0
    assert tab.value(f"{PLOT}.querySelector('use').getBoundingClientRect().width") > 500
    assert tab.value("document.querySelectorAll('section').length") == 7
    assert not tab.events("Runtime.exceptionThrown")


def test_nothing_is_loaded_and_nothing_fails(tab, page):
    tab.middle(PLOT)
    tab.wait(f"{PLOT}.dataset.drawn")
    asked = [e["params"]["request"]["url"] for e in tab.events("Network.requestWillBeSent")]
    assert page.as_uri() in asked
    assert all(url == page.as_uri() or url.startswith("data:") for url in asked)
    assert tab.events("Runtime.exceptionThrown", "Log.entryAdded") == []
    assert tab.value("[...document.querySelectorAll('h2')].map(e => e.textContent)") == [
        "fault-free", "csi NaN", *(f"as it is {n}" for n in range(3)), "lidar silent", "Made with",
    ]  # fmt: skip


def test_a_narrow_page_needs_no_scrolling_to_the_side(browser, page):
    tab = Tab(browser, page)
    tab.size(420, 900)
    tab.middle(PLOT)
    tab.wait(f"{PLOT}.dataset.drawn")
    tab.wait("document.documentElement.scrollWidth <= 420")
