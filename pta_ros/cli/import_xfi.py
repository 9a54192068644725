"""`import_xfi SRC OUT`: convert X-Fi's published encoders, without executing what they contain."""

from __future__ import annotations

import argparse
from pathlib import Path

from pta_ros.cli import run


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser("import_xfi", description=__doc__)
    parser.add_argument("source", type=Path, help="a published file (.pt, .pkl), or their folder")
    parser.add_argument("out", type=Path, help="folder; every modality becomes a folder in it")
    return parser.parse_args(arguments)


def _main(arguments: list[str] | None) -> int:
    options = parse(arguments)
    from pta_ros.imported.xfi import import_file, sources

    for source in sources(options.source):
        done = import_file(source, options.out)
        print(
            f"{done.folder}: {done.modality} from {source.name}, {done.tensors} tensors "
            f"({done.unused} of its head are left out)"
        )
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Console script; returns the exit code."""
    return run(lambda: _main(arguments))


if __name__ == "__main__":
    raise SystemExit(main())
