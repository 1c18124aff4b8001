"""The attention network from the command line: refused where it would see too much, and played by other numbers."""

import json

import pytest
from made_up_agents import trained

import eco_jax
from eco_jax.cli.main import main
from eco_jax.errors import UserError

NETWORK = {"kind": "attention", "hidden": 8}
ALL = "network.users = true: an agent would see the other users' present tasks, so knowledge must be one of"
LEVELS = "forecast, twin, truth"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Of agents that look at all users."""
    return trained(tmp_path_factory.mktemp("runs") / "all", network=NETWORK | {"users": True})


def refused(capsys, *argv):
    assert main([*map(str, argv)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


def test_it_is_not_trained_where_nothing_is_foreseen(capsys, tmp_path):
    flags = ["--preset", "smoke", "--network", "attention", "--network.users", "True", "--knowledge", "telemetry"]
    said = refused(capsys, "train", "--out", tmp_path / "run", *flags)
    assert f"{ALL} {LEVELS}" in said
    assert not (tmp_path / "run").exists()


def test_no_sweep_over_such_levels(capsys, tmp_path):
    space = tmp_path / "space.toml"
    space.write_text(
        '[base]\npreset = "tiny"\nnetwork.kind = "attention"\nnetwork.users = true\n'
        '[space]\nknowledge = { choice = ["twin", "none"] }\n'
    )
    assert ALL in refused(capsys, "sweep", space, "--out", tmp_path / "sweep")
    assert not (tmp_path / "sweep").exists()


def test_no_report_for_it_has_agents_of_all_levels(capsys, tmp_path):
    flags = ["--network", "attention", "--network.users", "True", "--out", tmp_path / "report"]
    assert ALL in refused(capsys, "reproduce", "--profile", "smoke", *flags)


@pytest.mark.parametrize("command", [["evaluate", "--no-rules", "--checkpoint"], ["view"], ["compare"]])
def test_it_does_not_play_where_nothing_is_foreseen(capsys, run, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    others = ["greedy"] if command == ["compare"] else []
    said = refused(capsys, *command, run, *others, "--knowledge", "none")
    assert f"{run}: {ALL}" in said
    assert list(tmp_path.iterdir()) == []


def test_it_is_not_evaluated_where_nothing_is_foreseen(run):
    loaded = eco_jax.load(run)
    with pytest.raises(UserError, match=r"network\.users = true"):
        eco_jax.evaluate(loaded, params=loaded.params.with_knowledge("none"), episodes=2)


def test_other_features_are_refused(capsys, run):
    said = refused(capsys, "evaluate", "--checkpoint", run, "--no-rules", "--env.beta-levels", "0.5", "1.0")
    assert "its network takes 20 features of a user and 18 of each candidate, these settings give 20 and 16" in said


@pytest.mark.long  # compiles what it plays
def test_it_plays_with_other_numbers_of_users_and_candidates(run, tmp_path):
    out = tmp_path / "x.json"
    flags = ["--env.users", "7", "--env.candidates", "2", "--episodes", "2", "--no-rules", "--json", str(out)]
    assert main(["evaluate", "--checkpoint", str(run), *flags]) == 0
    assert "a2c-twin" in json.loads(out.read_text())
