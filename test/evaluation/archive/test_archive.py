"""Archives from the command line: evaluated by real processes, resumed, killed, interrupted."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from fractions import Fraction

import psutil
import pytest

from pta_ros import checkpoint
from pta_ros.cli import evaluate_bag
from pta_ros.cli.archives import EXIT_FAILED
from pta_ros.errors import ConfigError
from pta_ros.evaluation.archive.find import below
from pta_ros.evaluation.archive.run import Archive
from pta_ros.evaluation.archive.work import evaluate
from pta_ros.evaluation.report.recording import Wishes
from pta_ros.home import model_folder
from pta_ros.workers.lead import End
from pta_ros.workers.processes import Processes

GOOD = ["ada/one", "ada/two", "bob/loose.mcap", "bob/x"]
BAD = ["bob/broken.mcap", "cid/talk"]


def table(out):
    with (out / "archive.csv").open(encoding="utf-8") as file:
        return {row["recording"]: row for row in csv.DictReader(file)}


def states(out):
    return {name: row["state"] for name, row in table(out).items()}


ALL = dict(sorted({**dict.fromkeys(GOOD, "evaluated"), **dict.fromkeys(BAD, "failed")}.items()))


def written(out):
    """When each report was written."""
    return {p.parent.name: p.stat().st_mtime_ns for p in out.rglob("report.json")}


def progress(text):
    """Recording -> what is told of it."""
    lines = [line.split(" ", 1) for line in text.splitlines()]
    told = [line[1].split(": ", 1) for line in lines if "/" in line[0] and line[0][0].isdigit()]
    return dict(told)


def test_an_archive_goes_on_where_it_was_and_does_again_what_changed(fleet, tmp_path, capsys):
    out = tmp_path / "out"
    given = [str(fleet), "--out", str(out), "--jobs", "2"]
    assert evaluate_bag.main(given) == EXIT_FAILED
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert said.err.startswith("error: 2 of 6 recordings failed, such as bob/broken.mcap: ")
    told = progress(said.out)
    assert sorted(told) == sorted(ALL)
    assert told["bob/broken.mcap"].startswith("failed: ")
    assert "no topic of a sensor in the bag" in told["cid/talk"]
    assert states(out) == ALL
    page = (out / "archive.html").read_text(encoding="utf-8")
    assert 'data-failed="2"' in page
    assert "<script" not in page
    first = written(out)

    os.utime(fleet / "bob/x/x.mcap", ns=(1, 1))
    assert evaluate_bag.main([*given[:-1], "1"]) == EXIT_FAILED
    said = capsys.readouterr().out
    assert "6 recordings, 3 of them finished before" in said
    assert sorted(progress(said)) == ["bob/broken.mcap", "bob/x", "cid/talk"]
    assert states(out) == ALL
    again = written(out)
    assert {name for name in first if again[name] != first[name]} == {"x"}


def test_a_recording_of_an_archive_has_the_report_of_one_alone(fleet, tmp_path):
    (tmp_path / "list.txt").write_text(str(fleet / "bob/loose.mcap"))
    plan = tmp_path / "plan.yaml"
    plan.write_text("faults: [{kind: drop, modality: depth, start: 0.4, end: 0.8}]")
    given = ["--faults", str(plan), "--params", str(tmp_path / "params.yaml")]
    (tmp_path / "params.yaml").write_text("fusion: {ros__parameters: {refine: false}}")
    alone, many = tmp_path / "alone", tmp_path / "many"
    assert evaluate_bag.main([str(fleet / "bob/loose.mcap"), *given, "--out", str(alone)]) == 0
    listed = ["--list", str(tmp_path / "list.txt"), *given]
    assert evaluate_bag.main([*listed, "--out", str(many)]) == 0
    (row,) = table(many).values()
    own = many / row["report"]
    found = [json.loads((p / "report.json").read_text()) for p in (alone, own.parent)]
    assert found[1]["command"].endswith(f"--faults {plan} --out {own.parent}")
    for report in found:
        assert report.pop("command")
        assert report.pop("timings")
    assert found[0] == found[1]
    assert (row["plans"], row["state"]) == ("1", "evaluated")


@pytest.fixture
def mine(tmp_path):
    """A copy of the shipped model that can be changed."""
    shutil.copytree(model_folder(""), tmp_path / "model")
    return tmp_path / "model"


class Here:
    """A crew of this process alone."""

    def __init__(self):
        self._tasks = []

    def idle(self):
        return [] if self._tasks else [0]

    def give(self, worker, number, task):
        self._tasks.append((number, task))

    def wait(self):
        number, task = self._tasks.pop()
        return [End(number, evaluate(task))]


def test_a_changed_model_parameter_plan_or_topic_is_done_again(fleet, mine, tmp_path):
    recordings = below(fleet / "ada")
    (tmp_path / "params.yaml").write_text("fusion: {ros__parameters: {refine: false}}")
    (tmp_path / "plan.yaml").write_text("faults: [{kind: drop, modality: csi, start: 0.1, end: 1}]")

    def left(**changes):
        wishes = replace(Wishes(model=str(mine)), **changes)
        archive = Archive(recordings, tmp_path / "out", wishes)
        return archive, archive.open()

    archive, tasks = left()
    assert len(list(archive.evaluate(Here(), tasks))) == 2
    again, tasks = left()
    assert (tasks, again.results) == ([], archive.results)
    for change in (
        {"params": tmp_path / "params.yaml"}, {"faults": (str(tmp_path / "plan.yaml"),)},
        {"topics": ("truth=",)}, {"clock": "receipt"}, {"device": "cpu"},
    ):  # fmt: skip
        assert len(left(**change)[1]) == 2, change
    copy = shutil.copytree(mine, tmp_path / "elsewhere")
    assert left(model=str(copy))[1] == []  # nor does where the model lies
    loaded = checkpoint.load(mine)
    loaded.model.head.position.bias.data += 0.01
    checkpoint.save(mine, loaded.model, loaded.sensors, {}, loaded.provenance)
    assert len(left()[1]) == 2
    record = tmp_path / "out/recordings/one/evaluated.json"
    record.write_text(record.read_text()[:50])  # damaged
    assert [task.recording.name for task in left(model=str(copy))[1]] == ["one"]


def test_a_worker_with_another_model_ends_the_run_and_writes_nothing(fleet, mine, tmp_path):
    archive = Archive(below(fleet / "ada"), tmp_path / "out", Wishes(model=str(mine)))
    tasks = archive.open()
    (mine / "note.txt").write_text("another")
    with pytest.raises(ConfigError, match=r"another version .* 0 of 2 recordings are finished"):
        list(archive.evaluate(Here(), tasks))
    assert not (tmp_path / "out").exists()


def test_a_report_that_was_made_anew_or_is_gone_is_made_again(fleet, tmp_path):
    def made():
        archive = Archive(below(fleet / "ada"), tmp_path / "out", Wishes())
        tasks = archive.open()
        list(archive.evaluate(Here(), tasks))
        assert not archive.failures
        return [task.recording.name for task in tasks]

    assert made() == ["one", "two"]
    assert made() == []
    own = tmp_path / "out/recordings/one"
    later = time.time_ns() + 10**9
    os.utime(own / "report.html", ns=(later, later))  # as evaluate_bag of it alone does
    (own / ".new-killed").mkdir()
    assert made() == ["one"]
    assert not (own / ".new-killed").exists()
    (own / "report.html").unlink()
    assert made() == ["one"]


def test_a_name_that_is_no_utf8_is_a_row(fleet, tmp_path):
    odd = tmp_path / "odd"
    shutil.copytree(fleet / "ada/one", odd / os.fsdecode(b"bytes\xff"))
    given = [str(odd), "--out", str(tmp_path / "out"), "--jobs", "1"]
    assert evaluate_bag.main(given) == 0
    assert states(tmp_path / "out") == {"bytes?": "evaluated"}
    assert "bytes%FF/report.html" in (tmp_path / "out/archive.html").read_text(encoding="utf-8")


def test_the_work_goes_on_when_nobody_reads_what_is_printed(fleet, tmp_path):
    code = "import sys; from pta_ros.cli.evaluate_bag import main; sys.exit(main(sys.argv[1:]))"
    given = [str(fleet / "ada"), "--out", str(tmp_path / "out"), "--jobs", "1"]
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-c", code, *given], stdout=writer, stderr=subprocess.PIPE, text=True
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")
    assert set(states(tmp_path / "out").values()) == {"evaluated"}


def test_workers_that_cannot_begin_end_the_run(fleet, tmp_path):
    archive = Archive(below(fleet / "ada"), tmp_path / "out", Wishes())
    tasks = archive.open()
    with (
        Processes(Fraction, 1) as crew,
        pytest.raises(ConfigError, match="cannot begin: TypeError"),
    ):
        list(archive.evaluate(crew, tasks))


def started(arguments):
    command = [sys.executable, "-m", "pta_ros.cli.evaluate_bag", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def workers(process):
    mine = psutil.Process(process.pid).children()
    return [one for one in mine if "spawn_main" in " ".join(one.cmdline())]


def until(check, seconds=60.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := check():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come to pass")


def test_a_worker_that_is_killed_at_work_loses_and_doubles_nothing(fleet, tmp_path):
    out = tmp_path / "out"
    process = started([str(fleet), "--out", str(out), "--jobs", "2"])
    until(lambda: len(workers(process)) == 2)
    time.sleep(0.5)  # both have a recording from the first moment on
    workers(process)[0].kill()
    said, complaints = process.communicate(timeout=120)
    assert process.returncode == EXIT_FAILED, complaints
    assert states(out) == ALL
    assert said.count("was ended by SIGKILL") == 1
    assert "it is tried once more" in said
    ended = [line for line in said.splitlines() if "/6 " in line and "once more" not in line]
    assert len({line.split(" ")[0] for line in ended}) == len(ended) == 6
    assert complaints.count("\n") == 1


def test_ctrl_c_is_one_line_and_leaves_what_is_finished(fleet, tmp_path):
    out = tmp_path / "out"
    process = started([str(fleet), "--out", str(out), "--jobs", "1"])
    assert process.stdout.readline() == "6 recordings, 0 of them finished before\n"
    assert process.stdout.readline().startswith("1/6 ada/one: ")
    left = workers(process)
    process.send_signal(signal.SIGINT)
    _, complaints = process.communicate(timeout=60)
    assert process.returncode == 130
    assert complaints.startswith("interrupted: ")
    assert complaints.count("\n") == 1
    assert not any(psutil.pid_exists(one.pid) for one in left)
    found = states(out)
    assert sorted(found) == sorted(ALL)
    assert found["ada/one"] == "evaluated"
    assert "open" in found.values()
    assert "interrupted: " in (out / "archive.html").read_text(encoding="utf-8")
    assert not list(out.rglob(".new-*"))


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_is_one_line_and_leaves_what_is_finished(fleet, tmp_path, capsys):
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(small)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no right to mount here")
    try:  # a report is some 2 MB
        given = [str(fleet), "--out", str(small), "--jobs", "1"]
        assert evaluate_bag.main(given) == 1
        kept = len(list(small.rglob("evaluated.json")))
        assert len(list(small.rglob("report.json"))) == kept
    finally:
        subprocess.run(["umount", str(small)], check=True)
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "No space left on device" in said
    assert f"{kept} of 6 recordings are finished and stay" in said


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["{fleet}/ada/one", "{fleet}/ada/two", "--jobs", "2"], 1, "parts of one recording"),
        (["{fleet}", "--jobs", "0"], 1, "--jobs is 0"),
        (["{fleet}", "--jobs", "2", "--cluster", "tcp://x:1"], 1, "expected one"),
        (["{fleet}", "--rrd", "x.rrd"], 1, "--rrd is of one recording"),
        (["{fleet}", "--model", "{fleet}/no"], 1, "no"),
        (["{fleet}", "--topic", "depht=/x"], 1, "expected MODALITY=TOPIC"),
        (["--list", "{fleet}/no.txt"], 1, "expected a text file of paths"),
    ],
)
def test_wrong_input_is_one_line(fleet, arguments, code, told, tmp_path, capsys):
    given = [text.format(fleet=fleet) for text in arguments]
    assert evaluate_bag.main([*given, "--out", str(tmp_path / "out")]) == code
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert told in said


def test_a_table_of_something_else_is_not_replaced(fleet, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/archive.csv").write_text("mine")
    assert evaluate_bag.main([str(fleet), "--out", str(tmp_path / "out")]) == 1
    assert "archive.csv is not of an archive's summary" in capsys.readouterr().err
    assert (tmp_path / "out/archive.csv").read_text() == "mine"
