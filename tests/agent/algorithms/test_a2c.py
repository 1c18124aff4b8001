"""The A2C loss: what flows where."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eco_jax.agent.algorithms.a2c import loss
from eco_jax.agent.distribution import Heads
from eco_jax.agent.networks import MLP
from eco_jax.agent.rollout import Rollout
from eco_jax.env import Inputs, Observation
from eco_jax.model.objective import temporal_difference

HEADS = Heads((2,), (False,))
NETWORK = MLP(hidden=4, layers=3)


@jax.jit
def new():
    return NETWORK.init(jax.random.key(1), Inputs(3), HEADS)


@jax.jit
def logits(params, features):
    return NETWORK.apply(params, (), features)[0]


@jax.jit
def value(params, features):
    return NETWORK.apply(params, (), features)[1]


@partial(jax.jit, static_argnames=("fixed", "time"))
def rollout(fixed=True, time=4):
    keys = jax.random.split(jax.random.key(0), 4)
    shape = (time, 2, 3)
    later = 1 if fixed else time
    return Rollout(
        observation=Observation(jax.random.normal(keys[0], (*shape, 3)), jnp.ones((*shape, 2), bool)),
        action=jax.random.randint(keys[1], (*shape, 1), 0, 2),
        reward=jax.random.normal(keys[2], shape),
        next_observation=Observation(jax.random.normal(keys[3], (later, 2, 3, 3)), jnp.ones((later, 2, 3, 2), bool)),
        terminated=jnp.zeros((time, 2), bool),
        ended=jnp.zeros((time, 2), bool),
    )


def gradient(r, residual=False, **options):
    return by_numbers(r, residual, {"discount": 0.9, "decay": 0.0, "entropy_weight": 0.0} | options)


@partial(jax.jit, static_argnames="residual")
def by_numbers(r, residual, numbers):
    """One program, whatever the numbers are."""
    return jax.grad(loss, has_aux=True)(new(), NETWORK, HEADS, r, residual=residual, **numbers)[0]


def same(a, b):
    return all(np.allclose(x, y, atol=1e-7) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


def test_semi_gradient_ignores_the_next_value_and_residual_does_not():
    r = rollout(fixed=False)
    critic = gradient(r)["critic"]
    # By hand: the semi-gradient is that of 1/2 (target - V)^2 with the target a number.
    params = new()
    target = r.reward + 0.9 * value(params, r.next_observation.features)

    def squared(p):
        return 0.5 * jnp.mean((target - value(p, r.observation.features)) ** 2)

    assert same(critic, jax.jit(jax.grad(squared))(params)["critic"])
    assert not same(critic, gradient(r, residual=True)["critic"])


@pytest.mark.parametrize("w3", [1.0, 0.25])
def test_as_printed_the_critic_descends_the_squared_temporal_difference(w3):
    """Algorithm 1, line 9: the gradient of (R + w3 V(S') - V(S))^2, of both values; a half of it, as is usual."""
    r = rollout(fixed=False)
    params = new()

    def squared(p):
        now, then = value(p, r.observation.features), value(p, r.next_observation.features)
        return 0.5 * jnp.mean(temporal_difference(r.reward, now, then, w3) ** 2)

    assert same(gradient(r, discount=w3, residual=True)["critic"], jax.jit(jax.grad(squared))(params)["critic"])


def test_actor_gradient_is_that_of_log_probability_times_advantage():
    r = rollout(fixed=False)
    params = new()
    advantage = r.reward + 0.9 * value(params, r.next_observation.features) - value(params, r.observation.features)

    def surrogate(p):
        log_p = jax.nn.log_softmax(logits(p, r.observation.features))
        return -jnp.mean(jnp.take_along_axis(log_p, r.action, axis=-1)[..., 0] * advantage)

    assert same(gradient(r)["actor"], jax.jit(jax.grad(surrogate))(params)["actor"])


def test_fixed_horizon_shortcut_equals_the_general_form():
    r = rollout(fixed=True)
    following = jax.tree.map(lambda now, last: jnp.concatenate([now[1:], last]), r.observation, r.next_observation)
    general = r._replace(next_observation=following)
    assert same(gradient(r, decay=0.7, entropy_weight=0.1), gradient(general, decay=0.7, entropy_weight=0.1))
