"""What `view` reads, refuses and writes."""

import json
import re

import jax
import jax.numpy as jnp
import made_up_toll
import made_up_trace
import pytest

from eco_jax import plugins
from eco_jax.agent.distribution import Heads
from eco_jax.cli.main import main
from eco_jax.parts import forget
from eco_jax.run import settings
from eco_jax.train.config import PLAYED

TINY = ["--preset", "tiny", "--env.slots", "4"]


def view(*flags):
    return main(["view", *map(str, flags)])


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def played(monkeypatch):
    """What would be played, in place of playing it."""
    calls = []
    monkeypatch.setattr("eco_jax.cli.view._show", lambda a, config, given: calls.append((a, config)))
    return calls


def made_up_run(out, seeds=2, **chosen):
    """A run's settings, and agents in place of a checkpoint."""
    config = settings.from_mapping(
        {"preset": "tiny", "env": {"slots": 4}, "network": {"hidden": 4, "layers": 1}, **chosen}, "test"
    )
    out.mkdir(parents=True)
    note = {"seed": 3, "seeds": seeds, **settings.input_hashes(config)}
    (out / "config.toml").write_text(settings.to_toml(config, note))
    env, _ = config.make()
    network, heads = config.algorithm().network, Heads(env.heads, env.gated)
    keys = jax.random.split(jax.random.key(0), seeds)
    return out, jax.vmap(lambda key: network.init(key, env.inputs, heads))(keys)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run of two seeds, 3 and 4."""
    out, agents = made_up_run(tmp_path / "run")
    monkeypatch.setattr("eco_jax.train.checkpoint.restore_params", lambda *given, **more: (1, agents))
    return out


def data_of(path):
    text = path.read_text()
    return json.loads(re.search(r'id="data">(.*?)</script>', text, re.S)[1])


def refused(capsys, *flags):
    assert view(*flags) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1, captured.err
    return captured.err


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--env.users", 3, "greedy"], "greedy"),
        (["reference-all"], "knowledge = 'all': must be one of none, telemetry"),
        (["greedy", "--against", "reference-all"], "knowledge = 'all': must be one of none, telemetry"),
        (["greeedy"], "'greeedy': neither a run's folder nor a rule; did you mean greedy"),
        (["greedy-twins"], "'greedy-twins': neither a run's folder nor a rule"),
        (["runs/none"], "runs/none: holds no run (no config.toml)"),
        (["greedy", "--against", "locl"], "'locl': neither a run's folder nor a rule; did you mean local"),
        (["greedy", "--seed", 0], "--seed 0: a rule has no seeds; it is for runs"),
        (["greedy", "--episode-seed", -1], "--episode-seed -1: must lie in [0, 4294967295]"),
        (["greedy", "--episode", -1], "--episode -1: must lie in [0, 999999]"),
        (["greedy", "--env.users", 0], "env.users = 0: must"),
        (["greedy", "--network.hidden", 8], "--network.hidden: networks and training are what they were"),
        (["greedy", "--out", "no/x.html"], "--out no/x.html: its folder does not exist"),
        (["greedy", "--out", "x", "--csv", "x"], "--csv x: is what --out writes; choose another file"),
        (["greedy", "--gif", "v.mp4"], "--gif v.mp4: must end in .gif"),
        (["greedy", "--mp4", "v.gif"], "--mp4 v.gif: must end in .mp4"),
        (["greedy", "--csv", "v"], "--csv v: must end in .csv"),
        (["greedy", "--out", "v.pdf"], "--out v.pdf: must end in .html or .htm"),
        (["x" * 5000], "neither a run's folder nor a rule"),
        (["greedy", "--out", "."], ".: is a folder"),
    ],
)
def test_it_says_what_is_wrong_before_it_plays(capsys, played, flags, said):
    assert said in refused(capsys, *flags)
    assert not played


def test_a_world_is_chosen_by_flags(played):
    assert view("greedy-none", "--against", "foresight", *TINY, "--physics.side", 700, "--out", "a.html") == 0
    a, config = played[0]
    assert (a.what, a.against, a.episode_seed, a.episode, a.seed) == ("greedy-none", "foresight", PLAYED, 0, None)
    assert (config.env.users, config.env.slots, config.values["physics.side"]) == (3, 4, 700.0)
    assert view("greedy") == 0
    assert played[1][1].env.users == 30


def test_help_says_who_comes_first(capsys):
    with pytest.raises(SystemExit):
        main(["view", "--help"])
    assert "\n RUN|RULE  Who plays. (default: reference-twin)" in capsys.readouterr().out


def test_an_agent_that_came_with_it_plays_where_nobody_is_named(played):
    for flags in (
        (),
        ("--knowledge", "none"),
        ("greedy", "--against", "reference-none"),
        ("--against=reference-none",),
    ):
        assert view(*flags) == 0
    names = [[name and name.rpartition("/reference/")[2] for name in (a.what, a.against)] for a, _ in played]
    assert names == [["twin", None], ["none", None], ["greedy", "none"], ["twin", "none"]]


def test_nothing_but_its_own_is_replaced(capsys, played, folder):
    for name, flag in (("a.html", "--out"), ("a.gif", "--gif"), ("a.csv", "--csv")):
        (folder / name).write_text("my notes")
        assert "was not written by this command" in refused(capsys, "greedy", flag, name)
        assert (folder / name).read_text() == "my notes"
    config = folder / "w.toml"
    config.write_text("[env]\nusers = 2\n")
    assert "w.toml: is read from" in refused(capsys, "greedy", "--config", config, "--csv", config)
    trace = made_up_trace.write(folder / "t.npz")
    assert "t.npz: is read from" in refused(capsys, "greedy", "--trace", trace, "--out", trace)
    assert not played


@pytest.mark.long  # compiles an agent's program and a rule's
def test_a_run_against_a_rule_in_the_run_s_world(capsys, run, folder):
    assert view("run", "--against", "local", "--csv", "a.csv", "--episode", 2) == 0
    captured = capsys.readouterr()
    assert "view.html: " in captured.err
    data = data_of(folder / "view.html")
    assert [player["name"] for player in data["players"]] == ["a2c-twin, seed 3", "local"]
    assert (data["world"]["users"], data["world"]["slots"]) == (3, 4)
    assert f"Episode 2 of seed {PLAYED}" in data["episode"]
    assert len((folder / "a.csv").read_text().splitlines()) == 1 + 2 * 4 * 3
    assert view("run", "--against", "local", "--csv", "a.csv", "--seed", 4) == 0  # its own files are replaced
    other = data_of(folder / "view.html")
    assert other["players"][0]["name"] == "a2c-twin, seed 4"
    assert other["players"][0]["series"] != data["players"][0]["series"]
    capsys.readouterr()
    assert f"--seed 9: {run.name} has the seeds 3 to 4" in refused(capsys, "run", "--seed", 9).splitlines()[-1]
    assert "is part of a run" in refused(capsys, "run", "--out", run / "config.toml")
    assert "its network takes" in refused(capsys, "run", "--env.candidates", 2)


@pytest.mark.long  # compiles the evaluation too
@pytest.mark.parametrize("network", ["mlp", "gru"])
def test_an_agent_plays_what_evaluate_plays(folder, monkeypatch, network):
    import eco_jax
    from eco_jax.api import Run

    out, agents = made_up_run(folder / "run", network={"kind": network, "hidden": 4, "layers": 1})
    monkeypatch.setattr("eco_jax.train.checkpoint.restore_params", lambda *given, **more: (1, agents))
    assert view("run", "--seed", 4) == 0
    config = settings.from_toml(out / "config.toml")
    env, params = config.make()
    means = eco_jax.evaluate(Run(env, params, config.algorithm(), agents, (3, 4)), episodes=2)
    shown = data_of(folder / "view.html")["players"][0]["series"]["reward"]
    mean = shown["step"] * sum(shown["values"]) / len(shown["values"])
    assert mean == pytest.approx(float(means["reward"][1, 0]), abs=shown["step"])


@pytest.mark.slow  # as above
def test_two_runs_in_the_first_one_s_world(capsys, run, folder, monkeypatch):
    made_up_run(folder / "other", 1, knowledge="none", physics={"side": 500.0})
    assert view("run", "--against", "other") == 0
    said = capsys.readouterr().err
    assert "warning: other: was trained with physics.side = 500.0; it plays with 1000.0" in said
    data = data_of(folder / "view.html")
    assert [player["level"] for player in data["players"]] == ["twin", "none"]
    assert data["world"]["side"] == 1000.0


def test_a_failed_agent_is_refused(capsys, folder, monkeypatch):
    _, agents = made_up_run(folder / "run")
    broken = jax.tree.map(lambda leaf: leaf.at[1].set(jnp.nan), agents)
    monkeypatch.setattr("eco_jax.train.checkpoint.restore_params", lambda *given, **more: (1, broken))
    assert "--seed 4: this agent of run failed" in refused(capsys, "run", "--seed", 4)


@pytest.fixture
def toll(folder):
    yield made_up_toll.write(folder / "toll.py")
    plugins.LOADED.clear()
    forget("cost", "toll")


@pytest.mark.long
def test_plug_ins_and_one_user_and_one_server(toll, folder):
    world = ["--env.users", 1, "--env.servers", 1, "--env.candidates", 1, "--env.slots", 1]
    assert view("greedy", *world, "--plugin", toll, "--cost", "toll", "--csv", "a.csv") == 0
    data = data_of(folder / "view.html")
    assert data["costs"][0]["label"] == "toll"
    assert "cost_toll" in (folder / "a.csv").read_text().splitlines()[0]


@pytest.mark.long  # a program of its own
def test_a_trace_is_replayed(folder):
    trace = made_up_trace.write(folder / "t.npz", slots=5)
    assert view("local", "--trace", trace, "--env.users", 2, "--env.slots", 4, "--env.servers", 5) == 0
    data = data_of(folder / "view.html")
    assert "trace mobility" in data["episode"]
    assert set(data["shared"]["x"]["values"]) == {round(1200 / data["shared"]["x"]["step"])}
