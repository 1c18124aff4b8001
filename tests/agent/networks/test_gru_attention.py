"""A memory before attention: both keep what they promise alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eco_jax.agent.distribution import Heads
from eco_jax.agent.networks import GRUAttention
from eco_jax.env import Inputs
from eco_jax.errors import UserError
from eco_jax.parts import variant

NETWORK = GRUAttention(hidden=8, memory=4, users=True)
INPUTS, HEADS = Inputs(3, (2,), 2), Heads((3, 2), (False, True))
TIME, ENVS, USERS = 4, 2, 3


@pytest.fixture(scope="module")
def params():
    begun = jax.jit(lambda key: NETWORK.init(key, INPUTS, HEADS))(jax.random.key(0))
    return jax.tree.map(lambda leaf: leaf + 0.3 * jax.random.normal(jax.random.key(1), leaf.shape), begun)


@jax.jit
def unroll(params, features, ended):
    return NETWORK.unroll(params, NETWORK.start(features.shape[1:3]), features, ended)


def features(candidates=2, users=USERS):
    return jax.random.normal(jax.random.key(2), (TIME, ENVS, users, 3 + 2 * candidates))


def test_it_remembers_within_an_episode_alone(params):
    x, end = features(), jnp.zeros((TIME, ENVS), bool).at[1].set(True)
    logits, values, _ = unroll(params, x, end)
    other = x.at[0].add(1.0)
    later, worth, _ = unroll(params, other, end)
    assert float(jnp.abs(later[1] - logits[1]).max()) > 1e-3
    np.testing.assert_array_equal(later[2:], logits[2:])
    np.testing.assert_array_equal(worth[2:], values[2:])


@pytest.mark.slow
def test_candidates_and_users_in_another_order(params):
    # A memory is of all features of its user, so that candidates may change their places in the last slot alone.
    never = jnp.zeros((TIME, ENVS), bool)
    x = features()
    logits, values, after = unroll(params, x, never)
    users = jnp.array([2, 0, 1])
    moved = unroll(params, x[:, :, users], never)
    np.testing.assert_allclose(moved[0], logits[:, :, users], atol=1e-5)
    np.testing.assert_allclose(moved[1], values[:, :, users], atol=1e-5)
    swapped = jnp.concatenate([x[-1, ..., :3], x[-1, ..., 5:], x[-1, ..., 3:5]], -1)
    behind = {name: part for name, part in params.items() if name != "memory"}
    same = jnp.concatenate([after[-1], swapped], -1)
    found = super(type(NETWORK).__mro__[1], NETWORK).apply(behind, (), same)[0]
    np.testing.assert_allclose(found, logits[-1][..., jnp.array([0, 2, 1, 3, 4])], atol=1e-5)


def test_it_says_what_it_takes(params):
    assert variant("network", "gru-attention") is GRUAttention
    NETWORK.check_inputs(params, INPUTS)
    assert unroll(params, features(users=7), jnp.zeros((TIME, ENVS), bool))[1].shape == (TIME, ENVS, 7)
    for other in (Inputs(4, (2,), 2), Inputs(3, (2,), 3), Inputs(3, (1,), 4)):
        with pytest.raises(UserError, match="its network takes"):
            NETWORK.check_inputs(params, other)
