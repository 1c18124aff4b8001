"""`times.jsonl`: seconds of training beside the metrics, going on where a run does."""

import numpy as np
import pytest

from eco_jax.errors import UserError
from eco_jax.train.fit import Chunk
from eco_jax.train.times import TimesFile, times, trained_s


def chunk(done, seconds):
    return Chunk(done - 2, {"reward": np.zeros((2, 1))}, seconds, 10, lambda: None)


def write(path, chunks, start=0):
    file = TimesFile(path, start)
    for done, seconds in chunks:
        file.chunk(chunk(done, seconds))
    return times(path).tolist()


def test_seconds_go_on_where_the_run_does(tmp_path):
    assert write(tmp_path / "t", [(2, 1.0), (4, 2.5)]) == [[0, 0], [2, 1.0], [4, 2.5]]
    # The checkpoint is after update 2: what came after it is done again, and counts once.
    assert write(tmp_path / "t", [(4, 3.0), (6, 4.0)], start=2) == [[0, 0], [2, 1.0], [4, 4.0], [6, 5.0]]


def test_the_seconds_of_a_whole_run_are_those_of_all_its_sessions(tmp_path):
    write(tmp_path / "t", [(2, 1.0)])
    write(tmp_path / "t", [(4, 3.0), (6, 4.0)], start=2)
    assert trained_s(tmp_path / "t", 6) == 5.0
    assert trained_s(tmp_path / "t", 8) is None
    assert trained_s(tmp_path / "nowhere", 6) is None


def test_beginning_anew_forgets(tmp_path):
    write(tmp_path / "t", [(2, 1.0)])
    assert write(tmp_path / "t", [(2, 7.0)]) == [[0, 0], [2, 7.0]]


@pytest.mark.parametrize("there", [None, "", "no times\n", '{"updates": 4, "train_s": 1}\n'])
def test_seconds_that_nobody_knows_are_not_made_up(tmp_path, there):
    path = tmp_path / "times.jsonl"
    if there is not None:
        path.write_text(there)
    file = TimesFile(path, 2)
    file.chunk(chunk(4, 1.0))
    with pytest.raises(UserError, match=r"times\.jsonl: is missing, or holds no times"):
        times(path)


@pytest.mark.parametrize(
    "line",
    ['{"updates": 6, "train_s": 9', '{"updates": 6, "train_s": 9}', "[]\n", '{"updates": 4, "train_s": 9}\n',
     '{"updates": 6, "train_s": NaN}\n', '{"updates": 6, "train_s": 0.1}\n'],
)  # fmt: skip
def test_a_line_that_is_torn_or_none_of_ours_is_left_out(tmp_path, line):
    write(tmp_path / "t", [(2, 1.0), (4, 2.0)])
    with (tmp_path / "t").open("a") as file:
        file.write(line)
    assert times(tmp_path / "t").tolist() == [[0, 0], [2, 1.0], [4, 2.0]]
