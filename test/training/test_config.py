from pathlib import Path

import pytest

from pta_ros.errors import ConfigError
from pta_ros.training.config import TrainConfig, config_from, load_config

CONFIG = Path(__file__).parents[2] / "config"


@pytest.mark.parametrize("size", ["lite", "large"])
def test_both_sizes_of_the_model_of_people_answer(size):
    torch = pytest.importorskip("torch")
    from pta_ros.model.pta import PTA
    from pta_ros.people.centred import CLOUD_SHAPE, PATCH_SHAPE

    model = PTA(load_config(CONFIG / f"people_{size}.yaml").model).eval()
    inputs = {"depth": torch.zeros(2, *PATCH_SHAPE), "lidar": torch.zeros(2, *CLOUD_SHAPE)}
    with torch.inference_mode():
        assert model(inputs).joints.shape == (2, 17, 3)


def test_the_shipped_training_configuration_loads():
    config = load_config(CONFIG / "mmfi_lite.yaml")
    assert config.meta.align_weight == 0.1
    assert config_from(config.to_dict()) == config


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"sed": 1}, "did you mean seed"),
        ({"meta": {"epoch": 3}}, "did you mean epochs"),
        ({"model": {"tokns": 3}}, "did you mean tokens"),
        ({"meta": {"epochs": 1.5}}, "epochs is 1.5"),
        ({"meta": {"learning_rate": "fast"}}, "learning_rate is 'fast'"),
        ({"meta": {"learning_rate": -1.0}}, "learning_rate is -1.0"),
        ({"meta": {"learning_rate": 1e30}}, r"meta.learning_rate is 1e\+30; expected 1e-09 to 1"),
        ({"gate": {"learning_rate": 0}}, "gate.learning_rate is 0.0; expected 1e-09 to 1"),
        ({"meta": {"batch": 0}}, "meta.batch is 0; expected 1 to "),
        ({"pretrain": {"csi": {"batch": 0}}}, "pretrain.csi.batch is 0; expected 1 to "),
        ({"activity": {"epochs": 0}}, "activity.epochs is 0; expected 1 to "),
        ({"model": {"diffusion": {"ddim_steps": 0}}}, "ddim_steps is 0"),
        ({"meta": {"align_weight": float("nan")}}, "meta.align_weight is nan"),
        ({"split": {"val": 1.5}}, "split.val is 1.5; expected 0 to 1"),
        ({"seed": -1}, "seed is -1; expected 0 to "),
        ({"meta": 3}, "meta is 3"),
        ({"task_loss": "mae"}, "task_loss is 'mae'"),
        ({"meta": {"schedule": "cosine"}}, "schedule is 'cosine'"),
        ({"meta": {"outer": "second_order"}}, "outer is 'second_order'"),
        ({"pretrain": {"sonar": {}}}, "sonar"),
        ({"meta": {"corrupt": {"sonar": 0.1}}}, r"meta.corrupt names \['sonar'\]"),
        ({"meta": {"corrupt": {"csi": 1.5}}}, "meta: corrupt is {'csi': 1.5}; expected shares"),
        ({"pretrain": {"csi": {"epoch": 1}}}, "did you mean epochs"),
        ({"split": {"train_scenes": ["Scene1"]}}, r"split.train_scenes is \['Scene1'\]"),
        ({"imported": 5}, "imported is 5"),
        ([1], r"is \[1\]"),
    ],
)
def test_a_mistake_is_named_with_its_remedy(values, words):
    with pytest.raises(ConfigError, match=words):
        config_from(values)


def test_files_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(ConfigError, match=r"absent\.yaml: No such file"):
        load_config(tmp_path / "absent.yaml")
    (tmp_path / "bad.yaml").write_text("a: [1,")
    with pytest.raises(ConfigError, match=r"bad\.yaml"):
        load_config(tmp_path / "bad.yaml")
    (tmp_path / "code.yaml").write_text("seed: !!python/object/apply:os.getcwd []")
    with pytest.raises(ConfigError, match=r"code\.yaml"):
        load_config(tmp_path / "code.yaml")


def test_an_empty_file_gives_the_defaults(tmp_path):
    (tmp_path / "empty.yaml").write_text("")
    assert load_config(tmp_path / "empty.yaml") == TrainConfig()
