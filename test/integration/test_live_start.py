"""Starting and ending the executables: wrong input ends loudly, signals end cleanly."""

import os
import signal
import subprocess
import sys

import pytest

pytestmark = pytest.mark.ros
ALL = ("depth", "lidar", "csi")
NEVER_S = 60  # far more than a start takes, even on a busy machine


def errors_of(process):
    """The lines of a process that ended by itself, with status 1."""
    assert process.wait(NEVER_S) == 1
    text = process.log.read_text()
    assert "Traceback" not in text
    return [line for line in text.splitlines() if line.strip()]


def test_wrong_input_ends_the_start_with_one_line(bench, untrained_model, tmp_path):
    """The processes run side by side: most of their time is the import of torch."""
    shipped = (bench.repository / "config" / "mmfi_live.yaml").read_text()
    typo = tmp_path / "typo.yaml"
    typo.write_text(shipped.replace("sync_tolerance_s", "sync_tolerence_s", 1))
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(shipped.replace("recover_frames: 2", "recover_frames: often", 1))
    model = ("-p", f"model:={untrained_model}")
    folder = bench.start("fusion_node", "-p", "model:=/no/such/folder")
    named = bench.start("fusion_node", "--params-file", str(typo), *model)
    typed = bench.start("fusion_node", "--params-file", str(wrong), *model)
    device = bench.start("fusion_node", "-p", "device:=cuda:99", *model)

    expected = {
        folder: "/no/such/folder",
        named: "unknown parameter depth.sync_tolerence_s; did you mean depth.sync_tolerance_s?",
        typed: "depth.recover_frames is 'often'; expected a whole number",
        device: "device is 'cuda:99'",
    }
    for process, text in expected.items():
        lines = errors_of(process)
        assert len(lines) == 1
        assert text in lines[0]


def test_missing_packages_are_told_with_their_remedy(bench):
    """Without a sourced workspace, pta_msgs is not to be found."""
    env = {k: v for k, v in os.environ.items() if "PYTHONPATH" not in k}
    env.update(PYTHONPATH=str(bench.repository), ROS_DOMAIN_ID=str(bench.domain))
    command = [sys.executable, "-m", "pta_ros.nodes.sensor_node"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=NEVER_S)
    if done.returncode == 0:
        pytest.skip("pta_msgs is installed in this Python itself")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "colcon build --base-paths . pta_msgs" in done.stderr


def test_a_model_that_gives_no_numbers_is_an_error_and_the_process_ends_cleanly(
    bench, untrained_model, tmp_path
):
    torch = pytest.importorskip("torch")
    from pta_ros import checkpoint

    loaded = checkpoint.load(untrained_model)
    with torch.no_grad():
        for weights in loaded.model.head.parameters():
            weights.fill_(float("nan"))
    broken = tmp_path / "broken"
    checkpoint.save(broken, loaded.model, loaded.sensors, {}, {})

    process = bench.start("fusion_node", "-p", f"model:={broken}")
    failing = "the model gave numbers that are not finite"
    bench.until(
        lambda: failing in (bench.value("fusion", "last_error") or ""), NEVER_S, ALL, process
    )
    assert bench.status("fusion").level == b"\x02"
    assert int(bench.value("fusion", "errors")) > 0
    assert not bench.skeletons
    process.send_signal(signal.SIGINT)
    assert process.wait(NEVER_S) == 0
    assert "Traceback" not in process.log.read_text()
