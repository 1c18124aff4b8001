"""Networks: how they begin, what they hold, and a memory over a rollout."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eco_jax.agent.distribution import Heads
from eco_jax.agent.networks import MLP, Network
from eco_jax.agent.rollout import Rollout, estimate
from eco_jax.env import Inputs, Observation
from eco_jax.errors import UserError


def test_three_hidden_layers_each_and_a_nearly_uniform_start():
    network = MLP(hidden=4, layers=3)
    params = network.init(jax.random.key(0), Inputs(3), Heads((2,), (False,)))
    assert set(params) == {"actor", "critic"}
    assert all(len(params[part]) == 4 for part in params)  # three hidden, one output
    logits, value, carry = network.apply(params, (), jnp.ones((5, 3)))
    assert logits.shape == (5, 2)
    assert value.shape == (5,)
    assert carry == network.start((5,)) == ()
    assert float(jnp.abs(logits).max()) < 0.2
    kernel = params["actor"]["dense_1"]["kernel"]
    np.testing.assert_allclose(kernel.T @ kernel, 2.0 * np.eye(4), atol=1e-5)  # orthogonal, gain sqrt 2


def test_inputs_of_a_stored_network():
    network = MLP(hidden=4, layers=2)
    params = network.init(jax.random.key(0), Inputs(7), Heads((2,), (False,)))
    assert network.inputs(params) == 7
    assert network.inputs(jax.tree.map(lambda leaf: jnp.stack([leaf] * 3), params)) == 7
    assert Network().inputs(params) is None
    assert network.inputs({"policy": {"weights": jnp.zeros((7, 2))}}) is None
    network.check_inputs(params, Inputs(3, (2,), 2))
    with pytest.raises(UserError, match=r"takes 7 features.* give 8 \(env.candidates, env.beta_levels\?\)"):
        network.check_inputs(params, Inputs(8))


def test_settings_are_of_the_structure():
    assert jax.tree.leaves(MLP()) == []
    assert jax.tree.structure(MLP(hidden=8)) != jax.tree.structure(MLP(hidden=16))
    with pytest.raises(UserError, match=r"network.hidden = 0: must lie in \[1, 100000\]"):
        MLP(hidden=0)


class Counting(Network):
    """Its memory counts the slots of the episode, and is the value."""

    def init(self, key, inputs, heads):
        return {"actor": {"bias": jnp.zeros(sum(heads.sizes))}}

    def start(self, shape):
        return jnp.zeros(shape)

    def apply(self, params, carry, features):
        carry = carry + 1.0
        return jnp.zeros((*features.shape[:-1], 2)) + params["actor"]["bias"], carry, carry


@pytest.mark.parametrize("fixed", [True, False])
def test_a_memory_begins_anew_with_each_episode(fixed):
    time, envs, users = 4, 2, 3
    later = 1 if fixed else time
    ended = (
        jnp.zeros((time, envs), bool).at[-1].set(True) if fixed else jnp.zeros((time, envs), bool).at[1, 0].set(True)
    )

    def seen(slots):
        return Observation(jnp.ones((slots, envs, users, 5)), jnp.ones((slots, envs, users, 2), bool))

    rollout = Rollout(
        seen(time), jnp.zeros((time, envs, users, 1), jnp.int32), jnp.zeros((time, envs, users)), seen(later),
        jnp.zeros((time, envs), bool), ended, carry=jnp.full((envs, users), 10.0),
    )  # fmt: skip
    network = Counting()
    _, values, advantages = estimate(
        network, network.init(jax.random.key(0), Inputs(5), Heads((2,), (False,))), rollout, 1.0, 0.0
    )
    assert values[:, 1, 0].tolist() == [11, 12, 13, 14]
    assert values[:, 0, 0].tolist() == ([11, 12, 13, 14] if fixed else [11, 12, 1, 2])
    # The value after each slot is that of the memory of the episode that the slot belongs to: one slot more.
    np.testing.assert_array_equal(advantages, np.ones((time, envs, users)))


def test_layer_normalisation_before_each_relu():
    network = MLP(hidden=6, layers=2, norm="layer")
    params = network.init(jax.random.key(0), Inputs(3), Heads((2,), (False,)))
    plain = MLP(hidden=6, layers=2)
    assert {*params["actor"]} == {"dense_0", "dense_1", "dense_2", "norm_0", "norm_1"}
    assert {*plain.init(jax.random.key(0), Inputs(3), Heads((2,), (False,)))["actor"]} == {
        "dense_0",
        "dense_1",
        "dense_2",
    }
    moved = {f"norm_{i}": {"scale": jnp.arange(1.0, 7.0), "bias": jnp.linspace(-1.0, 1.0, 6)} for i in range(2)}
    params["actor"] = params["actor"] | moved
    x = 3.0 * jax.random.normal(jax.random.key(1), (5, 3))
    lower = MLP(hidden=6, layers=2, norm="layer", precision="bf16")
    logits, in_bf16 = (jax.jit(n.apply)(params, (), x)[0] for n in (network, lower))
    hidden = np.asarray(x, np.float64)
    for i in range(2):
        hidden = hidden @ np.asarray(params["actor"][f"dense_{i}"]["kernel"])  # biases are 0 at first
        hidden = (hidden - hidden.mean(1, keepdims=True)) / np.sqrt(hidden.var(1, keepdims=True) + 1e-6)
        hidden = np.maximum(
            hidden * np.asarray(moved[f"norm_{i}"]["scale"]) + np.asarray(moved[f"norm_{i}"]["bias"]), 0
        )
    expected = hidden @ np.asarray(params["actor"]["dense_2"]["kernel"])
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)
    assert in_bf16.dtype == jnp.float32
    assert 0.0 < float(np.abs(in_bf16 - expected).max()) < 0.02 * float(np.abs(expected).max())
    with pytest.raises(UserError, match=r"network.norm = 'batch': must be one of none, layer"):
        MLP(norm="batch")
