"""gymnax under our protocol."""

import jax
import jax.numpy as jnp
import pytest

from eco_jax.adapters.gymnax import GymnaxEnv


@pytest.fixture(scope="module")
def cartpole():
    return GymnaxEnv("CartPole-v1")


def test_protocol(cartpole):
    assert cartpole.heads == (2,)
    assert cartpole.fixed_horizon is None
    observation, _ = cartpole.reset(jax.random.key(0), cartpole.default_params)
    assert observation.features.shape == (1, 4)
    assert observation.mask.all()


def test_the_last_observation_is_the_true_one_and_a_time_limit_truncates(cartpole):
    params = cartpole.default_params.replace(max_steps_in_episode=2)
    _, state = cartpole.reset(jax.random.key(0), params)
    action = jnp.zeros((1, 1), jnp.int32)
    key = jax.random.key(1)
    _, state, _, terminated, truncated, _ = cartpole.step(key, state, action, params)
    assert not terminated
    assert not truncated
    observation, state, reward, terminated, truncated, info = cartpole.step(key, state, action, params)
    assert truncated
    assert not terminated
    assert float(info["metrics"]["ended"]) == 1.0
    assert reward.shape == (1,)
    # Two pushes to the left: the cart moves left. A reset observation would lie within 0.05 of zero.
    assert float(observation.features[0, 1]) < -0.3
    assert jnp.allclose(observation.features[0], jnp.stack([state.x, state.x_dot, state.theta, state.theta_dot]))


def test_falling_terminates_and_does_not_truncate(cartpole):
    params = cartpole.default_params
    _, state = cartpole.reset(jax.random.key(0), params)
    state = state.replace(theta=jnp.float32(1.0))
    *_, terminated, truncated, _ = cartpole.step(jax.random.key(1), state, jnp.zeros((1, 1), jnp.int32), params)
    assert terminated
    assert not truncated
