"""Advantages against numbers worked by hand, above all at a time limit."""

import jax.numpy as jnp
import numpy as np
import pytest

from eco_jax.agent.advantages import gae

# Two steps, gamma 0.5. V(S0) = 1, V(S1) = 2, the true last observation is worth 4; rewards 10 and 20.
REWARDS, VALUES, NEXT = jnp.array([10.0, 20.0]), jnp.array([1.0, 2.0]), jnp.array([2.0, 4.0])
NO = jnp.array([False, False])


def run(terminated, ended, decay, rewards=REWARDS, values=VALUES, following=NEXT):
    return np.asarray(gae(rewards, values, following, terminated, ended, 0.5, decay))


def test_time_limit_bootstraps_from_the_true_last_observation():
    # delta1 = 20 + 0.5*4 - 2 = 20; delta0 = 10 + 0.5*2 - 1 = 10; A0 = 10 + 0.5*1*20 = 20
    np.testing.assert_allclose(run(NO, jnp.array([False, True]), 1.0), [20.0, 20.0])


def test_termination_does_not_bootstrap():
    # delta1 = 20 + 0 - 2 = 18; A0 = 10 + 0.5*18 = 19
    last = jnp.array([False, True])
    np.testing.assert_allclose(run(last, last, 1.0), [19.0, 18.0])


def test_nothing_flows_back_across_an_episode_end():
    # Truncated after the first step: A0 = delta0 alone, but its own bootstrap stays.
    np.testing.assert_allclose(run(NO, jnp.array([True, False]), 1.0), [10.0, 20.0])


def test_value_targets_at_a_time_limit():
    # Targets A + V with decay 1 are discounted sums: 10 + 0.5*20 + 0.25*4 = 21, and 20 + 0.5*4 = 22.
    target = run(NO, jnp.array([False, True]), 1.0) + np.asarray(VALUES)
    np.testing.assert_allclose(target, [21.0, 22.0])


def test_decay_zero_is_the_papers_temporal_difference():
    np.testing.assert_allclose(run(NO, NO, 0.0), [10.0, 20.0])


def test_decay_between():
    # A0 = 10 + 0.5*0.4*20 = 14
    np.testing.assert_allclose(run(NO, NO, 0.4), [14.0, 20.0])


@pytest.mark.parametrize("shape", [(3, 2), (3, 2, 4)])
def test_batch_axes_are_independent(shape):
    rng = np.random.default_rng(0)
    rewards, values, following = (jnp.asarray(rng.normal(size=shape), jnp.float32) for _ in range(3))
    ended = jnp.asarray(rng.random(shape) < 0.3)
    whole = gae(rewards, values, following, ended, ended, 0.9, 0.8)
    index = (slice(None), *([1] * (len(shape) - 1)))
    alone = gae(rewards[index], values[index], following[index], ended[index], ended[index], 0.9, 0.8)
    np.testing.assert_allclose(whole[index], alone, rtol=1e-6)
