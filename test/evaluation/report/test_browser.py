"""The report in a real browser: Chromium without a window takes its picture."""

import shutil
import subprocess

import cv2
import numpy as np
import pytest

from pta_ros.evaluation.faults.injector import Fault
from pta_ros.evaluation.report.report import Case, write_report

NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next((path for path in map(shutil.which, NAMES) if path), None)
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars",
)  # fmt: skip
SIZE = (1400, 2400)
LIGHT, DARK = 1, 0
#: Red, green, blue of what a reader must be able to see.
COLOURS = {
    "depth LIVE": (0x00, 0x72, 0xB2),
    "lidar LIVE": (0xE6, 0x9F, 0x00),
    "csi LIVE": (0x00, 0x9E, 0x73),
    "STALE": (0xDD, 0xDD, 0xDD),
    "CORRUPT": (0xF4, 0xB6, 0xA6),
    "fault": (0xDE, 0xD5, 0xEE),
}

pytestmark = pytest.mark.skipif(
    BROWSER is None, reason="no Chromium here (make test installs it on Debian, as root)"
)


@pytest.fixture(scope="module")
def browse(tmp_path_factory):
    """Run the browser on a page, with a profile of its own; returns what it prints."""
    profile = tmp_path_factory.mktemp("profile")

    def run(page, *flags):
        command = [BROWSER, *FLAGS, f"--user-data-dir={profile}", *flags, page.as_uri()]
        done = subprocess.run(command, capture_output=True, timeout=240, check=True)
        return done.stdout.decode("utf-8")

    return run


@pytest.fixture(scope="module")
def page(made_up, silent_lidar, context, tmp_path_factory):
    fault, states = silent_lidar
    noise = Fault("nan", "csi", 5.0, 12.0, 0.2)
    corrupt = {"csi": [(5.1, "CORRUPT", "<script>"), (12.2, "LIVE", "")]}
    cases = [
        Case(made_up()),
        Case(made_up("lidar silent", [fault], states), made_up("dropped", [fault], states)),
        Case(made_up("csi NaN", [noise], corrupt)),
    ]
    folder = tmp_path_factory.mktemp("report")
    write_report(folder, cases, context)
    return folder / "report.html"


def shoot(browse, page, scheme):
    """Take a picture of a page, (height, width, 3) in red, green, blue."""
    path = page.with_name(f"scheme_{scheme}.png")
    size = f"--window-size={SIZE[0]},{SIZE[1]}"
    browse(page, size, f"--screenshot={path}", f"--blink-settings=preferredColorScheme={scheme}")
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


@pytest.fixture(scope="module")
def light(browse, page):
    return shoot(browse, page, LIGHT)


def near(image, colour, tolerance=10):
    """Where the picture has this colour."""
    return (np.abs(image.astype(int) - colour) <= tolerance).all(axis=2)


def test_states_and_faults_are_seen_at_the_top(light):
    assert light.shape == (SIZE[1], SIZE[0], 3)
    counts = {name: int(near(light[:600], colour).sum()) for name, colour in COLOURS.items()}
    assert min(counts.values()) > 100, counts
    for name in ("depth LIVE", "lidar LIVE", "csi LIVE"):
        assert counts[name] > 5000, counts
    assert near(light, (255, 255, 255)).mean() > 0.4
    assert near(light[1500:], (255, 255, 255)).mean() < 0.99


def test_lidar_is_stale_in_the_picture_when_it_was(light):
    """In the overview's band that is both LIVE and STALE; its scale is that of a whole band."""
    live, stale = near(light[:600], COLOURS["lidar LIVE"]), near(light[:600], COLOURS["STALE"])
    (rows,) = np.nonzero((live.sum(axis=1) > 300) & (stale.sum(axis=1) > 100))
    assert len(rows) >= 5
    begin, end = np.flatnonzero(live[rows[2]])[[0, -1]]  # 0.2 s to 30 s
    edges = np.flatnonzero(stale[rows[2], begin:end])[[0, -1]]
    assert 0.2 + edges * 29.8 / (end - begin) == pytest.approx([10.3, 20.4], abs=0.3)


def test_the_dark_page_is_dark_and_readable(browse, page):
    image = shoot(browse, page, DARK)
    assert near(image, (0x14, 0x18, 0x1D), 3).mean() > 0.4
    assert near(image[:600], (0xE8, 0xEB, 0xEE)).sum() > 300  # headings
    assert near(image[:600], COLOURS["lidar LIVE"]).sum() > 5000


def test_the_browser_finds_no_script_and_all_sections(browse, page):
    dom = browse(page, "--dump-dom")
    assert "<script" not in dom
    assert "&lt;script&gt;" in dom
    assert dom.count("<section") == 4
    for name in ("fault-free", "lidar silent", "csi NaN"):
        assert f"<h2>{name}</h2>" in dom
