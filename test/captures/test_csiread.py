"""On real captures we read what csiread reads."""

import numpy as np
import pytest

from pta_ros.captures.files import packets
from pta_ros.captures.packet import Losses

csiread = pytest.importorskip("csiread")


def read(path):
    losses = Losses()
    found = list(packets(path, losses))
    assert losses.texts() == []
    return found


def test_intel(real):
    path = real / "sample_0x1_ap.dat"
    theirs = csiread.Intel(str(path), 3, 2, 0, False)
    theirs.read()
    ours = np.stack([packet.csi for packet in read(path)])
    np.testing.assert_array_equal(ours, theirs.csi.transpose(0, 3, 2, 1))


def test_nexmon(real):
    path = real / "example_4366c0.pcap"
    theirs = csiread.Nexmon(str(path), "4366c0", 80, False)
    theirs.read()
    ours = np.stack([packet.csi[0, 0] for packet in read(path)])
    carried = np.isfinite(ours[0])
    shifted = np.fft.fftshift(theirs.csi, axes=1)
    np.testing.assert_array_equal(ours[:, carried], shifted[:, carried])
    assert carried.sum() == 242
    assert np.isnan(ours[:, ~carried]).all()


def test_esp32(real):
    path = real / "example_csi.csv"
    theirs = csiread.ESP32(str(path), False)
    theirs.read()
    ours = np.stack([packet.csi[0, 0] for packet in read(path)])
    carried = np.isfinite(ours[0])
    np.testing.assert_array_equal(ours[:, carried], theirs.csi[:, carried])
    assert carried.sum() == 52
