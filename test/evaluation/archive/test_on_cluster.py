"""An archive on a Dask scheduler's workers, one of which is killed."""

import threading

import pytest

pytest.importorskip("distributed")

from pta_ros.cli import evaluate_bag
from pta_ros.cli.archives import EXIT_FAILED


def test_a_killed_worker_of_a_cluster_loses_and_doubles_nothing(
    fleet, dask, tmp_path, capsys, monkeypatch
):
    out = tmp_path / "sub/out"
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")  # the workers are elsewhere
    given = [f"../{fleet.name}", "--out", "out", "--cluster", dask.address]

    def kill():
        """As soon as one has finished a recording: the other is at work or begins one at once."""
        while not list(out.rglob("evaluated.json")):
            if stop.wait(0.02):
                return
        dask.workers[0].kill()

    stop = threading.Event()
    thread = threading.Thread(target=kill)
    thread.start()
    try:
        assert evaluate_bag.main(given) == EXIT_FAILED
    finally:
        stop.set()
        thread.join()
    assert dask.workers[0].wait(10) == -9
    lines = (out / "archive.csv").read_text().splitlines()[1:]
    found = [line.split(",")[:3:2] for line in lines]
    assert found == [
        ["ada/one", "evaluated"], ["ada/two", "evaluated"], ["bob/broken.mcap", "failed"],
        ["bob/loose.mcap", "evaluated"], ["bob/x", "evaluated"], ["cid/talk", "failed"],
    ]  # fmt: skip
    said = capsys.readouterr().out
    ended = [line for line in said.splitlines() if "/6 " in line and "once more" not in line]
    assert len({line.split(" ")[0] for line in ended}) == len(ended) == 6
    assert len(list(out.rglob("evaluated.json"))) == 4
