"""The central critic: what it sees, that acting does without it, and whose rewards are learnt from."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eco_jax.agent.algorithms import MAPPO, PPO
from eco_jax.agent.algorithms.mappo import POOLINGS, own, shared
from eco_jax.agent.distribution import Heads
from eco_jax.agent.networks import MLP, Network
from eco_jax.agent.rollout import Rollout
from eco_jax.env import Inputs, Observation
from eco_jax.errors import UserError
from eco_jax.train.config import TrainConfig

HEADS = Heads((3, 2), (False, True))
INPUTS = Inputs(5)
NETWORK = MLP(hidden=8, layers=1)


class Summing(Network):
    """Its memory is the sum of the features; it has one layer for all outputs, and no part of its own as critic."""

    def init(self, key, inputs, heads):
        return {"actor": {"kernel": jax.random.normal(key, (inputs.total, sum(heads.sizes) + 1))}}

    def start(self, shape):
        return jnp.zeros((*shape, 5))

    def apply(self, params, carry, features):
        carry = carry + features
        outputs = carry @ params["actor"]["kernel"]
        return outputs[..., :-1], outputs[..., -1], carry


def algorithm(pooling="mean", network=NETWORK, **more):
    return MAPPO(network=network, pooling=pooling, critic_hidden=7, **more)


def made(who, gain=30.0):
    """New parameters, the central critic's last layer as large as others (it begins near zero)."""
    params = jax.jit(lambda key: who.init(key, INPUTS, HEADS).params)(jax.random.key(1))
    last = max(params["critic"]["all"])
    params["critic"]["all"][last] = jax.tree.map(lambda leaf: gain * leaf, params["critic"]["all"][last])
    return params


def rows(users=4, batch=(2,)):
    return jax.random.normal(jax.random.key(2), (*batch, users, 5))


def applied(who, params, features):
    return jax.jit(lambda params, x: who.trained.apply(params, who.start(x.shape[:-1]), x)[:2])(params, features)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("network", [NETWORK, Summing()])
def test_a_user_acts_on_its_own_row_and_is_valued_by_all(pooling, network):
    who = algorithm(pooling, network)
    params, x = made(who), rows()
    logits, values = applied(who, params, x)
    other_logits, other_values = applied(who, params, x.at[:, 1].add(3.0))
    np.testing.assert_array_equal(jnp.delete(logits, 1, axis=1), jnp.delete(other_logits, 1, axis=1))
    moved = np.abs(np.asarray(values - other_values))
    assert (moved > 1e-3).all()
    assert not np.array_equal(logits[:, 1], other_logits[:, 1])


@pytest.mark.parametrize("network", [NETWORK, Summing()])
def test_the_critic_does_not_enter_acting(network):
    who = algorithm(network=network)
    params, x = made(who), rows(users=6, batch=(3,))
    spoilt = params | {"critic": jax.tree.map(lambda leaf: jnp.full_like(leaf, jnp.nan), params["critic"])}
    seen = Observation(x, jnp.ones((3, 6, 5), bool))

    @jax.jit
    def act(params):
        return who.act(params, who.start((3, 6)), jax.random.key(4), seen, HEADS)

    action, memory = act(params)
    alone, _ = jax.jit(lambda params: PPO(network=network).act(
        params, who.start((3, 6)), jax.random.key(4), seen, HEADS
    ))(own(params))  # fmt: skip
    for found in (act(spoilt)[0], alone):
        np.testing.assert_array_equal(action, found)
    assert len(np.unique(np.asarray(action).reshape(-1, 2), axis=0)) > 2
    assert jax.tree.structure(memory) == jax.tree.structure(who.start((3, 6)))
    assert np.isnan(applied(who, spoilt, x)[1]).all()


@pytest.mark.parametrize("pooling", POOLINGS)
def test_no_order_of_the_users_and_no_number_of_them(pooling):
    who = algorithm(pooling, critic_layers=2)
    params, x = made(who), rows()
    order = jnp.array([2, 0, 3, 1])
    _, values = applied(who, params, x)
    np.testing.assert_allclose(applied(who, params, x[:, order])[1], values[:, order], rtol=1e-5, atol=1e-5)
    # Each user three times: the same mean and the same largest, so the same values.
    np.testing.assert_allclose(
        applied(who, params, jnp.tile(x, (1, 3, 1)))[1], jnp.tile(values, (1, 3)), rtol=1e-5, atol=1e-5
    )
    assert applied(who, params, rows(users=30))[1].shape == (2, 30)


def test_the_largest_is_pooled_where_asked():
    x = rows()
    # Two users twice as far from their mean as before: the mean of a linear embedding is the same.
    far = jnp.zeros_like(x).at[:, 0].add(9.0).at[:, 1].add(-9.0)
    for pooling, differ in (("mean", False), ("mean-max", True)):
        who = algorithm(pooling)
        params = made(who)
        params["critic"]["rows"]["dense_0"]["bias"] = jnp.full(7, 100.0)  # all units are on: linear
        params["critic"]["all"]["dense_0"]["bias"] = jnp.full(7, 1000.0)
        change = applied(who, params, x + far)[1] - applied(who, params, x)[1]
        own_critic = [NETWORK.apply(own(params), (), at)[1] for at in (x + far, x)]
        change = (change - (own_critic[0] - own_critic[1]))[:, 2:]  # of users whose own row is as before
        assert (np.abs(np.asarray(change)).max() > 0.1) == differ


def test_training_begins_with_the_network_s_own_values():
    who = algorithm()
    params, x = made(who, gain=1.0), rows()
    theirs = NETWORK.apply(own(params), (), x)[1]
    np.testing.assert_allclose(applied(who, params, x)[1], theirs, atol=0.1)
    assert not np.array_equal(applied(who, params, x)[1], theirs)
    assert set(own(params)) == {"actor", "critic"}
    assert set(own(made(algorithm(network=Summing())))) == {"actor"}
    assert jax.tree.structure(own(params)) == jax.tree.structure(NETWORK.init(jax.random.key(0), INPUTS, HEADS))


def test_a_memory_is_followed_through_the_rollout():
    who, time = algorithm(network=Summing()), 3
    params, x = made(who), rows(batch=(time, 2))
    ended = jnp.zeros((time, 2), bool).at[1, 0].set(True)

    @jax.jit
    def both(params):
        found = who.trained.unroll(params, who.start((2, 4)), x, ended)
        return found, Network.unroll(who.trained, params, who.start((2, 4)), x, ended)

    mine, slot_by_slot = both(params)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), mine, slot_by_slot)


@pytest.mark.slow
def test_a_team_learns_from_its_mean_reward():
    time, envs, users = 4, 2, 3
    keys = jax.random.split(jax.random.key(0), 3)
    mask = jnp.ones((time, envs, users, 5), bool)
    rollout = Rollout(
        Observation(rows(users, (time, envs)), mask), jax.random.randint(keys[0], (time, envs, users, 2), 0, 2),
        jax.random.normal(keys[1], (time, envs, users)), Observation(rows(users, (1, envs)), mask[:1]),
        jnp.zeros((time, envs), bool), jnp.zeros((time, envs), bool).at[-1].set(True),
    )  # fmt: skip
    before = rollout._replace(reward=shared(rollout.reward))
    np.testing.assert_allclose(before.reward[..., 0], rollout.reward.mean(axis=-1), rtol=1e-6)

    @partial(jax.jit, static_argnums=0)
    def learn(team, rollout):
        who = algorithm(team=team, minibatches=2, epochs=1)
        agent = who.init(jax.random.key(1), INPUTS, HEADS)
        return who.learn(agent, rollout, HEADS, jax.random.key(3), jnp.float32(0.0))

    agent, reported = learn(True, rollout)
    for a, b in zip(*map(jax.tree.leaves, (agent, learn(False, before)[0])), strict=True):
        np.testing.assert_array_equal(a, b)
    single, of_single = learn(False, rollout)
    assert not np.array_equal(agent.params["critic"]["own"]["dense_0"]["kernel"],
                              single.params["critic"]["own"]["dense_0"]["kernel"])  # fmt: skip
    assert {"actor_gradient", "critic_gradient", "clipped"} <= set(reported) == set(of_single)


def test_settings_of_the_central_critic_are_checked():
    with pytest.raises(UserError, match=r"algorithm.pooling = 'sum': must be one of mean, mean-max"):
        MAPPO(pooling="sum")
    with pytest.raises(UserError, match=r"algorithm.critic_hidden = 0: must lie in \[1, 100000\]"):
        MAPPO(critic_hidden=0)
    with pytest.raises(UserError, match=r"algorithm.team: unknown setting"):
        PPO(team=True)
    with pytest.raises(UserError, match=r"algorithm.minibatches = 3: must divide"):
        MAPPO(network=Summing(), minibatches=3).check(TrainConfig(envs=4, rollout=6), None)
