"""How a trace is replayed: the settings of it from flags, files and Python, and an agent with a memory on a trace."""

import jax
import jax.numpy as jnp
import made_up_agents
import made_up_trace
import pytest
import tomli_w

from eco_jax.agent.algorithms import A2C
from eco_jax.agent.networks import MLP
from eco_jax.api import evaluate, load, train
from eco_jax.cli.main import main
from eco_jax.cli.reproduce import mobility_of
from eco_jax.errors import UserError
from eco_jax.parts import forget, register
from eco_jax.run import settings
from eco_jax.run.config import default, resolve
from eco_jax.study.core import Study
from eco_jax.study.profile import PAPER
from eco_jax.study.run import all_parts, check, left_out
from eco_jax.train.evaluate import play_episodes

TOGETHER = ["--mobility.start", "together", "--mobility.observed=fix", "--env.users", "3"]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    made_up_trace.write(folder / "t.npz")
    made_up_trace.write(folder / "other.npz", slot=4.0)
    return folder


@pytest.fixture
def trained(monkeypatch):
    """The settings that `train` would train with, in place of training."""
    configs = []
    monkeypatch.setattr("eco_jax.cli.train.run", lambda config, *rest: configs.append(config))

    def run(*flags):
        assert main(["train", "--out", "nowhere", *map(str, flags)]) == 0
        return configs[-1]

    return run


def refused(capsys, *command):
    assert main([*map(str, command)]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1, captured.err
    return captured.err


def chosen(config):
    return tuple(config.values.get(f"mobility.{name}") for name in ("start", "observed"))


def test_from_flags_a_file_and_python(trained, files, tmp_path):
    usual = trained("--trace", files / "t.npz")
    assert chosen(usual) == ("drawn", "position")
    config = trained("--trace", files / "t.npz", *TOGETHER)
    assert chosen(config) == ("together", "fix")
    assert config == resolve({
        "trace": files / "t.npz", "mobility.start": "together", "mobility.observed": "fix", "env.users": 3,
    })  # fmt: skip
    assert config.static() != usual.static()  # another program
    mobility = config.make()[1].mobility
    assert (mobility.start, mobility.observed, mobility.trace.common.place.shape) == ("together", "fix", (3,))
    table = {"trace": str(files / "t.npz"), "env": {"users": 3}, "mobility": {"start": "together", "observed": "fix"}}
    (tmp_path / "mine.toml").write_text(tomli_w.dumps(table))
    assert trained("--config", tmp_path / "mine.toml") == config
    again = trained("--config", tmp_path / "mine.toml", "--mobility.observed", "position")
    assert chosen(again) == ("together", "position")


def test_another_trace_is_replayed_in_the_same_way(trained, files, tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(settings.to_toml(trained("--trace", files / "t.npz", *TOGETHER), {"seed": 0}))
    assert chosen(trained("--config", path)) == ("together", "fix")
    other = trained("--config", path, "--trace", files / "other.npz")
    assert (chosen(other), other.values["physics.slot"]) == (("together", "fix"), 4.0)
    assert chosen(trained("--config", path, "--trace", files / "other.npz", "--mobility.start", "drawn"))[0] == "drawn"
    none = trained("--config", path, "--trace", "None", "--mobility.speed-max", "20")
    assert (none.values["mobility"], none.values["mobility.speed_max"], *chosen(none)) == (
        "waypoint", 20.0, "uniform", None,
    )  # fmt: skip
    walk = tmp_path / "walk.toml"
    walk.write_text(settings.to_toml(default().but(**{"mobility.start": "stationary"}), {"seed": 0}))
    assert chosen(trained("--config", walk, "--trace", files / "t.npz")) == ("drawn", "position")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--mobility.start", "uniform"], "mobility.start = 'uniform': must be one of drawn, together"),
        (["--mobility.observed", "both"], "mobility.observed = 'both': must be one of position, fix"),
        (
            ["--mobility.start", "together"],
            "at no time of the trace have env.users = 30 users a track of 61 slots (env.slots + 1) each: "
            "at most 3 have",
        ),
    ],
)
def test_what_cannot_be_replayed(capsys, files, tmp_path, flags, said):
    assert said in refused(capsys, "train", "--out", tmp_path / "run", "--trace", files / "t.npz", *flags)
    assert not (tmp_path / "run").exists()


def test_users_of_a_walk_have_no_such_settings(capsys, tmp_path):
    line = refused(capsys, "train", "--out", tmp_path / "run", "--mobility.observed", "fix")
    assert "--mobility.observed: unknown setting; mobility = 'trace' has it" in line


def test_a_report_says_how_a_trace_is_replayed(files):
    config = resolve({"trace": files / "t.npz", "env.users": 3})
    assert mobility_of(default()) == "synthetic (random waypoint)"
    assert mobility_of(config) == (
        "trace, each user at a time of its own, seen at interpolated positions, which know the next fix"
    )
    together = config.but(mobility={"start": "together", "observed": "fix"})
    assert mobility_of(together) == "trace, all users at one time of it, seen at their last raw fixes"
    # a trace has no more users at one time than it has
    drawn, whole = (Study(each, PAPER) for each in (together, config))
    assert left_out(drawn).keys() - left_out(whole).keys() == {"users"}
    assert {part.name for part in all_parts(whole)} - {part.name for part in all_parts(drawn)} == {"users"}


# An agent with a memory


class Remembering(MLP):
    """Has a memory of one number."""

    def start(self, shape):
        return jnp.zeros(shape)


@pytest.fixture
def remembering():
    register("network", "remembering")(Remembering)
    yield "remembering"
    forget("network", "remembering")


SAID = (
    "mobility.observed = 'position': must be 'fix' where two positions in turn would give the next one away, and the "
    "agent has a memory (A2C with the network Remembering)"
)


def test_an_agent_with_a_memory_needs_the_fix(capsys, files, tmp_path, remembering):
    flags = ["--trace", files / "t.npz", "--network", remembering, "--env.users", "3"]
    assert SAID in refused(capsys, "train", "--out", tmp_path / "run", *flags)
    assert SAID in refused(capsys, "reproduce", "--out", tmp_path / "study", "--profile", "smoke", *flags)
    base = {"trace": str(files / "t.npz"), "network": remembering, "env": {"users": 3}}
    space = {"base": base, "space": {"algorithm.actor_lr": {"choice": [1e-3, 2e-3]}}}
    (tmp_path / "space.toml").write_text(tomli_w.dumps(space))
    line = refused(capsys, "sweep", tmp_path / "space.toml", "--out", tmp_path / "sweep", "--trials", "2")
    assert SAID in line
    assert not {"run", "study", "sweep"} & {path.name for path in tmp_path.iterdir()}
    world = resolve({"trace": files / "t.npz", "env.users": 3}).make()
    with pytest.raises(UserError, match=r"must be 'fix' where"):
        train(*world, A2C(network=Remembering()), updates=1)


@pytest.mark.long
def test_it_may_learn_on_fixes_and_on_a_walk_and_without_a_memory_anywhere(files, remembering):
    trace = resolve({"trace": files / "t.npz", "env.users": 3})
    for config in (
        trace.but(mobility={"observed": "fix"}, network=remembering), default().but(network=remembering), trace,
    ):  # fmt: skip
        check(Study(config, PAPER))


NETWORK = {"kind": "gru", "memory": 4, "hidden": 8, "layers": 1}


@pytest.mark.long  # compiles training and play; the page about data goes the same way in `make test-docs`
def test_one_that_learnt_on_a_walk_is_played_on_fixes_alone(capsys, files, tmp_path):
    run = made_up_agents.trained(tmp_path / "run", network=NETWORK)
    on_trace = ["--trace", files / "t.npz", "--env.users", "3", "--episodes", "2"]
    flags = ["--out", tmp_path / "new", "--network", "gru", *on_trace[:4]]
    assert "agent has a memory (A2C with the network GRU)" in refused(capsys, "train", *flags)
    said = f"two positions in turn would give the next one away, and the agents of {run} have a memory"
    assert said in refused(capsys, "evaluate", "--checkpoint", run, "--no-rules", *on_trace)
    assert said in refused(capsys, "view", run, *on_trace[:4], "--out", tmp_path / "view.html")
    config = resolve({"trace": files / "t.npz", "env.users": 3})
    (tmp_path / "world.toml").write_text(settings.to_toml(config, {}))
    flags = ["--config", tmp_path / "world.toml", "--episodes", "2"]
    assert said in refused(capsys, "compare", run, "local", *flags)
    for what, who in ((load(run), f"the agents of {run} have"), (load(run).policy(0), "the policy has")):
        with pytest.raises(UserError, match=f"would give the next one away, and {who} a memory"):
            evaluate(what, *config.make(), episodes=2)
    env, params = config.but(mobility={"observed": "fix"}).make()
    key = jax.random.key(0)
    assert jax.eval_shape(lambda: play_episodes(env, params, load(run).policy(0), key, 2))["reward"].shape == (2,)
