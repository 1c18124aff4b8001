"""No level of knowledge sees more than its row, and each differs from the one below in exactly that."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from env_worlds import world

from eco_jax.env import KNOWLEDGE, make
from eco_jax.env.observe import observe

USER = (
    "data", "cycles", "deadline", "power", "service", "device", "device mean", "device variance", "local time",
    "twin data", "twin cycles", "latency", "twin latency", "migration", "twin migration", "bits", "fix age",
    "never offloaded", "served by another", "no replica",
)  # fmt: skip
CANDIDATE = (
    "distance", "predicted distance", "is predicted", "server", "server mean", "server variance", "others",
    "foreseen others", "harm", "served", "holds", "edge time", "upload time", "legal",
)  # fmt: skip
BELIEF = {"device mean", "device variance", "server mean", "server variance"}
FOLLOWS = {"local time", "edge time", "gain", "twin latency"}
"""What is made of the belief."""


def columns(candidates, levels=4):
    """The name of every feature."""
    return [*USER, *(name for _ in range(candidates) for name in CANDIDATE), *["gain"] * (candidates * levels)]


def played(level, slots=8, **settings):
    """The observation and the state after some slots; the same draws and actions at every level, without a sync."""
    small = world(knowledge=level, **{"users": 8, "servers": 6, "candidates": 3, "slots": 20, **settings})
    seen, state = small.reset()
    for slot in range(slots):
        action = small.random_action(slot)
        action[:, 3] = 0
        seen, state, *_ = small.step(state, action, seed=slot)
    return small, seen, state


def differing(one, other):
    """Names of the features that differ between two observations by more than rounding."""
    names = np.array(columns(3))
    return set(names[(np.abs(np.asarray(one.features) - np.asarray(other.features)) > 1e-5).any(axis=0)])


@pytest.fixture(scope="module")
def seen():
    """What is observed at each level after the same slots."""
    return {level: played(level)[1] for level in KNOWLEDGE}


def test_memory_is_what_telemetry_adds(seen):
    moved = {"predicted distance", "is predicted"}
    new = differing(seen["none"], seen["telemetry"])
    # Positions are predicted, too; which of these differ depends on where the users are. A fix comes every slot.
    assert new - moved == BELIEF | FOLLOWS | {"latency"}


def test_prediction_is_what_the_forecast_adds(seen):
    assert differing(seen["telemetry"], seen["forecast"]) == {"foreseen others", "harm", "gain"}


def test_synchronisation_is_what_the_twin_adds(seen):
    assert differing(seen["forecast"], seen["twin"]) == set()
    masks = np.asarray(seen["forecast"].mask) != np.asarray(seen["twin"].mask)
    assert masks.any(axis=0).nonzero()[0].tolist() == [masks.shape[1] - 1]  # the sync alone


def test_truth_is_the_belief_alone(seen):
    new = differing(seen["forecast"], seen["truth"])
    assert BELIEF <= new <= BELIEF | FOLLOWS | {"foreseen others", "harm"}
    np.testing.assert_array_equal(seen["forecast"].mask, seen["truth"].mask)


@pytest.mark.parametrize("level", KNOWLEDGE)
def test_one_users_present_task_is_nobody_elses_business_below_the_forecast(level):
    small, _, state = played(level)
    look = jax.jit(lambda state: observe(small.env.config, state, small.params).features)
    before, heard = np.asarray(look(state)), 0
    for user in range(8):
        task = state.task._replace(
            data=state.task.data.at[user].set(4.9e6), cycles=state.task.cycles.at[user].set(3.1e8),
            deadline=state.task.deadline.at[user].set(0.16), power=state.task.power.at[user].set(0.21),
            fading=state.task.fading.at[user].set(0.06),
        )  # fmt: skip
        changed = (before != np.asarray(look(state._replace(task=task)))).any(axis=1)
        assert changed[user]
        heard += changed[np.arange(8) != user].any()
    assert (heard > 0) == (level not in ("none", "telemetry"))


def test_below_the_forecast_the_last_slots_loads_stand_in(seen):
    names = np.array(columns(3))
    for level in ("none", "telemetry"):
        features = np.asarray(seen[level].features)
        np.testing.assert_array_equal(features[:, names == "foreseen others"], features[:, names == "others"])
        assert (features[:, names == "harm"] == 0).all()
        assert np.ptp(features[:, names == "gain"]) > 0


@partial(jax.jit, static_argnums=0)
@partial(jax.vmap, in_axes=(None, 0, None))
def samples(env, key, params):
    """Features and fluctuations after six slots of random actions: the users' devices, one user's first candidate."""
    first, *keys = jax.random.split(key, 7)

    def slot(carry, key):
        seen, state = carry
        action = jax.random.randint(key, (env.agents, 4), 0, jnp.asarray(env.heads))
        seen, state, *_ = env.step(key, state, action, params)
        return (seen, state), None

    (seen, state), _ = jax.lax.scan(slot, env.reset(first, params), jnp.stack(keys))
    return seen.features, state.x_device, state.x_server[state.place.candidates[0, 0]]


def explained(level, envs=10_000, users=10):
    """Share of the variance of the true fluctuations that a least-squares fit explains, and the numbers of samples.

    Of the users' devices, and of the first candidate of one user in each environment; one slot an episode, so that the
    samples are independent.
    """
    env, params = make(users=users, servers=12, slots=8, knowledge=level)
    keys = jax.random.split(jax.random.key(7), (envs // 500, 500))
    some = [samples(env, these, params) for these in keys]
    features, device, server = (np.concatenate(leaf) for leaf in zip(*some, strict=True))

    def share(inputs, target):
        inputs = np.column_stack([inputs, np.ones(len(inputs))]).astype(np.float64)
        rest = target - inputs @ np.linalg.lstsq(inputs, target.astype(np.float64), rcond=None)[0]
        return 1 - rest.var() / target.var(), inputs.shape[1], len(inputs)

    return share(features.reshape(-1, features.shape[-1]), device.reshape(-1)), share(features[:, 0], server)


@pytest.mark.long
@pytest.mark.optimised
def test_nothing_at_none_tells_a_slowdown():
    for share, inputs, samples in explained("none"):
        # Of independent noise: inputs / samples, with a standard deviation of sqrt(2 inputs) / samples.
        assert share < (inputs + 5 * (2 * inputs) ** 0.5) / samples
    for share, *_ in explained("telemetry", envs=1_000):
        assert share > 0.05  # what is remembered does
