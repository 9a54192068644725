import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from pta_ros.errors import ConfigError, DecodeError
from pta_ros.fusion.transforms import Transforms, apply, from_pose, pose_form

UPRIGHT = (0.0, 0.0, 0.0, 1.0)
LEFT = (0.0, 0.0, math.sqrt(0.5), math.sqrt(0.5))  # a quarter turn about z


def matrix_of(move, quaternion):
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_quat(quaternion).as_matrix()
    matrix[:3, 3] = move
    return matrix


def random_link(rng):
    return tuple(rng.normal(0, 2, 3)), tuple(Rotation.random(random_state=rng).as_quat())


def test_the_pose_of_a_child_takes_its_points_to_the_parent():
    tree = Transforms()
    assert tree.add("room", "lidar", (1, 2, 3), LEFT) == ""
    points = np.array([[1, 0, 0], [0, 1, 0]], np.float32)
    moved = apply(tree.between("room", "lidar"), points)
    assert moved.dtype == np.float32
    np.testing.assert_allclose(moved, [[1, 3, 3], [0, 2, 3]], atol=1e-6)
    np.testing.assert_allclose(apply(tree.between("lidar", "room"), moved), points, atol=1e-6)
    np.testing.assert_array_equal(tree.between("lidar", "lidar"), np.eye(4))


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_chains_agree_with_products_whatever_the_order_of_arrival(seed):
    rng = np.random.default_rng(seed)
    links = {"b": "a", "c": "b", "d": "c", "x": "a", "y": "x"}
    poses = {child: random_link(rng) for child in links}
    tree = Transforms()
    for child in rng.permutation(list(links)):
        tree.add(links[child], str(child), *poses[child])
    m = {child: matrix_of(*pose) for child, pose in poses.items()}
    to_a = {"a": np.eye(4), "b": m["b"], "c": m["b"] @ m["c"], "d": m["b"] @ m["c"] @ m["d"]}
    to_a.update(x=m["x"], y=m["x"] @ m["y"])
    for target in to_a:
        for source in to_a:
            expected = np.linalg.inv(to_a[target]) @ to_a[source]
            np.testing.assert_allclose(tree.between(target, source), expected, atol=1e-9)


def test_unconnected_and_unknown_frames_have_no_transform():
    tree = Transforms()
    tree.add("a", "b", (0, 0, 0), UPRIGHT)
    tree.add("x", "y", (0, 0, 0), UPRIGHT)
    assert tree.between("b", "y") is None
    assert tree.between("b", "nowhere") is None
    assert tree.missing("b", "y") == "no static transform leads to 'b'"
    assert "without a name" in tree.missing("b", "")


def test_leading_slashes_do_not_matter():
    tree = Transforms()
    tree.add("/a", "b", (1, 0, 0), UPRIGHT)
    assert tree.between("a", "/b")[0, 3] == 1


def test_a_loop_has_no_transform_and_says_so_until_it_is_mended():
    tree = Transforms()
    for parent, child in (("a", "b"), ("b", "c"), ("c", "a"), ("c", "out")):
        tree.add(parent, child, (1, 0, 0), UPRIGHT)
    for target, source in (("a", "b"), ("a", "out"), ("out", "a")):
        assert tree.between(target, source) is None
        assert "loop" in tree.missing(target, source)
    assert "its parent was 'c' before" in tree.add("map", "a", (1, 0, 0), UPRIGHT)
    assert tree.between("map", "out")[0, 3] == 4


def test_the_newest_of_contradicting_parents_counts_and_is_remarked():
    tree = Transforms()
    tree.add("a", "lidar", (1, 0, 0), UPRIGHT)
    remark = tree.add("b", "lidar", (2, 0, 0), UPRIGHT)
    assert "'b' to 'lidar'" in remark
    assert "'a' before" in remark
    assert tree.between("a", "lidar") is None
    assert tree.between("b", "lidar")[0, 3] == 2


def test_a_newer_pose_replaces_the_older_one_and_counts_as_a_change():
    tree = Transforms()
    tree.add("a", "b", (1, 0, 0), UPRIGHT)
    before = tree.version
    assert tree.add("a", "b", (5, 0, 0), UPRIGHT) == ""
    assert tree.version > before
    assert tree.between("a", "b")[0, 3] == 5


@pytest.mark.parametrize(
    ("parent", "child", "move", "quaternion", "said"),
    [
        ("a", "b", (0, 0, 0), (0, 0, 0, 0), "quaternion"),
        ("a", "b", (0, 0, 0), (0, 0, 0, 2), "quaternion"),
        ("a", "b", (0, 0, 0), (0, math.nan, 0, 1), "quaternion"),
        ("a", "b", (0, 0, 0), (0, math.inf, 0, 1), "quaternion"),
        ("a", "b", (math.nan, 0, 0), UPRIGHT, "translation"),
        ("a", "b", (0, math.inf, 0), UPRIGHT, "translation"),
        ("a", "a", (0, 0, 0), UPRIGHT, "different names"),
        ("a", "/a", (0, 0, 0), UPRIGHT, "different names"),
        ("", "b", (0, 0, 0), UPRIGHT, "different names"),
        ("a", "", (0, 0, 0), UPRIGHT, "different names"),
    ],
)
def test_what_is_no_transform_is_refused_and_the_older_one_kept(
    parent, child, move, quaternion, said
):
    tree = Transforms()
    tree.add("a", "b", (7, 0, 0), UPRIGHT)
    with pytest.raises(DecodeError, match=said):
        tree.add(parent, child, move, quaternion)
    assert tree.version == 1
    assert tree.between("a", "b")[0, 3] == 7


@given(scale=st.floats(0.9951, 1.0049), seed=st.integers(0, 2**32 - 1))
def test_a_quaternion_nearly_of_length_one_is_a_pure_turn(scale, seed):
    quaternion = Rotation.random(random_state=seed).as_quat()
    tree = Transforms()
    tree.add("a", "b", (0, 0, 0), quaternion * scale)
    np.testing.assert_allclose(tree.between("a", "b"), matrix_of((0, 0, 0), quaternion), atol=1e-9)


def tf(parent, child, move, quaternion):
    names = [dict(zip("xyzw", values, strict=False)) for values in (move, quaternion)]
    translation, rotation = (SimpleNamespace(**n) for n in names)
    return SimpleNamespace(
        header=SimpleNamespace(frame_id=parent),
        child_frame_id=child,
        transform=SimpleNamespace(translation=translation, rotation=rotation),
    )


def test_a_message_is_taken_whole_and_its_bad_parts_told():
    listed = [
        tf("a", "b", (1, 0, 0), UPRIGHT),
        tf("a", "bad", (1, 0, 0), (0, 0, 0, 0)),
        tf("a", "c", (0, 1, 0), LEFT),
        tf("b", "c", (0, 1, 0), LEFT),
    ]
    tree = Transforms()
    remarks = tree.take(SimpleNamespace(transforms=listed))
    assert len(remarks) == 2
    assert "'a' to 'bad'" in remarks[0]
    assert "its parent was 'a' before" in remarks[1]
    np.testing.assert_allclose(tree.between("a", "c")[:3, 3], (1, 1, 0))


@given(angles=st.lists(st.floats(-360, 360), min_size=3, max_size=3))
def test_a_pose_turns_about_fixed_axes_in_degrees(angles):
    matrix = from_pose("1 -2.5 3e-1 " + " ".join(map(repr, angles)))
    expected = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    np.testing.assert_allclose(matrix[:3, :3], expected, atol=1e-9)
    np.testing.assert_array_equal(matrix[:, 3], (1, -2.5, 0.3, 1))


@pytest.mark.parametrize("text", ["1 2 3", "1 2 3 4 5 6 7", "a b c d e f", "0 0 0 0 0 nan", " "])
def test_what_is_no_pose_is_refused(text):
    assert "six numbers" in pose_form(text)
    with pytest.raises(ConfigError, match="six numbers"):
        from_pose(text)


def test_commas_are_welcome_and_an_empty_pose_is_none():
    np.testing.assert_array_equal(from_pose("1, 2, 3, 0, 0, 90"), from_pose("1 2 3 0 0 90"))
    assert pose_form("") == pose_form("0 0 0 0 0 0") == ""
