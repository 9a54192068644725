import io

from pta_ros.nodes.status_view import Scoreboard, StatusView, line, table

S = 1_000_000_000


def stream(state="LIVE", weight=0.5):
    return {
        "state": state,
        "age_s": None,
        "rate_hz": 10.0,
        "weight": weight,
        "corrupt": 3,
        "reason": "why [x]",
    }


def board_of(errors_mm, latency_ms=12.0):
    board = Scoreboard(began_ns=100 * S)
    streams = {"lidar": stream("STALE", 0.0), "csi": stream()}
    for i, error in enumerate(errors_mm):
        record = {
            "received_ns": 101 * S + i * S // 10,
            "latency_ms": latency_ms,
            "streams": streams,
        }
        board.skeleton(record, error)
    return board


def activities(board, class_ids, truth):
    for i, class_id in enumerate(class_ids):
        record = {"received_ns": 101 * S + i * S // 10, "latency_ms": 30.0, "label": "squat"}
        board.activity({**record, "class_id": class_id, "streams": board.streams}, truth)


def test_a_line_says_states_rate_latency_and_error():
    said = line(board_of([40.0, 60.0, None]), 102 * S)
    assert said.startswith("[  2.0 s] csi LIVE 0.50  lidar STALE 0.00 |")
    assert said.endswith("| 2.0 skeletons/s, latency 12 ms, MPJPE 50 mm")


def test_skeletons_and_activities_are_counted_apart_and_no_label_hides_an_error():
    board = board_of([40.0, 60.0, None])
    activities(board, [3, 3, 5, 5, 3, 3], truth=None)
    assert board.skeletons.figures(102 * S) == {"rate_hz": 2.0, "latency_ms": 12.0, "score": 50.0}
    assert board.activities.figures(102 * S)["rate_hz"] == 4.0
    said = line(board, 102 * S).split(" | ")
    assert said[1:] == [
        "2.0 skeletons/s, latency 12 ms, MPJPE 50 mm",
        "4.0 activities/s, latency 30 ms, squat",
    ]


def test_activities_have_their_share_of_right_ones_beside_the_label():
    board = Scoreboard()
    activities(board, [3, 3, 5, 3], truth=3)
    assert board.activities.figures(102 * S)["score"] == 75.0
    assert line(board, 102 * S).endswith("latency 30 ms, right 75 %, squat")


def crowd(board, *counts):
    """Lists of so many people, each 40 mm beside the truth, in which two are there."""
    truth = [[[2.0 + k, 0.0, 1.0]] * 17 for k in range(2)]
    told = [{"joints": [[2.0 + k, 0.04, 1.0]] * 17} for k in range(2)]
    for i, count in enumerate(counts):
        record = {"received_ns": 101 * S + i * S // 10, "latency_ms": 30.0, "people": told[:count]}
        board.crowd({**record, "streams": board.streams}, truth)


def test_people_are_counted_and_their_skeleton_is_not_shown_twice():
    board = board_of([40.0])
    crowd(board, 1, 2, 2)
    said = line(board, 102 * S).split(" | ")[1:]
    assert said == ["2.0 lists of people/s, latency 30 ms, MPJPE 40 mm, 2 people"]
    crowd(board, 1)
    assert line(board, 102 * S).endswith("one person")


def test_nobody_is_said_without_an_error():
    board = Scoreboard()
    crowd(board, 0, 0)
    assert line(board, 102 * S).endswith("latency 30 ms, nobody")


def test_old_estimates_are_forgotten():
    board = board_of([40.0] * 5)
    figures = board.skeletons.figures(110 * S)
    assert figures == {"rate_hz": 0.0, "latency_ms": None, "score": None}
    assert "latency – ms" in line(board, 110 * S)


def test_before_anything_is_heard_the_line_says_so():
    assert "waiting for the fusion node" in line(Scoreboard(), S)


def test_the_table_has_a_row_for_each_stream():
    from rich.console import Console

    out = io.StringIO()
    Console(file=out, width=100).print(table(board_of([40.0]), 102 * S))
    said = out.getvalue()
    assert "STALE" in said
    assert "csi" in said
    assert "why [x]" in said  # reasons may hold brackets, which are markup to rich


def test_without_a_terminal_one_line_comes_per_second():
    out = io.StringIO()
    view = StatusView(board_of([40.0]), out)
    for tenth in range(0, 30):
        view.refresh(102 * S + tenth * S // 10)
    view.close()
    assert len(out.getvalue().splitlines()) == 3


def test_a_note_is_shown_between_the_lines():
    out = io.StringIO()
    view = StatusView(board_of([40.0]), out)
    view.note("phase 2 [x]")
    view.refresh(102 * S)
    assert out.getvalue().splitlines()[0] == "phase 2 [x]"
    assert len(out.getvalue().splitlines()) == 2


def test_diagnostics_set_level_and_message():
    board = Scoreboard()
    board.diagnostics(
        {"level": 2, "message": "no live stream", "streams": {"csi": stream("STALE")}}
    )
    assert (board.level, board.message) == (2, "no live stream")
    assert board.streams["csi"]["state"] == "STALE"
