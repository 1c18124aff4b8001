"""What may be wanted of a sweep, and what sampler and strategy can do with a space."""

import pytest
from made_up_sweep import BASE

from eco_jax.errors import UserError
from eco_jax.sweep.plan import Plan, check
from eco_jax.sweep.space import Choice, Range, Space


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"trials": 0}, "--trials 0: must be at least 1"),
        ({"trials": -1}, "--trials -1: must be at least 1"),
        ({"trials": 10**7}, "--trials 10000000 x --seeds 1: must be at most 1,000,000 members"),
        ({"trials": 1, "seeds": 0}, "--seeds 0: must be at least 1"),
        ({"trials": 1, "seed": -1}, r"--seed -1: must lie in \[0, 4294967295\]"),
        ({"trials": 1, "seed": 2**32}, r"--seed 4294967296: must lie in \[0, 4294967295\]"),
        ({"trials": 1, "seed": 2**32 - 1, "seeds": 2}, r"--seed 4294967295: must lie in \[0, 4294967294\]"),
        ({"trials": 1, "generation": 10**9}, "--generation 1000000000: must be at most 1,000,000"),
        ({"trials": 1, "batch": 0}, "--batch 0: must be at least 1"),
        ({"trials": 1, "seeds": 4, "batch": 3}, "--batch 3: must be at least 4, the seeds of a configuration"),
        ({"trials": 1, "sampler": "best"}, "--sampler best: must be one of random, tpe"),
        ({"trials": 1, "objective": "fun"}, "--objective fun: must be one of reward"),
        ({"trials": 1, "strategy": "halving", "eta": 1}, "--eta 1: must be at least 2"),
        ({"trials": 8, "strategy": "pbt", "eta": 7}, "--eta 7: is for --strategy halving"),
        ({"trials": 8, "strategy": "pbt", "seeds": 2}, "--seeds 2: pbt gives each run settings of its own; take 1"),
        ({"trials": 1, "strategy": "pbt", "sampler": "tpe"}, "--sampler tpe: pbt moves the settings itself"),
    ],
)
def test_bad_plans(given, said):
    with pytest.raises(UserError, match=said):
        Plan(**given)


TWO = {"algorithm.actor_lr": Range(1e-4, 1e-1), "algorithm.clip": Range(0.1, 1.0)}
ERRORS = Choice((0.1, 0.3))
WORDS = {"algorithm.optimizer": Choice(("adam", "sgd")), "algorithm": Choice(("a2c", "ppo"))}


@pytest.mark.parametrize(
    ("plan", "axes", "said"),
    [
        (
            Plan(64, sampler="cmaes"),
            WORDS,
            "--sampler cmaes: needs at least two ranges of numbers in space.toml, not 0",
        ),
        (Plan(64, sampler="cmaes"), {**WORDS, "algorithm.clip": Range(0.1, 1.0)}, "two ranges of numbers.*, not 1"),
        (
            Plan(64, sampler="cmaes"),
            {"network.hidden": Range(8, 8, whole=True), "algorithm.clip": Range(0.1, 1.0)},
            "not 1",
        ),
        (Plan(64, sampler="cmaes", generation=1), TWO, "--generation 1: must be at least 2 for --sampler cmaes"),
        (Plan(4, sampler="grid"), TWO, r"algorithm\.actor_lr: a range has no grid"),
        (Plan(4, strategy="pbt"), WORDS, r"algorithm\.optimizer: pbt moves traced numbers of \[algorithm\] only"),
    ],
)
def test_what_a_sampler_cannot_do_is_refused(plan, axes, said):
    with pytest.raises(UserError, match=said):
        check(Space(BASE, axes, "space.toml"), plan)


@pytest.mark.parametrize(
    ("plan", "axes", "said"),
    [
        (Plan(64), TWO, None),
        (Plan(64, sampler="tpe"), {**TWO, **WORDS}, None),
        (Plan(64, sampler="cmaes"), {**TWO, **WORDS}, "draws algorithm.optimizer, algorithm at random"),
        (Plan(32, sampler="tpe"), TWO, "asks for all 32 trials before it is told a result"),
        (Plan(5), WORDS, "has 4 configurations only, and --trials 5 trains some again"),
        (Plan(5, sampler="grid"), WORDS, "its grid has 4 configurations, each trained once"),
        (Plan(4, sampler="grid"), WORDS, None),
        (Plan(9, strategy="halving", batch=2), TWO, "no trial ends early in batches of 2, fewer than --eta 3"),
        (Plan(3, strategy="pbt"), TWO, "none learns from another in batches of 3, fewer than 4"),
        (Plan(64), {**TWO, "physics.sync_error": ERRORS}, "in physics.sync_error: the best reward is that of"),
        (Plan(64, objective="qoe"), {**TWO, "env.users": ERRORS}, "in env.users: the best qoe is that of the easiest"),
        (Plan(64, objective="energy"), {**TWO, "knowledge": ERRORS}, "worlds differ in knowledge: the best energy is"),
        (Plan(64, objective="latency"), {**TWO, "trace": ERRORS}, "worlds differ in trace: the best latency is that"),
    ],
)  # fmt: skip
def test_what_to_know_before_it_starts_is_one_line(plan, axes, said):
    remarks = check(Space(BASE, axes, "space.toml"), plan)
    assert len(remarks) == (said is not None)
    assert said is None or said in remarks[0]
