"""Attention: order and number of candidates and users do not matter, and nobody sees more than its level does."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import eco_jax
from eco_jax.agent.algorithms import A2C
from eco_jax.agent.algorithms.base import check_learns
from eco_jax.agent.distribution import Heads
from eco_jax.agent.networks.attention import Attention
from eco_jax.env import Inputs, make
from eco_jax.env.config import KNOWLEDGE, SIGHT
from eco_jax.errors import UserError
from eco_jax.train.config import TrainConfig

OWN, GROUPS = 5, (3, 2)
FREE = (False, False, False)


def layout(candidates):
    return Inputs(OWN, GROUPS, candidates), Heads((1 + candidates, 4, 2), FREE)


def far(params, key=9):
    """The same parameters away from where they begin, where the logits are hardly anything."""
    leaves, tree = jax.tree.flatten(params)
    draw = np.random.default_rng(key).normal
    return tree.unflatten([leaf + np.float32(0.3) * draw(size=leaf.shape).astype(np.float32) for leaf in leaves])


def features(envs, users, candidates, key=1):
    return jax.random.normal(jax.random.key(key), (envs, users, layout(candidates)[0].total))


def reordered(x, order):
    """Features with their candidates in another order."""
    parts = [x[..., :OWN]]
    start, candidates = OWN, len(order)
    for size in GROUPS:
        group = x[..., start : start + candidates * size].reshape(*x.shape[:-1], candidates, size)
        parts.append(group[..., order, :].reshape(*x.shape[:-1], -1))
        start += candidates * size
    return jnp.concatenate(parts, -1)


def new(network, inputs, heads):
    return jax.jit(lambda key: network.init(key, inputs, heads))(jax.random.key(0))


def made(candidates=4, **settings):
    network = Attention(**{"hidden": 8, **settings})
    return network, far(new(network, *layout(candidates)))


def seen(network, params, x):
    """Logits and values."""
    return jax.jit(lambda params, x: network.apply(params, (), x)[:2])(params, x)


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [{}, pytest.param({"layers": 2, "attention_heads": 2}, marks=pytest.mark.long), {"users": True}],
    ids=["default", "deep", "users"],
)
def test_it_follows_the_order_of_candidates_and_users(settings):
    network, params = made(**settings)
    x = features(2, 3, 4)
    logits, value = seen(network, params, x)
    order = np.array([2, 0, 3, 1])
    moved, same = seen(network, params, reordered(x, order))
    expected = jnp.concatenate([logits[..., :1], logits[..., 1:5][..., order], logits[..., 5:]], -1)
    assert float(jnp.abs(logits[..., 1:5][..., order] - logits[..., 1:5]).max()) > 0.01  # the candidates differ
    np.testing.assert_allclose(moved, expected, atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(same, value, atol=1e-5, rtol=1e-5)
    turned = np.array([1, 2, 0])
    for found, usual in zip(seen(network, params, x[:, turned]), (logits, value), strict=True):
        np.testing.assert_allclose(found, usual[:, turned], atol=1e-5, rtol=1e-5)


@pytest.mark.slow
def test_the_same_parameters_serve_other_numbers():
    for users in (False, True):
        network, params = made(users=users)
        for many in (10, 100):
            logits, value = seen(network, params, features(2, many, 4))
            assert (logits.shape, value.shape) == ((2, many, 11), (2, many))
        logits, _ = seen(network, params, features(2, 3, 2))
        assert logits.shape == (2, 3, 9)
        assert np.isfinite(logits).all()
        assert seen(network, params, features(1, 3, 4)[0])[0].shape == (3, 11)  # as it is played
        two, four = Inputs(OWN, GROUPS, 2), Inputs(OWN, GROUPS, 4)
        network.check_inputs(params, two)
        network.check_inputs(jax.tree.map(lambda leaf: jnp.stack([leaf] * 2), params), four)
    with pytest.raises(UserError, match="takes 5 features of a user and 5 of each candidate, these settings give 5 "):
        network.check_inputs(params, Inputs(OWN, (3, 1), 4))
    with pytest.raises(UserError, match="network: takes 5 features of a user and 5 of each candidate, not 17"):
        seen(network, params, jnp.zeros((2, 17)))


@pytest.mark.slow
def test_it_begins_nearly_uniform_and_has_a_gradient():
    network = Attention(users=True)
    params = new(network, *layout(4))
    x = features(2, 30, 4)
    logits, value = seen(network, params, x)
    assert 0.0 < float(jnp.abs(logits).max()) < 0.2
    assert float(value.std()) > 0.1

    def loss(params):
        logits, value, _ = network.apply(params, (), x)
        return jnp.mean(jnp.square(logits - 1.0)) + jnp.mean(jnp.square(value - 1.0))

    gradient = jax.jit(jax.grad(loss))(params)
    assert set(gradient) == {"actor", "critic"}
    for part in gradient:
        for name, layer in gradient[part].items():
            assert np.isfinite(np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(layer)])).all()
            assert max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(layer)) > 1e-6, (part, name)
    constant = jnp.full((1, 2, layout(4)[0].total), 1e4)
    assert np.isfinite(seen(network, params, constant)[0]).all()


def test_actor_and_critic_share_nothing():
    network, params = made()
    x = features(1, 2, 4)
    logits, value = seen(network, params, x)
    other = seen(network, params | {"critic": far(params["critic"])}, x)
    np.testing.assert_array_equal(other[0], logits)
    assert float(jnp.abs(other[1] - value).max()) > 1e-3


def test_without_candidates_all_comes_from_the_users_own_token():
    network = Attention(hidden=8, users=True)
    params = far(new(network, Inputs(4), Heads((2,), (False,))))
    assert "pointer" not in params["actor"]
    logits, value = seen(network, params, jnp.ones((3, 1, 4)))
    assert (logits.shape, value.shape) == ((3, 1, 2), (3, 1))
    # Candidates, and a first head that does not choose among them: they are looked at all the same.
    params = far(new(network, Inputs(OWN, GROUPS, 4), Heads((3,), (False,))))
    x = features(1, 2, 4)
    assert seen(network, params, x)[0].shape == (1, 2, 3)
    assert float(jnp.abs(seen(network, params, x.at[..., -1].add(1.0))[0] - seen(network, params, x)[0]).max())


def test_heads_of_the_attention_divide_its_width():
    with pytest.raises(UserError, match=r"network.attention_heads = 3: must divide network.hidden = 8"):
        Attention(hidden=8, attention_heads=3)


@pytest.mark.slow
@pytest.mark.parametrize(
    "level",
    [level if level in ("twin", "forecast") else pytest.param(level, marks=pytest.mark.long) for level in KNOWLEDGE],
)
def test_only_the_switch_lets_a_user_see_another(level):
    """Below `forecast` nothing of the network's may look at another user, so there the switch is refused."""
    env, params = make("tiny", users=3, knowledge=level)
    observation, _ = jax.jit(env.reset)(jax.random.key(0), params)
    x = observation.features
    other = x.at[0].add(1.0)
    heads = Heads(env.heads, env.gated)
    for users in (False, True):
        network = Attention(hidden=8, users=users)
        learnt = far(new(network, env.inputs, heads))
        before, after = (seen(network, learnt, each) for each in (x, other))
        for one, two in zip(before, after, strict=True):
            assert float(jnp.abs(one[0] - two[0]).max()) > 1e-3
            if users:
                assert float(jnp.abs(one[1:] - two[1:]).max()) > 1e-4
            else:
                np.testing.assert_array_equal(one[1:], two[1:])
        algorithm = A2C(network=network)
        if users and not SIGHT[level].foresees:
            with pytest.raises(UserError, match="network.users = true: .* one of forecast, twin, truth$"):
                check_learns(algorithm, TrainConfig(), env, params)
        else:
            check_learns(algorithm, TrainConfig(), env, params)


def test_of_many_levels_each_must_foresee():
    env, params = make("tiny", users=3)
    network = Attention(users=True)
    levels = [params.with_knowledge(level).knowledge for level in ("twin", "telemetry")]
    mixed = dataclasses.replace(params, knowledge=jax.tree.map(lambda *leaves: jnp.stack(leaves), *levels))
    network.check(env, params)
    network.check(env, {"gain": 1.0})  # no levels of knowledge, nothing to refuse
    with pytest.raises(UserError, match=r"network.users = true"):
        network.check(env, mixed)
    with pytest.raises(UserError, match=r"network.users = true"):
        eco_jax.train(env, params.with_knowledge("none"), A2C(network=network), updates=1, envs=2)
