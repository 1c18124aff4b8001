"""`metrics.jsonl`: each update and member once, whatever happened to the process."""

import json

import numpy as np
import pytest

from eco_jax.errors import UserError
from eco_jax.train.fit import Chunk
from eco_jax.train.loop import TrainState
from eco_jax.train.sinks import MetricsFile, first_failures, last_means

NO_STATE = TrainState({}, (), None, None, None)
LABELS = [{"seed": 4}, {"seed": 5}]


def chunk(start, length=2):
    values = np.arange(start, start + length)[:, None] + np.array([0.0, 0.5])
    return Chunk(start, {"reward": values, "finite": np.ones_like(values)}, 1.0, 6, lambda: NO_STATE)


def write(path, starts, start=0):
    file = MetricsFile(path, LABELS, start)
    for first in starts:
        file.chunk(chunk(first))
    file.close()
    return path.read_bytes()


def test_going_on_leaves_the_same_file(tmp_path):
    whole = write(tmp_path / "a", [0, 2, 4])
    path = tmp_path / "b"
    write(path, [0, 2])
    with path.open("a") as file:
        file.write('{"update": 4, "seed": 4, "rew')  # the process ended here, and its checkpoint is after update 2
    assert write(path, [2, 4], start=2) == whole
    rows = [json.loads(line) for line in whole.splitlines()]
    assert [(row["update"], row["seed"]) for row in rows] == [(u, s) for u in range(6) for s in (4, 5)]


def test_beginning_anew_leaves_nothing_of_before(tmp_path):
    path = tmp_path / "a"
    write(path, [0, 2])
    assert write(path, [0]) == write(tmp_path / "b", [0])


def test_missing_lines_are_said(tmp_path):
    path = tmp_path / "metrics.jsonl"
    write(path, [0])
    with pytest.raises(UserError, match="holds 4 lines of the first 4 updates, not 8"):
        MetricsFile(path, LABELS, 4)
    assert len(path.read_text().splitlines()) == 4  # nothing lost


def test_means_of_the_last_tenth(tmp_path):
    path = tmp_path / "metrics.jsonl"
    write(path, range(0, 30, 2))
    assert last_means(path, 2, ["reward"]) == {"reward": [28.0, 28.5]}
    assert last_means(path, 2, ["reward"], share=1.0) == {"reward": [14.5, 15.0]}


def test_a_member_that_failed_has_no_means(tmp_path):
    path = tmp_path / "metrics.jsonl"
    file = MetricsFile(path, LABELS)
    file.chunk(chunk(0))
    bad = chunk(2)
    bad.metrics["reward"][:, 1] = [np.nan, np.inf]
    file.chunk(bad)
    file.close()
    assert first_failures(path, 2) == {1: "update 2: reward not finite"}
    assert last_means(path, 2, ["reward"]) == {"reward": [3.0, None]}
