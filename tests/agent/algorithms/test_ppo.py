"""The PPO loss: what the bound on the ratio does, and that its first step is that of A2C."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eco_jax.agent.algorithms import A2C, PPO, a2c, ppo
from eco_jax.agent.distribution import Heads
from eco_jax.agent.networks import MLP, Network
from eco_jax.agent.rollout import Rollout
from eco_jax.env import Inputs, Observation
from eco_jax.errors import UserError
from eco_jax.train.config import TrainConfig

HEADS = Heads((2,), (False,))
NETWORK = MLP(hidden=4, layers=3)


@jax.jit
def new():
    return NETWORK.init(jax.random.key(1), Inputs(3), HEADS)


@partial(jax.jit, static_argnames="time")
def rollout(time=4):
    keys = jax.random.split(jax.random.key(0), 4)
    shape = (time, 2, 3)
    mask = jnp.ones((*shape, 2), bool)
    return Rollout(
        observation=Observation(jax.random.normal(keys[0], (*shape, 3)), mask),
        action=jax.random.randint(keys[1], (*shape, 1), 0, 2),
        reward=jax.random.normal(keys[2], shape),
        next_observation=Observation(jax.random.normal(keys[3], (time, 2, 3, 3)), mask),
        terminated=jnp.zeros((time, 2), bool).at[1, 0].set(True),
        ended=jnp.zeros((time, 2), bool).at[1, 0].set(True).at[2, 1].set(True),
    )


@jax.jit
def prepared(params, r):
    return ppo.prepare(params, NETWORK, HEADS, r, 0.9, 0.8)[0]


def gradient(loss, params, data, **options):
    return jax.jit(lambda params, data: jax.grad(loss, has_aux=True)(params, NETWORK, HEADS, data, **options)[0])(
        params, data
    )


@pytest.mark.parametrize("normalise", [False, True])
def test_the_first_step_on_the_whole_rollout_is_that_of_a2c(normalise):
    params, r = new(), rollout()
    shared = {"entropy_weight": 0.03, "normalise": normalise}
    mine = gradient(ppo.loss, params, prepared(params, r), ratio_limit=0.2, **shared)
    old = gradient(a2c.loss, params, r, discount=0.9, decay=0.8, **shared)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), mine, old)


class Fixed(Network):
    """A policy that gives choice 1 a logit and choice 0 zero, whatever it sees, and value 0."""

    def apply(self, params, carry, features):
        column = jnp.full(features.shape[:-1], 1.0) * params["logit"]
        return jnp.stack([jnp.zeros_like(column), column], axis=-1), jnp.zeros(features.shape[:-1]), carry


@jax.jit
def sample(advantage, old_probability):
    """One sample, its action choice 1."""
    one = jnp.ones((1, 1))
    return ppo.Batch(
        features=jnp.zeros((1, 1, 3)), mask=jnp.ones((1, 1, 2), bool), action=jnp.ones((1, 1, 1), jnp.int32),
        log_prob=jnp.log(one * old_probability), advantage=one * advantage, target=one * 0.0,
    )  # fmt: skip


@jax.jit
def of_sample(params, batch):
    """((loss, metrics), gradient)."""
    return jax.value_and_grad(ppo.loss, has_aux=True)(
        params, Fixed(), HEADS, batch, ratio_limit=0.2, entropy_weight=0.0
    )


@pytest.mark.parametrize(
    ("advantage", "ratio", "expected", "moves"),
    [
        # Probability now 0.6; ratio = 0.6 / old.
        (2.0, 1.1, -2.2, True),  # within the bound
        (2.0, 1.5, -2.4, False),  # above: no more than 1.2
        (2.0, 0.5, -1.0, True),  # below, but going up is good: free to come back
        (-2.0, 0.5, 1.6, False),  # below 0.8 already
        (-2.0, 1.5, 3.0, True),
    ],
)
def test_the_ratio_is_bounded_where_it_gains(advantage, ratio, expected, moves):
    params = {"logit": jnp.float32(np.log(0.6 / 0.4))}
    (total, metrics), gradient = of_sample(params, sample(advantage, 0.6 / ratio))
    np.testing.assert_allclose(total, expected, rtol=1e-5)
    assert (abs(float(gradient["logit"])) > 1e-3) == moves
    assert float(metrics["clipped"]) == float(abs(ratio - 1) > 0.2)


def test_shuffled_minibatches_hold_every_sample_once():
    params, r = new(), rollout()
    batch = prepared(params, r)
    parts = jax.jit(ppo.shuffle, static_argnums=2)(jax.random.key(2), batch, 4)
    assert parts.features.shape == (4, 2, 3, 3)
    together = parts.features.reshape(8, 3, 3)
    assert not np.array_equal(together, batch.features)
    where = [int(np.argmin(np.abs(batch.features - row).sum(axis=(1, 2)))) for row in together]
    assert sorted(where) == list(range(8))
    for name in ("advantage", "log_prob", "target"):
        np.testing.assert_array_equal(getattr(parts, name).reshape(8, 3), getattr(batch, name)[np.array(where)])


class Remembering(Fixed):
    def start(self, shape):
        return jnp.zeros(shape)


def test_minibatches_must_divide_the_rollout():
    loop = TrainConfig(envs=16, rollout=10)
    with pytest.raises(UserError, match=r"algorithm.minibatches = 7: must divide the rollout of .* = 160 samples"):
        PPO(minibatches=7).check(loop, None)
    PPO(minibatches=8).check(loop, None)
    A2C().check(loop, None)
    with pytest.raises(UserError, match=r"minibatches = 5: must divide the rollout of train.envs = 16 samples: .*mem"):
        PPO(network=Remembering(), minibatches=5).check(loop, None)
    PPO(network=Remembering(), minibatches=16).check(loop, None)


def test_settings_of_one_are_not_the_other_s():
    with pytest.raises(UserError, match=r"algorithm.residual: unknown setting"):
        PPO(residual=True)
    with pytest.raises(UserError, match=r"algorithm.ratio_limit: unknown setting"):
        A2C(ratio_limit=0.1)
