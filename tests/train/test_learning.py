"""It learns: gymnax's CartPole through the protocol, and our own world."""

import jax
import numpy as np
import pytest

from eco_jax.adapters.gymnax import GymnaxEnv
from eco_jax.agent.algorithms import A2C, MAPPO, PPO, PQN
from eco_jax.agent.networks import MLP
from eco_jax.env import make
from eco_jax.train.config import TrainConfig
from eco_jax.train.evaluate import play_episodes
from eco_jax.train.fit import fit, member
from eco_jax.train.loop import Learner

pytestmark = pytest.mark.long


@pytest.mark.optimised
def test_learns_cartpole_through_the_protocol():
    env = GymnaxEnv("CartPole-v1")
    config = TrainConfig(updates=600, envs=32, rollout=16, chunk=100)
    algorithm = A2C(actor_lr=1e-3, critic_lr=2e-3, discount=0.99, decay=0.95, entropy=0.01)
    fitted = fit(Learner(env, config), env.default_params, [algorithm] * 3, [jax.random.key(i) for i in range(3)])
    length = 1.0 / fitted.metrics["ended"].mean(axis=1)  # steps an episode, over all seeds
    # A random policy keeps the pole up for about 22 steps.
    assert 15 < 1.0 / fitted.metrics["ended"][:5].mean() < 40
    assert np.median(length[-100:]) > 120


@pytest.mark.optimised
@pytest.mark.parametrize("kind", [PPO, MAPPO])
def test_ppo_learns_cartpole(kind):
    env = GymnaxEnv("CartPole-v1")
    config = TrainConfig(updates=60, envs=32, rollout=64, chunk=20)
    algorithm = kind(
        network=MLP(hidden=64, layers=2), normalise=True, actor_lr=1e-3, critic_lr=1e-3, final_lr=1.0, discount=0.99,
        decay=0.95, entropy=0.01,
    )  # fmt: skip
    fitted = fit(Learner(env, config), env.default_params, [algorithm] * 3, [jax.random.key(i) for i in range(3)])
    length = 1.0 / fitted.metrics["ended"].mean(axis=1)
    assert np.median(length[-10:]) > 150
    # Most of a pass stays within the bound, and some of it meets it.
    assert 0.001 < fitted.metrics["clipped"].mean() < 0.4


@pytest.mark.optimised
def test_pqn_learns_cartpole():
    env = GymnaxEnv("CartPole-v1")
    config = TrainConfig(updates=100, envs=32, rollout=64, chunk=20)
    algorithm = PQN(
        network=MLP(hidden=64, layers=2, norm="layer"), lr=1e-3, final_lr=0.1, discount=0.99, decay=0.95, epochs=4,
        minibatches=8,
    )  # fmt: skip
    fitted = fit(Learner(env, config), env.default_params, [algorithm] * 3, [jax.random.key(i) for i in range(3)])
    length = 1.0 / fitted.metrics["ended"].mean(axis=1)  # with a random action in twenty
    assert 15 < 1.0 / fitted.metrics["ended"][:5].mean() < 40
    assert np.median(length[-10:]) > 150


def test_learns_the_default_world_beyond_local_and_nearest():
    env, params = make(users=5, servers=9, side=1500)
    config = TrainConfig(updates=250, envs=16, rollout=10, chunk=50)
    algorithm = A2C(network=MLP(hidden=32, layers=2))
    fitted = fit(Learner(env, config), params, [algorithm], [jax.random.key(0)])
    rewards = fitted.metrics["reward"][:, 0]
    assert rewards[-20:].mean() > rewards[:10].mean() + 0.15
    policy = Learner(env, config).policy(algorithm, member(fitted.state.agent.params, 0))
    reward = jax.jit(lambda key: play_episodes(env, params, policy, key, 16))(jax.random.key(9))["reward"].mean()
    assert reward > rewards[:10].mean() + 0.15
