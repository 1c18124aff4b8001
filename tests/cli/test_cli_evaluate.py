"""What `evaluate` reads, refuses and writes, with runs and results that are made up."""

import dataclasses
import json

import jax
import made_up_trace
import numpy as np
import pytest

from eco_jax.agent.distribution import Heads
from eco_jax.agent.networks import MLP
from eco_jax.cli.evaluate import watched
from eco_jax.cli.main import main
from eco_jax.env import Inputs
from eco_jax.run import settings
from eco_jax.run.progress import Display

POLICY = {
    "reward": 0.25,
    "energy": 0.1,
    "latency": 0.1,
    "qoe": 0.5,
    "miss": 0,
    "migrations": 0,
    "offloaded": 1,
    "syncs": 0,
}


def made_up_run(out, **chosen):
    """Its settings alone."""
    config = settings.from_mapping({"preset": "tiny", **chosen}, "test")
    out.mkdir(parents=True)
    (out / "config.toml").write_text(settings.to_toml(config, {"seed": 0, "seeds": 1, **settings.input_hashes(config)}))
    return out


def parameters(features):
    """Of a network that takes so many features, as shapes."""
    return jax.eval_shape(
        lambda key: MLP(hidden=8).init(key, Inputs(features), Heads((11,), (False,))), jax.random.key(0)
    )


@pytest.fixture
def run(tmp_path):
    return made_up_run(tmp_path / "run")


@pytest.fixture
def played(monkeypatch):
    """What `evaluate` would play, in place of playing it: its arguments."""
    calls = []
    values = {name: np.full((2, 4), value) for name, value in POLICY.items()}

    def evaluate_run(config, folder, episodes, seed, rules):
        calls.append((config, episodes, seed, list(rules)))
        return {f"{config.values['algorithm']}-{config.knowledge}": values, "local": values}

    monkeypatch.setattr("eco_jax.cli.evaluate.evaluate_run", evaluate_run)
    return calls


def evaluate(run, *flags):
    return main(["evaluate", "--checkpoint", str(run), *map(str, flags)])


def refused(capsys, run, *flags):
    assert evaluate(run, *flags) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--seed", "-1"], "--seed -1: must lie in [0, 4294967295]"),
        (["--seed", 2**63], f"--seed {2**63}: must lie in [0, 4294967295]"),
        (["--episodes", "1"], "--episodes 1: must lie in [2, 1000000]"),
        (["--episodes", 10**12], "must lie in [2, 1000000]"),
        (["--rules", "greeedy"], "--rules 'greeedy': unknown rule; did you mean greedy"),
        (["--rules", "x"], "--rules 'x': unknown rule; known are all, none, local, random"),
        (["--rules", "all,none"], "--rules 'all,none': all and none stand alone, without other names"),
        (["--rules", "greedy, all"], "--rules 'greedy, all': all and none stand alone, without other names"),
        (["--rules", ""], "--rules '': unknown rule; known are all, none, local"),
        (["--rules", "local", "--no-rules"], "--no-rules and --rules local: give one of them, not both"),
        (["--network.hidden", "8"], "--network.hidden: the run's network and training are what they were"),
        (["--algorithm.entropy=3"], "--algorithm.entropy: the run's network and training are what they were"),
        (["--pathloss.carrier", "5"], "--pathloss.carrier: unknown setting; pathloss = 'umi' has it"),
        (["--json", "no/such/folder/x.json"], "--json no/such/folder/x.json: its folder does not exist"),
    ],
)
def test_it_says_what_is_wrong_before_it_plays(capsys, run, played, flags, said):
    assert said in refused(capsys, run, *flags)
    assert not played


@pytest.mark.parametrize(
    ("flags", "names"),
    [
        (["--rules", "greedy, local,greedy"], ["greedy", "local"]),
        (["--rules", "none"], []),
        (["--no-rules"], []),
        ([], ["local", "random", "nearest-full", "nearest-half", "greedy"]),
    ],
)
def test_rules_are_chosen_by_name(run, played, flags, names):
    assert evaluate(run, *flags) == 0
    assert played[0][3][:5] == names


def test_settings_may_differ_from_the_run(run, played):
    assert evaluate(run, "--env.users", 5, "--env.slots", 64, "--physics.side", 900, "--knowledge", "none") == 0
    config = played[0][0]
    assert (config.env.users, config.env.slots, config.values["physics.side"], config.knowledge) == (
        5,
        64,
        900.0,
        "none",
    )
    trained = settings.from_toml(run / "config.toml")
    assert dataclasses.replace(config.train, rollout=12) == trained.train  # one that divides these episodes
    assert (config.own("algorithm"), config.own("network")) == (trained.own("algorithm"), trained.own("network"))


def test_an_agent_is_named_by_its_algorithm(capsys, tmp_path, monkeypatch):
    run = made_up_run(tmp_path / "ppo", algorithm="ppo", network={"hidden": 8}, knowledge="telemetry")
    agents = jax.tree.map(lambda leaf: np.zeros((1, *leaf.shape)), parameters(92))
    values = {name: np.full((1, 4), value) for name, value in POLICY.items()}
    monkeypatch.setattr("eco_jax.train.checkpoint.restore_params", lambda *given, **more: (2, agents))
    monkeypatch.setattr("eco_jax.study.play.play_agents", lambda *given, **more: [values, values])
    out = tmp_path / "x.json"
    assert evaluate(run, "--no-rules", "--json", out) == 0
    assert set(json.loads(out.read_text())) == {"ppo-telemetry", "ppo-telemetry sampled"}
    captured = capsys.readouterr()
    assert "compiling 1 x ppo-telemetry on 64 episodes" in captured.err
    assert "its network takes 92 features, these settings give " in refused(capsys, run, "--env.candidates", 2)
    # As many features, 3 x (14 + 10) as 4 x (14 + 4), of another order.
    shares = [str(i / 10) for i in range(1, 11)]
    said = refused(capsys, run, "--env.candidates", 3, "--env.beta-levels", *shares)
    assert "its network chooses among 5 x 4 x 2 x 2, these settings give 4 x 10 x 2 x 2" in said


def test_agents_are_shown_in_bold_whatever_their_algorithm(capsys, monkeypatch):
    from eco_jax.cli.screen import show_table

    monkeypatch.setenv("FORCE_COLOR", "1")
    show_table("t", ["policy"], [["ppo-twin"], ["a2c-none sampled"], ["greedy"]])
    bold = [line for line in capsys.readouterr().out.splitlines() if "\x1b[1m" in line]
    assert any("ppo-twin" in line for line in bold)
    assert any("a2c-none" in line for line in bold)
    assert not any("greedy" in line for line in bold)


def test_the_network_knows_what_it_takes():
    assert MLP().inputs(parameters(17)) == 17
    assert MLP().inputs(jax.tree.map(lambda leaf: np.zeros((4, 2, *leaf.shape)), parameters(17))) == 17


def test_json_is_replaced_only_where_it_wrote_it(capsys, run, played, tmp_path):
    out = tmp_path / "x.json"
    for _ in range(2):
        assert evaluate(run, "--json", out) == 0
    assert json.loads(out.read_text())["local"]["reward"]["mean"] == 0.25
    capsys.readouterr()
    for foreign in ("", "my notes", "{}", "[1]", '{"a": 1}', '{"a": {"reward": 3}}', "[" * 100_000):
        out.write_text(foreign)
        assert "was not written by this command" in refused(capsys, run, "--json", out)
        assert out.read_text() == foreign
    for name in ("config.toml", "metrics.jsonl", "summary.json"):
        assert "is part of a run" in refused(capsys, run, "--json", run / name)
    assert "is a folder" in refused(capsys, run, "--json", run)
    assert len(played) == 2


def test_json_is_whole_or_what_it_was(capsys, run, played, tmp_path, monkeypatch):
    out = tmp_path / "x.json"
    assert evaluate(run, "--json", out) == 0
    before = out.read_bytes()
    capsys.readouterr()

    def full(path):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("os.fsync", full)
    assert evaluate(run, "--json", out) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert out.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["x.json"]


def test_a_trace_that_is_another_by_now_is_refused(capsys, played, tmp_path, monkeypatch):
    trace = made_up_trace.write(tmp_path / "t.npz")
    monkeypatch.chdir(tmp_path)
    run = made_up_run(tmp_path / "run", trace="t.npz")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    made_up_trace.write(elsewhere / "t.npz", segments=5)
    monkeypatch.chdir(elsewhere)
    assert evaluate(run) == 0
    assert played[0][0].trace == trace
    assert evaluate(run, "--trace", "t.npz") == 0  # another world to test in
    assert played[1][0].trace == elsewhere / "t.npz"
    made_up_trace.write(trace, segments=5)
    capsys.readouterr()
    assert f"{trace}: is not the file that {run / 'config.toml'} was made with" in refused(capsys, run)
    assert "is not the file that" in refused(capsys, run, "--trace", trace)
    assert f"{elsewhere / 't.npz'}: is read from" in refused(
        capsys, run, "--trace", "t.npz", "--json", elsewhere / "t.npz"
    )
    trace.unlink()
    assert evaluate(run, "--trace", "t.npz") == 0
    assert evaluate(run, "--trace", "None") == 0
    assert len(played) == 4


def test_progress_is_said_without_a_terminal(capsys):
    with Display(every_s=0.0) as display:
        look = watched(display, "2 rules")
        for done in range(3):
            look(done, 2)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "eco-jax evaluate: compiling 2 rules"
    assert lines[1].startswith("eco-jax evaluate: compiled in ")
    assert lines[1].endswith(" s; playing 2 rules")
    assert lines[2:] == ["eco-jax evaluate: played 1 of 2", "eco-jax evaluate: played 2 of 2"]


def test_who_looks_on_changes_nothing():
    from eco_jax import make
    from eco_jax.study.play import _in_turn

    _, params = make("tiny")
    members = [params.with_knowledge(level) for level in ("none", "twin", "truth")]
    seen = []

    def one(params, key, number):
        return {"x": number * params.slot + params.knowledge.sync, "y": jax.random.uniform(key, (2,))}

    given = one, members, jax.random.key(3), jax.numpy.arange(3.0)
    alone, watched = _in_turn(*given), _in_turn(*given, look=lambda done, total: seen.append((done, total)))
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]
    jax.tree.map(np.testing.assert_array_equal, alone, watched)
