"""A memory before a network: the cell, where an episode ends, and what the network behind sees."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from eco_jax.agent import layers
from eco_jax.agent.distribution import Heads
from eco_jax.agent.networks import GRU, Network, WithMemory
from eco_jax.env import Inputs
from eco_jax.errors import UserError
from eco_jax.parts import variant

HEADS = Heads((2,), (False,))
NETWORK = GRU(memory=4, hidden=8, layers=2)
TIME, ENVS, USERS = 6, 8, 4
SHAPE = (TIME, ENVS, USERS)
END = 2
"""The slot in which an episode ends, in all environments."""


@pytest.fixture(scope="module")
def params():
    return NETWORK.init(jax.random.key(0), Inputs(3), HEADS)


@pytest.fixture(scope="module")
def features():
    return jax.random.normal(jax.random.key(1), (*SHAPE, 3))


@jax.jit
def unroll(params, carry, features, ended):
    return NETWORK.unroll(params, carry, features, ended)


def ending():
    return jnp.zeros((TIME, ENVS), bool).at[END].set(True)


def carried():
    return jax.random.uniform(jax.random.key(2), (ENVS, USERS, 4), minval=-1.0)


def same(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def test_it_is_the_cell_of_flax(params, features):
    cell = nnx.GRUCell(3, 4, rngs=nnx.Rngs(0))
    nnx.update(cell, nnx.State(params["memory"]))
    wanted, _ = cell(carried(), features[0])
    np.testing.assert_allclose(NETWORK.apply(params, carried(), features[0])[2], wanted, rtol=1e-5, atol=1e-6)


def test_how_it_begins(params):
    assert variant("network", "gru") is GRU
    assert set(params) == {"memory", "actor", "critic"}
    assert params["actor"]["dense_0"]["kernel"].shape == params["critic"]["dense_0"]["kernel"].shape == (4 + 3, 8)
    assert not params["memory"]["dense_i"]["bias"].any()
    recurrent = params["memory"]["dense_h"]["kernel"]
    for gate in jnp.split(recurrent, 3, axis=1):
        np.testing.assert_allclose(gate.T @ gate, np.eye(4), atol=1e-5)
    assert not np.allclose(recurrent[:, :4], recurrent[:, 4:8], atol=0.01)
    assert not NETWORK.start((5, 2)).any()
    assert NETWORK.start((5, 2)).shape == (5, 2, 4)
    logits, value, _ = NETWORK.apply(params, NETWORK.start((5,)), jnp.ones((5, 3)))
    assert (logits.shape, value.shape) == ((5, 2), (5,))
    assert float(jnp.abs(logits).max()) < 0.2
    assert NETWORK.inputs(params) == 3
    assert NETWORK.inputs(jax.tree.map(lambda leaf: jnp.stack([leaf] * 3), params)) == 3
    with pytest.raises(UserError, match=r"network.memory = 0: must lie in \[1, 100000\]"):
        GRU(memory=0)


def test_many_slots_at_once_are_the_slots_one_after_the_other(params, features):
    ended = jax.random.bernoulli(jax.random.key(3), 0.3, (TIME, ENVS))
    found = unroll(params, carried(), features, ended)
    memory = carried()
    for slot in range(TIME):
        logits, value, memory = NETWORK.apply(params, memory, features[slot])
        for part, wanted in zip(found, (logits, value, memory), strict=True):
            np.testing.assert_allclose(part[slot], wanted, rtol=1e-5, atol=1e-6)
        memory = jnp.where(ended[slot][:, None, None], 0.0, memory)


def test_an_end_in_the_middle_makes_two_unrolls_of_one(params, features):
    # As many users in all as a CPU takes at once, or some of them are added up in another order.
    carry, ended, now = carried(), ending(), END + 1
    whole = unroll(params, carry, features, ended)
    before = unroll(params, carry, features[:now], ended[:now])
    after = unroll(params, NETWORK.start((ENVS, USERS)), features[now:], ended[now:])
    same(whole, [jnp.concatenate(parts) for parts in zip(before, after, strict=True)])
    one_late = unroll(params, carry, features, jnp.roll(ended, 1, axis=0))
    assert (one_late[2][now] != whole[2][now]).all()
    assert (one_late[1][now] != whole[1][now]).all()


def test_nothing_of_an_episode_reaches_the_next_and_all_of_it_the_end(params, features):
    other = features.at[0].add(1.0)
    one, two = (unroll(params, carried(), x, ending()) for x in (features, other))
    same([part[END + 1 :] for part in one], [part[END + 1 :] for part in two])
    assert (one[2][END] != two[2][END]).all()
    later = jax.grad(lambda x: unroll(params, carried(), x, ending())[1][END + 1 :].sum())(features)
    assert not later[: END + 1].any()
    assert later[END + 1 :].any(axis=(1, 2, 3)).all()
    soon = jax.grad(lambda x: unroll(params, carried(), x, ending())[1][END].sum())(features)
    assert soon[: END + 1].any(axis=(1, 2, 3)).all()


def test_actor_and_critic_train_it_and_each_user_has_one_of_its_own(params, features):
    for which in range(2):
        towards = jax.grad(lambda p, i=which: unroll(p, carried(), features, ending())[i].sum())(params)
        assert all(leaf.any() for leaf in jax.tree.leaves(towards["memory"]))
    other = unroll(params, carried(), features.at[:, :, 1].add(1.0), ending())[1]
    changed = (other != unroll(params, carried(), features, ending())[1]).any(axis=(0, 1))
    assert changed.tolist() == [False, True, False, False]


def test_members_side_by_side(features):
    keys = jax.random.split(jax.random.key(5), 3)
    stacked = jax.lax.map(lambda key: NETWORK.init(key, Inputs(3), HEADS), keys)
    found = jax.jit(jax.vmap(NETWORK.unroll, (0, None, None, None)))(stacked, carried(), features, ending())
    for which in range(3):
        own = NETWORK.init(keys[which], Inputs(3), HEADS)
        for part, wanted in zip(found, unroll(own, carried(), features, ending()), strict=True):
            np.testing.assert_allclose(part[which], wanted, rtol=1e-4, atol=1e-5)


def test_in_bf16_the_memory_stays_fp32(params, features):
    lower = GRU(memory=4, hidden=8, layers=2, precision="bf16")
    found = lower.unroll(params, carried(), features, ending())
    assert {part.dtype for part in found} == {jnp.dtype("float32")}
    assert lower.stored(features).dtype == jnp.bfloat16
    same(found, lower.unroll(params, carried(), lower.stored(features), ending()))  # rounded once, not twice
    exact = unroll(params, carried(), features, ending())
    assert 0.0 < float(jnp.abs(found[2] - exact[2]).max()) < 0.05
    assert not (found[2] == found[2].astype(jnp.bfloat16)).all()


class Seen(Network):
    """Its logits are what it is given, and it says what it is to take."""

    def init(self, key, inputs, heads):
        return {"taken": {str(inputs): jnp.zeros(())}}

    def apply(self, params, carry, features):
        assert set(params) == {"taken"}
        assert carry == ()
        return features, features[..., 0], carry


class Remembering(WithMemory, Seen):
    """The same with a memory."""


def test_before_another_network_the_memory_is_of_the_user_s_own_features():
    network, inputs = Remembering(memory=2), Inputs(3, (2, 1), 4)
    params = network.init(jax.random.key(0), inputs, HEADS)
    assert params["taken"].keys() == {str(Inputs(5, (2, 1), 4))}
    features = jax.random.normal(jax.random.key(1), (6, inputs.total))
    seen, _, memory = network.apply(params, network.start((6,)), features)
    same([seen[:, :2], seen[:, 2:]], [memory, features])
    assert memory.any()
    assert network.inputs(params) == inputs.total
    assert params["memory"].keys() == layers.init_memory(jax.random.key(0), 3, 2).keys()
