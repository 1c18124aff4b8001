"""The PPO loss: what the bound on the ratio does, and that its first step is that of A2C."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eco_jax.agent import a2c, ppo
from eco_jax.agent.distribution import Heads
from eco_jax.agent.network import Network, make_network
from eco_jax.errors import UserError
from eco_jax.train.config import TrainConfig

HEADS = Heads((2,), (False,))
NETWORK = make_network(3, 2, hidden=4, layers=3)


def rollout(time=4):
    keys = jax.random.split(jax.random.key(0), 4)
    shape = (time, 2, 3)
    return a2c.Rollout(
        features=jax.random.normal(keys[0], (*shape, 3)),
        mask=jnp.ones((*shape, 2), bool),
        action=jax.random.randint(keys[1], (*shape, 1), 0, 2),
        reward=jax.random.normal(keys[2], shape),
        next_features=jax.random.normal(keys[3], (time, 2, 3, 3)),
        terminated=jnp.zeros((time, 2), bool).at[1, 0].set(True),
        ended=jnp.zeros((time, 2), bool).at[1, 0].set(True).at[2, 1].set(True),
    )


@pytest.mark.parametrize("normalise", [False, True])
def test_the_first_step_on_the_whole_rollout_is_that_of_a2c(normalise):
    params, r = NETWORK.init(jax.random.key(1)), rollout()
    batch, _ = ppo.prepare(params, NETWORK, HEADS, r, 0.9, 0.8)
    new = jax.grad(ppo.loss, has_aux=True)(
        params, NETWORK, HEADS, batch, ratio_limit=0.2, entropy_weight=0.03, normalise=normalise
    )[0]
    old = jax.grad(a2c.loss, has_aux=True)(
        params, NETWORK, HEADS, r, discount=0.9, decay=0.8, entropy_weight=0.03, normalise=normalise
    )[0]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), new, old)


def fixed_policy(logit):
    """A policy that gives choice 1 the logit and choice 0 zero, whatever it sees, and value 0."""

    def apply(params, features):
        column = jnp.full(features.shape[:-1], 1.0) * params["logit"]
        return jnp.stack([jnp.zeros_like(column), column], axis=-1), jnp.zeros(features.shape[:-1])

    return Network(lambda key: {"logit": jnp.float32(logit)}, apply)


def sample(advantage, old_probability):
    """One sample, its action choice 1."""
    one = jnp.ones((1, 1))
    return ppo.Batch(
        features=jnp.zeros((1, 1, 3)), mask=jnp.ones((1, 1, 2), bool), action=jnp.ones((1, 1, 1), jnp.int32),
        log_prob=jnp.log(one * old_probability), advantage=one * advantage, target=one * 0.0,
    )  # fmt: skip


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
    logit = float(np.log(0.6 / 0.4))
    batch = sample(advantage, 0.6 / ratio)
    network = fixed_policy(logit)
    (total, metrics), gradient = jax.value_and_grad(ppo.loss, has_aux=True)(
        network.init(jax.random.key(0)), network, HEADS, batch, ratio_limit=0.2, entropy_weight=0.0
    )
    np.testing.assert_allclose(total, expected, rtol=1e-5)
    assert (abs(float(gradient["logit"])) > 1e-3) == moves
    assert float(metrics["clipped"]) == float(abs(ratio - 1) > 0.2)


def test_shuffled_minibatches_hold_every_sample_once():
    params, r = NETWORK.init(jax.random.key(1)), rollout()
    batch, _ = ppo.prepare(params, NETWORK, HEADS, r, 0.9, 0.8)
    parts = ppo.shuffle(jax.random.key(2), batch, 4)
    assert parts.features.shape == (4, 2, 3, 3)
    together = parts.features.reshape(8, 3, 3)
    assert not np.array_equal(together, batch.features)
    where = [int(np.argmin(np.abs(batch.features - row).sum(axis=(1, 2)))) for row in together]
    assert sorted(where) == list(range(8))
    for name in ("advantage", "log_prob", "target"):
        np.testing.assert_array_equal(getattr(parts, name).reshape(8, 3), getattr(batch, name)[np.array(where)])


def test_minibatches_must_divide_the_rollout():
    with pytest.raises(UserError, match=r"train.minibatches = 7: must divide the rollout of envs x rollout = 160"):
        TrainConfig(algorithm="ppo", minibatches=7)
    TrainConfig(minibatches=7)  # of no effect with a2c
    with pytest.raises(UserError, match=r"train.residual = True: is of a2c only"):
        TrainConfig(algorithm="ppo", residual=True)
