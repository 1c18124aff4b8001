"""Sweeps over parts: a plug-in's numbers, the kind of a part, a cost term of one's own, the algorithm's numbers."""

import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
import polars as pl
import pytest
from made_up_sweep import launch, made_up

from eco_jax import plugins
from eco_jax.agent.algorithms import A2C
from eco_jax.cli.main import main
from eco_jax.errors import UserError
from eco_jax.files import sha256
from eco_jax.parts import KINDS, forget, register, registered
from eco_jax.report.sweep import leaderboard, parallel
from eco_jax.run.folder import Saving
from eco_jax.settings import UNITS, from_si, number, specs
from eco_jax.sweep import cluster, training
from eco_jax.sweep.batch import Batch
from eco_jax.sweep.plan import Plan, check
from eco_jax.sweep.results import best_config, ranked, summary
from eco_jax.sweep.search import Sweep
from eco_jax.sweep.space import from_toml
from eco_jax.train.checkpoint import params_sha256
from eco_jax.train.fit import fit, member
from eco_jax.train.interrupt import Stop
from eco_jax.train.loop import Learner

PLUGINS = Path(__file__).parents[2] / "experiments" / "plugins"
SHORT = """
preset = "tiny"
train = { updates = 6, envs = 4, rollout = 6, chunk = 2 }
network = { hidden = 8, layers = 1 }
"""
PROGRAMS = {}


@pytest.fixture(autouse=True)
def as_before():
    """What a test registers is forgotten."""
    loaded, there = dict(plugins.LOADED), {kind: registered(kind) for kind in KINDS}
    yield
    plugins.LOADED.clear()
    plugins.LOADED.update(loaded)
    for kind, before in there.items():
        for name in set(registered(kind)) - set(before):
            forget(kind, name)


def space(tmp_path, axes, base=""):
    path = tmp_path / "space.toml"
    path.write_text(f"[base]\n{base}{SHORT}[space]\n{axes}")
    return from_toml(path)


def sweep(out, what, plan):
    out.mkdir(exist_ok=True)
    check(what, plan)
    return Sweep(out, what, plan)


def trained(folders):
    for folder in folders:
        training.train_batch(folder, Saving(), programs=PROGRAMS)


def alone(config, seed):
    """SHA-256 of the parameters that a run of this configuration ends with."""
    env, params = config.make()
    end = fit(Learner(env, config.train), params, [config.algorithm()], [jax.random.key(seed)])
    return params_sha256(member(end.state.agent.params, 0))


@pytest.mark.long
def test_members_over_a_plugin_s_number_are_what_they_are_alone(tmp_path):
    plugins.load([PLUGINS / "levy.py"])
    what = space(tmp_path, '"mobility.exponent" = { choice = [0.8, 1.6, 3.0] }', 'mobility = "levy"\n')
    assert what.base["plugins"] == [str(PLUGINS / "levy.py")]
    running = sweep(tmp_path / "sweep", what, Plan(3, sampler="grid", seed=4))
    running.run(trained)
    assert len(running.batches) == 1  # it is traced: one program
    rows = running.results()
    assert rows["mobility.exponent"].to_list() == [0.8, 1.6, 3.0]
    assert rows["params_sha256"].n_unique() == 3
    for row in rows.iter_rows(named=True):
        config = what.configure({"mobility.exponent": row["mobility.exponent"]})
        assert row["params_sha256"] == alone(config, 4)
    config, _ = best_config(rows, what, "reward")
    assert config.values["mobility"] == "levy"


KINDS_OF_MOBILITY = """
mobility = { choice = ["waypoint", "gauss-markov"] }
"mobility.speed" = { choice = [10, 40] }
"""


@pytest.mark.long
def test_members_over_kinds_of_mobility_are_what_they_are_alone(tmp_path):
    """Only one of the two has a `speed`."""
    what = space(tmp_path, KINDS_OF_MOBILITY)
    points = [
        {"mobility": "waypoint"}, {"mobility": "gauss-markov", "mobility.speed": 10},
        {"mobility": "gauss-markov", "mobility.speed": 40},
    ]  # fmt: skip
    assert list(what.grid()) == points
    assert what.points() == 3
    running = sweep(tmp_path / "sweep", what, Plan(4, sampler="grid"))
    running.run(trained)
    assert [len(Batch.read(folder).trials) for folder in running.batches] == [1, 2]  # a kind, a program
    rows = running.results()
    assert rows["mobility"].to_list() == ["waypoint", "gauss-markov", "gauss-markov"]
    assert rows["mobility.speed"].to_list() == [None, 10, 40]
    assert rows["params_sha256"].to_list() == [alone(what.configure(values), 0) for values in points]


@pytest.fixture
def mixed(tmp_path):
    """A sweep over kinds with made-up results; `waypoint` is the best."""
    what = space(tmp_path, KINDS_OF_MOBILITY)

    def worth(values):
        return -values.get("mobility.speed", 0)

    def begin(plan):
        running = sweep(tmp_path / "sweep", what, plan)
        running.run(lambda folders: [made_up(folder, worth=worth) for folder in folders])
        return running

    return begin


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_a_value_without_a_place_is_no_trial_s(mixed, sampler):
    running = mixed(Plan(12, sampler=sampler, generation=4))
    for values in running.asked.values():
        assert ("mobility.speed" in values) == (values["mobility"] == "gauss-markov")
    assert len({values["mobility"] for values in running.asked.values()}) == 2
    config, row = best_config(running.results(), running.space, "reward")
    assert (config.values["mobility"], row["mobility.speed"]) == ("waypoint", None)
    assert "mobility.speed" not in config.values
    title, head, rows = leaderboard(running)
    assert title.endswith("; last tenth of training, in whole chunks")
    assert rows[0][head.index("speed")] == "-"
    best = ranked(summary(running.results()), "reward")
    figure = parallel(best, running.space.axes, "reward")
    assert figure.axes[-1].get_ylabel().endswith(" (last tenth of training, in whole chunks)")
    assert parallel(best.filter(pl.col("mobility") == "waypoint").drop("mobility.speed"), running.space.axes, "reward")


def test_trials_without_a_value_are_put_back(mixed):
    """The journal and a batch's description are lost: nothing is asked or trained again."""
    running = mixed(Plan(4, sampler="grid"))
    before = running.asked
    (running.out / "journal.log").unlink()
    for folder in running.batches:
        (folder / "batch.json").unlink()
    said = []
    again = Sweep(running.out, running.space, running.plan, warn=said.append)
    assert len(said) == 3
    assert again.asked == before
    again.run(lambda folders: pytest.fail("trained again"))
    assert again.study.get_trials()[0].params == {"mobility": "waypoint"}


def test_as_many_points_as_differ(tmp_path):
    what = space(tmp_path, KINDS_OF_MOBILITY + '"algorithm.clip" = { choice = [0.5, 1.0] }')
    assert what.points() == len(list(what.grid())) == 6
    assert any("has 6 configurations only" in remark for remark in check(what, Plan(7)))


@pytest.mark.parametrize(
    ("axes", "base", "said"),
    [
        ('mobility = { choice = ["waypoint", "lvy"] }', "", r"mobility = 'lvy': must be one of .*waypoint"),
        ("mobility = { uniform = [1, 2] }", "", r"mobility = 1\.0: must be one of"),
        ("mobility = { choice = [[1]] }", "", r"mobility = \[1\]: must be one of"),
        ('"mobility.speed" = { choice = [1] }', "", r"mobility\.speed: unknown setting; mobility = 'gauss-markov' has"),
        (
            'mobility = { choice = ["gauss-markov"] }\n"mobility.speed_max" = { choice = [50] }', "",
            r"mobility\.speed_max: unknown setting; mobility = 'waypoint' has it",
        ),
        (
            KINDS_OF_MOBILITY.replace("40", "4000"), "",
            r"mobility\.speed = 4000 km/h: must lie in \[0, 1000\]",
        ),
        (KINDS_OF_MOBILITY, 'mobility = { speed = 10 }\n', r"mobility\.speed: unknown setting; .*'gauss-markov' has"),
        ('cost = { choice = [["gold"]] }', "", r"cost = 'gold': there is none; a plug-in"),
        ('"cost.gold.price" = { choice = [1] }', "", r"cost\.gold\.price: unknown setting"),
        ('"algorithm.clip" = { choice = [1] }', "plugins = 3\n", r"plugins = 3: must be a list of names"),
        ('"algorithm.clip" = { choice = [1] }', "plugins = [[1]]\n", r"plugins = \[\[1\]\]: must be a list of names"),
        ('mobility = { choice = ["trace"] }', "", r"mobility = 'trace': needs a prepared trace file"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_parts_is_one_line(tmp_path, axes, base, said, capfd):
    path = tmp_path / "space.toml"
    path.write_text(f"[base]\n{base}preset = 'tiny'\n[space]\n{axes}\n")
    assert main(["sweep", str(path), "--out", str(tmp_path / "out"), "--trials", "2"]) == 2
    with pytest.raises(UserError, match=rf"space\.toml: .*{said}"):
        from_toml(path)
    assert len(capfd.readouterr().err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_plugin_that_cannot_be_loaded_is_one_line(tmp_path, capfd):
    (tmp_path / "own.py").write_text("import eco_jax\n1 / 0\n")
    path = tmp_path / "space.toml"
    for name, said in (("own.py", ":2: ZeroDivisionError: division by zero"), ("nowhere.py", ": ")):
        path.write_text(f"[base]\nplugins = ['{tmp_path / name}']\n[space]\nknowledge = {{ choice = ['twin'] }}\n")
        assert main(["sweep", str(path), "--out", str(tmp_path / "out"), "--trials", "2"]) == 2
        (line,) = capfd.readouterr().err.splitlines()
        assert f"{tmp_path / name}{said}" in line


MONEY = '"cost.money.price" = { choice = [0.5, 2.0] }'


@pytest.mark.long
def test_the_least_money(tmp_path):
    plugins.load([PLUGINS / "money.py"])
    what = space(tmp_path, MONEY, 'cost = ["money"]\n')
    running = sweep(tmp_path / "sweep", what, Plan(2, sampler="grid", seeds=2, objective="cost/money"))
    running.run(trained)
    rows = running.results()
    assert rows["cost/money_cent"].is_between(0, 10, closed="right").all()
    best = ranked(summary(rows), "cost/money")
    assert best["cost/money_cent"].to_list() == sorted(best["cost/money_cent"])
    told = [trial.value for trial in running.study.get_trials()]
    assert told == pytest.approx(summary(rows)["cost/money_cent"].to_list())
    assert running.study.direction.name == "MINIMIZE"
    config, row = best_config(rows, what, "cost/money")
    assert config.values["cost"] == ("money",)
    assert config.values["cost.money.price"] == row["cost.money.price"]
    curves = pl.read_parquet(running.batches[0] / "curves.parquet")
    assert curves["cost/money_cent"].null_count() == 0
    assert leaderboard(running)[1][1] == "cost/money (± sd)"


@pytest.mark.long  # compiles a sweep's programs; halving by reward is in `test_batch.py`
def test_halving_by_money(tmp_path):
    plugins.load([PLUGINS / "money.py"])
    what = space(tmp_path, '"cost.money.price" = { choice = [0.5, 1.0, 2.0, 4.0] }', 'cost = ["money"]\n')
    plan = Plan(4, sampler="grid", objective="cost/money", strategy="halving", eta=2)
    running = sweep(tmp_path / "sweep", what, plan)
    running.run(trained)
    rows = running.results()
    first = pl.read_parquet(running.batches[0] / "curves.parquet").filter(pl.col("update") == 2)
    kept = set(first.sort("cost/money_cent")["trial"][:2])
    assert set(rows.filter(pl.col("updates") > 2)["trial"]) == kept
    assert rows["status"].to_list().count("done") == 1


def test_money_is_looked_for_where_it_is_paid(tmp_path):
    with pytest.raises(UserError, match="--objective cost/money: must be one of reward, energy, latency, qoe$"):
        Plan(2, objective="cost/money")
    plugins.load([PLUGINS / "money.py"])
    plan = Plan(4, objective="cost/money")
    for axes in ('"algorithm.clip" = { choice = [1] }', 'cost = { choice = [["money"], []] }'):
        with pytest.raises(UserError, match="--objective cost/money: is not of this world, which reports reward, "):
            check(space(tmp_path, axes), plan)
    paid = space(tmp_path, f'cost = {{ choice = [["money"], []] }}\n{MONEY}')
    assert list(paid.grid()) == [
        {"cost": ["money"], "cost.money.price": 0.5}, {"cost": ["money"], "cost.money.price": 2.0}, {"cost": []}
    ]  # fmt: skip
    running = sweep(tmp_path / "sweep", paid, Plan(3, sampler="grid"))
    running.run(launch)
    assert len(running.batches) == 2
    config, _ = best_config(running.results().filter(pl.col("trial") == 2), paid, "reward")
    assert config.values["cost"] == ()


LOUD = '\nimport os\nopen(os.environ["NOTES"], "a").write("executed\\n")\n'


class Executor:
    """Takes what would be submitted."""

    def __init__(self, **given):
        self.jobs = []

    def update_parameters(self, **given):
        pass

    def batch(self):
        return open("/dev/null")

    def submit(self, job):
        Executor.taken.append(job)
        return type("Submitted", (), {"job_id": "1_0"})


@pytest.mark.long
def test_a_job_loads_what_the_sweep_was_given_and_a_folder_alone_executes_nothing(tmp_path, monkeypatch):
    own, notes = tmp_path / "own.py", tmp_path / "notes"
    own.write_text((PLUGINS / "levy.py").read_text() + LOUD)
    monkeypatch.setenv("NOTES", str(notes))
    plugins.load([own])
    what = space(tmp_path, '"mobility.exponent" = { choice = [1.6] }', 'mobility = "levy"\n')
    running = sweep(tmp_path / "sweep", what, Plan(1))
    running._ask(1)
    (folder,) = running.batches
    assert Batch.read(folder).inputs == {"plugins_sha256": sha256(own)}
    Executor.taken = []
    monkeypatch.setattr("submitit.SlurmExecutor", Executor)
    cluster.Launcher(running.out, cluster.Slurm(), Saving(), print, Stop())._submit([folder])
    (tmp_path / "job").write_bytes(pickle.dumps(Executor.taken[0]))
    notes.unlink()

    def process(program):
        return subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, cwd=Path(__file__).parent
        )

    looks = f"""
from pathlib import Path
from eco_jax.errors import UserError
from eco_jax.run.folder import Saving
from eco_jax.sweep import training
try:
    training.train_batch(Path({str(folder)!r}), Saving())
except UserError as error:
    print(error)
"""
    said = process(looks)
    assert said.stdout == f"{what.where}: {own}: a plug-in that is not loaded; name it with --plugin\n", said.stderr
    assert not notes.exists()

    works = f"import pickle\nfrom pathlib import Path\npickle.loads(Path({str(tmp_path / 'job')!r}).read_bytes())()"
    done = process(works)
    assert done.returncode == 0, done.stderr
    assert notes.read_text() == "executed\n"
    row = pl.read_parquet(folder / "results.parquet").row(0, named=True)
    assert (row["status"], row["params_sha256"]) == ("done", alone(what.configure({"mobility.exponent": 1.6}), 0))


def test_a_plugin_that_has_changed_is_refused(tmp_path):
    own = tmp_path / "own.py"
    own.write_text((PLUGINS / "levy.py").read_text())
    plugins.load([own])
    what = space(tmp_path, '"mobility.exponent" = { choice = [1.6] }', 'mobility = "levy"\n')
    running = sweep(tmp_path / "sweep", what, Plan(1))
    running._ask(1)
    assert running.note["inputs"] == {str(own): sha256(own)}
    own.write_text(own.read_text() + "\n# other\n")
    plugins.LOADED.clear()  # as in another process
    forget("mobility", "levy")
    plugins.load([own])
    with pytest.raises(UserError, match=r"own\.py: is not the file that .*batch\.json was made with"):
        training.train_batch(running.batches[0], Saving())
    with pytest.raises(UserError, match=r"own\.py is not the file that the sweep began with"):
        Sweep(running.out, what, Plan(2))


@pytest.mark.long
def test_pbt_moves_an_algorithm_s_own_numbers(tmp_path):
    base = 'algorithm = { kind = "ppo", epochs = 1, minibatches = 2 }\n'
    axes = '"algorithm.ratio_limit" = { log_uniform = [0.05, 0.5] }\n"algorithm.entropy" = { choice = [0.0, 0.1] }\n'
    what = space(tmp_path, axes, base)
    running = sweep(tmp_path / "sweep", what, Plan(8, strategy="pbt", seed=1))
    running.run(trained)
    (folder,) = running.batches
    given = {t["trial"]: t["values"] for t in Batch.read(folder).trials}
    assert Batch.read(folder).ranges == {"ratio_limit": [0.05, 0.5], "entropy": [0.0, 0.1]}
    rows = running.results()
    assert set(rows["status"]) == {"done"}
    for name, low, high in (("ratio_limit", 0.05, 0.5), ("entropy", 0.0, 0.1)):
        values = rows[f"algorithm.{name}"].to_numpy()
        before = np.array([given[trial][f"algorithm.{name}"] for trial in rows["trial"]])
        assert ((values >= low * 0.9999) & (values <= high * 1.0001)).all()
        kept = np.isclose(values, before, rtol=1e-6)
        assert kept.any()
        if name == "ratio_limit":
            assert not kept.all()
    assert json.loads((running.out / "sweep.json").read_text())["strategy"] == "pbt"


MAPPO = (
    'algorithm = { kind = "mappo", epochs = 1, minibatches = 2, critic_hidden = 4 }\n',
    '"algorithm.ratio_limit" = { choice = [0.1, 0.2] }\n"algorithm.critic_lr" = { choice = [1e-3, 1e-2] }\n',
)
PQN = (
    'algorithm = { kind = "pqn", epochs = 1, minibatches = 2 }\n',
    '"algorithm.lr" = { choice = [1e-3, 1e-2] }\n"algorithm.decay" = { choice = [0.2, 0.8] }\n',
)


@pytest.mark.long
@pytest.mark.parametrize(("base", "axes"), [MAPPO, PQN], ids=["mappo", "pqn"])
def test_halving_over_an_algorithm_s_numbers(tmp_path, base, axes):
    running = sweep(tmp_path / "sweep", space(tmp_path, axes, base), Plan(4, sampler="grid", strategy="halving", eta=2))
    running.run(trained)
    rows = running.results()
    first = pl.read_parquet(running.batches[0] / "curves.parquet").filter(pl.col("update") == 2)
    assert first["reward"].is_finite().all()
    kept = set(first.sort("reward", descending=True)["trial"][:2])
    assert set(rows.filter(pl.col("updates") > 2)["trial"]) == kept
    assert rows["status"].to_list().count("done") == 1


class Slow(A2C):
    """An algorithm with a number whose unit is none of SI's."""

    patience: Any = number(20, "ms", 1, 1000, "", "assumed", "of no effect")


@pytest.mark.long
def test_pbt_tells_numbers_in_their_units(tmp_path):
    register("algorithm", "slow")(Slow)
    axes = '"algorithm.patience" = { choice = [10, 20, 40, 80] }'
    running = sweep(
        tmp_path / "sweep", space(tmp_path, axes, 'algorithm = "slow"\n'), Plan(4, sampler="grid", strategy="pbt")
    )
    running.run(trained)
    values = running.results()["algorithm.patience"].to_list()
    assert all(9.999 <= value <= 80.001 for value in values)
    assert sum(value == pytest.approx(given) for value, given in zip(values, (10, 20, 40, 80), strict=True)) >= 3


@pytest.mark.parametrize("unit", list(UNITS))
def test_there_and_back(unit):
    spec = specs(A2C)["actor_lr"]._replace(unit=unit)
    assert from_si(spec, float(UNITS[unit](12.5))) == pytest.approx(12.5)


@pytest.mark.parametrize(
    "axes",
    [
        '"network.hidden" = { choice = [4, 8] }',
        '"algorithm.epochs" = { uniform = [1, 4] }',
        '"algorithm.optimizer" = { choice = ["adam", "sgd"] }',
        'algorithm = { choice = ["a2c", "ppo"] }',
        '"physics.sync_error" = { uniform = [0.1, 1.0] }',
    ],
)
def test_pbt_moves_nothing_else(tmp_path, axes):
    what = space(tmp_path, axes, 'algorithm = "ppo"\n')
    name = next(iter(what.axes))
    with pytest.raises(UserError, match=rf"{name}: pbt moves traced numbers of \[algorithm\] only"):
        check(what, Plan(4, strategy="pbt"))
