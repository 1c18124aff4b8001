"""The names of features and choices: each is where it says it is."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eco_jax.env import feature_docs, feature_names, make
from eco_jax.env.observe import features, mask, observe, view

USER, CANDIDATE = 1, 2
FOLLOW = {"gain", "harm"}
"""What follows from nearly everything."""
CHANGES = {
    "data": {"data", "upload_time"},
    "cycles": {"cycles", "local_time", "edge_time"},
    "deadline": {"deadline", "local_time", "edge_time", "upload_time"},
    "power": {"power"},
    "service": {"service"},
    "device": {"device", "local_time"},
    "device_mean": {"device_mean", "local_time"},
    "device_variance": {"device_variance", "local_time"},
    "twin_data": {"twin_data"},
    "twin_cycles": {"twin_cycles"},
    "latency": {"last_latency"},
    "twin_latency": {"twin_latency"},
    "migration": {"migration"},
    "twin_migration": {"twin_migration"},
    "bits": {"bits"},
    "fix_age": {"fix_age"},
    "last_server": {"never_served", "served_elsewhere"},
    "replica": {"no_replica"},
    "distance": {"distance"},
    "predicted_distance": {"predicted_distance"},
    "predicted_server": {"predicted"},
    "server": {"server", "edge_time"},
    "server_mean": {"server_mean", "edge_time"},
    "server_variance": {"server_variance", "edge_time"},
    "others": {"others", "others_ahead", "edge_time"},
    "rate_up": {"upload_time"},
    "served": {"served"},
    "holds": {"holds"},
    "legal": {"legal"},
}
"""Field of the view, of one user and one candidate -> the features that change, beside those which follow."""


@pytest.fixture(scope="module")
def world():
    """A world without foresight, where the forecast is the last slot's loads, and its first view."""
    env, params = make("tiny", knowledge="telemetry", slots=4)
    _, state = jax.jit(env.reset)(jax.random.key(0), params)
    seen = jax.jit(lambda state, params: view(state, params))(state, params)
    seen = seen._replace(device_mean=seen.device_mean + 0.3, server_mean=seen.server_mean + 0.3)
    made = jax.jit(lambda seen, params: features(env.config, seen, params))
    return env, params, state, seen, lambda seen: np.asarray(made(seen, params))


def other(leaf):
    """Another value of the same kind, at one user (and one candidate)."""
    where = (USER, CANDIDATE) if leaf.ndim == 2 else (USER,)
    if leaf.dtype == bool:
        return leaf.at[where].set(~leaf[where])
    if jnp.issubdtype(leaf.dtype, jnp.integer):
        return leaf.at[where].set(jnp.where(leaf[where] < 0, 0, (leaf[where] + 1) % 6))
    return leaf.at[where].set(leaf[where] * 0.9 + 0.01)


def bare(name):
    """A feature's own name, without its candidate and its factor."""
    return name.split("/")[1] if "/" in name else name


@pytest.mark.parametrize("field", CHANGES)
def test_what_changes_has_the_name(world, field):
    env, _, _, seen, made = world
    names = np.array(feature_names(env.config))
    changed = made(seen) != made(seen._replace(**{field: other(getattr(seen, field))}))
    assert not np.delete(changed, USER, axis=0).any()  # without foresight nobody else's
    found = {str(name) for name in names[changed[USER]]}
    assert {bare(name) for name in found} - FOLLOW == CHANGES[field]
    if getattr(seen, field).ndim == 2:
        assert {name.split("/")[0] for name in found} == {f"candidate{CANDIDATE + 1}"}


def test_every_feature_is_changed_by_something(world):
    names = {bare(name) for name in feature_names(world[0].config)}
    assert names == set().union(FOLLOW, *CHANGES.values())


def test_gains_are_named_by_candidate_and_factor(world):
    env, _, _, seen, made = world
    row = dict(zip(feature_names(env.config), made(seen)[USER], strict=True))
    # Illegal is lowest, for every factor of that candidate alone.
    row = dict(zip(row, made(seen._replace(legal=seen.legal.at[USER, CANDIDATE].set(False)))[USER], strict=True))
    lowest = {name for name, value in row.items() if "/gain/" in name and value == -2.0}
    assert {f"candidate3/gain/{beta}" for beta in (0.25, 0.5, 0.75, 1.0)} <= lowest
    assert row["candidate3/legal"] == 0.0


def test_names_of_another_world():
    env, params = make("tiny", candidates=2, beta_levels=(0.5, 1.0), slots=4)
    state = jax.eval_shape(env.reset, jax.random.key(0), params)
    names = feature_names(env.config)
    assert len(names) == len(set(names)) == state[0].features.shape[1] == 20 + 2 * 14 + 2 * 2
    assert names[0] == "data"
    assert names[20] == "candidate1/distance"
    assert names[-1] == "candidate2/gain/1.0"
    assert len(feature_names(make()[0].config)) == 92
    assert feature_docs(env.config)["candidate2/others"] == "tasks of others in the last slot (log(1 + tasks))"


def test_a_state_of_the_environment_has_the_named_numbers(world):
    env, params, state, _, _ = world
    shown = jax.jit(lambda state: (observe(env.config, state, params), view(state, params)))
    observation, seen = shown(state)
    row = dict(zip(feature_names(env.config), observation.features[USER], strict=True))
    side = 1000.0 / np.sqrt(6)
    for k in range(4):
        assert row[f"candidate{k + 1}/distance"] == pytest.approx(float(seen.distance[USER, k]) / side, rel=1e-6)
    low, high = float(params.data_min), float(params.data_max)
    assert row["data"] == pytest.approx(2 * (float(seen.data[USER]) - low) / (high - low) - 1, abs=1e-6)


def test_the_choices_have_the_order_of_the_mask(world):
    env, _, _, seen, _ = world
    choices = env.config.choices
    assert list(choices) == ["target", "factor", "cache", "sync"]
    assert tuple(map(len, choices.values())) == env.config.heads
    assert choices["target"] == ("local", "candidate1", "candidate2", "candidate3", "candidate4")
    assert choices["factor"] == ("0.25", "0.5", "0.75", "1.0")
    flat = [f"{head}/{choice}" for head, named in choices.items() for choice in named]
    closed = seen._replace(legal=seen.legal.at[USER, CANDIDATE].set(False))
    illegal = {flat[column] for column in np.flatnonzero(~np.asarray(mask(env.config, closed)[USER]))}
    assert {"target/candidate3", "sync/yes"} <= illegal  # no twin, so nothing to refresh
    assert not {"target/local", "factor/0.25", "cache/yes", "sync/no"} & illegal
