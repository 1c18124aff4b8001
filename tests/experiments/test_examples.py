"""The example plug-ins do what they say, and are known wherever parts are named."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest
from outside import command

import eco_jax
from eco_jax import plugins
from eco_jax.parts import forget, registered, variant

FILES = Path(__file__).parents[2] / "experiments" / "plugins"
NAMES = {
    "levy": ("mobility", "levy"), "money": ("cost", "money"), "least_loaded": ("rule", "least-loaded"),
    "reinforce": ("algorithm", "reinforce"), "log_distance_shadowing": ("pathloss", "shadowing"),
}  # fmt: skip


@pytest.fixture(autouse=True)
def loaded():
    """All of them, and none afterwards."""
    plugins.load(FILES / f"{name}.py" for name in NAMES)
    yield
    plugins.LOADED.clear()
    for kind, name in NAMES.values():
        forget(kind, name)


@pytest.mark.parametrize("file", NAMES)
def test_each_is_registered_by_its_name(file):
    kind, name = NAMES[file]
    assert name in registered(kind)


def test_levy_legs_have_the_tail_that_is_asked_for():
    levy = variant("mobility", "levy")(exponent=1.6, shortest=10, longest=1e5)
    uniform = jax.random.uniform(jax.random.key(0), (200_000, 4))
    _, length = levy._leg(uniform)
    assert float(length.min()) >= 10 * (1 - 1e-5)
    assert float(length.max()) <= 1e5 * (1 + 1e-3)
    # P(length > x) = (x / shortest)^-exponent far from the cut: 10^-1.6 at 100 m, within 5 standard deviations.
    share = float((length > 100).mean())
    assert abs(share - 10**-1.6) < 5 * (10**-1.6 / 200_000) ** 0.5


def test_levy_walkers_keep_their_speed_and_stay_inside():
    env, params = eco_jax.make("tiny", mobility=variant("mobility", "levy")(speed=36))
    _, state = env.reset(jax.random.key(1), params)
    for t in range(12):
        before = state.mobility.position
        _, state, *_ = env.step(jax.random.key(t), state, jnp.zeros((3, 4), int), params)
        way = np.linalg.norm(np.asarray(state.mobility.position - before), axis=1)
        assert (way <= 50 * (1 + 1e-4)).all()  # 10 m/s, 5 s
        assert (np.asarray(state.mobility.position) >= 0).all()
        assert (np.asarray(state.mobility.position) <= 1000).all()


def test_money_is_charged_for_cpu_seconds_on_the_edge():
    free, priced = (
        eco_jax.make("tiny", knowledge="truth", costs=(variant("cost", "money")(price=price, weight=2),))
        for price in (0, 3)
    )
    env, params = priced
    _, state = env.reset(jax.random.key(0), params)
    action = jnp.array([[1, 3, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0]])
    *_, info = env.step(jax.random.key(1), state, action, params)
    *_, without = env.step(jax.random.key(1), state, action, free[1])
    slow = 0.5 * (1 + 0.8 * jax.scipy.special.erf(state.x_server[state.place.candidates[:, 0]] * 0.5**0.5))
    rate = state.hardware.server[state.place.candidates[:, 0]] * (1 - slow)
    cost = 3 * jnp.array([1.0, 0.5, 0.0]) * state.task.cycles / rate
    np.testing.assert_allclose(info["outcome"].costs[0], cost, rtol=1e-4)
    np.testing.assert_allclose(info["metrics"]["cost/money"], cost.mean(), rtol=1e-4)
    lost = without["outcome"].reward - info["outcome"].reward
    np.testing.assert_allclose(lost, 2 * cost, rtol=1e-3, atol=1e-5)


def test_least_loaded_goes_where_the_fewest_are():
    env, params = eco_jax.make("tiny")
    _, state = env.reset(jax.random.key(0), params)
    seen = env.view(state, params)._replace(others=jnp.array([[5.0, 0, 3, 9], [1, 1, 1, 1], [4, 3.5, 0, 9]]))
    rule = variant("rule", "least-loaded")(slack=1)
    # 5, 1, 5, 12: the second; 1, 2, 3, 4: the first; 4, 4.5, 2, 12: the third.
    assert rule.act(env.config, jax.random.key(0), seen, params)[:, 0].tolist() == [2, 1, 3]
    nowhere = seen._replace(legal=jnp.zeros_like(seen.legal))
    assert rule.act(env.config, jax.random.key(0), nowhere, params)[:, 0].tolist() == [0, 0, 0]


def test_shadowing_has_its_deviation_in_db():
    shadowing = variant("pathloss", "shadowing")(sigma=8)
    uniform = jax.random.uniform(jax.random.key(0), (2, 100_000, 1), minval=1e-6, maxval=1 - 1e-6)
    plain = eco_jax.make("tiny")[1].pathloss.fading(uniform, 0.0)
    in_db = 10 * jnp.log10(shadowing.fading(uniform, 0.0) / plain)
    assert abs(float(in_db.std()) - 8) < 0.1
    assert abs(float(in_db.mean())) < 0.15


@pytest.mark.long
def test_reinforce_learns():
    env, params = eco_jax.make("tiny")
    algorithm = variant("algorithm", "reinforce")(lr=3e-3)
    run = eco_jax.train(env, params, algorithm, seeds=2, updates=150, envs=16)
    reward = run.metrics["reward"]
    assert (reward[-20:].mean(axis=0) > reward[:3].mean(axis=0) + 0.1).all()  # it learns fast, then stays


SHORT = ("--preset", "tiny", "--train.updates", "4", "--train.envs", "2", "--train.chunk", "2", "--network.hidden", "8")


@pytest.mark.wheel
def test_all_of_them_from_a_folder_outside(tmp_path):
    """Trained with, evaluated, swept over numbers of their own; each appears by name in what is written."""
    for name in NAMES:
        (tmp_path / f"{name}.py").write_text((FILES / f"{name}.py").read_text())
    named = [word for name in NAMES for word in ("--plugin", f"{name}.py")]
    chosen = (
        "--mobility", "levy", "--mobility.exponent", "1.6", "--cost", "money", "--cost.money.price", "0.5",
        "--pathloss", "shadowing", "--pathloss.sigma", "8", "--algorithm", "reinforce", "--algorithm.lr", "1e-2",
    )  # fmt: skip
    command(tmp_path, "train", *named, *SHORT, *chosen, "--out", "run")
    config = (tmp_path / "run" / "config.toml").read_text()
    for word in ('kind = "levy"', "exponent = 1.6", "price = 0.5", "sigma = 8.0", 'kind = "reinforce"', "lr = 0.01"):
        assert word in config
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["cost/money_cent"] > 0
    shown = command(
        tmp_path, "evaluate", *named, "--checkpoint", "run", "--episodes", "4", "--rules", "least-loaded,greedy",
        "--json", "means.json",
    )  # fmt: skip
    for word in ("least-loaded", "reinforce-twin", "money cent"):
        assert word in shown
    assert json.loads((tmp_path / "means.json").read_text())["least-loaded"]["cost/money"]["mean"] > 0
    (tmp_path / "space.toml").write_text(
        'base = { preset = "tiny", plugins = ["levy.py", "money.py", "reinforce.py"], mobility = "levy", '
        'algorithm = "reinforce", cost = { money = {} }, network = { hidden = 8 }, '
        "train = { updates = 4, envs = 2, chunk = 2 } }\n"
        '[space]\n"mobility.exponent" = { uniform = [1.0, 2.5] }\n"cost.money.price" = { choice = [0.1, 1.0] }\n'
        '"algorithm.lr" = { log_uniform = [1e-4, 1e-1] }\n'
    )
    command(tmp_path, "sweep", "space.toml", "--out", "sweep", "--trials", "3", "--objective", "cost/money")
    found = pl.read_parquet(tmp_path / "sweep" / "results.parquet")
    assert {"mobility.exponent", "cost.money.price", "algorithm.lr", "cost/money_cent"} <= set(found.columns)
    assert found["status"].to_list() == ["done"] * 3
