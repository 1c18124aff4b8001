"""`eco-jax sweep` as users call it."""

import os
import signal
import subprocess
import sys
import time

import polars as pl
import pytest

from eco_jax.cli.main import main

SPACE = """
[base]
preset = "tiny"
train.updates = {updates}
train.envs = 4
train.rollout = 6
train.hidden = 8
train.layers = 1
train.chunk = 2
[space]
"hyper.actor_lr" = {{ log_uniform = [1e-4, 1e-1] }}
knowledge = {{ choice = ["twin", "none"] }}
"""


@pytest.fixture
def space(tmp_path):
    path = tmp_path / "space.toml"
    path.write_text(SPACE.format(updates=6))
    return str(path)


def test_from_a_space_to_an_agent(tmp_path, space, capfd):
    out = tmp_path / "sweep"
    assert main(["sweep", space, "--out", str(out), "--trials", "8", "--seeds", "2"]) == 0
    said = capfd.readouterr()
    assert "Best of 8 trained to the end x 2 seeds" in said.out
    assert "compiling for 1 of 16 members" in said.err
    assert said.err.count("compiling") == 1
    assert f"eco-jax train --config {out / 'best.toml'}" in said.out
    assert {path.name for path in out.iterdir()} >= {
        "results.parquet", "leaderboard.csv", "best.toml", "parallel.png", "parallel.pdf", "importance.png",
        "importance.pdf",
    }  # fmt: skip
    frame = pl.read_parquet(out / "results.parquet")
    best = frame.group_by("trial").agg(pl.col("reward").mean(), pl.col("hyper.actor_lr").first()).sort("reward")[-1]
    assert pl.read_csv(out / "leaderboard.csv")["trial"][0] == best["trial"][0]

    assert main(["train", "--config", str(out / "best.toml"), "--seed", "1", "--out", str(tmp_path / "run")]) == 0
    again = (tmp_path / "run" / "summary.json").read_text()
    own = frame.filter((pl.col("trial") == best["trial"][0]) & (pl.col("seed") == 1))
    assert own["params_sha256"][0] in again  # the very same agent

    assert main(["sweep", space, "--out", str(out), "--trials", "8", "--seeds", "2"]) == 2
    assert "holds a sweep already; --resume" in capfd.readouterr().err
    assert main(["sweep", space, "--out", str(out), "--trials", "8", "--seeds", "2", "--resume"]) == 0
    assert "update" not in capfd.readouterr().err


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], "--trials: say how many"),
        (["--trials", "0"], "--trials 0: must be at least 1"),
        (["--trials", "2", "--save-s", "-1"], "--save-s -1: must be at least 0"),
        (["--trials", "2", "--sampler", "grid"], "a range has no grid"),
        (["--trials", "2", "--slurm", "x.toml"], "--slurm: is for --launcher slurm"),
        (["--trials", "2", "--launcher", "slurm", "--slurm", "x.toml"], "x.toml: cannot be read"),
        (["--trials", "2", "--strategy", "pbt"], "knowledge: pbt moves numbers of [hyper] only"),
        (["--trials", "2", "--storage", "no/where/journal"], "--storage no/where/journal"),
    ],
)
def test_bad_input_is_one_line(tmp_path, space, flags, said, capfd):
    assert main(["sweep", space, "--out", str(tmp_path / "out"), *flags]) == 2
    error = capfd.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_folder_that_is_none(tmp_path, space, capfd):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("years of work")
    assert main(["sweep", space, "--out", str(tmp_path / "out"), "--trials", "2"]) == 2
    assert "is not empty and holds no sweep" in capfd.readouterr().err
    assert (tmp_path / "out" / "thesis.tex").read_text() == "years of work"


def test_without_a_cluster(tmp_path, space):
    flags = ["--out", str(tmp_path / "out"), "--trials", "2", "--launcher", "slurm"]
    command = [sys.executable, "-m", "eco_jax", "sweep", space, *flags]
    done = subprocess.run(command, env={**os.environ, "PATH": str(tmp_path)}, capture_output=True, text=True)
    assert done.returncode == 2
    assert "--launcher slurm: " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_killed_at_random_moments(tmp_path):
    (tmp_path / "space.toml").write_text(SPACE.format(updates=2000).replace("chunk = 2", "chunk = 20"))

    def start(out, *more):
        flags = [
            "--trials",
            "6",
            "--seeds",
            "2",
            "--batch",
            "4",
            "--save-s",
            "0.1",
            "--out",
            str(tmp_path / out),
            *more,
        ]
        command = [sys.executable, "-m", "eco_jax", "sweep", str(tmp_path / "space.toml"), *flags]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    for out in ("first", "whole"):  # the first one compiles
        began = time.monotonic()
        said, _ = (process := start(out)).communicate(timeout=300)
        assert process.returncode == 0, said
    seconds, kills = time.monotonic() - began, 0
    for share in (0.3, 0.5, 0.7, 0.6, 0.4):
        process = start("killed", "--resume")
        try:
            process.wait(share * seconds)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            kills += 1
        process.communicate()
    said, _ = (process := start("killed", "--resume")).communicate(timeout=300)
    assert process.returncode == 0, said
    assert kills >= 2
    frames = [pl.read_parquet(tmp_path / out / "results.parquet").drop("trial") for out in ("killed", "whole")]
    assert frames[0].equals(frames[1])
