"""A learned memory beside the filter of tracks/: trained, chosen and compared; all synthetic.

`python docs/memory.py {record,train,judge,page} OUT` goes on where it was stopped; each part needs
those before it. What the pose head of models/mmfi_lite reads is recorded estimate by estimate, as
the node's own pipeline makes them. Small heads read it too, and correct pose and deviations:

    plain   no memory: what more training on other people is worth by itself
    memory  a recurrent cell (GRU)
    gains   the same cell, which also says how much of a new pose counts: a learned filter

docs/memory.md tells what came out; `page` writes the tables in it.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

import memory_tables as tables
import numpy as np
import torch
from memory_heads import KINDS, Memory, Rows, ready
from memory_lessons import Choice, Lessons, load, made, train_one
from memory_scenes import figures_of, scenes

from pta_ros.bench import film
from pta_ros.bench.film import NAMES, Film, Take
from pta_ros.bench.over_time import SECONDS, subset
from pta_ros.cli import run, write_json
from pta_ros.cli.train_pta import Console
from pta_ros.tensors import load_into, load_tensors, save_tensors

#: People of training; those whom the filter was set on; those of docs/over_time.md, and others.
TRAIN, CHOOSE, TEST, MORE = range(101, 149), range(41, 47), (51, 62, 73), range(205, 285, 10)
#: The best kind of the first seed on the people of CHOOSE has more.
SEEDS = {"plain": (0, 1, 2), "memory": (0,), "gains": (0, 1, 2)}


def takes_of(number: int) -> Iterator[tuple[str, dict[str, Take], float]]:
    """What is recorded of a person: name, sensors, seconds. Training sees other rates, too."""
    yield "10hz", subset(NAMES), SECONDS if number in CHOOSE else 20.0
    if number not in CHOOSE:
        rng = np.random.default_rng(number)
        rates = rng.choice([3, 5, 10, 30]), rng.choice([0, 5, 10, 20]), rng.choice([10, 20, 50])
        some = {m: Take(rate_hz=float(hz)) for m, hz in zip(NAMES, rates, strict=True) if hz}
        yield "rates", some, 8.0


def record(out: Path) -> None:
    """Write the rows of TRAIN and CHOOSE: each (T, 8, ...), by number of the subset."""
    engine, watcher = ready()
    for number in (*CHOOSE, *TRAIN):
        person = Film(number)
        for name, takes, seconds in takes_of(number):
            path = out / "rows" / f"{number}_{name}.safetensors"
            if path.exists():
                continue
            watcher.forget()
            rows: list[Rows] = []
            watcher.recorded = rows
            given = film.arrivals(person, takes, engine.streams, seconds)
            pipeline = engine.pipeline()
            pipeline.follow(False)
            film.play(pipeline, given, seconds)
            found = Rows(*(torch.stack(part) for part in zip(*rows, strict=True)))
            truth = torch.from_numpy(person.joints(found.time_s[:, 0].double().numpy())).float()
            tensors = {**found._asdict(), "truth": truth}
            save_tensors(path, {n: t.contiguous() for n, t in tensors.items()})
            Console().note(f"{path.name}: {len(truth)} estimates")


def train(out: Path) -> None:
    """Train every kind with every seed."""
    lessons, choice = (
        Lessons(load(out, TRAIN, ["10hz", "rates"])),
        Choice(load(out, CHOOSE, ["10hz"])),
    )
    for seed in range(3):
        for kind in KINDS:
            path = out / f"{kind}{seed}.safetensors"
            if path.exists() or seed not in SEEDS[kind]:
                continue
            begun = time.process_time()
            memory, scores = train_one(kind, seed, lessons, choice)
            seconds = time.process_time() - begun
            note = {"scores": json.dumps(scores), "cpu_s": f"{seconds:.0f}"}
            save_tensors(path, memory.state_dict(), note)
            Console().note(f"{path.name}: {note} {choice.errors_mm(memory)}")


def judge(out: Path) -> None:
    """Play every scene of the people to every system; those of CHOOSE first, the others once."""
    engine, watcher = ready()
    heads: dict[str, Memory | None] = {"": None}
    for kind in KINDS:
        for seed in SEEDS[kind]:
            heads[f"{kind}{seed}"] = memory = made(kind)
            load_into(memory, load_tensors(path := out / f"{kind}{seed}.safetensors"), path)
            memory.eval()
    for number in (*TEST, *MORE):
        path = out / f"judged/{number}.json"
        if not path.exists():
            told = {
                name: figures_of(engine, watcher, heads, name, person, takes)
                for name, person, takes in scenes(number, number in TEST)
            }
            write_json(path, told)
            Console().note(f"{path.name}: {len(told)} scenes")


def page(out: Path) -> None:
    """Write the tables at the end of docs/memory.md."""
    path = Path(__file__).with_name("memory.md")
    text, _, _ = path.read_text(encoding="utf-8").partition(_TABLES)
    told, others = tables.read(out, TEST), tables.read(out, MORE)
    parts = [
        tables.chosen(out, SEEDS, Choice(load(out, CHOOSE, ["10hz"])), told),
        tables.table("mean error of people 51, 62, 73, mm", told, tables.MEANS),
        tables.table(f"of {len(MORE)} others, mm", others, tables.MEANS),
        tables.table("people 51, 62, 73", told, [*tables.FOR_ALL, *tables.FOR_TEST]),
        tables.table(f"{len(MORE)} others", others, tables.FOR_ALL),
    ]
    path.write_text(text + _TABLES + "\n\n" + "\n\n".join(parts) + "\n", encoding="utf-8")


_TABLES = "## Tables"
PARTS = {"record": record, "train": train, "judge": judge, "page": page}


def main() -> None:
    """Do one part."""
    parser = argparse.ArgumentParser("memory.py", description=__doc__)
    parser.add_argument("part", choices=list(PARTS))
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    PARTS[options.part](options.out)


if __name__ == "__main__":
    raise SystemExit(run(main))
