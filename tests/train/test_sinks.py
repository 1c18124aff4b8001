"""`metrics.jsonl`: each update and member once, whatever happened to the process."""

import json
import os

import numpy as np
import pytest

from eco_jax.errors import UserError
from eco_jax.train.fit import Chunk
from eco_jax.train.loop import TrainState
from eco_jax.train.sinks import MetricsFile, curves, first_failures, last_means, updates_told

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


def swap(lines):
    lines[0], lines[1] = lines[1], lines[0]


def put(at, line):
    def harm(lines):
        lines[at] = line

    return harm


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (swap, "line 1 is not that of update 0, seed 4"),
        (lambda lines: lines.insert(2, lines[1]), "line 3 is not that of update 1, seed 4"),
        (lambda lines: lines.pop(2), "line 3 is not that of update 1, seed 4"),
        (put(1, b"{}"), "line 2 is not that of update 0, seed 5"),
        (put(1, b"\xff\xfe"), "line 2 is no line of metrics"),
        (put(1, b""), "line 2 is no line of metrics"),
        (put(1, b'{"update": 0, "seed": 5, "rew'), "line 2 is no line of metrics"),
        (put(1, b"[" * 100_000), "line 2 is no line of metrics"),
        (put(1, b"[1]"), "line 2 is no line of metrics"),
        (put(1, b'{"update": 0, "seed": 5}'), "line 2: reward is missing, or no number"),
        (put(1, b'{"update": 0, "seed": 5, "reward": "x"}'), "line 2: reward is missing, or no number"),
        (put(1, b'{"update": 0, "seed": 5, "reward": NaN}'), "line 2: reward is missing, or no number"),
        (put(1, b'{"update": true, "seed": 5, "reward": 1.0}'), "line 2 is not that of update 0, seed 5"),
        (put(1, b'{"update": 0, "seed": 5, "reward": 7.0}'), "of the first 2 updates are not as they were written"),
    ],
)
def test_lines_that_are_not_as_they_were_are_said_and_left(tmp_path, harm, said):
    path = tmp_path / "metrics.jsonl"
    file = MetricsFile(path, LABELS)
    file.chunk(chunk(0))
    sha256 = file.sha256()
    file.chunk(chunk(2))
    file.close()
    lines = path.read_bytes().splitlines()
    harm(lines)
    path.write_bytes(b"\n".join(lines) + b"\n")
    before = path.read_bytes()
    with pytest.raises(UserError, match=said) as caught:
        MetricsFile(path, LABELS, 2, ["reward"], sha256)
    assert str(path) in str(caught.value)
    assert path.read_bytes() == before
    assert [left.name for left in tmp_path.iterdir()] == ["metrics.jsonl"]


def test_what_comes_after_the_checkpoint_may_be_anything(tmp_path):
    path = tmp_path / "metrics.jsonl"
    whole = write(path, [0])
    path.write_bytes(whole + b"\xff\n{}\n\0\0\0")
    assert write(path, [], start=2) == whole


def test_a_folder_in_its_place_is_one_line(tmp_path):
    (tmp_path / "metrics.jsonl").mkdir()
    with pytest.raises(UserError, match="metrics.jsonl: cannot be read: Is a directory"):
        MetricsFile(tmp_path / "metrics.jsonl", LABELS, 2)


def test_whole_updates_are_counted(tmp_path):
    path = tmp_path / "metrics.jsonl"
    assert updates_told(path, 2) == 0
    write(path, [0, 2])
    path.write_bytes(path.read_bytes()[:-1])
    assert updates_told(path, 2) == 3


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_names_the_file(tmp_path):
    path = tmp_path / "metrics.jsonl"
    file = MetricsFile(path, LABELS)
    file.file.close()
    file.file = open("/dev/full", "ab", buffering=0)  # noqa: SIM115
    with pytest.raises(OSError, match="No space left on device") as caught:
        file.chunk(chunk(0))
    assert caught.value.filename == str(path)
    file.close()


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


def test_a_member_failed_whose_agent_was_not_finite_though_all_that_was_reported_is(tmp_path):
    path = tmp_path / "metrics.jsonl"
    file = MetricsFile(path, LABELS)
    bad = chunk(0)
    bad.metrics["finite"][1, 0] = 0.0
    file.chunk(bad)
    file.chunk(chunk(2))
    file.close()
    assert first_failures(path, 2) == {0: "update 1: what was learnt not finite"}
    assert first_failures(path, 2, updates=1) == {}
    assert list(curves(path, 2)) == ["reward"]
    assert len(MetricsFile(path, LABELS, 4, ["reward"]).path.read_text().splitlines()) == 8  # it may go on
