"""Sensors with clocks of their own over real topics: cured by a setting, or named with it."""

import time

import pytest

pytestmark = pytest.mark.ros
SINCE_BOOT_NS = 1_000_000_000_000


def test_a_clock_since_boot_is_aligned_or_named(bench, untrained_model):
    bench.start(
        "fusion_node", "-p", f"model:={untrained_model}", "-p", "lidar.stamp_policy:=align",
        "-r", "__ns:=/robot1", *[
            part for topic in ("depth/image", "lidar/points", "wifi/csi")
            for part in ("-r", f"{topic}:=/{topic}")
        ],
        "-r", "skeleton:=/skeleton",
    )  # fmt: skip
    boot_ns = time.time_ns() - SINCE_BOOT_NS

    def send():
        bench.send("depth")
        for modality in ("lidar", "csi"):
            now_ns = bench.node.get_clock().now().nanoseconds
            bench.publisher(modality).publish(bench.message(modality, now_ns - boot_ns))

    def newest(name):
        return (
            bench.diagnostics[-1][1].get(f"/robot1/fusion: {name}") if bench.diagnostics else None
        )

    def values(name):
        return {v.key: v.value for v in newest(name).values} if newest(name) else {}

    def used():
        found = bench.skeletons[-1][1].modalities if bench.skeletons else []
        return {m.modality for m in found if m.weight > 0}

    bench.until(
        lambda: used() == {"depth", "lidar"} and values("csi").get("state") == "STALE", 40.0, send
    )
    bench.until(lambda: "stamps since boot?" in newest("csi").message, 10.0, send)
    assert newest("csi").hardware_id == "/robot1/fusion"
    assert "set csi.stamp_policy to align, or receive" in newest("csi").message
    assert float(values("csi")["behind_s"]) == pytest.approx(boot_ns / 1e9, abs=1.0)
    assert (values("lidar")["state"], newest("lidar").level) == ("LIVE", b"\x00")
    assert int(values("lidar")["restamped"]) > 0
    second = bench.node.create_publisher(type(bench.message("depth")), "/depth/image", 5)
    bench.until(lambda: "publishers of /depth/image: /bench" in newest("depth").message, 10.0, send)
    bench.node.destroy_publisher(second)
