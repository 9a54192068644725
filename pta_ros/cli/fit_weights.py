"""`fit_weights FILE.npz`: weights for one's own single-modality models, and their worth."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from pta_ros.cli import run, write_json
from pta_ros.errors import ConfigError
from pta_ros.metrics.subsets import spaced

if TYPE_CHECKING:
    from pta_ros.evaluation.compare.own_outputs import OwnOutputs, SubsetFigures


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser("fit_weights", description=__doc__)
    parser.add_argument(
        "file", type=Path,
        help="NPZ with an array per modality, all (N, classes) logits beside labels (N,), or all "
        "(N, J, 3) poses beside truth (N, J, 3), metres; NaN rows: absent. Use samples that the "
        "models were not trained on",
    )  # fmt: skip
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="of random halves (5)")
    parser.add_argument("--seed", type=int, default=0, help="of halves and of the fit (0)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write weights and figures")
    return parser.parse_args(arguments)


def _main(arguments: list[str] | None) -> int:
    options = parse(arguments)
    for name, least in (("rounds", 1), ("seed", 0)):
        if (value := getattr(options, name)) < least:
            raise ConfigError(f"--{name} is {value}; expected {least} or more")
    from tqdm import tqdm

    from pta_ros.datasets.outputs import read_outputs
    from pta_ros.evaluation.compare.own_outputs import fit_outputs

    given = read_outputs(options.file)
    with tqdm(total=options.rounds, desc="halves", leave=False, disable=None) as bar:
        found = fit_outputs(
            given, options.rounds, options.seed, lambda done, _: bar.update(done - bar.n)
        )
    print(as_text(found))
    write_json(options.json, asdict(found))
    return 0


def as_text(found: OwnOutputs) -> str:
    """Weights, and one line a subset."""
    shares = ", ".join(f"{name} {weight:.3f}" for name, weight in found.weights.items())
    what = "accuracy, %" if found.has_labels else "MPJPE, mm"
    head = ["", "samples", "mean of outputs", "fitted", "least to most", "gain", "harm"]
    rows = [head + ["ECE, %"] * found.has_labels, *(_row(found, s) for s in found.subsets)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [f"weights: {shares}", f"{what}, on halves that the weights were not fitted on:"]
    for row in rows:
        cells = [row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]
        lines.append("  ".join(cells).rstrip())
    lines.append("gain: over the mean of the outputs; harm: how much a subset within it is better")
    return "\n".join(lines)


def _row(found: OwnOutputs, seen: SubsetFigures) -> list[str]:
    low, high = seen.spread
    figures = [f"{seen.mean:.1f}", f"{seen.fitted:.1f}", f"{low:.1f} to {high:.1f}"]
    figures += [f"{found.gain(seen):+.1f}", f"{seen.harm:.1f}"]
    sure = [] if seen.ece_percent is None else [f"{seen.ece_percent:.1f}"]
    return [spaced(seen.name), str(seen.samples), *figures, *sure]


def main(arguments: list[str] | None = None) -> int:
    """Console script; returns the exit code."""
    return run(lambda: _main(arguments))


if __name__ == "__main__":
    raise SystemExit(main())
