"""`eco-jax score`: what it says and writes of made-up rewards, and what it refuses before anything is played."""

import json

import numpy as np
import pytest
from made_up_agents import trained

from eco_jax.cli.main import main
from eco_jax.study import scenarios


@pytest.fixture
def home(tmp_path, monkeypatch):
    trained(tmp_path / "one", seeds=(0,), knowledge="none")
    for world in scenarios.scenarios():
        trained(tmp_path / f"own-{world}", seeds=(0, 1))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def played(home, monkeypatch):
    """What would be played, in place of playing it: everybody is half way, runs of two seeds a little more."""
    calls = []

    def play_together(worlds, runs, rules, seed, episodes, level=None, watch=None):
        (world,) = worlds
        (name,) = (n for n, s in scenarios.scenarios().items() if s.config(world.knowledge).values == world.values)
        calls.append((name, {label: run.path.name for label, run in runs.items()}, rules, seed, episodes, level))
        split = {v: k for k, v in scenarios.declared()["splits"].items()}[seed]
        low, high = (np.asarray(scenarios.frozen()[name][split][who]) for who in ("random", "reference"))
        shares = {**{label: 0.5 + 0.1 * len(run.seeds) for label, run in runs.items()}, **dict.fromkeys(rules, 0.5)}
        return {
            label: {
                "reward": np.tile(low + share * (high - low), (1, len(runs[label].seeds) if label in runs else 1, 1))
            }
            for label, share in shares.items()
        }

    monkeypatch.setattr("eco_jax.cli.score.play_together", play_together)
    return calls


def test_runs_and_rules_in_every_world(played, home, capsys):
    assert main(["score", "one", "greedy", "own-{world}", "--json", "scores.json"]) == 0
    out = capsys.readouterr().out
    assert "eco-bench-v1, split dev" in out
    assert [line.split()[0] for line in out.splitlines() if "50.0" in line or "0 [" in line] == [
        "own-{world}", "one", "greedy-twin",
    ]  # fmt: skip
    found = json.loads((home / "scores.json").read_text())
    assert found["scores"]["own-{world}"]["city"]["score"]["mean"] == pytest.approx(70.0)
    assert found["scores"]["greedy-twin"]["sparse"]["score"]["mean"] == pytest.approx(50.0)
    assert set(found["scores"]) == {"one", "own-{world}", "greedy-twin"}
    about = scenarios.declared()
    assert {call[3:5] for call in played} == {(about["splits"]["dev"], about["episodes"])}
    runs = [call[1] for call in played if call[1]]
    assert [row["own-{world}"] for row in runs] == [f"own-{world}" for world in scenarios.scenarios()]
    assert {row["one"] for row in runs} == {"one"}
    assert main(["score", "one", "--json", "scores.json"]) == 0  # its own file it replaces


def test_split_worlds_and_level(played, capsys):
    assert main(["score", "greedy", "--worlds", "city,sparse", "--split", "test", "--knowledge", "none"]) == 0
    assert [(call[0], call[3], call[5]) for call in played] == [
        (world, scenarios.declared()["splits"]["test"], "none") for world in ("city", "sparse")
    ]
    assert "greedy-none" in capsys.readouterr().out


def test_who_trained_longer_than_allowed_is_named(home, played, capsys):
    trained(home / "long", train={"updates": 3334})
    assert main(["score", "long"]) == 0
    assert "long: trained for 640,128 environment steps, above the budget of 640,000" in capsys.readouterr().out


def test_the_worlds_are_listed(capsys):
    assert main(["score", "--list"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in scenarios.scenarios())
    assert "--physics.overlap 0" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name folders of runs, or rules"),
        (["nowhere"], "'nowhere': no folder of a run, nor a rule"),
        (["gredy"], "did you mean greedy"),
        (["greedy", "greedy"], "'greedy': named twice"),
        (["run-{world}"], "'run-default': no folder of a run"),
        (["greedy", "--worlds", "moon"], "--worlds 'moon': must be among default, city"),
        (["greedy", "--worlds", ","], "--worlds '': must be among default, city"),
        (["greedy", "--list"], "'greedy': --list plays nobody; leave one of them out"),
        (["greedy", "--split", "train"], "--split"),
        (["greedy", "--knowledge", "all"], "--knowledge"),
        (["greedy", "--json", "no/where.json"], "--json no/where.json: its folder does not exist"),
        (["greedy", "--json", "other.txt"], "other.txt"),
        (["greedy", "--plugin", "nowhere.py"], "nowhere.py"),
    ],
)
def test_what_is_refused_is_one_line(home, capsys, arguments, said):
    (home / "other.txt").write_text("mine")
    assert main(["score", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("eco-jax score: ")
    assert said in line
    assert (home / "other.txt").read_text() == "mine"
