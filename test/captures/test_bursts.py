"""Packets become frames by count and by time; captures become bags."""

import os
import subprocess

import numpy as np
import pytest

from pta_ros.captures.bursts import Bursts, Plan, antenna_numbers
from pta_ros.captures.packet import CsiPacket, Losses
from pta_ros.errors import ConfigError
from pta_ros.sensors import CsiSensor
from pta_ros.sensors.tones import layout

TONES = layout(30, 40)
MS = 1_000_000


def packet(number, at_ms, source="a", antennas=3):
    csi = np.full((2, antennas, 30), 3 + 4j, np.complex64) * (number + 1)
    csi[:, :, 0] = np.nan
    csi[0] *= np.arange(1, antennas + 1)[:, None]
    return CsiPacket(at_ms * MS, csi, TONES, 5.32e9, 40e6, source)


def run(times, plan, **kinds):
    losses = Losses()
    bursts = Bursts(plan, losses)
    found = []
    for number, at_ms in enumerate(times):
        found += bursts.add(packet(number, at_ms, **kinds))
    return [*found, *bursts.end()], losses


def values(fields):
    return fields["amplitude"].reshape(fields["antennas"], fields["subcarriers"], fields["packets"])


def test_consecutive_packets_make_a_frame():
    found, losses = run(range(0, 80, 10), Plan(packets=4))
    assert [time_ns for time_ns, _ in found] == [30 * MS, 70 * MS]
    first = values(found[0][1])
    expected = 5.0 * np.arange(1, 4)[:, None] * np.arange(1, 5)
    np.testing.assert_array_equal(first[:, 1], expected)
    assert np.isnan(first[:, 0]).all()
    np.testing.assert_allclose(np.nanmax(found[0][1]["phase"]), np.arctan2(4, 3), rtol=1e-6)
    assert (found[0][1]["center_frequency_hz"], found[0][1]["bandwidth_hz"]) == (5.32e9, 40e6)
    assert losses.texts() == []


def test_a_pause_ends_a_burst_and_nothing_is_lost_uncounted():
    found, losses = run([0, 10, 20, 900, 910, 2000, 2010, 2020], Plan(packets=4, gap_s=0.5))
    assert [time_ns for time_ns, _ in found] == [20 * MS, 910 * MS, 2020 * MS]
    lacking = [np.isnan(values(fields)[0, 1]).sum() for _, fields in found]
    assert lacking == [1, 2, 1]
    found, losses = run([0, 900, 1800, 1810, 1820], Plan(packets=4, gap_s=0.5))
    assert len(found) == 1
    assert sum(losses.counts.values()) == 2


def test_antennas_streams_and_senders_are_chosen():
    found, _ = run(range(4), Plan(packets=4, antennas=(2, 0)))
    np.testing.assert_array_equal(values(found[0][1])[:, 1, 0], [15, 5])
    found, _ = run(range(4), Plan(packets=4, streams=True))
    assert found[0][1]["antennas"] == 6
    found, losses = run(range(4), Plan(packets=4, source="b"))
    assert found == []
    assert sum(losses.counts.values()) == 4
    with pytest.raises(ConfigError, match="gives 3"):
        run(range(4), Plan(packets=4, antennas=(3,)))
    with pytest.raises(ConfigError, match="a,b"):
        antenna_numbers("a,b")
    with pytest.raises(ConfigError, match="0 packets"):
        Plan(packets=0)


def test_another_layout_ends_a_burst():
    losses = Losses()
    bursts = Bursts(Plan(packets=4), losses)
    sent = [packet(0, 0), packet(1, 1), packet(2, 2, antennas=2), packet(3, 3, antennas=2)]
    found = [burst for one in sent for burst in bursts.add(one)]
    found += bursts.overdue(400 * MS)
    assert len(found) == 1
    found += bursts.overdue(600 * MS)
    assert [fields["antennas"] for _, fields in found] == [3, 2]


def test_a_capture_becomes_a_bag_that_the_sensor_reads(write, tmp_path, capsys):
    pytest.importorskip("rosbags")
    from pta_ros.bags.bag import Bag
    from pta_ros.cli.csi_to_bag import main

    smooth = np.round(60 + 30 * np.sin(np.arange(114) / 12)[None, None] + np.zeros((1, 3, 1)))
    csis = [smooth.astype(np.complex64) + k % 3 for k in range(24)]
    (tmp_path / "a.dat").write_bytes(write.atheros(csis, micros=10_000)[:-100])
    out = tmp_path / "bag"
    assert main([str(tmp_path / "a.dat"), str(out), "--start", "1000"]) == 0
    said = capsys.readouterr()
    assert "23 packets, 2 messages of 3 antennas x 114 subcarriers x 10 packets" in said.out
    assert len(said.err.splitlines()) == 2  # the cut record, and the packets that are no burst
    with Bag([out]) as bag:
        raws = list(bag.messages(["/wifi/csi"]))
        messages = [bag.decode(raw) for raw in raws]
    assert [raw.time_ns for raw in raws] == [1_000_090_000_000, 1_000_190_000_000]
    sensor = CsiSensor()
    expected = np.stack([np.abs(csi[0]) for csi in csis[:10]], axis=2)
    np.testing.assert_array_equal(sensor.decode(messages[0], "t"), expected)
    sensor.process(messages[1], "t")


def test_a_capture_without_packets_is_one_line(tmp_path, capsys):
    pytest.importorskip("rosbags")
    from pta_ros.cli.csi_to_bag import main

    (tmp_path / "a.csv").write_text("CSI_DATA,AP,nothing\n")
    assert main([str(tmp_path / "a.csv"), str(tmp_path / "bag")]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not (tmp_path / "bag").exists()


def test_a_capture_that_makes_no_message_is_refused_and_leaves_nothing(write, tmp_path, capsys):
    pytest.importorskip("rosbags")
    from pta_ros.cli.csi_to_bag import main

    csis = [np.full((1, 3, 114), 5 + 5j, np.complex64)] * 3
    (tmp_path / "a.dat").write_bytes(write.atheros(csis, micros=10_000))
    arguments = [str(tmp_path / "a.dat"), str(tmp_path / "bag")]
    assert main(arguments) == 1
    assert "use --packets" in capsys.readouterr().err
    assert not (tmp_path / "bag").exists()
    assert main([*arguments, "--packets", "3"]) == 0


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_is_one_line_and_leaves_nothing(write, tmp_path, capsys, storage):
    pytest.importorskip("rosbags")
    from pta_ros.cli.csi_to_bag import main

    csis = [np.full((1, 3, 114), 5 + 5j, np.complex64)] * 400
    (tmp_path / "a.dat").write_bytes(write.atheros(csis, micros=10_000))
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", str(small)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no right to mount here")
    try:
        arguments = [str(tmp_path / "a.dat"), str(small / "bag"), "--storage", storage]
        assert main(arguments) == 1
        assert list(small.iterdir()) == []
    finally:
        subprocess.run(["umount", str(small)], check=True)
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith(f"error: {small}/bag: ")
    assert said.endswith("; expected a place to write with room for the bag")


def test_what_ends_early_leaves_nothing_and_what_was_there_stays(write, tmp_path, capsys):
    pytest.importorskip("rosbags")
    from pta_ros.cli.csi_to_bag import main

    csis = [np.full((1, 3, 114), 5 + 5j, np.complex64)] * 20
    (tmp_path / "a.dat").write_bytes(write.atheros(csis, micros=10_000))
    arguments = [str(tmp_path / "a.dat"), str(tmp_path / "bag")]
    for options in (["--antennas", "9"], ["--topic", "wifi csi"]):
        assert main([*arguments, *options]) == 1
        assert not (tmp_path / "bag").exists()
    assert len(capsys.readouterr().err.splitlines()) == 2
    assert main(arguments) == 0
    before = sorted(path.stat().st_size for path in (tmp_path / "bag").iterdir())
    assert main(arguments) == 1
    assert "exists already" in capsys.readouterr().err
    assert sorted(path.stat().st_size for path in (tmp_path / "bag").iterdir()) == before
