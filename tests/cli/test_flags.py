"""Flags of settings: how they may be written, what is left for the command, and what the help lists."""

import pytest

from eco_jax.agent.algorithms import DEFAULTS as AGENT
from eco_jax.cli import flags
from eco_jax.cli.main import main, settings_of
from eco_jax.env.parts import COST, Cost
from eco_jax.env.parts import DEFAULTS as WORLD
from eco_jax.errors import UserError
from eco_jax.parts import forget, register, registered
from eco_jax.run.config import default
from eco_jax.settings import number, specs


def split(*argv, over=None):
    return flags.split(argv, over or {})


def said(*argv, over=None):
    return split(*argv, over=over)[1]


@pytest.fixture
def toll():
    @register("cost", "my-toll")
    class Toll(Cost):
        """A toll."""

        price_up: float = number(1, "-", 0, 10, "", "", "price")

    yield Toll
    forget("cost", "my-toll")


@pytest.mark.parametrize(
    "argv",
    [
        ["--env.beta-levels", "0.5", "1"], ["--env.beta_levels", "0.5", "1"], ["--env.beta_levels", "0.5", "1.0"],
    ],
)  # fmt: skip
def test_hyphens_and_underscores_are_the_same(argv):
    assert said(*argv) == {"env.beta_levels": (0.5, 1.0)}


@pytest.mark.parametrize(
    ("argv", "found"),
    [
        (["--env.users", "3"], {"env.users": 3}),
        (["--env.users=3"], {"env.users": 3}),
        (["--physics.sync-energy=3"], {"physics.sync_energy": 3.0}),
        (["--physics.noise", "1e-13"], {"physics.noise": 1e-13}),
        (["--pathloss.reference-gain", "-90"], {"pathloss.reference_gain": -90.0}),
        (["--pathloss.reference-gain=-90"], {"pathloss.reference_gain": -90.0}),
        (["--env.beta-levels=0.5"], {"env.beta_levels": (0.5,)}),
        (["--algorithm.optimizer", "sgd"], {"algorithm.optimizer": "sgd"}),
        (["--algorithm.optimizer=sgd"], {"algorithm.optimizer": "sgd"}),
        (["--mobility=gauss-markov"], {"mobility": "gauss-markov"}),
        (["--knowledge=none"], {"knowledge": "none"}),
        (["--trace=a=b.npz"], {"trace": "a=b.npz"}),
        (["--trace", "None", "--sites=None"], {"trace": None, "sites": None}),
        (["--env.users", "3", "--env.users", "4"], {"env.users": 4}),
        (["--env.users", "1_000"], {"env.users": 1000}),
    ],
)
def test_values(argv, found):
    assert split(*argv) == ([], found)


@pytest.mark.parametrize(
    ("argv", "found"),
    [
        (["--algorithm.normalise"], True),
        (["--algorithm.normalise", "true"], True),
        (["--algorithm.normalise=True"], True),
        (["--algorithm.normalise", "--env.users", "3"], True),
        (["--algorithm.normalise", "false"], False),
        (["--algorithm.normalise=false"], False),
        (["--algorithm.no-normalise"], False),
        (["--algorithm.no_normalise"], False),
        (["--algorithm.normalise", "--algorithm.no-normalise"], False),
    ],
)
def test_a_switch(argv, found):
    assert said(*argv)["algorithm.normalise"] is found


def test_a_switch_takes_no_other_word():
    assert split("--algorithm.normalise", "runs/a") == (["runs/a"], {"algorithm.normalise": True})


def test_what_belongs_to_the_command_is_left_to_it():
    argv = ["first", "--out", "run", "--env.users", "3", "--seeds=2", "--mobility", "gauss-markov", "--resume", "-h"]
    assert split(*argv) == (
        ["first", "--out", "run", "--seeds=2", "--resume", "-h"], {"env.users": 3, "mobility": "gauss-markov"}
    )  # fmt: skip
    assert split("--env.users", "3", "4") == (["4"], {"env.users": 3})


def test_settings_of_a_variant_are_those_of_the_one_that_is_chosen():
    assert said("--mobility.memory", "0.5", "--mobility", "gauss-markov")["mobility.memory"] == 0.5
    assert said("--mobility.memory", "0.5", over={"mobility": "gauss-markov"}) == {"mobility.memory": 0.5}
    with pytest.raises(UserError, match=r"--mobility\.memory: unknown setting; mobility = 'gauss-markov' has it"):
        said("--mobility.memory", "0.5")
    with pytest.raises(UserError, match=r"--mobility\.speed-max: unknown setting; mobility = 'waypoint' has it"):
        said("--mobility.speed-max", "5", "--mobility", "gauss-markov")


def test_lists_by_repeating_a_flag(toll):
    assert said("--plugin", "a.py", "--plugin=b.py") == {"plugins": ("a.py", "b.py")}
    assert split("--plugin", "a.py", "more") == (["more"], {"plugins": ("a.py",)})
    assert said("--cost", "my-toll", "--cost.my-toll.price-up", "3") == {
        "cost": ("my-toll",),
        "cost.my-toll.price_up": 3,
    }
    assert said("--cost=my-toll", "--cost.my-toll.price_up=3")["cost.my-toll.price_up"] == 3
    assert said("--cost.my-toll.weight", "2", over={"cost": ("my-toll",)}) == {"cost.my-toll.weight": 2.0}


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["--env.users"], "--env.users: needs a value, 1 to 100000"),
        (["--env.users", "--env.slots", "3"], "--env.users: needs a value"),
        (["--env.users", ""], "--env.users: must be an integer, not ''"),
        (["--env.users="], "--env.users: must be an integer, not ''"),
        (["--env.users", "3.5"], "--env.users: must be an integer, not '3.5'"),
        (["--physics.side", "x"], "--physics.side: must be a number, not 'x'"),
        (["--physics.sync-energy=x"], "--physics.sync-energy: must be a number, not 'x'"),
        (["--env.beta-levels"], "--env.beta-levels: needs a value, numbers in (0, 1]"),
        (["--env.beta-levels", "0.5", "x"], "--env.beta-levels: must be a number, not 'x'"),
        (["--algorithm.optimizer"], "--algorithm.optimizer: needs a value, one of adam, sgd"),
        (["--mobility"], "--mobility: needs a value"),
        (["--knowledge", "--seeds", "2"], "--knowledge: needs a value"),
        (["--trace"], "--trace: needs a value"),
        (["--trace="], "--trace: needs a value"),
        (["--mobility", ""], "--mobility: needs a value"),
        (["--cost="], "--cost: needs a value"),
        (["--plugin"], "--plugin: needs a file"),
        (["--plugin="], "--plugin: needs a file"),
        (["--cost"], "--cost: needs a value"),
        (["--mobility", "levy"], "mobility = 'levy': must be one of gauss-markov, trace, waypoint"),
        (["--algorithm.optimizer", "lion"], "algorithm.optimizer = 'lion': must be one of adam, sgd"),
        (["--physics.side", "nan"], "physics.side = nan m: must lie in [1, 1e+06]"),
        (["--env.beta-levels", "0"], "env.beta_levels = (0.0,): each must lie in (0, 1], at least one"),
        (["--algorithm.no-entropy"], "--algorithm.no-entropy: unknown setting"),
        (["--algorithm.no-normalise", "true"], "Unrecognized options: true"),
        (["--env", "3"], "Unrecognized options: --env, 3"),
        (["--env.", "3"], "--env.: unknown setting"),
        (["--.", "3"], "--.: unknown setting"),
        (["--a.b.c.d", "3"], "--a.b.c.d: unknown setting"),
        (["--seedz", "3"], "Unrecognized options: --seedz, 3 Perhaps you meant: --seed"),
    ],
)
def test_what_cannot_be_taken_is_one_line(capsys, tmp_path, argv, line):
    assert main(["train", "--out", str(tmp_path / "run"), *argv]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert line in captured.err
    assert not (tmp_path / "run").exists()


def test_flags_make_settings():
    given = settings_of(["--preset", "tiny", "--env.users", "5", "--algorithm", "ppo", "--algorithm.epochs", "2"])
    assert given.rest == ["--preset", "tiny"]
    assert given.flags == {"env.users": 5, "algorithm": "ppo", "algorithm.epochs": 2}
    config = given.config()
    assert (config.env.users, config.env.slots, config.values["algorithm.epochs"]) == (5, 12, 2)


def help_of(capsys, command, columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    with pytest.raises(SystemExit):
        main([command, "--help"])
    return capsys.readouterr().out


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("command", ["train", "evaluate", "reproduce"])
def test_help_lists_every_name(capsys, monkeypatch, toll, command, columns):
    lines = help_of(capsys, command, columns, monkeypatch).splitlines()
    assert max(map(len, lines)) <= columns
    text = " ".join(" ".join(lines).split())
    kinds = {**WORLD, **(AGENT if command != "evaluate" else {})}
    for kind, usual in kinds.items():
        names = f"{', '.join(registered(kind))} (default: {usual.name})"
        assert f"--{kind} NAME" in text
        assert names in text
    assert "--cost NAME a cost term of one's own, by name; may be repeated: my-toll" in text


def test_help_says_whose_a_setting_is(capsys, monkeypatch):
    text = help_of(capsys, "train", 200, monkeypatch)

    def rows(flag):
        return [line for line in text.splitlines() if line.startswith(f" --algorithm.{flag} ")]

    (row,) = rows("epochs")
    assert row.endswith("(1 to 10000; default: 4, 2 of pqn; ppo, mappo and pqn only)")
    (row,) = rows("entropy")
    assert "; default: 0.1; a2c, ppo" in row
    (row,) = rows("discount")
    assert "only" not in row


@pytest.mark.parametrize(
    ("command", "refused"),
    [("evaluate", ["--train.", "--algorithm", "--network"]), ("reproduce", ["--knowledge", "--train.updates"])],
)
def test_help_leaves_out_what_a_command_refuses(capsys, monkeypatch, command, refused):
    text = help_of(capsys, command, 120, monkeypatch)
    assert not [line for line in text.splitlines() if line.startswith(tuple(f" {flag}" for flag in refused))]
    assert "--env.users" in text


def test_the_help_of_physics_has_every_setting_of_every_variant(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--help-physics"])
    _, *rows = capsys.readouterr().out.splitlines()
    flags_there = [row.split()[0] for row in rows]
    for kind in WORLD:
        for name, variant in registered(kind).items():
            for setting in specs(variant):
                assert f"--{kind}.{setting.replace('_', '-')}" in flags_there
                assert any(f"({kind} {name})" in row for row in rows)


def test_every_default_can_be_said_by_flags():
    known = flags.specs_of(default().values)
    argv = []
    for name, value in default().values.items():
        if name in known:
            words = [str(v) for v in value] if isinstance(value, tuple) else [str(value)]
            argv += [f"--{name.replace('_', '-')}", *words]
    assert COST not in argv
    assert settings_of(argv).config() == default()
