"""`csi_to_bag CAPTURE OUT`: a Wi-Fi card's capture file as a bag of CsiFrame messages.

Intel 5300 and Atheros (.dat), Nexmon (.pcap), ESP32 (CSV) and PicoScenes (.csi), told apart by
content. Amplitudes are linear, tones ascend in frequency; what was not measured is NaN.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from shutil import rmtree

from pta_ros.cli import run
from pta_ros.errors import DatasetError


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        "csi_to_bag", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("capture", type=Path, help="the capture file")
    parser.add_argument("out", type=Path, help="new folder for the bag")
    parser.add_argument("--format", default="auto", help="of the capture, where it is not found")
    parser.add_argument("--topic", default="/wifi/csi", help="(/wifi/csi)")
    parser.add_argument("--frame-id", default="wifi_frame", help="the receiver's (wifi_frame)")
    parser.add_argument("--packets", type=int, default=10, help="of a message (10)")
    parser.add_argument(
        "--gap", type=float, default=0.5, metavar="S", help="longest pause in a burst"
    )
    parser.add_argument("--antennas", default="", help="which, in which order: 0,1,2 (all)")
    parser.add_argument("--streams", action="store_true", help="all streams, not the first alone")
    parser.add_argument("--source", default="", metavar="MAC", help="packets of this sender only")
    parser.add_argument("--center-hz", type=float, default=0.0, metavar="HZ", help="of the channel")
    parser.add_argument("--bandwidth-hz", type=float, default=0.0, metavar="HZ", help="of it")
    parser.add_argument("--start", type=float, metavar="S", help="time of the first packet, Unix s")
    parser.add_argument("--storage", choices=("mcap", "sqlite3"), default="mcap")
    return parser.parse_args(arguments)


def _main(arguments: list[str] | None) -> int:
    options = parse(arguments)
    from pta_ros.bags.csi import capture_to_bag
    from pta_ros.captures.bursts import Plan, antenna_numbers

    plan = Plan(
        packets=options.packets,
        gap_s=options.gap,
        antennas=antenna_numbers(options.antennas),
        streams=options.streams,
        source=options.source,
        center_hz=options.center_hz,
        bandwidth_hz=options.bandwidth_hz,
    )
    written = capture_to_bag(
        options.capture,
        options.out,
        plan,
        form=options.format,
        topic=options.topic,
        frame_id=options.frame_id,
        start_s=options.start,
        storage=options.storage,
    )
    for text in written.lost:
        print(f"{options.capture}: {text}", file=sys.stderr)
    if not written.messages:
        rmtree(options.out)
        raise DatasetError(
            f"{options.capture}: {written.packets} packets make no message of {plan.packets} (half "
            f"of them within {plan.gap_s:g} s of each other); use --packets and --gap"
        )
    print(f"{options.out}: {written}")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Console script; returns the exit code."""
    return run(lambda: _main(arguments))


if __name__ == "__main__":
    raise SystemExit(main())
