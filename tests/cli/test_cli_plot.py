"""`eco-jax plot`: what it draws of made-up runs, and what it refuses before anything is drawn."""

import csv
from pathlib import Path

import made_up_toll
import numpy as np
import polars as pl
import pytest
from made_up_agents import config_of, recorded, trained

from eco_jax.cli.main import main
from eco_jax.errors import UserError
from eco_jax.study import together


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plot")
    recorded(folder / "one")
    recorded(folder / "two", seeds=(0, 1, 2))
    (folder / "sweep").mkdir()
    (folder / "sweep" / "sweep.json").write_text("{}")
    rows = [
        {"trial": i, "seed": 0, "status": "done", "reward": v, "energy_j": v / 100, "physics.sync_energy": v}
        for i, v in enumerate((0.0, 20.0))
    ]
    pl.DataFrame(rows).write_parquet(folder / "sweep" / "results.parquet")
    return folder


@pytest.fixture
def here(home, monkeypatch):
    monkeypatch.chdir(home)
    return home


def plot(capsys, *flags):
    assert main(["plot", *map(str, flags)]) == 0
    return capsys.readouterr().out


def refused(capsys, *flags):
    before = sorted(Path().iterdir())
    assert main(["plot", *map(str, flags)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert sorted(Path().iterdir()) == before
    return captured.err


def rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_curves_of_runs_with_labels(capsys, here, tmp_path):
    said = plot(
        capsys, "one", "two", "--metric", "reward,energy", "--labels", "A, B", "--x", "steps", "--band", "minmax",
        "--out", tmp_path / "x.pdf", "--csv", tmp_path / "x.csv",
    )  # fmt: skip
    assert "3.5 x " in said
    assert "interquartile mean of 2 or 3 seeds; from the lowest to the highest seed" in said
    found = rows(tmp_path / "x.csv")
    assert {(row["run"], row["metric"]) for row in found} == {(r, m) for r in "AB" for m in ("reward", "energy")}
    assert [row["x"] for row in found[:6]] == ["24", "48", "72", "96", "120", "144"]
    # Written again over what it wrote.
    assert plot(capsys, "one", "--out", tmp_path / "x.pdf", "--csv", tmp_path / "x.csv", "--x", "seconds")


def test_lines_of_a_sweep(capsys, here, tmp_path):
    said = plot(
        capsys,
        "sweep",
        "--x",
        "physics.sync_energy",
        "--metric",
        "energy",
        "--out",
        tmp_path / "x.png",
        "--csv",
        tmp_path / "x.csv",
    )
    assert "last tenth of training, in whole chunks: " in said
    assert [(row["x"], row["mean"]) for row in rows(tmp_path / "x.csv")] == [("0", "0"), ("20", "0.2")]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], "name runs, rules or a sweep first"),
        (["--metric", "reward", "one"], "name runs, rules or a sweep first, before the flags"),
        (["missing"], "'missing': holds no run (no config.toml), nor a sweep; rules need --terms or --over"),
        (["greedy"], "'greedy': holds no run"),
        (["one", "--metric", "rewards"], "--metric 'rewards': unknown metric; did you mean reward"),
        (["one", "--x", "hours"], "--x 'hours': must be one of updates, steps, seconds"),
        (["one", "--smooth", "0"], "--smooth 0: must be at least 1"),
        (["one", "--width", "0"], "--width 0: must lie in [1.5, 40] inches; 3.5 is a column, 7.16 both"),
        (["one", "--height", "100"], "--height 100: must lie in [1, 40] inches"),
        (["one", "--out", "x.gif"], "--out x.gif: must end in one of .pdf, .png, .svg, .pgf"),
        (["one", "--out", "one/x.pdf", "--csv", "one/metrics.jsonl"], "is part of a run"),
        (["one", "--out", "x.pdf", "--csv", "one/../x.pdf"], "--csv one/../x.pdf: is what --out writes"),
        (["one", "two", "--labels", "a"], "--labels 'a': must be 2 different ones, for one, two"),
        (["one", "two", "--labels", "a,a"], "--labels 'a,a': must be 2 different ones"),
        (["one", "--band", "sd"], "--band"),
        (["one", "--terms", "--over", "physics.slot=1,2"], "--terms and --over: give one of them"),
        (["one", "--over", "physics.slot"], "must be a setting and two values or more, as physics.sync_energy=0,5,20"),
        (["one", "--over", "physics.sync_energy=0,x"], "must be a setting and two values or more"),
        (["one", "--over", "physics.sync_energy=0,5", "--log-x"], "--log-x: 0 has no place on a logarithmic axis"),
        (["one", "--terms", "--episodes", "1"], "--episodes 1: must lie in [2, 1000000]"),
        (["one", "--terms", "--algorithm.entropy", "1"], "--algorithm.entropy: the runs' agents are what they were"),
        (["one", "gredy", "--terms"], "'gredy': no folder of a run, nor a rule; did you mean greedy"),
        (["one", "one", "--terms"], "'one': named twice"),
        (["one", "--terms"], "checkpoint: no complete checkpoint there"),
        (["one", "--physics.slot", "3"], "--physics.slot"),
        (["sweep", "--x", "updates"], "--x 'updates': the sweep varies physics.sync_energy"),
        (["sweep", "one", "--x", "physics.sync_energy"], "sweep: a sweep is drawn alone"),
        (
            ["sweep", "--x", "physics.sync_energy", "--metric", "loss"],
            "--metric 'loss': the sweep reports reward, energy",
        ),
        (["sweep", "--x", "physics.sync_energy", "--log-x"], "--log-x: 0 has no place"),
        (["sweep", "--x", "physics.sync_energy", "--labels", "a"], "--labels: is for learning curves, --terms and"),
        (["sweep", "--smooth=1"], "--smooth: is for learning curves, not for the lines of a sweep"),
        (["sweep", "--band", "ci"], "--band: is for learning curves, not for the lines of a sweep"),
        (["sweep", "--episodes", "9"], "--episodes: is for --terms and --over, not for the lines of a sweep"),
        (["one", "--group", "knowledge"], "--group: is for the lines of a sweep, not for learning curves"),
        (["one", "--log-x"], "--log-x: is for the lines of a sweep and --over, not for learning curves"),
        (["one", "--seed", "3"], "--seed: is for --terms and --over, not for learning curves"),
        (["one", "--preset", "city"], "--preset: is for --terms and --over, not for learning curves"),
        (["greedy", "--terms", "--metric", "energy"], "--metric: is for learning curves, the lines of a sweep and"),
        (["greedy", "--terms", "--log_x"], "--log_x: is for the lines of a sweep and --over, not for --terms"),
        (["greedy", "--over", "physics.slot=1,2", "--x", "steps"], "--x: is for learning curves and the lines of"),
        (["greedy", "--over", "physics.slot=1,2", "--group", "a"], "--group: is for the lines of a sweep, not for"),
        (["greedy", "--over", "physics.sync-energy=1,2", "--physics.sync-energy", "3"], "is what --over varies"),
        (["one", "--plugin", "no.py"], "no.py: cannot be read"),
    ],
)
def test_it_says_what_is_wrong_before_it_draws(capsys, here, flags, said):
    assert said in refused(capsys, *flags)


def test_a_run_needs_no_plugin_for_its_curves(capsys, here, tmp_path, monkeypatch):
    text = (here / "one" / "config.toml").read_text()
    there = tmp_path / "other"
    recorded(there)
    (there / "config.toml").write_text('plugins = ["gone.py"]\n' + text)
    assert plot(capsys, there, "--out", tmp_path / "x.svg")


def test_policies_in_worlds_along_a_number_and_by_term(capsys, tmp_path, monkeypatch):
    """A plug-in's cost, a run and a rule, played once for each figure."""
    calls = []

    def play_together(worlds, runs, rules, seed, episodes, level=None, watch=None):
        calls.append(
            ([w.values["physics.sync_energy"] for w in worlds], list(runs), list(rules), seed, episodes, level)
        )
        shape = (len(worlds), 2, episodes)
        metrics = ("reward", "cost/toll", "energy", "energy/edge")
        names = [*runs, *rules]
        return {n: {m: np.full(shape, i + 0.1) for m in metrics} for i, n in enumerate(names)}

    monkeypatch.setattr("eco_jax.cli.runs.play_together", play_together)
    monkeypatch.chdir(tmp_path)
    made_up_toll.write(tmp_path / "toll.py")
    trained(tmp_path / "run")
    shared = ("--plugin", "toll.py", "--cost", "toll", "--episodes", 3, "--seed", 5, "--csv", "x.csv", "--out", "x.png")
    plot(capsys, "run", "local", "--over", "physics.sync-energy=20,0", "--metric", "cost/toll", *shared)
    assert calls == [([0.0, 20.0], ["run"], ["local"], 5, 3, None)]
    assert [(r["series"], r["x"], r["mean"]) for r in rows(tmp_path / "x.csv")] == [
        ("run", "0", "0.1"), ("run", "20", "0.1"), ("local", "0", "1.1"), ("local", "20", "1.1"),
    ]  # fmt: skip
    for name in ("foo", "latency_quantiles"):  # before anything is played
        assert f"--metric '{name}': unknown metric" in refused(
            capsys, "local", "--over", "physics.slot=1,2", "--metric", name
        )
    assert len(calls) == 1
    plot(capsys, "run", "local", "--terms", "--knowledge", "none", *shared)
    assert calls[-1] == ([20.0], ["run"], ["local"], 5, 3, "none")
    assert [r["edge_mj"] for r in rows(tmp_path / "x.csv")] == ["100", "1100"]


def test_numbers_of_the_world_are_checked_where_they_are_used():
    with pytest.raises(UserError, match="unknown setting"):
        together.check_number(config_of(), "physics.slott", [1.0])
