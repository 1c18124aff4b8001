"""What a tracker is given of a run and of a sweep: everything once, in the order in which it was written."""

import numpy as np
import pytest
from made_up_agents import recorded
from made_up_tracker import sweep

from eco_jax.errors import UserError
from eco_jax.track.records import RunRecords, State, SweepRecords, check_place, side_by_side
from eco_jax.track.tensorboard import _free


def test_rows_of_a_run_as_they_come(tmp_path):
    recorded(tmp_path / "run")
    path = tmp_path / "run" / "metrics.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:5]) + lines[5][:-4])
    records = RunRecords(tmp_path / "run")
    first = records.new(0)
    assert [step for step, _ in first] == [1, 2]  # the third update is being written
    assert first[1][1] == {"reward": 1.25, "reward/seed3": 1.0, "reward/seed4": 1.5} | {
        name: pytest.approx(value) for name, value in first[1][1].items() if name.startswith("energy")
    }
    path.write_bytes(b"".join(lines))
    assert [step for step, _ in records.new(2)] == [3, 4, 5, 6]
    assert records.new(6) == []
    assert [step for step, _ in RunRecords(tmp_path / "run").new(4)] == [5, 6]  # a process that goes on


def test_settings_are_the_hyperparameters(tmp_path):
    recorded(tmp_path / "run", algorithm={"entropy": 0.25})
    found = RunRecords(tmp_path / "run").settings
    assert (found["algorithm.entropy"], found["knowledge"], found["seed"], found["seeds"]) == (0.25, "twin", 3, 2)


def test_what_is_not_finite_is_left_out(tmp_path):
    values = np.array([[1.0, np.nan], [np.nan, np.nan]])
    recorded(tmp_path / "run", values={"reward": values, "energy": np.ones((2, 2))})
    rows = RunRecords(tmp_path / "run").new(0)
    assert {n: v for n, v in rows[0][1].items() if n.startswith("reward")} == {"reward": 1.0, "reward/seed3": 1.0}
    assert not [n for n in rows[1][1] if n.startswith("reward")]


@pytest.mark.parametrize("there", ["", "[]", '{"a": 3}', '{"a": {"id": 3, "done": "x"}}', "\x00"])
def test_a_damaged_state_is_none(tmp_path, there):
    (tmp_path / "tracker.json").write_text(there)
    state = State(tmp_path, "a")
    assert (state.id, state.done, state.batches) == ("", 0, [])
    state.id, state.done = "x", 7
    state.keep()
    other = State(tmp_path, "b")
    other.id = "y"
    other.keep()
    assert (State(tmp_path, "a").id, State(tmp_path, "a").done, State(tmp_path, "b").id) == ("x", 7, "y")


def test_a_place_in_a_folder_that_is_moved_is_the_same(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in (tmp_path / "one", tmp_path / "two"):
        folder.mkdir()
    state = State(tmp_path / "one", "a", "one/tracker", "p")
    state.id, state.done = "x", 7
    state.keep()
    (tmp_path / "one" / "tracker.json").rename(tmp_path / "two" / "tracker.json")
    known = {place: State(tmp_path / "two", "a", place, "p").done for place in ("two/tracker", "one/tracker")}
    assert known == {"two/tracker": 7, "one/tracker": 0}
    (tmp_path / "two" / "tracker.json").write_text('{"a": {"id": "x", "done": 7, "batches": []}}')  # no place is noted
    assert State(tmp_path / "two", "a", "anywhere", "p").done == 7


def test_finished_batches_of_a_sweep(tmp_path):
    records = SweepRecords(sweep(tmp_path))
    assert records.new([]) == ["0000"]
    assert records.new(["0000"]) == []
    assert [row["seed"] for row in records.members("0000")] == [0, 1]
    assert side_by_side(records.curves("0000")) == [
        (10, {"reward/trial0004-seed0": 10, "reward/trial0004-seed1": 11}),
        (20, {"reward/trial0004-seed0": 20, "reward/trial0004-seed1": 21}),
    ]
    assert records.settings["sampler"] == "grid"
    assert records.settings["space.algorithm.entropy"] == '{"values": [0.1]}'


def test_a_name_in_tensorboard_is_of_one_run_alone(tmp_path):
    assert [_free(tmp_path, "run") for _ in range(3)] == ["run", "run-2", "run-3"]


def test_a_tracker_writes_nowhere_into_a_run(tmp_path):
    recorded(tmp_path / "run")
    check_place(str(tmp_path / "elsewhere"))
    check_place("http://server:5000")
    for place in ("run/metrics.jsonl", "run/checkpoint"):
        with pytest.raises(UserError, match="is a file, or part of a run"):
            check_place(str(tmp_path / place))
