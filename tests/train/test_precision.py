"""Training with activations in bf16."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from made_up_env import Guess

from eco_jax.agent import layers
from eco_jax.agent.algorithms import A2C, MAPPO, PPO, PQN
from eco_jax.agent.distribution import Heads
from eco_jax.agent.networks import MLP
from eco_jax.env import Inputs
from eco_jax.errors import UserError
from eco_jax.train.checkpoint import Checkpoints, restore
from eco_jax.train.config import TrainConfig
from eco_jax.train.fit import fit
from eco_jax.train.loop import Learner

WORLD = {"gain": jnp.float32(1.0)}
LOWER = MLP(hidden=8, layers=2, precision="bf16")


def test_products_of_bf16_are_summed_in_fp32():
    """257 ones: bf16 has no number between 256 and 258."""
    x = jnp.ones((3, 257), jnp.bfloat16)
    made = layers.product(x, jnp.ones((257, 1)))
    assert made.dtype == jnp.float32
    assert made.tolist() == [[257.0]] * 3
    towards = jax.grad(lambda kernel: jnp.sum(layers.product(x.T, kernel)))(jnp.ones((3, 1)))
    assert towards.dtype == jnp.float32
    assert towards.tolist() == [[257.0]] * 3


def test_a_product_s_gradient_is_that_of_the_rounded_factors():
    x = jax.random.normal(jax.random.key(0), (4, 6, 5)).astype(jnp.bfloat16)
    kernel = jax.random.normal(jax.random.key(1), (5, 3))
    cotangent = jax.random.normal(jax.random.key(2), (4, 6, 3)).astype(jnp.bfloat16).astype(jnp.float32)
    rounded = kernel.astype(jnp.bfloat16).astype(jnp.float32)
    wanted = jax.vjp(jnp.dot, x.astype(jnp.float32), rounded)[1](cotangent)
    towards_x, towards_kernel = jax.vjp(layers.product, x, kernel)[1](cotangent)
    np.testing.assert_allclose(towards_x.astype(jnp.float32), wanted[0], rtol=2**-8)
    np.testing.assert_allclose(towards_kernel, wanted[1], rtol=1e-5, atol=1e-5)


def test_only_features_and_activations_are_bf16():
    params = LOWER.init(jax.random.key(0), Inputs(5), Heads((3,), (False,)))
    x = jax.random.normal(jax.random.key(1), (7, 5))
    logits, value, _ = LOWER.apply(params, (), x)
    exact = MLP(hidden=8, layers=2).apply(params, (), x)
    assert {leaf.dtype for leaf in jax.tree.leaves((params, logits, value))} == {jnp.dtype("float32")}
    assert 0.0 < float(jnp.abs(value - exact[1]).max()) < 0.05
    np.testing.assert_array_equal(LOWER.apply(params, (), LOWER.stored(x))[0], logits)  # rounded once, not twice
    assert LOWER.stored(x).dtype == jnp.bfloat16
    assert MLP().stored(x) is x
    with pytest.raises(UserError, match=r"network.precision = 'fp16': must be one of fp32, bf16"):
        MLP(precision="fp16")


@pytest.mark.parametrize("fixed", [True, False])
@pytest.mark.parametrize(
    "agent",
    [
        A2C(network=LOWER, actor_lr=0.1, critic_lr=0.1),
        PPO(network=LOWER, actor_lr=0.1, critic_lr=0.1, minibatches=1),
        pytest.param(MAPPO(network=LOWER, actor_lr=0.1, critic_lr=0.1, minibatches=1), marks=pytest.mark.long),
        pytest.param(
            PQN(network=MLP(hidden=8, layers=2, precision="bf16", norm="layer"), lr=0.02), marks=pytest.mark.long
        ),
    ],
    ids=lambda agent: agent.name,
)
def test_it_learns_in_bf16_and_goes_on_with_the_same_bits(agent, fixed, tmp_path):
    learner = Learner(Guess(fixed), TrainConfig(updates=60, envs=8, rollout=4, chunk=30))

    def trained(**how):
        return fit(learner, WORLD, [agent], [jax.random.key(0)], **how)

    with Checkpoints(tmp_path) as writer:
        whole = trained(on_chunk=lambda c: writer.save(c.done, c.state))
    assert whole.state.observation.features.dtype == jnp.bfloat16
    assert {leaf.dtype for leaf in jax.tree.leaves(whole.state.agent.params)} == {jnp.dtype("float32")}
    right = whole.metrics["right"][:, 0]
    assert right[-10:].mean() > 0.8 > right[:5].mean()
    (tmp_path / "60").rename(tmp_path / "other")
    on = trained(resume=lambda like: restore(tmp_path, like, pytest.fail))
    for one, other in zip(jax.tree.leaves(on.state.agent), jax.tree.leaves(whole.state.agent), strict=True):
        np.testing.assert_array_equal(one, other)
