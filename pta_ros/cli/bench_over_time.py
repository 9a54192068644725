"""`bench_over_time`: what following people over time is worth, on synthetic people, in bounds."""

from __future__ import annotations

import argparse
from pathlib import Path

from pta_ros.cli import run, write_json
from pta_ros.metrics.bound import as_records, bounds_text, exit_code

#: People who are in no data set, and on whom nothing was tuned.
_PEOPLE = (51, 62, 73)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser("bench_over_time", description=__doc__)
    parser.add_argument("--model", default="", help="model folder or name (mmfi_lite)")
    parser.add_argument(
        "--people", nargs="+", type=int, default=list(_PEOPLE), metavar="N", help="41 or more"
    )
    parser.add_argument(
        "--parts", nargs="+", metavar="PART",
        help="only these: subsets, late, rates, rest, silence, broken",
    )  # fmt: skip
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    return parser.parse_args(arguments)


def _main(arguments: list[str] | None) -> int:
    options = parse(arguments)
    from pta_ros.bench import over_time
    from pta_ros.errors import ConfigError
    from pta_ros.fusion.engine import Engine
    from pta_ros.fusion.params import fusion_from, fusion_specs

    wanted = options.parts or list(over_time.PARTS)
    if unknown := sorted(set(wanted) - set(over_time.PARTS)):
        raise ConfigError(f"parts {unknown} are unknown; expected some of {list(over_time.PARTS)}")
    given = {spec.name: spec.default for spec in fusion_specs()}
    engine = Engine.load(*fusion_from({**given, "model": options.model}))
    if engine.finds_people or not engine.loaded.model.config.has("pose"):
        raise ConfigError(
            f"model {engine.loaded.name} does not tell one person's skeleton; expected one that "
            "does, such as mmfi_lite"
        )
    engine.start()
    stage = over_time.Stage(engine, options.people)
    bounds = []
    for part in wanted:
        for bound in over_time.PARTS[part](stage):
            print(
                f"  {bound.name}: {bound.value_text}, {bound.limit_text}: {bound.verdict}",
                flush=True,
            )
            bounds.append(bound)
    for name, runs in stage.told.items():
        print(
            f"  {name}: mean {over_time.mean_mm(runs):.0f}, worst {over_time.worst_mm(runs):.0f} mm"
        )
    print(bounds_text(bounds))
    write_json(options.json, {"bounds": as_records(bounds)})
    return exit_code(bounds)


def main(arguments: list[str] | None = None) -> int:
    """Console script; returns the exit code."""
    return run(lambda: _main(arguments))


if __name__ == "__main__":
    raise SystemExit(main())
