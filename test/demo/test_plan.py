import json
from pathlib import Path

import pytest

from pta_ros.demo.plan import Request, make_plan, memory_script
from pta_ros.errors import ConfigError
from pta_ros.simulate.script import Phase, Script

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    config = {"statistics": {"mean_pose_m": [[0.0, 0.0, 3.0]] * 17}}
    config["sensors"] = {name: {} for name in ("depth", "lidar", "csi")}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture
def plan(model, tmp_path):
    def make(**asked):
        return make_plan(Request(**{"task": "pose", "model": model, **asked}), tmp_path)

    return make


@pytest.fixture
def params(tmp_path):
    def write(text):
        path = tmp_path / "params.yaml"
        path.write_text(f"/**/fusion:\n  ros__parameters: {text}\n")
        return path

    return write


def test_the_plan_follows_the_shipped_configuration(plan, model):
    made = plan()
    assert made.script.duration_s == 30.0
    assert made.simulation["subject"] > 40
    assert made.simulation["rate_hz"] == 10.0
    assert (made.model, made.view, made.page) == (model, True, None)
    assert made.sensors == ("depth", "lidar", "csi")
    assert made.fastdds == REPOSITORY / "config" / "fastdds.xml"
    assert made.params == REPOSITORY / "config" / "mmfi_live.yaml"
    assert make_plan(Request("activity"), Path("out")).simulation["hop_s"] == 0.5


def test_a_request_changes_the_plan(plan):
    made = plan(duration=15.0, simulation={"seed": 9, "subject": None}, quiet=True, view=True)
    assert made.script.duration_s == 15.0
    assert (made.simulation["seed"], made.simulation["subject"], made.view) == (9, 41, False)
    assert made.page.url == "http://127.0.0.1:9090"


def test_every_setting_of_the_fusion_node_is_honoured(plan, params):
    made = plan(
        params=params("{refine: false, csi: {enabled: false}, lidar: {stale_after_s: 0.7}}")
    )
    assert made.fusion.refine is False
    assert made.sensors == ("depth", "lidar")
    assert made.stale_after_s == {"depth": 0.3, "lidar": 0.7}
    hops = make_plan(Request("activity", params=params("{window_hop_s: 0.25}")), Path("out"))
    assert hops.simulation["hop_s"] == 0.25


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{refin: false}", "refin"),
        ("{composed: false}", "composed"),
        ("{autostart: false}", "autostart"),
        ("{depth: {transport: compressed}}", "depth.transport"),
        ("{depth: {enabled: false}, lidar: {enabled: false}, csi: {enabled: false}}", "no sensor"),
        ("[1, 2", "YAML|expected"),
    ],
)
def test_parameters_that_cannot_work_are_told_before_anything_starts(plan, params, text, reason):
    with pytest.raises(ConfigError, match=reason):
        plan(params=params(text))


def test_checks_have_their_own_scripts(plan):
    assert plan(check="busy").script.phases[1].end_s == 62.5
    assert plan(check="busy").simulation["rate_hz"] == 10.0  # the demo's own
    transport = plan(check="transport")
    assert transport.simulation["rate_hz"] == 30.0
    assert [p.available for p in transport.script.phases] == [(), ("depth", "lidar", "csi"), ()]
    assert transport.script.phases[1].end_s - transport.script.phases[1].start_s == 60.0
    assert plan(check="memory").script.duration_s == pytest.approx(600.0)
    assert plan(check="speed").script == plan().script


def test_the_memory_check_repeats_the_script():
    one = Script((Phase("a", 0, 10), Phase("b", 10, 30)))
    long = memory_script(one, 600.0)
    assert long.duration_s == pytest.approx(600.0)
    assert len(long.phases) == 40
    assert long.phases[-1].name == "b 20"


@pytest.mark.parametrize("duration", [3.0, -1.0, float("nan"), 0.0])
def test_a_duration_that_is_too_short_is_told(plan, duration):
    with pytest.raises(ConfigError, match="at least 12 s"):
        plan(duration=duration)


def test_a_stream_that_is_stale_later_needs_a_longer_script(plan, params):
    late = params("{csi: {stale_after_s: 1.5}}")
    assert plan(params=late).script.duration_s == 30.0
    with pytest.raises(ConfigError, match=r"at least 30 s.*1\.5 s"):
        plan(params=late, duration=29.0)


def test_wrong_files_are_told(plan, model, tmp_path):
    with pytest.raises(ConfigError, match=r"none\.yaml"):
        plan(params=tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="not a model folder"):
        plan(model=tmp_path / "none")
    with pytest.raises(ConfigError, match="choose another --model or --task"):
        make_plan(Request("activity", model=REPOSITORY / "models" / "mmfi_lite"), tmp_path)
    (model / "config.json").write_text('{"statistics": {}}')
    with pytest.raises(ConfigError, match="mean_pose_m"):
        plan()
    (tmp_path / "world.yaml").write_text("simulation: {sed: 1}\nscript: {phases: []}\n")
    with pytest.raises(ConfigError):
        plan(config=tmp_path / "world.yaml")


@pytest.mark.parametrize("asked", [{"check": "transport"}, {"check": "busy"}, {"view": True}])
def test_what_activities_do_not_have_is_told(asked):
    with pytest.raises(ConfigError, match="tasks people and pose"):
        make_plan(Request("activity", **asked), Path("out"))


@pytest.fixture
def people_model(tmp_path):
    folder = tmp_path / "people"
    folder.mkdir()
    config = {"model": {"encoders": "centred"}, "sensors": {"depth": {}, "lidar": {}}}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture
def people_plan(people_model, tmp_path):
    def make(**asked):
        return make_plan(Request(**{"model": people_model, **asked}), tmp_path)

    return make


def test_people_are_the_default(people_plan):
    made = people_plan()
    assert (made.task.name, made.sensors) == ("people", ("depth", "lidar"))
    assert made.params == REPOSITORY / "config" / "people_live.yaml"
    assert {phase.people for phase in made.script.phases} == {0, 1, 2}
    assert made.streams["depth"].extrinsic == "0 0 1.25 0 8 0"
    assert people_plan(check="transport").script.phases[1].available == ("depth", "lidar")
    with pytest.raises(ConfigError, match="at least 24 s"):
        people_plan(duration=20.0)


def test_the_demo_of_people_must_know_how_its_sensors_stand(people_plan, params):
    with pytest.raises(ConfigError, match=r"depth\.extrinsic is empty"):
        people_plan(params=params("{lidar: {extrinsic: 0 0 1 0 0 0}}"))


def test_a_model_of_another_kind_is_told(plan, people_plan, model, people_model):
    with pytest.raises(ConfigError, match="does not find people; task people"):
        people_plan(model=model)
    with pytest.raises(ConfigError, match="finds people; task pose"):
        plan(model=people_model)


def test_a_script_of_another_task_is_told(plan, people_plan, tmp_path):
    with pytest.raises(ConfigError, match="script is for depth, lidar, csi; task people"):
        people_plan(config=REPOSITORY / "config" / "demo.yaml")
    script = {"phases": [{"name": "a", "start_s": 0, "end_s": 9, "people": 2}]}
    (tmp_path / "two.yaml").write_text(json.dumps({"script": script}))
    with pytest.raises(ConfigError, match="'a' has 2 people; task pose"):
        plan(config=tmp_path / "two.yaml")
