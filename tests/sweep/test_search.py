"""Sweeps: what is asked, told, refused, gone on with. Batches are made up here; `test_batch` trains them."""

import itertools
import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import optuna
import polars as pl
import pytest
from made_up_sweep import BASE, launch, made_up, sweep

from eco_jax.errors import UserError
from eco_jax.report.sweep import _positions
from eco_jax.run import settings
from eco_jax.run.config import yielding
from eco_jax.sweep import batch, state
from eco_jax.sweep.batch import Batch
from eco_jax.sweep.plan import Plan
from eco_jax.sweep.results import best_config, ranked, summary
from eco_jax.sweep.search import Sweep, packed
from eco_jax.sweep.space import Choice, Range, Space


@pytest.mark.parametrize("sampler", ["random", "tpe", "cmaes"])
def test_every_trial_once_asked_and_told(tmp_path, sampler):
    launched = []

    def noted(folders):
        launched.append([len(Batch.read(folder).trials) for folder in folders])
        launch(folders)

    running = sweep(tmp_path, Plan(10, seeds=2, sampler=sampler, generation=4))
    running.run(noted)
    assert launched == [[4], [4], [2]]
    frame = running.results()
    assert sorted(zip(frame["trial"], frame["seed"], strict=True)) == list(itertools.product(range(10), range(2)))
    trials = running.study.get_trials()
    assert [t.state for t in trials] == [optuna.trial.TrialState.COMPLETE] * 10
    assert [t.value for t in trials] == pytest.approx([t.params["algorithm.actor_lr"] + 0.0005 for t in trials])
    assert len({t.params["algorithm.actor_lr"] for t in trials}) == 10
    config, row = best_config(running.results(), running.space, running.plan.objective)
    assert (
        config.values["algorithm.actor_lr"]
        == max(t.params["algorithm.actor_lr"] for t in trials)
        == row["algorithm.actor_lr"]
    )


def test_learns_from_what_it_is_told(tmp_path):
    running = sweep(tmp_path, Plan(64, sampler="tpe", generation=8))
    running.run(launch)
    rates = [t.params["algorithm.actor_lr"] for t in running.study.get_trials()]
    assert sorted(rates[-32:])[16] > 2 * sorted(rates[:16])[8]


def test_least_energy(tmp_path):
    running = sweep(tmp_path, Plan(3, objective="energy"))
    running.run(launch)
    assert running.study.direction == optuna.study.StudyDirection.MINIMIZE
    frame = pl.DataFrame({"trial": [0, 1], "status": ["done", "done"], "energy_j": [0.3, 0.1], "reward": [0.0, 0.0]})
    assert ranked(frame, "energy")["trial"].to_list() == [1, 0]


def test_a_grid_is_gone_through_once(tmp_path):
    axes = {"algorithm.actor_lr": Choice((0.01, 0.02)), "knowledge": Choice(("twin", "none", "truth"))}
    running = sweep(tmp_path, Plan(100, sampler="grid", generation=4), Space(BASE, axes, "space.toml"))
    running.run(launch)
    frame = running.results()
    assert list(zip(frame["algorithm.actor_lr"], frame["knowledge"], strict=True)) == list(
        itertools.product((0.01, 0.02), ("twin", "none", "truth"))
    )


def test_goes_on_where_it_was(tmp_path):
    running = sweep(tmp_path, Plan(8, generation=4))

    def only_once(folders):
        if len(running.batches) > 1:
            raise KeyboardInterrupt
        launch(folders)

    with pytest.raises(KeyboardInterrupt):
        running.run(only_once)
    again = sweep(tmp_path, Plan(12, generation=4))  # and it may become more
    seen = []
    again.run(lambda folders: (seen.extend(f.name for f in folders), launch(folders)))
    assert seen == ["0001", "0002"]
    assert again.results()["trial"].to_list() == list(range(12))
    assert len({t.params["algorithm.actor_lr"] for t in again.study.get_trials()}) == 12


def test_interrupted_it_asks_for_the_same_trials(tmp_path):
    plan = Plan(9, generation=3)
    whole = sweep(tmp_path / "whole", plan)
    whole.run(launch)
    for _ in range(3):  # opened again after each generation
        again = sweep(tmp_path / "again", plan)
        launch(again.batches)
        again._tell()
        again._ask(3)
    assert again.asked == whole.asked


def test_killed_between_asking_and_writing_it_asks_again(tmp_path):
    running = sweep(tmp_path)
    lost = running.study.ask()
    lost.set_user_attr("sweep", running.id)
    other = running.study.ask()  # of another sweep in the same study
    again = sweep(tmp_path)
    again.run(launch)
    states = {t.number: t.state for t in again.study.get_trials()}
    assert states[lost.number] == optuna.trial.TrialState.FAIL
    assert states[other.number] == optuna.trial.TrialState.RUNNING
    assert again.results().height == 4


def killed(patch, moment, functions):
    """Killed just after so many calls of these functions."""
    calls = itertools.count(1)

    def ending(function):
        def call(*given, **more):
            found = function(*given, **more)
            if next(calls) == moment:
                raise KeyboardInterrupt
            return found

        return call

    for owner, name in functions:
        patch.setattr(owner, name, ending(getattr(owner, name)))


def test_a_grid_that_is_killed_while_asking_leaves_no_point_out(tmp_path, monkeypatch):
    rates = (0.01, 0.02, 0.03, 0.04)
    space = Space(BASE, {"algorithm.actor_lr": Choice(rates)}, "space.toml")
    plan = Plan(4, sampler="grid")
    with monkeypatch.context() as patch:
        killed(patch, 3, [(optuna.storages.JournalStorage, "create_new_trial")])
        with pytest.raises(KeyboardInterrupt):
            sweep(tmp_path, plan, space).run(launch)
    again = sweep(tmp_path, plan, space)
    again.run(launch)
    assert again.results()["algorithm.actor_lr"].to_list() == list(rates)
    assert {t.state.name for t in again.study.get_trials()} == {"COMPLETE", "FAIL"}


def test_two_grids_on_one_study_do_not_take_each_others_points(tmp_path):
    space = Space(BASE, {"algorithm.actor_lr": Choice((0.01, 0.02, 0.03))}, "space.toml")
    running = sweep(tmp_path / "a", Plan(3, sampler="grid"), space, storage=str(tmp_path / "journal"), study="both")
    running.study.enqueue_trial({"algorithm.actor_lr": 0.03})  # by somebody else
    running.run(launch)
    assert running.results()["algorithm.actor_lr"].to_list() == [0.01, 0.02, 0.03]


@pytest.mark.parametrize("moment", range(1, 6))  # sweep.json, asked.json, refused.json, batches
def test_killed_while_it_writes_a_generation_it_trains_the_same(tmp_path, monkeypatch, moment):
    axes = {"algorithm.actor_lr": Range(1e-3, 1e-1), "env.candidates": Choice((2, 9))}  # of 9, two trials are refused
    space = Space(BASE, axes, "space.toml")
    plan = Plan(5, batch=1)
    whole = sweep(tmp_path / "whole", plan, space)
    whole.run(launch)
    (tmp_path / "again").mkdir()
    with monkeypatch.context() as patch:
        killed(patch, moment, [(state, "write_whole"), (batch, "write_whole")])
        with pytest.raises(KeyboardInterrupt):
            Sweep(tmp_path / "again", space, plan).run(launch)
    again = sweep(tmp_path / "again", plan, space)
    again.run(launch)
    assert again.asked == whole.asked
    assert again.refused.keys() == whole.refused.keys()
    assert not (tmp_path / "again" / "asked.json").exists()


@pytest.mark.parametrize(
    ("change", "name"),
    [({"seeds": 2}, "seeds"), ({"objective": "qoe"}, "objective"), ({"strategy": "halving"}, "strategy")],
)
def test_another_plan_is_refused_by_name(tmp_path, change, name):
    sweep(tmp_path)
    with pytest.raises(UserError, match=f"{name} = .* there, .* here: a sweep goes on as it began"):
        sweep(tmp_path, Plan(4, **change))


def test_another_space_is_refused(tmp_path):
    sweep(tmp_path)
    with pytest.raises(UserError, match=r"\[space\] algorithm.actor_lr = .* there, nothing here"):
        sweep(tmp_path, space=Space(BASE, {"algorithm.clip": Range(0.1, 1)}, "space.toml"))


def test_settings_that_do_not_go_together_are_refused_and_said(tmp_path):
    axes = {"env.candidates": Choice((2, 6)), "env.servers": Choice((4, 8))}
    running = sweep(tmp_path, Plan(4, sampler="grid"), Space(BASE, axes, "space.toml"))

    running.run(launch)
    frame = running.results()
    refused = frame.filter(pl.col("status") == "refused")
    assert refused.height == 1
    assert refused["cause"][0] == "env.candidates = 6: must lie in [1, 4], as env.servers says"
    assert len(running.batches) == 3  # one for each shape
    again = sweep(tmp_path, Plan(4, sampler="grid"), Space(BASE, axes, "space.toml"))
    again.run(lambda folders: pytest.fail("nothing is left to do"))


def test_refused_trials_stand_beside_others_whatever_their_values_are(tmp_path):
    axes = {"env.beta_levels": Choice(([0.5, 1.0], [1.0])), "env.candidates": Choice((2, 9))}
    running = sweep(tmp_path, Plan(4, sampler="grid"), Space(BASE, axes, "space.toml"))
    running.run(launch)
    found = running.results()
    assert found["status"].value_counts(sort=True)["count"].to_list() == [2, 2]
    assert found["env.beta_levels"].to_list() == ["[0.5, 1.0]"] * 2 + ["[1.0]"] * 2


def test_failed_and_pruned_trials(tmp_path):
    running = sweep(tmp_path)
    running.run(lambda folders: [made_up(folder, failed=[1], pruned=[2]) for folder in folders])
    states = [t.state.name for t in running.study.get_trials()]
    assert states == ["COMPLETE", "FAIL", "PRUNED", "COMPLETE"]
    assert set(ranked(summary(running.results()), "reward")["trial"]) == {0, 3}


def test_no_trial_to_its_end(tmp_path):
    running = sweep(tmp_path)
    assert best_config(running.results(), running.space, running.plan.objective) is None
    running.run(lambda folders: [made_up(folder, failed=range(4)) for folder in folders])
    assert best_config(running.results(), running.space, running.plan.objective) is None


def test_a_trial_is_as_good_as_its_worst_seed():
    frame = pl.DataFrame(
        {
            "trial": [0, 0, 1, 1], "seed": [0, 1, 0, 1], "status": ["done", "failed", "done", "done"],
            "cause": [None, "why", None, None], "updates": [5] * 4, "reward": [1.0, None, 2.0, 4.0],
            "energy_j": [0.1] * 4, "latency_s": [0.1] * 4, "qoe": [0.1] * 4, "params_sha256": list("abcd"),
        }
    )  # fmt: skip
    found = summary(frame)
    assert found["status"].to_list() == ["failed", "done"]
    assert found["reward"].to_list() == [1.0, 3.0]
    assert found["reward_sd"][1] == pytest.approx(2**0.5)
    assert found["cause"][0] == "why"


def test_packed_by_shape_in_batches_of_one_size():
    def config(hidden):
        return settings.from_mapping({**BASE, "network": {"hidden": hidden}}, "x")

    trials = [(config(8 if i % 3 else 16), i) for i in range(15)]
    found = packed(trials, 4)
    assert [len(rows) for rows in found] == [3, 2, 4, 4, 2]
    assert [i for rows in found[:2] for i in rows] == [0, 3, 6, 9, 12]
    assert sorted(i for rows in found for i in rows) == list(range(15))


def test_two_sweeps_on_one_storage(tmp_path):
    storage = str(tmp_path / "journal")
    one, two = (sweep(tmp_path / name, Plan(6, generation=2), storage=storage) for name in ("a", "b"))

    def also(folders):
        launch(folders)
        if len(two.batches) < 3:
            two._ask(2)

    one.run(also)
    two.run(launch)
    assert one.results()["trial"].to_list() == two.results()["trial"].to_list() == list(range(6))
    assert one.study.study_name != two.study.study_name


def test_two_sweeps_on_one_study_at_once(tmp_path):
    def one(name):
        running = sweep(tmp_path / name, Plan(15, generation=1), storage=str(tmp_path / "journal"), study="both")
        running.run(launch)
        return running.results()["trial"].to_list()

    with ThreadPoolExecutor(2) as threads:
        numbers = list(threads.map(one, "ab"))
    assert sorted([*numbers[0], *numbers[1]]) == list(range(30))


def test_two_sweeps_of_one_study_share_its_trials(tmp_path):
    storage = f"sqlite:///{tmp_path}/db"
    one, two = (sweep(tmp_path / name, Plan(4), storage=storage, study="both") for name in ("a", "b"))
    one.run(launch)
    two.run(launch)
    assert set(one.results()["trial"]) | set(two.results()["trial"]) == set(range(8))
    assert len(one.study.get_trials()) == 8
    assert json.loads((tmp_path / "a" / "sweep.json").read_text())["study"] == "both"


def test_the_last_seed_of_all(tmp_path):
    running = sweep(tmp_path, Plan(3, seed=2**32 - 1, generation=1, sampler="tpe"))
    running.run(launch)
    assert running.results()["seed"].to_list() == [2**32 - 1] * 3


def test_pbt_moves_numbers_of_the_algorithm_only(tmp_path):
    with pytest.raises(UserError, match="knowledge: pbt moves traced numbers of"):
        sweep(tmp_path, Plan(4, strategy="pbt"))
    axes = {"algorithm.actor_lr": Range(1e-4, 1e-1, log=True), "algorithm.clip": Choice((0.1, 1.0, 0.5))}
    running = sweep(tmp_path, Plan(4, strategy="pbt"), Space(BASE, axes, "space.toml"))
    running._ask(4)
    assert Batch.read(running.batches[0]).ranges == {"actor_lr": [1e-4, 1e-1], "clip": [0.1, 1.0]}


def test_a_storage_that_cannot_be_used(tmp_path):
    with pytest.raises(UserError, match="--storage nothing://x"):
        sweep(tmp_path, storage="nothing://x")
    with pytest.raises(UserError, match="--storage"):
        sweep(tmp_path, storage=str(tmp_path / "no" / "folder" / "journal"))


def test_a_launcher_that_does_not_finish_is_not_taken_for_done(tmp_path):
    with pytest.raises(RuntimeError, match="0000: not finished"):
        sweep(tmp_path).run(lambda folders: None)


def test_lists_are_choices_too(tmp_path):
    axes = {"env.beta_levels": Choice(([0.5, 1.0], [1.0])), "algorithm.actor_lr": Choice((0.01,))}
    running = sweep(tmp_path, Plan(2, sampler="grid"), Space(BASE, axes, "space.toml"))

    running.run(lambda folders: [made_up(f, worth=lambda values: len(values["env.beta_levels"])) for f in folders])
    assert best_config(running.results(), running.space, running.plan.objective)[0].env.beta_levels == (0.5, 1.0)


def test_settings_that_were_moved_are_those_of_the_best(tmp_path):
    rates = Choice((1e-3, 4e-3))
    frame = pl.DataFrame(
        {
            "trial": [0, 1], "seed": [0, 0], "status": ["done", "done"], "reward": [0.1, 0.2],
            "algorithm.actor_lr": [float(np.float32(1e-3)), 3.2e-3], "env.beta_levels": ["[0.5, 1.0]", "[1.0]"],
        }
    )  # fmt: skip
    axes = {"algorithm.actor_lr": rates, "env.beta_levels": Choice(([0.5, 1.0], [1.0]))}
    config, row = best_config(frame, Space(BASE, axes, "space.toml"), "reward")
    assert row["trial"] == 1
    assert config.values["algorithm.actor_lr"] == 3.2e-3
    assert config.env.beta_levels == (1.0,)
    heights, ticks, labels = _positions(frame["algorithm.actor_lr"].to_list(), rates)
    assert heights == pytest.approx([0.0, 1.0])
    assert ticks == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert len(labels) == 4


def test_what_others_leave_among_the_batches_is_passed_over(tmp_path):
    (tmp_path / "batches" / "notes").mkdir(parents=True)
    (tmp_path / "batches" / ".DS_Store").touch()
    running = sweep(tmp_path, Plan(2))
    running.run(launch)
    assert len(running.results()) == 2


def test_a_cost_named_without_brackets_keeps_its_settings():
    usual = {"cost.money.price": 0.5, "cost.toll.price": 2.0, "train.updates": 3}
    assert yielding({"cost": "money"}, usual) == {"cost.money.price": 0.5, "train.updates": 3}
    with pytest.raises(UserError, match=r"cost = 5: must be a list of names"):
        yielding({"cost": 5}, usual)
