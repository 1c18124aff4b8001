"""`eco-jax compare`: what it says and writes of made-up runs, and what it refuses before it plays."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from made_up_agents import trained

from eco_jax.cli.main import main
from eco_jax.cli.runs import short_names, with_references

LEVELS = {"base": 0.1, "other": 0.2, "local": -0.1, "local-twin": -0.1, "local-none": -0.2}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compare")
    trained(folder / "base", knowledge="none")
    trained(folder / "other", seeds=(0, 1))
    trained(folder / "elsewhere", physics={"sync_energy": 5.0})
    return folder


@pytest.fixture
def played(home, monkeypatch):
    """What would be played, in place of playing it: its arguments."""
    monkeypatch.chdir(home)
    calls = []

    def play_together(worlds, runs, rules, seed, episodes, level=None, watch=None):
        calls.append((dict(worlds[0].values), list(runs), list(rules), seed, episodes, level))
        names = [
            *runs,
            *(f"{rule}-{at}" for rule in rules for at in dict.fromkeys(r.config.knowledge for r in runs.values())),
        ]
        names = [*runs, *rules] if level or len({r.config.knowledge for r in runs.values()}) < 2 else names
        found = {}
        for name in names:
            seeds = 2 if name in runs else 1
            value = LEVELS.get(name, 0.0) + np.random.default_rng(0).normal(0, 0.01, (1, seeds, episodes))
            found[name] = {
                m: value if m in ("reward", "qoe") else -value for m in ("reward", "energy", "latency", "qoe")
            }
        return found

    monkeypatch.setattr("eco_jax.cli.runs.play_together", play_together)
    return calls


def compare(capsys, *flags):
    assert main(["compare", *map(str, flags)]) == 0
    return capsys.readouterr().out


def refused(capsys, *flags):
    assert main(["compare", *map(str, flags)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


def test_the_first_is_the_baseline(capsys, played):
    said = compare(capsys, "base", "other", "--rules", "local", "--episodes", 20, "--seed", 3)
    ((world, runs, rules, seed, episodes, level),) = played
    assert (runs, rules, seed, episodes, level) == (["base", "other"], ["local"], 3, 20, None)
    assert world["knowledge"] == "none"  # of the first run; each plays at its own
    assert "Against base, on the same 20 episodes" in said
    lines = [line.split() for line in said.splitlines()]
    verdicts = {line[0]: line[-1] for line in lines if line and line[0] in ("other", "local-twin", "local-none")}
    assert verdicts == {"other": "better", "local-twin": "worse", "local-none": "worse"}
    assert "seeds of other and base: fewer than two in common" in said
    assert "exploratory: 2 seeds; a published verdict needs 10" in said


def test_runs_have_names_of_their_own():
    deep = [f"{'place/' * 8}{letter}/run" for letter in "ab"]
    assert short_names(deep) == deep
    assert short_names(["a/x", "b/y"]) == ["x", "y"]
    assert short_names(["a/run", f"b/{deep[0]}"]) == ["a/run", f"b/{deep[0]}"[:37] + "..."]


def test_files(capsys, played, tmp_path):
    files = [tmp_path / f"x.{kind}" for kind in ("json", "csv", "tex")]
    flags = ["base", "other", "--baseline", "other", "--labels", "no_twin,with 100 %", "--episodes", 20]
    flags += [word for path in files for word in (f"--{path.suffix[1:]}", path)]
    compare(capsys, *flags)
    found = json.loads(files[0].read_text())
    assert (found["command"], found["baseline"], found["seeds"]) == (
        "eco-jax compare",
        "with 100 %",
        {"no_twin": 2, "with 100 %": 2},
    )
    (reward,) = (row for row in found["differences"] if row["metric"] == "reward")
    assert reward["difference"] == pytest.approx(-0.1)
    assert (reward["policy"], reward["verdict"]) == ("no_twin", "worse")
    assert reward["low"] <= reward["difference"] <= reward["high"]
    with files[1].open() as file:
        rows = list(csv.DictReader(file))
    assert [row["metric"] for row in rows] == ["reward", "energy", "latency", "qoe"]
    assert float(rows[0]["difference"]) == pytest.approx(-0.1)
    tex = files[2].read_text()
    assert r"Policy & Metric & with 100 \% & Policy" in tex
    assert r"no\_twin & reward & $0." in tex
    assert tex.count(r"\\") == 5
    assert (tex.count(r"\toprule"), tex.count(r"\bottomrule")) == (1, 1)
    compare(capsys, *flags)  # over what it wrote
    for path in files:
        path.write_text("mine")
        assert f"{path}: is there already and was not written by this command" in refused(capsys, *flags)
        path.unlink()


def test_a_world_of_flags_is_for_all(capsys, played):
    compare(capsys, "other", "elsewhere", "--physics.sync-energy", 9, "--env.users", 2, "--knowledge", "none")
    world, *_, level = played[0]
    assert (world["physics.sync_energy"], world["env.users"], world["knowledge"], level) == (9.0, 2, "none", "none")
    compare(capsys, "other", "elsewhere", "--preset", "city")
    assert played[1][0]["env.users"] == 188


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], "name runs or rules first"),
        (["base"], "name two runs or rules at least"),
        (["base", "missing"], "'missing': no folder of a run, nor a rule"),
        (["base", "other", "--rules", "greeedy"], "--rules 'greeedy': unknown rule; did you mean greedy"),
        (["base", "other", "--rules", ","], "--rules '': unknown rule; known are local"),
        (["base", "other", "--baseline", "third"], "--baseline 'third': must be one of base, other"),
        (["other", "elsewhere"], "elsewhere: trained with physics.sync_energy = 5.0, other with 20.0; give the world"),
        (["base", "other", "--episodes", "1"], "--episodes 1: must lie in [2, 1000000]"),
        (["base", "other", "--seed", "-1"], "--seed -1: must lie in"),
        (["base", "other", "--json", "no/x.json"], "--json no/x.json: its folder does not exist"),
        (["base", "other", "--csv", "base/metrics.jsonl"], "is part of a run"),
        (["base", "other", "--json", "x", "--csv", "x"], "--csv x: is what --json writes; choose another file"),
        (["base", "other", "--csv", "x", "--tex", "./x"], "--tex x: is what --csv writes; choose another file"),
        (["base", "other", "--labels", "a"], "--labels 'a': must be 2 different ones, for base, other"),
        (
            ["base", "other", "--network.hidden", "8"],
            "--network.hidden: the runs' agents are what they were trained to",
        ),
    ],
)
def test_it_says_what_is_wrong_before_it_plays(capsys, played, flags, said):
    before = sorted(Path().iterdir())
    assert said in refused(capsys, *flags)
    assert not played
    assert sorted(Path().iterdir()) == before


@pytest.mark.parametrize("command", ["compare", "plot"])
def test_agents_that_come_with_it_go_by_name(capsys, command):
    assert main([command, "reference-all"]) == 2
    assert "knowledge = 'all': must be one of none, telemetry" in capsys.readouterr().err
    words = with_references(["reference-twin", "greedy", "--rules", "reference-twin"])
    assert Path(words[0]).is_dir()
    assert words[1:] == ["greedy", "--rules", "reference-twin"]


@pytest.mark.parametrize("command", ["compare", "plot"])
def test_a_name_that_no_folder_can_have_is_one_line(capsys, command):
    assert main([command, "x" * 5000]) == 2
    assert capsys.readouterr().err.count("\n") == 1
