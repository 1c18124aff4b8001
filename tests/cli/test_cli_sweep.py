"""`eco-jax sweep` as users call it."""

import contextlib
import io
import signal
import subprocess
import sys
import time

import polars as pl
import pytest

from eco_jax.cli.main import main
from eco_jax.cli.sweep import watched
from eco_jax.run.progress import Display
from eco_jax.train.checkpoint import steps

SPACE = """
[base]
preset = "tiny"
train.updates = {updates}
train.envs = 4
train.rollout = 6
network.hidden = 8
network.layers = 1
train.chunk = 2
[space]
"algorithm.actor_lr" = {{ log_uniform = [1e-4, 1e-1] }}
knowledge = {{ choice = ["twin", "none"] }}
"""


@pytest.fixture
def space(tmp_path):
    path = tmp_path / "space.toml"
    path.write_text(SPACE.format(updates=6))
    return str(path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A sweep in one go: its folder, its space, what it said on stdout and on stderr."""
    folder = tmp_path_factory.mktemp("whole")
    path = folder / "space.toml"
    path.write_text(SPACE.format(updates=24))
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        assert main(["sweep", str(path), "--out", str(folder / "sweep"), "--trials", "8", "--seeds", "2"]) == 0
    return folder / "sweep", str(path), out.getvalue(), err.getvalue()


def test_from_a_space_to_an_agent(whole, tmp_path, capfd):
    out, space, said, told = whole
    assert "Best of 8 trained to the end x 2 seeds" in said
    assert "compiling for 1 of 16 members" in told
    assert told.count("compiling") == 1
    assert f"eco-jax train --config {out / 'best.toml'}" in said
    assert {path.name for path in out.iterdir()} >= {
        "results.parquet", "leaderboard.csv", "best.toml", "parallel.png", "parallel.pdf", "importance.png",
        "importance.pdf",
    }  # fmt: skip
    frame = pl.read_parquet(out / "results.parquet")
    best = frame.group_by("trial").agg(pl.col("reward").mean(), pl.col("algorithm.actor_lr").first()).sort("reward")[-1]
    assert pl.read_csv(out / "leaderboard.csv")["trial"][0] == best["trial"][0]

    assert main(["train", "--config", str(out / "best.toml"), "--seed", "1", "--out", str(tmp_path / "run")]) == 0
    again = (tmp_path / "run" / "summary.json").read_text()
    own = frame.filter((pl.col("trial") == best["trial"][0]) & (pl.col("seed") == 1))
    assert own["params_sha256"][0] in again  # the very same agent

    assert main(["sweep", space, "--out", str(out), "--trials", "8", "--seeds", "2"]) == 2
    assert "holds a sweep already; --resume" in capfd.readouterr().err
    assert main(["sweep", space, "--out", str(out), "--trials", "8", "--seeds", "2", "--resume"]) == 0
    assert "update" not in capfd.readouterr().err


def test_a_batch_says_how_far_it_is(capsys):
    with Display(every_s=0.0) as display:
        said, look = watched(display, "batch 0003")
        said("compiled in 1.0 s")
        for done in (0, 4):
            look(done, 4, {"qoe": 0.25, "reward": -0.5})
    lines = [
        "compiled in 1.0 s",
        "update 0/4  reward -0.500  qoe +0.250",
        "update 4/4  reward -0.500  qoe +0.250  0 s left",
    ]
    assert capsys.readouterr().err.splitlines() == [f"batch 0003: {line}" for line in lines]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], "--trials: say how many"),
        (["--trials", "0"], "--trials 0: must be at least 1"),
        (["--trials", "2", "--save-s", "-1"], "--save-s -1: must be at least 0, and finite"),
        (["--trials", "2", "--save-s", "nan"], "--save-s nan: must be at least 0, and finite"),
        (["--trials", "2", "--sampler", "grid"], "a range has no grid"),
        (["--trials", "2", "--slurm", "x.toml"], "--slurm: is for --launcher slurm"),
        (["--trials", "2", "--launcher", "slurm", "--slurm", "x.toml"], "x.toml: cannot be read"),
        (["--trials", "2", "--strategy", "pbt"], "knowledge: pbt moves traced numbers of [algorithm] only"),
    ],
)
def test_bad_input_is_one_line(tmp_path, space, flags, said, capfd):
    assert main(["sweep", space, "--out", str(tmp_path / "out"), *flags]) == 2
    error = capfd.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_an_algorithm_that_cannot_learn_is_found_before_anything_is_trained(tmp_path, capfd):
    path = tmp_path / "space.toml"
    path.write_text('[base]\npreset = "tiny"\nalgorithm = "ppo"\n[space]\n"algorithm.minibatches" = {grid = [4, 7]}\n')
    assert main(["sweep", str(path), "--out", str(tmp_path / "out"), "--sampler", "grid"]) == 2
    assert f"{path}: algorithm.minibatches = 7: must divide the rollout" in capfd.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_none(tmp_path, space, capfd):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("years of work")
    assert main(["sweep", space, "--out", str(tmp_path / "out"), "--trials", "2"]) == 2
    assert "is not empty and holds no sweep" in capfd.readouterr().err
    assert (tmp_path / "out" / "thesis.tex").read_text() == "years of work"


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--launcher", "slurm"], "--launcher slurm: no srun here"),
        (["--launcher", "slurm", "--slurm", "bad.toml"], "slurm.minutes = 0: must lie in [1, 1000000]"),
        (["--storage", "no/where/journal"], "there is no folder"),
        (["--storage", "bad.toml"], "line 1 is torn, or none of a journal of Optuna"),
        (["--objective", "fun"], "fun"),
        (["--seed", "4294967296"], "--seed 4294967296: must lie in [0, 4294967295]"),
        (["--sampler", "cmaes"], "--sampler cmaes: needs at least two ranges of numbers"),
        (["--batch", "0"], "--batch 0: must be at least 1"),
    ],
)
def test_what_is_refused_leaves_nothing_behind(tmp_path, space, flags, said, monkeypatch, capfd):
    """So that the same command, put right, works."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "bad.toml").write_text("[slurm]\nminutes = 0\n")
    before = sorted(tmp_path.iterdir())
    assert main(["sweep", space, "--out", "out", "--trials", "2", *flags]) == 2
    error = capfd.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "bad.toml").read_text() == "[slurm]\nminutes = 0\n"


@pytest.mark.long
def test_killed_it_goes_on_to_the_same_numbers(whole, tmp_path, capfd):
    """The one real end of a process; `test_state` and `test_batch` end it in themselves at every step."""
    in_one_go, space, *_ = whole
    out = tmp_path / "killed"
    flags = [space, "--out", str(out), "--trials", "8", "--seeds", "2", "--batch", "8"]
    command = [sys.executable, "-m", "eco_jax", "sweep", *flags, "--save-s", "0"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not steps(out / "batches" / "0001" / "checkpoint"):
        time.sleep(0.005)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert [path.parent.name for path in sorted(out.glob("batches/*/finished.json"))] == ["0000"]

    assert main(["sweep", *flags, "--resume"]) == 0
    said = capfd.readouterr().err
    assert "batch 0001: going on after update" in said
    assert said.count("warning") == 1  # of what is looked for
    frames = [pl.read_parquet(folder / "results.parquet") for folder in (out, in_one_go)]
    assert frames[0].equals(frames[1])
