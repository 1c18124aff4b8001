"""What a run finds on the disk when it goes on: read and checked before anything is changed."""

import contextlib
import os
import random
import shutil

import numpy as np
import pytest
from made_up_run import SEEDS, chunk, contents, go_on, state

from eco_jax.errors import UserError
from eco_jax.run import messages
from eco_jax.run.keeper import Keeper, Saving
from eco_jax.train.checkpoint import note_of, steps
from eco_jax.train.interrupt import Stop
from eco_jax.train.times import times


def refused(out, said):
    before = contents(out)
    with pytest.raises(UserError, match=said) as caught:
        go_on(out)
    assert str(out) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert contents(out) == before


def test_it_goes_on_to_the_same(tmp_path):
    assert go_on(tmp_path / "whole") == 0
    assert go_on(tmp_path / "run", 2, every_updates=2) == 0
    assert steps(tmp_path / "run" / "checkpoint") == [2, 4]
    assert go_on(tmp_path / "run") == 4
    one, two = ((tmp_path / name / "metrics.jsonl").read_bytes() for name in ("whole", "run"))
    assert one == two


def test_seconds_go_on_and_metrics_know_nothing_of_them(tmp_path):
    go_on(tmp_path, 2, every_updates=2)
    go_on(tmp_path)  # its clock begins anew: a chunk of `made_up_run` says 1 s since it began
    assert times(tmp_path / "times.jsonl").tolist() == [[0, 0], [2, 1], [4, 1], [6, 2]]
    assert "train_s" not in (tmp_path / "metrics.jsonl").read_text()


def test_the_first_chunk_is_kept_before_the_next_ones_metrics(tmp_path):
    go_on(tmp_path, 2)
    assert steps(tmp_path / "checkpoint") == [2]
    assert note_of(tmp_path / "checkpoint", 2)["metrics_sha256"]
    assert go_on(tmp_path) == 2


def test_killed_before_the_first_checkpoint_it_begins_anew(tmp_path):
    go_on(tmp_path, 1)
    shutil.rmtree(tmp_path / "checkpoint" / "2")
    (tmp_path / "checkpoint" / "2.part").mkdir()
    assert go_on(tmp_path) == 0


def lost(folder):
    shutil.rmtree(folder)


def emptied(folder):
    shutil.rmtree(folder)
    folder.mkdir()


def replaced(folder):
    shutil.rmtree(folder)
    folder.write_text("")


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lost, "holds no checkpoint, though .* tells of 4 updates .* --force in place of --resume"),
        (emptied, "holds no checkpoint, though .* tells of 4 updates"),
        (replaced, "checkpoint: cannot be read: Not a directory"),
    ],
)
def test_a_checkpoint_folder_that_is_gone_is_no_new_beginning(tmp_path, harm, said):
    go_on(tmp_path, 2)
    harm(tmp_path / "checkpoint")
    refused(tmp_path, said)


def test_a_checkpoint_folder_that_cannot_be_read_is_no_new_beginning(tmp_path, monkeypatch):
    go_on(tmp_path, 2)
    scan = os.scandir

    def scandir(path):
        if os.fspath(path) == str(tmp_path / "checkpoint"):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return scan(path)

    before = contents(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", scandir)
        with pytest.raises(UserError, match="checkpoint: cannot be read: Permission denied"):
            go_on(tmp_path)
    assert contents(tmp_path) == before
    assert go_on(tmp_path) == 2  # readable again, it goes on


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda data: b"", "metrics.jsonl: holds 0 lines of the first 2 updates, not 4"),
        (lambda data: b"\xff" + data, "metrics.jsonl: line 1 is no line of metrics"),
        (lambda data: b"{}\n" + data, "metrics.jsonl: line 1 is not that of update 0, seed 3"),
        (lambda data: data.replace(b"0.5", b"0.6", 1), "metrics.jsonl: its lines .* are not as they were written"),
        (lambda data: data.replace(b'"qoe"', b'"qos"', 1), "metrics.jsonl: line 1: qoe is missing, or no number"),
    ],
)
def test_metrics_that_are_not_as_they_were_are_left(tmp_path, harm, said):
    go_on(tmp_path, 2)
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(harm(path.read_bytes()))
    refused(tmp_path, said)


def test_a_step_of_another_run_is_not_gone_on_with(tmp_path, capsys):
    messages.to_stderr()
    go_on(tmp_path / "run", 1)
    go_on(tmp_path / "other", 2, every_updates=2, run="another")
    shutil.copytree(tmp_path / "other" / "checkpoint" / "4", tmp_path / "run" / "checkpoint" / "4")
    assert go_on(tmp_path / "run") == 2
    assert "checkpoint/4: is a step of another run; going back" in capsys.readouterr().err


def cut(path, draw):
    path.write_bytes(path.read_bytes()[: draw.randrange(path.stat().st_size + 1)])


def flipped(path, draw):
    data = bytearray(path.read_bytes() or b"x")
    data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    path.write_bytes(data)


def turned_into_a_folder(path, draw):
    path.unlink()
    path.mkdir()


def mixed_up(path, draw):
    other = draw.choice([file for file in sorted(path.parent.rglob("*")) if file.is_file()])
    mine, others = path.read_bytes(), other.read_bytes()
    path.write_bytes(others)
    other.write_bytes(mine)


def renamed(path, draw):
    path.rename(path.with_name(draw.choice(["5", "x", "\u00b2", path.name + ".part"])))


HARMS = [cut, flipped, turned_into_a_folder, mixed_up, renamed, lambda path, draw: path.unlink()]
DAMAGES = int(os.environ.get("ECO_JAX_DAMAGES", "30"))


def test_whatever_is_damaged_it_is_said_or_comes_to_the_same(tmp_path):
    go_on(tmp_path / "whole")
    expected = (tmp_path / "whole" / "metrics.jsonl").read_bytes()
    go_on(tmp_path / "kept", 2, every_updates=2)
    outcomes = set()
    for seed in range(DAMAGES):
        draw, out = random.Random(seed), tmp_path / str(seed)
        shutil.copytree(tmp_path / "kept", out)
        harm = draw.choice(HARMS)
        files = sorted(path for path in out.rglob("*") if path.is_file())
        harm(draw.choice([*files, out / "metrics.jsonl"]), draw)
        before = contents(out)
        try:
            go_on(out)
        except UserError as error:
            outcomes.add("said" if "\n" not in str(error) else str(error))
            assert contents(out) == before
        else:
            outcomes.add("went on")
            assert (out / "metrics.jsonl").read_bytes() == expected
    assert outcomes == {"said", "went on"}


def test_it_remembers_who_had_failed_and_not_who_failed_after_the_checkpoint(tmp_path):
    bad, later = chunk(0), chunk(2)
    bad.metrics["reward"][1, 0] = later.metrics["reward"][0, 1] = np.nan
    with contextlib.ExitStack() as opened:
        keeper = Keeper(tmp_path, "this run", SEEDS, 2, Saving(1e9), Stop(), opened)
        keeper.begin(state())
        assert keeper.failed() == {}
        keeper.chunk(bad)
        keeper.chunk(later)
    with contextlib.ExitStack() as opened:
        keeper = Keeper(tmp_path, "this run", SEEDS, 2, Saving(1e9), Stop(), opened)
        assert keeper.begin(state())[0] == 2
        assert set(keeper.failed()) == {0}
        assert keeper.failed()[0].startswith("update 1: ")
