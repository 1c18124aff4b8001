"""What a trace and sites decide, and what of a run is refused because nothing would come of it."""

import made_up_trace
import pytest

from eco_jax.cli.main import main
from eco_jax.errors import UserError
from eco_jax.run import settings
from eco_jax.run.config import default, resolve
from eco_jax.train.loop import Learner

DECIDED = ("mobility", "physics.slot", "physics.side", "env.servers")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    made_up_trace.write(folder / "t.npz", slot=4.0, side=1500.0)
    made_up_trace.write(folder / "other.npz", slot=2.0, side=800.0)
    made_up_trace.write(folder / "usual.npz")
    (folder / "sites.csv").write_text("".join(f"{90 * i},{70 * i}\n" for i in range(1, 8)))
    return folder


@pytest.fixture(autouse=True)
def trained(monkeypatch):
    """What `train` would train, in place of training it."""
    configs = []

    def run(config, *rest):
        env = config.make()[0]
        Learner(env, config.train)
        config.algorithm().check(config.train, env)
        configs.append(config)

    monkeypatch.setattr("eco_jax.cli.train.run", run)
    return configs


def train(trained, *flags):
    assert main(["train", "--out", "nowhere", *map(str, flags)]) == 0
    return trained[-1]


def refused(capsys, *flags, command=("train", "--out", "nowhere")):
    assert main([*command, *map(str, flags)]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    return captured.err


def decided(config):
    return tuple(config.values[name] for name in DECIDED)


def test_what_runs_is_what_is_recorded(trained, files, tmp_path):
    config = train(trained, "--trace", files / "t.npz", "--sites", files / "sites.csv")
    assert decided(config) == ("trace", 4.0, 1500.0, 7)
    env, params = config.make()
    assert (params.mobility.name, float(params.slot), float(params.side), env.config.servers) == decided(config)
    path = tmp_path / "config.toml"
    path.write_text(settings.to_toml(config, {"seed": 0}))
    assert settings.from_toml(path) == config == resolve(*settings.base(file=path)[:2])
    # a preset gives way, and repeating what the files say does no harm
    same = ["--physics.slot", "4", "--physics.side=1500", "--env.servers", "7", "--mobility", "trace"]
    for world in ("tiny", "sparse"):
        again = train(trained, "--preset", world, "--trace", files / "t.npz", "--sites", files / "sites.csv", *same)
        assert decided(again) == decided(config)


def test_python_agrees(files):
    config = resolve({"trace": files / "t.npz"})
    assert decided(config) == ("trace", 4.0, 1500.0, 45)
    assert float(config.make()[1].side) == 1500.0
    with pytest.raises(UserError, match=r"physics.side = 500.0: .*t.npz has 1500.0"):
        resolve({"trace": files / "t.npz", "physics.side": 500.0})
    assert config.but(physics={"side": 1500.0}) == config == default().but(trace=files / "t.npz")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--physics.side", "500", "--physics.slot", "1"], "physics.slot = 1.0: {}/t.npz has 4.0, and decides it"),
        (["--physics.side", "3000"], "physics.side = 3000.0: {}/t.npz has 1500.0, and decides it"),  # the default
        (["--mobility", "waypoint"], "mobility = 'waypoint': {}/t.npz has 'trace'"),
        (["--mobility", "gauss-markov"], "mobility = 'gauss-markov': {}/t.npz has 'trace'"),
        (["--sites", "{}/sites.csv", "--env.servers", "10"], "env.servers = 10: {}/sites.csv has 7"),
        (["--sites", "{}/sites.csv", "--env.servers", "45"], "env.servers = 45: {}/sites.csv has 7"),
        (["--mobility.speed-max", "20"], "--mobility.speed-max: unknown setting; mobility = 'waypoint' has it"),
    ],
)
def test_flags_that_the_files_contradict(capsys, files, flags, said):
    line = refused(capsys, "--trace", files / "t.npz", *(flag.format(files) for flag in flags))
    assert said.format(files) in line


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[physics]\nside = 500", "physics.side = 500: "),
        ("[physics]\nside = 3000", "physics.side = 3000: "),
        ("mobility = 'waypoint'", "mobility = 'waypoint': "),
        ("[mobility]\nfix_every = 3", "mobility.fix_every: unknown setting"),
    ],
)
def test_a_file_that_somebody_wrote_is_refused_alike(capsys, files, tmp_path, text, said):
    path = tmp_path / "mine.toml"
    path.write_text(f"trace = '{files / 't.npz'}'\n{text}\n")
    line = refused(capsys, "--config", path)
    assert f"{path}: {said}" in line
    path.write_text(f"{text}\n")
    assert f"{path}: {said}" in refused(capsys, "--config", path, "--trace", files / "t.npz")


def test_another_trace_decides_anew_where_nobody_wrote_otherwise(trained, files, tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(settings.to_toml(default().but(trace=files / "t.npz"), {"seed": 0}))
    assert decided(train(trained, "--config", path, "--trace", files / "other.npz"))[1:3] == (2.0, 800.0)
    assert decided(train(trained, "--config", path, "--trace", "None")) == ("waypoint", 5.0, 3000.0, 45)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--algorithm.epochs", "8"], "--algorithm.epochs: unknown setting; algorithm = 'ppo' or 'mappo' has it"),
        (
            ["--algorithm.minibatches", "8"],
            "algorithm.minibatches: unknown setting; algorithm = 'ppo' or 'mappo' has it",
        ),
        (
            ["--algorithm.ratio-limit", "0.3"],
            "algorithm.ratio-limit: unknown setting; algorithm = 'ppo' or 'mappo' has it",
        ),
        (
            ["--algorithm.residual", "--algorithm", "ppo"],
            "algorithm.residual: unknown setting; algorithm = 'a2c' has it",
        ),
        (
            ["--equations", "printed", "--equations.cycles-per", "bit"],
            "--equations.cycles-per: unknown setting; equations = 'repaired' has it",
        ),
        (["--equations", "printed", "--credit", "user"], "equations = 'printed' has 'team'"),
        (["--preset", "printed", "--energy", "cmos"], "energy = 'cmos': equations = 'printed' has 'power_time'"),
        (["--pathloss.carrier", "5"], "--pathloss.carrier: unknown setting; pathloss = 'umi' has it"),
        (
            ["--preset", "umi", "--pathloss.exponent", "3"],
            "pathloss.exponent: unknown setting; pathloss = 'power' has it",
        ),
        (["--mobility.speed", "20"], "mobility.speed: unknown setting; mobility = 'gauss-markov' has it"),
        (["--coverage.radius", "99"], "coverage.radius: unknown setting; coverage = 'hard' has it"),
        (["--algorithm", "ppo", "--algorithm.minibatches", "7"], "algorithm.minibatches = 7: must divide the rollout"),
        (["--preset", "printed", "--access.backhaul", "2"], "access.backhaul = 2.0: has no effect with equations"),
        (["--physics.queuing", "3", "--equations=printed"], "physics.queuing = 3.0: has no effect with equations"),
        (["--mobility", "trace"], "mobility = 'trace': needs a prepared trace file"),
        (["--env.slots", "64", "--train.rollout", "10"], "train.rollout = 10: must divide the episode of 64 slots"),
        (["--preset", "smoke", "--train.rollout", "10"], "train.rollout = 10: must divide the episode of 12 slots"),
    ],
)
def test_what_would_come_to_nothing(capsys, tmp_path, flags, said):
    assert said in refused(capsys, *flags, command=("train", "--out", str(tmp_path / "run")))
    assert not (tmp_path / "run").exists()


def test_the_printed_equations_are_recorded_as_they_run(trained):
    config = train(trained, "--preset", "printed")
    assert [config.values[kind] for kind in ("equations", "credit", "energy")] == ["printed", "team", "power_time"]
    params = config.make()[1]
    assert (params.equations.name, params.credit.name, params.energy.name) == ("printed", "team", "power_time")


def test_training_as_printed_is_asked_for(trained):
    """The equations alone leave the learning as it is set; the preset changes both, and flags go over it."""
    for flags in (["--equations", "printed"], ["--preset", "printed"]):
        assert train(trained, *flags).own("algorithm") == default().own("algorithm")
    mine = train(trained, "--preset", "printed", "--algorithm.discount", "0.5").own("algorithm")
    assert (mine["discount"], mine["residual"]) == (0.5, False)
    letter = train(trained, "--preset", "paper-printed", "--physics.w3", "0.5", "--algorithm.discount", "0.5")
    assert [letter.values[n] for n in ("equations", "credit", "physics.w3")] == ["printed", "team", 0.5]
    learning = letter.own("algorithm")
    assert (learning["discount"], learning["decay"], learning["residual"]) == (0.5, 0.0, True)


@pytest.mark.parametrize(
    ("flags", "rollout"),
    [
        ([], 10),
        (["--preset", "tiny"], 12),
        (["--env.slots", "64"], 8),
        (["--env.slots", "61"], 61),
        (["--preset", "smoke"], 6),
        (["--preset", "smoke", "--env.slots", "18"], 6),
    ],
)
def test_a_rollout_that_nobody_chose_divides_the_episode(trained, flags, rollout):
    assert train(trained, *flags).train.rollout == rollout
